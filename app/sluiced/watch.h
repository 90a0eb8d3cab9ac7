/* SPDX-License-Identifier: BSD-3-Clause */

/* Workers under watch: who does not come back, who does not keep up, how full queues and buffers are.
 *
 * Threads: control.
 */

#ifndef SLUICED_WATCH_H
#define SLUICED_WATCH_H

#include "lcore/fill.h"
#include "wire.h"

/* Four times a second: names a worker that has stood for a second, and one whose queue is full. */
void watch_workers(void *wire);

/* For `status` and metrics; wire outlives it. */
void watch_fill(const struct wire *wire, struct sl_fill_source *source);

#endif
