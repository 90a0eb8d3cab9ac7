/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/arp_nd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "pkt/csum.h"
#include "support/packet.h"

#define OWN   "02:00:00:00:00:0a"
#define THEIR "02:00:00:00:00:77"

static struct packet packet, wanted;
static uint8_t frame[SL_NEIGH_FRAME_SIZE_MAX];
static struct sl_neigh neigh;
static struct sl_pkt pkt;

static struct sl_addr addr(const char *text)
{
	struct sl_addr parsed;

	assert_int_equal(sl_addr_parse(text, &parsed), 0);
	return parsed;
}

static struct sl_mac mac(const char *text)
{
	struct sl_mac parsed;

	assert_int_equal(sl_mac_parse(text, &parsed), 0);
	return parsed;
}

static void assert_neigh(struct sl_neigh expected)
{
	assert_int_equal(neigh.request, expected.request);
	assert_int_equal(neigh.has_mac, expected.has_mac);
	assert_int_equal(neigh.override, expected.override);
	assert_true(sl_addr_equal(&neigh.sender, &expected.sender));
	assert_true(sl_addr_equal(&neigh.target, &expected.target));
	assert_memory_equal(&neigh.mac, &expected.mac, sizeof(neigh.mac));
}

static void make_arp(const char *body)
{
	packet_init(&packet);
	packet_eth_macs(&packet, "ff:ff:ff:ff:ff:ff", THEIR, 0x0806);
	packet_hex(&packet, body);
}

static bool arp(void)
{
	return sl_arp_parse(packet.octets + 14, packet.size - 14, &neigh);
}

static void an_arp_request_is_read_and_answered(void **state)
{
	const struct sl_mac own = mac(OWN), their = mac(THEIR);

	(void)state;
	make_arp("0001 0800 06 04 0001 020000000077 c0000207 000000000000 c0000201");
	assert_true(arp());
	assert_neigh((struct sl_neigh){.request = true,
				       .has_mac = true,
				       .sender = addr("192.0.2.7"),
				       .target = addr("192.0.2.1"),
				       .mac = their});
	packet_init(&wanted);
	packet_eth_macs(&wanted, THEIR, OWN, 0x0806);
	packet_hex(&wanted, "0001 0800 06 04 0002 02000000000a c0000201 020000000077 c0000207");
	assert_true(packet_equal(wanted.octets, wanted.size, frame,
				 sl_neigh_answer(&neigh, &own, &their, frame)));
}

static void an_arp_reply_and_a_probe_are_read(void **state)
{
	(void)state;
	make_arp("0001 0800 06 04 0002 020000000077 c0000207 02000000000a c0000201");
	assert_true(arp());
	assert_neigh((struct sl_neigh){.has_mac = true,
				       .override = true,
				       .sender = addr("192.0.2.7"),
				       .target = addr("192.0.2.7"),
				       .mac = mac(THEIR)});
	make_arp("0001 0800 06 04 0001 020000000077 00000000 000000000000 c0000201");
	assert_true(arp());
	assert_int_equal(neigh.sender.family, SL_FAMILY_NONE);
}

static void malformed_arp_is_refused(void **state)
{
	static const char *bodies[] = {
		"0006 0800 06 04 0001 020000000077 c0000207 000000000000 c0000201",
		"0001 86dd 06 04 0001 020000000077 c0000207 000000000000 c0000201",
		"0001 0800 08 04 0001 020000000077 c0000207 000000000000 c0000201",
		"0001 0800 06 10 0001 020000000077 c0000207 000000000000 c0000201",
		"0001 0800 06 04 0003 020000000077 c0000207 000000000000 c0000201",
		"0001 0800 06 04 0001 020000000077 c0000207 000000000000 c00002",
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(bodies); i++) {
		make_arp(bodies[i]);
		assert_false(arp());
	}
}

static void a_groups_mac_is_told_and_is_nobodys(void **state)
{
	(void)state;
	make_arp("0001 0800 06 04 0001 ffffffffffff c0000207 000000000000 c0000201");
	assert_true(arp());
	assert_true(neigh.group && !neigh.has_mac);
	assert_int_equal(neigh.mac.octets[0], 0xff);
}

