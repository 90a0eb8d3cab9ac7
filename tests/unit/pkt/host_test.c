/* SPDX-License-Identifier: BSD-3-Clause */

/* Whom an answer may go to. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "pkt/host.h"
#include "support/packet.h"

static void single_hosts_are_told_from_all_others(void **state)
{
	static const struct {
		const char *text;
		bool single;
	} cases[] = {
		{"0.0.0.0", false},
		{"0.255.255.255", false},
		{"1.0.0.0", true},
		{"126.255.255.255", true},
		{"127.0.0.0", false},
		{"127.255.255.255", false},
		{"128.0.0.0", true},
		{"223.255.255.255", true},
		{"224.0.0.0", false},
		{"255.255.255.255", false},
		{"::", false},
		{"::1", false},
		{"::2", true},
		{"::fffe:192.0.2.1", true},
		{"::ffff:192.0.2.1", false},
		{"1::", true},
		{"fe80::1", true},
		{"fec0::1", true},
		{"ff00::", false},
		{"ff02::1", false},
	};
	const struct sl_addr none = {0};

	(void)state;
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(cases); i++) {
		struct sl_addr addr;

		assert_int_equal(sl_addr_parse(cases[i].text, &addr), 0);
		assert_int_equal(sl_host_is_single(&addr), cases[i].single);
	}
	assert_false(sl_host_is_single(&none));
}

static void a_group_and_zero_are_no_mac_address_of_a_host(void **state)
{
	(void)state;
	assert_true(sl_host_is_mac((const uint8_t *)"\x02\x00\x00\x00\x00\x00"));
	assert_true(sl_host_is_mac((const uint8_t *)"\x00\x00\x00\x00\x00\x01"));
	assert_false(sl_host_is_mac((const uint8_t *)"\x00\x00\x00\x00\x00\x00"));
	assert_false(sl_host_is_mac((const uint8_t *)"\xff\xff\xff\xff\xff\xff"));
	assert_false(sl_host_is_mac((const uint8_t *)"\x01\x00\x5e\x00\x00\x01"));
}

static void what_its_own_destination_sent_is_not_answered(void **state)
{
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1, "10.0.0.2", 2, 8);
	assert_true(sl_host_may_answer(packet.octets, packet.octets + 14));
	packet_make_udp(&packet, "2001:db8::1", 1, "2001:db8::2", 2, 8);
	assert_true(sl_host_may_answer(packet.octets, packet.octets + 14));
	packet.octets[6] |= 1;
	assert_false(sl_host_may_answer(packet.octets, packet.octets + 14));
	packet_make_udp(&packet, "10.0.0.2", 1, "10.0.0.2", 2, 8);
	assert_false(sl_host_may_answer(packet.octets, packet.octets + 14));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_hosts_are_told_from_all_others),
		cmocka_unit_test(a_group_and_zero_are_no_mac_address_of_a_host),
		cmocka_unit_test(what_its_own_destination_sent_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
