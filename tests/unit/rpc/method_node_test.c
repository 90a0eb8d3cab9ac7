/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods that change nodes: what they take, what they refuse, what they answer. */

#include "talk.h"

static void a_weight_is_changed_and_answered(void **state)
{
	struct talk talk;
	json_t *result;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	result = talk_ask(&talk, &talk.root, "node.set_weight",
			  "{'pool': 'web', 'node': 'a', 'weight': 3, 'dry_run': true}");
	assert_int_equal(json_integer_value(json_object_get(result, "generation")), 1);
	result = talk_ask(&talk, &talk.root, "node.set_weight",
			  "{'pool': 'web', 'node': 'a', 'weight': 3}");
	assert_int_equal(json_integer_value(json_object_get(result, "generation")), 2);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(result, "moved_slots"), "web")),
		64);
	result = talk_ask(&talk, &talk.root, "node.set_weight",
			  "{'pool': 'web', 'node': 'a', 'weight': 1e-6}");
	assert_non_null(result);
	assert_int_equal(json_array_size(json_object_get(result, "warnings")), 1);
	talk_close(&talk);
}

static void what_is_no_change_is_refused(void **state)
{
	static const struct {
		const char *method, *params;
		int code;
		const char *words;
	} cases[] = {
		{"node.set_weight", "{'pool': 'web', 'node': 'a', 'weight': -1}",
		 SL_RPC_INVALID_VALUE, "weight -1"},
		{"node.set_weight", "{'pool': 'web', 'node': 'a', 'weight': 1000001}",
		 SL_RPC_INVALID_VALUE, "above the largest weight"},
		{"node.set_weight", "{'pool': 'web', 'node': 'a', 'weight': '5'}",
		 SL_RPC_INVALID_PARAMETER, "must be a number"},
		{"node.set_weight", "{'pool': 'web', 'node': 'a'}", SL_RPC_INVALID_PARAMETER,
		 "is missing"},
		{"node.set_weight", "{'pool': 'wbe', 'node': 'a', 'weight': 1}", SL_RPC_NOT_FOUND,
		 "did you mean 'web'"},
		{"node.enable", "{'pool': 'web', 'node': 'aa'}", SL_RPC_NOT_FOUND, "no node 'aa'"},
		{"node.enable", "{'pool': 'web', 'node': 'a', 'if_generation': 9}", SL_RPC_CONFLICT,
		 "generation"},
		{"node.drain", "{'pool': 'web', 'node': 'a', 'deadline': '1.5s'}",
		 SL_RPC_INVALID_VALUE, "no duration"},
		{"node.drain", "{'pool': 'web', 'node': 'a', 'deadline': ' 5s'}",
		 SL_RPC_INVALID_VALUE, "no duration"},
		{"node.add", "{'pool': 'web', 'node': 'c', 'worker': 0, 'keys': {'worker': 1}}",
		 SL_RPC_INVALID_VALUE, "given twice"},
		{"node.add", "{'pool': 'web', 'node': 'c', 'keys': {'worker': {}}}",
		 SL_RPC_INVALID_VALUE, "must be a string, a number"},
		{"node.add", "{'pool': 'web', 'node': 'a', 'worker': 0, 'weight': 1}",
		 SL_RPC_INVALID_VALUE, "a"},
		{"node.add", "{'pool': 'web', 'node': 'c', 'worker': 9, 'weight': 1}",
		 SL_RPC_INVALID_VALUE, "worker"},
	};
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		talk_refused(&talk, &talk.root, cases[i].method, cases[i].params, cases[i].code,
			     cases[i].words);
	talk_refused(&talk, &talk.guest, "node.enable", "{'pool': 'web', 'node': 'a'}",
		     SL_RPC_NOT_PERMITTED, "uid 1000 may not");
	talk_close(&talk);
}

static void a_node_comes_drains_and_goes(void **state)
{
	struct talk talk;
	json_t *result;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	assert_non_null(talk_ask(&talk, &talk.root, "node.add",
				 "{'pool': 'web', 'node': 'c', 'worker': 0, 'weight': 0.5, "
				 "'handler': 'sink'}"));
	result = talk_ask(&talk, &talk.root, "node.drain",
			  "{'pool': 'web', 'node': 'c', 'deadline': '2s'}");
	assert_non_null(json_object_get(json_object_get(result, "left"), "flows"));
	assert_non_null(talk_ask(&talk, &talk.root, "node.enable", "{'pool': '*', 'node': 'c'}"));
	assert_non_null(
		talk_ask(&talk, &talk.root, "node.disable", "{'pool': 'web', 'node': 'c'}"));
	assert_non_null(talk_ask(&talk, &talk.root, "node.remove",
				 "{'pool': 'web', 'node': 'c', 'now': true}"));
	talk_refused(&talk, &talk.root, "node.remove", "{'pool': 'web', 'node': 'c'}",
		     SL_RPC_NOT_FOUND, "c");
	talk_close(&talk);
}

/* As reading it in a file would warn, without the place. */
static void a_node_that_nobody_knows_the_way_to_comes_with_a_warning(void **state)
{
	static const char text[] = TALK_DATAPLANE TALK_POOL
		"ports: [{name: p0, device: net_null0, addresses: [192.0.2.2/24], gateway: "
		"{address: 192.0.2.1}}]\n"
		"services: [{name: rest, address: any, pool: web}]\n";
	struct talk talk;
	json_t *warnings;

	(void)state;
	talk_open(&talk, text);
	warnings = json_object_get(talk_ask(&talk, &talk.root, "node.add",
					    "{'pool': 'web', 'node': 'c', 'address': '10.0.0.3', "
					    "'encap': 'ipip', 'weight': 1, 'dry_run': true}"),
				   "warnings");
	assert_int_equal(json_array_size(warnings), 1);
	assert_string_equal(json_string_value(json_array_get(warnings, 0)),
			    "node `c` has no `mac`, and nobody asks for next hops on port `p0` "
			    "(`neighbors`): packets for it count as no_neighbor");
	warnings = json_object_get(
		talk_ask(&talk, &talk.root, "node.add",
			 "{'pool': 'web', 'node': 'c', 'address': '10.0.0.3', 'encap': 'ipip', "
			 "'mac': '02:00:00:00:00:03', 'weight': 1}"),
		"warnings");
	assert_int_equal(json_array_size(warnings), 0);
	warnings = json_object_get(talk_ask(&talk, &talk.root, "node.add",
					    "{'pool': 'web', 'node': 'd', 'address': '10.0.0.4', "
					    "'mac': '02:00:00:00:00:04', 'encap': 'ipip', "
					    "'weight': 0.0001}"),
				   "warnings");
	assert_int_equal(json_array_size(warnings), 1);
	assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), "less than one"));
	talk_close(&talk);
}

static void without_memory_it_is_refused(void **state)
{
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	talk_without_memory(&talk, "node.set_weight",
			    "{'pool': 'web', 'node': 'a', 'weight': 2, 'dry_run': true}");
	talk_close(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_weight_is_changed_and_answered),
		cmocka_unit_test(what_is_no_change_is_refused),
		cmocka_unit_test(a_node_comes_drains_and_goes),
		cmocka_unit_test(a_node_that_nobody_knows_the_way_to_comes_with_a_warning),
		cmocka_unit_test(without_memory_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
