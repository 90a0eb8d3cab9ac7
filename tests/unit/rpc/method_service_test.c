/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods that change services: one comes, is pointed elsewhere, narrowed and taken away; what cannot be
 * is refused in words; what was is what a rollback brings back. */

#include "talk.h"

#define TEXT                                                                                       \
	TALK_DATAPLANE                                                                             \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: "                       \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"                                     \
	"services: [{name: rest, address: any, pool: web}, {name: dns, address: 192.0.2.53, "      \
	"protocol: udp, ports: [53], pool: web}]\n"                                                \
	"pools: [{name: web, slots: 256, flow_entries: 1024, nodes: [{name: a, worker: 0, "        \
	"handler: sink, weight: 1}]}, {name: canary, slots: 256, flow_entries: 1024, nodes: "      \
	"[{name: c, worker: 1, handler: sink, weight: 1}]}]\n"

#define HTTPS                                                                                      \
	"{'service': 'https', 'address': '192.0.2.10', 'protocol': 'tcp', 'ports': [443, "         \
	"'8000-8099'], 'pool': 'web'"

static void shows(struct talk *talk, const char *name, const char *pool, const char *ports)
{
	json_t *all = json_object_get(talk_ask(talk, &talk->root, "services", "{}"), "services");
	const json_t *row = json_object_get(all, name);
	char *text = json_dumps(json_object_get(row, "ports"), JSON_COMPACT);

	assert_string_equal(json_string_value(json_object_get(row, "pool")), pool);
	assert_string_equal(text ? text : "", ports);
	free(text);
}

static json_int_t generation(struct talk *talk, const char *method, const char *params)
{
	const json_t *result = talk_ask(talk, &talk->root, method, params);

	if (!result)
		fail_msg("%s", json_string_value(json_object_get(
				       json_object_get(talk->answer, "error"), "message")));
	return json_integer_value(json_object_get(result, "generation"));
}

