/* SPDX-License-Identifier: BSD-3-Clause */

/* JSON-RPC framing and dispatch, with a fake method table: requests in, whole answers out. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>

#include "base/bytes.h"
#include "rpc/rpc.h"

struct fake {
	uint32_t calls;
	uint64_t duration_ms;
};

static int fake_read(struct sl_rpc_call *call)
{
	struct fake *fake = call->context;

	fake->calls++;
	call->result = json_pack("{s:s}", "name", sl_rpc_string(call, "name", "nobody"));
	return 0;
}

static int fake_change(struct sl_rpc_call *call)
{
	struct fake *fake = call->context;

	fake->calls++;
	if (sl_rpc_duration(call, "deadline", &fake->duration_ms))
		return -1;
	call->held = true;
	call->result = json_pack("{s:f}", "weight", sl_rpc_number(call, "weight", 0));
	return 0;
}

static int fake_text(struct sl_rpc_call *call)
{
	call->result = json_pack("{s:i}", "length",
				 (int)json_string_length(json_object_get(call->params, "text")));
	return 0;
}

static int fake_refuse(struct sl_rpc_call *call)
{
	(void)sl_err_set(&call->err, -ESTALE, "the generation is 7, not 6");
	call->data = json_pack("{s:i}", "generation", 7);
	return sl_rpc_fail_err(call);
}

static const struct sl_rpc_method methods[] = {
	{"fake.read", fake_read, false, {{"name", SL_RPC_STRING, false}}},
	{"fake.change",
	 fake_change,
	 true,
	 {{"weight", SL_RPC_NUMBER, true},
	  {"count", SL_RPC_INTEGER, false},
	  {"force", SL_RPC_BOOLEAN, false},
	  {"list", SL_RPC_ARRAY, false},
	  {"deadline", SL_RPC_DURATION, false}}},
	{"fake.text", fake_text, false, {{"text", SL_RPC_TEXT, true}}},
	{"fake.refuse", fake_refuse, false, {{0}}},
};

static struct fake fake;
static struct sl_rpc_answer last;

/* The answer's text, or "" for none; valid until the next call. */
static const char *ask_as(bool may_change, const char *line, size_t length)
{
	static char *text;
	struct sl_peer peer = {.uid = 1000, .gid = 1000, .pid = 1, .may_change = may_change};
	struct sl_rpc rpc = {0};

	sl_rpc_add(&rpc, methods, SL_ARRAY_COUNT(methods), &fake);
	fake = (struct fake){0};
	sl_rpc_handle(&rpc, &peer, line, length, &last);
	free(text);
	text = last.message ? json_dumps(last.message, JSON_COMPACT) : strdup("");
	json_decref(last.message);
	return text;
}

static const char *ask(const char *line)
{
	return ask_as(true, line, strlen(line));
}

#define FAULT(id, code, sentence)                                                                  \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":\"" sentence  \
	"\"}}"
#define ASK(id, method, params)                                                                    \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":" params "}"

static void a_request_is_answered_with_its_id(void **state)
{
	(void)state;
	assert_string_equal(ask(ASK("7", "fake.read", "{\"name\":\"w0\"}")),
			    "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"name\":\"w0\"}}");
	assert_string_equal(ask(ASK("\"a\"", "fake.read", "{}")),
			    "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{\"name\":\"nobody\"}}");
	assert_string_equal(ask(ASK("null", "fake.read", "{}")),
			    "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{\"name\":\"nobody\"}}");
	assert_string_equal(ask(ASK("1.5", "fake.read", "{}")),
			    "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"result\":{\"name\":\"nobody\"}}");
}

static void params_may_be_absent(void **state)
{
	(void)state;
	assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fake.read\"}"),
			    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"name\":\"nobody\"}}");
	assert_string_equal(
		ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fake.change\"}"),
		FAULT("1", "-32602", "parameter \\\"weight\\\" is missing: fake.change needs it"));
}

static void a_notification_is_executed_without_an_answer(void **state)
{
	(void)state;
	assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"fake.read\"}"), "");
	assert_int_equal(fake.calls, 1);
	assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"fake.refuse\"}"), "");
	assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}"), "");
}

static void what_is_no_json_is_a_parse_error(void **state)
{
	static const char *const lines[] = {"",	     " ",     "{",	  "}",	"{\"a\":}",
					    "hello", "{} {}", "\xff\xfe", "[1,"};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(lines); i++)
		assert_memory_equal(ask(lines[i]),
				    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,",
				    50);
	assert_memory_equal(ask_as(true, "{\0}", 3),
			    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,", 50);
}

