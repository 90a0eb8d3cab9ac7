/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limit.h"
#include "show.h"
#include "table.h"
#include "verbs.h"

/* Answers with a row for each node come in parts. */
static bool has_parts(const char *method)
{
	return strcmp(method, "nodes") == 0 || strcmp(method, "pools") == 0 ||
	       strcmp(method, "neighbors") == 0 || strcmp(method, "services") == 0 ||
	       strcmp(method, "stats") == 0;
}

int call_read(struct command *command, const char *method, json_t *params, json_t **result)
{
	*result = has_parts(method) ? client_call_parts(command->client, method, params)
				    : client_call(command->client, method, params, NULL);
	if (!*result)
		return client_status(command->client);
	if (command->json) {
		show_json(*result);
		json_decref(*result);
		*result = NULL;
	}
	return EXIT_DONE;
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void show_ports(json_t *ports)
{
	static const struct column columns[] = {
		{"PORT", NULL, COLUMN_NAME},
		{"LINK", "link", COLUMN_STATE},
		{"MBIT/S", "speed_mbps", COLUMN_INTEGER | COLUMN_SPARE},
		{"MTU", "mtu", COLUMN_INTEGER | COLUMN_SPARE},
		{"QUEUES", "rx_queues", COLUMN_INTEGER | COLUMN_SPARE},
		{"RX PACKETS", "rx_packets", COLUMN_INTEGER},
		{"RX BYTES", "rx_bytes", COLUMN_INTEGER | COLUMN_SPARE},
		{"TX PACKETS", "tx_packets", COLUMN_INTEGER},
		{"TX BYTES", "tx_bytes", COLUMN_INTEGER | COLUMN_SPARE},
		{"MISSED", "rx_missed", COLUMN_INTEGER},
		{"TX FAILED", "tx_failed", COLUMN_INTEGER},
	};
	struct table *table = table_create(columns, COUNT(columns), 0);
	const char *name;
	json_t *port;

	json_object_foreach(ports, name, port) table_row(table, name, port, NULL);
	table_print(table, "no ports");
}

static void show_cores(const json_t *cores)
{
	static const struct column columns[] = {
		{"CORE", "name", COLUMN_TEXT},
		{"CPU", "cpu", COLUMN_INTEGER},
		{"BUSY", "busy", COLUMN_PERCENT},
		{"STATE", "state", COLUMN_TEXT},
		{"QUEUED", "queue.used", COLUMN_INTEGER},
		{"ROOM", "queue.capacity", COLUMN_INTEGER | COLUMN_SPARE},
		{"DROPPED", "queue.dropped", COLUMN_INTEGER},
		{"", "busy", COLUMN_BAR},
	};
	struct table *table = table_create(columns, COUNT(columns), 0);
	json_t *core;
	size_t i;

	json_array_foreach(cores, i, core)
	{
		bool stuck = json_is_true(json_object_get(core, "stuck"));
		bool slow = json_is_true(json_object_get(core, "slow"));

		(void)json_object_set_new(core, "state",
					  json_string(stuck ? "STUCK" : (slow ? "SLOW" : "runs")));
		table_row(table, "", core, NULL);
	}
	table_print(table, "no cores");
}

static void show_level(struct table *table, const char *name, const json_t *level)
{
	double used = get_number(level, "used"), capacity = get_number(level, "capacity");
	json_t *row = json_pack("{s:O, s:O, s:f}", "used", json_object_get(level, "used"),
				"capacity", json_object_get(level, "capacity"), "share",
				capacity > 0 ? used / capacity : 0);

	if (row && capacity > 0)
		table_row(table, name, row, NULL);
	json_decref(row);
}

/* Of flow tables the fullest: there may be a thousand. */
static void show_levels(const json_t *status)
{
	static const struct column columns[] = {
		{"MEMORY", NULL, COLUMN_NAME},	    {"USED", "used", COLUMN_INTEGER},
		{"OF", "capacity", COLUMN_INTEGER}, {"SHARE", "share", COLUMN_PERCENT},
		{"", "share", COLUMN_BAR},
	};
	struct table *table = table_create(columns, COUNT(columns), 0);
	json_t *tables = json_object_get(status, "flow_tables"), *level, *fullest = NULL;
	const char *pool, *fullest_pool = "";
	char name[SL_NAME_SIZE + 16];

	show_level(table, "buffers", json_object_get(status, "buffers"));
	show_level(table, "transmit rings", json_object_get(status, "transmit_rings"));
	json_object_foreach(tables, pool, level)
	{
		if (fullest && get_number(level, "used") * get_number(fullest, "capacity") <=
				       get_number(fullest, "used") * get_number(level, "capacity"))
			continue;
		fullest = level;
		fullest_pool = pool;
	}
	(void)snprintf(name, sizeof(name), "flows of %s", fullest_pool);
	if (fullest)
		show_level(table, name, fullest);
	table_print(table, "no buffers");
}

int verb_status(struct command *command)
{
	char time[SHOW_TEXT_SIZE];
	json_t *result;
	int rc = call_read(command, "status", NULL, &result);

	if (!result)
		return rc;
	printf("sluice %s, process %lld, up %s, generation %lld, snapshot %lld, %lld flows taken "
	       "up\n\n",
	       get_string(result, "version"), get_integer(result, "pid"),
	       show_duration(get_number(result, "uptime_seconds"), time),
	       get_integer(result, "generation"), get_integer(result, "snapshot"),
	       get_integer(result, "flows_taken_up"));
	show_ports(json_object_get(result, "ports"));
	putchar('\n');
	show_cores(json_object_get(result, "cores"));
	putchar('\n');
	show_levels(result);
	json_decref(result);
	return EXIT_DONE;
}

static json_int_t count_up(const json_t *pool)
{
	const char *name;
	json_int_t up = 0;
	json_t *node;

	json_object_foreach(json_object_get(pool, "nodes"), name, node) up +=
		strcmp(get_string(node, "state"), "up") == 0;
	return up;
}

int verb_pools(struct command *command)
{
	static const struct column columns[] = {
		{"POOL", NULL, COLUMN_NAME},
		{"SCHEDULER", "scheduler", COLUMN_TEXT},
		{"SLOTS", "slots", COLUMN_INTEGER},
		{"OPEN", "open_slots", COLUMN_INTEGER},
		{"NODES", "node_count", COLUMN_INTEGER},
		{"UP", "up_count", COLUMN_INTEGER},
		{"TRACKED", "tracked_flows", COLUMN_INTEGER},
		{"BEGUN", "begun_flows", COLUMN_INTEGER | COLUMN_SPARE},
		{"LOAD MAX/MEAN", "load.factor", COLUMN_RATIO},
	};
	struct table *table;
	const char *name;
	json_t *result, *pool;
	int rc = call_read(command, "pools", NULL, &result);

	if (!result)
		return rc;
	table = table_create(columns, COUNT(columns), 0);
	json_object_foreach(json_object_get(result, "pools"), name, pool)
	{
		size_t nodes = json_object_size(json_object_get(pool, "nodes"));

		(void)json_object_set_new(pool, "node_count", json_integer((json_int_t)nodes));
		(void)json_object_set_new(pool, "up_count", json_integer(count_up(pool)));
		table_row(table, name, pool, NULL);
	}
	table_print(table, "no pools");
	json_decref(result);
	return EXIT_DONE;
}

/* "80,8000-8099" */
static void ports_text(const json_t *list, char *text, size_t size)
{
	const json_t *port;
	size_t i, used = 0;

	text[0] = '\0';
	json_array_foreach(list, i, port)
	{
		if (used + 1 >= size)
			break;
		if (json_is_string(port))
			used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "," : "",
						 json_string_value(port));
		else
			used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? "," : "",
						 json_integer_value(port));
	}
}

