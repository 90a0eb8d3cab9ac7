/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames turned round, octet by octet. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/packet.h"
#include "work/builtin.h"

#define US   "02:00:00:00:00:02"
#define THEM "02:00:00:00:00:01"

static const uint8_t port_mac[6] = {2, 0, 0, 0, 0, 9};

static int turn(struct packet *packet)
{
	return sl_echo_turn(packet->octets, packet->size, packet->size, port_mac);
}

static void assert_turned(struct packet *packet, const struct packet *wanted)
{
	assert_int_equal(turn(packet), 0);
	assert_true(packet_equal(wanted->octets, wanted->size, packet->octets, packet->size));
}

/* A frame from them to us, or back: addresses of either family, IP protocol and TTL as given. */
static void start(struct packet *packet, bool back, bool v6, uint8_t protocol, uint8_t ttl)
{
	const char *a = v6 ? "2001:db8::1" : "10.0.0.1", *b = v6 ? "2001:db8::2" : "10.0.0.2";
	struct packet_ip ip = {.protocol = protocol, .ttl = ttl};

	ip.src = back ? b : a;
	ip.dst = back ? a : b;
	packet_init(packet);
	packet_eth_macs(packet, back ? THEM : US, back ? US : THEM, v6 ? 0x86dd : 0x0800);
	packet_ip(packet, &ip);
}

static void udp_comes_back_with_ports_exchanged_and_one_ttl_less(void **state)
{
	struct packet packet, wanted;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		start(&packet, false, v6, 17, 3);
		packet_udp(&packet, 1000, 7);
		packet_pattern(&packet, 33);
		packet_finish(&packet);
		start(&wanted, true, v6, 17, 2);
		packet_udp(&wanted, 7, 1000);
		packet_pattern(&wanted, 33);
		packet_finish(&wanted);
		assert_turned(&packet, &wanted);
	}
}

static void an_echo_request_comes_back_as_a_reply(void **state)
{
	struct packet packet, wanted;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		start(&packet, false, v6, v6 ? 58 : 1, 255);
		packet_icmp(&packet, v6 ? 6 : 4, v6 ? 128 : 8, 0, 0x12340001);
		packet_pattern(&packet, 56);
		packet_finish(&packet);
		start(&wanted, true, v6, v6 ? 58 : 1, 255);
		packet_icmp(&wanted, v6 ? 6 : 4, v6 ? 129 : 0, 0, 0x12340001);
		packet_pattern(&wanted, 56);
		packet_finish(&wanted);
		assert_turned(&packet, &wanted);
	}
}

static void tcp_comes_back_with_all_ends_exchanged_and_one_ttl_less(void **state)
{
	const struct packet_tcp there = {.sport = 1000, .dport = 80, .seq = 7, .flags = 2};
	const struct packet_tcp back = {.sport = 80, .dport = 1000, .seq = 7, .flags = 2};
	struct packet packet, wanted;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		start(&packet, false, v6, 6, 3);
		packet_tcp(&packet, &there);
		packet_finish(&packet);
		start(&wanted, true, v6, 6, 2);
		packet_tcp(&wanted, &back);
		packet_finish(&wanted);
		assert_turned(&packet, &wanted);
	}
}

