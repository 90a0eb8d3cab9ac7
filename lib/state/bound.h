/* SPDX-License-Identifier: BSD-3-Clause */

/* Bounded loads: no node takes a new flow that has more than so many times its fair share of live ones.
 *
 * Why:     a hash gives nodes equal numbers of slots, not of flows that live; how long they live is up
 *          to the flows.
 * Shape:   a node's bound is its share of all live flows, times max_load. A flow that finds its slot's
 *          node full goes on in its slot's own order of preference, the one that lent slots have, and
 *          since the slot alone would send it elsewhere the pool tracks every flow. Where that order
 *          finds nobody, some nodes in turn are looked at, then the least loaded of a few is taken
 *          (sl_pick_next() of wleast): the bound is exact with up to SL_BOUND_TURNS nodes, but for
 *          what the other cores have not told yet.
 * Source:  Mirrokni, Thorup, Zadimoghaddam: Consistent Hashing with Bounded Loads, 2016.
 * Threads: sl_bound_of(): control; sl_bound_choose(): the core that owns the state.
 * Errors:  none.
 */

#ifndef SL_STATE_BOUND_H
#define SL_STATE_BOUND_H

#include <stdint.h>

#include "sched/pick.h"
#include "state/snapshot.h"

#define SL_BOUND_BITS	 28 /* a bound is a share with so many binary places */
#define SL_BOUND_CHOICES 32 /* of a slot's order; 1 in max_load of them is in vain at most */
#define SL_BOUND_TURNS	 64 /* nodes looked at in turn */

/* The bound of a node of that weight, of all nodes' that take flows: max_load in millionths. */
uint32_t sl_bound_of(uint64_t max_load, uint64_t weight, uint64_t total);

/* Flows that a node with this bound may have when one more comes to a pool that has so many. */
static inline uint64_t sl_bound_room(uint32_t bound, uint32_t flows)
{
	return (((uint64_t)flows + 1) * bound + (1u << SL_BOUND_BITS) - 1) >> SL_BOUND_BITS;
}

/* Where a new flow of the slot goes whose node is `node`; that of nobody is nobody's. live: of the pool's
 * memory. */
uint32_t sl_bound_choose(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			 struct sl_pick_state *state, const struct sl_pick_live *live,
			 uint32_t slot, uint32_t node);

#endif
