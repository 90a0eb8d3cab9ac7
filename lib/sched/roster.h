/* SPDX-License-Identifier: BSD-3-Clause */

/* The nodes that take part in a build: those with weight, in an order that all dispatchers
 * share, with their quotas.
 *
 * Why:     callers list nodes as they like and give them indices of their own; a table must
 *          depend on neither.
 * Shape:   sorted by the scrambled seed (equal seeds by index); quotas by largest remainder, in
 *          integers.
 * Threads: any; pure.
 * Memory:  the caller's, sl_roster_memsize() octets, aligned to a cache line. The roster points
 *          into it.
 * Errors:  sl_roster_check() finds them all; the rest cannot fail.
 */

#ifndef SL_SCHED_ROSTER_H
#define SL_SCHED_ROSTER_H

#include <stddef.h>

#include "base/bytes.h"
#include "sched/sched.h"
#include "sched/sort.h"

struct sl_roster_node {
	uint64_t weight; /* above 0 */
	uint64_t seed;	 /* scrambled */
	uint32_t index;
	uint32_t ref;	/* its place among the nodes given */
	uint32_t quota; /* slots; the sum over the roster is slot_count */
};

struct sl_roster {
	struct sl_roster_node *nodes;
	uint32_t count;	     /* 0: nobody can serve */
	uint32_t index_end;  /* one above the highest index of all nodes given */
	uint32_t slot_count; /* a power of two */
	uint32_t slot_bits;
	uint64_t weight_sum;		    /* at most 2^56 */
	struct sl_sort_item *items, *spare; /* for sorting */
};

/* 0, or -EINVAL for a number of slots or nodes, an index or a weight out of range. Comes first,
 * since index_end says how much memory the arrays by node index need. */
int sl_roster_check(const struct sl_sched_node *nodes, uint32_t node_count, uint32_t slot_count,
		    uint32_t *index_end);

size_t sl_roster_memsize(uint32_t node_count);

void sl_roster_init(struct sl_roster *roster, void *memory, const struct sl_sched_node *nodes,
		    uint32_t node_count, uint32_t slot_count, uint32_t index_end);

/* Takes the absent nodes off and shares the slots out again; absent is by place among the nodes
 * given. */
void sl_roster_narrow(struct sl_roster *roster, const bool *absent);

/* Carves one allocation into arrays that begin on cache lines: sizes are summed through sl_room(),
 * then each array is taken in turn. */
static inline size_t sl_room(size_t size)
{
	return sl_align_up(size, SL_CACHE_LINE);
}

static inline void *sl_take(unsigned char **at, size_t size)
{
	void *taken = *at;

	*at += sl_room(size);
	return taken;
}

#endif
