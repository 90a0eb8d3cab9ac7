/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char last[2048];
static enum sl_log_level last_level;
static int lines;

static void keep(enum sl_log_level level, const char *line, void *context)
{
	assert_ptr_equal(context, &lines);
	last_level = level;
	(void)strncpy(last, line, sizeof(last) - 1);
	lines++;
}

static int setup(void **state)
{
	(void)state;
	lines = 0;
	sl_log_sink_set(keep, &lines);
	sl_log_level_set(SL_LOG_INFO);
	return 0;
}

static void a_line_reaches_the_sink_with_its_level(void **state)
{
	(void)state;
	sl_log(SL_LOG_WARNING, "port %s has %d queues", "p0", 1);
	assert_int_equal(lines, 1);
	assert_int_equal(last_level, SL_LOG_WARNING);
	assert_string_equal(last, "port p0 has 1 queues");
}

static void what_is_below_the_level_is_not_written(void **state)
{
	(void)state;
	sl_log(SL_LOG_DEBUG, "quiet");
	assert_int_equal(lines, 0);
	sl_log(SL_LOG_INFO, "heard");
	assert_int_equal(lines, 1);
	sl_log_level_set(SL_LOG_ERROR);
	assert_int_equal(sl_log_level_get(), SL_LOG_ERROR);
	sl_log(SL_LOG_WARNING, "quiet");
	assert_int_equal(lines, 1);
}

static void without_a_sink_nothing_happens(void **state)
{
	(void)state;
	sl_log_sink_set(NULL, NULL);
	sl_log(SL_LOG_ERROR, "unheard");
	assert_int_equal(lines, 0);
}

static void a_message_is_one_line_of_a_thousand_characters_at_most(void **state)
{
	char text[2000];

	(void)state;
	sl_log(SL_LOG_ERROR, "two\nlines\r\n");
	assert_string_equal(last, "two lines  ");
	memset(text, 'x', sizeof(text));
	text[1000] = '\0';
	sl_log(SL_LOG_ERROR, "%s", text);
	assert_int_equal(strlen(last), 1000);
	text[1000] = 'x';
	text[1001] = '\0';
	sl_log(SL_LOG_ERROR, "%s", text);
	assert_int_equal(strlen(last), 1000);
}

static void levels_have_names_both_ways(void **state)
{
	static const char *names[] = {"error", "warning", "notice", "info", "debug"};

	(void)state;
	for (int i = 0; i < 5; i++) {
		enum sl_log_level level;

		assert_int_equal(sl_log_level_parse(names[i], &level), 0);
		assert_int_equal(level, 3 + i);
		assert_string_equal(sl_log_level_name(level), names[i]);
	}
	{
		enum sl_log_level level = SL_LOG_INFO;

		assert_int_equal(sl_log_level_parse("Info", &level), -EINVAL);
		assert_int_equal(sl_log_level_parse("", &level), -EINVAL);
		assert_int_equal(level, SL_LOG_INFO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_reaches_the_sink_with_its_level, setup),
		cmocka_unit_test_setup(what_is_below_the_level_is_not_written, setup),
		cmocka_unit_test_setup(without_a_sink_nothing_happens, setup),
		cmocka_unit_test_setup(a_message_is_one_line_of_a_thousand_characters_at_most,
				       setup),
		cmocka_unit_test_setup(levels_have_names_both_ways, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
