/* SPDX-License-Identifier: BSD-3-Clause */

/* Which slots of a table are too many for the nodes that hold them, in the fixed order of
 * slots.
 *
 * Why:     minimal and lend both move slots from nodes above their quota to nodes below, and
 *          nothing else.
 * Shape:   a balance by node index, and a bit for each slot that may go, by its place in the
 *          order of order.h: going through the bits costs only what the candidates cost.
 * Threads: any; pure.
 * Memory:  the caller's, sl_surplus_memsize() octets, zeroed, aligned to a cache line.
 * Errors:  none.
 */

#ifndef SL_SCHED_SURPLUS_H
#define SL_SCHED_SURPLUS_H

#include "sched/order.h"
#include "sched/roster.h"

#define SL_SURPLUS_WORD_BITS 64

struct sl_surplus {
	const struct sl_roster *roster;
	uint32_t *slots;  /* the table that changes */
	int32_t *balance; /* by node index: slots held less quota; [0] for nobody and strangers */
	uint64_t *loose;  /* bits by place: the slot's node is above its quota */
	uint64_t *back;	  /* those of them whose former node is below its quota */
	uint32_t wanted;  /* slots that nodes still lack */
};

size_t sl_surplus_memsize(uint32_t slot_count, uint32_t index_end);

/* Weighs the table against the roster's quotas. former: as in struct sl_sched_input, may be NULL.
 */
void sl_surplus_init(struct sl_surplus *surplus, void *memory, const struct sl_roster *roster,
		     const uint32_t *held, const uint32_t *former, uint32_t *slots);

/* Where in `balance` what stands in a slot is counted. */
static inline uint32_t sl_surplus_known(const struct sl_surplus *surplus, uint32_t index)
{
	return index < surplus->roster->index_end ? index : SL_SCHED_NOBODY;
}

/* The slot of the lowest bit that is set in a word of `loose` or `back`. */
static inline uint32_t sl_surplus_slot(const struct sl_surplus *surplus, uint32_t word,
				       uint64_t bits)
{
	uint32_t place = word * SL_SURPLUS_WORD_BITS + (uint32_t)__builtin_ctzll(bits);

	return sl_order_slot(place, surplus->roster->slot_bits);
}

/* Gives the slot to a node, if the one that holds it still has one too many. */
static inline bool sl_surplus_give(struct sl_surplus *surplus, uint32_t slot, uint32_t index)
{
	uint32_t owner = sl_surplus_known(surplus, surplus->slots[slot]);

	if (surplus->balance[owner] <= 0)
		return false;
	surplus->slots[slot] = index;
	surplus->balance[owner]--;
	surplus->balance[index]++;
	surplus->wanted--;
	return true;
}

#endif
