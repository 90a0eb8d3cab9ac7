/* SPDX-License-Identifier: BSD-3-Clause */

/* minimal: exact quotas and the least movement, both.
 *
 * Nodes above their quota give slots to nodes below it and nothing else moves, so that the
 * number of slots moved is the least that any way to these quotas needs. A gainer first takes
 * back slots it held before; within that, candidates come in the fixed order of order.h, so
 * that changes to and fro move the same few slots, and no gainer gets a run of neighbours. The
 * first table is populated like maglev's.
 */

#include "sched/fill.h"
#include "sched/populate.h"
#include "sched/surplus.h"

static void take_back(struct sl_surplus *surplus)
{
	const uint32_t *former = surplus->tables.former;
	struct sl_surplus_walk walk = {.back = true};
	uint32_t slot;

	while (surplus->wanted > 0 && sl_surplus_next(surplus, &walk, &slot))
		if (surplus->balance[former[slot]] < 0)
			(void)sl_surplus_give(surplus, slot, former[slot]);
}

static void take_any(struct sl_surplus *surplus)
{
	const struct sl_roster_node *gainer = surplus->roster->nodes;
	struct sl_surplus_walk walk = {.back = false};
	uint32_t slot;

	while (surplus->wanted > 0 && sl_surplus_next(surplus, &walk, &slot)) {
		while (surplus->balance[gainer->index] >= 0)
			gainer++;
		(void)sl_surplus_give(surplus, slot, gainer->index);
	}
}

size_t sl_minimal_memsize(const struct sl_sched_input *input, uint32_t index_end)
{
	if (!input->before)
		return sl_populate_memsize(input->node_count, input->slot_count);
	return sl_surplus_memsize(input->slot_count, index_end);
}

void sl_minimal_fill(const struct sl_roster *roster, const struct sl_sched_input *input,
		     void *memory, uint32_t *slots)
{
	struct sl_surplus_tables tables = {.held = slots, .former = input->former, .slots = slots};
	struct sl_surplus surplus;

	if (!input->before) {
		sl_populate_quickly(roster, memory, slots);
		return;
	}
	memmove(slots, input->before, input->slot_count * sizeof(*slots));
	sl_surplus_init(&surplus, memory, roster, &tables, input->nodes, input->node_count,
			input->held);
	if (input->former)
		take_back(&surplus);
	take_any(&surplus);
}
