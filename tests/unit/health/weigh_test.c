/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/weigh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/prng.h"

#define NODES  5
#define ROUNDS 400

static void a_ramp_rises_in_sixteen_steps(void **state)
{
	uint32_t before = 0, steps = 0;

	(void)state;
	for (uint64_t ms = 0; ms <= 30000; ms++) {
		uint32_t share = sl_weigh_ramp(ms, 30000);

		assert_true(share >= before);
		steps += share != before;
		before = share;
	}
	assert_int_equal(steps, SL_WEIGH_RAMP_STEPS);
	assert_int_equal(sl_weigh_ramp(0, 30000), SL_WEIGH_ONE / SL_WEIGH_RAMP_STEPS);
	assert_int_equal(before, SL_WEIGH_ONE);
	assert_int_equal(sl_weigh_ramp(0, 0), SL_WEIGH_ONE);
}

static void a_time_is_smoothed(void **state)
{
	(void)state;
	assert_int_equal(sl_weigh_smooth(0, 500), 500);
	assert_int_equal(sl_weigh_smooth(1000, 2000), 1250);
	assert_int_equal(sl_weigh_smooth(0, 0), 1);
}

static void shares_stay_within_their_bounds(void **state)
{
	(void)state;
	assert_int_equal(sl_weigh_step(SL_WEIGH_ONE, 100, 100), SL_WEIGH_ONE);
	assert_int_equal(sl_weigh_step(SL_WEIGH_ONE, 104, 100), SL_WEIGH_ONE);
	assert_int_equal(sl_weigh_step(SL_WEIGH_ONE, 200, 100), 750000);
	assert_true(sl_weigh_step(SL_WEIGH_LEAST, 1000000, 1) >= SL_WEIGH_LEAST);
	assert_int_equal(sl_weigh_step(SL_WEIGH_ONE, 0, 100), SL_WEIGH_ONE);
}

/* Nodes of unequal speed whose time rises with their load (M/M/1): the controller settles, does not swing,
 * and the busiest node is less busy than with equal weights. */
static void unequal_nodes_settle_better_than_with_equal_weights(void **state)
{
	static const double speed[NODES] = {1.0, 0.9, 0.7, 0.5, 0.4};
	uint32_t share[NODES], smooth[NODES] = {0};
	double equal_worst = 0, worst = 0, load = 0.55 * (1.0 + 0.9 + 0.7 + 0.5 + 0.4);
	struct sl_prng prng = {11};
	uint32_t changes = 0;

	(void)state;
	for (int i = 0; i < NODES; i++) {
		share[i] = SL_WEIGH_ONE;
		equal_worst = SL_MAX(equal_worst, load / NODES / speed[i]);
	}
	for (int round = 0; round < ROUNDS; round++) {
		double sum = 0;
		uint32_t quickest = UINT32_MAX;

		for (int i = 0; i < NODES; i++)
			sum += share[i];
		worst = 0;
		for (int i = 0; i < NODES; i++) {
			double busy = load * share[i] / sum / speed[i];
			double us = 1000 / speed[i] / (1 - SL_MIN(busy, 0.97));

			worst = SL_MAX(worst, busy);
			us *= 0.95 + 0.1 * sl_prng_below(&prng, 1000) / 1000;
			smooth[i] = sl_weigh_smooth(smooth[i], (uint32_t)us);
			quickest = SL_MIN(quickest, smooth[i]);
		}
		for (int i = 0; i < NODES; i++) {
			uint32_t next = sl_weigh_step(share[i], smooth[i], quickest);

			changes += round >= ROUNDS / 2 && next != share[i];
			share[i] = next;
		}
	}
	assert_true(equal_worst > 0.95);
	assert_true(worst < 0.8);
	/* In the second half it rests most of the time. */
	assert_true(changes < ROUNDS / 2 * NODES / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ramp_rises_in_sixteen_steps),
		cmocka_unit_test(a_time_is_smoothed),
		cmocka_unit_test(shares_stay_within_their_bounds),
		cmocka_unit_test(unequal_nodes_settle_better_than_with_equal_weights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
