/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/parse.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/packet.h"

#define A4 "192.0.2.1"
#define B4 "198.51.100.2"
#define A6 "2001:db8::1"
#define B6 "2001:db8:ffff::2"

static struct packet packet;
static struct sl_pkt got;

static void parse_options(uint32_t options)
{
	memset(&got, 0xa5, sizeof(got));
	sl_parse(packet.octets, packet.size, packet.size, options, &got);
}

static void parse(void)
{
	parse_options(SL_PARSE_CHECK_SUM);
}

/* What a key of these texts looks like. */
static struct sl_key key_of(const char *src, uint16_t sport, const char *dst, uint16_t dport,
			    uint8_t protocol)
{
	struct sl_key key;

	memset(&key, 0, sizeof(key));
	key.sport_be = htons(sport);
	key.dport_be = htons(dport);
	key.protocol = protocol;
	if (strchr(src, ':')) {
		key.family = SL_FAMILY_IPV6;
		(void)inet_pton(AF_INET6, src, key.src);
		(void)inet_pton(AF_INET6, dst, key.dst);
	} else {
		key.family = SL_FAMILY_IPV4;
		(void)inet_pton(AF_INET, src, &key.src4);
		(void)inet_pton(AF_INET, dst, &key.dst4);
	}
	return key;
}

static void assert_pkt(struct sl_pkt wanted)
{
#define SAME(field) assert_int_equal(got.field, wanted.field)
	SAME(status);
	assert_memory_equal(&got.key, &wanted.key, sizeof(got.key));
	SAME(seq);
	SAME(l3_size);
	SAME(flags);
	SAME(l3_off);
	SAME(l4_off);
	SAME(vlan);
	SAME(tcp_flags);
	SAME(protocol);
	SAME(tos);
	SAME(fragment);
	SAME(fragment_id_off);
#undef SAME
	assert_memory_equal(&got, &wanted, sizeof(got));
}

static void assert_status(enum sl_pkt_status status)
{
	parse();
	assert_int_equal(got.status, status);
	for (int i = 0; i < 6; i++)
		assert_true(got.word[i] == 0);
}

static void begin(uint16_t type)
{
	packet_init(&packet);
	packet_eth(&packet, type);
}

static void put16(uint32_t off, uint16_t value)
{
	packet.octets[off] = (uint8_t)(value >> 8);
	packet.octets[off + 1] = (uint8_t)value;
}

static void a_plain_tcp_packet_over_ipv4_is_read(void **state)
{
	(void)state;
	packet_make_tcp(&packet, A4, 1234, B4, 80, SL_TCP_SYN, 0);
	parse();
	assert_pkt((struct sl_pkt){.key = key_of(A4, 1234, B4, 80, 6),
				   .seq = 0x01020304,
				   .l3_size = 40,
				   .l3_off = 14,
				   .l4_off = 34,
				   .tcp_flags = SL_TCP_SYN,
				   .protocol = 6});
}

static void a_plain_udp_packet_over_ipv6_is_read(void **state)
{
	(void)state;
	packet_make_udp(&packet, A6, 1234, B6, 53, 20);
	packet.octets[14] = 0x6b;
	packet.octets[15] = 0x80;
	parse();
	assert_pkt((struct sl_pkt){.key = key_of(A6, 1234, B6, 53, 17),
				   .l3_size = 68,
				   .flags = SL_PKT_IPV6 | SL_PKT_DF,
				   .l3_off = 14,
				   .l4_off = 54,
				   .protocol = 17,
				   .tos = 0xb8});
}

static void a_small_udp_packet_takes_the_slow_way_to_the_same_answer(void **state)
{
	(void)state;
	packet_make_udp(&packet, A4, 1234, B4, 53, 0);
	put16(20, 0x4000);
	parse_options(0);
	assert_pkt((struct sl_pkt){.key = key_of(A4, 1234, B4, 53, 17),
				   .l3_size = 28,
				   .flags = SL_PKT_DF,
				   .l3_off = 14,
				   .l4_off = 34,
				   .protocol = 17});
}

