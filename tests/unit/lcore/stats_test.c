/* SPDX-License-Identifier: BSD-3-Clause */

/* What is counted adds up. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lcore/stats.h"

static void what_was_received_is_somewhere_or_in_flight(void **state)
{
	struct sl_worker_stats worker[2] = {{.delivered = 30}, {.delivered = 4}};
	struct sl_worker_stats *workers[2] = {&worker[0], &worker[1]};
	struct sl_core_stats *cores[2];
	struct sl_balance balance;

	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(sl_core_stats_create(&cores[i]), 0);
		cores[i]->received = 100;
		cores[i]->forwarded = 20 + i;
		cores[i]->punted = 3;
		cores[i]->dropped[SL_DROP_NO_NODE] = 5;
	}
	cores[1]->dropped[SL_DROP_TOO_BIG] = 7;
	sl_stats_balance(cores, 2, workers, 2, &balance);
	assert_int_equal(balance.received, 200);
	assert_int_equal(balance.delivered, 34);
	assert_int_equal(balance.forwarded, 41);
	assert_int_equal(balance.punted, 6);
	assert_int_equal(balance.drops[SL_DROP_NO_NODE], 10);
	assert_int_equal(balance.drops[SL_DROP_TOO_BIG], 7);
	assert_int_equal(balance.dropped, 17);
	assert_int_equal(balance.in_flight, 200 - 34 - 41 - 6 - 17);
	for (uint32_t i = 0; i < 2; i++)
		sl_core_stats_destroy(cores[i]);
}

static void every_reason_has_a_name_of_its_own(void **state)
{
	for (uint32_t i = 0; i < SL_DROP_COUNT; i++) {
		assert_string_not_equal(sl_drop_name(i), "unknown");
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(sl_drop_name(i), sl_drop_name(k));
	}
	assert_string_equal(sl_drop_name(SL_DROP_COUNT), "unknown");
}

/* A power of two is the last of its bucket. */
static void depths_are_counted_by_powers_of_two(void **state)
{
	static const uint32_t found[] = {1, 2, 3, 4, 5, 8, 9, 1u << 24};
	static const uint64_t wanted[SL_DEPTHS] = {1, 1, 2, 2, 1, [24] = 1};
	struct sl_depths depths = {0};
	uint64_t packets = 0;

	for (uint32_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		sl_depths_add(&depths, found[i]);
		packets += found[i];
	}
	assert_memory_equal(depths.times, wanted, sizeof(wanted));
	assert_int_equal(depths.packets, packets);
}

static void an_addition_is_read(void **state)
{
	uint64_t counter = 5;

	sl_stats_add(&counter, 3);
	assert_int_equal(sl_stats_read(&counter), 8);
	sl_core_stats_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_received_is_somewhere_or_in_flight),
		cmocka_unit_test(every_reason_has_a_name_of_its_own),
		cmocka_unit_test(an_addition_is_read),
		cmocka_unit_test(depths_are_counted_by_powers_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
