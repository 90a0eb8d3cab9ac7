/* SPDX-License-Identifier: BSD-3-Clause */

#include "work/reading.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "work/ask.h"
#include "work/handler.h"
#include "work/worker.h"

#define ROOM_MORE  1024u  /* rows that may come while others are read */
#define ROOM_BLIND 65536u /* of a plugin, which need not say how many keys it has */
#define STEP_ROWS  256u	  /* rows a round: some ten microseconds */

/* What a worker's thread reads into memory that control gave. */
struct reading {
	struct sl_result_total total;
	struct sl_result_row *rows;
	uint32_t count, room;
	uint64_t cursor;
	uint64_t wall_ms;
};

static void reading_free(void *context)
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
	uint32_t room = SL_MIN(reading->room - reading->count, STEP_ROWS);

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

/* Has a step done on the worker's thread, which reads into room for so many rows. NULL: no memory. */
static struct sl_ask *ask(struct sl_worker *worker, const struct sl_handler *handler,
			  bool (*step)(const struct sl_handler *handler, void *context),
			  uint32_t room, uint64_t wall_ms)
{
	struct sl_ask *asked = calloc(1, sizeof(*asked));
	struct reading *reading = calloc(1, sizeof(*reading));

	if (reading && room > 0)
		reading->rows = calloc(room, sizeof(*reading->rows));
	if (!asked || !reading || (room > 0 && !reading->rows)) {
		free(reading);
		free(asked);
		return NULL;
	}
	reading->room = room;
	reading->wall_ms = wall_ms;
	*asked = (struct sl_ask){.node = handler->index,
				 .handler = handler,
				 .step = step,
				 .free = reading_free,
				 .context = reading};
	sl_worker_ask(worker, asked);
	return asked;
}

/* The same, and waits: *out is the caller's, sl_ask_done(). */
static int ask_for(struct sl_worker *worker, const struct sl_handler *handler,
		   bool (*step)(const struct sl_handler *handler, void *context), uint32_t room,
		   uint64_t until_ms, struct sl_ask **out)
{
	struct sl_ask *asked = ask(worker, handler, step, room, 0);

	if (!asked)
		return -ENOMEM;
	if (sl_ask_wait(asked, until_ms)) {
		*out = asked;
		return 0;
	}
	sl_ask_done(asked);
	return -ETIMEDOUT;
}

static int total_of(struct sl_worker *worker, const struct sl_handler *handler, uint64_t until_ms,
		    struct sl_result_total *total)
{
	struct sl_ask *asked;
	int rc = ask_for(worker, handler, read_total, 0, until_ms, &asked);

	if (rc)
		return rc;
	*total = ((const struct reading *)asked->context)->total;
	sl_ask_done(asked);
	return 0;
}

int sl_reading_rows(struct sl_worker *worker, const struct sl_handler *handler,
		    const struct sl_result_bounds *bounds, struct sl_result_set *set)
{
	struct sl_result_total total;
	struct sl_result_form form = {SL_RESULT_TEXT, 0};
	struct reading *reading;
	struct sl_ask *asked;
	uint64_t room;
	int rc;

	if (!handler->ops->results)
		return -ENOENT;
	if (handler->ops->form)
		handler->ops->form(handler->state, &form);
	rc = total_of(worker, handler, bounds->until_ms, &total);
	if (rc)
		return rc;
	*set = (struct sl_result_set){.form = form, .total = total};
	if (total.keys > bounds->keys)
		return -EFBIG;
	room = total.keys ? total.keys + ROOM_MORE : SL_MIN(bounds->keys, ROOM_BLIND);
	rc = ask_for(worker, handler, read_rows, (uint32_t)room, bounds->until_ms, &asked);
	if (rc)
		return rc;
	reading = asked->context;
	set->rows = reading->rows;
	set->count = reading->count;
	reading->rows = NULL;
	sl_ask_done(asked);
	return 0;
}

int sl_reading_reset(struct sl_worker *worker, const struct sl_handler *handler, uint64_t until_ms)
{
	struct sl_ask *asked;
	int rc;

	if (!handler->ops->reset)
		return -ENOENT;
	rc = ask_for(worker, handler, reset, 0, until_ms, &asked);
	if (rc == 0)
		sl_ask_done(asked);
	return rc;
}

void sl_reading_tick(struct sl_worker *worker, struct sl_handler *handler, uint64_t wall_ms)
{
	if (!handler->ops->tick || (handler->tick && !sl_ask_is_answered(handler->tick)))
		return;
	sl_reading_end(handler);
	handler->tick = ask(worker, handler, tick, 0, wall_ms);
}

void sl_reading_end(struct sl_handler *handler)
{
	if (handler->tick)
		sl_ask_done(handler->tick);
	handler->tick = NULL;
}
