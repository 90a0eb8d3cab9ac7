/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration as a whole: what is told of it, to whom, and texts in parts. */

#include "talk.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "00112233445566778899aabbccddeeff"

static json_t *text_params(const char *text)
{
	return json_pack("{s:s}", "text", text);
}

static void the_hash_key_is_shown_to_those_who_may_change_things(void **state)
{
	struct talk talk;
	const char *text;

	(void)state;
	talk_open(&talk,
		  "dataplane: {worker_cpus: [0, 0], hash_key: \"" KEY "\"}\n" TALK_REST TALK_POOL);
	text = json_string_value(
		json_object_get(talk_ask(&talk, &talk.root, "config.get", "{}"), "text"));
	assert_non_null(strstr(text, KEY));
	text = json_string_value(
		json_object_get(talk_ask(&talk, &talk.guest, "config.get", "{}"), "text"));
	assert_null(strstr(text, KEY));
	assert_non_null(strstr(text, "hash_key: \"***\""));
	talk_close(&talk);
}

static void a_text_comes_in_parts_that_make_the_whole(void **state)
{
	struct talk talk;
	json_t *result;
	char whole[8192] = "", params[64];
	json_int_t from = 0;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	do {
		(void)snprintf(params, sizeof(params), "{'from': %lld, 'count': 7}",
			       (long long)from);
		result = talk_ask(&talk, &talk.guest, "config.get", params);
		strcat(whole, json_string_value(json_object_get(result, "text")));
		from = json_integer_value(json_object_get(result, "next"));
	} while (from > 0);
	result = talk_ask(&talk, &talk.guest, "config.get", "{}");
	assert_string_equal(whole, json_string_value(json_object_get(result, "text")));
	talk_refused(&talk, &talk.guest, "config.get", "{'count': 0}", SL_RPC_INVALID_VALUE,
		     "count must be 1 at least");
	talk_close(&talk);
}

static void every_warning_is_answered_with_its_place(void **state)
{
	static const char text[] =
		TALK_DATAPLANE TALK_REST "pools:\n"
					 "  - {name: web, slots: 256, nodes: [{name: a, worker: 0, "
					 "handler: sink, weight: 1000},\n"
					 "      {name: b, worker: 1, handler: sink, weight: 1},\n"
					 "      {name: c, worker: 1, handler: sink, weight: 2}]}\n";
	static const char *const methods[] = {"config.check", "config.diff", "config.apply"};
	const char *first, *second;
	struct talk talk;
	json_t *list;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	for (size_t i = 0; i < 3; i++) {
		list = json_object_get(talk_call(&talk, &talk.root, methods[i], text_params(text)),
				       "warnings");
		assert_int_equal(json_array_size(list), 2);
		first = json_string_value(json_array_get(list, 0));
		second = json_string_value(json_array_get(list, 1));
		assert_non_null(strstr(first, "line 6, column"));
		assert_non_null(strstr(first, "`b`"));
		assert_non_null(strstr(second, "line 7, column"));
		assert_non_null(strstr(second, "`c`"));
	}
	talk_close(&talk);
}

static void a_guest_tries_no_more_slots_than_there_is_room_for(void **state)
{
	static const char head[] = TALK_DATAPLANE TALK_REST "pools:\n  - {name: web, slots: 256}\n";
	char text[4096];
	struct talk talk;
	const json_t *error;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	strcpy(text, head);
	for (uint32_t i = 0; i < SL_SLOTS_REHEARSED_MAX / SL_SLOTS_MAX; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "  - {name: q%u, slots: %d}\n", i, SL_SLOTS_MAX);
	assert_null(talk_call(&talk, &talk.guest, "config.check", text_params(text)));
	error = json_object_get(talk.answer, "error");
	assert_int_equal(json_integer_value(json_object_get(error, "code")), SL_RPC_NOT_PERMITTED);
	assert_non_null(talk_call(&talk, &talk.root, "config.check", text_params(text)));
	*strrchr(text, '-') = '#'; /* one pool less */
	assert_non_null(talk_call(&talk, &talk.guest, "config.check", text_params(text)));
	talk_close(&talk);
}

static void clients_send_parts_at_the_same_time(void **state)
{
	static const char text[] = TALK_TEXT;
	struct sl_peer other = {.pid = 9, .may_change = true}, many[SL_STAGES_MAX];
	const struct sl_peer *both[2];
	size_t half = sizeof(text) / 2;
	struct talk talk;
	char more[] = "{'text': 'a', 'more': true}";

	(void)state;
	talk_open(&talk, TALK_TEXT);
	both[0] = &talk.root;
	both[1] = &other;
	for (int i = 0; i < 2; i++)
		assert_non_null(talk_call(&talk, both[i], "config.apply",
					  json_pack("{s:s%, s:b}", "text", text, half, "more", 1)));
	for (int i = 0; i < 2; i++)
		assert_non_null(talk_call(
			&talk, both[i], "config.apply",
			json_pack("{s:s, s:I}", "text", text + half, "from", (json_int_t)half)));
	talk_refused(&talk, &other, "config.apply", "{'text': 'a', 'from': 4}",
		     SL_RPC_INVALID_VALUE, "does not go on");
	talk_refused(&talk, &talk.guest, "config.check", more, SL_RPC_NOT_PERMITTED, "in parts");
	for (uint32_t i = 0; i < SL_STAGES_MAX; i++) {
		many[i] = other;
		assert_non_null(talk_ask(&talk, &many[i], "config.check", more));
	}
	talk_refused(&talk, &talk.root, "config.check", more, SL_RPC_CONFLICT, "try again later");
	sl_rpc_scope_forget(&talk.scope, &many[3]);
	assert_non_null(talk_ask(&talk, &talk.root, "config.check", more));
	talk_close(&talk);
}

static void a_pipe_in_the_files_place_is_not_waited_for(void **state)
{
	char folder[] = "/tmp/sluice-method-XXXXXX", path[64];
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/pipe", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	talk.scope.file = path;
	(void)alarm(20);
	assert_non_null(talk_call(&talk, &talk.root, "config.apply", text_params(TALK_TEXT)));
	(void)alarm(0);
	(void)unlink(path);
	(void)rmdir(folder);
	talk_close(&talk);
}

static void what_cannot_be_is_refused_with_its_reason(void **state)
{
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	talk_refused(&talk, &talk.root, "config.check", "{'text': 'pools: 7'}",
		     SL_RPC_INVALID_VALUE, "line 1");
	talk_refused(&talk, &talk.guest, "config.apply", "{'text': ''}", SL_RPC_NOT_PERMITTED,
		     "may not");
	talk_refused(&talk, &talk.root, "rollback", "{'generation': 99}", SL_RPC_NOT_FOUND, "99");
	talk_close(&talk);
}

static void without_memory_it_is_refused(void **state)
{
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	talk_without_memory(&talk, "config.get", "{'from': 3, 'count': 9}");
	talk_close(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_key_is_shown_to_those_who_may_change_things),
		cmocka_unit_test(a_text_comes_in_parts_that_make_the_whole),
		cmocka_unit_test(every_warning_is_answered_with_its_place),
		cmocka_unit_test(a_guest_tries_no_more_slots_than_there_is_room_for),
		cmocka_unit_test(clients_send_parts_at_the_same_time),
		cmocka_unit_test(a_pipe_in_the_files_place_is_not_waited_for),
		cmocka_unit_test(what_cannot_be_is_refused_with_its_reason),
		cmocka_unit_test(without_memory_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