static void padding_is_beyond_the_packet(void **state)
{
	(void)state;
	packet_make_udp(&packet, A4, 1234, B4, 53, 0);
	packet_hex(&packet, "c000000001081122334455667788");
	parse();
	assert_int_equal(got.status, SL_PKT_OK);
	assert_int_equal(got.l3_size, 28);
	assert_int_equal(got.flags, 0);
}

static void two_vlan_tags_of_any_kind_are_skipped(void **state)
{
	static const uint16_t kinds[] = {0x8100, 0x88a8, 0x9100};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(kinds); i++) {
		begin(kinds[i]);
		packet_vlan(&packet, 0xe064, 0x8100);
		packet_vlan(&packet, 7, 0x0800);
		packet_ip(&packet, &(struct packet_ip){.src = A4, .dst = B4, .protocol = 6});
		packet_tcp(&packet, &(struct packet_tcp){.sport = 1, .dport = 2, .seq = 9});
		packet_finish(&packet);
		parse();
		assert_pkt((struct sl_pkt){.key = key_of(A4, 1, B4, 2, 6),
					   .seq = 9,
					   .l3_size = 40,
					   .flags = SL_PKT_VLAN,
					   .l3_off = 22,
					   .l4_off = 42,
					   .vlan = 0x64,
					   .protocol = 6});
	}
}

static void a_third_tag_is_not_ip(void **state)
{
	(void)state;
	begin(0x88a8);
	packet_vlan(&packet, 5, 0x8100);
	packet_vlan(&packet, 6, 0x8100);
	packet_vlan(&packet, 7, 0x0800);
	packet_pattern(&packet, 64);
	parse();
	assert_pkt((struct sl_pkt){
		.flags = SL_PKT_VLAN, .l3_off = 22, .vlan = 5, .status = SL_PKT_NOT_IP});
}

static void arp_and_length_frames_are_not_ip(void **state)
{
	(void)state;
	for (uint32_t type = 0; type < 0x0800; type += 0x7f) {
		begin((uint16_t)type);
		packet_pattern(&packet, 60);
		assert_status(SL_PKT_NOT_IP);
	}
	begin(0x0806);
	packet_pattern(&packet, 28);
	packet.octets[0] = 0xff;
	parse();
	assert_pkt((struct sl_pkt){
		.flags = SL_PKT_GROUP | SL_PKT_OWN, .l3_off = 14, .status = SL_PKT_NOT_IP});
}

static void frames_to_a_group_are_marked(void **state)
{
	(void)state;
	packet_make_udp(&packet, A4, 1, "224.0.0.251", 5353, 40);
	packet.octets[0] = 0x01;
	parse();
	assert_int_equal(got.flags, SL_PKT_GROUP);
	packet_make_udp(&packet, A6, 1, "ff02::fb", 5353, 40);
	packet.octets[0] = 0x33;
	parse();
	assert_int_equal(got.flags, SL_PKT_GROUP | SL_PKT_IPV6 | SL_PKT_DF);
}

static void ipv4_options_are_skipped(void **state)
{
	(void)state;
	begin(0x0800);
	packet_ip(&packet,
		  &(struct packet_ip){
			  .src = A4, .dst = B4, .protocol = 17, .tos = 3, .options = "94040000"});
	packet_udp(&packet, 5, 6);
	packet_pattern(&packet, 32);
	packet_finish(&packet);
	parse();
	assert_pkt((struct sl_pkt){.key = key_of(A4, 5, B4, 6, 17),
				   .l3_size = 64,
				   .flags = SL_PKT_OPTIONS,
				   .l3_off = 14,
				   .l4_off = 38,
				   .protocol = 17,
				   .tos = 3});
}

/* An IPv6 packet with these headers in hexadecimal before a TCP header. */
static void make_chain(uint8_t first, const char *chain)
{
	begin(0x86dd);
	packet_ip(&packet, &(struct packet_ip){.src = A6, .dst = B6, .protocol = first});
	packet_hex(&packet, chain);
	packet_tcp(&packet, &(struct packet_tcp){.sport = 7, .dport = 8, .seq = 1, .flags = 2});
	packet_finish(&packet);
}

