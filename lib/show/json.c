/* SPDX-License-Identifier: BSD-3-Clause */

#include "show/json.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/addr.h"
#include "conf/key.h"
#include "show/figure.h"

#define TEXTS_MAX 1000u /* sentences of an answer, which is one line */

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* Weights print as they were written: whole ones without a fraction. */
static json_t *weight(uint64_t millionths)
{
	if (millionths % SL_WEIGHT_UNIT == 0)
		return number(millionths / SL_WEIGHT_UNIT);
	return json_real((double)millionths / SL_WEIGHT_UNIT);
}

static json_t *figure(const struct sl_figure *of, const void *row)
{
	if (of->type == SL_FIGURE_REAL)
		return json_real(sl_figure_real(of, row));
	if (of->type == SL_FIGURE_WEIGHT)
		return weight(sl_figure_number(of, row));
	if (sl_figure_word(of, row))
		return json_string(sl_figure_word(of, row));
	return number(sl_figure_number(of, row));
}

/* Adds the figures of a row; those of an object within under its name. */
static json_t *figures(json_t *object, const struct sl_figures *of, const void *row)
{
	for (uint32_t i = 0; object && i < of->count; i++) {
		const char *name = of->list[i].name, *dot = strchr(name, '.');
		json_t *in = object;
		char outer[SL_NAME_SIZE];

		if (dot) {
			snprintf(outer, sizeof(outer), "%.*s", (int)(dot - name), name);
			if (!json_object_get(object, outer))
				json_object_set_new(object, outer, json_object());
			in = json_object_get(object, outer);
			name = dot + 1;
		}
		json_object_set_new(in, name, figure(&of->list[i], row));
	}
	return object;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Names with commas between them. */
static json_t *names(const char *text)
{
	json_t *list = json_array();

	for (size_t length; *text; text += length + strspn(text + length, ", ")) {
		length = strcspn(text, ",");
		(void)json_array_append_new(list, json_stringn(text, length));
	}
	return list;
}

static json_t *health(const struct sl_model_health *row)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:f, s:I, s:I, s:I}", "state", row->state,
				   "result", row->result, "text", row->text, "ms", row->ms, "since",
				   (json_int_t)row->since_ms, "checks", (json_int_t)row->checks,
				   "failures", (json_int_t)row->failures);
	if (object && row->members) {
		(void)json_object_set_new(object, "members", json_integer(row->members));
		(void)json_object_set_new(object, "down_at", names(row->down_at));
	}
	return object;
}

static json_t *node(const struct sl_node_report *row)
{
	json_t *object = figures(json_object(), &sl_figures_node, row);

	if (object) {
		json_object_set_new(object, "health", health(&row->health));
		json_object_set_new(object, "backup", json_boolean(row->conf->backup));
		json_object_set_new(object, "standby", json_boolean(row->standby));
	}
	return object;
}

static void add_destination(json_t *object, const struct sl_node_report *row)
{
	const struct sl_conf_node *conf = row->conf;
	char text[SL_ADDR_TEXT_SIZE];

	switch (conf->kind) {
	case SL_NODE_WORKER:
		json_object_set_new(object, "kind", json_string("worker"));
		json_object_set_new(object, "worker", json_integer(conf->worker));
		if (conf->handler)
			json_object_set_new(object, "handler", json_string(conf->handler));
		break;
	case SL_NODE_REMOTE:
		json_object_set_new(object, "kind", json_string("remote"));
		json_object_set_new(object, "address",
				    json_string(sl_addr_format(&conf->address, text)));
		json_object_set_new(object, "encap", json_string(sl_encap_name(conf->encap)));
		break;
	case SL_NODE_OUTPUT:
		json_object_set_new(object, "kind", json_string("output"));
		break;
	case SL_NODE_NONE:
		break;
	}
}

/* With since and why, for `nodes`. */
static json_t *node_full(const struct sl_node_report *row)
{
	json_t *object = node(row);

	if (!object)
		return NULL;
	add_destination(object, row);
	json_object_set_new(object, "since_ms", number(row->since_ms));
	json_object_set_new(object, "why", json_string(row->why));
	json_object_set_new(object, "home_slots", json_integer(row->home_slots));
	json_object_set_new(object, "open_slots", json_integer(row->open_slots));
	if (row->deadline_left_ms)
		json_object_set_new(object, "deadline_left_seconds",
				    json_real((double)row->deadline_left_ms / 1000.0));
	return object;
}

/* A leaving node whose name another one has by now, perhaps in another part, is told apart by its
 * index. */
