/* SPDX-License-Identifier: BSD-3-Clause */

/* The receive cores' side of a trace: rings made, filter checked, cores told, records taken.
 *
 * Threads: the control thread; the filter runs in receive cores.
 */

#ifndef SLUICED_TRACE_H
#define SLUICED_TRACE_H

#include "lcore/trace.h"
#include "model/model.h"
#include "wire.h"

struct tracing;

struct trace {
	struct wire *wire;
	struct tracing *now; /* NULL: it is off */
	uint32_t turn;	     /* the core whose ring is looked at next */
};

/* What control needs of it; context is trace, which outlives it. */
void trace_source(struct trace *trace, struct sl_trace_source *source);

#endif