static void arp_asks_and_announces(void **state)
{
	const struct sl_addr from = addr("192.0.2.1"), target = addr("192.0.2.7");
	const struct sl_mac own = mac(OWN), theirs = mac(THEIR);

	(void)state;
	packet_init(&wanted);
	packet_eth_macs(&wanted, "ff:ff:ff:ff:ff:ff", OWN, 0x0806);
	packet_hex(&wanted, "0001 0800 06 04 0001 02000000000a c0000201 000000000000 c0000207");
	assert_true(packet_equal(wanted.octets, wanted.size, frame,
				 sl_neigh_ask(&own, &from, &target, frame)));
	packet_init(&wanted);
	packet_eth_macs(&wanted, THEIR, OWN, 0x0806);
	packet_hex(&wanted, "0001 0800 06 04 0001 02000000000a c0000201 000000000000 c0000207");
	assert_true(packet_equal(wanted.octets, wanted.size, frame,
				 sl_neigh_ask_at(&own, &from, &target, &theirs, frame)));
	packet_init(&wanted);
	packet_eth_macs(&wanted, "ff:ff:ff:ff:ff:ff", OWN, 0x0806);
	packet_hex(&wanted, "0001 0800 06 04 0001 02000000000a c0000201 000000000000 c0000201");
	assert_true(packet_equal(wanted.octets, wanted.size, frame,
				 sl_neigh_announce(&own, &from, frame)));
}

/* A message from the sender to dst with this body after the target. */
static void make_nd(uint8_t type, const char *src, const char *dst, uint32_t flags,
		    const char *options)
{
	struct sl_addr target = addr("2001:db8::1");

	packet_init(&packet);
	packet_eth_macs(&packet, "33:33:ff:00:00:01", THEIR, 0x86dd);
	packet_ip(&packet, &(struct packet_ip){.src = src, .dst = dst, .protocol = 58, .ttl = 255});
	packet_icmp(&packet, 6, type, 0, flags);
	packet_octets(&packet, target.octets, 16);
	packet_hex(&packet, options);
	packet_finish(&packet);
}

static bool nd(void)
{
	sl_parse(packet.octets, packet.size, packet.size, 0, &pkt);
	return sl_nd_parse(packet.octets + 14, &pkt, &neigh);
}

static void a_solicitation_is_read_and_answered(void **state)
{
	const struct sl_mac own = mac(OWN), their = mac(THEIR);

	(void)state;
	make_nd(135, "2001:db8::7", "ff02::1:ff00:1", 0, "0101 020000000077");
	assert_true(nd());
	assert_neigh((struct sl_neigh){.request = true,
				       .has_mac = true,
				       .sender = addr("2001:db8::7"),
				       .target = addr("2001:db8::1"),
				       .mac = their});
	packet_init(&wanted);
	packet_eth_macs(&wanted, THEIR, OWN, 0x86dd);
	packet_ip(&wanted,
		  &(struct packet_ip){
			  .src = "2001:db8::1", .dst = "2001:db8::7", .protocol = 58, .ttl = 255});
	packet_icmp(&wanted, 6, 136, 0, 0x60000000);
	packet_octets(&wanted, neigh.target.octets, 16);
	packet_hex(&wanted, "0201 02000000000a");
	packet_finish(&wanted);
	assert_true(packet_equal(wanted.octets, wanted.size, frame,
				 sl_neigh_answer(&neigh, &own, &their, frame)));
	make_nd(135, "2001:db8::7", "2001:db8::1", 0, ""); /* a unicast one without its MAC */
	assert_true(nd());
	assert_false(neigh.has_mac);
	assert_true(packet_equal(wanted.octets, wanted.size, frame,
				 sl_neigh_answer(&neigh, &own, &their, frame)));
}

static void a_probe_for_a_duplicate_is_answered_to_all(void **state)
{
	const struct sl_mac own = mac(OWN), their = mac(THEIR);

	(void)state;
	make_nd(135, "::", "ff02::1:ff00:1", 0, "");
	assert_true(nd());
	assert_int_equal(neigh.sender.family, SL_FAMILY_NONE);
	packet_init(&wanted);
	packet_eth_macs(&wanted, "33:33:00:00:00:01", OWN, 0x86dd);
	packet_ip(&wanted,
		  &(struct packet_ip){
			  .src = "2001:db8::1", .dst = "ff02::1", .protocol = 58, .ttl = 255});
	packet_icmp(&wanted, 6, 136, 0, 0x20000000);
	packet_octets(&wanted, neigh.target.octets, 16);
	packet_hex(&wanted, "0201 02000000000a");
	packet_finish(&wanted);
	assert_true(packet_equal(wanted.octets, wanted.size, frame,
				 sl_neigh_answer(&neigh, &own, &their, frame)));
}

static void an_advertisement_is_read(void **state)
{
	(void)state;
	make_nd(136, "2001:db8::1", "2001:db8::7", 0x60000000,
		"0e01 000000000000 0201 020000000077");
	assert_true(nd());
	assert_neigh((struct sl_neigh){.has_mac = true,
				       .override = true,
				       .sender = addr("2001:db8::1"),
				       .target = addr("2001:db8::1"),
				       .mac = mac(THEIR)});
}

