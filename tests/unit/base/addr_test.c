/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/addr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void addresses_are_written_as_they_were_read(void **state)
{
	static const char *texts[] = {
		"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1", "ff02::fb"};
	char text[SL_ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct sl_addr addr;

		assert_int_equal(sl_addr_parse(texts[i], &addr), 0);
		assert_int_equal(addr.family, strchr(texts[i], ':') ? 6 : 4);
		assert_int_equal(sl_addr_bits(&addr), strchr(texts[i], ':') ? 128 : 32);
		assert_string_equal(sl_addr_format(&addr, text), texts[i]);
	}
}

static void what_is_no_address_is_refused_and_nothing_written(void **state)
{
	static const char *texts[] = {"",	   "any",      "1.2.3", "1.2.3.256", "1.2.3.4 ",
				      "1.2.3.4/8", "2001:db8", "::1::", "g::",	     "1.2.3.4.5"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct sl_addr addr, before;

		memset(&addr, 0xa5, sizeof(addr));
		before = addr;
		assert_int_equal(sl_addr_parse(texts[i], &addr), -EINVAL);
		assert_memory_equal(&addr, &before, sizeof(addr));
	}
}

static void prefixes_are_written_as_they_were_read(void **state)
{
	static const char *texts[] = {"0.0.0.0/0",	"10.0.0.0/8", "192.0.2.128/25",
				      "192.0.2.1/32",	"::/0",	      "2001:db8::/32",
				      "2001:db8::1/128"};
	char text[SL_ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct sl_prefix prefix;

		assert_int_equal(sl_prefix_parse(texts[i], &prefix, NULL), 0);
		assert_string_equal(sl_prefix_format(&prefix, text), texts[i]);
	}
}

static void a_whole_address_is_a_prefix_of_all_its_bits(void **state)
{
	struct sl_prefix prefix;

	(void)state;
	assert_int_equal(sl_prefix_parse("192.0.2.1", &prefix, NULL), 0);
	assert_int_equal(prefix.length, 32);
	assert_int_equal(sl_prefix_parse("::1", &prefix, NULL), 0);
	assert_int_equal(prefix.length, 128);
}

static void host_bits_are_refused_unless_the_host_is_asked_for(void **state)
{
	struct sl_prefix prefix;
	struct sl_addr host;
	char text[SL_ADDR_TEXT_SIZE];

	(void)state;
	assert_int_equal(sl_prefix_parse("192.0.2.2/24", &prefix, NULL), -EINVAL);
	assert_int_equal(sl_prefix_parse("192.0.2.2/24", &prefix, &host), 0);
	assert_string_equal(sl_prefix_format(&prefix, text), "192.0.2.0/24");
	assert_string_equal(sl_addr_format(&host, text), "192.0.2.2");
	assert_int_equal(sl_prefix_parse("2001:db8::2/65", &prefix, NULL), -EINVAL);
}

static void impossible_lengths_are_refused(void **state)
{
	static const char *texts[] = {"1.2.3.4/33", "::1/129",	    "1.2.3.4/",	  "1.2.3.4/-1",
				      "1.2.3.4/+8", "1.2.3.4/0032", "1.2.3.4/8x", "/8"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct sl_prefix prefix;

		assert_int_equal(sl_prefix_parse(texts[i], &prefix, NULL), -EINVAL);
	}
}

static void a_prefix_contains_what_begins_with_it(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool inside;
	} cases[] = {
		{"0.0.0.0/0", "255.1.2.3", true},
		{"10.0.0.0/8", "10.255.0.1", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"192.0.2.128/25", "192.0.2.127", false},
		{"192.0.2.128/25", "192.0.2.200", true},
		{"192.0.2.1/32", "192.0.2.1", true},
		{"192.0.2.1/32", "192.0.2.0", false},
		{"::/0", "1.2.3.4", false},
		{"::/0", "ff::1", true},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"::1/128", "::1", true},
		{"::1/128", "::2", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sl_prefix prefix;
		struct sl_addr addr;

		assert_int_equal(sl_prefix_parse(cases[i].prefix, &prefix, NULL), 0);
		assert_int_equal(sl_addr_parse(cases[i].addr, &addr), 0);
		assert_int_equal(sl_prefix_contains(&prefix, &addr), cases[i].inside);
	}
}

