/* SPDX-License-Identifier: BSD-3-Clause */

/* Choice of a node for a new flow: wrr, wrandom, wleast and p2c.
 *
 * Why:     pools that track every flow may choose by turn, by lot or by load instead of by
 *          hash.
 * Shape:   control builds an immutable view of the nodes that can take flows; each core has a
 *          small state of its own and asks the view for one node a new flow. What a core
 *          remembers of one view it forgets when it meets another one (a view of the same nodes
 *          and weights counts as the same).
 * Threads: build and destroy: control; next: the core that owns the state, any number of cores
 *          with one view.
 * Memory:  the view is one allocation; destroy it when no core can hold it any more. States are
 *          the caller's.
 * Errors:  build: -ENOMEM, -EINVAL. next cannot fail: SL_SCHED_NOBODY when the view is empty.
 */

#ifndef SL_SCHED_PICK_H
#define SL_SCHED_PICK_H

#include <stddef.h>

#include "base/bytes.h"
#include "sched/sched.h"

#define SL_PICK_KEPT 4 /* candidates that wleast keeps in mind */

struct sl_pick_view;

/* One cache line, written by its core alone. */
struct sl_pick_state {
	uint64_t random; /* state of the core's generator */
	uint64_t view;	 /* which view the rest belongs to */
	uint64_t phase;	 /* wrr: of the spare turns */
	uint32_t position;
	uint32_t kept_count;
	uint32_t kept[SL_PICK_KEPT];
} __attribute__((aligned(SL_CACHE_LINE)));

_Static_assert(sizeof(struct sl_pick_state) == SL_CACHE_LINE, "a state is one cache line");

/* Live flows: per_core[core][node index], summed over the cores. Pass the counters of all
 * receive cores, so that the load compared is the node's and the choice does not depend on
 * how many cores there are; each core counts in its own array. Cores read each other's counts
 * with plain aligned loads, a little old at worst. */
struct sl_pick_live {
	const uint32_t *const *per_core;
	uint32_t cores;
	uint32_t extra; /* what the new flow counts for beyond 1 */
};

/* A view of those nodes that have weight and are not absent (absent may be NULL). scheduler:
 * one of the four; others give -EINVAL. */
int sl_pick_build(enum sl_scheduler scheduler, const struct sl_sched_node *nodes,
		  uint32_t node_count, const bool *absent, struct sl_pick_view **pick);

/* Takes NULL. */
void sl_pick_destroy(struct sl_pick_view *pick);

/* The nodes of a view, and the index of one by its number below that. */
uint32_t sl_pick_count(const struct sl_pick_view *pick);
uint32_t sl_pick_node(const struct sl_pick_view *pick, uint32_t number);

/* Octets of a view. */
size_t sl_pick_size(const struct sl_pick_view *pick);

/* seed: different for each core and start. */
void sl_pick_state_init(struct sl_pick_state *state, uint64_t seed);

/* The node for one new flow. wleast and p2c read `live` and take the node whose load per unit of
 * weight would be least with the flow: count the flow as live before the next call, or a burst of
 * new flows all goes to one node. wrr and wrandom do not read it (NULL will do).
 *
 *   wrr      turns spread evenly over a sequence of at most 65,536; exact over it. Weights whose
 *            ratio does not fit it get the whole turns they are due, and the spare ones go round so
 *            that in any number of runs no node is more than about two flows from its due. Each
 *            core starts at a random turn, so that several together are as right as one.
 *   wrandom  by lot (alias method).
 *   wleast   up to 16 nodes: the least loaded. More: the least of the next 16 in turn and of the
 *            best four seen before, all with their present counts.
 *   p2c      the less loaded of two drawn by lot.
 *
 * No division, no loop longer than 20 nodes times the cores. */
uint32_t sl_pick_next(const struct sl_pick_view *pick, struct sl_pick_state *state,
		      const struct sl_pick_live *live);

#endif
