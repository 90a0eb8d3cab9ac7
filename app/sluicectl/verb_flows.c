/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#include "show.h"
#include "table.h"
#include "verbs.h"

#define END_SIZE 64 /* an address with its port */

/* "192.0.2.1:80", "[2001:db8::1]:80", the address alone where the protocol has no ports; "" where it is
 * not known. */
static void set_end(json_t *flow, const char *address, const char *port)
{
	const char *text = get_string(flow, address);
	char end[END_SIZE] = "";

	if (*text && get_integer(flow, "sport") == 0 && get_integer(flow, "dport") == 0)
		(void)snprintf(end, sizeof(end), "%s", text);
	else if (*text)
		(void)snprintf(end, sizeof(end), strchr(text, ':') ? "[%s]:%lld" : "%s:%lld", text,
			       get_integer(flow, port));
	(void)json_object_set_new(flow, address, json_string(end));
}

static json_t *flows_params(const struct command *command)
{
	const char *word = command->word_count ? command->words[0] : NULL;
	const char *slash = word ? strchr(word, '/') : NULL;
	const char *limit = command_option(command, "limit");
	json_t *params = json_object();
	long long number;

	if (word)
		(void)json_object_set_new(
			params, "pool",
			json_stringn(word, slash ? (size_t)(slash - word) : strlen(word)));
	if (slash)
		(void)json_object_set_new(params, "node", json_string(slash + 1));
	if (command_option(command, "addresses"))
		(void)json_object_set_new(params, "addresses", json_true());
	if (limit && !parse_least("--limit", limit, &number)) {
		json_decref(params);
		return NULL;
	}
	if (limit)
		(void)json_object_set_new(params, "limit", json_integer(number));
	return params;
}

static struct table *create_table(bool addresses)
{
	static const struct column plain[] = {
		{"FLOW", "key", COLUMN_TEXT},
		{"NODE", NULL, COLUMN_NAME},
		{"AGE", "age_seconds", COLUMN_DURATION},
		{"KIND", "kind", COLUMN_TEXT},
		{"CORE", "core", COLUMN_INTEGER},
	};
	static const struct column addressed[] = {
		{"FLOW", "key", COLUMN_TEXT | COLUMN_SPARE},
		{"PROTOCOL", "proto", COLUMN_TEXT},
		{"SOURCE", "src", COLUMN_TEXT},
		{"DESTINATION", "dst", COLUMN_TEXT},
		{"NODE", NULL, COLUMN_NAME},
		{"AGE", "age_seconds", COLUMN_DURATION},
		{"KIND", "kind", COLUMN_TEXT},
		{"CORE", "core", COLUMN_INTEGER | COLUMN_SPARE},
	};

	return addresses ? table_create(addressed, SL_ARRAY_COUNT(addressed), 0)
			 : table_create(plain, SL_ARRAY_COUNT(plain), 0);
}

int verb_flows(struct command *command)
{
	bool addresses = command_option(command, "addresses") != NULL;
	json_t *params = flows_params(command), *result, *flow;
	size_t i, known = 0;
	struct table *table;
	char name[512];
	int rc;

	if (!params)
		return EXIT_REFUSED;
	rc = call_read(command, "flows", params, &result);
	if (!result)
		return rc;
	table = create_table(addresses);
	json_array_foreach(json_object_get(result, "flows"), i, flow)
	{
		(void)snprintf(name, sizeof(name), "%s/%s", get_string(flow, "pool"),
			       get_string(flow, "node"));
		if (addresses) {
			known += *get_string(flow, "src") != '\0';
			set_end(flow, "src", "sport");
			set_end(flow, "dst", "dport");
		}
		table_row(table, name, flow, NULL);
	}
	table_print(table, "no tracked flows");
	if (json_is_true(json_object_get(result, "more")))
		printf("more flows are tracked; --limit N shows more\n");
	if (addresses && i > 0 && known == 0)
		(void)fprintf(stderr,
			      "no addresses: `flow_addresses: true` of a pool keeps those of "
			      "its flows, from then on\n");
	json_decref(result);
	return EXIT_DONE;
}
