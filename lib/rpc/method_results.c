/* SPDX-License-Identifier: BSD-3-Clause */

/* The method results: what handlers of a pool's workers have found. */

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "rpc/method.h"
#include "show/results.h"

#define TOP_DEFAULT 20u
#define TOP_MAX	    5000u /* what fits a line */

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

/* The parts of all nodes that have results. -1 after it was refused. */
static int read_parts(struct sl_rpc_call *call, const struct sl_image_pool *pool,
		      struct sl_results_part *parts, uint32_t *count)
{
	const struct sl_rpc_scope *scope = call->context;

	for (uint32_t n = 0; n < pool->node_count; n++) {
		struct sl_results_part *part = &parts[*count];
		int rc = scope->results.read(scope->results.context, pool->nodes[n].index,
					     &part->set);

		if (rc == -ENOENT)
			continue;
		if (rc == -ETIMEDOUT)
			return sl_rpc_fail(call, SL_RPC_INTERNAL,
					   "node %s/%s: its handler does not come back, so that "
					   "nothing can be read of it",
					   pool->name, pool->nodes[n].name);
		if (rc)
			return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for results");
		part->node = pool->nodes[n].name;
		(*count)++;
	}
	if (*count > 0)
		return 0;
	return sl_rpc_fail(call, SL_RPC_NOT_FOUND,
			   "pool \"%.64s\" has no node whose handler has results (tally, plugin)",
			   pool->name);
}

static int reset_all(struct sl_rpc_call *call, const struct sl_image_pool *pool)
{
	const struct sl_rpc_scope *scope = call->context;

	for (uint32_t n = 0; n < pool->node_count; n++)
		if (scope->results.reset(scope->results.context, pool->nodes[n].index) ==
		    -ETIMEDOUT)
			return sl_rpc_fail(call, SL_RPC_INTERNAL,
					   "node %s/%s: its handler does not come back, so that it "
					   "cannot be reset",
					   pool->name, pool->nodes[n].name);
	return 0;
}

static int method_results(struct sl_rpc_call *call)
{
	struct sl_rpc_scope *scope = call->context;
	const struct sl_image *image;
	const struct sl_image_pool *pool;
	struct sl_results_query query;
	struct sl_results_part *parts;
	uint32_t count = 0;
	int p = sl_rpc_find_pool(call, sl_rpc_string(call, "pool", "")), rc;

	if (p < 0 || read_query(call, &query))
		return -1;
	if (sl_rpc_boolean(call, "reset") && !call->peer->may_change)
		return sl_rpc_fail(call, SL_RPC_NOT_PERMITTED,
				   "results with reset changes things: uid %u may not",
				   (unsigned)call->peer->uid);
	if (!scope->results.read || sl_model_flush(scope->model, &call->err))
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no results can be read");
	image = sl_model_image(scope->model);
	pool = image->pools[p];
	parts = calloc(pool->node_count + 1, sizeof(*parts));
	if (!parts)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for results");
	rc = read_parts(call, pool, parts, &count);
	if (rc == 0)
		call->result = sl_results_json(image, &query, parts, count);
	if (rc == 0 && !call->result)
		rc = sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for results");
	if (rc == 0 && sl_rpc_boolean(call, "reset"))
		rc = reset_all(call, pool);
	for (uint32_t i = 0; i < pool->node_count; i++)
		free(parts[i].set.rows);
	free(parts);
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
	  {"reset", SL_RPC_BOOLEAN, false}}},
};

void sl_rpc_results_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
