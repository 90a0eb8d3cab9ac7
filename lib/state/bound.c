/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/bound.h"

#include "base/limit.h"
#include "base/prng.h"
#include "state/pool_memory.h"

#define BOUND_MAX ((uint64_t)SL_MAX_LOAD_MAX << SL_BOUND_BITS)

_Static_assert(BOUND_MAX <= UINT32_MAX, "a bound fits");

uint32_t sl_bound_of(uint64_t max_load, uint64_t weight, uint64_t total)
{
	unsigned __int128 part = (unsigned __int128)max_load * weight << SL_BOUND_BITS;

	if (!weight)
		return 0;
	part /= (unsigned __int128)total * SL_WEIGHT_UNIT;
	return (uint32_t)SL_MAX(SL_MIN(part, BOUND_MAX), 1u);
}

/* Over all cores; of SL_NODE_NOBODY: all nodes'. */
static uint32_t load_of(const struct sl_pool_memory *memory, uint32_t node)
{
	uint32_t load = 0;

	for (uint32_t core = 0; core < memory->core_count; core++)
		load += __atomic_load_n(&memory->node_load[core][node], __ATOMIC_RELAXED);
	return load;
}

/* For one that counts for 1 and extra, where all that are there count for flows. */
static bool has_room(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
		     uint32_t node, uint32_t flows, uint32_t extra)
{
	return load_of(pool->memory, node) + extra <
	       sl_bound_room(sl_snapshot_node(snapshot, node)->bound, flows + extra);
}

static uint32_t node_of(const struct sl_pool_view *pool, uint32_t slot)
{
	uint32_t word = pool->words[slot];

	return word & SL_SLOT_OPEN ? pool->open[word & SL_SLOT_NODE].node : word & SL_SLOT_NODE;
}

/* One after the other, from one that the slot names. */
static uint32_t find_in_turn(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			     uint32_t slot, uint32_t flows, uint32_t extra)
{
	uint32_t count = sl_pick_count(pool->pick);
	uint32_t at = (uint32_t)((sl_prng_mix(slot) >> 32) * count >> 32);

	for (uint32_t turn = 0; turn < SL_MIN(count, SL_BOUND_TURNS); turn++) {
		uint32_t node = sl_pick_node(pool->pick, at);

		if (has_room(snapshot, pool, node, flows, extra))
			return node;
		at = at + 1 == count ? 0 : at + 1;
	}
	return SL_NODE_NOBODY;
}

uint32_t sl_bound_choose(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			 struct sl_pick_state *state, const struct sl_pick_live *live,
			 uint32_t slot, uint32_t node)
{
	uint32_t flows = load_of(pool->memory, SL_NODE_NOBODY), extra = live->extra, other;

	if (node == SL_NODE_NOBODY || has_room(snapshot, pool, node, flows, extra))
		return node;
	for (uint32_t choice = 0; choice < SL_BOUND_CHOICES; choice++) {
		uint64_t hash = sl_prng_mix((uint64_t)choice << 32 | slot);

		other = node_of(pool, (uint32_t)(hash >> pool->shift));
		if (other != SL_NODE_NOBODY && has_room(snapshot, pool, other, flows, extra))
			return other;
	}
	other = find_in_turn(snapshot, pool, slot, flows, extra);
	if (other == SL_NODE_NOBODY)
		other = sl_pick_next(pool->pick, state, live);
	return other == SL_SCHED_NOBODY ? node : other;
}
