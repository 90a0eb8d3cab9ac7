/* SPDX-License-Identifier: BSD-3-Clause */

/* Numbers as people write them: what is one, what is none, and their limits. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>

#include "base/bytes.h"
#include "base/number.h"

static void whole_numbers_are_digits_alone(void **state)
{
	static const struct {
		const char *text;
		int64_t value; /* -1: refused */
	} cases[] = {
		{"0", 0},
		{"7", 7},
		{"999999999999999999", 999999999999999999},
		{"", -1},
		{"00", -1},
		{"07", -1},
		{" 5", -1},
		{"5 ", -1},
		{"+5", -1},
		{"-0", -1},
		{"1e3", -1},
		{"0x5", -1},
		{"5.0", -1},
		{"1000000000000000000", -1},
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(cases); i++) {
		uint64_t value = 77;

		assert_int_equal(sl_number_parse(cases[i].text, &value),
				 cases[i].value < 0 ? -EINVAL : 0);
		assert_int_equal(value, cases[i].value < 0 ? 77 : cases[i].value);
	}
}

static void weights_are_kept_exactly_in_millionths(void **state)
{
	static const struct {
		const char *text;
		int64_t weight; /* -1: refused */
		const char *format;
	} cases[] = {
		{"0", 0, "0"},
		{"50.5", 50500000, "50.5"},
		{"0.1", 100000, "0.1"},
		{".25", 250000, "0.25"},
		{"3.", 3000000, "3"},
		{"0.000001", 1, "0.000001"},
		{"0.0000014", 1, "0.000001"},
		{"0.0000015", 2, "0.000002"},
		{"999999.9999995", 1000000000000, "1000000"},
		{"123456.654321", 123456654321, "123456.654321"},
		{"1000000.000000000", 1000000000000, "1000000"},
		{"0.00000000000", 0, "0"},
		{"1000000.0000001", -1, NULL},
		{"1000001", -1, NULL},
		{"0.0000004", -1, NULL},
		{"", -1, NULL},
		{".", -1, NULL},
		{"-0", -1, NULL},
		{"1e1", -1, NULL},
		{"0x1", -1, NULL},
		{"nan", -1, NULL},
		{" 1", -1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[SL_NUMBER_TEXT_SIZE];
		uint64_t weight = 77;
		const char *why = NULL;
		int err = sl_weight_parse(cases[i].text, &weight, &why);

		assert_int_equal(err, cases[i].weight < 0 ? -EINVAL : 0);
		assert_int_equal(weight, cases[i].weight < 0 ? 77 : cases[i].weight);
		if (err)
			assert_non_null(why);
		else
			assert_string_equal(sl_weight_format(weight, text), cases[i].format);
	}
}

static void durations_are_whole_numbers_with_a_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} cases[] = {
		{"500ms", 500},
		{"15m", 900000},
		{"2h", 7200000},
		{"60s", 60000},
		{"7d", 604800000},
		{"0s", 0},
		{"5", -1},
		{"s", -1},
		{"1.5s", -1},
		{"-1s", -1},
		{"1 s", -1},
		{"1S", -1},
		{"01s", -1},
		{"1m30s", -1},
		{"", -1},
		{"1w", -1},
		{"1234567890123s", -1},
		{"366d", 31622400000},
		{"367d", -1},
		{"8784h", 31622400000},
		{"8785h", -1},
		{"0", -1},
		{"+1s", -1},
		{"0x1s", -1},
		{"infs", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ms = 77;

		assert_int_equal(sl_duration_parse(cases[i].text, &ms),
				 cases[i].ms < 0 ? -EINVAL : 0);
		assert_int_equal(ms, cases[i].ms < 0 ? 77 : cases[i].ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers_are_digits_alone),
		cmocka_unit_test(weights_are_kept_exactly_in_millionths),
		cmocka_unit_test(durations_are_whole_numbers_with_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