static void a_batch_is_refused(void **state)
{
	(void)state;
	assert_string_equal(
		ask("[" ASK("1", "fake.read", "{}") "]"),
		FAULT("null", "-32600", "batches are not taken: send one object on a line"));
	assert_string_equal(ask("[]"), FAULT("null", "-32600",
					     "batches are not taken: send one object on a line"));
	assert_int_equal(fake.calls, 0);
}

static void an_invalid_request_says_what_is_wrong(void **state)
{
	(void)state;
	assert_string_equal(ask("5"), FAULT("null", "-32600", "a request must be an object"));
	assert_string_equal(ask("{}"), FAULT("null", "-32600", "jsonrpc must be \\\"2.0\\\""));
	assert_string_equal(ask("{\"jsonrpc\":\"1.0\",\"id\":3,\"method\":\"fake.read\"}"),
			    FAULT("3", "-32600", "jsonrpc must be \\\"2.0\\\""));
	assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":4}"),
			    FAULT("3", "-32600", "method must be a string"));
	assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"fake.read\"}"),
			    FAULT("null", "-32600", "id must be a string, a number or null"));
	assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"fake.read\"}"),
			    FAULT("null", "-32600", "id must be a string, a number or null"));
}

static void a_member_given_twice_is_an_invalid_request(void **state)
{
	(void)state;
	assert_memory_equal(ask("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"fake.read\","
				"\"method\":\"fake.change\"}"),
			    "{\"jsonrpc\":\"2.0\",\"id\":9,\"error\":{\"code\":-32600,", 47);
	assert_memory_equal(ask(ASK("8", "fake.read", "{\"name\":\"a\",\"name\":\"b\"}")),
			    "{\"jsonrpc\":\"2.0\",\"id\":8,\"error\":{\"code\":-32600,", 47);
	assert_int_equal(fake.calls, 0);
}

static void an_unknown_method_comes_with_a_guess(void **state)
{
	(void)state;
	assert_string_equal(
		ask(ASK("1", "fake.raed", "{}")),
		FAULT("1", "-32601",
		      "unknown method \\\"fake.raed\\\", did you mean \\\"fake.read\\\"?"));
	assert_memory_equal(ask(ASK("1", "fake.read\\u0000", "{}")),
			    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,", 47);
	assert_int_equal(fake.calls, 0);
	assert_string_equal(ask(ASK("1", "zzz", "{}")),
			    FAULT("1", "-32601", "unknown method \\\"zzz\\\""));
}

static void parameters_are_checked_by_name_and_type(void **state)
{
	(void)state;
	assert_string_equal(
		ask(ASK("1", "fake.read", "[\"w0\"]")),
		FAULT("1", "-32602",
		      "params is an array, it must be an object: parameters go by name"));
	assert_string_equal(
		ask(ASK("1", "fake.read", "{\"nmae\":\"w0\"}")),
		FAULT("1", "-32602", "unknown parameter \\\"nmae\\\": fake.read takes name"));
	assert_string_equal(
		ask(ASK("1", "fake.refuse", "{\"x\":1}")),
		FAULT("1", "-32602", "unknown parameter \\\"x\\\": fake.refuse takes none"));
	assert_string_equal(
		ask(ASK("1", "fake.read", "{\"name\":null}")),
		FAULT("1", "-32602", "parameter \\\"name\\\" is null, it must be a string"));
	assert_string_equal(
		ask(ASK("1", "fake.change", "{\"weight\":\"5\"}")),
		FAULT("1", "-32602", "parameter \\\"weight\\\" is a string, it must be a number"));
	assert_string_equal(
		ask(ASK("1", "fake.change", "{\"weight\":5,\"count\":1.5}")),
		FAULT("1", "-32602",
		      "parameter \\\"count\\\" is a number with a fraction, it must be a whole "
		      "number"));
	assert_string_equal(ask(ASK("1", "fake.change", "{\"weight\":5,\"force\":1}")),
			    FAULT("1", "-32602",
				  "parameter \\\"force\\\" is a whole number, it must be true or "
				  "false"));
	assert_int_equal(fake.calls, 0);
}

static void what_no_value_can_be_is_an_invalid_value(void **state)
{
	(void)state;
	assert_string_equal(ask(ASK("1", "fake.change", "{\"weight\":5,\"count\":-1}")),
			    FAULT("1", "-32003", "count -1 is negative"));
	assert_string_equal(ask(ASK("1", "fake.change", "{\"weight\":5,\"deadline\":-1.5}")),
			    FAULT("1", "-32003", "deadline -1.5 is negative"));
	assert_string_equal(ask(ASK("1", "fake.read", "{\"name\":\"w0\\u0000\"}")),
			    FAULT("1", "-32003",
				  "parameter \\\"name\\\" has a NUL character (\\\\u0000) in it"));
	assert_string_equal(
		ask(ASK("1", "fake.change", "{\"weight\":5,\"list\":[[\"w0\\u0000\"]]}")),
		FAULT("1", "-32003",
		      "parameter \\\"list\\\" has a NUL character (\\\\u0000) in it"));
	assert_int_equal(fake.calls, 0);
	assert_string_equal(ask(ASK("1", "fake.text", "{\"text\":\"a\\u0000b\"}")),
			    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"length\":3}}");
}

/* 64 bits hold no such number: JSON does. */
static void a_number_out_of_range_is_told_to_who_sent_it(void **state)
{
	(void)state;
	assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"id\":\"me\",\"method\":\"fake.change\","
				"\"params\":{\"weight\":5,\"count\":18446744073709551616}}"),
			    FAULT("\"me\"", "-32003", "a number is out of range (octet 99)"));
	assert_string_equal(
		ask(ASK("1", "fake.change", "{\"weight\":5,\"count\":18446744073709551616}")),
		FAULT("1", "-32003", "a number is out of range (octet 96)"));
	assert_string_equal(ask(ASK("1", "fake.change", "{\"weight\":1e999}")),
			    FAULT("null", "-32003", "a number is out of range (octet 71)"));
	assert_int_equal(fake.calls, 0);
}

