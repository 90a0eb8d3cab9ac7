/* SPDX-License-Identifier: BSD-3-Clause */

/* Guesses for mistyped words, and durations. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/duration.h"
#include "base/guess.h"

static const char *const verbs[] = {"status", "stats", "set-weight", "drain", "disable", "table"};

static void distance_counts_edits_and_exchanges(void **state)
{
	(void)state;
	assert_int_equal(sl_guess_distance("drain", "drain"), 0);
	assert_int_equal(sl_guess_distance("drian", "drain"), 1);
	assert_int_equal(sl_guess_distance("drai", "drain"), 1);
	assert_int_equal(sl_guess_distance("brain", "drain"), 1);
	assert_int_equal(sl_guess_distance("", "drain"), 5);
	assert_int_equal(sl_guess_distance("drain", ""), 5);
}

static void the_nearest_word_is_guessed(void **state)
{
	(void)state;
	assert_string_equal(sl_guess("drian", verbs, SL_ARRAY_COUNT(verbs)), "drain");
	assert_string_equal(sl_guess("setweight", verbs, SL_ARRAY_COUNT(verbs)), "set-weight");
	assert_string_equal(sl_guess("stat", verbs, SL_ARRAY_COUNT(verbs)), "stats");
	assert_string_equal(sl_guess("DRAIN", verbs, SL_ARRAY_COUNT(verbs)), "drain");
}

static void the_only_beginning_is_guessed(void **state)
{
	(void)state;
	assert_string_equal(sl_guess("dis", verbs, SL_ARRAY_COUNT(verbs)), "disable");
	assert_null(sl_guess("d", verbs, SL_ARRAY_COUNT(verbs)));
}

static void what_is_far_from_all_is_not_guessed(void **state)
{
	(void)state;
	assert_null(sl_guess("xyzzy", verbs, SL_ARRAY_COUNT(verbs)));
	assert_null(sl_guess("", verbs, 0));
	assert_null(sl_guess("x", (const char *const[]){"a", "b"}, 2));
}

static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} cases[] = {{"500ms", 500}, {"60s", 60000}, {"15m", 900000}, {"2h", 7200000},
		     {"1.5s", 1500}, {"0", 0},	     {"1d", 86400000}};
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(cases); i++) {
		assert_int_equal(sl_duration_parse(cases[i].text, &ms), 0);
		assert_int_equal(ms, cases[i].ms);
	}
}

static void what_is_no_duration_is_refused(void **state)
{
	static const char *const texts[] = {"",	    "s",   "5",	   "-1s", "1x",	   "nan",
					    "infs", "1 s", "0x1s", "1es", "9999d", "1.1.1s"};
	uint64_t ms = 7;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(texts); i++)
		assert_true(sl_duration_parse(texts[i], &ms) < 0);
	assert_int_equal(ms, 7);
	assert_int_equal(sl_duration_parse("366d", &ms), 0);
	assert_true(sl_duration_parse("367d", &ms) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance_counts_edits_and_exchanges),
		cmocka_unit_test(the_nearest_word_is_guessed),
		cmocka_unit_test(the_only_beginning_is_guessed),
		cmocka_unit_test(what_is_far_from_all_is_not_guessed),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(what_is_no_duration_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
