/* SPDX-License-Identifier: BSD-3-Clause */

/* Population: nodes in turn claim the next slot of their own order of preference, to their
 * quotas.
 *
 * Source:  Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI
 *          2016, 3.4.
 * Threads: any; pure.
 * Memory:  the caller's, sl_populate_memsize() octets, zeroed, aligned to a cache line.
 * Errors:  none.
 */

#ifndef SL_SCHED_POPULATE_H
#define SL_SCHED_POPULATE_H

#include <stddef.h>

#include "sched/roster.h"

size_t sl_populate_memsize(uint32_t node_count, uint32_t slot_count);

/* As in the paper: one claim a turn, and a preference that is taken leads to the next one.
 * Preferences are an arithmetic progression (offset, odd skip) through the scrambled order of
 * slots, so that a small skip makes no run of neighbours. The roster is not empty. */
void sl_populate(const struct sl_roster *roster, void *memory, uint32_t *slots);

/* Ten times as fast, for a table whose likeness to those of other sets of nodes matters less: the
 * table is gone through by sections, so that it stays in the cache; in each, nodes claim their part
 * of it in one turn; preferences step round the section by the golden section (a node's slots lie
 * evenly apart), one that is taken leads to the nearest free slot, and the last sixteenth of the
 * slots is dealt in the fixed order of slots. The roster is not empty. */
void sl_populate_quickly(const struct sl_roster *roster, void *memory, uint32_t *slots);

#endif