static void ipv6_extension_headers_are_walked(void **state)
{
	(void)state;
	make_chain(0, "2b00050200000000" /* hop-by-hop, then routing */
		      "3300000000000000" /* routing, then AH */
		      "3c04000000000001000000010000000000000000aabbccdd" /* AH of 24 octets */
		      "8701050c0000000000000000000000ff" /* destination, 16 octets, then mobility */
		      "0600000000000000");
	parse();
	assert_pkt((struct sl_pkt){.key = key_of(A6, 7, B6, 8, 6),
				   .seq = 1,
				   .l3_size = 40 + 8 + 8 + 24 + 16 + 8 + 20,
				   .flags = SL_PKT_IPV6 | SL_PKT_DF | SL_PKT_OPTIONS,
				   .l3_off = 14,
				   .l4_off = 54 + 64,
				   .tcp_flags = 2,
				   .protocol = 6});
}

static void one_flow_has_one_key_under_any_flow_label_and_options(void **state)
{
	static const char *const options[] = {NULL, "01010101", "94040000", "0101010101010100"};
	struct sl_key wanted = key_of(A6, 1024, B6, 80, 6);

	(void)state;
	for (uint32_t label = 0; label < 50; label++) {
		begin(0x86dd);
		packet_ip(&packet, &(struct packet_ip){.src = A6,
						       .dst = B6,
						       .protocol = 6,
						       .flow_label = label * 20971,
						       .tos = (uint8_t)label});
		packet_tcp(&packet, &(struct packet_tcp){.sport = 1024, .dport = 80});
		packet_finish(&packet);
		parse();
		assert_memory_equal(&got.key, &wanted, sizeof(wanted));
	}
	wanted = key_of(A4, 1024, B4, 80, 6);
	for (uint32_t i = 0; i < 4; i++) {
		begin(0x0800);
		packet_ip(&packet,
			  &(struct packet_ip){
				  .src = A4, .dst = B4, .protocol = 6, .options = options[i]});
		packet_tcp(&packet, &(struct packet_tcp){.sport = 1024, .dport = 80});
		packet_finish(&packet);
		parse();
		assert_memory_equal(&got.key, &wanted, sizeof(wanted));
	}
}

static void eight_extension_headers_are_walked_and_nine_are_bad(void **state)
{
#define SEVEN                                                                                      \
	"3c00010400000000 3c00010400000000 3c00010400000000 3c00010400000000"                      \
	"3c00010400000000 3c00010400000000 3c00010400000000"
	(void)state;
	make_chain(60, SEVEN "0600010400000000");
	parse();
	assert_int_equal(got.status, SL_PKT_OK);
	assert_int_equal(got.l4_off, 54 + 64);
	make_chain(60, SEVEN "3c00010400000000 0600010400000000");
	assert_status(SL_PKT_BAD_HEADER);
#undef SEVEN
}

static void an_extension_header_longer_than_the_packet_is_truncated(void **state)
{
	(void)state;
	make_chain(60, "06ff010400000000");
	assert_status(SL_PKT_TRUNCATED);
}

static void ipv4_first_fragment_has_ports_and_later_ones_do_not(void **state)
{
	(void)state;
	begin(0x0800);
	packet_ip(&packet,
		  &(struct packet_ip){
			  .src = A4, .dst = B4, .protocol = 17, .id = 0xbeef, .fragment = 0x2000});
	packet_udp(&packet, 5, 6);
	packet_pattern(&packet, 24);
	packet_finish(&packet);
	put16(38, 1000); /* the datagram's length, more than this fragment's */
	parse();
	assert_pkt((struct sl_pkt){.key = key_of(A4, 5, B4, 6, 17),
				   .l3_size = 52,
				   .flags = SL_PKT_FRAGMENT,
				   .l3_off = 14,
				   .l4_off = 34,
				   .protocol = 17,
				   .fragment = SL_FRAGMENT_MORE,
				   .fragment_id_off = 18});
	assert_int_equal(sl_pkt_fragment_id(packet.octets, &got), htons(0xbeef));
	begin(0x0800);
	packet_ip(&packet,
		  &(struct packet_ip){.src = A4, .dst = B4, .protocol = 17, .fragment = 4});
	packet_pattern(&packet, 32);
	packet_finish(&packet);
	parse();
	assert_pkt((struct sl_pkt){.key = key_of(A4, 0, B4, 0, 17),
				   .l3_size = 52,
				   .flags = SL_PKT_FRAGMENT | SL_PKT_NO_PORTS,
				   .l3_off = 14,
				   .l4_off = 34,
				   .protocol = 17,
				   .fragment = 32,
				   .fragment_id_off = 18});
}

