/* SPDX-License-Identifier: BSD-3-Clause */

/* Unsettled slots: how they open when nodes move, and when they settle.
 *
 * Why:     for one idle timeout after a slot moved, packets of unknown flows go to the node it had
 *          before, and are remembered; so no live flow changes its node, and only the flows that a
 *          change puts at risk are ever learned.
 * Shape:   pure functions from one slot table to the next. What packets do is in follow.c.
 *          A settled slot moves: {node, prior = the node before, open until now + open_ms}; without
 *          opening when the node before does not keep its flows. Moved again while open: only node
 *          and the time change; back to prior: closed now (not with full tracking). Moved later:
 *          prior = the node before, open anew. A prior that does not keep its flows closes the slot
 *          now. Another idle timeout is that of slots which are open already.
 *          A slot is of one prior, so slots are split at once when a pool is to have more of them,
 *          but made one only when all of the pool have settled.
 *          What settles is asked with the time that it is for every core (sl_stats_clock()): one that
 *          stands still keeps slots as it left them.
 * Threads: control.
 * Errors:  0 or -ENOMEM.
 */

#ifndef SL_STATE_SLOTS_H
#define SL_STATE_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lcore/stats.h"
#include "state/pool_memory.h"
#include "state/snapshot.h"

/* A slot settles when nothing has needed it unsettled for the idle timeout and this much longer:
 * more than it takes every core to see a new snapshot. */
#define SL_SETTLE_MARGIN_MS 1000

/* What becomes of settled slots that do not move. */
enum sl_slots_rest {
	SL_SLOTS_REST = 0, /* they stay settled */
	/* Full tracking begins, and entries left behind must not count; or it gives way to transition
	 * tracking, and the flow tables know flows whose node is not their slot's: every slot is
	 * unsettled until they are gone. */
	SL_SLOTS_UNSETTLE = 1,
	/* A scheduler that chooses for each new flow takes over from one that fills slots: every
	 * slot opens, prior = node, until the flows that are there are known. */
	SL_SLOTS_OPEN = 2,
};

struct sl_slots_move {
	const struct sl_slot_table *before;  /* NULL: the first table */
	const struct sl_pool_memory *memory; /* of the pool; NULL: none */
	const struct sl_snapshot *snapshot;  /* with its nodes as they are to be: who keeps flows */
	const uint32_t *words;		     /* count: node indices, with SL_SLOT_LENT or without */
	/* Of the slots that are wanted. When before has fewer its slots are split; when it has more
	 * the table keeps them, and several have one word, until sl_slots_fit(). */
	uint32_t count;
	/* Not NULL: the only slots, moved_count of them, that move or become lent or not; count is
	 * before's, rest is SL_SLOTS_REST, and no node keeps its flows no longer. Costs what moves,
	 * and copying the table. */
	const uint32_t *moved;
	uint32_t moved_count;
	uint64_t now_ms;
	uint64_t
		open_ms; /* the longest idle timeout concerned; 0: moves do not open (no tracking, or
			     every flow is tracked) */
	int64_t longer_ms; /* the longest idle timeout is so much more than before: so are slots open
			    */
	enum sl_slots_rest rest;
	/* Flow table entries used since then are those of living flows: now_ms with transition
	 * tracking, whose settled slots leave entries behind; with full tracking when it began, 0:
	 * always. */
	uint64_t since_ms;
	bool full; /* every flow is tracked from now on */
};

/* The table after the move. *after may be before (one more reference) when nothing changes. */
int sl_slots_move(const struct sl_slots_move *move, struct sl_slot_table **after);

/* Settles what may be settled: *after is the new table, or NULL when nothing settles. idle_ms: the
 * longest idle timeout concerned. */
int sl_slots_settle(const struct sl_slot_table *before, const struct sl_pool_memory *memory,
		    uint64_t now_ms, uint64_t idle_ms, struct sl_slot_table **after);

/* Until when packets of flows that a slot of slot_count does not know go to its prior: with the one idle
 * timeout more that a flow is given which found no room. */
uint64_t sl_slots_open_until(const struct sl_open_slot *open, const struct sl_pool_memory *memory,
			     uint32_t slot_count, uint64_t idle_ms);

/* A table of `count` slots, like one that has more of them, all settled: *after; NULL when it has not,
 * or when slots that would be one differ. */
int sl_slots_fit(const struct sl_slot_table *before, uint32_t count, struct sl_slot_table **after);

/* The node that a slot's packets of new flows go to (without SL_SLOT_LENT). */
uint32_t sl_slots_node(const struct sl_slot_table *table, uint32_t slot);

/* ---- services pointed at another pool -------------------------------------------------------- */

/* Points the service at pool: it opens as a whole for open_ms (the longest idle timeout of both
 * pools), its prior the old pool's answer. -EBUSY: it was at too many pools (SL_SERVICE_VIA_MAX)
 * since it was settled. The pools that the view names must stay in the snapshot, with their tables,
 * until it has settled. */
int sl_service_view_point(struct sl_service_view *view, uint32_t pool, uint64_t now_ms,
			  uint64_t open_ms);

/* A time until which something is open, when the idle timeout is longer_ms more than before. */
uint64_t sl_slots_prolong(uint64_t open_until_ms, uint64_t now_ms, int64_t longer_ms);

/* Settles the service when it may: whether it did. index: the service's; cores: all receive cores. */
bool sl_service_view_settle(struct sl_service_view *view, uint32_t index,
			    struct sl_core_stats *const *cores, uint32_t core_count,
			    uint64_t now_ms, uint64_t idle_ms);

#endif
