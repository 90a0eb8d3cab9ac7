/* SPDX-License-Identifier: BSD-3-Clause */

/* The nodes of one pool or of all: filtered, sorted, once or refreshing in place. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "table.h"
#include "verbs.h"

#define DOUBTS_SIZE 256
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct column columns[] = {
	{"NODE", NULL, COLUMN_NAME},
	{"WEIGHT", "weight", COLUMN_WEIGHT},
	{"EFFECTIVE", "effective_weight", COLUMN_WEIGHT | COLUMN_SPARE},
	{"ROLE", "role", COLUMN_TEXT | COLUMN_SPARE},
	{"STATE", "state", COLUMN_STATE},
	{"HEALTH", "health.state", COLUMN_STATE | COLUMN_SPARE},
	{"SINCE", "since_ms", COLUMN_TIME},
	{"EXPECTED", "expected_share", COLUMN_PERCENT | COLUMN_SPARE},
	{"MEASURED", "measured_share", COLUMN_PERCENT},
	{"SLOTS", "slots", COLUMN_INTEGER | COLUMN_SPARE},
	{"FLOWS", "flows", COLUMN_INTEGER},
	{"PACKETS", "packets", COLUMN_INTEGER},
	{"PER SECOND", "packets", COLUMN_RATE},
	{"", "measured_share", COLUMN_BAR},
	{"WHY", "why", COLUMN_TEXT},
};

/* What --sort takes, and the member that it means; numbers go down. */
static const struct key {
	const char *name, *member;
} keys[] = {{"name", NULL},	    {"weight", "weight"},	{"state", "state"},
	    {"since", "since_ms"},  {"slots", "slots"},		{"flows", "flows"},
	    {"packets", "packets"}, {"share", "measured_share"}};

struct row {
	char *name; /* POOL/NODE */
	const json_t *node, *before;
	const struct key *key;
	size_t place; /* equal ones stay in order */
};

struct rows {
	struct row *list;
	size_t count, room;
	size_t left_out; /* leaving ones without flows */
	const struct key *key;
};

static const struct key *key_find(const char *name)
{
	for (size_t i = 0; i < COUNT(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int compare(const void *one, const void *other)
{
	const struct row *a = one, *b = other;
	const json_t *of_a, *of_b;
	double difference;
	int order;

	if (!a->key->member) {
		order = strcmp(a->name, b->name);
		return order ? order : (a->place > b->place) - (a->place < b->place);
	}
	of_a = json_object_get(a->node, a->key->member);
	of_b = json_object_get(b->node, b->key->member);
	if (json_is_string(of_a) && json_is_string(of_b)) {
		order = strcmp(json_string_value(of_a), json_string_value(of_b));
	} else {
		difference = json_number_value(of_a) - json_number_value(of_b);
		order = (difference < 0) - (difference > 0);
	}
	return order ? order : (a->place > b->place) - (a->place < b->place);
}

/* Whether a node is shown: leaving ones only while they matter. */
static bool is_wanted(const struct command *command, struct rows *rows, const json_t *node)
{
	const char *state = get_string(node, "state"), *only = command_option(command, "state");

	if (only)
		return strcmp(only, state) == 0;
	if (command_option(command, "all") || strcmp(state, "leaving") != 0 ||
	    get_integer(node, "flows") > 0)
		return true;
	rows->left_out++;
	return false;
}

/* A backup stands by until it serves. */
static const char *role_of(const json_t *node)
{
	if (json_is_true(json_object_get(node, "standby")))
		return "standby";
	return json_is_true(json_object_get(node, "backup")) ? "backup" : "";
}

/* Of one that is up although some members of the cluster do not find it so: which. */
static void add_doubts(json_t *node)
{
	const json_t *who = json_object_get(json_object_get(node, "health"), "down_at"), *name;
	char text[DOUBTS_SIZE] = "down at";
	size_t i, used = strlen(text);

	if (!json_array_size(who) || strcmp(get_string(node, "state"), "up") != 0)
		return;
	json_array_foreach(who, i, name) if (used < sizeof(text)) used += (size_t)snprintf(
		text + used, sizeof(text) - used, "%s %s", i ? "," : "", json_string_value(name));
	(void)json_object_set_new(node, "why", json_string(text));
}

static void add_pool(const struct command *command, struct rows *rows, const char *pool,
		     json_t *nodes, const json_t *before)
{
	const char *name;
	json_t *node;

	json_object_foreach(nodes, name, node)
	{
		struct row *row;

		if (!is_wanted(command, rows, node))
			continue;
		if (rows->count == rows->room) {
			rows->room = rows->room ? 2 * rows->room : 64;
			rows->list = realloc(rows->list, rows->room * sizeof(*rows->list));
			if (!rows->list)
				abort();
		}
		add_doubts(node);
		(void)json_object_set_new(node, "role", json_string(role_of(node)));
		row = &rows->list[rows->count];
		*row = (struct row){.node = node,
				    .before = json_object_get(before, name),
				    .key = rows->key,
				    .place = rows->count++};
		if (asprintf(&row->name, "%s/%s", pool, name) < 0)
			abort();
	}
}

static void show_rows(struct rows *rows, double seconds)
{
	struct table *table = table_create(columns, COUNT(columns), seconds);

	if (rows->key)
		qsort(rows->list, rows->count, sizeof(*rows->list), compare);
	for (size_t i = 0; i < rows->count; i++) {
		table_row(table, rows->list[i].name, rows->list[i].node, rows->list[i].before);
		free(rows->list[i].name);
	}
	table_print(table, "no nodes");
	if (rows->left_out > 0)
		printf("%zu leaving without flows not shown; --all shows them\n", rows->left_out);
	free(rows->list);
}

static void show_nodes(const struct command *command, const json_t *now, const json_t *before,
		       double seconds)
{
	const char *wanted = command->word_count ? command->words[0] : NULL, *name;
	const char *sort = command_option(command, "sort");
	const json_t *then = json_object_get(before, "nodes");
	struct rows rows = {.key = sort ? key_find(sort) : NULL};
	json_t *nodes = json_object_get(now, "nodes"), *pool;

	if (wanted)
		add_pool(command, &rows, wanted, nodes, then);
	else
		json_object_foreach(nodes, name, pool)
			add_pool(command, &rows, name, pool, json_object_get(then, name));
	show_rows(&rows, seconds);
}

static bool is_state(const char *name)
{
	static const char *const states[] = {"up",	"down",	    "draining",
					     "drained", "disabled", "leaving"};

	for (size_t i = 0; i < COUNT(states); i++)
		if (strcmp(states[i], name) == 0)
			return true;
	return false;
}

int verb_nodes(struct command *command)
{
	const char *sort = command_option(command, "sort");
	const char *state = command_option(command, "state");
	struct watched watched = {.method = "nodes", .show = show_nodes};
	int rc;

	if (state && !is_state(state))
		return complain("--state %s is none of up, down, draining, drained, disabled, "
				"leaving",
				state);

	if (sort && !key_find(sort))
		return complain("--sort %s is none of name, weight, state, since, slots, flows, "
				"packets, share",
				sort);
	watched.params = json_object();
	if (command->word_count)
		(void)json_object_set_new(watched.params, "pool", json_string(command->words[0]));
	rc = show_once_or_watch(command, &watched);
	json_decref(watched.params);
	return rc;
}
