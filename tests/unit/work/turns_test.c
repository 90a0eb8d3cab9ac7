/* SPDX-License-Identifier: BSD-3-Clause */

/* Whose turn it is: better classes first, none starved, whatever waits. */

#include "work/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/prng.h"

enum { VOICE = 0, NORMAL = 1, BULK = 2 };
static const struct sl_turns_class classes[] = {{0, 0}, {4, 20}, {7, 50}};
#define ALL 7u

static void the_best_that_has_packets_goes_first(void **state)
{
	struct sl_turns turns;

	(void)state;
	sl_turns_init(&turns, classes, 3);
	assert_int_equal(sl_turns_next(&turns, 0, 0), SL_TURNS_NOBODY);
	assert_int_equal(sl_turns_next(&turns, ALL, 1), VOICE);
	assert_int_equal(sl_turns_next(&turns, 1u << NORMAL | 1u << BULK, 2), NORMAL);
	assert_int_equal(sl_turns_next(&turns, 1u << BULK, 3), BULK);
}

static void a_class_that_waited_has_one_turn_before_better_ones(void **state)
{
	struct sl_turns turns;

	(void)state;
	sl_turns_init(&turns, classes, 3);
	(void)sl_turns_next(&turns, 0, 0);
	for (uint64_t now = 1; now < 50; now++)
		assert_int_equal(sl_turns_next(&turns, 1u << VOICE | 1u << BULK, now), VOICE);
	assert_int_equal(sl_turns_next(&turns, 1u << VOICE | 1u << BULK, 50), VOICE);
	assert_int_equal(sl_turns_next(&turns, 1u << VOICE | 1u << BULK, 51), BULK);
	for (uint64_t now = 52; now < 102; now++)
		assert_int_equal(sl_turns_next(&turns, 1u << VOICE | 1u << BULK, now), VOICE);
}

static void what_has_nothing_does_not_wait(void **state)
{
	struct sl_turns turns;

	(void)state;
	sl_turns_init(&turns, classes, 3);
	for (uint64_t now = 0; now < 1000; now++)
		assert_int_equal(sl_turns_next(&turns, 1u << VOICE, now), VOICE);
	assert_int_equal(sl_turns_next(&turns, ALL, 1000), VOICE);
}

static void equals_go_by_arrival(void **state)
{
	static const struct sl_turns_class equals[] = {{3, 1000}, {3, 1000}, {3, 1000}};
	struct sl_turns turns;

	(void)state;
	sl_turns_init(&turns, equals, 3);
	(void)sl_turns_next(&turns, 0, 0);
	assert_int_equal(sl_turns_next(&turns, 1u << 1, 1), 1);
	assert_int_equal(sl_turns_next(&turns, 1u << 1 | 1u << 2, 2), 1);
	assert_int_equal(sl_turns_next(&turns, 7, 3), 2);
	assert_int_equal(sl_turns_next(&turns, 7, 4), 0);
	assert_int_equal(sl_turns_next(&turns, 7, 5), 1);
}

/* Voice, which never ages, waits for one turn of each other class at most; every other class that has
 * packets all the time has a turn in its max_wait and as many turns as there are classes. */
static void nobody_starves_and_the_best_waits_for_few(void **state)
{
	struct sl_prng prng = {.state = 7};
	uint64_t since[3] = {0};
	struct sl_turns turns;
	uint32_t had = 0;

	(void)state;
	sl_turns_init(&turns, classes, 3);
	(void)sl_turns_next(&turns, 0, 0);
	for (uint64_t now = 1; now < 200000; now++) {
		uint64_t word = sl_prng_next(&prng);
		uint32_t waiting = (had | (uint32_t)word) & ALL, turn;

		turn = sl_turns_next(&turns, waiting, now);
		assert_true(turn == SL_TURNS_NOBODY ? waiting == 0 : waiting >> turn & 1);
		for (uint32_t c = 0; c < 3; c++) {
			if (!(waiting >> c & 1) || c == turn)
				since[c] = now;
			assert_true(now - since[c] <= SL_MAX(classes[c].max_wait, 1u) + 3);
		}
		had = turn == SL_TURNS_NOBODY ? waiting
					      : waiting & ~((uint32_t)(word >> 40 & 1) << turn);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_that_has_packets_goes_first),
		cmocka_unit_test(a_class_that_waited_has_one_turn_before_better_ones),
		cmocka_unit_test(what_has_nothing_does_not_wait),
		cmocka_unit_test(equals_go_by_arrival),
		cmocka_unit_test(nobody_starves_and_the_best_waits_for_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
