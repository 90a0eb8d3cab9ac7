/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel knows how long a thread's turns are, and nothing else of it changes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "io/eal.h"
#include "io/turn.h"
#include "support/turn.h"

static void turns_become_long_and_short(void **state)
{
	(void)state;
	if (turn_ns() == 0)
		skip();
	sl_turn_long();
	assert_int_equal(turn_ns(), 100000000);
	sl_turn_short();
	assert_int_equal(turn_ns(), 100000);
}

static void a_thread_stays_as_nice_as_it_was(void **state)
{
	(void)state;
	assert_int_equal(setpriority(PRIO_PROCESS, 0, 3), 0);
	sl_turn_long();
	assert_int_equal(getpriority(PRIO_PROCESS, 0), 3);
}

static void threads_that_are_no_lcores_have_no_mates(void **state)
{
	(void)state;
	assert_int_equal(sl_eal_mates(), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_become_long_and_short),
		cmocka_unit_test(a_thread_stays_as_nice_as_it_was),
		cmocka_unit_test(threads_that_are_no_lcores_have_no_mates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
