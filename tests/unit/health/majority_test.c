/* SPDX-License-Identifier: BSD-3-Clause */

/* What most members say of nodes. */

#include "health/majority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static struct sl_majority *majority;

static void say(const char *member, const char *text)
{
	assert_int_equal(sl_majority_say(majority, member, text), 0);
}

static struct sl_votes votes(const char *node)
{
	struct sl_votes found;

	sl_majority_count(majority, "web", node, &found);
	return found;
}

static bool is_away(const char *node)
{
	struct sl_votes found = votes(node);

	return sl_votes_carry(&found, found.down);
}

static int begin(void **state)
{
	(void)state;
	return sl_majority_create(&majority);
}

static int end(void **state)
{
	(void)state;
	sl_majority_destroy(majority);
	return 0;
}

static void more_than_half_must_say_so(void **state)
{
	(void)state;
	assert_int_equal(votes("a").members, 0);
	say("d1", "down web/a\n");
	assert_true(is_away("a"));
	say("d2", "");
	assert_false(is_away("a"));
	say("d3", "down web/a\ndown web/b\n");
	assert_true(is_away("a"));
	assert_false(is_away("b"));
	assert_false(is_away("c"));
	say("d4", "");
	assert_false(is_away("a"));
	say("d4", NULL);
	assert_true(is_away("a"));
	assert_int_equal(votes("a").members, 3);
}

static void who_has_yet_to_find_out_has_no_vote(void **state)
{
	(void)state;
	say("d1", "down web/a\n");
	say("d2", "unknown web/a\n");
	assert_true(is_away("a"));
	assert_int_equal(votes("a").members, 1);
	assert_int_equal(votes("b").members, 2);
	say("d1", "unknown web/a\n");
	assert_int_equal(votes("a").members, 0);
	assert_false(is_away("a"));
}

static void what_agents_ask_for_is_counted_beside(void **state)
{
	(void)state;
	say("d1", "drain web/a\n");
	say("d2", "maint web/a\ndown web/a\n");
	assert_int_equal(votes("a").drain, 1);
	assert_int_equal(votes("a").maint, 1);
	assert_int_equal(votes("a").down, 1);
}

static void who_says_so_is_told(void **state)
{
	char names[160];

	(void)state;
	say("d1", "down web/a\n");
	say("d2", "unknown web/a\n");
	say("d3", "down web/b\ndown web/a\n");
	sl_majority_who(majority, "web", "a", SL_SAYS_DOWN, names, sizeof(names));
	assert_string_equal(names, "d1, d3");
	assert_int_equal(sl_majority_down_at(majority, "d3"), 2);
	assert_int_equal(sl_majority_down_at(majority, "d2"), 0);
	assert_int_equal(sl_majority_down_at(majority, "d9"), UINT32_MAX);
	sl_majority_who(majority, "web", "a", SL_SAYS_DOWN, names, 6);
	assert_string_equal(names, "d1");
}

static void words_that_nobody_knows_mean_nothing(void **state)
{
	static char large[1 << 16];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	memcpy(large, "down ", 5);
	say("d1", large);
	say("d2", "sideways web/a\n\n\ndown\ndown web/a");
	say("d3", "down web/a\ndown web/a\n");
	assert_int_equal(votes("a").down, 2);
	assert_int_equal(sl_majority_down_at(majority, "d1"), 0);
	say(NULL, NULL);
	assert_int_equal(votes("a").members, 0);
}

/* The same as counting by hand, whoever comes, changes and goes. */
static void any_order_comes_to_the_same(void **state)
{
	bool there[16] = {false}, down[16][8] = {{false}};

	(void)state;
	srand(1);
	for (uint32_t turn = 0; turn < 2000; turn++) {
		uint32_t m = (uint32_t)rand() % 16;
		char name[16], text[256] = "";

		(void)snprintf(name, sizeof(name), "d%u", m);
		there[m] = rand() % 4 != 0;
		for (uint32_t n = 0; n < 8; n++) {
			down[m][n] = there[m] && rand() % 2;
			if (down[m][n])
				(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
					       "down web/n%u\n", n);
		}
		say(name, there[m] ? text : NULL);
		for (uint32_t n = 0; n < 8; n++) {
			uint32_t members = 0, count = 0;

			for (uint32_t i = 0; i < SL_ARRAY_COUNT(there); i++) {
				members += there[i];
				count += down[i][n];
			}
			(void)snprintf(text, sizeof(text), "n%u", n);
			assert_int_equal(votes(text).members, members);
			assert_int_equal(votes(text).down, count);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(more_than_half_must_say_so, begin, end),
		cmocka_unit_test_setup_teardown(who_has_yet_to_find_out_has_no_vote, begin, end),
		cmocka_unit_test_setup_teardown(what_agents_ask_for_is_counted_beside, begin, end),
		cmocka_unit_test_setup_teardown(who_says_so_is_told, begin, end),
		cmocka_unit_test_setup_teardown(words_that_nobody_knows_mean_nothing, begin, end),
		cmocka_unit_test_setup_teardown(any_order_comes_to_the_same, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
