/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/quote.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "pkt/parse.h"
#include "support/packet.h"

#define CLIENT4	 "192.0.2.1"
#define SERVICE4 "198.51.100.2"
#define ROUTER4	 "203.0.113.9"
#define CLIENT6	 "2001:db8::1"
#define SERVICE6 "2001:db8:ffff::2"
#define ROUTER6	 "2001:db8:9::9"

static struct packet packet;
static struct sl_pkt got;

struct quote {
	uint8_t protocol;
	uint16_t fragment;   /* IPv4 */
	const char *options; /* IPv4: hexadecimal */
	const char *chain;   /* IPv6: extension headers, the protocol is the first one's */
	const char *l4;	     /* hexadecimal, after the header */
};

static int family;

static void begin(uint8_t type, uint8_t code, uint32_t rest)
{
	bool v6 = family == 6;

	packet_init(&packet);
	packet_eth(&packet, v6 ? 0x86dd : 0x0800);
	packet_ip(&packet, &(struct packet_ip){.src = v6 ? ROUTER6 : ROUTER4,
					       .dst = v6 ? SERVICE6 : SERVICE4,
					       .protocol = v6 ? 58 : 1});
	packet_icmp(&packet, family, type, code, rest);
}

static void end(void)
{
	packet_finish(&packet);
	memset(&got, 0xa5, sizeof(got));
	sl_parse(packet.octets, packet.size, packet.size, SL_PARSE_CHECK_SUM, &got);
	assert_int_equal(got.status, SL_PKT_OK);
	assert_int_equal(got.protocol, family == 6 ? 58 : 1);
	assert_int_equal(got.l4_off, family == 6 ? 54 : 34);
}

/* The service's packet to the client, as a router quotes it. */
static void add_quote(struct quote quote)
{
	packet_ip(&packet, &(struct packet_ip){.src = family == 6 ? SERVICE6 : SERVICE4,
					       .dst = family == 6 ? CLIENT6 : CLIENT4,
					       .protocol = quote.protocol,
					       .fragment = quote.fragment,
					       .options = quote.options});
	if (quote.chain)
		packet_hex(&packet, quote.chain);
	packet_hex(&packet, quote.l4);
}

/* The flow: from the client to the service. */
static void assert_follows(uint8_t protocol, uint16_t sport, uint16_t dport)
{
	struct sl_key key;

	memset(&key, 0, sizeof(key));
	key.sport_be = htons(sport);
	key.dport_be = htons(dport);
	key.protocol = protocol;
	key.family = (uint8_t)family;
	if (family == 6) {
		(void)inet_pton(AF_INET6, CLIENT6, key.src);
		(void)inet_pton(AF_INET6, SERVICE6, key.dst);
	} else {
		(void)inet_pton(AF_INET, CLIENT4, &key.src4);
		(void)inet_pton(AF_INET, SERVICE4, &key.dst4);
	}
	assert_memory_equal(&got.key, &key, sizeof(key));
	assert_int_equal(got.flags & (SL_PKT_ICMP_ERROR | SL_PKT_ICMP_STRANGE), SL_PKT_ICMP_ERROR);
}

/* It keeps its own key. */
static void assert_strange(void)
{
	struct sl_key key;

	memset(&key, 0, sizeof(key));
	key.protocol = family == 6 ? 58 : 1;
	key.family = (uint8_t)family;
	if (family == 6) {
		(void)inet_pton(AF_INET6, ROUTER6, key.src);
		(void)inet_pton(AF_INET6, SERVICE6, key.dst);
	} else {
		(void)inet_pton(AF_INET, ROUTER4, &key.src4);
		(void)inet_pton(AF_INET, SERVICE4, &key.dst4);
	}
	assert_memory_equal(&got.key, &key, sizeof(key));
	assert_int_equal(got.flags & (SL_PKT_ICMP_ERROR | SL_PKT_ICMP_STRANGE),
			 SL_PKT_ICMP_STRANGE);
}

static const uint8_t errors4[] = {3, 4, 11, 12};
static const uint8_t errors6[] = {1, 2, 3, 4};

static void every_error_with_8_quoted_octets_follows_its_flow(void **state)
{
	(void)state;
	for (family = 4; family <= 6; family += 2) {
		for (int i = 0; i < 4; i++) {
			begin(family == 6 ? errors6[i] : errors4[i], 0, 0);
			add_quote((struct quote){.protocol = 6, .l4 = "0050 04d2 01020304"});
			end();
			assert_follows(6, 1234, 80);
		}
	}
}

