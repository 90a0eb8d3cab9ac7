/* SPDX-License-Identifier: BSD-3-Clause */

/* The statistics for people, and what is shown once or refreshing in place. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/number.h"
#include "show.h"
#include "table.h"
#include "verbs.h"

#define WATCH_MS 1000

static void show_balance(const json_t *stats, const json_t *before, double seconds)
{
	static const char *const names[] = {"received", "delivered", "forwarded",
					    "punted",	"dropped",   "in_flight"};
	static const struct column columns[] = {
		{"BALANCE", NULL, COLUMN_NAME},
		{"PACKETS", "packets", COLUMN_INTEGER},
		{"PER SECOND", "packets", COLUMN_RATE},
	};
	const json_t *now = json_object_get(stats, "balance");
	const json_t *then = json_object_get(before, "balance");
	struct table *table = table_create(columns, 3, seconds);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *row = json_pack("{s:O?}", "packets", json_object_get(now, names[i]));
		json_t *row_then = json_pack("{s:O?}", "packets", json_object_get(then, names[i]));

		table_row(table, names[i], row, row_then);
		json_decref(row);
		json_decref(row_then);
	}
	table_print(table, "");
}

static void show_dropped(json_t *dropped)
{
	const char *reason;
	json_t *count;

	json_object_foreach(dropped, reason, count) if (json_integer_value(count) > 0)
		printf("dropped %s: %lld\n", reason, json_integer_value(count));
}

static void show_pool(const char *name, const json_t *pool, const json_t *before, double seconds)
{
	static const struct column columns[] = {
		{"  NODE", NULL, COLUMN_NAME},
		{"WEIGHT", "weight", COLUMN_WEIGHT},
		{"STATE", "state", COLUMN_STATE},
		{"EXPECTED", "expected_share", COLUMN_PERCENT},
		{"MEASURED", "measured_share", COLUMN_PERCENT},
		{"PACKETS", "packets", COLUMN_INTEGER},
		{"PER SECOND", "packets", COLUMN_RATE},
		{"FLOWS", "flows", COLUMN_INTEGER},
		{"QUEUE DROPPED", "queue_dropped", COLUMN_INTEGER},
		{"", "measured_share", COLUMN_BAR},
	};
	const json_t *load = json_object_get(pool, "load");
	const json_t *then = json_object_get(before, "nodes");
	struct table *table = table_create(columns, sizeof(columns) / sizeof(columns[0]), seconds);
	const char *node_name;
	char shown[256];
	json_t *node;

	printf("\npool %s: %s, %lld slots, %lld open, %lld tracked flows, load max/mean %.3f\n",
	       name, get_string(pool, "scheduler"), get_integer(pool, "slots"),
	       get_integer(pool, "open_slots"), get_integer(pool, "tracked_flows"),
	       get_number(load, "factor"));
	json_object_foreach(json_object_get(pool, "nodes"), node_name, node)
	{
		(void)snprintf(shown, sizeof(shown), "  %s", node_name);
		table_row(table, shown, node, json_object_get(then, node_name));
	}
	table_print(table, "  no nodes");
}

static void show_stats(const struct command *command, const json_t *stats, const json_t *before,
		       double seconds)
{
	const json_t *pools_before = json_object_get(before, "pools");
	char time[SHOW_TEXT_SIZE];
	const char *name;
	json_t *pool;

	(void)command;
	printf("generation %lld, up %s\n\n", get_integer(stats, "generation"),
	       show_duration(get_number(stats, "uptime_seconds"), time));
	show_balance(stats, before, seconds);
	show_dropped(json_object_get(stats, "dropped"));
	json_object_foreach(json_object_get(stats, "pools"), name, pool)
		show_pool(name, pool, json_object_get(pools_before, name), seconds);
}

static double clock_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Again and again in place; one block after the other when piped. */
static int watch(struct command *command, const struct watched *watched, uint64_t interval_ms,
		 long long rounds)
{
	const struct timespec pause = {.tv_sec = (time_t)(interval_ms / 1000),
				       .tv_nsec = (long)(interval_ms % 1000) * 1000000};
	json_t *before = NULL, *now;
	double at, at_before = 0;

	for (long long i = 0; rounds == 0 || i < rounds; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		now = client_call_parts(command->client, watched->method,
					json_incref(watched->params));
		at = clock_seconds();
		if (!now)
			break;
		if (command->json) {
			show_json(now);
		} else {
			printf("%s", show_fancy() ? "\033[H\033[2J\033[3J" : i > 0 ? "\n" : "");
			watched->show(command, now, before, before ? at - at_before : 0);
			(void)fflush(stdout);
		}
		json_decref(before);
		before = now;
		at_before = at;
	}
	json_decref(before);
	return client_status(command->client);
}

int show_once_or_watch(struct command *command, const struct watched *watched)
{
	const char *interval = command_option(command, "interval");
	const char *count = command_option(command, "count");
	uint64_t interval_ms = WATCH_MS;
	long long rounds = 0;
	json_t *now;
	int rc;

	if (interval && (sl_duration_parse(interval, &interval_ms) || interval_ms == 0))
		return complain("--interval %s is no duration: write 500ms or 2s", interval);
	if (count && !parse_count("--count", count, &rounds))
		return EXIT_REFUSED;
	if (command_option(command, "watch") || count || interval)
		return watch(command, watched, interval_ms, rounds);
	rc = call_read(command, watched->method, json_incref(watched->params), &now);
	if (!now)
		return rc;
	watched->show(command, now, NULL, 0);
	json_decref(now);
	return EXIT_DONE;
}

int verb_stats(struct command *command)
{
	const struct watched watched = {.method = "stats", .show = show_stats};

	return show_once_or_watch(command, &watched);
}
