/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <string.h>

#include "show.h"
#include "table.h"
#include "verbs.h"

static int show_members(struct command *command)
{
	static const struct column columns[] = {
		{"MEMBER", NULL, COLUMN_NAME},
		{"STATE", "state", COLUMN_STATE},
		{"GENERATION", "generation", COLUMN_INTEGER},
		{"LAG MS", "lag_ms", COLUMN_INTEGER},
		{"SINCE", "since", COLUMN_TIME},
		{"DOWN", "down", COLUMN_INTEGER},
		{"ADDRESS", "address", COLUMN_TEXT},
		{"VERSION", "version", COLUMN_TEXT | COLUMN_SPARE},
		{"DIGEST", "digest", COLUMN_TEXT | COLUMN_SPARE},
	};
	struct table *table;
	json_t *result, *member;
	size_t i;
	int rc = call_read(command, "cluster", NULL, &result);

	if (!result)
		return rc;
	if (strcmp(get_string(result, "state"), "off") == 0) {
		printf("no cluster: the configuration has no `cluster`\n");
		json_decref(result);
		return EXIT_DONE;
	}
	printf("cluster %s, member %s: %s, generation %lld of %lld, checkpoint %lld, health: %s\n",
	       get_string(result, "name"), get_string(result, "member"),
	       get_string(result, "state"), get_integer(result, "generation"),
	       get_integer(result, "log"), get_integer(result, "checkpoint"),
	       get_string(result, "health"));
	if (*get_string(result, "why"))
		printf("%s\n", get_string(result, "why"));
	putchar('\n');
	table = table_create(columns, sizeof(columns) / sizeof(columns[0]), 0);
	json_array_foreach(json_object_get(result, "members"), i, member)
		table_row(table, get_string(member, "name"), member, NULL);
	table_print(table, "no member is known");
	json_decref(result);
	return EXIT_DONE;
}

static int order(struct command *command, const char *method, json_t *params, const char *said)
{
	json_t *result;
	int rc = call_read(command, method, params, &result);

	if (result)
		printf("%s\n", said);
	json_decref(result);
	return rc;
}

int verb_cluster(struct command *command)
{
	const char *word = command->word_count > 0 ? command->words[0] : "";
	bool forgets = strcmp(word, "forget") == 0;

	if (!*word)
		return show_members(command);
	if (forgets && command->word_count == 2)
		return order(command, "cluster.forget",
			     json_pack("{s:s}", "member", command->words[1]), "forgotten");
	if (strcmp(word, "checkpoint") == 0 && command->word_count == 1)
		return order(command, "cluster.checkpoint", NULL, "a checkpoint is being written");
	return complain(forgets ? "cluster forget takes the name of one member"
				: "cluster takes nothing, `forget MEMBER`, or `checkpoint`");
}