static void ipv6_fragments_are_told_from_atomic_ones(void **state)
{
	(void)state;
	make_chain(44, "0600000101020304");
	put16(18, 24); /* the payload ends with the ports */
	packet.size = 54 + 24;
	parse();
	assert_pkt(
		(struct sl_pkt){.key = key_of(A6, 7, B6, 8, 6),
				.seq = 1,
				.l3_size = 64,
				.flags = SL_PKT_IPV6 | SL_PKT_DF | SL_PKT_OPTIONS | SL_PKT_FRAGMENT,
				.l3_off = 14,
				.l4_off = 62,
				.tcp_flags = 2,
				.protocol = 6,
				.fragment = SL_FRAGMENT_MORE,
				.fragment_id_off = 58});
	assert_int_equal(sl_pkt_fragment_id(packet.octets, &got), htonl(0x01020304));
	make_chain(44, "0600000801020304");
	parse();
	assert_pkt((struct sl_pkt){.key = key_of(A6, 0, B6, 0, 6),
				   .l3_size = 68,
				   .flags = SL_PKT_IPV6 | SL_PKT_DF | SL_PKT_OPTIONS |
					    SL_PKT_FRAGMENT | SL_PKT_NO_PORTS,
				   .l3_off = 14,
				   .l4_off = 62,
				   .protocol = 6,
				   .fragment = 8,
				   .fragment_id_off = 58});
	make_chain(44, "0600000001020304");
	parse();
	assert_pkt((struct sl_pkt){.key = key_of(A6, 7, B6, 8, 6),
				   .seq = 1,
				   .l3_size = 68,
				   .flags = SL_PKT_IPV6 | SL_PKT_DF | SL_PKT_OPTIONS,
				   .l3_off = 14,
				   .l4_off = 62,
				   .tcp_flags = 2,
				   .protocol = 6});
}

static void a_later_fragment_of_esp_has_no_ports_to_miss(void **state)
{
	(void)state;
	begin(0x0800);
	packet_ip(&packet,
		  &(struct packet_ip){.src = A4, .dst = B4, .protocol = 50, .fragment = 4});
	packet_pattern(&packet, 32);
	packet_finish(&packet);
	parse();
	assert_int_equal(got.flags, SL_PKT_FRAGMENT);
}

static void impossible_fragments_are_bad(void **state)
{
	(void)state;
	begin(0x0800);
	packet_ip(&packet,
		  &(struct packet_ip){.src = A4, .dst = B4, .protocol = 17, .fragment = 0x1fff});
	packet_pattern(&packet, 8);
	packet_finish(&packet);
	assert_status(SL_PKT_BAD_HEADER); /* ends at 65536 */
	make_chain(44, "0600000101020304");
	assert_status(SL_PKT_BAD_HEADER); /* more follow, and 20 is no multiple of 8 */
	make_chain(44, "2c00000101020304 0600000101020304");
	assert_status(SL_PKT_BAD_HEADER); /* a fragment header in a fragment */
}

static void a_first_fragment_that_hides_its_ports_is_tiny(void **state)
{
	(void)state;
	begin(0x0800);
	packet_ip(&packet,
		  &(struct packet_ip){.src = A4, .dst = B4, .protocol = 6, .fragment = 0x2000});
	packet_hex(&packet, "0001");
	packet_finish(&packet);
	assert_status(SL_PKT_TINY);
	begin(0x0800);
	packet_ip(&packet,
		  &(struct packet_ip){.src = A4, .dst = B4, .protocol = 6, .fragment = 0x2000});
	packet_hex(&packet, "0001000200000003");
	packet_finish(&packet);
	parse();
	assert_int_equal(got.status, SL_PKT_OK);
	assert_int_equal(got.tcp_flags, 0);
	assert_int_equal(got.key.dport_be, htons(2));
}

