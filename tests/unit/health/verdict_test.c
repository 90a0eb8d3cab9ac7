/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

#define START_MS 1000000u

static const struct sl_health_timing timing = {
	.interval_ms = 2000, .fast_ms = 600, .rise = 2, .fall = 3};

/* Results by letter: g good, b bad, c cannot. States after each: u up, d down, ? unknown. */
static void expect(const char *results, const char *states)
{
	static const char letters[] = {
		[SL_HEALTH_UNKNOWN] = '?', [SL_HEALTH_UP] = 'u', [SL_HEALTH_DOWN] = 'd'};
	struct sl_verdict verdict = {0};
	uint64_t now = START_MS;
	char before = '?';

	for (size_t i = 0; results[i]; i++, now += timing.interval_ms) {
		enum sl_health_result result = results[i] == 'g'   ? SL_HEALTH_OK
					       : results[i] == 'c' ? SL_HEALTH_CANNOT
								   : SL_HEALTH_REFUSED;
		bool changed = sl_verdict_take(&verdict, &timing, result, now);

		assert_int_equal(letters[verdict.state], states[i]);
		assert_int_equal(changed, before != states[i]);
		before = states[i];
	}
}

static void consecutive_results_count(void **state)
{
	(void)state;
	expect("g", "u");
	expect("bbb", "??d");
	expect("bbg", "??u");
	expect("gbbgbbb", "uuuuuud");
	expect("gbbbgbgg", "uuuddddu");
}

static void a_check_that_cannot_run_changes_nothing(void **state)
{
	struct sl_verdict verdict = {0};

	(void)state;
	expect("ccccc", "?????");
	expect("gccccc", "uuuuuu");
	expect("gbbccb", "uuuuud");
	(void)sl_verdict_take(&verdict, &timing, SL_HEALTH_OK, START_MS);
	(void)sl_verdict_take(&verdict, &timing, SL_HEALTH_CANNOT, START_MS);
	assert_true(verdict.blind);
	(void)sl_verdict_take(&verdict, &timing, SL_HEALTH_OK, START_MS);
	assert_false(verdict.blind);
}

static void in_doubt_checks_follow_faster(void **state)
{
	struct sl_verdict verdict = {0};

	(void)state;
	assert_int_equal(sl_verdict_wait_ms(&verdict, &timing), 600);
	(void)sl_verdict_take(&verdict, &timing, SL_HEALTH_OK, START_MS);
	assert_int_equal(sl_verdict_wait_ms(&verdict, &timing), 2000);
	(void)sl_verdict_take(&verdict, &timing, SL_HEALTH_TIMEOUT, START_MS);
	assert_int_equal(sl_verdict_wait_ms(&verdict, &timing), 600);
	(void)sl_verdict_take(&verdict, &timing, SL_HEALTH_TIMEOUT, START_MS);
	(void)sl_verdict_take(&verdict, &timing, SL_HEALTH_TIMEOUT, START_MS);
	assert_int_equal(verdict.state, SL_HEALTH_DOWN);
	assert_int_equal(sl_verdict_wait_ms(&verdict, &timing), 2000);
	(void)sl_verdict_take(&verdict, &timing, SL_HEALTH_OK, START_MS);
	assert_int_equal(sl_verdict_wait_ms(&verdict, &timing), 600);
}

/* With rise and fall 1, a node that is good and bad in turn. Returns for how long it was down. */
static uint64_t turns(struct sl_verdict *verdict, const struct sl_health_timing *quick,
		      uint64_t *now, uint32_t count)
{
	uint64_t down_since = 0, longest = 0;

	for (uint32_t i = 0; i < count; i++, *now += 100) {
		(void)sl_verdict_take(verdict, quick, i % 2 ? SL_HEALTH_OK : SL_HEALTH_RESET, *now);
		if (verdict->state != SL_HEALTH_DOWN)
			down_since = 0;
		else if (!down_since)
			down_since = *now;
		if (down_since)
			longest = SL_MAX(longest, *now - down_since);
	}
	return longest;
}

static void a_node_that_flaps_is_held_down_longer_each_time(void **state)
{
	const struct sl_health_timing quick = {
		.interval_ms = 1000, .fast_ms = 100, .rise = 1, .fall = 1};
	struct sl_verdict verdict = {0};
	uint64_t now = START_MS;

	(void)state;
	(void)sl_verdict_take(&verdict, &quick, SL_HEALTH_OK, now);
	/* Five changes are allowed: three times down and twice up. */
	for (uint32_t i = 0; i < 5; i++, now += 100)
		assert_true(sl_verdict_take(&verdict, &quick,
					    i % 2 ? SL_HEALTH_OK : SL_HEALTH_RESET, now));
	assert_int_equal(verdict.held_ms, 0);
	assert_true(sl_verdict_take(&verdict, &quick, SL_HEALTH_OK, now));
	now += 100;
	assert_true(sl_verdict_take(&verdict, &quick, SL_HEALTH_RESET, now));
	assert_int_equal(verdict.held_ms, now + 10000);
	assert_false(sl_verdict_take(&verdict, &quick, SL_HEALTH_OK, now + 9999));
	assert_true(sl_verdict_take(&verdict, &quick, SL_HEALTH_OK, now + 10000));
	now += 10000;
	assert_true(sl_verdict_take(&verdict, &quick, SL_HEALTH_RESET, now));
	assert_int_equal(verdict.held_ms, now + 20000);
	/* Twice as long each time, up to five minutes. */
	assert_in_range(turns(&verdict, &quick, &now, 20000), SL_HOLD_MS_MAX - 200,
			SL_HOLD_MS_MAX + 200);
	assert_int_equal(verdict.hold_ms, SL_HOLD_MS_MAX);
}

static void patience_begins_anew_after_a_quiet_time(void **state)
{
	const struct sl_health_timing quick = {
		.interval_ms = 1000, .fast_ms = 100, .rise = 1, .fall = 1};
	struct sl_verdict verdict = {0};
	uint64_t now = START_MS;

	(void)state;
	(void)turns(&verdict, &quick, &now, 20);
	assert_true(verdict.hold_ms > 0);
	now += 10000;
	(void)sl_verdict_take(&verdict, &quick, SL_HEALTH_OK, now);
	assert_int_equal(verdict.state, SL_HEALTH_UP);
	now += 60000;
	assert_true(sl_verdict_take(&verdict, &quick, SL_HEALTH_RESET, now));
	assert_int_equal(verdict.held_ms, 0);
	assert_int_equal(verdict.hold_ms, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consecutive_results_count),
		cmocka_unit_test(a_check_that_cannot_run_changes_nothing),
		cmocka_unit_test(in_doubt_checks_follow_faster),
		cmocka_unit_test(a_node_that_flaps_is_held_down_longer_each_time),
		cmocka_unit_test(patience_begins_anew_after_a_quiet_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
