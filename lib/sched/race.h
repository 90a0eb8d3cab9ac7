/* SPDX-License-Identifier: BSD-3-Clause */

/* Races for slots: nodes throw darts at the table, each in time with its weight, and the first
 * to hit a slot has it.
 *
 * Why:     ring and rendezvous both need, for every slot, the node that comes first; throwing
 *          costs a time that does not depend on the number of nodes, where asking every node
 *          for every slot would.
 * Shape:   a node of weight w throws every 2^shift / w ticks on average. The power of two
 *          follows the sum of the weights, so that times fit 64 bits and hardly ever change
 *          when another node's weight does.
 * Threads: any; pure. Integers only: the same on every machine.
 */

#ifndef SL_SCHED_RACE_H
#define SL_SCHED_RACE_H

#include "base/prng.h"
#include "sched/roster.h"

#define SL_RACE_BITS   54 /* ticks are that fine: see round */
#define SL_RACE_STRIDE 0x9e3779b97f4a7c15ull

struct sl_race {
	uint32_t shift;
	uint32_t slot_bits;
	uint64_t round; /* ticks in which the nodes together throw one dart for each slot: up to
			   2^54 */
};

static inline struct sl_race sl_race_of(const struct sl_roster *roster)
{
	uint32_t weight_bits = 63 - (uint32_t)__builtin_clzll(roster->weight_sum);
	unsigned __int128 ticks = (unsigned __int128)1 << (SL_RACE_BITS + weight_bits);

	return (struct sl_race){.shift = SL_RACE_BITS + weight_bits - roster->slot_bits,
				.slot_bits = roster->slot_bits,
				.round = (uint64_t)(ticks / roster->weight_sum)};
}

/* Mean ticks between two darts of a node: at most 2^102. */
static inline unsigned __int128 sl_race_step(const struct sl_race *race, uint64_t weight)
{
	return ((unsigned __int128)1 << race->shift) / weight;
}

/* The slot that a node's dart hits. */
static inline uint32_t sl_race_slot(const struct sl_race *race, uint64_t seed, uint64_t dart)
{
	return (uint32_t)(sl_prng_mix(seed + (dart + 1) * SL_RACE_STRIDE) >>
			  (64 - race->slot_bits));
}

/* ticks * fraction / 2^32. */
static inline unsigned __int128 sl_race_part(unsigned __int128 ticks, uint32_t fraction)
{
	return (ticks >> 32) * fraction + (((ticks & UINT32_MAX) * fraction) >> 32);
}

#endif