static void other_protocols_with_ports_are_read(void **state)
{
	static const struct {
		uint8_t protocol;
		uint32_t header;
	} cases[] = {{132, 12}, {33, 12}, {136, 8}};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(cases); i++) {
		begin(0x0800);
		packet_ip(&packet,
			  &(struct packet_ip){.src = A4, .dst = B4, .protocol = cases[i].protocol});
		packet_hex(&packet, "1234abcd");
		packet_pattern(&packet, cases[i].header - 4);
		packet_finish(&packet);
		parse();
		assert_pkt((struct sl_pkt){.key = key_of(A4, 0x1234, B4, 0xabcd, cases[i].protocol),
					   .l3_size = 20 + cases[i].header,
					   .l3_off = 14,
					   .l4_off = 34,
					   .protocol = cases[i].protocol});
		put16(16, (uint16_t)(19 + cases[i].header));
		parse_options(0);
		assert_int_equal(got.status, SL_PKT_TRUNCATED);
	}
}

static void protocols_without_ports_have_ports_0(void **state)
{
	static const uint8_t protocols[] = {0, 1, 2, 4, 41, 47, 50, 51, 58, 59, 89, 103, 255};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(protocols); i++) {
		begin(0x0800);
		packet_ip(&packet,
			  &(struct packet_ip){.src = A4, .dst = B4, .protocol = protocols[i]});
		packet_hex(&packet, "0800ffff12345678");
		packet_finish(&packet);
		parse();
		assert_pkt((struct sl_pkt){.key = key_of(A4, 0, B4, 0, protocols[i]),
					   .l3_size = 28,
					   .l3_off = 14,
					   .l4_off = 34,
					   .flags = protocols[i] == 1 ? SL_PKT_OWN : 0,
					   .protocol = protocols[i]});
	}
}

static void missing_octets_are_truncated_at_every_size(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		packet_make_tcp(&packet, i ? A6 : A4, 1, i ? B6 : B4, 2, 0x10, 11);
		for (uint32_t whole = packet.size; packet.size > 0;) {
			packet.size--;
			assert_status(SL_PKT_TRUNCATED);
			assert_true(packet.size < whole);
		}
	}
}

static void headers_beyond_the_first_segment_are_truncated(void **state)
{
	(void)state;
	packet_make_tcp(&packet, A4, 1, B4, 2, 0x10, 1000);
	memset(&got, 0xa5, sizeof(got));
	sl_parse(packet.octets, 54, packet.size, SL_PARSE_CHECK_SUM, &got);
	assert_int_equal(got.status, SL_PKT_OK);
	sl_parse(packet.octets, 53, packet.size, SL_PARSE_CHECK_SUM, &got);
	assert_int_equal(got.status, SL_PKT_TRUNCATED);
}

static void fields_that_no_packet_can_have_are_bad(void **state)
{
	static const struct {
		const char *src, *dst;
		uint8_t protocol;
		uint32_t off;
		uint8_t value;
	} cases[] = {
		{A4, B4, 6, 14, 0x55},	{A4, B4, 6, 14, 0x44}, {A4, B4, 6, 14, 0x40},
		{A4, B4, 6, 17, 19},	{A4, B4, 6, 46, 0x40}, {A4, B4, 17, 39, 7},
		{A6, B6, 6, 14, 0x40},	{A6, B6, 6, 66, 0x40}, {A6, B6, 17, 59, 7},
		{A6, B6, 17, 14, 0x70},
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(cases); i++) {
		if (cases[i].protocol == 6)
			packet_make_tcp(&packet, cases[i].src, 1, cases[i].dst, 2, 0x10, 20);
		else
			packet_make_udp(&packet, cases[i].src, 1, cases[i].dst, 2, 20);
		packet.octets[cases[i].off] = cases[i].value;
		parse_options(0);
		if (got.status != SL_PKT_BAD_HEADER)
			(void)fprintf(stderr, "case %zu\n", i);
		assert_int_equal(got.status, SL_PKT_BAD_HEADER);
	}
}

static void lengths_beyond_the_packet_are_truncated(void **state)
{
	(void)state;
	packet_make_tcp(&packet, A4, 1, B4, 2, 0x10, 0);
	packet.octets[46] = 0x60; /* 24 octets of header in 20 */
	assert_status(SL_PKT_TRUNCATED);
	packet_make_udp(&packet, A6, 1, B6, 2, 20);
	put16(58, 29);
	assert_status(SL_PKT_TRUNCATED);
}

