/* SPDX-License-Identifier: BSD-3-Clause */

/* A cluster as Prometheus text: what a member is, what the others are, and nothing of none. */

#include "show/cluster_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* To be freed. */
static char *text_of(json_t *cluster)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	sl_cluster_metrics_write(stream, cluster);
	assert_int_equal(fclose(stream), 0);
	json_decref(cluster);
	return text;
}

static json_t *cluster_of(const char *state)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:[{s:s, s:s, s:i, s:i}, {s:s, s:s, s:i, "
			 "s:i}]}",
			 "name", "front", "member", "d1", "state", state, "generation", 12, "log",
			 7, "waiting", 2, "members", "name", "d1", "state", "member", "generation",
			 12, "lag_ms", 0, "name", "d\"2\\", "state", "joining", "generation", 9,
			 "lag_ms", 1500);
}

static void a_member_tells_of_itself_and_of_the_others(void **state)
{
	static const char *const lines[] = {
		"# TYPE sluice_cluster_state gauge\n",
		"\nsluice_cluster_state{cluster=\"front\",state=\"member\"} 1\n",
		"\nsluice_cluster_up 1\n",
		"\nsluice_cluster_generation 12\n",
		"\nsluice_cluster_log_entries 7\n",
		"\nsluice_cluster_waiting_changes 2\n",
		"\nsluice_cluster_member_state{member=\"d1\",state=\"member\"} 1\n",
		"\nsluice_cluster_member_generation{member=\"d\\\"2\\\\\"} 9\n",
		"\nsluice_cluster_member_lag_seconds{member=\"d\\\"2\\\\\"} 1.5\n",
	};
	char *text = text_of(cluster_of("member"));

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_non_null(strstr(text, lines[i]));
	free(text);
}

static void without_a_quorum_it_is_not_up(void **state)
{
	char *text = text_of(cluster_of("no_quorum"));

	(void)state;
	assert_non_null(strstr(text, "\nsluice_cluster_up 0\n"));
	assert_non_null(strstr(text, "state=\"no_quorum\"} 1\n"));
	free(text);
}

static void who_is_in_none_tells_nothing(void **state)
{
	char *off = text_of(cluster_of("off")), *nothing = text_of(NULL);

	(void)state;
	assert_string_equal(off, "");
	assert_string_equal(nothing, "");
	free(off);
	free(nothing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_tells_of_itself_and_of_the_others),
		cmocka_unit_test(without_a_quorum_it_is_not_up),
		cmocka_unit_test(who_is_in_none_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
