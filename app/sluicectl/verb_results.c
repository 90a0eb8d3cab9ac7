/* SPDX-License-Identifier: BSD-3-Clause */

/* results: what handlers of a pool's workers have found, as a table with bars. */

#include <stdio.h>
#include <string.h>

#include "show.h"
#include "table.h"
#include "verbs.h"

static const struct column columns[] = {
	{"BY", "by", COLUMN_TEXT}, /* only where rows differ in it */
	{"KEY", NULL, COLUMN_NAME},
	{"PACKETS", "packets", COLUMN_INTEGER},
	{"SHARE", "share", COLUMN_PERCENT},
	{"OCTETS", "octets", COLUMN_INTEGER},
	{"AT MOST TOO MANY", "error", COLUMN_INTEGER | COLUMN_SPARE},
	{"LAST", "last", COLUMN_TIME},
	{"NODE", "node", COLUMN_TEXT},
	{"", "share", COLUMN_BAR},
};

static void show_rows(const struct command *command, const json_t *result)
{
	const char *key = command_option(command, "key");
	char nothing[256] = "nothing was counted";

	const json_t *rows = json_object_get(result, "rows"),
		     *total = json_object_get(result, "total"), *row;
	bool mixed = strcmp(get_string(result, "key"), "mixed") == 0;
	struct table *table =
		table_create(columns + !mixed, sizeof(columns) / sizeof(columns[0]) - !mixed, 0);
	size_t i;

	json_array_foreach(rows, i, row)
	{
		table_row(table, get_string(row, "key"), row, NULL);
	}
	if (key && json_array_size(rows) == 0)
		(void)snprintf(nothing, sizeof(nothing),
			       "nothing was counted by the key \"%.64s\": pool %s counts by %s",
			       key, get_string(result, "pool"), get_string(result, "key"));
	table_print(table, nothing);
	printf("%lld packets, %lld octets, %lld keys", get_integer(total, "packets"),
	       get_integer(total, "octets"), get_integer(total, "keys"));
	if (get_integer(total, "lost"))
		printf("; %lld packets are in no row", get_integer(total, "lost"));
	printf("\n");
}

int verb_results(struct command *command)
{
	bool resets = command_option(command, "reset") != NULL;
	const char *key = command_option(command, "key"), *sort = command_option(command, "sort");
	const char *top = command_option(command, "top");
	json_t *params = json_pack("{s:s}", "pool", command->words[0]), *result;
	long long number;
	int rc;

	if (top && !parse_count("--top", top, &number)) {
		json_decref(params);
		return EXIT_REFUSED;
	}
	if (top)
		(void)json_object_set_new(params, "top", json_integer(number));
	if (key)
		(void)json_object_set_new(params, "key", json_string(key));
	if (sort)
		(void)json_object_set_new(params, "sort", json_string(sort));
	if (resets)
		(void)json_object_set_new(params, "reset", json_true());
	if (!change_params(command, params)) {
		json_decref(params);
		return EXIT_REFUSED;
	}
	rc = call_read(command, "results", params, &result);
	if (rc == EXIT_DONE && result) {
		show_rows(command, result);
		if (resets)
			show_change(command, result);
		else
			show_warnings(result);
	}
	json_decref(result);
	return rc;
}