static void a_service_comes_changes_and_goes(void **state)
{
	struct talk talk;
	json_t *all;

	(void)state;
	talk_open(&talk, TEXT);
	assert_int_equal(generation(&talk, "service.add", HTTPS ", 'dry_run': true}"), 1);
	assert_int_equal(generation(&talk, "service.add", HTTPS ", 'if_generation': 1}"), 2);
	shows(&talk, "https", "web", "[443,\"8000-8099\"]");
	assert_int_equal(generation(&talk, "service.set", "{'service': 'https', 'pool': 'canary'}"),
			 3);
	shows(&talk, "https", "canary", "[443,\"8000-8099\"]");
	assert_int_equal(generation(&talk, "service.set",
				    "{'service': 'https', 'keys': {'ports': '443, 444'}}"),
			 4);
	shows(&talk, "https", "canary", "[443,444]");
	assert_int_equal(
		generation(&talk, "service.set", "{'service': 'https', 'keys': {'ports': ''}}"), 5);
	shows(&talk, "https", "canary", "");
	assert_int_equal(generation(&talk, "service.remove", "{'service': 'https'}"), 6);
	all = json_object_get(talk_ask(&talk, &talk.root, "services", "{}"), "services");
	assert_int_equal(json_object_size(all), 2);
	assert_int_equal(generation(&talk, "rollback", "{'generation': 4}"), 7);
	shows(&talk, "https", "canary", "[443,444]");
	assert_int_equal(generation(&talk, "rollback", "{'generation': 1}"), 8);
	all = json_object_get(talk_ask(&talk, &talk.root, "services", "{}"), "services");
	assert_int_equal(json_object_size(all), 2);
	talk_close(&talk);
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *method, *params;
		int code;
		const char *words;
	} cases[] = {
		{"service.add", "{'service': 'rest', 'address': '192.0.2.9', 'pool': 'web'}",
		 SL_RPC_INVALID_VALUE, "there is a service 'rest' already"},
		{"service.add", "{'service': 'x', 'address': '192.0.2.9'}", SL_RPC_INVALID_VALUE,
		 "`pool` is missing"},
		{"service.add", "{'service': 'x', 'address': '192.0.2.9', 'pool': 'wbe'}",
		 SL_RPC_INVALID_VALUE, "did you mean `web`"},
		{"service.add",
		 "{'service': 'x', 'address': '192.0.2.53', 'protocol': 'udp', 'ports': [53], "
		 "'pool': 'web'}",
		 SL_RPC_INVALID_VALUE, "takes the same packets as `dns`: same address"},
		{"service.add", "{'service': 'x y', 'address': '192.0.2.9', 'pool': 'web'}",
		 SL_RPC_INVALID_VALUE, "`name` takes a name"},
		{"service.add", "{'service': 'x', 'keys': {'adress': '192.0.2.9'}, 'pool': 'web'}",
		 SL_RPC_INVALID_VALUE, "did you mean `address`"},
		{"service.add",
		 "{'service': 'x', 'address': '192.0.2.9', 'pool': 'web', 'ports': [80]}",
		 SL_RPC_INVALID_VALUE, "`ports` need a `protocol`"},
		{"service.add",
		 "{'service': 'x', 'address': '192.0.2.9', 'pool': 'web', 'ports': [[80]]}",
		 SL_RPC_INVALID_VALUE, "the value of key \"ports\""},
		{"service.set", "{'service': 'dsn', 'pool': 'canary'}", SL_RPC_NOT_FOUND,
		 "there is no service 'dsn', did you mean 'dns'?"},
		{"service.set", "{'service': 'dns', 'keys': {'pool': ''}}", SL_RPC_INVALID_VALUE,
		 "`pool` is missing"},
		{"service.set", "{'service': 'dns', 'keys': {'protocol': ''}}",
		 SL_RPC_INVALID_VALUE, "`ports` need a `protocol`"},
		{"service.set", "{'service': 'dns', 'pool': 'canary', 'if_generation': 9}",
		 SL_RPC_CONFLICT, "generation"},
		{"service.remove", "{'service': 'nix'}", SL_RPC_NOT_FOUND, "no service 'nix'"},
	};
	struct talk talk;

	(void)state;
	talk_open(&talk, TEXT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		talk_refused(&talk, &talk.root, cases[i].method, cases[i].params, cases[i].code,
			     cases[i].words);
	talk_refused(&talk, &talk.guest, "service.remove", "{'service': 'dns'}",
		     SL_RPC_NOT_PERMITTED, "uid 1000 may not");
	(void)generation(&talk, "service.remove", "{'service': 'dns'}");
	talk_refused(&talk, &talk.root, "service.remove", "{'service': 'rest'}",
		     SL_RPC_INVALID_VALUE, "the last one");
	talk_close(&talk);
}

/* As a file would warn. */
static void a_service_that_covers_a_network_comes_with_a_warning(void **state)
{
	struct talk talk;
	const json_t *warnings;

	(void)state;
	talk_open(&talk, TEXT);
	warnings = json_object_get(talk_ask(&talk, &talk.root, "service.add",
					    "{'service': 'net', 'address': '192.0.2.0/24', "
					    "'pool': 'web'}"),
				   "warnings");
	assert_int_equal(json_array_size(warnings), 1);
	assert_non_null(
		strstr(json_string_value(json_array_get(warnings, 0)), "the network of port `p0`"));
	talk_close(&talk);
}

static void without_memory_it_is_refused(void **state)
{
	struct talk talk;

	(void)state;
	talk_open(&talk, TEXT);
	talk_without_memory(&talk, "service.add", HTTPS ", 'dry_run': true}");
	talk_close(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_comes_changes_and_goes),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(a_service_that_covers_a_network_comes_with_a_warning),
		cmocka_unit_test(without_memory_it_is_refused),
	};

	return cmocka_run_group_tests_name("rpc method_service", tests, NULL, NULL);
}
