/* SPDX-License-Identifier: BSD-3-Clause */

#include "talk.h"

#define FAILURES_MAX 5000

static int64_t allowed = -1; /* allocations of jansson that still succeed, -1: all */

static void *allocate(size_t size)
{
	if (allowed == 0)
		return NULL;
	allowed -= allowed > 0;
	return malloc(size);
}

static void on_event(void *context, const struct sl_model_event *event)
{
	struct talk *talk = context;
	struct sl_history_line line = {.generation = event->generation, .verb = "set-weight"};

	if (event->kind != SL_EVENT_CHANGE)
		return;
	memset(line.what, 'x', sizeof(line.what) - 1);
	assert_int_equal(sl_history_add(talk->scope.history, &line, event,
					sl_model_hash_key(talk->model.model)),
			 0);
}

void talk_open(struct talk *talk, const char *text)
{
	const struct sl_history_line line = {.generation = 1, .verb = "start"};

	memset(talk, 0, sizeof(*talk));
	json_set_alloc_funcs(allocate, free);
	fixture_open(&talk->model, text, NULL);
	talk->root = (struct sl_peer){.pid = 7, .may_change = true, .may_connect = true};
	talk->guest = (struct sl_peer){.uid = 1000, .gid = 1000, .pid = 8, .may_connect = true};
	talk->scope.model = talk->model.model;
	talk->scope.file = "/dev/null";
	talk->scope.daemon.version = "7";
	assert_int_equal(sl_history_create(&talk->scope.history), 0);
	assert_int_equal(sl_history_begin(talk->scope.history, &line,
					  sl_model_image(talk->model.model),
					  sl_model_hash_key(talk->model.model)),
			 0);
	sl_rpc_scope_add(&talk->rpc, &talk->scope);
	talk->listener = (struct sl_model_listener){.event = on_event, .context = talk};
	sl_model_listen(talk->model.model, &talk->listener);
}

void talk_close(struct talk *talk)
{
	json_decref(talk->answer);
	sl_rpc_scope_fini(&talk->scope);
	sl_history_destroy(talk->scope.history);
	fixture_close(&talk->model);
}

json_t *talk_call(struct talk *talk, const struct sl_peer *peer, const char *method, json_t *params)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
				    method, "params", params);
	char *text = json_dumps(request, JSON_COMPACT);
	struct sl_rpc_answer answer;

	assert_non_null(text);
	json_decref(talk->answer);
	sl_rpc_handle(&talk->rpc, peer, text, strlen(text), &answer);
	talk->answer = answer.message;
	free(text);
	json_decref(request);
	return json_object_get(talk->answer, "result");
}

static json_t *read_params(const char *params)
{
	char copy[4096];
	json_t *object;

	assert_true(strlen(params) < sizeof(copy));
	strcpy(copy, params);
	for (char *at = copy; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	object = json_loads(copy, 0, NULL);
	assert_non_null(object);
	return object;
}

json_t *talk_ask(struct talk *talk, const struct sl_peer *peer, const char *method,
		 const char *params)
{
	return talk_call(talk, peer, method, read_params(params));
}

void talk_refused(struct talk *talk, const struct sl_peer *peer, const char *method,
		  const char *params, int code, const char *words)
{
	const json_t *error;
	const char *sentence;

	assert_null(talk_ask(talk, peer, method, params));
	error = json_object_get(talk->answer, "error");
	assert_int_equal(json_integer_value(json_object_get(error, "code")), code);
	sentence = json_string_value(json_object_get(error, "message"));
	if (!strstr(sentence, words))
		fail_msg("%s: %s", words, sentence);
}

void talk_without_memory(struct talk *talk, const char *method, const char *params)
{
	char line[4096];
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
				    method, "params", read_params(params));
	struct sl_rpc_answer answer = {0};
	size_t length = json_dumpb(request, line, sizeof(line), JSON_COMPACT);
	int64_t given;

	assert_true(length < sizeof(line));
	json_decref(request);
	for (given = 0; given < FAILURES_MAX; given++) {
		allowed = given;
		sl_rpc_handle(&talk->rpc, &talk->root, line, length, &answer);
		if (allowed > 0)
			break;
		allowed = -1;
		json_decref(answer.message);
	}
	allowed = -1;
	assert_true(given < FAILURES_MAX);
	assert_non_null(json_object_get(answer.message, "result"));
	json_decref(answer.message);
}
