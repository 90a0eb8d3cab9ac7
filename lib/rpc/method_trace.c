/* SPDX-License-Identifier: BSD-3-Clause */

/* The method `trace`: packets with their decisions, as they come, to the client that asked. */

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lcore/burst.h"
#include "lcore/stats.h"
#include "rpc/method.h"
#include "state/snapshot.h"

#define RATE_DEFAULT 1000u
#define RATE_MAX     20000u
#define SAMPLE_MAX   1000000000u

/* ---- asking ---------------------------------------------------------------------------------- */

static int add_nodes(struct sl_rpc_call *call, const struct sl_image_pool *pool, const char *name,
		     struct sl_trace_spec *spec)
{
	for (uint32_t n = 0; n < pool->node_count; n++) {
		if (strcmp(pool->nodes[n].name, name) != 0)
			continue;
		if (spec->node_count == SL_TRACE_NODES)
			return sl_rpc_fail(
				call, SL_RPC_INVALID_VALUE,
				"more than %u pools have a node \"%.64s\": name the pool",
				SL_TRACE_NODES, name);
		spec->nodes[spec->node_count++] = pool->nodes[n].index;
	}
	return 0;
}

static int read_names(struct sl_rpc_call *call, const struct sl_image *image,
		      struct sl_trace_spec *spec)
{
	const char *pool = sl_rpc_string(call, "pool", NULL),
		   *node = sl_rpc_string(call, "node", NULL);
	const char *service = sl_rpc_string(call, "service", NULL);
	int place = pool ? sl_rpc_find_pool(call, pool) : 0, rc = 0;

	if (place < 0)
		return -1;
	if (pool)
		spec->pool = image->pools[place]->index;
	for (uint32_t p = 0; node && rc == 0 && p < image->pool_count; p++)
		if (!pool || image->pools[p]->index == spec->pool)
			rc = add_nodes(call, image->pools[p], node, spec);
	if (rc == 0 && node && spec->node_count == 0)
		rc = sl_rpc_fail(call, SL_RPC_NOT_FOUND, "there is no node \"%.64s\"", node);
	place = service ? sl_image_find_service(image, service) : 0;
	if (rc == 0 && place < 0)
		rc = sl_rpc_fail(call, SL_RPC_NOT_FOUND, "there is no service \"%.64s\"", service);
	if (rc == 0 && service)
		spec->service = image->service_index[place];
	return rc;
}

static int read_reason(struct sl_rpc_call *call, struct sl_trace_spec *spec)
{
	const char *reason = sl_rpc_string(call, "reason", NULL);
	char names[512] = "";
	size_t used = 0;

	spec->dropped = reason || sl_rpc_boolean(call, "dropped");
	spec->reason = SL_DROP_COUNT;
	for (uint32_t d = 0; reason && d < SL_DROP_COUNT; d++) {
		const char *name = sl_drop_name((enum sl_drop)d);

		if (strcmp(name, reason) == 0)
			spec->reason = (uint8_t)d;
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 d ? ", " : "", name);
	}
	if (reason && spec->reason == SL_DROP_COUNT)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "reason \"%.64s\" is none of %s",
				   reason, names);
	return 0;
}

/* "program": [[code, yes, no, operand], ...]; freed by the caller. */
static int read_steps(struct sl_rpc_call *call, struct sl_filter_step **steps, uint32_t *count)
{
	const json_t *list = json_object_get(call->params, "program");
	int code, yes, no;
	json_int_t operand;

	if (json_array_size(list) > SL_FILTER_STEPS_MAX)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "program has more than %u steps",
				   SL_FILTER_STEPS_MAX);
	*steps = calloc(json_array_size(list) + 1, sizeof(**steps));
	if (!*steps)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for a filter");
	for (*count = 0; *count < json_array_size(list); ++*count) {
		if (json_unpack(json_array_get(list, *count), "[i, i, i, I!]", &code, &yes, &no,
				&operand) ||
		    code < 0 || code > UINT16_MAX || yes < 0 || yes > UINT8_MAX || no < 0 ||
		    no > UINT8_MAX || operand < 0 || operand > (json_int_t)UINT32_MAX)
			return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
					   "step %u of program is not [code, yes, no, operand]",
					   *count);
		(*steps)[*count] = (struct sl_filter_step){(uint16_t)code, (uint8_t)yes,
							   (uint8_t)no, (uint32_t)operand};
	}
	return 0;
}

static int method_trace(struct sl_rpc_call *call)
{
	struct sl_rpc_scope *scope = call->context;
	struct sl_trace_spec spec = {
		.service = SL_TRACE_ANY,
		.pool = SL_TRACE_ANY,
		.sample = (uint32_t)SL_MIN(sl_rpc_integer(call, "sample", 1), (uint64_t)SAMPLE_MAX),
		.rate = (uint32_t)SL_MIN(sl_rpc_integer(call, "limit", RATE_DEFAULT),
					 (uint64_t)RATE_MAX)};
	struct sl_filter_step *steps = NULL;
	uint32_t count = 0;
	int rc;

	if (!scope->trace.start)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "there are no packets to trace");
	if (scope->tracer)
		return sl_rpc_fail(call, SL_RPC_CONFLICT,
				   "uid %u pid %d traces already: one can at a time",
				   (unsigned)scope->tracer->uid, (int)scope->tracer->pid);
	rc = read_names(call, sl_model_image(scope->model), &spec);
	if (rc == 0)
		rc = read_reason(call, &spec);
	if (rc == 0)
		rc = read_steps(call, &steps, &count);
	if (rc == 0 && scope->trace.start(scope->trace.context, &spec, steps, count, &call->err))
		rc = sl_rpc_fail_err(call);
	free(steps);
	if (rc)
		return rc;
	scope->tracer = call->peer;
	call->result = json_pack("{s:b, s:i, s:i}", "tracing", 1, "sample", (int)spec.sample,
				 "limit", (int)spec.rate);
	return call->result ? 0 : sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
}

