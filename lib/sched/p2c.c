/* SPDX-License-Identifier: BSD-3-Clause */

/* p2c: two nodes by lot, in proportion to weight, and the less loaded of them.
 *
 * Source:  Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS
 *          2001.
 */

#include "sched/view.h"

uint32_t sl_p2c_next(const struct sl_pick_view *pick, struct sl_pick_state *state,
		     const struct sl_pick_live *live)
{
	const struct sl_pick_node *one = &pick->nodes[sl_view_draw(pick, state)];
	const struct sl_pick_node *two = &pick->nodes[sl_view_draw(pick, state)];

	/* Twice the same is no choice; of few nodes that would be often. */
	if (one == two)
		two = &pick->nodes[sl_view_draw(pick, state)];
	if (sl_view_less(sl_view_load(live, two->index), two->weight,
			 sl_view_load(live, one->index), one->weight))
		return two->index;
	return one->index;
}
