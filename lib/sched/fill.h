/* SPDX-License-Identifier: BSD-3-Clause */

/* What each scheduler that fills slots is to sl_sched_build(), one file each.
 *
 * Shape:   memsize says how much scratch a fill needs; fill writes every slot. The roster is
 *          not empty.
 * Threads: any; pure.
 * Memory:  the caller's, zeroed, aligned to a cache line.
 * Errors:  none.
 */

#ifndef SL_SCHED_FILL_H
#define SL_SCHED_FILL_H

#include "sched/roster.h"

size_t sl_minimal_memsize(const struct sl_sched_input *input, uint32_t index_end);
void sl_minimal_fill(const struct sl_roster *roster, const struct sl_sched_input *input,
		     void *memory, uint32_t *slots);

/* A node's virtual nodes are in proportion to its weight, SL_RING_DENSITY for each slot of the
 * table together: of 1000 equal nodes each has 262 at 2^16 slots and 4194 at 2^20. */
#define SL_RING_DENSITY 4
size_t sl_ring_memsize(const struct sl_sched_input *input, uint32_t index_end);
void sl_ring_fill(const struct sl_roster *roster, const struct sl_sched_input *input, void *memory,
		  uint32_t *slots);

size_t sl_maglev_memsize(const struct sl_sched_input *input, uint32_t index_end);
void sl_maglev_fill(const struct sl_roster *roster, const struct sl_sched_input *input,
		    void *memory, uint32_t *slots);

size_t sl_rendezvous_memsize(const struct sl_sched_input *input, uint32_t index_end);
void sl_rendezvous_fill(const struct sl_roster *roster, const struct sl_sched_input *input,
			void *memory, uint32_t *slots);

#endif
