/* SPDX-License-Identifier: BSD-3-Clause */

/* What receive cores remember about one pool: a flow table and slot stamps for each of them.
 *
 * Why:     a snapshot is immutable and comes and goes; what cores learn must outlive it.
 * Shape:   made with the pool, shared by every snapshot of the pool by reference.
 * Threads: created, got and put by control; a core writes its own table and words, all read.
 * Memory:  all of it at the pool's creation; pages are touched when they are used.
 * Errors:  0 or -ENOMEM.
 */

#ifndef SL_STATE_POOL_MEMORY_H
#define SL_STATE_POOL_MEMORY_H

#include <stdint.h>

#include "base/limit.h"
#include "state/snapshot.h"

/* One core's notes on one unsettled slot: times in ticks, 0: never. Written: the core;
 * read: all, with relaxed order. */
struct sl_stamp {
	uint32_t away;	  /* last packet that went elsewhere than to the slot's node */
	uint32_t refused; /* when a live flow last found no room while the slot was open */
};

struct sl_pool_memory {
	uint32_t references; /* control only */
	uint32_t core_count;
	uint32_t slot_count;
	uint32_t flow_entries;				    /* 0: no flow tables */
	struct sl_flow_table *flow_tables[SL_RX_CORES_MAX]; /* of each core */
	struct sl_stamp *stamps[SL_RX_CORES_MAX];	    /* of each core: slot_count */
};

/* Time as tables and stamps keep it. */
#define SL_TICK_SHIFT 6 /* a tick is 64 ms */

static inline uint32_t sl_tick(uint64_t now_ms)
{
	return (uint32_t)(now_ms >> SL_TICK_SHIFT);
}

/* flow_entries: of each core's flow table; 0: none (tracking none). slot_count: of the pool. */
int sl_pool_memory_create(uint32_t core_count, uint32_t slot_count, uint32_t flow_entries,
			  struct sl_pool_memory **memory);
struct sl_pool_memory *sl_pool_memory_get(struct sl_pool_memory *memory);
void sl_pool_memory_put(struct sl_pool_memory *memory); /* takes NULL */

#endif
