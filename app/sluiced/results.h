/* SPDX-License-Identifier: BSD-3-Clause */

/* Results of workers' handlers: asks each on its own thread.
 *
 * Threads: control.
 */

#ifndef SLUICED_RESULTS_H
#define SLUICED_RESULTS_H

#include "lcore/result.h"
#include "model/model.h"
#include "wire.h"

struct results {
	struct wire *wire;
	struct sl_model *model;
};

/* source asks by results, which outlives it. */
void results_source(struct results *results, struct sl_result_source *source);

/* Once a second: the ticks of handlers that want them. */
void results_tick(struct results *results);

#endif
