/* SPDX-License-Identifier: BSD-3-Clause */

/* Maglev's population: nodes in turn claim the next slot of their own order of preference, to
 * their quotas.
 *
 * Shape:   a round gives each node turns in proportion to its quota, in an average round one. A
 *          node's preferences are an arithmetic progression (offset, odd skip) through the
 *          scrambled order of slots, so that a small skip gives no run of neighbours.
 * Source:  Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI
 *          2016, 3.4.
 * Threads: any; pure.
 * Memory:  the caller's, sl_populate_memsize() octets, zeroed, aligned to a cache line.
 */

#ifndef SL_SCHED_POPULATE_H
#define SL_SCHED_POPULATE_H

#include <stddef.h>

#include "sched/roster.h"

enum sl_populate_taken {
	SL_POPULATE_NEXT,   /* a preference that is taken: try the next one, as in the paper */
	SL_POPULATE_NEAREST /* take the nearest free slot of the same 64: six times as fast */
};

size_t sl_populate_memsize(uint32_t node_count, uint32_t slot_count);

/* The roster is not empty. */
void sl_populate(const struct sl_roster *roster, enum sl_populate_taken taken, void *memory,
		 uint32_t *slots);

#endif
