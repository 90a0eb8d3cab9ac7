/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/icmp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "pkt/hdr.h"
#include "support/packet.h"

#define CLIENT4	 "192.0.2.1"
#define SERVICE4 "198.51.100.2"
#define CLIENT6	 "2001:db8::1"
#define SERVICE6 "2001:db8:ffff::2"

static struct packet packet, wanted;
static uint8_t out[14 + SL_ICMP_ERROR_SIZE_MAX];
static struct sl_pkt pkt;

static void parse(void)
{
	sl_parse(packet.octets, packet.size, packet.size, 0, &pkt);
	assert_int_equal(pkt.status, SL_PKT_OK);
}

/* The answer as a frame, so that differences are named. */
static uint32_t build(enum sl_icmp_error error, uint32_t mtu)
{
	struct sl_icmp_error_spec spec = {.error = error, .mtu = mtu};
	uint32_t size;

	parse();
	memset(out, 0xa5, sizeof(out));
	memcpy(out, wanted.octets, 14);
	(void)sl_addr_parse((pkt.flags & SL_PKT_IPV6) ? SERVICE6 : SERVICE4, &spec.src);
	size = sl_icmp_error_build(&spec, packet.octets + 14, packet.size - 14, &pkt, out + 14);
	return size ? size + 14 : 0;
}

static void want(bool v6, uint8_t type, uint8_t code, uint32_t rest, uint32_t quote)
{
	packet_init(&wanted);
	packet_eth(&wanted, v6 ? 0x86dd : 0x0800);
	packet_ip(&wanted, &(struct packet_ip){.src = v6 ? SERVICE6 : SERVICE4,
					       .dst = v6 ? CLIENT6 : CLIENT4,
					       .protocol = v6 ? 58 : 1,
					       .tos = v6 ? 0 : 0xc0,
					       .fragment = 0x4000});
	packet_icmp(&wanted, v6 ? 6 : 4, type, code, rest);
	packet_octets(&wanted, packet.octets + 14, quote);
	packet_finish(&wanted);
}

static void fragmentation_needed_quotes_what_fits_576_octets(void **state)
{
	(void)state;
	packet_make_udp(&packet, CLIENT4, 7, SERVICE4, 53, 1452);
	want(false, 3, 4, 1480, 548);
	assert_true(
		packet_equal(wanted.octets, wanted.size, out, build(SL_ICMP_ERROR_TOO_BIG, 1480)));
}

static void packet_too_big_quotes_what_fits_1280_octets(void **state)
{
	(void)state;
	packet_make_udp(&packet, CLIENT6, 7, SERVICE6, 53, 1452);
	want(true, 2, 0, 1440, 1232);
	assert_true(
		packet_equal(wanted.octets, wanted.size, out, build(SL_ICMP_ERROR_TOO_BIG, 1440)));
}

static void time_exceeded_quotes_a_small_packet_whole_without_its_padding(void **state)
{
	(void)state;
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		packet_make_tcp(&packet, v6 ? CLIENT6 : CLIENT4, 7, v6 ? SERVICE6 : SERVICE4, 80, 2,
				0);
		packet_hex(&packet, "ffffffffffff");
		want(v6, v6 ? 3 : 11, 0, 0, v6 ? 60 : 40);
		assert_true(
			packet_equal(wanted.octets, wanted.size, out, build(SL_ICMP_ERROR_TTL, 0)));
	}
}

static void no_error_is_sent_about_an_icmp_error_or_redirect(void **state)
{
	(void)state;
	for (uint8_t type = 3; type <= 5; type++) {
		packet_init(&packet);
		packet_eth(&packet, 0x0800);
		packet_ip(&packet,
			  &(struct packet_ip){.src = CLIENT4, .dst = SERVICE4, .protocol = 1});
		packet_icmp(&packet, 4, type, 0, 0);
		packet_ip(&packet,
			  &(struct packet_ip){.src = SERVICE4, .dst = CLIENT4, .protocol = 17});
		packet_udp(&packet, 53, 7);
		packet_finish(&packet);
		assert_int_equal(build(SL_ICMP_ERROR_TTL, 0), 0);
	}
}

static void errors_are_sent_about_echo_requests(void **state)
{
	(void)state;
	packet_init(&packet);
	packet_eth(&packet, 0x0800);
	packet_ip(&packet, &(struct packet_ip){.src = CLIENT4, .dst = SERVICE4, .protocol = 1});
	packet_icmp(&packet, 4, 8, 0, 1);
	packet_finish(&packet);
	assert_int_not_equal(build(SL_ICMP_ERROR_TTL, 0), 0);
}

