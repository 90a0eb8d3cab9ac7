/* SPDX-License-Identifier: BSD-3-Clause */

/* A pool's slots: got and set, whole and in parts, and what is no table. */

#include "talk.h"

static json_t *words(uint32_t count, uint32_t from)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++)
		(void)json_array_append_new(list, json_integer((from + i) % 3 == 0));
	return list;
}

static json_t *set_params(json_t *table, uint32_t from, int more)
{
	return json_pack("{s:s, s:[s, s], s:o, s:i, s:b}", "pool", "web", "nodes", "a", "b",
			 "table", table, "from", (int)from, "more", more);
}

static void what_is_set_in_parts_is_got_in_parts(void **state)
{
	struct talk talk;
	json_t *result, *list;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	assert_non_null(talk_call(&talk, &talk.root, "table.set", set_params(words(100, 0), 0, 1)));
	assert_non_null(
		talk_call(&talk, &talk.root, "table.set", set_params(words(156, 100), 100, 0)));
	result = talk_ask(&talk, &talk.guest, "table.get", "{'pool': 'web', 'from': 90}");
	list = json_object_get(result, "table");
	assert_int_equal(json_array_size(list), 166);
	for (uint32_t i = 0; i < 166; i++)
		assert_int_equal(json_integer_value(json_array_get(list, i)), (90 + i) % 3 == 0);
	assert_null(json_object_get(result, "next"));
	result = talk_ask(&talk, &talk.guest, "table.get", "{'pool': 'web', 'count': 1}");
	assert_int_equal(json_integer_value(json_object_get(result, "next")), 1);
	talk_close(&talk);
}

static void what_is_no_table_is_refused(void **state)
{
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	talk_refused(&talk, &talk.guest, "table.get", "{'pool': 'web', 'count': 0}",
		     SL_RPC_INVALID_VALUE, "count must be 1 at least");
	talk_refused(&talk, &talk.guest, "table.get", "{'pool': 'web', 'from': 256}",
		     SL_RPC_INVALID_VALUE, "beyond the pool's 256 slots");
	talk_refused(&talk, &talk.guest, "table.get", "{'pool': 'wbe'}", SL_RPC_NOT_FOUND,
		     "did you mean \"web\"");
	talk_refused(&talk, &talk.guest, "table.get", "{'pool': 'web', 'kind': 'x'}",
		     SL_RPC_INVALID_VALUE, "home, used");
	talk_refused(&talk, &talk.root, "table.set", "{'pool': 'web', 'nodes': [], 'table': [0]}",
		     SL_RPC_INVALID_VALUE, "slot 0: must be -1, since nodes names nobody");
	talk_refused(&talk, &talk.root, "table.set",
		     "{'pool': 'web', 'nodes': ['a'], 'table': [-1, 1]}", SL_RPC_INVALID_VALUE,
		     "slot 1: must be a place in nodes (0 to 0), or -1");
	talk_refused(&talk, &talk.root, "table.set",
		     "{'pool': 'web', 'nodes': ['a'], 'table': [0], 'from': 5}",
		     SL_RPC_INVALID_VALUE, "does not go on");
	talk_refused(&talk, &talk.root, "table.set",
		     "{'pool': 'web', 'nodes': ['a'], 'table': [0]}", SL_RPC_INVALID_VALUE, "256");
	talk_refused(&talk, &talk.guest, "table.set",
		     "{'pool': 'web', 'nodes': ['a'], 'table': [0]}", SL_RPC_NOT_PERMITTED,
		     "may not");
	talk_close(&talk);
}

static void without_memory_it_is_refused(void **state)
{
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	talk_without_memory(&talk, "table.get", "{'pool': 'web', 'count': 4}");
	talk_close(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_set_in_parts_is_got_in_parts),
		cmocka_unit_test(what_is_no_table_is_refused),
		cmocka_unit_test(without_memory_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
