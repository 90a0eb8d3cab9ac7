/* SPDX-License-Identifier: BSD-3-Clause */

/* wleast: the node with the fewest live flows per unit of weight.
 *
 * An exact heap would have to be a core's own, of the size of the nodes, and would be wrong
 * whenever another core begins or ends a flow. Instead every choice looks at the present counts
 * of a few nodes: the next ones in turn, so that every node is looked at often, and the best of
 * those seen before, so that a node that has become the least loaded is used until it no longer
 * is. With up to SCAN nodes that is exact. With 10,000 the chosen node is among the least
 * loaded sixteenth at the worst moment and in a steady state a flow off the least.
 */

#include "sched/view.h"

#define SCAN 16

struct candidate {
	uint64_t load;
	uint64_t weight;
	uint32_t place;
};

struct ranking {
	struct candidate best[SL_PICK_KEPT];
	uint32_t count;
};

static bool has(const struct ranking *ranking, uint32_t place)
{
	for (uint32_t i = 0; i < ranking->count; i++)
		if (ranking->best[i].place == place)
			return true;
	return false;
}

static void consider(struct ranking *ranking, const struct sl_pick_view *pick,
		     const struct sl_pick_live *live, uint32_t place)
{
	const struct sl_pick_node *node = &pick->nodes[place];
	struct candidate candidate = {sl_view_load(live, node->index), node->weight, place};
	uint32_t at = ranking->count;

	while (at > 0 && sl_view_less(candidate.load, candidate.weight, ranking->best[at - 1].load,
				      ranking->best[at - 1].weight))
		at--;
	if (at == SL_PICK_KEPT || has(ranking, place))
		return;
	if (ranking->count < SL_PICK_KEPT)
		ranking->count++;
	for (uint32_t i = ranking->count - 1; i > at; i--)
		ranking->best[i] = ranking->best[i - 1];
	ranking->best[at] = candidate;
}

uint32_t sl_wleast_next(const struct sl_pick_view *pick, struct sl_pick_state *state,
			const struct sl_pick_live *live)
{
	struct ranking ranking = {.count = 0};
	uint32_t scan = SL_MIN(pick->count, SCAN);

	for (uint32_t i = 0; i < state->kept_count; i++)
		consider(&ranking, pick, live, state->kept[i]);
	for (uint32_t i = 0; i < scan; i++) {
		consider(&ranking, pick, live, state->position);
		state->position = state->position + 1 < pick->count ? state->position + 1 : 0;
	}
	state->kept_count = ranking.count;
	for (uint32_t i = 0; i < ranking.count; i++)
		state->kept[i] = ranking.best[i].place;
	return pick->nodes[ranking.best[0].place].index;
}
