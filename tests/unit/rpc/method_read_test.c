/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods that only read: parts, names that are not there, history of any length. */

#include "talk.h"

#include <stdio.h>

static json_int_t integer_at(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void every_reading_method_answers_a_guest(void **state)
{
	static const char *const methods[] = {"status", "pools",   "nodes",  "services",
					      "stats",	"history", "events", "log.level"};
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		assert_non_null(talk_ask(&talk, &talk.guest, methods[i], "{}"));
	talk_refused(&talk, &talk.guest, "log.level", "{'level': 'debug'}", SL_RPC_NOT_PERMITTED,
		     "changes things");
	talk_refused(&talk, &talk.root, "log.level", "{'level': 'loud'}", SL_RPC_INVALID_VALUE,
		     "error, warning, notice");
	talk_refused(&talk, &talk.guest, "nodes", "{'pool': 'wbe'}", SL_RPC_NOT_FOUND,
		     "did you mean \"web\"");
	talk_close(&talk);
}

static void nodes_and_services_come_in_parts(void **state)
{
	struct talk talk;
	json_t *result;

	(void)state;
	talk_open(&talk,
		  TALK_DATAPLANE "ports: [{name: p0, device: d}]\n"
				 "services: [{name: one, address: 192.0.2.1, pool: web}, "
				 "{name: two, address: 192.0.2.2, pool: web}, "
				 "{name: three, address: 192.0.2.3, pool: web}]\n" TALK_POOL);
	result = talk_ask(&talk, &talk.guest, "services", "{'count': 2}");
	assert_int_equal(json_object_size(json_object_get(result, "services")), 2);
	assert_int_equal(integer_at(result, "next"), 2);
	result = talk_ask(&talk, &talk.guest, "services", "{'from': 2, 'count': 2}");
	assert_int_equal(json_object_size(json_object_get(result, "services")), 1);
	assert_null(json_object_get(result, "next"));
	result = talk_ask(&talk, &talk.guest, "services", "{'from': 9}");
	assert_int_equal(json_object_size(json_object_get(result, "services")), 0);
	result = talk_ask(&talk, &talk.guest, "nodes", "{'pool': 'web', 'count': 1}");
	assert_int_equal(json_object_size(json_object_get(result, "nodes")), 1);
	assert_int_equal(integer_at(result, "next"), 1);
	talk_refused(&talk, &talk.guest, "services", "{'count': 0}", SL_RPC_INVALID_VALUE,
		     "1 at least");
	talk_close(&talk);
}

static void make_history(struct talk *talk, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(fixture_weight(&talk->model, "web", "a", 1 + i % 2), 0);
}

static void history_comes_in_parts_that_fit_a_line(void **state)
{
	struct talk talk;
	json_t *result, *list;
	json_int_t from = 0, seen = 0;
	char params[64];
	uint32_t parts = 0;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	make_history(&talk, 3000);
	do {
		size_t i;
		json_t *line;

		(void)snprintf(params, sizeof(params), "{'from': %lld, 'count': 2500}",
			       (long long)from);
		result = talk_ask(&talk, &talk.guest, "history", params);
		list = json_object_get(result, "history");
		assert_true(json_dumpb(talk.answer, NULL, 0, JSON_COMPACT) < SL_SERVER_LINE_MAX);
		json_array_foreach(list, i, line)
			assert_int_equal(integer_at(line, "generation"), ++seen);
		from = integer_at(result, "next");
		parts++;
	} while (from > 0);
	assert_int_equal(seen, 3001);
	assert_true(parts >= 2);
	result = talk_ask(&talk, &talk.guest, "history", "{'limit': 2}");
	list = json_object_get(result, "history");
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(integer_at(json_array_get(list, 1), "generation"), 3001);
	result = talk_ask(&talk, &talk.guest, "history", "{'limit': 0}");
	assert_int_equal(json_array_size(json_object_get(result, "history")), 0);
	talk_close(&talk);
}

static uint32_t resets; /* of handlers, each counts once */
static uint32_t readings;
static struct sl_result_bounds bounds_of[2]; /* of the last readings */

static int read_nothing(void *context, uint32_t index, const struct sl_result_bounds *bounds,
			struct sl_result_set *set)
{
	(void)context;
	(void)index;
	bounds_of[readings++ % 2] = *bounds;
	*set = (struct sl_result_set){.form = {SL_RESULT_SRC, 0}, .total = {.packets = 1}};
	return 0;
}

static int reset_one(void *context, uint32_t index, uint64_t until_ms)
{
	(void)context;
	(void)index;
	assert_int_equal(until_ms, bounds_of[0].until_ms);
	resets++;
	return 0;
}

static void results_are_reset_on_every_node_by_those_who_may(void **state)
{
	const char *again = "{'pool': 'web', 'reset': true, 'if_generation': 1}";
	struct talk talk;
	json_t *answer;

	(void)state;
	resets = 0;
	talk_open(&talk, TALK_TEXT);
	talk.scope.results = (struct sl_result_source){.read = read_nothing, .reset = reset_one};
	talk_refused(&talk, &talk.guest, "results", "{'pool': 'web', 'reset': true}",
		     SL_RPC_NOT_PERMITTED, "may not");
	assert_non_null(talk_ask(&talk, &talk.guest, "results", "{'pool': 'web'}"));
	answer = talk_ask(&talk, &talk.root, "results",
			  "{'pool': 'web', 'reset': true, 'dry_run': true}");
	assert_int_equal(integer_at(answer, "generation"), 1);
	assert_int_equal(resets, 0);
	answer = talk_ask(&talk, &talk.root, "results", again);
	assert_int_equal(integer_at(answer, "generation"), 2);
	assert_int_equal(integer_at(json_object_get(answer, "total"), "packets"), 2);
	assert_int_equal(resets, 2);
	talk_refused(&talk, &talk.root, "results", again, SL_RPC_CONFLICT, "generation is 2");
	talk_refused(&talk, &talk.root, "results", "{'pool': 'web', 'reset': true, 'key': '::1'}",
		     SL_RPC_INVALID_VALUE, "leave out key");
	assert_int_equal(resets, 2);
	talk_close(&talk);
}

static void results_are_read_within_one_time_and_guests_have_less(void **state)
{
	struct sl_result_bounds root;
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	talk.scope.results = (struct sl_result_source){.read = read_nothing, .reset = reset_one};
	assert_non_null(talk_ask(&talk, &talk.root, "results", "{'pool': 'web'}"));
	assert_int_equal(readings % 2, 0);
	assert_int_equal(bounds_of[0].until_ms, bounds_of[1].until_ms);
	root = bounds_of[0];
	assert_non_null(talk_ask(&talk, &talk.guest, "results", "{'pool': 'web'}"));
	assert_true(bounds_of[0].keys < root.keys);
	talk_refused(&talk, &talk.guest, "results", "{'pool': 'web', 'key': 'nix'}",
		     SL_RPC_INVALID_VALUE, "counts by src");
	talk_close(&talk);
}

static void without_memory_they_are_refused(void **state)
{
	static const char *const methods[] = {"status",	  "pools", "nodes",
					      "services", "stats", "history"};
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		talk_without_memory(&talk, methods[i], "{}");
	talk_close(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reading_method_answers_a_guest),
		cmocka_unit_test(nodes_and_services_come_in_parts),
		cmocka_unit_test(history_comes_in_parts_that_fit_a_line),
		cmocka_unit_test(results_are_reset_on_every_node_by_those_who_may),
		cmocka_unit_test(results_are_read_within_one_time_and_guests_have_less),
		cmocka_unit_test(without_memory_they_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
