/* SPDX-License-Identifier: BSD-3-Clause */

#include "results.h"

#include <errno.h>

#include "base/clock.h"
#include "work/reading.h"

/* The handler of a worker node in what packets see; NULL: none. */
static const struct sl_handler *find(const struct results *results, uint32_t index)
{
	const struct sl_snapshot *snapshot = sl_model_snapshot(results->model);

	if (!snapshot || !sl_snapshot_has_node(snapshot, index) ||
	    sl_snapshot_node(snapshot, index)->kind != SL_NODE_WORKER)
		return NULL;
	return sl_snapshot_node(snapshot, index)->handler;
}

static int read_rows(void *context, uint32_t index, const struct sl_result_bounds *bounds,
		     struct sl_result_set *set)
{
	const struct results *results = context;
	const struct sl_handler *handler = find(results, index);

	if (!handler)
		return -ENOENT;
	if (results->wire->watch[handler->worker].stuck)
		return handler->ops->results ? -ETIMEDOUT : -ENOENT;
	return sl_reading_rows(results->wire->workers[handler->worker], handler, bounds, set);
}

static int reset(void *context, uint32_t index, uint64_t until_ms)
{
	const struct results *results = context;
	const struct sl_handler *handler = find(results, index);

	return handler ? sl_reading_reset(results->wire->workers[handler->worker], handler,
					  until_ms)
		       : -ENOENT;
}

void results_source(struct results *results, struct sl_result_source *source)
{
	*source = (struct sl_result_source){.context = results, .read = read_rows, .reset = reset};
}

void results_tick(struct results *results)
{
	struct wire *wire = results->wire;
	struct sl_handler *handler;

	LIST_FOREACH(handler, &wire->handlers, link)
	sl_reading_tick(wire->workers[handler->worker], handler, sl_clock_wall_ms());
}
