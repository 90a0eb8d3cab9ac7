/* SPDX-License-Identifier: BSD-3-Clause */

/* Inside of a pick view, for the four files that choose.
 *
 * Threads: control builds, cores read.
 * Memory:  one allocation; the arrays lie behind the struct.
 * Errors:  none: pick.c has checked the nodes.
 */

#ifndef SL_SCHED_VIEW_H
#define SL_SCHED_VIEW_H

#include "base/prng.h"
#include "sched/alias.h"
#include "sched/pick.h"

struct sl_pick_node {
	uint64_t weight;
	uint32_t index;
};

struct sl_pick_view {
	uint64_t id; /* of what it holds: scheduler, nodes and weights */
	size_t size;
	enum sl_scheduler scheduler;
	uint32_t count;
	uint32_t turn_count;	    /* wrr */
	struct sl_pick_node *nodes; /* by caller's order */
	struct sl_alias *lots;	    /* wrandom, p2c: count of them */
	uint32_t *turns;	    /* wrr: place in nodes, or SL_WRR_SPARE with its number */
	uint64_t *dues;	    /* wrr: what nodes are due of the spare turns, summed up to each */
	uint64_t spare_due; /* wrr: what one spare turn settles */
};

#define SL_WRR_TURNS_MAX 65536
#define SL_WRR_SPARE	 0x80000000u /* a turn that is no node's for good */

/* The length of the sequence for these nodes; and the sequence, with buckets: zeroed scratch for one
 * word more than turns. */
uint32_t sl_wrr_turn_count(const struct sl_pick_node *nodes, uint32_t count);
void sl_wrr_fill(struct sl_pick_view *pick, uint32_t *buckets);

uint32_t sl_wrr_next(const struct sl_pick_view *pick, struct sl_pick_state *state);
uint32_t sl_wrandom_next(const struct sl_pick_view *pick, struct sl_pick_state *state);
uint32_t sl_wleast_next(const struct sl_pick_view *pick, struct sl_pick_state *state,
			const struct sl_pick_live *live);
uint32_t sl_p2c_next(const struct sl_pick_view *pick, struct sl_pick_state *state,
		     const struct sl_pick_live *live);

static inline uint64_t sl_view_random(struct sl_pick_state *state)
{
	struct sl_prng prng = {state->random};
	uint64_t word = sl_prng_next(&prng);

	state->random = prng.state;
	return word;
}

/* One place in nodes by lot. */
static inline uint32_t sl_view_draw(const struct sl_pick_view *pick, struct sl_pick_state *state)
{
	uint64_t column = sl_view_random(state);

	return sl_alias_draw(pick->lots, pick->count, column, sl_view_random(state));
}

/* A node's flows with the new one. */
static inline uint64_t sl_view_load(const struct sl_pick_live *live, uint32_t index)
{
	uint64_t load = 1 + (uint64_t)live->extra;

	for (uint32_t core = 0; core < live->cores; core++)
		load += __atomic_load_n(&live->per_core[core][index], __ATOMIC_RELAXED);
	return load;
}

/* Whether load a on weight a is less than load b on weight b. */
static inline bool sl_view_less(uint64_t load_a, uint64_t weight_a, uint64_t load_b,
				uint64_t weight_b)
{
	return (unsigned __int128)load_a * weight_b < (unsigned __int128)load_b * weight_a;
}

#endif
