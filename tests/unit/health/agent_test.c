/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/agent.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "image/pool.h"

static bool same(const struct sl_agent_word *a, const struct sl_agent_word *b)
{
	return a->percent_set == b->percent_set && a->percent == b->percent &&
	       a->ready == b->ready && a->drain == b->drain && a->maint == b->maint &&
	       a->up == b->up && a->down == b->down;
}

static void words_are_what_the_manual_says(void **state)
{
	static const struct {
		const char *line;
		struct sl_agent_word word;
	} cases[] = {
		{"75%", {.percent_set = true, .percent = 75}},
		{"0% up\n", {.percent_set = true, .percent = 0, .up = true}},
		{"ready 100%", {.ready = true, .percent_set = true, .percent = 100}},
		{"drain", {.drain = true}},
		{"maint,up", {.maint = true, .up = true}},
		{"down#out of disk", {.down = true}},
		{"\tfailed # ready", {.down = true}},
		{"stopped maxconn:30", {.down = true}},
		{"drain ready", {.ready = true}},
		{"256%", {.percent_set = true, .percent = 256}},
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(cases); i++) {
		struct sl_agent_word word;

		assert_int_equal(sl_agent_parse(cases[i].line, strlen(cases[i].line), &word), 0);
		assert_true(same(&word, &cases[i].word));
	}
}

static void what_is_no_word_is_refused(void **state)
{
	static const char *const lines[] = {"",	 "\n", "257%",	"-1%", "1e2%",
					    "%", "UP", "hello", "#up", "1000%"};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(lines); i++) {
		struct sl_agent_word word = {.up = true}, before = word;

		assert_int_equal(sl_agent_parse(lines[i], strlen(lines[i]), &word), -EINVAL);
		assert_true(same(&word, &before));
	}
}

static void an_agent_takes_away_until_it_gives_back(void **state)
{
	static const struct {
		const char *line;
		uint8_t asks;
	} lines[] = {
		{"0%", SL_HAND_DRAINING},
		{"up", SL_HAND_DRAINING},
		{"ready", SL_HAND_DRAINING}, /* of drain and maint; it has no weight */
		{"1%", SL_HAND_UP},
		{"drain", SL_HAND_DRAINING},
		{"50%", SL_HAND_DRAINING}, /* ready alone ends it */
		{"0%", SL_HAND_DRAINING},
		{"100%", SL_HAND_DRAINING},
		{"up", SL_HAND_DRAINING},
		{"ready", SL_HAND_UP},
		{"maint 50%", SL_HAND_DISABLED},
		{"0%", SL_HAND_DISABLED},
		{"100%", SL_HAND_DISABLED},
		{"drain", SL_HAND_DRAINING},
		{"0% ready", SL_HAND_DRAINING},
		{"75%", SL_HAND_UP},
		{"down", SL_HAND_UP},
		{"drain 50%", SL_HAND_DRAINING},
		{"ready 0%", SL_HAND_DRAINING},
		{"100% ready", SL_HAND_UP},
	};
	struct sl_agent_asked asked = {0};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(lines); i++) {
		struct sl_agent_word word;

		assert_int_equal(sl_agent_parse(lines[i].line, strlen(lines[i].line), &word), 0);
		assert_int_equal(sl_agent_asks(&asked, &word), lines[i].asks);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_what_the_manual_says),
		cmocka_unit_test(what_is_no_word_is_refused),
		cmocka_unit_test(an_agent_takes_away_until_it_gives_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
