/* SPDX-License-Identifier: BSD-3-Clause */

#include "counters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "io/telemetry.h"
#include "show/figure.h"

#define TEXT_SIZE 48
#define WAIT_MS	  1000 /* for the control thread */

static struct {
	const struct wire *wire;
	struct sl_model *model;
	struct sl_loop *loop;
} source;

/* ---- pieces ---------------------------------------------------------------------------------- */

static void add_figures(struct sl_telemetry *out, const struct sl_figures *figures, const void *row)
{
	for (uint32_t i = 0; i < figures->count; i++) {
		const struct sl_figure *figure = &figures->list[i];
		const char *word = sl_figure_word(figure, row);
		char text[TEXT_SIZE];

		if (figure->type == SL_FIGURE_U32 || figure->type == SL_FIGURE_U64) {
			sl_telemetry_number(out, figure->name, sl_figure_number(figure, row));
			continue;
		}
		(void)snprintf(text, sizeof(text), "%.15g", sl_figure_real(figure, row));
		sl_telemetry_text(out, figure->name, word ? word : text);
	}
}

/* "NAME,START" or "NAME" into both. The name goes to a buffer of SL_NAME_SIZE. */
static uint32_t split(const char *params, char *name)
{
	const char *comma = strchr(params, ',');
	size_t length = comma ? (size_t)(comma - params) : strlen(params);

	(void)snprintf(name, SL_NAME_SIZE, "%.*s", (int)SL_MIN(length, SL_NAME_LENGTH_MAX), params);
	return comma ? (uint32_t)strtoul(comma + 1, NULL, 10) : 0;
}

static uint32_t page_end(uint32_t start, uint32_t count)
{
	return start < count ? SL_MIN(count, start + COUNTERS_PAGE) : count;
}

static const struct sl_pool_report *find_pool(const struct sl_model_report *report,
					      const char *name)
{
	for (uint32_t p = 0; p < report->pool_count; p++)
		if (strcmp(report->pools[p].name, name) == 0)
			return &report->pools[p];
	return NULL;
}

/* ---- commands -------------------------------------------------------------------------------- */

static int fill_status(const struct sl_model_report *report, const char *params,
		       struct sl_telemetry *out)
{
	(void)params;
	sl_telemetry_number(out, "generation", report->generation);
	sl_telemetry_number(out, "snapshot", report->snapshot);
	sl_telemetry_number(out, "uptime_seconds", (uint64_t)report->uptime_s);
	return 0;
}

static int fill_balance(const struct sl_model_report *report, const char *params,
			struct sl_telemetry *out)
{
	(void)params;
	add_figures(out, &sl_figures_balance, &report->balance);
	return 0;
}

static int fill_dropped(const struct sl_model_report *report, const char *params,
			struct sl_telemetry *out)
{
	(void)params;
	for (uint32_t d = 0; d < SL_DROP_COUNT; d++)
		sl_telemetry_number(out, sl_drop_name((enum sl_drop)d), report->balance.drops[d]);
	return 0;
}

static int fill_ports(const struct sl_model_report *report, const char *params,
		      struct sl_telemetry *out)
{
	(void)params;
	for (uint32_t p = 0; p < report->port_count; p++)
		sl_telemetry_number(out, report->ports[p].name, report->ports[p].stats.rx_packets);
	return 0;
}

static int fill_port(const struct sl_model_report *report, const char *params,
		     struct sl_telemetry *out)
{
	for (uint32_t p = 0; p < report->port_count; p++) {
		if (strcmp(report->ports[p].name, params) != 0)
			continue;
		add_figures(out, &sl_figures_port, &report->ports[p]);
		return 0;
	}
	return -ENOENT;
}

static int fill_services(const struct sl_model_report *report, const char *params,
			 struct sl_telemetry *out)
{
	uint32_t start = (uint32_t)strtoul(params, NULL, 10);

	for (uint32_t s = start; s < page_end(start, report->service_count); s++)
		sl_telemetry_number(out, report->services[s].name, report->services[s].packets);
	return 0;
}

static int fill_service(const struct sl_model_report *report, const char *params,
			struct sl_telemetry *out)
{
	for (uint32_t s = 0; s < report->service_count; s++) {
		const struct sl_service_report *service = &report->services[s];

		if (strcmp(service->name, params) != 0)
			continue;
		sl_telemetry_text(out, "pool", service->pool);
		add_figures(out, &sl_figures_service, service);
		return 0;
	}
	return -ENOENT;
}

static int fill_pools(const struct sl_model_report *report, const char *params,
		      struct sl_telemetry *out)
{
	uint32_t start = (uint32_t)strtoul(params, NULL, 10);

	for (uint32_t p = start; p < page_end(start, report->pool_count); p++)
		sl_telemetry_number(out, report->pools[p].name, report->pools[p].node_count);
	return 0;
}

static int fill_pool(const struct sl_model_report *report, const char *params,
		     struct sl_telemetry *out)
{
	const struct sl_pool_report *pool = find_pool(report, params);