static void a_wrong_ipv4_checksum_is_bad_when_asked(void **state)
{
	(void)state;
	for (uint32_t options = 0; options < 2; options++) {
		begin(0x0800);
		packet_ip(&packet, &(struct packet_ip){.src = A4,
						       .dst = B4,
						       .protocol = 6,
						       .options = options ? "01010101" : NULL});
		packet_tcp(&packet, &(struct packet_tcp){.sport = 1, .dport = 2});
		packet_finish(&packet);
		parse();
		assert_int_equal(got.status, SL_PKT_OK);
		packet.octets[22]--; /* the TTL, without the checksum */
		assert_status(SL_PKT_BAD_HEADER);
		parse_options(0);
		assert_int_equal(got.status, SL_PKT_OK);
	}
}

static void a_quic_initial_is_marked(void **state)
{
	static const struct {
		const char *head;
		bool initial;
	} cases[] = {
		{"c3 00000001 08", true},  {"d3 6b3343cf 14", true},  {"cf ff00001d 08", true},
		{"c3 00000001 07", false}, {"c3 00000001 15", false}, {"e3 00000001 08", false},
		{"43 00000001 08", false}, {"c3 00000000 08", false}, {"c3 6b3343cf 08", false},
		{"d3 00000001 08", false}, {"c3 ff01001d 08", false}, {"c3 00000100 08", false},
	};

	(void)state;
	for (uint32_t i = 0; i < 2 * SL_ARRAY_COUNT(cases); i++) {
		bool fast = i % 2;

		begin(0x0800);
		packet_ip(&packet, &(struct packet_ip){.src = A4, .dst = B4, .protocol = 17});
		packet_udp(&packet, 5, 443);
		packet_hex(&packet, cases[i / 2].head);
		packet_pattern(&packet, fast ? 32 : 0);
		packet_finish(&packet);
		parse();
		assert_int_equal(got.flags, cases[i / 2].initial ? SL_PKT_QUIC_INITIAL : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_tcp_packet_over_ipv4_is_read),
		cmocka_unit_test(a_plain_udp_packet_over_ipv6_is_read),
		cmocka_unit_test(a_small_udp_packet_takes_the_slow_way_to_the_same_answer),
		cmocka_unit_test(padding_is_beyond_the_packet),
		cmocka_unit_test(two_vlan_tags_of_any_kind_are_skipped),
		cmocka_unit_test(a_third_tag_is_not_ip),
		cmocka_unit_test(arp_and_length_frames_are_not_ip),
		cmocka_unit_test(frames_to_a_group_are_marked),
		cmocka_unit_test(ipv4_options_are_skipped),
		cmocka_unit_test(ipv6_extension_headers_are_walked),
		cmocka_unit_test(one_flow_has_one_key_under_any_flow_label_and_options),
		cmocka_unit_test(eight_extension_headers_are_walked_and_nine_are_bad),
		cmocka_unit_test(an_extension_header_longer_than_the_packet_is_truncated),
		cmocka_unit_test(ipv4_first_fragment_has_ports_and_later_ones_do_not),
		cmocka_unit_test(ipv6_fragments_are_told_from_atomic_ones),
		cmocka_unit_test(a_later_fragment_of_esp_has_no_ports_to_miss),
		cmocka_unit_test(impossible_fragments_are_bad),
		cmocka_unit_test(a_first_fragment_that_hides_its_ports_is_tiny),
		cmocka_unit_test(other_protocols_with_ports_are_read),
		cmocka_unit_test(protocols_without_ports_have_ports_0),
		cmocka_unit_test(missing_octets_are_truncated_at_every_size),
		cmocka_unit_test(headers_beyond_the_first_segment_are_truncated),
		cmocka_unit_test(fields_that_no_packet_can_have_are_bad),
		cmocka_unit_test(lengths_beyond_the_packet_are_truncated),
		cmocka_unit_test(a_wrong_ipv4_checksum_is_bad_when_asked),
		cmocka_unit_test(a_quic_initial_is_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