static void sctp_gets_a_checksum_over_its_new_ports(void **state)
{
	/* CRC32c of both packets computed bit by bit from RFC 9260's polynomial. */
	static const char there[] =
		"03e80050 00000007 00000000 03000010 01020304 05060708 090a0b0c";
	struct packet packet;
	uint32_t crc = 0xffffffffu;
	uint8_t *l4;

	(void)state;
	start(&packet, false, false, 132, 64);
	packet_hex(&packet, there);
	packet_finish(&packet);
	assert_int_equal(turn(&packet), 0);
	l4 = packet.octets + 34;
	assert_memory_equal(l4, "\x00\x50\x03\xe8", 4);
	for (uint32_t i = 0; i < packet.size - 34; i++) {
		crc ^= i >= 8 && i < 12 ? 0 : l4[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	crc = ~crc;
	assert_memory_equal(l4 + 8, &crc, 4);
}

static void tags_stay_and_options_are_walked(void **state)
{
	const struct packet_ip there = {
		.src = "10.0.0.1", .dst = "10.0.0.2", .protocol = 17, .options = "94040000"};
	const struct packet_ip back = {.src = "10.0.0.2",
				       .dst = "10.0.0.1",
				       .protocol = 17,
				       .ttl = 63,
				       .options = "94040000"};
	struct packet packet, wanted;

	(void)state;
	packet_init(&packet);
	packet_eth_macs(&packet, US, THEM, 0x8100);
	packet_vlan(&packet, 7, 0x0800);
	packet_ip(&packet, &there);
	packet_udp(&packet, 1, 2);
	packet_finish(&packet);
	packet_init(&wanted);
	packet_eth_macs(&wanted, THEM, US, 0x8100);
	packet_vlan(&wanted, 7, 0x0800);
	packet_ip(&wanted, &back);
	packet_udp(&wanted, 2, 1);
	packet_finish(&wanted);
	assert_turned(&packet, &wanted);
}

static void a_later_fragment_has_no_ports_to_exchange(void **state)
{
	struct packet packet, wanted;
	const struct packet_ip there = {
		.src = "10.0.0.1", .dst = "10.0.0.2", .protocol = 17, .fragment = 100};
	const struct packet_ip back = {
		.src = "10.0.0.2", .dst = "10.0.0.1", .protocol = 17, .ttl = 63, .fragment = 100};

	(void)state;
	packet_init(&packet);
	packet_eth_macs(&packet, US, THEM, 0x0800);
	packet_ip(&packet, &there);
	packet_pattern(&packet, 64);
	packet_finish(&packet);
	packet_init(&wanted);
	packet_eth_macs(&wanted, THEM, US, 0x0800);
	packet_ip(&wanted, &back);
	packet_pattern(&wanted, 64);
	packet_finish(&wanted);
	assert_turned(&packet, &wanted);
}

static void a_frame_to_a_group_is_answered_from_the_port(void **state)
{
	struct packet packet;

	(void)state;
	start(&packet, false, false, 17, 64);
	packet_udp(&packet, 1, 2);
	packet_finish(&packet);
	memset(packet.octets, 0xff, 6);
	assert_int_equal(turn(&packet), 0);
	assert_memory_equal(packet.octets + 6, port_mac, 6);
	assert_memory_equal(packet.octets, "\x02\x00\x00\x00\x00\x01", 6);
}

/* Two that send everything back, and what goes round between them. */
static void nothing_goes_round_for_ever(void **state)
{
	static const uint8_t protocols[] = {17, 1, 58, 47};
	struct packet packet;

	(void)state;
	for (uint32_t i = 0; i < sizeof(protocols); i++) {
		uint32_t rounds = 0;

		start(&packet, false, protocols[i] == 58, protocols[i], 255);
		if (protocols[i] == 17)
			packet_udp(&packet, 7, 7);
		packet_pattern(&packet, 64);
		packet_finish(&packet);
		while (turn(&packet) == 0)
			assert_true(++rounds < 256);
		assert_int_equal(rounds, 254);
	}
}

static void what_cannot_be_answered_is_not(void **state)
{
	static const char *const bad[] = {"0.0.0.0",	"127.0.0.1", "224.0.0.1", "255.255.255.255",
					  "10.0.0.2",	"::",	     "::1",	  "ff02::1",
					  "2001:db8::2"};
	struct packet packet;

	(void)state;
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		packet_make_udp(&packet, bad[i], 1,
				strchr(bad[i], ':') ? "2001:db8::2" : "10.0.0.2", 2, 8);
		assert_int_equal(turn(&packet), -EINVAL);
	}
	packet_make_udp(&packet, "10.0.0.1", 1, "10.0.0.2", 2, 8);
	memset(packet.octets + 6, 0, 6);
	assert_int_equal(turn(&packet), -EINVAL);
	packet_make_udp(&packet, "10.0.0.1", 1, "224.0.0.1", 2, 8);
	assert_int_equal(turn(&packet), -EINVAL);
	packet_make_udp(&packet, "10.0.0.1", 1, "255.255.255.255", 2, 8);
	assert_int_equal(turn(&packet), -EINVAL);
	packet_make_udp(&packet, "2001:db8::1", 1, "ff02::1", 2, 8);
	assert_int_equal(turn(&packet), -EINVAL);
	packet_init(&packet);
	packet_eth(&packet, 0x0806);
	packet_pattern(&packet, 46);
	assert_int_equal(turn(&packet), -EINVAL);
	packet_make_udp(&packet, "10.0.0.1", 1, "10.0.0.2", 2, 8);
	packet.size = 20;
	assert_int_equal(turn(&packet), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_comes_back_with_ports_exchanged_and_one_ttl_less),
		cmocka_unit_test(an_echo_request_comes_back_as_a_reply),
		cmocka_unit_test(tcp_comes_back_with_all_ends_exchanged_and_one_ttl_less),
		cmocka_unit_test(sctp_gets_a_checksum_over_its_new_ports),
		cmocka_unit_test(tags_stay_and_options_are_walked),
		cmocka_unit_test(a_later_fragment_has_no_ports_to_exchange),
		cmocka_unit_test(a_frame_to_a_group_is_answered_from_the_port),
		cmocka_unit_test(nothing_goes_round_for_ever),
		cmocka_unit_test(what_cannot_be_answered_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
