/* SPDX-License-Identifier: BSD-3-Clause */

/* Which node: the two contracts that schedulers fulfil, one file an algorithm.
 *
 * Why:     ring, maglev, rendezvous and minimal fill slots when something changes; wrr,
 *          wrandom, wleast and p2c choose when a flow begins (pick.h). Callers see only these
 *          tables.
 * Shape:   pure functions over plain arrays; nodes are known by the caller's index, which is
 *          what is written into slots, and by a seed (a hash of the node's name), so that equal
 *          names give equal tables in every dispatcher, whatever the indices.
 * Threads: build: any (control); pick: the core that owns the state.
 * Memory:  build allocates scratch through sl_mem_alloc() and frees it before it returns.
 * Errors:  0 or negative errno (-ENOMEM, -EINVAL); slots are written only on success.
 */

#ifndef SL_SCHED_SCHED_H
#define SL_SCHED_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#define SL_SCHED_NOBODY 0 /* node index of a slot that has nobody to serve */

/* id, name, fills slots */
#define SL_SCHEDULERS(X)                                                                           \
	X(MINIMAL, "minimal", 0, true)                                                             \
	X(RING, "ring", 1, true)                                                                   \
	X(MAGLEV, "maglev", 2, true)                                                               \
	X(RENDEZVOUS, "rendezvous", 3, true)                                                       \
	X(WRR, "wrr", 4, false)                                                                    \
	X(WRANDOM, "wrandom", 5, false)                                                            \
	X(WLEAST, "wleast", 6, false)                                                              \
	X(P2C, "p2c", 7, false)

enum sl_scheduler {
#define X(id, name, value, fills) SL_SCHED_##id = (value),
	SL_SCHEDULERS(X)
#undef X
};

struct sl_sched_node {
	uint32_t index;	 /* written into slots; never SL_SCHED_NOBODY; unique in the input */
	uint64_t weight; /* millionths, 0..SL_WEIGHT_MAX; 0 takes nothing */
	uint64_t seed;	 /* hash of the node's name */
};

struct sl_sched_input {
	const struct sl_sched_node *nodes; /* those that can serve, in any order */
	uint32_t node_count;
	uint32_t slot_count;	/* a power of two, SL_SLOTS_MIN..SL_SLOTS_MAX */
	const uint32_t *before; /* the table before the change, or NULL: there was none */
	const uint32_t *former; /* per slot the node that held it before its present one (0: none);
				   or NULL */
	const uint32_t *held; /* per node the slots that it has in `before`; NULL: to be counted */
};

/* Fills slots[slot_count] with node indices; with nobody to serve every slot is SL_SCHED_NOBODY.
 * Only minimal reads `before` and `former`, and for it slots may be the table before. What the
 * table before holds that is no node's (removed nodes, SL_SCHED_NOBODY) goes to those who lack
 * slots. A scheduler that chooses per flow is given minimal's table: flows met in mid-life without
 * an entry follow it. */
int sl_sched_build(enum sl_scheduler scheduler, const struct sl_sched_input *input,
		   uint32_t *slots);

/* Exact quotas by largest remainder; ties by seed: quotas[i] slots for nodes[i], their sum
 * slot_count, or all zero when no node has weight. */
int sl_sched_quota(const struct sl_sched_node *nodes, uint32_t node_count, uint32_t slot_count,
		   uint32_t *quotas);

/* What packets use while some nodes are away: home with the slots of absent nodes lent to present
 * ones, a pure function of (home, nodes, absent). absent[i] says that nodes[i] is not available;
 * nodes are all those of the pool. With nobody present every slot is SL_SCHED_NOBODY. */
int sl_sched_lend(const struct sl_sched_node *nodes, uint32_t node_count, const bool *absent,
		  const uint32_t *home, uint32_t slot_count, uint32_t *slots);

/* The same where weights differ from those that home was made by, also while nobody is absent. */
int sl_sched_lend_scaled(const struct sl_sched_node *nodes, uint32_t node_count, const bool *absent,
			 const uint32_t *home, uint32_t slot_count, uint32_t *slots);

/* Slots that differ between two tables, and the least number that any change to these quotas needs:
 * the sum over nodes of max(0, quota after - slots before). */
uint32_t sl_sched_moved(const uint32_t *before, const uint32_t *after, uint32_t slot_count);
int sl_sched_least(const struct sl_sched_node *nodes, uint32_t node_count, const uint32_t *before,
		   uint32_t slot_count, uint32_t *least);
/* The same from numbers of slots: held[i] of nodes[i]. */
int sl_sched_missing(const struct sl_sched_node *nodes, uint32_t node_count, const uint32_t *held,
		     uint32_t slot_count, uint32_t *least);

/* Name of a scheduler and back: 0 or -EINVAL. */
const char *sl_sched_name(enum sl_scheduler scheduler);
int sl_sched_parse(const char *name, enum sl_scheduler *scheduler);
bool sl_sched_fills_slots(enum sl_scheduler scheduler);

#endif
