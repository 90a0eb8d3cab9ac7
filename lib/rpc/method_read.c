/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods that only read: status, pools, nodes, services, stats, history, events, log.level. */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/guess.h"
#include "base/log.h"
#include "rpc/method.h"
#include "show/json.h"

#define PART_OCTETS 524288u /* of history in one answer; a line has less than half a MiB */

/* The snapshot of counters, with the nodes that parameters `from` and `count` ask for, and where the
 * next part begins; NULL after it was refused. */
static struct sl_model_report *report_of(struct sl_rpc_call *call, uint64_t *next)
{
	struct sl_rpc_scope *scope = call->context;
	struct sl_model_report *report;

	if (sl_model_report_page(scope->model, sl_rpc_string(call, "pool", NULL),
				 sl_rpc_integer(call, "from", 0),
				 sl_rpc_integer(call, "count", UINT64_MAX), &report, next) == 0)
		return report;
	(void)sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for a report");
	return NULL;
}

int sl_rpc_find_pool(struct sl_rpc_call *call, const char *name)
{
	const struct sl_rpc_scope *scope = call->context;
	const struct sl_image *image = sl_model_image(scope->model);
	const char *names[SL_POOLS_MAX], *guess;
	int place = sl_image_find_pool(image, name);

	if (place >= 0)
		return place;
	for (uint32_t p = 0; p < image->listed_count; p++)
		names[p] = image->pools[p]->name;
	guess = sl_guess(name, names, image->listed_count);
	(void)sl_rpc_fail(call, SL_RPC_NOT_FOUND, "there is no pool \"%.64s\"%s%s%s", name,
			  guess ? ", did you mean \"" : "", guess ? guess : "", guess ? "\"?" : "");
	return -1;
}

/* Hands a part over to the answer; next: where the part behind it begins, 0: there is none. */
static int answer(struct sl_rpc_call *call, json_t *result, uint64_t next)
{
	if (!result)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
	if (next)
		(void)json_object_set_new(result, "next", json_integer((json_int_t)next));
	call->result = result;
	return 0;
}

/* Workers come behind the receive cores. */
static json_t *cores_json(const struct sl_show_daemon *daemon, const struct sl_fill *fill)
{
	json_t *cores = json_array();

	for (uint32_t i = 0; i < daemon->core_count; i++) {
		uint32_t w = i - daemon->rx_cores;
		const struct sl_fill_worker *worker =
			i >= daemon->rx_cores && w < fill->worker_count ? &fill->workers[w] : NULL;
		json_t *core = json_pack("{s:s, s:i, s:f, s:b}", "name", daemon->cores[i].name,
					 "cpu", daemon->cores[i].cpu, "busy", daemon->cores[i].busy,
					 "stuck", worker && worker->stuck);

		if (core && worker) {
			(void)json_object_set_new(core, "slow", json_boolean(worker->slow));
			(void)json_object_set_new(core, "queue", sl_report_queue(worker));
		}
		(void)json_array_append_new(cores, core);
	}
	return cores;
}

static int method_status(struct sl_rpc_call *call)
{
	const struct sl_rpc_scope *scope = call->context;
	const struct sl_fill_source *source = &scope->daemon.fill;
	struct sl_fill fill = {0};
	uint64_t next;
	struct sl_model_report *report = report_of(call, &next);
	json_t *result;

	if (!report)
		return -1;
	if (source->read)
		source->read(source->context, &fill);
	result = json_pack("{s:s, s:i, s:f, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "version",
			   scope->daemon.version, "pid", (int)getpid(), "uptime_seconds",
			   report->uptime_s, "generation", (json_int_t)report->generation,
			   "snapshot", (json_int_t)report->snapshot, "flows_taken_up",
			   (json_int_t)scope->daemon.flows_taken_up, "ports",
			   sl_report_ports(report), "cores", cores_json(&scope->daemon, &fill),
			   "buffers", sl_report_level(&fill.buffers), "transmit_rings",
			   sl_report_level(&fill.transmit), "flow_tables",
			   sl_report_flow_tables(report));
	sl_model_report_destroy(report);
	return answer(call, result, 0);
}

static json_t *pools_json(const struct sl_model_report *report)
{
	return json_pack("{s:o}", "pools", sl_report_pools(report));
}

static json_t *services_json(const struct sl_model_report *report)
{
	return json_pack("{s:o}", "services", sl_report_services(report));
}

/* What a method answers that only shows the report. */
static int answer_report(struct sl_rpc_call *call, json_t *(*show)(const struct sl_model_report *))
{
	uint64_t next;
	struct sl_model_report *report = report_of(call, &next);
	json_t *result;

	if (!report)
		return -1;
	result = show(report);
	sl_model_report_destroy(report);
	return answer(call, result, next);
}

static int method_pools(struct sl_rpc_call *call)
{
	return answer_report(call, pools_json);
}

/* In parts that are counted in services. */
static int method_services(struct sl_rpc_call *call)
{
	uint64_t from = sl_rpc_integer(call, "from", 0), next, left;
	struct sl_model_report *report = report_of(call, &next), part;
	json_t *result;

	if (!report)
		return -1;
	part = *report;
	from = SL_MIN(from, (uint64_t)report->service_count);
	left = report->service_count - from;
	part.services += from;
	part.service_count = (uint32_t)SL_MIN(sl_rpc_integer(call, "count", UINT64_MAX), left);
	result = services_json(&part);
	sl_model_report_destroy(report);
	return answer(call, result, part.service_count < left ? from + part.service_count : 0);
}

