/* SPDX-License-Identifier: BSD-3-Clause */

/* etcd's JSON: what is asked, to the octet, and answers of any kind. */

#include "cluster/etcd_json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static void hold_text(char *text, const char *wanted)
{
	assert_non_null(text);
	assert_string_equal(text, wanted);
	free(text);
}

static void what_is_asked_is_what_etcd_reads(void **state)
{
	const struct sl_store_range one = {.from = "head"};
	const struct sl_store_range some = {
		.from = "log/1", .to = "log0", .limit = 64, .keys_only = true};
	const struct sl_store_commit commit = {
		.compares = {{.key = "head", .value = "7"}, {.key = "x"}},
		.compare_count = 2,
		.puts = {{.key = "a", .value = "\0\xff", .size = 2, .leased = true},
			 {.key = "b"},
			 {.key = "c", .to = "d"}},
		.put_count = 3,
		.read = &one,
	};

	(void)state;
	hold_text(sl_etcd_ask_range("/s/c/", &one), "{\"key\":\"L3MvYy9oZWFk\"}");
	hold_text(sl_etcd_ask_range("/", &some), "{\"key\":\"L2xvZy8x\",\"range_end\":\"L2xvZzA=\","
						 "\"limit\":\"64\",\"keys_only\":true}");
	hold_text(sl_etcd_ask_commit("/", &commit, 9),
		  "{\"compare\":[{\"key\":\"L2hlYWQ=\",\"target\":\"VALUE\",\"result\":\"EQUAL\","
		  "\"value\":\"Nw==\"},{\"key\":\"L3g=\",\"target\":\"CREATE\",\"result\":"
		  "\"EQUAL\",\"create_revision\":\"0\"}],\"success\":[{\"request_put\":{\"key\":"
		  "\"L2E=\",\"value\":\"AP8=\",\"lease\":\"9\"}},{\"request_delete_range\":{"
		  "\"key\":\"L2I=\"}},{\"request_delete_range\":{\"key\":\"L2M=\",\"range_end\":"
		  "\"L2Q=\"}}],\"failure\":[{\"request_range\":{\"key\":\"L2hlYWQ=\"}}]}");
	hold_text(sl_etcd_ask_watch("/a/", 8),
		  "{\"create_request\":{\"key\":\"L2Ev\",\"range_end\":"
		  "\"L2Ew\",\"start_revision\":\"8\"}}");
	hold_text(sl_etcd_ask_lease(0, 3), "{\"TTL\":\"3\"}");
	hold_text(sl_etcd_ask_lease(5, 0), "{\"ID\":\"5\"}");
	hold_text(sl_etcd_ask_token("u", "p\""), "{\"name\":\"u\",\"password\":\"p\\\"\"}");
}

static int read_text(const char *text, struct sl_etcd_said *said)
{
	return sl_etcd_read("/a/", text, strlen(text), said);
}

static void answers_are_read(void **state)
{
	struct sl_etcd_said said;

	(void)state;
	assert_int_equal(
		read_text("{\"header\":{\"revision\":\"12\"},\"kvs\":[{\"key\":\"L2EveA==\","
			  "\"value\":"
			  "\"AP8=\"},{\"key\":\"L2EveQ==\"}],\"more\":true,\"count\":\"9\"}",
			  &said),
		0);
	assert_int_equal(said.revision, 12);
	assert_int_equal(said.count, 2);
	assert_true(said.more);
	assert_string_equal(said.pairs[0].key, "x");
	assert_int_equal(said.pairs[0].size, 2);
	assert_memory_equal(said.pairs[0].value, "\0\xff", 3);
	assert_int_equal(said.pairs[1].size, 0);
	sl_etcd_said_fini(&said);
	assert_int_equal(
		read_text("{\"succeeded\":true,\"responses\":[{\"response_put\":{}}]}", &said), 0);
	assert_true(said.succeeded);
	assert_int_equal(
		read_text("{\"responses\":[{\"response_range\":{\"kvs\":[{\"key\":\"L2EveA==\","
			  "\"value\":\"Nw==\"}]}}]}",
			  &said),
		0);
	assert_false(said.succeeded);
	assert_string_equal((const char *)said.pairs[0].value, "7");
	sl_etcd_said_fini(&said);
	assert_int_equal(read_text("{\"result\":{\"events\":[{\"kv\":{\"key\":\"L2EveA==\","
				   "\"value\":\"Nw==\"}},"
				   "{\"type\":\"DELETE\",\"kv\":{\"key\":\"L2EveQ==\"}}]}}",
				   &said),
			 0);
	assert_int_equal(said.count, 2);
	assert_null(said.pairs[1].value);
	sl_etcd_said_fini(&said);
	assert_int_equal(read_text("{\"result\":{\"ID\":\"77\",\"TTL\":\"3\"}}", &said), 0);
	assert_int_equal(said.lease, 77);
	assert_int_equal(said.ttl, 3);
	assert_int_equal(read_text("{\"token\":\"abc\"}", &said), 0);
	assert_string_equal(said.token, "abc");
}

static void errors_have_words(void **state)
{
	static const char *const texts[] = {"{\"error\":\"etcdserver: no leader\",\"code\":14}",
					    "{\"error\":{\"message\":\"etcdserver: no leader\"}}"};
	struct sl_etcd_said said;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(texts); i++) {
		assert_int_equal(read_text(texts[i], &said), 0);
		assert_string_equal(said.error, "etcdserver: no leader");
	}
	assert_int_equal(read_text("{\"error\":7}", &said), 0);
	assert_string_equal(said.error, "an error without words");
}

static void what_is_no_answer_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"7",
		"{\"kvs\":[{\"key\":\"L2E",
		"{\"kvs\":[{}]}",
		"{\"kvs\":[7]}",
		"{\"kvs\":[{\"key\":\"!\"}]}",
		"{\"kvs\":[{\"key\":\"L2IveA==\",\"value\":\"\"}]}",	 /* another prefix */
		"{\"kvs\":[{\"key\":\"L2EveA==\",\"value\":\"A*==\"}]}", /* no base64 */
		"{\"result\":{\"events\":[{}]}}",
	};
	struct sl_etcd_said said;
	char *longest;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(texts); i++)
		if (read_text(texts[i], &said) != -EBADMSG)
			fail_msg("taken: %s", texts[i]);
	longest = malloc(4096);
	assert_non_null(longest);
	memset(longest, 'L', 4096);
	memcpy(longest, "{\"kvs\":[{\"key\":\"", 16);
	memcpy(longest + 4000, "\"}]}", 5);
	assert_int_equal(read_text(longest, &said), -EBADMSG);
	free(longest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_is_what_etcd_reads),
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(errors_have_words),
		cmocka_unit_test(what_is_no_answer_is_refused),
	};

	return cmocka_run_group_tests_name("cluster etcd_json", tests, NULL, NULL);
}
