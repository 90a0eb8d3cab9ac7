/* SPDX-License-Identifier: BSD-3-Clause */

/* Guesses for mistyped words, and durations. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance_counts_edits_and_exchanges),
		cmocka_unit_test(the_nearest_word_is_guessed),
		cmocka_unit_test(the_only_beginning_is_guessed),
		cmocka_unit_test(what_is_far_from_all_is_not_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
