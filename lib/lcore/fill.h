/* SPDX-License-Identifier: BSD-3-Clause */

/* Fill levels: what waits in queues, buffers in use, and how much of both there is.
 *
 * Why:     a queue that is often deep says long before packets are lost that a worker is too slow.
 * Shape:   plain data, read at one moment. A worker counts how deep it found each queue that it took
 *          a burst from, by powers of two.
 * Threads: sl_depths_add(): the worker; the rest: control.
 * Memory:  the caller's.
 */

#ifndef SL_LCORE_FILL_H
#define SL_LCORE_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limit.h"

#define SL_DEPTHS 25 /* powers of two, to the most entries that a ring may have */

/* written: the worker; read: control */
struct sl_depths {
	uint64_t times[SL_DEPTHS]; /* [n]: up to 2^n packets, and more than 2^(n-1) */
	uint64_t packets;	   /* sum of the depths */
};

/* A queue was found with so many packets, 1 at least. */
static inline void sl_depths_add(struct sl_depths *depths, uint32_t packets)
{
	uint32_t n = 31u - (uint32_t)__builtin_clz(2 * packets - 1);

	__atomic_store_n(&depths->times[n], depths->times[n] + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&depths->packets, depths->packets + packets, __ATOMIC_RELAXED);
}

struct sl_fill_level {
	uint64_t used, capacity;
};

struct sl_fill_worker {
	struct sl_fill_level queue; /* of all receive cores and classes */
	uint64_t dropped;	    /* packets that it had no room for */
	struct sl_depths depths;
	bool stuck; /* its handler does not come back */
	bool slow;  /* its queue was full a moment ago */
};

struct sl_fill {
	struct sl_fill_level buffers;  /* packets', those in devices' queues, too */
	struct sl_fill_level transmit; /* rings to the cores that own transmit queues */
	uint32_t worker_count;
	struct sl_fill_worker workers[SL_WORKERS_MAX];
};

struct sl_fill_source {
	const void *context;
	void (*read)(const void *context, struct sl_fill *fill); /* NULL: there is none */
};

#endif