/* "198.51.100.0/24", "198.51.100.0/24 +4999" */
static void sources_text(const json_t *service, char *text, size_t size)
{
	const char *first =
		json_string_value(json_array_get(json_object_get(service, "sources"), 0));
	json_int_t count = json_integer_value(json_object_get(service, "source_count"));

	if (!first)
		(void)snprintf(text, size, "any");
	else if (count > 1)
		(void)snprintf(text, size, "%s +%lld", first, (long long)count - 1);
	else
		(void)snprintf(text, size, "%s", first);
}

static json_int_t sum_of(json_t *counts)
{
	const char *name;
	json_int_t sum = 0;
	json_t *count;

	json_object_foreach(counts, name, count) sum += json_integer_value(count);
	return sum;
}

int verb_services(struct command *command)
{
	static const struct column columns[] = {
		{"SERVICE", NULL, COLUMN_NAME},
		{"ADDRESS", "address", COLUMN_TEXT},
		{"PROTOCOL", "protocol", COLUMN_TEXT},
		{"PORTS", "ports", COLUMN_TEXT},
		{"POOL", "pool", COLUMN_TEXT},
		{"PACKETS", "packets", COLUMN_INTEGER},
		{"BYTES", "bytes", COLUMN_INTEGER | COLUMN_SPARE},
		{"SOURCES", "sources", COLUMN_TEXT | COLUMN_SPARE},
		{"STARTED", "flows_started", COLUMN_INTEGER | COLUMN_SPARE},
		{"DROPPED", "dropped_sum", COLUMN_INTEGER | COLUMN_SPARE},
	};
	char ports[1024], sources[SHOW_TEXT_SIZE];
	struct table *table;
	const char *name;
	json_t *result, *service;
	int rc = call_read(command, "services", NULL, &result);

	if (!result)
		return rc;
	table = table_create(columns, COUNT(columns), 0);
	json_object_foreach(json_object_get(result, "services"), name, service)
	{
		ports_text(json_object_get(service, "ports"), ports, sizeof(ports));
		(void)json_object_set_new(service, "ports", json_string(ports));
		sources_text(service, sources, sizeof(sources));
		(void)json_object_set_new(service, "sources", json_string(sources));
		(void)json_object_set_new(
			service, "dropped_sum",
			json_integer(sum_of(json_object_get(service, "dropped"))));
		table_row(table, name, service, NULL);
	}
	table_print(table, "no services");
	json_decref(result);
	return EXIT_DONE;
}

