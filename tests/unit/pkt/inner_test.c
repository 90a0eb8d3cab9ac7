/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/inner.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/packet.h"

static struct packet packet;
static struct sl_key key;

static void begin(bool v6, uint8_t protocol)
{
	packet_init(&packet);
	packet_eth(&packet, v6 ? 0x86dd : 0x0800);
	packet_ip(&packet, &(struct packet_ip){.src = v6 ? "2001:db8:1::1" : "198.51.100.1",
					       .dst = v6 ? "2001:db8:1::2" : "198.51.100.2",
					       .protocol = protocol});
}

static void add_inner(bool v6, uint16_t fragment)
{
	packet_ip(&packet, &(struct packet_ip){.src = v6 ? "2001:db8::1" : "192.0.2.1",
					       .dst = v6 ? "2001:db8::2" : "192.0.2.2",
					       .protocol = 17,
					       .fragment = fragment});
	packet_udp(&packet, 1234, 53);
	packet_pattern(&packet, 16);
}

static bool look(void)
{
	struct sl_pkt pkt;

	packet_finish(&packet);
	sl_parse(packet.octets, packet.size, packet.size, 0, &pkt);
	assert_int_equal(pkt.status, SL_PKT_OK);
	memset(&key, 0xa5, sizeof(key));
	return sl_parse_inner(packet.octets, packet.size, packet.size, &pkt, &key);
}

static void assert_inner(bool v6, uint16_t sport, uint16_t dport)
{
	struct sl_key wanted;

	assert_true(look());
	memset(&wanted, 0, sizeof(wanted));
	wanted.sport_be = htons(sport);
	wanted.dport_be = htons(dport);
	wanted.protocol = 17;
	wanted.family = v6 ? SL_FAMILY_IPV6 : SL_FAMILY_IPV4;
	if (v6) {
		(void)inet_pton(AF_INET6, "2001:db8::1", wanted.src);
		(void)inet_pton(AF_INET6, "2001:db8::2", wanted.dst);
	} else {
		(void)inet_pton(AF_INET, "192.0.2.1", &wanted.src4);
		(void)inet_pton(AF_INET, "192.0.2.2", &wanted.dst4);
	}
	assert_memory_equal(&key, &wanted, sizeof(key));
}

static void ip_in_ip_is_opened_for_every_mix(void **state)
{
	(void)state;
	for (uint32_t mix = 0; mix < 4; mix++) {
		begin(mix & 1, (mix & 2) ? 41 : 4);
		add_inner(mix & 2, 0);
		assert_inner(mix & 2, 1234, 53);
	}
}

static void gre_is_opened_with_any_of_its_fields(void **state)
{
	static const char *heads[] = {"0000", "8000", "2000", "1000", "b000"};
	static const uint32_t fields[] = {0, 4, 4, 4, 12};

	(void)state;
	for (int i = 0; i < 5; i++) {
		begin(false, 47);
		packet_hex(&packet, heads[i]);
		packet_hex(&packet, "86dd");
		packet_pattern(&packet, fields[i]);
		add_inner(true, 0);
		assert_inner(true, 1234, 53);
	}
	begin(true, 47);
	packet_hex(&packet, "0000 6558");
	packet_eth(&packet, 0x8100);
	packet_vlan(&packet, 7, 0x0800);
	add_inner(false, 0);
	assert_inner(false, 1234, 53);
}

static void vxlan_is_opened(void **state)
{
	(void)state;
	begin(false, 17);
	packet_udp(&packet, 50000, 4789);
	packet_vxlan(&packet, 77);
	packet_eth(&packet, 0x86dd);
	add_inner(true, 0);
	assert_inner(true, 1234, 53);
}

static void gtp_u_is_opened_with_its_extensions(void **state)
{
	static const char *heads[] = {
		"30 ff 0000 00000001",
		"32 ff 0000 00000001 0007 00 00",
		"34 ff 0000 00000001 0000 00 85 01100900",
		"36 ff 0000 00000001 0007 00 85 02100900000000c0 01ffff00",
	};

	(void)state;
	for (int i = 0; i < 4; i++) {
		begin(false, 17);
		packet_udp(&packet, 2152, 2152);
		packet_hex(&packet, heads[i]);
		add_inner(false, 0);
		assert_inner(false, 1234, 53);
	}
}

static void fragments_of_an_inner_datagram_share_a_key(void **state)
{
	(void)state;
	begin(false, 4);
	add_inner(false, 0x2000);
	assert_inner(false, 0, 0);
	begin(false, 4);
	add_inner(false, 0x0003);
	assert_inner(false, 0, 0);
}

static void what_is_no_tunnel_or_cannot_be_read_is_refused(void **state)
{
	(void)state;
	begin(false, 17);
	packet_udp(&packet, 4789, 53);
	packet_vxlan(&packet, 77);
	packet_eth(&packet, 0x0800);
	add_inner(false, 0);
	assert_false(look()); /* the port it comes from says nothing */
	begin(false, 17);
	packet_udp(&packet, 1, 4789);
	packet_hex(&packet, "0000000000000000");
	packet_eth(&packet, 0x0800);
	add_inner(false, 0);
	assert_false(look()); /* no VNI */
	begin(false, 17);
	packet_udp(&packet, 1, 4789);
	packet_vxlan(&packet, 1);
	packet_eth(&packet, 0x0806);
	packet_pattern(&packet, 28);
	assert_false(look()); /* ARP inside */
	begin(false, 47);
	packet_hex(&packet, "0001 0800");
	add_inner(false, 0);
	assert_false(look()); /* GRE version 1 */
	begin(false, 17);
	packet_udp(&packet, 1, 2152);
	packet_hex(&packet, "30 01 0000 00000001");
	add_inner(false, 0);
	assert_false(look()); /* GTP echo */
	begin(false, 4);
	packet_hex(&packet, "45");
	assert_false(look());
	begin(false, 4);
	assert_false(look());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip_in_ip_is_opened_for_every_mix),
		cmocka_unit_test(gre_is_opened_with_any_of_its_fields),
		cmocka_unit_test(vxlan_is_opened),
		cmocka_unit_test(gtp_u_is_opened_with_its_extensions),
		cmocka_unit_test(fragments_of_an_inner_datagram_share_a_key),
		cmocka_unit_test(what_is_no_tunnel_or_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
