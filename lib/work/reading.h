/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading what a handler has found, and its ticks: on its worker's thread, within a time.
 *
 * Why:     whoever shows results waits for them, but never for a handler that does not come back.
 * Shape:   every function asks (ask.h) and waits until a time of sl_clock_ms(); ticks are not waited
 *          for, and none is asked for while the one before is not done.
 * Threads: control. The handler is one that packets can meet.
 * Memory:  rows that are read are the caller's, free().
 * Errors:  0; -ENOENT: the handler has nothing of the kind; -ETIMEDOUT; -EFBIG: more keys than may be
 *          read, of the set only form and total are written; -ENOMEM.
 */

#ifndef SL_WORK_READING_H
#define SL_WORK_READING_H

#include <stdint.h>

#include "lcore/result.h"

struct sl_handler;
struct sl_worker;

int sl_reading_rows(struct sl_worker *worker, const struct sl_handler *handler,
		    const struct sl_result_bounds *bounds, struct sl_result_set *set);
int sl_reading_reset(struct sl_worker *worker, const struct sl_handler *handler, uint64_t until_ms);

/* Now and then: the handler's tick, if it wants one. */
void sl_reading_tick(struct sl_worker *worker, struct sl_handler *handler, uint64_t wall_ms);
/* Before the handler is closed. */
void sl_reading_end(struct sl_handler *handler);

#endif
