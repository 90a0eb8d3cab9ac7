/* SPDX-License-Identifier: BSD-3-Clause */

/* The limit on repeated log lines, with a fake clock. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"

static uint64_t now_ms = 1000000;
static uint32_t lines;
static char last[1024];

uint64_t sl_clock_ms(void)
{
	return now_ms;
}

static void take(enum sl_log_level level, const char *line, void *context)
{
	(void)level;
	(void)context;
	lines++;
	(void)snprintf(last, sizeof(last), "%s", line);
}

static int setup(void **state)
{
	(void)state;
	sl_log_sink_set(take, NULL);
	sl_log_level_set(SL_LOG_INFO);
	lines = 0;
	now_ms += 1000000;
	return 0;
}

static void repeated_lines_are_limited_and_counted(void **state)
{
	static const char format[] = "again %d";

	(void)state;
	for (int i = 0; i < 150; i++)
		sl_log(SL_LOG_WARNING, format, i);
	assert_int_equal(lines, 100);
	assert_string_equal(last, "again 99");
	now_ms += 9999;
	sl_log(SL_LOG_WARNING, format, 0);
	assert_int_equal(lines, 100);
	now_ms += 1;
	sl_log(SL_LOG_WARNING, format, 7);
	assert_int_equal(lines, 102);
	assert_string_equal(last, "again 7");
}

static void what_was_left_out_is_told_without_another_line(void **state)
{
	static const char format[] = "once more %d";

	(void)state;
	for (int i = 0; i < 103; i++)
		sl_log(SL_LOG_WARNING, format, i);
	sl_log_tick();
	assert_int_equal(lines, 100);
	now_ms += 10000;
	sl_log_tick();
	assert_int_equal(lines, 101);
	assert_string_equal(last, "(3 more lines like these were left out)");
	sl_log_tick();
	assert_int_equal(lines, 101);
}

static void lines_of_a_list_are_all_told(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		sl_log_each(SL_LOG_ERROR, "entry %d", i);
	assert_int_equal(lines, 1000);
	assert_string_equal(last, "entry 999");
	sl_log_each(SL_LOG_DEBUG, "below the level");
	assert_int_equal(lines, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(repeated_lines_are_limited_and_counted, setup),
		cmocka_unit_test_setup(what_was_left_out_is_told_without_another_line, setup),
		cmocka_unit_test_setup(lines_of_a_list_are_all_told, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
