/* SPDX-License-Identifier: BSD-3-Clause */

/* maglev: the paper's population, with turns in proportion to weight and an end at the exact quota.
 */

#include "sched/fill.h"
#include "sched/populate.h"

size_t sl_maglev_memsize(const struct sl_sched_input *input, uint32_t index_end)
{
	(void)index_end;
	return sl_populate_memsize(input->node_count, input->slot_count);
}

void sl_maglev_fill(const struct sl_roster *roster, const struct sl_sched_input *input,
		    void *memory, uint32_t *slots)
{
	(void)input;
	sl_populate(roster, memory, slots);
}