static int method_stats(struct sl_rpc_call *call)
{
	return answer_report(call, sl_report_stats);
}

/* With a pool its nodes by name; without one the nodes of each pool. */
static int method_nodes(struct sl_rpc_call *call)
{
	const char *pool = sl_rpc_string(call, "pool", NULL);
	struct sl_model_report *report;
	json_t *pools, *nodes;
	uint64_t next;

	if (pool && sl_rpc_find_pool(call, pool) < 0)
		return -1;
	report = report_of(call, &next);
	if (!report)
		return -1;
	pools = sl_report_nodes(report, pool);
	sl_model_report_destroy(report);
	if (!pools)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
	nodes = pool ? json_incref(json_object_get(pools, pool)) : json_incref(pools);
	json_decref(pools);
	return answer(call, json_pack("{s:o}", "nodes", nodes), next);
}

static void add_moved(void *moved, const char *pool, uint64_t slots)
{
	(void)json_object_set_new(moved, pool, json_integer((json_int_t)slots));
}

/* A line of history, with the slots that the change moved. */
static json_t *line_json(const struct sl_history *history, uint32_t place)
{
	struct sl_history_line line;
	json_t *moved = json_object();
	char time[40];
	time_t seconds;
	struct tm parts;

	sl_history_line(history, place, &line);
	sl_history_moved(history, place, add_moved, moved);
	seconds = (time_t)(line.wall_ms / 1000);
	if (!gmtime_r(&seconds, &parts) ||
	    strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		time[0] = '\0';
	return json_pack("{s:I, s:s, s:I, s:I, s:I, s:s, s:s, s:o}", "generation",
			 (json_int_t)line.generation, "time", time, "time_ms",
			 (json_int_t)line.wall_ms, "uid", (json_int_t)line.uid, "pid",
			 (json_int_t)line.pid, "verb", line.verb, "what", line.what, "moved_slots",
			 moved);
}

/* Lines from a generation on, oldest first, as many as asked and as fit an answer. *next: the generation
 * that the next part begins with, 0: there is none. */
static json_t *history_json(const struct sl_history *history, uint64_t from, uint64_t count,
			    uint64_t *next)
{
	uint32_t i = 0, lines = sl_history_count(history);
	json_t *list = json_array();
	size_t octets = 0;

	while (i < lines && sl_history_record(history, i)->generation < from)
		i++;
	for (; i < lines && json_array_size(list) < count && octets < PART_OCTETS; i++) {
		json_t *line = line_json(history, i);

		octets += json_dumpb(line, NULL, 0, 0);
		(void)json_array_append_new(list, line);
	}
	*next = i < lines ? sl_history_record(history, i)->generation : 0;
	return list;
}

static int method_history(struct sl_rpc_call *call)
{
	const struct sl_rpc_scope *scope = call->context;
	uint32_t lines = sl_history_count(scope->history);
	uint64_t oldest = sl_history_record(scope->history, 0)->generation, next = 0;
	json_t *list;
	uint64_t limit = sl_rpc_integer(call, "limit", lines), first = 0;

	if (limit == 0)
		first = UINT64_MAX;
	else if (limit < lines)
		first = sl_history_record(scope->history, lines - (uint32_t)limit)->generation;
	first = SL_MAX(first, sl_rpc_integer(call, "from", 0));
	list = history_json(scope->history, first, sl_rpc_integer(call, "count", UINT64_MAX),
			    &next);
	return answer(call,
		      json_pack("{s:I, s:I, s:o}", "generation",
				(json_int_t)sl_model_generation(scope->model), "oldest",
				(json_int_t)oldest, "history", list),
		      next);
}

static int method_events(struct sl_rpc_call *call)
{
	const struct sl_rpc_scope *scope = call->context;

	call->subscribe = true;
	return answer(call,
		      json_pack("{s:b, s:I}", "subscribed", 1, "generation",
				(json_int_t)sl_model_generation(scope->model)),
		      0);
}

static int method_log_level(struct sl_rpc_call *call)
{
	const char *name = sl_rpc_string(call, "level", NULL);
	enum sl_log_level level;

	if (name && !call->peer->may_change)
		return sl_rpc_fail(call, SL_RPC_NOT_PERMITTED,
				   "log.level with a level changes things: uid %u may not",
				   (unsigned)call->peer->uid);
	if (name && sl_log_level_parse(name, &level))
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "level \"%.64s\" is none: error, warning, notice, info, debug",
				   name);
	if (name) {
		sl_log_level_set(level);
		sl_log(SL_LOG_NOTICE, "log level %s, by uid %u pid %d", name,
		       (unsigned)call->peer->uid, (int)call->peer->pid);
	}
	return answer(call, json_pack("{s:s}", "level", sl_log_level_name(sl_log_level_get())), 0);
}

#define PART                                                                                       \
	{"from", SL_RPC_INTEGER, false},                                                           \
	{                                                                                          \
		"count", SL_RPC_COUNT, false                                                       \
	}

static const struct sl_rpc_method methods[] = {
	{"status", method_status, false, {{0}}},
	{"pools", method_pools, false, {PART}},
	{"nodes", method_nodes, false, {{"pool", SL_RPC_STRING, false}, PART}},
	{"services", method_services, false, {PART}},
	{"stats", method_stats, false, {PART}},
	{"history", method_history, false, {{"limit", SL_RPC_INTEGER, false}, PART}},
	{"events", method_events, false, {{0}}},
	{"log.level", method_log_level, false, {{"level", SL_RPC_STRING, false}}},
};

void sl_rpc_read_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