static void no_error_is_sent_about_a_later_fragment(void **state)
{
	(void)state;
	packet_make_udp(&packet, CLIENT4, 7, SERVICE4, 53, 100);
	packet.octets[20] = 0x20;
	packet.octets[21] = 0;
	assert_int_not_equal(build(SL_ICMP_ERROR_TTL, 0), 0);
	packet.octets[21] = 9;
	assert_int_equal(build(SL_ICMP_ERROR_TTL, 0), 0);
}

static void no_error_is_sent_to_or_about_what_is_no_single_host(void **state)
{
	static const char *hosts[][2] = {
		{"0.0.0.0", SERVICE4},	 {"127.0.0.1", SERVICE4},
		{"224.0.0.1", SERVICE4}, {"255.255.255.255", SERVICE4},
		{CLIENT4, "239.1.2.3"},	 {"::", SERVICE6},
		{"::1", SERVICE6},	 {"ff02::1", SERVICE6},
		{CLIENT6, "ff02::1"},
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(hosts); i++) {
		packet_make_udp(&packet, hosts[i][0], 7, hosts[i][1], 53, 100);
		assert_int_equal(build(SL_ICMP_ERROR_TTL, 0), 0);
	}
	packet_make_udp(&packet, CLIENT4, 7, SERVICE4, 53, 100);
	packet.octets[0] |= 1;
	assert_int_equal(build(SL_ICMP_ERROR_TTL, 0), 0);
	packet_make_udp(&packet, CLIENT6, 7, "ff02::1", 53, 100); /* RFC 4443 2.4 (e.3) */
	assert_int_not_equal(build(SL_ICMP_ERROR_TOO_BIG, 1280), 0);
}

static void make_echo(bool v6)
{
	packet_init(&packet);
	packet_eth(&packet, v6 ? 0x86dd : 0x0800);
	packet_ip(&packet, &(struct packet_ip){.src = v6 ? CLIENT6 : CLIENT4,
					       .dst = v6 ? SERVICE6 : SERVICE4,
					       .ttl = 3,
					       .protocol = v6 ? 58 : 1,
					       .options = v6 ? NULL : "01010101"});
	packet_icmp(&packet, v6 ? 6 : 4, v6 ? 128 : 8, 0, 0xabcd0001);
	packet_pattern(&packet, 33);
	packet_finish(&packet);
}

static void an_echo_request_is_turned_into_its_reply(void **state)
{
	(void)state;
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		packet_init(&wanted);
		packet_eth(&wanted, v6 ? 0x86dd : 0x0800);
		packet_ip(&wanted, &(struct packet_ip){.src = v6 ? SERVICE6 : SERVICE4,
						       .dst = v6 ? CLIENT6 : CLIENT4,
						       .protocol = v6 ? 58 : 1,
						       .options = v6 ? NULL : "01010101"});
		packet_icmp(&wanted, v6 ? 6 : 4, v6 ? 129 : 0, 0, 0xabcd0001);
		packet_pattern(&wanted, 33);
		packet_finish(&wanted);
		make_echo(v6);
		parse();
		assert_true(sl_icmp_is_echo(packet.octets + 14, &pkt));
		sl_icmp_echo_turn(packet.octets + 14, &pkt);
		assert_true(packet_equal(wanted.octets, wanted.size, packet.octets, packet.size));
	}
}

static void replies_fragments_and_other_types_are_no_echo_requests(void **state)
{
	(void)state;
	make_echo(false);
	parse();
	packet.octets[38] = 0;
	assert_false(sl_icmp_is_echo(packet.octets + 14, &pkt));
	make_echo(false);
	packet.octets[20] = 0x20;
	parse();
	assert_false(sl_icmp_is_echo(packet.octets + 14, &pkt));
	make_echo(true);
	packet.octets[54] = 135;
	parse();
	assert_false(sl_icmp_is_echo(packet.octets + 14, &pkt));
	make_echo(true);
	packet.octets[55] = 1;
	parse();
	assert_false(sl_icmp_is_echo(packet.octets + 14, &pkt));
	make_echo(true);
	packet.octets[19] = 7;
	parse();
	assert_false(sl_icmp_is_echo(packet.octets + 14, &pkt));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragmentation_needed_quotes_what_fits_576_octets),
		cmocka_unit_test(packet_too_big_quotes_what_fits_1280_octets),
		cmocka_unit_test(time_exceeded_quotes_a_small_packet_whole_without_its_padding),
		cmocka_unit_test(no_error_is_sent_about_an_icmp_error_or_redirect),
		cmocka_unit_test(errors_are_sent_about_echo_requests),
		cmocka_unit_test(no_error_is_sent_about_a_later_fragment),
		cmocka_unit_test(no_error_is_sent_to_or_about_what_is_no_single_host),
		cmocka_unit_test(an_echo_request_is_turned_into_its_reply),
		cmocka_unit_test(replies_fragments_and_other_types_are_no_echo_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
