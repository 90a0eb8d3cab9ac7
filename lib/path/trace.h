/* SPDX-License-Identifier: BSD-3-Clause */

/* A core's part in a trace: which packets of a burst are told, within a bound of time.
 *
 * Why:     who looks at packets must not slow them: a core spends one hundredth of each millisecond on it,
 *          and counts what it had no time for.
 * Shape:   one pointer of the core; NULL is off, and costs one predictable branch a burst.
 * Threads: the core. sl_path_core_trace(): control, which frees a trace when every core has passed a
 *          burst without it (sl_publish_retire()).
 * Memory:  control's.
 * Errors:  none.
 */

#ifndef SL_PATH_TRACE_H
#define SL_PATH_TRACE_H

#include "lcore/trace.h"

struct sl_path_core;

struct sl_path_trace {
	const struct sl_trace_spec *spec;
	uint64_t window_tsc; /* the millisecond that is being spent */
	uint64_t spent;	     /* cycles of it */
	uint64_t refill_ms;  /* when tokens were last filled up */
	uint64_t tokens;     /* records that may still be kept, thousandths */
	uint32_t port;	     /* that the burst came in by */
	struct sl_trace_ring ring;
};

/* Gives the core a trace, NULL takes it away. */
void sl_path_core_trace(struct sl_path_core *core, struct sl_path_trace *trace);

#endif
