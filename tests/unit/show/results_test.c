/* SPDX-License-Identifier: BSD-3-Clause */

/* Results of several nodes as one: what is added up, what the least or the most is, and the order. */

#include "show/results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define ROW(text, ...)                                                                             \
	{                                                                                          \
		.key = (text), __VA_ARGS__                                                         \
	}

static struct sl_result_row first_rows[] = {
	ROW("both", .packets = 5, .octets = 500, .first_ms = 30, .last_ms = 40, .error = 2),
	ROW("mine", .packets = 6, .octets = 60, .first_ms = 1, .last_ms = 90, .error = 0),
};
static struct sl_result_row second_rows[] = {
	ROW("both", .packets = 7, .octets = 70, .first_ms = 20, .last_ms = 35, .error = 3),
	ROW("late", .packets = 1, .octets = 9000, .first_ms = 99, .last_ms = 99, .error = 1),
};

static const struct sl_results_part parts[] = {
	{.node = "a",
	 .set = {.total = {.packets = 20, .octets = 600, .lost = 9},
		 .rows = first_rows,
		 .count = 2}},
	{.node = "b",
	 .set = {.total = {.packets = 12, .octets = 9100, .lost = 4},
		 .rows = second_rows,
		 .count = 2}},
};

static json_t *answer(enum sl_results_sort sort, uint32_t top, const char *key)
{
	const struct sl_results_query query = {.pool = "web", .key = key, .top = top, .sort = sort};
	json_t *all = sl_results_json(NULL, &query, parts, 2);

	assert_non_null(all);
	return all;
}

static const json_t *row_at(const json_t *all, size_t place)
{
	return json_array_get(json_object_get(all, "rows"), place);
}

static const char *text_of(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

static json_int_t number_of(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

static void a_key_of_several_nodes_is_one_row_of_their_sums(void **state)
{
	json_t *all = answer(SL_RESULTS_PACKETS, 1, NULL);
	const json_t *row = row_at(all, 0);

	(void)state;
	assert_string_equal(text_of(row, "key"), "both");
	assert_int_equal(number_of(row, "packets"), 12);
	assert_int_equal(number_of(row, "octets"), 570);
	assert_int_equal(number_of(row, "error"), 5);
	assert_int_equal(number_of(row, "first"), 20);
	assert_int_equal(number_of(row, "last"), 40);
	assert_string_equal(text_of(row, "node"), "b");
	assert_true(json_real_value(json_object_get(row, "share")) == 12.0 / 32);
	assert_int_equal(json_array_size(json_object_get(all, "rows")), 1);
	json_decref(all);
}

static void totals_are_those_of_all_nodes(void **state)
{
	json_t *all = answer(SL_RESULTS_PACKETS, 9, NULL);
	const json_t *total = json_object_get(all, "total");

	(void)state;
	assert_int_equal(number_of(total, "packets"), 32);
	assert_int_equal(number_of(total, "octets"), 9700);
	assert_int_equal(number_of(total, "keys"), 3);
	assert_int_equal(number_of(total, "lost"), 13);
	json_decref(all);
}

static void rows_are_sorted_by_what_is_asked_for(void **state)
{
	static const char *const orders[][3] = {
		[SL_RESULTS_PACKETS] = {"both", "mine", "late"},
		[SL_RESULTS_OCTETS] = {"late", "both", "mine"},
		[SL_RESULTS_LAST] = {"late", "mine", "both"},
	};

	(void)state;
	for (size_t sort = 0; sort < sizeof(orders) / sizeof(orders[0]); sort++) {
		json_t *all = answer((enum sl_results_sort)sort, 9, NULL);

		for (size_t i = 0; i < 3; i++)
			assert_string_equal(text_of(row_at(all, i), "key"), orders[sort][i]);
		json_decref(all);
	}
}

static void a_key_alone_is_found_behind_others(void **state)
{
	json_t *all = answer(SL_RESULTS_PACKETS, 1, "late");

	(void)state;
	assert_string_equal(text_of(row_at(all, 0), "key"), "late");
	json_decref(all);
}

static void keys_of_different_kinds_stand_apart_and_are_told_of(void **state)
{
	static struct sl_result_row mine = ROW("", .packets = 5), other = ROW("", .packets = 7);
	const struct sl_results_query query = {.pool = "web", .top = 9};
	struct sl_results_part mixed[] = {
		{.node = "a", .set = {.form = {SL_RESULT_DPORT, 0}, .rows = &mine, .count = 1}},
		{.node = "b", .set = {.form = {SL_RESULT_PROTO, 0}, .rows = &other, .count = 1}},
	};
	json_t *all = sl_results_json(NULL, &query, mixed, 2);

	(void)state;
	assert_string_equal(text_of(all, "key"), "mixed");
	assert_string_equal(text_of(row_at(all, 0), "by"), "proto");
	assert_string_equal(text_of(row_at(all, 1), "by"), "dport");
	assert_int_equal(number_of(row_at(all, 1), "packets"), 5);
	assert_int_equal(json_array_size(json_object_get(all, "warnings")), 1);
	json_decref(all);
}

static void a_key_that_no_row_can_have_is_known_by_its_kind(void **state)
{
	(void)state;
	assert_true(sl_results_key_fits(SL_RESULT_SRC, "2001:DB8::1"));
	assert_false(sl_results_key_fits(SL_RESULT_DST, "nix"));
	assert_true(sl_results_key_fits(SL_RESULT_SRC_DST, "10.0.0.1 > 10.0.0.2"));
	assert_false(sl_results_key_fits(SL_RESULT_SRC_DST, "10.0.0.1"));
	assert_false(sl_results_key_fits(SL_RESULT_5_TUPLE, "10.0.0.1"));
	assert_true(sl_results_key_fits(SL_RESULT_TEXT, "nix"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_of_several_nodes_is_one_row_of_their_sums),
		cmocka_unit_test(totals_are_those_of_all_nodes),
		cmocka_unit_test(rows_are_sorted_by_what_is_asked_for),
		cmocka_unit_test(a_key_alone_is_found_behind_others),
		cmocka_unit_test(keys_of_different_kinds_stand_apart_and_are_told_of),
		cmocka_unit_test(a_key_that_no_row_can_have_is_known_by_its_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
