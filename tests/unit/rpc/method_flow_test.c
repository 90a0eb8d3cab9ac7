/* SPDX-License-Identifier: BSD-3-Clause */

/* explain and flows: what they take of a packet's description, and what is none. */

#include "talk.h"

#define TUPLE "'src': '198.51.100.7', 'dst': '192.0.2.10', 'sport': 7, 'dport': 80"

static void a_packet_in_words_is_explained(void **state)
{
	static const char *const params[] = {
		"{" TUPLE "}",
		"{" TUPLE ", 'proto': 'udp', 'port': 'p0'}",
		"{" TUPLE ", 'proto': 6, 'flags': 'SYN,ack'}",
		"{" TUPLE ", 'proto': '47'}",
		"{'src': '2001:db8::1', 'dst': '2001:db8::2', 'proto': 'icmpv6'}",
	};
	struct talk talk;
	json_t *result;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		result = talk_ask(&talk, &talk.guest, "explain", params[i]);
		assert_non_null(json_object_get(result, "node"));
	}
	talk_close(&talk);
}

static void what_is_no_packet_is_refused(void **state)
{
	static const struct {
		const char *params;
		int code;
		const char *words;
	} cases[] = {
		{"{}", SL_RPC_INVALID_PARAMETER, "needs src and dst, or frame"},
		{"{'src': '192.0.2.010', 'dst': '192.0.2.1'}", SL_RPC_INVALID_VALUE,
		 "no IPv4 or IPv6 address"},
		{"{'src': '192.0.2.1', 'dst': '::1'}", SL_RPC_INVALID_VALUE, "one family"},
		{"{" TUPLE ", 'proto': '06'}", SL_RPC_INVALID_VALUE, "no IP protocol"},
		{"{" TUPLE ", 'proto': 'udp', 'flags': 'syn'}", SL_RPC_INVALID_VALUE, "proto tcp"},
		{"{" TUPLE ", 'flags': 'sny'}", SL_RPC_INVALID_VALUE, "none of syn, ack"},
		{"{" TUPLE ", 'port': 'p9'}", SL_RPC_NOT_FOUND, "no port \"p9\""},
		{"{'src': '192.0.2.1', 'dst': '192.0.2.2', 'dport': 65536}", SL_RPC_INVALID_VALUE,
		 "no port: 0 to 65535"},
		{"{'frame': '0'}", SL_RPC_INVALID_VALUE, "two hexadecimal digits"},
		{"{'frame': 'zz'}", SL_RPC_INVALID_VALUE, "no hexadecimal digit"},
		{"{'frame': '0011', 'frame_size': 1}", SL_RPC_INVALID_VALUE, "less than the 2"},
	};
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		talk_refused(&talk, &talk.guest, "explain", cases[i].params, cases[i].code,
			     cases[i].words);
	assert_non_null(talk_ask(&talk, &talk.guest, "explain", "{'frame': '001122'}"));
	talk_close(&talk);
}

static void flows_are_of_pools_and_nodes_that_are_there(void **state)
{
	struct talk talk;
	json_t *result;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	result = talk_ask(&talk, &talk.guest, "flows", "{}");
	assert_int_equal(json_array_size(json_object_get(result, "flows")), 0);
	assert_true(json_is_false(json_object_get(result, "more")));
	assert_non_null(talk_ask(&talk, &talk.guest, "flows", "{'pool': '*', 'node': 'a'}"));
	assert_non_null(talk_ask(&talk, &talk.guest, "flows", "{'pool': 'web', 'limit': 3}"));
	talk_refused(&talk, &talk.guest, "flows", "{'pool': 'web', 'node': 'x'}", SL_RPC_NOT_FOUND,
		     "pool web has no node \"x\"");
	talk_refused(&talk, &talk.guest, "flows", "{'pool': 'wbe'}", SL_RPC_NOT_FOUND, "web");
	talk_close(&talk);
}

static void without_memory_they_are_refused(void **state)
{
	struct talk talk;

	(void)state;
	talk_open(&talk, TALK_TEXT);
	talk_without_memory(&talk, "explain", "{" TUPLE "}");
	talk_without_memory(&talk, "flows", "{}");
	talk_close(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_in_words_is_explained),
		cmocka_unit_test(what_is_no_packet_is_refused),
		cmocka_unit_test(flows_are_of_pools_and_nodes_that_are_there),
		cmocka_unit_test(without_memory_they_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