static void what_rfc_4861_forbids_is_refused(void **state)
{
	(void)state;
	make_nd(135, "2001:db8::7", "2001:db8::1", 0, "0101 020000000077");
	packet.octets[21] = 254; /* came over a router */
	assert_false(nd());
	make_nd(135, "2001:db8::7", "2001:db8::1", 0, "0101 020000000077");
	packet.octets[56] ^= 1; /* the checksum */
	assert_false(nd());
	make_nd(135, "2001:db8::7", "2001:db8::1", 0, "0100 020000000077");
	assert_false(nd()); /* an option of no length */
	make_nd(135, "2001:db8::7", "2001:db8::1", 0, "0102 020000000077");
	assert_false(nd()); /* one that is cut */
	make_nd(135, "::", "2001:db8::1", 0, "");
	assert_false(nd()); /* a probe not to the group */
	make_nd(135, "::", "ff02::1:ff00:1", 0, "0101 020000000077");
	assert_false(nd()); /* a probe with a MAC */
	make_nd(136, "2001:db8::1", "ff02::1", 0x40000000, "0201 020000000077");
	assert_false(nd()); /* solicited, to a group */
	make_nd(134, "2001:db8::1", "ff02::1", 0, "");
	assert_false(nd()); /* a router's */
}

static void neighbour_discovery_asks_the_solicited_node_group(void **state)
{
	const struct sl_addr from = addr("2001:db8::7"), target = addr("2001:db8::12:3456");
	const struct sl_mac own = mac(OWN);

	(void)state;
	packet_init(&wanted);
	packet_eth_macs(&wanted, "33:33:ff:12:34:56", OWN, 0x86dd);
	packet_ip(&wanted, &(struct packet_ip){.src = "2001:db8::7",
					       .dst = "ff02::1:ff12:3456",
					       .protocol = 58,
					       .ttl = 255});
	packet_icmp(&wanted, 6, 135, 0, 0);
	packet_octets(&wanted, target.octets, 16);
	packet_hex(&wanted, "0101 02000000000a");
	packet_finish(&wanted);
	assert_true(packet_equal(wanted.octets, wanted.size, frame,
				 sl_neigh_ask(&own, &from, &target, frame)));
	assert_int_equal(wanted.size, SL_NEIGH_FRAME_SIZE_MAX);
}

static void neighbour_discovery_asks_one_and_announces(void **state)
{
	const struct sl_addr from = addr("2001:db8::7"), target = addr("2001:db8::12:3456");
	const struct sl_mac own = mac(OWN), theirs = mac(THEIR);

	(void)state;
	packet_init(&wanted);
	packet_eth_macs(&wanted, THEIR, OWN, 0x86dd);
	packet_ip(&wanted, &(struct packet_ip){.src = "2001:db8::7",
					       .dst = "2001:db8::12:3456",
					       .protocol = 58,
					       .ttl = 255});
	packet_icmp(&wanted, 6, 135, 0, 0);
	packet_octets(&wanted, target.octets, 16);
	packet_hex(&wanted, "0101 02000000000a");
	packet_finish(&wanted);
	assert_true(packet_equal(wanted.octets, wanted.size, frame,
				 sl_neigh_ask_at(&own, &from, &target, &theirs, frame)));
	packet_init(&wanted);
	packet_eth_macs(&wanted, "33:33:00:00:00:01", OWN, 0x86dd);
	packet_ip(&wanted,
		  &(struct packet_ip){
			  .src = "2001:db8::7", .dst = "ff02::1", .protocol = 58, .ttl = 255});
	packet_icmp(&wanted, 6, 136, 0, 0x20000000);
	packet_octets(&wanted, from.octets, 16);
	packet_hex(&wanted, "0201 02000000000a");
	packet_finish(&wanted);
	assert_true(packet_equal(wanted.octets, wanted.size, frame,
				 sl_neigh_announce(&own, &from, frame)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_arp_request_is_read_and_answered),
		cmocka_unit_test(an_arp_reply_and_a_probe_are_read),
		cmocka_unit_test(malformed_arp_is_refused),
		cmocka_unit_test(a_groups_mac_is_told_and_is_nobodys),
		cmocka_unit_test(arp_asks_and_announces),
		cmocka_unit_test(a_solicitation_is_read_and_answered),
		cmocka_unit_test(a_probe_for_a_duplicate_is_answered_to_all),
		cmocka_unit_test(an_advertisement_is_read),
		cmocka_unit_test(what_rfc_4861_forbids_is_refused),
		cmocka_unit_test(neighbour_discovery_asks_the_solicited_node_group),
		cmocka_unit_test(neighbour_discovery_asks_one_and_announces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
