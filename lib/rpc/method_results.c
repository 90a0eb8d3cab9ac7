/* SPDX-License-Identifier: BSD-3-Clause */

/* The method results: what handlers of a pool's workers have found. */

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "rpc/method.h"
#include "show/results.h"

#define TOP_DEFAULT 20u
#define TOP_MAX	    5000u      /* what fits a line */
#define WAIT_MS	    2000u      /* for all nodes together */
#define GUEST_MS    200u       /* for who may not change things */
#define GUEST_KEYS  (1u << 18) /* of a node */
#define KEYS_MAX    (64u << 20)

static int read_query(struct sl_rpc_call *call, struct sl_results_query *query)
{
	static const char *const sorts[] = {[SL_RESULTS_PACKETS] = "packets",
					    [SL_RESULTS_OCTETS] = "octets",
					    [SL_RESULTS_LAST] = "last"};
	const char *sort = sl_rpc_string(call, "sort", "packets");
	uint64_t top = sl_rpc_integer(call, "top", TOP_DEFAULT);

	query->pool = sl_rpc_string(call, "pool", "");
	query->key = sl_rpc_string(call, "key", NULL);
	if (top == 0 || top > TOP_MAX)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "top is a number from 1 to %u",
				   TOP_MAX);
	query->top = (uint32_t)top;
	for (size_t i = 0; i < SL_ARRAY_COUNT(sorts); i++)
		if (strcmp(sorts[i], sort) == 0) {
			query->sort = (enum sl_results_sort)i;
			return 0;
		}
	return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
			   "sort \"%.32s\" is none of packets, octets, last", sort);
}

/* Those who may not change things hold up nobody for long. */
static void set_bounds(const struct sl_rpc_call *call, struct sl_result_bounds *bounds)
{
	bool guest = !call->peer->may_change;

	bounds->until_ms = sl_clock_ms() + (guest ? GUEST_MS : WAIT_MS);
	bounds->keys = guest ? GUEST_KEYS : KEYS_MAX;
}

static int fail_read(struct sl_rpc_call *call, int rc, const char *pool, const char *node,
		     const struct sl_result_bounds *bounds)
{
	if (rc == -ETIMEDOUT)
		return sl_rpc_fail(call, SL_RPC_INTERNAL,
				   "node %s/%s: its handler does not come back in time", pool,
				   node);
	if (rc == -EFBIG)
		return sl_rpc_fail(call, SL_RPC_INTERNAL,
				   "node %s/%s: its handler has more than %llu keys%s", pool, node,
				   (unsigned long long)bounds->keys,
				   call->peer->may_change
					   ? ""
					   : ", which only those may read who may change things");
	return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for results");
}

/* The parts of all nodes that have results, within one time for all. -1 after it was refused. */
static int read_parts(struct sl_rpc_call *call, const struct sl_image_pool *pool,
		      const struct sl_result_bounds *bounds, struct sl_results_part *parts,
		      uint32_t *count)
{
	const struct sl_rpc_scope *scope = call->context;

	for (uint32_t n = 0; n < pool->node_count; n++) {
		struct sl_results_part *part = &parts[*count];
		int rc = scope->results.read(scope->results.context, pool->nodes[n].index, bounds,
					     &part->set);

		if (rc == -ENOENT)
			continue;
		if (rc)
			return fail_read(call, rc, pool->name, pool->nodes[n].name, bounds);
		part->node = pool->nodes[n].name;
		(*count)++;
	}
	if (*count > 0)
		return 0;
	return sl_rpc_fail(call, SL_RPC_NOT_FOUND,
			   "pool \"%.64s\" has no node whose handler has results (tally, plugin)",
			   pool->name);
}

/* A key that none of the parts can have. */
static int check_key(struct sl_rpc_call *call, const struct sl_results_query *query,
		     const struct sl_results_part *parts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!query->key || sl_results_key_fits(parts[i].set.form.kind, query->key))
			return 0;
	return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
			   "key \"%.64s\" is none of pool %s, which counts by %s", query->key,
			   query->pool, sl_results_kind_name(parts[0].set.form.kind));
}

