/* SPDX-License-Identifier: BSD-3-Clause */

/* Packets with their decisions, from the receive cores to whoever asks: what `trace` shows.
 *
 * Why:     `explain` says where a packet would go; this says where packets went.
 * Shape:   a ring of records a core: the beginning of the frame and what was decided. What a full ring
 *          or a limit leaves out is counted, so that who reads knows what it does not see.
 * Threads: a ring: put by its core, taken by control. The spec is constant while cores have it.
 * Memory:  the maker's.
 * Errors:  none.
 */

#ifndef SL_LCORE_TRACE_H
#define SL_LCORE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "lcore/filter.h"

#define SL_TRACE_OCTETS 212u /* of a frame: what a record keeps */
#define SL_TRACE_ROOM	512u /* records of a ring; a power of two */
#define SL_TRACE_NODES	16u  /* indices that one name may have, over all pools */

#define SL_TRACE_ANY UINT32_MAX

struct sl_trace_record {
	uint64_t tsc, hash;
	uint32_t service, pool, node; /* indices; SL_TRACE_ANY: none */
	uint32_t slot;		      /* SL_TRACE_ANY: none */
	uint16_t size, kept;	      /* octets of the frame, and of those that are kept */
	uint8_t verdict;	      /* enum sl_verdict */
	uint8_t reason;		      /* enum sl_drop, of dropped ones */
	uint8_t why;		      /* enum sl_why, of those with a node */
	uint8_t port;		      /* index of the one it came in by */
	bool late;		      /* dropped on its way to a node: told before as going there */
	uint8_t spare[3];
	uint8_t octets[SL_TRACE_OCTETS];
};

_Static_assert(sizeof(struct sl_trace_record) == 4 * SL_CACHE_LINE, "four cache lines a record");

/* Whether a frame (readable octets of size are there) is one of those asked for. */
typedef bool sl_trace_match(const void *program, const uint8_t *octets, uint32_t size,
			    uint32_t readable);

struct sl_trace_spec {
	uint32_t service, pool; /* indices; SL_TRACE_ANY: all */
	uint32_t nodes[SL_TRACE_NODES];
	uint32_t node_count;   /* 0: all */
	bool dropped;	       /* only dropped ones */
	uint8_t reason;	       /* of these; SL_DROP_COUNT: all */
	uint32_t sample;       /* one in so many of those that match */
	uint32_t rate;	       /* records a second of one core at most */
	sl_trace_match *match; /* NULL: all */
	const void *program;
};

/* What became of packets while it was on; written: the core, by sl_stats_add(). */
struct sl_trace_counts {
	uint64_t seen;	   /* looked at */
	uint64_t matched;  /* of these asked for, before sampling */
	uint64_t left_out; /* not looked at: the core had no time for more */
	uint64_t lost;	   /* matched, and not kept: the rate's limit, or a full ring */
};

struct sl_trace_ring {
	uint32_t head; /* written: the core */
	struct sl_trace_counts counts;
	uint8_t spare[24];
	uint32_t tail; /* written: control */
	uint32_t spare2[15];
	struct sl_trace_record record[SL_TRACE_ROOM];
};

/* The place of the next record; NULL: the ring is full. It is there after sl_trace_put(). */
static inline struct sl_trace_record *sl_trace_next(struct sl_trace_ring *ring)
{
	if (ring->head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == SL_TRACE_ROOM)
		return NULL;
	return &ring->record[ring->head % SL_TRACE_ROOM];
}

static inline void sl_trace_put(struct sl_trace_ring *ring)
{
	__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
}

/* False: there is nothing. */
static inline bool sl_trace_take(struct sl_trace_ring *ring, struct sl_trace_record *record)
{
	if (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == ring->tail)
		return false;
	*record = ring->record[ring->tail % SL_TRACE_ROOM];
	__atomic_store_n(&ring->tail, ring->tail + 1, __ATOMIC_RELEASE);
	return true;
}

/* Who has the cores. One trace at a time. */
struct sl_trace_source {
	/* steps: of the filter, count 0: none; match and program of spec are the callee's. 0, -EINVAL
	 * (the filter makes no sense), -ELOOP (it may not end), -ENOMEM. */
	int (*start)(void *context, const struct sl_trace_spec *spec,
		     const struct sl_filter_step *steps, uint32_t count, struct sl_err *err);
	void (*stop)(void *context);
	/* The next record and its wall-clock nanoseconds; false: there is none now. */
	bool (*take)(void *context, struct sl_trace_record *record, uint64_t *wall_ns);
	void (*count)(void *context, struct sl_trace_counts *counts); /* of all cores */
	void *context;
};

#endif