static void set_node(json_t *nodes, const struct sl_node_report *row, bool paged, json_t *object)
{
	char name[SL_NAME_SIZE + 16];

	if (!json_object_get(nodes, row->name) && !(paged && row->state == SL_NODE_STATE_LEAVING)) {
		json_object_set_new(nodes, row->name, object);
		return;
	}
	snprintf(name, sizeof(name), "%s#%u", row->name, row->index);
	json_object_set_new(nodes, name, object);
}

static json_t *nodes_of(const struct sl_pool_report *pool, bool full)
{
	json_t *nodes = json_object();

	for (uint32_t n = 0; nodes && n < pool->node_count; n++) {
		const struct sl_node_report *row = &pool->nodes[n];

		set_node(nodes, row, pool->paged, full ? node_full(row) : node(row));
	}
	return nodes;
}

struct json_t *sl_report_nodes(const struct sl_model_report *report, const char *pool)
{
	json_t *pools = json_object();

	for (uint32_t p = 0; pools && p < report->pool_count; p++)
		if (!pool || strcmp(pool, report->pools[p].name) == 0)
			json_object_set_new(pools, report->pools[p].name,
					    nodes_of(&report->pools[p], true));
	return pools;
}

/* ---- pools, services, ports ------------------------------------------------------------------ */

static json_t *pool_object(const struct sl_pool_report *pool, bool full)
{
	const struct sl_load *last = &pool->load_window;
	json_t *object = figures(json_object(), &sl_figures_pool, pool);

	json_object_set_new(object, "scheduler", json_string(sl_sched_name(pool->conf->scheduler)));
	json_object_set_new(json_object_get(object, "load"), "window",
			    json_pack("{s:f, s:f, s:f, s:i}", "mean", last->mean, "max", last->max,
				      "factor", last->factor, "seconds", SL_LOAD_WINDOW_S));
	json_object_set_new(object, "nodes", nodes_of(pool, full));
	return object;
}

static json_t *pools_object(const struct sl_model_report *report, bool full)
{
	json_t *pools = json_object();

	for (uint32_t p = 0; pools && p < report->pool_count; p++)
		json_object_set_new(pools, report->pools[p].name,
				    pool_object(&report->pools[p], full));
	return pools;
}

struct json_t *sl_report_pools(const struct sl_model_report *report)
{
	return pools_object(report, true);
}

/* As the configuration has them: 80, "8000-8099". */
static json_t *ports_of(const struct sl_conf_service *conf)
{
	json_t *ports = json_array();

	for (uint32_t i = 0; ports && i < conf->port_count; i++) {
		const struct sl_port_range *range = &conf->ports[i];

		json_array_append_new(ports,
				      range->first == range->last
					      ? json_integer(range->first)
					      : json_sprintf("%u-%u", range->first, range->last));
	}
	return ports;
}

#define SOURCES_SHOWN 64 /* of a service; the configuration has all of them */

static json_t *sources_of(const struct sl_conf_service *conf)
{
	json_t *sources = json_array();

	for (uint32_t i = 0; sources && i < SL_MIN(conf->source_count, SOURCES_SHOWN); i++) {
		char text[SL_ADDR_TEXT_SIZE];

		json_array_append_new(sources,
				      json_string(sl_prefix_format(&conf->sources[i], text)));
	}
	return sources;
}

static json_t *protocol_of(const struct sl_conf_service *conf)
{
	const char *name = sl_conf_protocol_name(conf->protocol);

	return name ? json_string(name) : json_sprintf("%d", conf->protocol);
}

/* Of those reasons that there were. */
static json_t *reasons(const uint64_t *counts)
{
	json_t *object = json_object();

	for (uint32_t d = 0; object && d < SL_DROP_COUNT; d++)
		if (counts[d] > 0)
			json_object_set_new(object, sl_drop_name((enum sl_drop)d),
					    number(counts[d]));
	return object;
}

static json_t *services_object(const struct sl_model_report *report, bool full)
{
	json_t *services = json_object();

	for (uint32_t s = 0; services && s < report->service_count; s++) {
		const struct sl_service_report *row = &report->services[s];
		json_t *object = figures(json_object(), &sl_figures_service, row);

		if (object)
			json_object_set_new(object, "dropped", reasons(row->dropped));
		if (object && full) {
			char text[SL_ADDR_TEXT_SIZE];

			json_object_set_new(object, "pool", json_string(row->pool));
			sl_prefix_format(&row->conf->prefix, text);
			json_object_set_new(object, "address",
					    json_string(row->conf->any ? "any" : text));
			if (row->conf->protocol >= 0)
				json_object_set_new(object, "protocol", protocol_of(row->conf));
			if (row->conf->port_count > 0)
				json_object_set_new(object, "ports", ports_of(row->conf));
			if (row->conf->source_count > 0) {
				json_object_set_new(object, "sources", sources_of(row->conf));
				json_object_set_new(object, "source_count",
						    json_integer(row->conf->source_count));
			}
		}
		json_object_set_new(services, row->name, object);
	}
	return services;
}