static void four_quoted_octets_are_the_least(void **state)
{
	(void)state;
	for (family = 4; family <= 6; family += 2) {
		begin(3, 0, 0);
		add_quote((struct quote){.protocol = 17, .l4 = "0035 04d2"});
		end();
		assert_follows(17, 1234, 53);
		begin(3, 0, 0);
		add_quote((struct quote){.protocol = 17, .l4 = "0035 04"});
		end();
		assert_strange();
	}
}

static void options_in_outer_and_quoted_header_are_walked(void **state)
{
	(void)state;
	family = 4;
	packet_init(&packet);
	packet_eth(&packet, 0x0800);
	packet_ip(&packet, &(struct packet_ip){.src = ROUTER4,
					       .dst = SERVICE4,
					       .protocol = 1,
					       .options = "94040000 01010101"});
	packet_icmp(&packet, 4, 3, 4, 1400);
	add_quote((struct quote){.protocol = 132,
				 .options = "01010101 01010101 01010101",
				 .l4 = "0050 04d2 01020304"});
	packet_finish(&packet);
	sl_parse(packet.octets, packet.size, packet.size, SL_PARSE_CHECK_SUM, &got);
	assert_follows(132, 1234, 80);
	assert_true(got.flags & SL_PKT_OPTIONS);
}

static void extension_headers_in_the_quote_are_walked(void **state)
{
	(void)state;
	family = 6;
	begin(2, 0, 1280);
	add_quote((struct quote){.protocol = 0,
				 .chain = "3c00010400000000 2c00010400000000 0600000100000007",
				 .l4 = "0050 04d2 01020304"});
	end();
	assert_follows(6, 1234, 80);
	begin(2, 0, 1280);
	add_quote((struct quote){.protocol = 0, .chain = "3cff010400000000", .l4 = "0050 04d2"});
	end();
	assert_strange();
}

static void rfc_4884_lengths_bound_the_quote(void **state)
{
	(void)state;
	for (family = 4; family <= 6; family += 2) {
		/* 128 octets of quote, then an extension. */
		begin(family == 6 ? 1 : 3, 0, family == 6 ? 16u << 24 : 32u << 16);
		add_quote((struct quote){.protocol = 17, .l4 = "0035 04d2 0000 0000"});
		packet_pattern(&packet, family == 6 ? 80 : 100);
		packet_hex(&packet, "2000 0000 0008 0101 00000001");
		end();
		assert_follows(17, 1234, 53);
		/* A length that ends the quote before the ports. */
		begin(family == 6 ? 3 : 11, 0, family == 6 ? 5u << 24 : 5u << 16);
		add_quote((struct quote){.protocol = 17, .l4 = "0035 04d2 0000 0000"});
		end();
		assert_strange();
		/* One that reaches beyond what is there says nothing. */
		begin(family == 6 ? 3 : 11, 0, family == 6 ? 255u << 24 : 255u << 16);
		add_quote((struct quote){.protocol = 17, .l4 = "0035 04d2 0000 0000"});
		end();
		assert_follows(17, 1234, 53);
	}
}

static void a_pointer_or_mtu_is_no_length(void **state)
{
	(void)state;
	family = 4;
	begin(4, 0, 0x00010000);
	add_quote((struct quote){.protocol = 17, .l4 = "0035 04d2 0000 0000"});
	end();
	assert_follows(17, 1234, 53);
	begin(12, 0, 0x01000000);
	add_quote((struct quote){.protocol = 17, .l4 = "0035 04d2 0000 0000"});
	end();
	assert_follows(17, 1234, 53);
	family = 6;
	begin(2, 0, 0x01000000);
	add_quote((struct quote){.protocol = 17, .l4 = "0035 04d2 0000 0000"});
	end();
	assert_follows(17, 1234, 53);
}

static void quotes_of_protocols_without_ports_follow_addresses(void **state)
{
	(void)state;
	for (family = 4; family <= 6; family += 2) {
		begin(3, 0, 0);
		add_quote((struct quote){.protocol = 50, .l4 = ""});
		end();
		assert_follows(50, 0, 0);
		begin(3, 0, 0);
		add_quote((struct quote){.protocol = family == 6 ? 58 : 1,
					 .l4 = family == 6 ? "8100" : "0000"});
		end();
		assert_follows(family == 6 ? 58 : 1, 0, 0);
	}
}

static void errors_about_errors_and_redirects_are_strange(void **state)
{
	static const char *about4[] = {"03", "04", "05", "0b", "0c"};
	static const char *about6[] = {"01", "02", "03", "04", "7f", "89"};

	(void)state;
	family = 4;
	for (int i = 0; i < 5; i++) {
		begin(3, 1, 0);
		add_quote((struct quote){.protocol = 1, .l4 = about4[i]});
		end();
		assert_strange();
	}
	family = 6;
	for (int i = 0; i < 6; i++) {
		begin(1, 0, 0);
		add_quote((struct quote){.protocol = 58, .l4 = about6[i]});
		end();
		assert_strange();
	}
}