int verb_neighbors(struct command *command)
{
	static const struct column columns[] = {
		{"ADDRESS", NULL, COLUMN_NAME},	   {"PORT", "port", COLUMN_TEXT},
		{"MAC", "mac", COLUMN_TEXT},	   {"STATE", "state", COLUMN_STATE},
		{"SOURCE", "source", COLUMN_TEXT}, {"AGE", "age_seconds", COLUMN_DURATION},
	};
	struct table *table;
	json_t *result, *row;
	size_t i;
	int rc = call_read(command, "neighbors", NULL, &result);

	if (!result)
		return rc;
	table = table_create(columns, COUNT(columns), 0);
	json_array_foreach(json_object_get(result, "neighbors"), i, row)
		table_row(table, get_string(row, "address"), row, NULL);
	table_print(table, "no node has a next hop");
	json_decref(result);
	return EXIT_DONE;
}

json_t *fetch_history(struct client *client, const char *limit)
{
	long long number;

	if (!limit)
		return client_call_parts(client, "history", NULL);
	if (!parse_least("--limit", limit, &number))
		return NULL;
	return client_call(client, "history", json_pack("{s:I}", "limit", (json_int_t)number),
			   NULL);
}

int verb_history(struct command *command)
{
	static const struct column columns[] = {
		{"GENERATION", "generation", COLUMN_INTEGER},
		{"TIME", "time_ms", COLUMN_TIME},
		{"UID", "uid", COLUMN_INTEGER | COLUMN_SPARE},
		{"PID", "pid", COLUMN_INTEGER | COLUMN_SPARE},
		{"VERB", "verb", COLUMN_TEXT},
		{"MOVED", "moved", COLUMN_INTEGER},
		{"WHAT", "what", COLUMN_TEXT},
	};
	json_t *result = fetch_history(command->client, command_option(command, "limit")), *entry;
	struct table *table;
	const char *pool;
	json_t *moved;
	size_t i;

	if (!result)
		return client_status(command->client) ? client_status(command->client)
						      : EXIT_REFUSED;
	if (command->json) {
		show_json(result);
		json_decref(result);
		return EXIT_DONE;
	}
	table = table_create(columns, COUNT(columns), 0);
	json_array_foreach(json_object_get(result, "history"), i, entry)
	{
		json_int_t sum = 0;

		json_object_foreach(json_object_get(entry, "moved_slots"), pool, moved) sum +=
			json_integer_value(moved);
		(void)json_object_set_new(entry, "moved", json_integer(sum));
		table_row(table, "", entry, NULL);
	}
	table_print(table, "nothing was changed yet");
	json_decref(result);
	return EXIT_DONE;
}

int verb_log_level(struct command *command)
{
	json_t *params = json_object(), *result;
	int rc;

	if (command->word_count)
		(void)json_object_set_new(params, "level", json_string(command->words[0]));
	rc = call_read(command, "log.level", params, &result);
	if (!result)
		return rc;
	printf("%s\n", get_string(result, "level"));
	json_decref(result);
	return EXIT_DONE;
}
