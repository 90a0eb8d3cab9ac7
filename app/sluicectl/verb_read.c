/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "verbs.h"

/* Answers with a row for each node come in parts. */
static bool has_parts(const char *method)
{
	return strcmp(method, "nodes") == 0 || strcmp(method, "pools") == 0 ||
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

static void show_ports(json_t *ports)
{
	struct table *table = table_create("PORT|>RX PACKETS|>RX BYTES|>TX PACKETS|>TX BYTES|"
					   ">MISSED|>TX FAILED");
	const char *name;
	json_t *port;

	json_object_foreach(ports, name, port)
	{
		table_cell(table, "%s", name);
		table_cell(table, "%lld", get_integer(port, "rx_packets"));
		table_cell(table, "%lld", get_integer(port, "rx_bytes"));
		table_cell(table, "%lld", get_integer(port, "tx_packets"));
		table_cell(table, "%lld", get_integer(port, "tx_bytes"));
		table_cell(table, "%lld", get_integer(port, "rx_missed"));
		table_cell(table, "%lld", get_integer(port, "tx_failed"));
	}
	table_print(table, "no ports");
}

static void show_cores(const json_t *cores)
{
	struct table *table = table_create("CORE|>CPU|>BUSY|");
	const json_t *core;
	char bar[128];
	size_t i;

	json_array_foreach(cores, i, core)
	{
		double busy = get_number(core, "busy");

		table_cell(table, "%s", get_string(core, "name"));
		table_cell(table, "%lld", get_integer(core, "cpu"));
		table_cell(table, "%.1f %%", 100 * busy);
		table_cell(table, "%s", show_bar(busy, bar, sizeof(bar)));
	}
	table_print(table, "no cores");
}

int verb_status(struct command *command)
{
	char time[SHOW_TEXT_SIZE];
	json_t *result;
	int rc = call_read(command, "status", NULL, &result);

	if (!result)
		return rc;
	printf("sluice %s, process %lld, up %s, generation %lld, snapshot %lld\n\n",
	       get_string(result, "version"), get_integer(result, "pid"),
	       show_duration(get_number(result, "uptime_seconds"), time),
	       get_integer(result, "generation"), get_integer(result, "snapshot"));
	show_ports(json_object_get(result, "ports"));
	putchar('\n');
	show_cores(json_object_get(result, "cores"));
	json_decref(result);
	return EXIT_DONE;
}

int verb_pools(struct command *command)
{
	struct table *table;
	const char *name;
	json_t *result, *pool;
	int rc = call_read(command, "pools", NULL, &result);

	if (!result)
		return rc;
	table = table_create("POOL|SCHEDULER|>SLOTS|>OPEN|>NODES|>TRACKED|>BEGUN|>LOAD MAX/MEAN");
	json_object_foreach(json_object_get(result, "pools"), name, pool)
	{
		json_t *nodes = json_object_get(pool, "nodes");

		table_cell(table, "%s", name);
		table_cell(table, "%s", get_string(pool, "scheduler"));
		table_cell(table, "%lld", get_integer(pool, "slots"));
		table_cell(table, "%lld", get_integer(pool, "open_slots"));
		table_cell(table, "%zu", json_object_size(nodes));
		table_cell(table, "%lld", get_integer(pool, "tracked_flows"));
		table_cell(table, "%lld", get_integer(pool, "begun_flows"));
		table_cell(table, "%.3f", get_number(json_object_get(pool, "load"), "factor"));
	}
	table_print(table, "no pools");
	json_decref(result);
	return EXIT_DONE;
}

static void node_row(struct table *table, const char *pool, const char *name, const json_t *node)
{
	char time[SHOW_TEXT_SIZE], bar[128];

	table_cell(table, "%s/%s", pool, name);
	table_cell(table, "%.15g", get_number(node, "weight"));
	table_cell(table, "%s", get_string(node, "state"));
	table_cell(table, "%s", show_time(get_number(node, "since_ms"), time));
	table_cell(table, "%.2f %%", 100 * get_number(node, "expected_share"));
	table_cell(table, "%.2f %%", 100 * get_number(node, "measured_share"));
	table_cell(table, "%lld", get_integer(node, "slots"));
	table_cell(table, "%lld", get_integer(node, "flows"));
	table_cell(table, "%lld", get_integer(node, "packets"));
	table_cell(table, "%s", show_bar(get_number(node, "measured_share"), bar, sizeof(bar)));
	table_cell(table, "%s", get_string(node, "why"));
}

int verb_nodes(struct command *command)
{
	json_t *params = json_object(), *result, *pool, *node;
	const char *wanted = command->word_count ? command->words[0] : NULL, *name, *node_name;
	struct table *table;
	int rc;

	if (wanted)
		(void)json_object_set_new(params, "pool", json_string(wanted));
	rc = call_read(command, "nodes", params, &result);
	if (!result)
		return rc;
	table = table_create("NODE|>WEIGHT|STATE|SINCE|>EXPECTED|>MEASURED|>SLOTS|>FLOWS|"
			     ">PACKETS||WHY");
	if (wanted) {
		json_object_foreach(json_object_get(result, "nodes"), node_name, node)
			node_row(table, wanted, node_name, node);
	} else {
		json_object_foreach(json_object_get(result, "nodes"), name, pool)
			json_object_foreach(pool, node_name, node)
				node_row(table, name, node_name, node);
	}
	table_print(table, "no nodes");
	json_decref(result);
	return EXIT_DONE;
}

int verb_services(struct command *command)
{
	struct table *table;
	const char *name;
	json_t *result, *service, *port;
	size_t i;
	int rc = call_read(command, "services", NULL, &result);

	if (!result)
		return rc;
	table = table_create("SERVICE|ADDRESS|PROTOCOL|PORTS|POOL|>PACKETS|>BYTES");
	json_object_foreach(json_object_get(result, "services"), name, service)
	{
		char ports[256] = "";

		json_array_foreach(json_object_get(service, "ports"), i, port)
		{
			char *text =
				json_is_string(port) ? NULL : json_dumps(port, JSON_ENCODE_ANY);
			size_t used = strlen(ports);

			(void)snprintf(ports + used, sizeof(ports) - used, "%s%s", i ? "," : "",
				       text ? text : json_string_value(port));
			free(text);
		}
		table_cell(table, "%s", name);
		table_cell(table, "%s", get_string(service, "address"));
		table_cell(table, "%s", get_string(service, "protocol"));
		table_cell(table, "%s", ports);
		table_cell(table, "%s", get_string(service, "pool"));
		table_cell(table, "%lld", get_integer(service, "packets"));
		table_cell(table, "%lld", get_integer(service, "bytes"));
	}
	table_print(table, "no services");
	json_decref(result);
	return EXIT_DONE;
}

int verb_flows(struct command *command)
{
	json_t *params = json_object(), *result, *flow;
	const char *word = command->word_count ? command->words[0] : NULL, *slash;
	const char *limit = command_option(command, "limit");
	struct table *table;
	long long number;
	size_t i;
	int rc;

	slash = word ? strchr(word, '/') : NULL;
	if (word)
		(void)json_object_set_new(
			params, "pool",
			json_stringn(word, slash ? (size_t)(slash - word) : strlen(word)));
	if (slash)
		(void)json_object_set_new(params, "node", json_string(slash + 1));
	if (limit && !parse_count("--limit", limit, &number))
		return EXIT_REFUSED;
	if (limit)
		(void)json_object_set_new(params, "limit", json_integer(number));
	rc = call_read(command, "flows", params, &result);
	if (!result)
		return rc;
	table = table_create("FLOW|NODE|>AGE|KIND|>CORE");
	json_array_foreach(json_object_get(result, "flows"), i, flow)
	{
		char time[SHOW_TEXT_SIZE];

		table_cell(table, "%s", get_string(flow, "key"));
		table_cell(table, "%s/%s", get_string(flow, "pool"), get_string(flow, "node"));
		table_cell(table, "%s", show_duration(get_number(flow, "age_seconds"), time));
		table_cell(table, "%s", get_string(flow, "kind"));
		table_cell(table, "%lld", get_integer(flow, "core"));
	}
	table_print(table, "no tracked flows");
	if (json_is_true(json_object_get(result, "more")))
		printf("more flows are tracked; --limit N shows more\n");
	json_decref(result);
	return EXIT_DONE;
}

int verb_history(struct command *command)
{
	json_t *params = json_object(), *result, *entry, *moved;
	const char *limit = command_option(command, "limit"), *pool;
	struct table *table;
	long long number;
	size_t i;
	int rc;

	if (limit && !parse_count("--limit", limit, &number))
		return EXIT_REFUSED;
	if (limit)
		(void)json_object_set_new(params, "limit", json_integer(number));
	rc = call_read(command, "history", params, &result);
	if (!result)
		return rc;
	table = table_create(">GENERATION|TIME|>UID|>PID|VERB|WHAT|>MOVED");
	json_array_foreach(json_object_get(result, "history"), i, entry)
	{
		char time[SHOW_TEXT_SIZE];
		long long sum = 0;

		json_object_foreach(json_object_get(entry, "moved_slots"), pool, moved) sum +=
			json_integer_value(moved);
		table_cell(table, "%lld", get_integer(entry, "generation"));
		table_cell(table, "%s", show_time(get_number(entry, "time_ms"), time));
		table_cell(table, "%lld", get_integer(entry, "uid"));
		table_cell(table, "%lld", get_integer(entry, "pid"));
		table_cell(table, "%s", get_string(entry, "verb"));
		table_cell(table, "%s", get_string(entry, "what"));
		table_cell(table, "%lld", sum);
	}
	table_print(table, "nothing was changed yet");
	json_decref(result);
	return EXIT_DONE;
}

int verb_events(struct command *command)
{
	json_t *result = client_call(command->client, "events", NULL, NULL), *event;
	char time[SHOW_TEXT_SIZE];

	json_decref(result);
	if (!result)
		return client_status(command->client);
	while ((event = client_event(command->client))) {
		if (command->json)
			show_json(event);
		else
			printf("%s %s: %s\n", show_time(get_number(event, "time_ms"), time),
			       get_string(event, "kind"), get_string(event, "text"));
		(void)fflush(stdout);
		json_decref(event);
	}
	return client_status(command->client);
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
