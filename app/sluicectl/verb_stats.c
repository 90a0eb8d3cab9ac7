/* SPDX-License-Identifier: BSD-3-Clause */

/* The statistics for people, once or refreshing in place. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/number.h"
#include "show.h"
#include "verbs.h"

#define WATCH_MS 1000

static void show_balance(const json_t *stats, const json_t *before, double seconds)
{
	static const char *const names[] = {"received", "delivered", "forwarded",
					    "punted",	"dropped",   "in_flight"};
	const json_t *now = json_object_get(stats, "balance");
	const json_t *then = json_object_get(before, "balance");
	struct table *table =
		table_create(before ? "BALANCE|>PACKETS|>PER SECOND" : "BALANCE|>PACKETS");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		long long packets = get_integer(now, names[i]);

		table_cell(table, "%s", names[i]);
		table_cell(table, "%lld", packets);
		if (before)
			table_cell(table, "%.0f",
				   (double)(packets - get_integer(then, names[i])) / seconds);
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

static void node_row(struct table *table, const char *name, const json_t *node,
		     const json_t *before, double seconds)
{
	char bar[128];

	table_cell(table, "  %s", name);
	table_cell(table, "%.15g", get_number(node, "weight"));
	table_cell(table, "%s", get_string(node, "state"));
	table_cell(table, "%.2f %%", 100 * get_number(node, "expected_share"));
	table_cell(table, "%.2f %%", 100 * get_number(node, "measured_share"));
	table_cell(table, "%lld", get_integer(node, "packets"));
	if (before)
		table_cell(table, "%.0f",
			   (double)(get_integer(node, "packets") - get_integer(before, "packets")) /
				   seconds);
	table_cell(table, "%lld", get_integer(node, "flows"));
	table_cell(table, "%lld", get_integer(node, "queue_dropped"));
	table_cell(table, "%s", show_bar(get_number(node, "measured_share"), bar, sizeof(bar)));
}

static void show_pool(const char *name, const json_t *pool, const json_t *before, double seconds)
{
	const json_t *load = json_object_get(pool, "load");
	const json_t *then = json_object_get(before, "nodes");
	struct table *table;
	const char *node_name;
	json_t *node;

	printf("\npool %s: %s, %lld slots, %lld open, %lld tracked flows, load max/mean %.3f\n",
	       name, get_string(pool, "scheduler"), get_integer(pool, "slots"),
	       get_integer(pool, "open_slots"), get_integer(pool, "tracked_flows"),
	       get_number(load, "factor"));
	table = table_create(before ? "  NODE|>WEIGHT|STATE|>EXPECTED|>MEASURED|>PACKETS|>PER "
				      "SECOND|>FLOWS|>QUEUE DROPPED|"
				    : "  NODE|>WEIGHT|STATE|>EXPECTED|>MEASURED|>PACKETS|>FLOWS|"
				      ">QUEUE DROPPED|");
	json_object_foreach(json_object_get(pool, "nodes"), node_name, node) node_row(
		table, node_name, node, before ? json_object_get(then, node_name) : NULL, seconds);
	table_print(table, "  no nodes");
}

static void show_stats(const json_t *stats, const json_t *before)
{
	double seconds = get_number(stats, "uptime_seconds") - get_number(before, "uptime_seconds");
	const json_t *pools_before = json_object_get(before, "pools");
	char time[SHOW_TEXT_SIZE];
	const char *name;
	json_t *pool;

	if (seconds <= 0)
		before = NULL;
	printf("generation %lld, up %s\n\n", get_integer(stats, "generation"),
	       show_duration(get_number(stats, "uptime_seconds"), time));
	show_balance(stats, before, seconds);
	show_dropped(json_object_get(stats, "dropped"));
	json_object_foreach(json_object_get(stats, "pools"), name, pool)
		show_pool(name, pool, before ? json_object_get(pools_before, name) : NULL, seconds);
	(void)fflush(stdout);
}

/* Again and again in place; one block after the other when piped. */
static int watch(struct command *command, uint64_t interval_ms, long long rounds)
{
	const struct timespec pause = {.tv_sec = (time_t)(interval_ms / 1000),
				       .tv_nsec = (long)(interval_ms % 1000) * 1000000};
	json_t *before = NULL, *stats;

	for (long long i = 0; rounds == 0 || i < rounds; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		stats = client_call_parts(command->client, "stats", NULL);
		if (!stats)
			break;
		if (command->json) {
			show_json(stats);
		} else {
			printf("%s", show_fancy() ? "\033[H\033[2J\033[3J" : i > 0 ? "\n" : "");
			show_stats(stats, before);
		}
		json_decref(before);
		before = stats;
	}
	json_decref(before);
	return client_status(command->client);
}

int verb_stats(struct command *command)
{
	const char *interval = command_option(command, "interval");
	const char *count = command_option(command, "count");
	uint64_t interval_ms = WATCH_MS;
	long long rounds = 0;
	json_t *stats;
	int rc;

	if (interval && (sl_duration_parse(interval, &interval_ms) || interval_ms == 0))
		return complain("--interval %s is no duration: write 500ms or 2s", interval);
	if (count && !parse_count("--count", count, &rounds))
		return EXIT_REFUSED;
	if (command_option(command, "watch") || count || interval)
		return watch(command, interval_ms, rounds);
	rc = call_read(command, "stats", NULL, &stats);
	if (!stats)
		return rc;
	show_stats(stats, NULL);
	json_decref(stats);
	return EXIT_DONE;
}
