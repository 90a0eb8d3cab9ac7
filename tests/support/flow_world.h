/* SPDX-License-Identifier: BSD-3-Clause */

/* A small world for tests of decisions: pools with slots that change by the functions control uses,
 * cores, a clock that tests move.
 *
 * Threads: one.
 */

#ifndef TESTS_SUPPORT_FLOW_WORLD_H
#define TESTS_SUPPORT_FLOW_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "state/decide.h"
#include "state/flow_table.h"
#include "state/pool_memory.h"
#include "state/service.h"
#include "state/slots.h"

#define WORLD_POOLS  3
#define WORLD_CORES  4
#define WORLD_IDLE_S 900

struct world {
	struct sl_snapshot *snapshot;
	struct sl_core cores[WORLD_CORES];
	uint32_t core_count;
	uint64_t now_ms;
	uint32_t slot_counts[WORLD_POOLS]; /* that are wanted; tables may have more for a while */
	uint64_t full_since_ms
		[WORLD_POOLS];	       /* since when the pool tracks every flow; 0: it does not */
	bool lost_keeper[WORLD_POOLS]; /* some node keeps its flows no more since slots moved */
	/* With lags set, a core goes on with the snapshot it has until world_catch_up(). */
	bool lags;
	struct sl_snapshot *seen[WORLD_CORES];
	uint64_t behind_ms[WORLD_CORES];	  /* the core's clock, after it stood still */
	struct sl_snapshot *old[WORLD_CORES + 1]; /* those that some core still sees */
	uint32_t old_count;
};

/* One service for TCP, UDP and the rest to 192.0.2.10 on pool 0, another to 192.0.2.11 on pool 1;
 * pools with flow tables, all slots at node 1. Nodes 1 to node_count are up and keep their flows. */
void world_init(struct world *world, uint32_t core_count, uint32_t slot_count,
		uint32_t flow_entries, uint32_t node_count);
void world_fini(struct world *world);

/* A copy of the snapshot to edit; world_commit() puts it in the place of the one before. */
struct sl_snapshot *world_edit(struct world *world);
void world_commit(struct world *world, struct sl_snapshot *snapshot);

/* The core sees the present snapshot. */
void world_catch_up(struct world *world, uint32_t core);

/* What an operator does: the flags of a node (not the slots), the words of a pool. */
void world_node_flags(struct world *world, uint32_t node, uint8_t flags);
void world_move(struct world *world, uint32_t pool, const uint32_t *words);
/* What the pool tracks from now on; picks: nodes chosen in turn for each new flow, out of `nodes`
 * (NULL: by slots). Slots move to `words` (NULL: they stay) and are opened or unsettled as control has it. */
void world_track(struct world *world, uint32_t pool, enum sl_tracking tracking,
		 const struct sl_sched_node *nodes, uint32_t node_count, const uint32_t *words);
/* The pool is to have another number of slots, of these words. */
void world_resize(struct world *world, uint32_t pool, uint32_t slot_count, const uint32_t *words);
/* All slots to one node. */
void world_move_all(struct world *world, uint32_t pool, uint32_t node);
void world_point(struct world *world, uint32_t service, uint32_t pool);
/* Once a second. */
void world_settle(struct world *world);
uint32_t world_open_slots(const struct world *world, uint32_t pool);

/* Packets of the flow of this number, to service 0. */
struct sl_pkt world_tcp(uint32_t flow, uint8_t flags, uint32_t seq);
struct sl_pkt world_udp(uint32_t flow);
/* An ICMP error about the flow of pkt. */
struct sl_pkt world_error(struct sl_pkt pkt);

/* The node the core gives the packet to, or SL_NODE_NOBODY. why may be NULL. */
uint32_t world_send(struct world *world, uint32_t core, struct sl_pkt pkt, uint32_t *why);
/* What `explain` says. */
uint32_t world_look(struct world *world, uint32_t core, struct sl_pkt pkt, uint32_t *why);

#endif