static void a_quoted_icmp_packet_without_its_type_is_strange(void **state)
{
	(void)state;
	for (family = 4; family <= 6; family += 2) {
		begin(3, 1, 0);
		add_quote((struct quote){.protocol = family == 6 ? 58 : 1, .l4 = "80"});
		packet.size--; /* what would be an echo's type lies beyond the end */
		packet.octets[packet.size] = family == 6 ? 128 : 8;
		end();
		assert_strange();
	}
}

static void redirects_and_unknown_errors_are_strange(void **state)
{
	static const uint8_t types6[] = {0, 5, 100, 127, 137};

	(void)state;
	family = 4;
	begin(5, 1, 0x0a000001);
	add_quote((struct quote){.protocol = 6, .l4 = "0050 04d2 01020304"});
	end();
	assert_strange();
	family = 6;
	for (int i = 0; i < 5; i++) {
		begin(types6[i], 0, 0);
		add_quote((struct quote){.protocol = 6, .l4 = "0050 04d2 01020304"});
		end();
		assert_strange();
	}
}

static void quotes_cut_inside_a_header_are_strange(void **state)
{
	(void)state;
	for (family = 4; family <= 6; family += 2) {
		uint32_t whole;

		begin(3, 0, 0);
		add_quote((struct quote){.protocol = 6, .l4 = "0050 04d2"});
		whole = packet.size;
		for (uint32_t cut = 1; cut <= whole - (family == 6 ? 62 : 42); cut++) {
			begin(3, 0, 0);
			add_quote((struct quote){.protocol = 6, .l4 = "0050 04d2"});
			packet.size -= cut;
			end();
			assert_strange();
		}
	}
}

static void quotes_of_later_fragments_are_strange_and_of_first_ones_are_not(void **state)
{
	(void)state;
	family = 4;
	begin(3, 4, 0);
	add_quote((struct quote){.protocol = 17, .fragment = 0x2001, .l4 = "0035 04d2"});
	end();
	assert_strange();
	begin(3, 4, 0);
	add_quote((struct quote){.protocol = 17, .fragment = 0x2000, .l4 = "0035 04d2"});
	end();
	assert_follows(17, 1234, 53);
	family = 6;
	begin(2, 0, 1280);
	add_quote((struct quote){.protocol = 44, .chain = "1100000900000007", .l4 = "0035 04d2"});
	end();
	assert_strange();
}

static void quotes_of_another_family_are_strange(void **state)
{
	(void)state;
	family = 4;
	begin(3, 0, 0);
	packet_ip(&packet, &(struct packet_ip){.src = SERVICE6, .dst = CLIENT6, .protocol = 17});
	packet_hex(&packet, "0035 04d2 0000 0000");
	end();
	assert_strange();
}

static void echo_and_neighbour_discovery_are_ordinary(void **state)
{
	static const uint8_t types4[] = {0, 8, 9, 13, 14, 42};
	static const uint8_t types6[] = {128, 129, 130, 133, 135, 136, 138, 255};

	(void)state;
	for (int i = 0; i < 14; i++) {
		family = i < 6 ? 4 : 6;
		begin(i < 6 ? types4[i] : types6[i - 6], 0, 0x12345678);
		packet_pattern(&packet, 40);
		end();
		assert_int_equal(got.flags & (SL_PKT_ICMP_ERROR | SL_PKT_ICMP_STRANGE), 0);
		assert_int_equal(got.key.sport_be | got.key.dport_be, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_with_8_quoted_octets_follows_its_flow),
		cmocka_unit_test(four_quoted_octets_are_the_least),
		cmocka_unit_test(options_in_outer_and_quoted_header_are_walked),
		cmocka_unit_test(extension_headers_in_the_quote_are_walked),
		cmocka_unit_test(rfc_4884_lengths_bound_the_quote),
		cmocka_unit_test(a_pointer_or_mtu_is_no_length),
		cmocka_unit_test(quotes_of_protocols_without_ports_follow_addresses),
		cmocka_unit_test(errors_about_errors_and_redirects_are_strange),
		cmocka_unit_test(a_quoted_icmp_packet_without_its_type_is_strange),
		cmocka_unit_test(redirects_and_unknown_errors_are_strange),
		cmocka_unit_test(quotes_cut_inside_a_header_are_strange),
		cmocka_unit_test(quotes_of_later_fragments_are_strange_and_of_first_ones_are_not),
		cmocka_unit_test(quotes_of_another_family_are_strange),
		cmocka_unit_test(echo_and_neighbour_discovery_are_ordinary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
