/* SPDX-License-Identifier: BSD-3-Clause */

/* Which slots of a table are too many for the nodes that hold them, in the fixed order of
 * slots.
 *
 * Why:     minimal and lend both move slots from nodes above their quota to nodes below, and
 *          nothing else.
 * Shape:   a balance by node index, and a walk over the slots that may go, in the order of
 *          order.h. A change moves few slots and mostly finds them near the beginning: the walk
 *          looks at slots one by one there, and only when that was not enough lists all that
 *          may go, as bits by place, in one pass over the table.
 * Threads: any; pure.
 * Memory:  the caller's, sl_surplus_memsize() octets, zeroed, aligned to a cache line.
 * Errors:  none.
 */

#ifndef SL_SCHED_SURPLUS_H
#define SL_SCHED_SURPLUS_H

#include "sched/order.h"
#include "sched/roster.h"

/* What is weighed; slots may be the table itself. */
struct sl_surplus_tables {
	const uint32_t *held;	/* the table as it is */
	const uint32_t *former; /* as in struct sl_sched_input, may be NULL */
	uint32_t *slots;	/* the table that changes */
};

struct sl_surplus {
	const struct sl_roster *roster;
	struct sl_surplus_tables tables;
	int32_t *balance; /* by node index: slots held less quota; [0] for nobody and strangers */
	uint64_t *bits;	  /* by place, for a walk that lists */
	uint32_t wanted;  /* slots that nodes still lack */
};

/* Slots whose node is above its quota; with back, those of them whose former node is below its own. */
struct sl_surplus_walk {
	bool back;
	bool listed;
	uint32_t place; /* the next one */
};

size_t sl_surplus_memsize(uint32_t slot_count, uint32_t index_end);

/* Weighs the table against the roster's quotas. counts: by place among the roster's nodes as they
 * were given, node_count of them, the slots that each holds; NULL: to be counted. */
void sl_surplus_init(struct sl_surplus *surplus, void *memory, const struct sl_roster *roster,
		     const struct sl_surplus_tables *tables, const struct sl_sched_node *nodes,
		     uint32_t node_count, const uint32_t *counts);

/* The next slot of the walk; false: there is none. Balances may change between the calls as
 * sl_surplus_give() changes them; a walk that lists takes the bits from others. */
bool sl_surplus_next(struct sl_surplus *surplus, struct sl_surplus_walk *walk, uint32_t *slot);

/* Where in `balance` what stands in a slot is counted. */
static inline uint32_t sl_surplus_known(const struct sl_surplus *surplus, uint32_t index)
{
	return index < surplus->roster->index_end ? index : SL_SCHED_NOBODY;
}

/* Gives the slot to a node, if the one that holds it still has one too many. */
static inline bool sl_surplus_give(struct sl_surplus *surplus, uint32_t slot, uint32_t index)
{
	uint32_t owner = sl_surplus_known(surplus, surplus->tables.slots[slot]);

	if (surplus->balance[owner] <= 0)
		return false;
	surplus->tables.slots[slot] = index;
	surplus->balance[owner]--;
	surplus->balance[index]++;
	surplus->wanted--;
	return true;
}

#endif