	if (!pool)
		return -ENOENT;
	sl_telemetry_text(out, "scheduler", sl_sched_name(pool->conf->scheduler));
	sl_telemetry_number(out, "nodes", pool->node_count);
	add_figures(out, &sl_figures_pool, pool);
	return 0;
}

static int fill_nodes(const struct sl_model_report *report, const char *params,
		      struct sl_telemetry *out)
{
	char name[SL_NAME_SIZE];
	uint32_t start = split(params, name);
	const struct sl_pool_report *pool = find_pool(report, name);

	for (uint32_t n = start; pool && n < page_end(start, pool->node_count); n++)
		sl_telemetry_number(out, pool->nodes[n].name, pool->nodes[n].packets);
	return pool ? 0 : -ENOENT;
}

static int fill_node(const struct sl_model_report *report, const char *params,
		     struct sl_telemetry *out)
{
	char name[SL_NAME_SIZE] = "";
	const char *slash = strchr(params, '/');
	const struct sl_pool_report *pool;

	if (slash && slash - params < SL_NAME_SIZE)
		memcpy(name, params, (size_t)(slash - params));
	pool = find_pool(report, name);
	for (uint32_t n = 0; pool && n < pool->node_count; n++) {
		const struct sl_node_report *node = &pool->nodes[n];

		if (strcmp(slash + 1, node->name) != 0)
			continue;
		add_figures(out, &sl_figures_node, node);
		return 0;
	}
	return -ENOENT;
}

static void add_core(struct sl_telemetry *out, const char *kind, uint32_t number,
		     const uint64_t *busy, const uint64_t *all)
{
	char name[TEXT_SIZE];

	(void)snprintf(name, sizeof(name), "%s%" PRIu32 "_busy_cycles", kind, number);
	sl_telemetry_number(out, name, __atomic_load_n(busy, __ATOMIC_RELAXED));
	(void)snprintf(name, sizeof(name), "%s%" PRIu32 "_all_cycles", kind, number);
	sl_telemetry_number(out, name, __atomic_load_n(all, __ATOMIC_RELAXED));
}

static int fill_cores(const struct sl_model_report *report, const char *params,
		      struct sl_telemetry *out)
{
	const struct wire *wire = source.wire;

	(void)report;
	(void)params;
	for (uint32_t c = 0; c < wire->eal.rx_count; c++)
		add_core(out, "rx", c, &wire->core_stats[c]->busy_cycles,
			 &wire->core_stats[c]->all_cycles);
	for (uint32_t w = 0; w < wire->eal.worker_count; w++)
		add_core(out, "worker", w, &wire->worker_stats[w]->busy_cycles,
			 &wire->worker_stats[w]->all_cycles);
	return 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct command {
	const char *name, *help;
	int (*fill)(const struct sl_model_report *report, const char *params,
		    struct sl_telemetry *out);
};

static const struct command commands[] = {
	{"/sluice/status", "Generation, snapshot, seconds since the start", fill_status},
	{"/sluice/balance", "What became of all packets received", fill_balance},
	{"/sluice/dropped", "Packets dropped, by reason", fill_dropped},
	{"/sluice/ports", "Ports, with the packets each received", fill_ports},
	{"/sluice/port", "Counters of a port. Parameter: its name", fill_port},
	{"/sluice/services", "128 services, with their packets. Parameter: number of the first",
	 fill_services},
	{"/sluice/service", "Counters of a service. Parameter: its name", fill_service},
	{"/sluice/pools", "128 pools, with their nodes. Parameter: number of the first",
	 fill_pools},
	{"/sluice/pool", "Slots, flows and load of a pool. Parameter: its name", fill_pool},
	{"/sluice/nodes", "128 nodes, with their packets. Parameters: POOL[,NUMBER OF THE FIRST]",
	 fill_nodes},
	{"/sluice/node", "What `stats` says of a node. Parameter: POOL/NODE", fill_node},
	{"/sluice/cores", "Cycles of each core, and those that did work", fill_cores},
};

_Static_assert(SL_ARRAY_COUNT(commands) <= SL_TELEMETRY_COMMANDS_MAX, "all commands are offered");

struct question {
	const struct command *command;
	const char *params;
	struct sl_telemetry *out;
	int status;
};

/* In the control thread. */
static void answer(void *context)
{
	struct question *question = context;
	struct sl_model_report *report;

	question->status = sl_model_report_build(source.model, &report);
	if (question->status < 0)
		return;
	question->status = question->command->fill(report, question->params, question->out);
	sl_model_report_destroy(report);
}

static int ask(const void *context, const char *params, struct sl_telemetry *out)
{
	struct question question = {.command = context, .params = params, .out = out};
	int status = sl_loop_ask(source.loop, answer, &question, WAIT_MS);

	return status < 0 ? status : question.status;
}

int counters_offer(const struct wire *wire, struct sl_model *model, struct sl_loop *loop)
{
	int status = 0;

	source.wire = wire;
	source.model = model;
	source.loop = loop;
	for (size_t i = 0; i < SL_ARRAY_COUNT(commands) && status == 0; i++)
		status = sl_telemetry_add(commands[i].name, commands[i].help, ask, &commands[i]);
	return status;
}

void counters_end(void)
{
	sl_telemetry_end();
}
