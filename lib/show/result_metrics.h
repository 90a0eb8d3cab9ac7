/* SPDX-License-Identifier: BSD-3-Clause */

/* What handlers have found, as Prometheus text: sums by node, and the heaviest keys of each pool.
 *
 * Why:     who watches many machines wants sums, and a few keys; never as many series as there are keys.
 * Threads: control.
 * Errors:  the stream's; without memory keys are left out.
 */

#ifndef SL_SHOW_RESULT_METRICS_H
#define SL_SHOW_RESULT_METRICS_H

#include <stdio.h>

#include "show/results.h"

#define SL_RESULT_METRICS_KEYS	   20u	 /* of a pool, unless its handlers say (option top) */
#define SL_RESULT_METRICS_KEYS_MAX 1000u /* of a pool */

/* Nodes of a pool that could be read. */
struct sl_results_pool {
	const char *pool;
	struct sl_results_part *parts;
	uint32_t count;
};

void sl_result_metrics_write(FILE *out, const struct sl_image *image,
			     const struct sl_results_pool *pools, uint32_t count);

#endif
