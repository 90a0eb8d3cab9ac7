/* SPDX-License-Identifier: BSD-3-Clause */

/* Results as Prometheus text: sums of every node, a bounded number of keys, keys that are any text. */

#include "show/result_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 1500u

static struct sl_result_row rows[ROWS];

static uint32_t count_of(const char *text, const char *words)
{
	uint32_t count = 0;

	for (const char *at = text; (at = strstr(at, words)); at += strlen(words))
		count++;
	return count;
}

/* To be freed. */
static char *text_of(const struct sl_results_pool *pools, uint32_t count)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	sl_result_metrics_write(stream, NULL, pools, count);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void sums_of_every_node_and_the_heaviest_keys_are_there(void **state)
{
	struct sl_results_part parts[] = {
		{.node = "a",
		 .set = {.total = {.packets = 9, .octets = 90, .keys = ROWS, .lost = 2},
			 .rows = rows,
			 .count = ROWS}},
		{.node = "b", .set = {.total = {.packets = 5}}},
	};
	struct sl_results_pool pools[] = {{"web", parts, 2}, {"mail", parts, 1}};
	char *text;

	(void)state;
	for (uint32_t i = 0; i < ROWS; i++) {
		rows[i] = (struct sl_result_row){.packets = i, .octets = 7};
		(void)snprintf((char *)rows[i].key, sizeof(rows[i].key), "k%u", i);
	}
	text = text_of(pools, 2);
	assert_int_equal(count_of(text, "# TYPE sluice_results_packets_total counter\n"), 1);
	assert_non_null(strstr(text, "sluice_results_packets_total{pool=\"web\",node=\"b\"} 5\n"));
	assert_non_null(strstr(text, "sluice_results_octets_total{pool=\"web\",node=\"a\"} 90\n"));
	assert_non_null(strstr(text, "sluice_results_lost_total{pool=\"mail\",node=\"a\"} 2\n"));
	assert_non_null(strstr(text, "sluice_results_keys{pool=\"web\",node=\"a\"} 1500\n"));
	assert_int_equal(count_of(text, "sluice_results_key_packets{pool=\"web\""),
			 SL_RESULT_METRICS_KEYS);
	assert_non_null(strstr(text, "sluice_results_key_packets{pool=\"web\",by=\"text\",key="
				     "\"k1499\"} 1499\n"));
	assert_non_null(strstr(text, "sluice_results_key_octets{pool=\"mail\",by=\"text\",key="
				     "\"k1480\"} 7\n"));
	free(text);
	parts[1].set.form.top = 3000;
	text = text_of(pools, 1);
	assert_int_equal(count_of(text, "sluice_results_key_packets{"), SL_RESULT_METRICS_KEYS_MAX);
	free(text);
}

static void keys_may_be_any_text(void **state)
{
	struct sl_result_row odd[] = {{.key = "a\"b\\c\n", .packets = 3},
				      {.key = "\xff\xfe", .packets = 2}};
	struct sl_results_part part = {.node = "a", .set = {.rows = odd, .count = 2}};
	struct sl_results_pool pool = {"web", &part, 1};
	char *text = text_of(&pool, 1);

	(void)state;
	assert_non_null(strstr(text, "key=\"a\\\"b\\\\c?\"} 3\n"));
	assert_non_null(strstr(text, "key=\"\?\?\"} 2\n"));
	free(text);
}

static void without_handlers_there_is_nothing(void **state)
{
	char *text = text_of(NULL, 0);

	(void)state;
	assert_string_equal(text, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_every_node_and_the_heaviest_keys_are_there),
		cmocka_unit_test(keys_may_be_any_text),
		cmocka_unit_test(without_handlers_there_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