static void durations_are_words_or_seconds(void **state)
{
	(void)state;
	(void)ask(ASK("1", "fake.change", "{\"weight\":5,\"deadline\":\"90s\"}"));
	assert_int_equal(fake.duration_ms, 90000);
	(void)ask(ASK("1", "fake.change", "{\"weight\":5,\"deadline\":1.5}"));
	assert_int_equal(fake.duration_ms, 1500);
	assert_string_equal(ask(ASK("1", "fake.change", "{\"weight\":5,\"deadline\":\"soon\"}")),
			    FAULT("1", "-32003",
				  "deadline \\\"soon\\\" is no duration: write 500ms, 60s, 15m or "
				  "2h"));
}

static void who_may_not_change_is_refused(void **state)
{
	const char *line = ASK("1", "fake.change", "{\"weight\":5}");

	(void)state;
	assert_memory_equal(ask_as(false, line, strlen(line)),
			    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32004,", 47);
	assert_int_equal(fake.calls, 0);
	line = ASK("1", "fake.read", "{}");
	(void)ask_as(false, line, strlen(line));
	assert_int_equal(fake.calls, 1);
}

static void a_change_is_marked_to_be_held(void **state)
{
	(void)state;
	assert_string_equal(ask(ASK("1", "fake.change", "{\"weight\":2.5}")),
			    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"weight\":2.5}}");
	assert_true(last.held);
	(void)ask(ASK("1", "fake.read", "{}"));
	assert_false(last.held);
}

static void a_refusal_carries_its_code_sentence_and_data(void **state)
{
	(void)state;
	assert_string_equal(ask(ASK("1", "fake.refuse", "{}")),
			    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32002,\"message\":"
			    "\"the generation is 7, not 6\",\"data\":{\"generation\":7}}}");
}

static void a_sentence_that_cuts_a_character_stays_text(void **state)
{
	char line[512], name[200] = "";

	(void)state;
	for (int i = 0; i < 40; i++)
		(void)strcat(name, i == 0 ? "x\xc3\xa9" : "\xc3\xa9");
	(void)snprintf(line, sizeof(line), ASK("1", "%s", "{}"), name);
	assert_memory_equal(ask(line), "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,",
			    47);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered_with_its_id),
		cmocka_unit_test(params_may_be_absent),
		cmocka_unit_test(a_notification_is_executed_without_an_answer),
		cmocka_unit_test(what_is_no_json_is_a_parse_error),
		cmocka_unit_test(a_batch_is_refused),
		cmocka_unit_test(an_invalid_request_says_what_is_wrong),
		cmocka_unit_test(a_member_given_twice_is_an_invalid_request),
		cmocka_unit_test(an_unknown_method_comes_with_a_guess),
		cmocka_unit_test(parameters_are_checked_by_name_and_type),
		cmocka_unit_test(what_no_value_can_be_is_an_invalid_value),
		cmocka_unit_test(a_number_out_of_range_is_told_to_who_sent_it),
		cmocka_unit_test(durations_are_words_or_seconds),
		cmocka_unit_test(who_may_not_change_is_refused),
		cmocka_unit_test(a_change_is_marked_to_be_held),
		cmocka_unit_test(a_refusal_carries_its_code_sentence_and_data),
		cmocka_unit_test(a_sentence_that_cuts_a_character_stays_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