static int reset_nodes(struct sl_rpc_call *call, const struct sl_image_pool *pool,
		       const struct sl_result_bounds *bounds)
{
	const struct sl_rpc_scope *scope = call->context;

	for (uint32_t n = 0; n < pool->node_count; n++)
		if (scope->results.reset(scope->results.context, pool->nodes[n].index,
					 bounds->until_ms) == -ETIMEDOUT)
			return sl_rpc_fail(call, SL_RPC_INTERNAL,
					   "node %s/%s: its handler does not come back, so that it "
					   "is not reset",
					   pool->name, pool->nodes[n].name);
	return 0;
}

/* The answer gets what a change answers beside what was there before it. */
static int reset(struct sl_rpc_call *call, const struct sl_image_pool *pool,
		 const struct sl_result_bounds *bounds, json_t *answer)
{
	struct sl_change change = {.kind = SL_CHANGE_RESET_RESULTS, .pool = pool->name};
	bool dry_run = sl_rpc_boolean(call, "dry_run");
	int rc = sl_rpc_change_make(call, &change, dry_run, false);

	if (rc)
		return rc;
	(void)json_array_extend(json_object_get(answer, "warnings"),
				json_object_get(call->result, "warnings"));
	(void)json_object_update_missing(answer, call->result);
	json_decref(call->result);
	call->result = NULL; /* of a change that is decided later there is none yet */
	return dry_run ? 0 : reset_nodes(call, pool, bounds);
}

static int answer_parts(struct sl_rpc_call *call, const struct sl_image_pool *pool,
			const struct sl_results_query *query, struct sl_results_part *parts)
{
	const struct sl_rpc_scope *scope = call->context;
	struct sl_result_bounds bounds;
	uint32_t count = 0;
	json_t *answer;
	int rc;

	set_bounds(call, &bounds);
	rc = read_parts(call, pool, &bounds, parts, &count);
	if (rc == 0)
		rc = check_key(call, query, parts, count);
	if (rc)
		return rc;
	answer = sl_results_json(sl_model_image(scope->model), query, parts, count);
	if (!answer)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for results");
	if (sl_rpc_boolean(call, "reset"))
		rc = reset(call, pool, &bounds, answer);
	if (rc)
		json_decref(answer);
	else
		call->result = answer;
	return rc;
}

static int check_reset(struct sl_rpc_call *call)
{
	bool resets = sl_rpc_boolean(call, "reset");

	if (resets && !call->peer->may_change)
		return sl_rpc_fail(call, SL_RPC_NOT_PERMITTED,
				   "results with reset changes things: uid %u may not",
				   (unsigned)call->peer->uid);
	if (resets && sl_rpc_has(call, "key"))
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "reset lets all results of the pool begin anew: leave out key");
	if (!resets && (sl_rpc_has(call, "dry_run") || sl_rpc_has(call, "if_generation")))
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "dry_run and if_generation go with reset alone");
	return 0;
}

static int method_results(struct sl_rpc_call *call)
{
	struct sl_rpc_scope *scope = call->context;
	const struct sl_image_pool *pool;
	struct sl_results_query query;
	struct sl_results_part *parts;
	struct sl_image *image;
	int p = sl_rpc_find_pool(call, sl_rpc_string(call, "pool", "")), rc;

	if (p < 0 || read_query(call, &query) || check_reset(call))
		return -1;
	if (!scope->results.read || sl_model_flush(scope->model, &call->err))
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no results can be read");
	image = sl_image_get(sl_model_image(scope->model));
	pool = image->pools[p];
	parts = calloc(pool->node_count + 1, sizeof(*parts));
	rc = parts ? answer_parts(call, pool, &query, parts)
		   : sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for results");
	for (uint32_t i = 0; parts && i < pool->node_count; i++)
		free(parts[i].set.rows);
	free(parts);
	sl_image_put(image);
	return rc;
}

static const struct sl_rpc_method methods[] = {
	{"results",
	 method_results,
	 false,
	 {{"pool", SL_RPC_STRING, true},
	  {"key", SL_RPC_STRING, false},
	  {"top", SL_RPC_INTEGER, false},
	  {"sort", SL_RPC_STRING, false},
	  {"reset", SL_RPC_BOOLEAN, false},
	  {"dry_run", SL_RPC_BOOLEAN, false},
	  {"if_generation", SL_RPC_INTEGER, false}}},
};

void sl_rpc_results_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
