/* SPDX-License-Identifier: BSD-3-Clause */

/* wrandom: each new flow by lot, in proportion to weight. */

#include "sched/view.h"

uint32_t sl_wrandom_next(const struct sl_pick_view *pick, struct sl_pick_state *state)
{
	return pick->nodes[sl_view_draw(pick, state)].index;
}
