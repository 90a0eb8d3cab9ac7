/* SPDX-License-Identifier: BSD-3-Clause */

/* A pool's slots: shown, written to a file, taken from one.
 *
 * A line of the control socket holds at most 1 MiB, so that large tables go in parts.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "verbs.h"

#define FORMAT	   "sluice-table"
#define VERSION	   1
#define PART_COUNT 65536 /* slots of one request */

/* The whole table of a pool, part by part: {"pool", "slots", "nodes": [], "table": []}. */
static json_t *fetch(struct command *command, const char *pool, const char *kind)
{
	json_t *whole = NULL, *part;
	long long from = 0;

	do {
		json_t *params = json_pack("{s:s, s:s, s:I, s:i}", "pool", pool, "kind", kind,
					   "from", (json_int_t)from, "count", PART_COUNT);

		part = client_call(command->client, "table.get", params, NULL);
		if (!part) {
			json_decref(whole);
			return NULL;
		}
		from = get_integer(part, "next");
		if (!whole) {
			whole = part;
			continue;
		}
		if (get_integer(part, "generation") != get_integer(whole, "generation")) {
			/* changed in between: from the start */
			json_decref(whole);
			json_decref(part);
			return fetch(command, pool, kind);
		}
		(void)json_array_extend(json_object_get(whole, "table"),
					json_object_get(part, "table"));
		json_decref(part);
	} while (from > 0);
	(void)json_object_del(whole, "next");
	(void)json_object_del(whole, "from");
	return whole;
}

static void show_slots(const json_t *whole)
{
	const json_t *nodes = json_object_get(whole, "nodes"), *word;
	size_t slot;

	json_array_foreach(json_object_get(whole, "table"), slot, word)
	{
		json_int_t index = json_integer_value(word);

		printf("%zu %s\n", slot,
		       index < 0 ? "-" : json_string_value(json_array_get(nodes, (size_t)index)));
	}
}

static int export_table(const json_t *whole, const char *path)
{
	json_t *file = json_pack("{s:s, s:i}", "format", FORMAT, "version", VERSION);
	char *text;
	int rc;

	(void)json_object_update(file, (json_t *)(uintptr_t)whole);
	text = json_dumps(file, JSON_COMPACT);
	json_decref(file);
	if (!text)
		return complain("no memory");
	rc = write_file(path, text, strlen(text));
	free(text);
	return rc;
}

/* Sends the file's table in parts; the last one makes the change. */
static int import_table(struct command *command, const char *pool, const json_t *file)
{
	const json_t *table = json_object_get(file, "table");
	size_t count = json_array_size(table), from = 0;
	json_t *params, *part, *answer;

	for (;;) {
		bool last = from + PART_COUNT >= count;

		part = json_array();
		for (size_t i = from; i < count && i < from + PART_COUNT; i++)
			(void)json_array_append(part, json_array_get(table, i));
		params = json_pack("{s:s, s:O, s:o}", "pool", pool, "nodes",
				   json_object_get(file, "nodes"), "table", part);
		if (from > 0)
			(void)json_object_set_new(params, "from", json_integer((json_int_t)from));
		if (last)
			return run_change(command, "table.set", params, NULL);
		(void)json_object_set_new(params, "more", json_true());
		answer = client_call(command->client, "table.set", params, NULL);
		json_decref(answer);
		if (!answer)
			return client_status(command->client);
		from += PART_COUNT;
	}
}

static int import_file(struct command *command, const char *pool, const char *path)
{
	json_error_t error;
	size_t length;
	char *text = read_file(path, &length);
	json_t *file;
	int rc;

	if (!text)
		return EXIT_REFUSED;
	file = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	free(text);
	if (!file) {
		(void)fprintf(stderr, "%s:%d:%d: %s\n", path, error.line, error.column, error.text);
		return EXIT_REFUSED;
	}
	if (strcmp(get_string(file, "format"), FORMAT) != 0 ||
	    get_integer(file, "version") != VERSION ||
	    !json_is_array(json_object_get(file, "nodes")) ||
	    !json_is_array(json_object_get(file, "table")))
		rc = complain("%s: is no table that --export of this version wrote", path);
	else
		rc = import_table(command, pool, file);
	json_decref(file);
	return rc;
}

int verb_table(struct command *command)
{
	const char *pool = command->words[0];
	const char *export = command_option(command, "export");
	const char *import = command_option(command, "import");
	json_t *whole;
	int rc = EXIT_DONE;

	if (export && import)
		return complain("table: --export and --import exclude each other");
	if (import)
		return import_file(command, pool, import);
	whole = fetch(command, pool, command_option(command, "used") ? "used" : "home");
	if (!whole)
		return client_status(command->client);
	if (export)
		rc = export_table(whole, export);
	else if (command->json)
		show_json(whole);
	else
		show_slots(whole);
	if (rc == EXIT_DONE && export && command->json)
		show_json(whole);
	json_decref(whole);
	return rc;
}
