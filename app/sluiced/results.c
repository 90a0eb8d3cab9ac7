/* SPDX-License-Identifier: BSD-3-Clause */

#include "results.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "work/ask.h"
#include "work/handler.h"
#include "work/worker.h"

#define WAIT_MS	   2000	 /* a handler that does not come back for so long is left out */
#define ROOM_MORE  1024u /* rows that may come while others are read */
#define STEP_ROWS  256u	 /* rows a round: some ten microseconds */
#define ROWS_LIMIT (64u << 20)

/* What is read by a worker's thread into memory that control gave. */
struct reading {
	struct sl_result_total total;
	struct sl_result_row *rows;
	uint32_t count, room;
	uint64_t cursor;
	bool resets;
	uint64_t wall_ms;
};

static void free_reading(void *context)
{
	struct reading *reading = context;

	free(reading->rows);
	free(reading);
}

static bool read_total(const struct sl_handler *handler, void *context)
{
	struct reading *reading = context;

	if (handler->ops->total)
		handler->ops->total(handler->state, &reading->total);
	return false;
}

static bool read_rows(const struct sl_handler *handler, void *context)
{
	struct reading *reading = context;
	uint32_t room = reading->room - reading->count;

	room = room < STEP_ROWS ? room : STEP_ROWS;
	reading->count += handler->ops->results(handler->state, &reading->cursor,
						reading->rows + reading->count, room);
	return reading->cursor != UINT64_MAX && reading->count < reading->room;
}

static bool reset(const struct sl_handler *handler, void *context)
{
	(void)context;
	handler->ops->reset(handler->state);
	return false;
}

static bool tick(const struct sl_handler *handler, void *context)
{
	const struct reading *reading = context;

	handler->ops->tick(handler->state, reading->wall_ms);
	return false;
}

/* The handler of a worker node in what packets see; NULL: none. */
static const struct sl_handler *find(const struct results *results, uint32_t index,
				     struct sl_worker **worker)
{
	const struct sl_snapshot *snapshot = sl_model_snapshot(results->model);
	const struct sl_node_view *view;

	if (!snapshot || !sl_snapshot_has_node(snapshot, index))
		return NULL;
	view = sl_snapshot_node(snapshot, index);
	if (view->kind != SL_NODE_WORKER)
		return NULL;
	*worker = results->wire->workers[view->worker];
	return view->handler;
}

/* Has the step done on the worker's thread. *reading is the caller's to free, after 0 only. */
static int ask(struct sl_worker *worker, const struct sl_handler *handler, uint32_t index,
	       bool (*step)(const struct sl_handler *handler, void *context),
	       struct reading *reading, struct sl_ask **out)
{
	struct sl_ask *asked = calloc(1, sizeof(*asked));

	if (!asked) {
		free_reading(reading);
		return -ENOMEM;
	}
	*asked = (struct sl_ask){.node = index,
				 .handler = handler,
				 .step = step,
				 .free = free_reading,
				 .context = reading};
	sl_worker_ask(worker, asked);
	if (out && sl_ask_wait(asked, WAIT_MS)) {
		*out = asked;
		return 0;
	}
	sl_ask_done(asked);
	return out ? -ETIMEDOUT : 0;
}

static int total_of(void *context, uint32_t index, struct sl_result_total *total)
{
	struct results *results = context;
	struct sl_worker *worker = NULL;
	const struct sl_handler *handler = find(results, index, &worker);
	struct reading *reading;
	struct sl_ask *asked;
	int rc;

	if (!handler || !handler->ops->results)
		return -ENOENT;
	reading = calloc(1, sizeof(*reading));
	if (!reading)
		return -ENOMEM;
	rc = ask(worker, handler, index, read_total, reading, &asked);
	if (rc)
		return rc;
	*total = reading->total;
	sl_ask_done(asked);
	return 0;
}

static int read_all(void *context, uint32_t index, struct sl_result_set *set)
{
	struct results *results = context;
	struct sl_worker *worker = NULL;
	const struct sl_handler *handler = find(results, index, &worker);
	struct reading *reading;
	struct sl_ask *asked;
	uint64_t keys;
	int rc = total_of(results, index, &set->total);

	if (rc)
		return rc;
	if (!handler)
		return -ENOENT;
	keys = set->total.keys < ROWS_LIMIT ? set->total.keys : ROWS_LIMIT;
	reading = calloc(1, sizeof(*reading));
	if (!reading)
		return -ENOMEM;
	/* A plugin need not say how many keys it has. */
	reading->room = (uint32_t)keys + (keys ? ROOM_MORE : ROOM_MORE * 64);
	reading->rows = calloc(reading->room, sizeof(*reading->rows));
	if (!reading->rows) {
		free(reading);
		return -ENOMEM;
	}
	rc = ask(worker, handler, index, read_rows, reading, &asked);
	if (rc)
		return rc;
	set->kind =
		handler->ops->key_kind ? handler->ops->key_kind(handler->state) : SL_RESULT_TEXT;
	set->rows = reading->rows;
	set->count = reading->count;
	reading->rows = NULL;
	sl_ask_done(asked);
	return 0;
}

static int reset_one(void *context, uint32_t index)
{
	struct results *results = context;
	struct sl_worker *worker = NULL;
	const struct sl_handler *handler = find(results, index, &worker);
	struct reading *reading;
	struct sl_ask *asked;
	int rc;

	if (!handler || !handler->ops->reset)
		return -ENOENT;
	reading = calloc(1, sizeof(*reading));
	if (!reading)
		return -ENOMEM;
	rc = ask(worker, handler, index, reset, reading, &asked);
	if (rc == 0)
		sl_ask_done(asked);
	return rc;
}

void results_source(struct results *results, struct sl_result_source *source)
{
	*source = (struct sl_result_source){
		.context = results, .read = read_all, .total = total_of, .reset = reset_one};
}

void results_tick(struct results *results)
{
	const struct sl_image *image = sl_model_image(results->model);

	for (uint32_t p = 0; p < image->pool_count; p++)
		for (uint32_t n = 0; n < image->pools[p]->node_count; n++) {
			uint32_t index = image->pools[p]->nodes[n].index;
			struct sl_worker *worker = NULL;
			const struct sl_handler *handler = find(results, index, &worker);
			struct reading *reading;

			if (!handler || !handler->ops->tick)
				continue;
			reading = calloc(1, sizeof(*reading));
			if (!reading)
				return;
			reading->wall_ms = sl_clock_wall_ms();
			(void)ask(worker, handler, index, tick, reading, NULL);
		}
}
