/* SPDX-License-Identifier: BSD-3-Clause */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

static void test_a_pace_is_the_time_as_long_as_it_is_looked_at(void **state)
{
	struct sl_pace pace = {1000, 1000};

	(void)state;
	for (uint64_t real = 1000; real < 9000; real += 1 + real % SL_PACE_STALL_MS)
		assert_int_equal(sl_pace(&pace, real), real);
}

static void test_a_pace_stands_still_with_its_thread_and_then_catches_up(void **state)
{
	struct sl_pace pace = {1000, 1000};
	uint64_t real = 1000 + SL_PACE_STALL_MS + 1, before = 1000;

	(void)state;
	assert_int_equal(sl_pace(&pace, real), 1000);
	assert_int_equal(sl_pace(&pace, real + 100), 1125);
	real += 100;
	for (uint32_t i = 0; i < 4 * SL_PACE_STALL_MS; i++, before = pace.now_ms) {
		uint64_t now = sl_pace(&pace, ++real);

		assert_true(now >= before && now <= real);
	}
	assert_int_equal(pace.now_ms, real);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pace_is_the_time_as_long_as_it_is_looked_at),
		cmocka_unit_test(test_a_pace_stands_still_with_its_thread_and_then_catches_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