/* ---- telling --------------------------------------------------------------------------------- */

static void set_names(json_t *object, const struct sl_rpc_scope *scope,
		      const struct sl_trace_record *record)
{
	const struct sl_image *image = sl_model_image(scope->model);
	const struct sl_image_pool *pool = sl_image_pool_at(image, record->pool);

	if (record->port < image->conf->port_count)
		(void)json_object_set_new(object, "port",
					  json_string(image->conf->ports[record->port].name));
	for (uint32_t s = 0; record->service != SL_TRACE_ANY && s < image->service_count; s++)
		if (image->service_index[s] == record->service)
			(void)json_object_set_new(object, "service",
						  json_string(image->conf->services[s].name));
	if (pool)
		(void)json_object_set_new(object, "pool", json_string(pool->name));
	/* who serves may be of another pool, by a fallback */
	for (uint32_t p = 0; record->node != SL_TRACE_ANY && p < image->pool_count; p++)
		for (uint32_t n = 0; n < image->pools[p]->node_count; n++)
			if (image->pools[p]->nodes[n].index == record->node)
				(void)json_object_set_new(
					object, "node",
					json_string(image->pools[p]->nodes[n].name));
}

static json_t *octets_json(const struct sl_trace_record *record)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * SL_TRACE_OCTETS];

	for (uint32_t i = 0; i < record->kept; i++) {
		text[2 * i] = digits[record->octets[i] >> 4];
		text[2 * i + 1] = digits[record->octets[i] & 15];
	}
	return json_stringn(text, 2 * (size_t)record->kept);
}

static const char *verdict_name(const struct sl_trace_record *record)
{
	if (record->verdict == SL_VERDICT_NODE)
		return "node";
	return record->verdict == SL_VERDICT_DROP ? "dropped" : "punted";
}

static const char *why_name(uint8_t why)
{
	switch (why) {
#define X(id, name, value)                                                                         \
	case SL_WHY_##id:                                                                          \
		return name;
		SL_WHYS(X)
#undef X
	default:
		return "";
	}
}

static json_t *record_json(const struct sl_rpc_scope *scope, const struct sl_trace_record *record,
			   uint64_t wall_ns)
{
	json_t *object = json_pack("{s:I, s:s, s:i, s:o}", "time_ns", (json_int_t)wall_ns,
				   "verdict", verdict_name(record), "size", (int)record->size,
				   "octets", octets_json(record));

	if (!object)
		return NULL;
	set_names(object, scope, record);
	if (record->slot != SL_TRACE_ANY) {
		(void)json_object_set_new(object, "slot", json_integer(record->slot));
		(void)json_object_set_new(
			object, "hash", json_sprintf("%016llx", (unsigned long long)record->hash));
	}
	if (record->verdict == SL_VERDICT_DROP)
		(void)json_object_set_new(object, "reason",
					  json_string(sl_drop_name((enum sl_drop)record->reason)));
	if (record->verdict == SL_VERDICT_NODE)
		(void)json_object_set_new(object, "why", json_string(why_name(record->why)));
	if (record->late)
		(void)json_object_set_new(object, "late", json_true());
	return object;
}

json_t *sl_rpc_trace_take(const struct sl_rpc_scope *scope, uint32_t most)
{
	const struct sl_trace_source *source = &scope->trace;
	struct sl_trace_record record;
	struct sl_trace_counts counts;
	json_t *packets = json_array();
	uint64_t wall_ns;

	while (json_array_size(packets) < most && source->take(source->context, &record, &wall_ns))
		(void)json_array_append_new(packets, record_json(scope, &record, wall_ns));
	source->count(source->context, &counts);
	return json_pack("{s:o, s:I, s:I, s:I, s:I}", "packets", packets, "seen",
			 (json_int_t)counts.seen, "matched", (json_int_t)counts.matched, "left_out",
			 (json_int_t)counts.left_out, "lost", (json_int_t)counts.lost);
}

void sl_rpc_trace_end(struct sl_rpc_scope *scope)
{
	if (scope->tracer)
		scope->trace.stop(scope->trace.context);
	scope->tracer = NULL;
}

/* Only for those who may change things: packets are others' talk. */
static const struct sl_rpc_method methods[] = {
	{"trace",
	 method_trace,
	 true,
	 {{"pool", SL_RPC_STRING, false},
	  {"node", SL_RPC_STRING, false},
	  {"service", SL_RPC_STRING, false},
	  {"dropped", SL_RPC_BOOLEAN, false},
	  {"reason", SL_RPC_STRING, false},
	  {"sample", SL_RPC_COUNT, false},
	  {"limit", SL_RPC_COUNT, false},
	  {"program", SL_RPC_ARRAY, false}}},
};

void sl_rpc_trace_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