struct json_t *sl_report_services(const struct sl_model_report *report)
{
	return services_object(report, true);
}

struct json_t *sl_report_ports(const struct sl_model_report *report)
{
	json_t *ports = json_object();

	for (uint32_t p = 0; ports && p < report->port_count; p++) {
		const struct sl_port_report *row = &report->ports[p];
		json_t *object = figures(json_object(), &sl_figures_port, row);

		if (object)
			json_object_set_new(object, "dropped", reasons(row->dropped));
		json_object_set_new(ports, row->name, object);
	}
	return ports;
}

/* ---- fill levels ----------------------------------------------------------------------------- */

struct json_t *sl_report_level(const struct sl_fill_level *level)
{
	return json_pack("{s:o, s:o}", "used", number(level->used), "capacity",
			 number(level->capacity));
}

struct json_t *sl_report_queue(const struct sl_fill_worker *worker)
{
	json_t *queue = sl_report_level(&worker->queue), *depths = json_array();

	for (uint32_t n = 0; n < SL_DEPTHS && UINT64_C(1) << n <= worker->queue.capacity; n++)
		json_array_append_new(depths, number(worker->depths.times[n]));
	json_object_set_new(queue, "dropped", number(worker->dropped));
	json_object_set_new(queue, "depths", depths);
	return queue;
}

struct json_t *sl_report_flow_tables(const struct sl_model_report *report)
{
	json_t *tables = json_object();

	for (uint32_t p = 0; tables && p < report->pool_count; p++) {
		const struct sl_pool_report *pool = &report->pools[p];
		struct sl_fill_level level = {pool->tracked_flows + pool->begun_flows,
					      pool->flow_capacity};

		json_object_set_new(tables, pool->name, sl_report_level(&level));
	}
	return tables;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static json_t *dropped(const struct sl_balance *balance)
{
	json_t *object = json_object();

	for (uint32_t d = 0; object && d < SL_DROP_COUNT; d++)
		json_object_set_new(object, sl_drop_name((enum sl_drop)d),
				    number(balance->drops[d]));
	return object;
}

static json_t *classes_object(const struct sl_model_report *report)
{
	json_t *classes = json_object();

	for (uint32_t c = 0; c < report->class_count; c++)
		(void)json_object_set_new(
			classes, report->classes[c].name,
			figures(json_object(), &sl_figures_class, &report->classes[c]));
	return classes;
}

struct json_t *sl_report_stats(const struct sl_model_report *report)
{
	const struct sl_balance *b = &report->balance;
	json_t *balance = figures(json_object(), &sl_figures_balance, b);

	return json_pack("{s:o, s:o, s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "generation", number(report->generation), "snapshot",
			 number(report->snapshot), "uptime_seconds", report->uptime_s,
			 "traffic_seconds", report->traffic_s, "ports", sl_report_ports(report),
			 "services", services_object(report, false), "pools",
			 pools_object(report, false), "classes", classes_object(report), "dropped",
			 dropped(b), "punted", number(b->punted), "balance", balance, "understudy",
			 figures(json_object(), &sl_figures_understudy, &report->understudy));
}

/* ---- changes --------------------------------------------------------------------------------- */

static json_t *texts(char *const *list, uint32_t count)
{
	json_t *array = json_array();

	for (uint32_t i = 0; array && i < SL_MIN(count, TEXTS_MAX); i++)
		json_array_append_new(array, json_string(list[i]));
	if (count > TEXTS_MAX)
		json_array_append_new(array, json_sprintf("and %u more", count - TEXTS_MAX));
	return array;
}

struct json_t *sl_report_change(const struct sl_change *change,
				const struct sl_change_result *result, bool sentences)
{
	json_t *moved = json_object(), *least = json_object(), *object;

	for (uint32_t p = 0; moved && least && p < result->pool_count; p++) {
		const struct sl_change_pool *row = &result->pools[p];

		json_object_set_new(moved, row->name, json_integer(row->moved_slots));
		json_object_set_new(least, row->name, json_integer(row->least_slots));
	}
	object = json_pack("{s:o, s:o, s:o, s:o}", "generation", number(result->generation),
			   "moved_slots", moved, "least_slots", least, "warnings",
			   texts(result->warnings, result->warning_count));
	if (object && sentences)
		json_object_set_new(object, "changes",
				    texts(result->sentences, result->sentence_count));
	if (object && change && change->kind == SL_CHANGE_DRAIN)
		json_object_set_new(object, "left",
				    json_pack("{s:i, s:o, s:b}", "slots", (int)result->left.slots,
					      "flows", number(result->left.flows), "exact",
					      (int)result->left.exact));
	return object;
}