static void mac_addresses_are_read_in_any_case_and_written_in_small(void **state)
{
	static const char *wrong[] = {"",
				      "02:00:00:00:00",
				      "02-00-00-00-00-01",
				      "02:00:00:00:00:0g",
				      "02:00:00:00:00:011",
				      "2:0:0:0:0:1",
				      "0x:00:00:00:00:01",
				      " 2:00:00:00:00:01"};
	char text[SL_MAC_TEXT_SIZE];
	struct sl_mac mac;

	(void)state;
	assert_int_equal(sl_mac_parse("02:AB:cd:00:FF:9e", &mac), 0);
	assert_string_equal(sl_mac_format(&mac, text), "02:ab:cd:00:ff:9e");
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(sl_mac_parse(wrong[i], &mac), -EINVAL);
}

static void no_address_is_written_as_none(void **state)
{
	const struct sl_addr none = {0};
	char text[SL_ADDR_TEXT_SIZE];

	(void)state;
	assert_string_equal(sl_addr_format(&none, text), "none");
}

static void a_prefix_length_is_a_number_like_others(void **state)
{
	static const char *const texts[] = {"192.0.2.0/032", "192.0.2.0/+24",  "192.0.2.0/ 24",
					    "192.0.2.0/",    "2001:db8::/064", "192.0.2.0/33"};
	struct sl_prefix prefix;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(sl_prefix_parse(texts[i], &prefix, NULL), -EINVAL);
	assert_int_equal(sl_prefix_parse("0.0.0.0/0", &prefix, NULL), 0);
}

static void endpoints_are_an_address_and_a_port(void **state)
{
	static const char *const wrong[] = {
		"",	 "127.0.0.1",	"127.0.0.1:",	 "127.0.0.1:0",	  "127.0.0.1:65536",
		":9464", "::1:9464",	"[::1]",	 "[127.0.0.1]:1", "127.0.0.1: 1",
		"[]:1",	 "localhost:1", "127.0.0.1:080", "127.0.0.010:1", "[::1]9464:"};
	char text[SL_ADDR_TEXT_SIZE];
	struct sl_addr addr;
	uint16_t port = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(sl_endpoint_parse(wrong[i], &addr, &port), -EINVAL);
	assert_int_equal(port, 7);
	assert_int_equal(sl_endpoint_parse("127.0.0.1:9464", &addr, &port), 0);
	assert_string_equal(sl_addr_format(&addr, text), "127.0.0.1");
	assert_int_equal(port, 9464);
	assert_int_equal(sl_endpoint_parse("[2001:db8::1]:65535", &addr, &port), 0);
	assert_string_equal(sl_addr_format(&addr, text), "2001:db8::1");
	assert_int_equal(port, 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_written_as_they_were_read),
		cmocka_unit_test(what_is_no_address_is_refused_and_nothing_written),
		cmocka_unit_test(prefixes_are_written_as_they_were_read),
		cmocka_unit_test(a_whole_address_is_a_prefix_of_all_its_bits),
		cmocka_unit_test(host_bits_are_refused_unless_the_host_is_asked_for),
		cmocka_unit_test(impossible_lengths_are_refused),
		cmocka_unit_test(a_prefix_contains_what_begins_with_it),
		cmocka_unit_test(mac_addresses_are_read_in_any_case_and_written_in_small),
		cmocka_unit_test(no_address_is_written_as_none),
		cmocka_unit_test(a_prefix_length_is_a_number_like_others),
		cmocka_unit_test(endpoints_are_an_address_and_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
