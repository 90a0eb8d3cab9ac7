/* SPDX-License-Identifier: BSD-3-Clause */

/* What receive cores remember about one pool: a flow table and slot stamps for each of them.
 *
 * Why:     a snapshot is immutable and comes and goes; what cores learn must outlive it.
 * Shape:   made with the pool, shared by every snapshot of the pool by reference. Where slots were
 *          split since, several share a stamp: what one of them needs unsettled, all are.
 * Threads: created, got and put by control; a core writes its own table and words, all read.
 * Memory:  all of it at the pool's creation; pages are touched when they are used.
 * Errors:  0 or -ENOMEM.
 */

#ifndef SL_STATE_POOL_MEMORY_H
#define SL_STATE_POOL_MEMORY_H

#include <stdint.h>

#include "base/limit.h"
#include "lcore/stats.h"
#include "sched/pick.h"
#include "state/snapshot.h"

/* Shared by the memories that are derived from one another while slots are unsettled. */
struct sl_pool_stamps {
	uint32_t references; /* control only */
	uint32_t core_count, slot_count;
	struct sl_stamp *core[SL_RX_CORES_MAX]; /* slot_count */
};

struct sl_pool_memory {
	uint32_t references; /* control only */
	uint32_t core_count;
	uint32_t slot_count;   /* stamps */
	uint32_t flow_entries; /* 0: no flow tables */
	uint32_t table_count;  /* core_count, and those of the memory before when it was derived */
	uint32_t spare;
	struct sl_flow_table
		*flow_tables[2 * SL_RX_CORES_MAX]; /* of each core; then those before */
	struct sl_stamp *stamps[SL_RX_CORES_MAX];  /* of each core: slot_count */
	struct sl_pool_stamps *stamps_owner;
	uint32_t *node_load[SL_RX_CORES_MAX]; /* of each core's table */
	struct sl_pick_state pick_states[SL_RX_CORES_MAX];
};

/* flow_entries: of each core's flow table; 0: none (tracking none). slot_count: of the pool. */
int sl_pool_memory_create(uint32_t core_count, uint32_t slot_count, uint32_t flow_entries,
			  struct sl_pool_memory **memory);

/* The memory of a pool whose flow_entries or, all its slots being settled, slot_count change: stamps
 * of as many slots are shared, others new; flow tables are shared, or new ones with what those before
 * know. Beside new ones those before are still read: for what cores write there until they have the
 * memory, and what has no room; an idle timeout later sl_pool_memory_shed() leaves them behind. */
int sl_pool_memory_derive(const struct sl_pool_memory *before, uint32_t slot_count,
			  uint32_t flow_entries, struct sl_pool_memory **memory);

int sl_pool_memory_shed(const struct sl_pool_memory *before, struct sl_pool_memory **memory);

/* From now on there is room for the addresses of the flows that its tables know. 0 or -ENOMEM. */
int sl_pool_memory_keep_addresses(struct sl_pool_memory *memory);

/* A slot's stamp is number slot >> shift, in a table of slot_count slots. */
static inline uint32_t sl_pool_memory_stamp_shift(const struct sl_pool_memory *memory,
						  uint32_t slot_count)
{
	return slot_count <= memory->slot_count
		       ? 0
		       : (uint32_t)__builtin_ctz(slot_count / memory->slot_count);
}

struct sl_pool_memory *sl_pool_memory_get(struct sl_pool_memory *memory);
void sl_pool_memory_put(struct sl_pool_memory *memory); /* takes NULL */

/* Times that every core's sweep has gone over its whole table. After a node's index is no more in
 * the snapshot that all cores use, two more passes mean that no entry names it. */
uint64_t sl_pool_memory_passes(const struct sl_pool_memory *memory);

/* Over all cores: entries of flows that live or close, those begun, flows refused; and those that
 * name a node. What is expired counts until the sweep finds it. */
struct sl_flow_counts {
	uint64_t tracked, begun, refused, evicted;
};

void sl_pool_memory_count(const struct sl_pool_memory *memory, struct sl_flow_counts *counts);
/* Once in a while: sl_flow_table_gather() of all tables. Takes NULL. */
void sl_pool_memory_gather(const struct sl_pool_memory *memory);
uint64_t sl_pool_memory_node_flows(const struct sl_pool_memory *memory, uint32_t node);
/* What the node's flows count for together, those being opened among them. */
uint64_t sl_pool_memory_node_load(const struct sl_pool_memory *memory, uint32_t node);
/* Whether any entry names the node, those of connections being opened and tables from before included. */
bool sl_pool_memory_names(const struct sl_pool_memory *memory, uint32_t node);

#endif
