/* SPDX-License-Identifier: BSD-3-Clause */

#include "sched/pick.h"

#include <errno.h>

#include "base/limit.h"
#include "base/mem.h"
#include "sched/roster.h"
#include "sched/view.h"

/* Scratch of a build. */
struct scratch {
	unsigned char *memory;
	size_t size;
	uint64_t *weights;
	uint32_t *stack;
	uint32_t *buckets;
	struct sl_pick_node *nodes;
	uint32_t count;
};

static int check(enum sl_scheduler scheduler, const struct sl_sched_node *nodes,
		 uint32_t node_count)
{
	uint32_t index_end;

	if (sl_sched_fills_slots(scheduler))
		return -EINVAL;
	return sl_roster_check(nodes, node_count, SL_SLOTS_MIN, &index_end);
}

static int scratch_init(struct scratch *scratch, const struct sl_sched_node *nodes,
			uint32_t node_count, const bool *absent)
{
	unsigned char *at;

	scratch->size = sl_room(node_count * sizeof(*scratch->weights)) +
			sl_room(node_count * sizeof(*scratch->stack)) +
			sl_room((SL_WRR_TURNS_MAX + 1) * sizeof(*scratch->buckets)) +
			sl_room(node_count * sizeof(*scratch->nodes));
	scratch->memory = sl_mem_alloc(scratch->size);
	if (!scratch->memory)
		return -ENOMEM;
	at = scratch->memory;
	scratch->weights = sl_take(&at, node_count * sizeof(*scratch->weights));
	scratch->stack = sl_take(&at, node_count * sizeof(*scratch->stack));
	scratch->buckets = sl_take(&at, (SL_WRR_TURNS_MAX + 1) * sizeof(*scratch->buckets));
	scratch->nodes = sl_take(&at, node_count * sizeof(*scratch->nodes));
	scratch->count = 0;
	for (uint32_t i = 0; i < node_count; i++)
		if (nodes[i].weight > 0 && !(absent && absent[i]))
			scratch->nodes[scratch->count++] =
				(struct sl_pick_node){nodes[i].weight, nodes[i].index};
	return 0;
}

static struct sl_pick_view *view_create(enum sl_scheduler scheduler, const struct scratch *scratch)
{
	bool wrr = scheduler == SL_SCHED_WRR;
	bool lots = scheduler == SL_SCHED_WRANDOM || scheduler == SL_SCHED_P2C;
	uint32_t turns = wrr ? sl_wrr_turn_count(scratch->nodes, scratch->count) : 0;
	size_t nodes_size = scratch->count * sizeof(struct sl_pick_node);
	size_t lots_size = lots ? scratch->count * sizeof(struct sl_alias) : 0;
	size_t dues_size = wrr ? scratch->count * sizeof(uint64_t) : 0;
	size_t size = sl_room(sizeof(struct sl_pick_view)) + sl_room(nodes_size) +
		      sl_room(lots_size) + sl_room(dues_size) + sl_room(turns * sizeof(uint32_t));
	struct sl_pick_view *pick = sl_mem_alloc(size);
	unsigned char *at = (unsigned char *)pick;

	if (!pick)
		return NULL;
	(void)sl_take(&at, sizeof(*pick));
	pick->size = size;
	pick->scheduler = scheduler;
	pick->count = scratch->count;
	pick->turn_count = turns;
	pick->nodes = sl_take(&at, nodes_size);
	pick->lots = sl_take(&at, lots_size);
	pick->dues = sl_take(&at, dues_size);
	pick->turns = sl_take(&at, turns * sizeof(uint32_t));
	memcpy(pick->nodes, scratch->nodes, nodes_size);
	return pick;
}

static uint64_t id_of(const struct sl_pick_view *pick)
{
	uint64_t id = sl_prng_mix(pick->scheduler + 1);

	for (uint32_t i = 0; i < pick->count; i++) {
		id = sl_prng_mix(id ^ pick->nodes[i].weight);
		id = sl_prng_mix(id ^ pick->nodes[i].index);
	}
	return id;
}

static void fill(struct sl_pick_view *pick, struct scratch *scratch)
{
	pick->id = id_of(pick);
	if (pick->count == 0 || pick->scheduler == SL_SCHED_WLEAST)
		return;
	if (pick->scheduler == SL_SCHED_WRR) {
		sl_wrr_fill(pick, scratch->buckets);
		return;
	}
	for (uint32_t i = 0; i < pick->count; i++)
		scratch->weights[i] = pick->nodes[i].weight;
	sl_alias_build(pick->lots, scratch->weights, pick->count, scratch->stack);
}

int sl_pick_build(enum sl_scheduler scheduler, const struct sl_sched_node *nodes,
		  uint32_t node_count, const bool *absent, struct sl_pick_view **pick)
{
	struct scratch scratch;
	struct sl_pick_view *view;
	int rc = check(scheduler, nodes, node_count);

	if (rc < 0)
		return rc;
	rc = scratch_init(&scratch, nodes, node_count, absent);
	if (rc < 0)
		return rc;
	view = view_create(scheduler, &scratch);
	if (view) {
		fill(view, &scratch);
		*pick = view;
	}
	sl_mem_free(scratch.memory, scratch.size);
	return view ? 0 : -ENOMEM;
}

void sl_pick_destroy(struct sl_pick_view *pick)
{
	if (pick)
		sl_mem_free(pick, pick->size);
}

uint32_t sl_pick_count(const struct sl_pick_view *pick)
{
	return pick->count;
}

uint32_t sl_pick_node(const struct sl_pick_view *pick, uint32_t number)
{
	return pick->nodes[number].index;
}

size_t sl_pick_size(const struct sl_pick_view *pick)
{
	return pick->size;
}

void sl_pick_state_init(struct sl_pick_state *state, uint64_t seed)
{
	memset(state, 0, sizeof(*state));
	state->random = sl_prng_mix(seed);
}

/* The first meeting of a core with a view. */
static void meet(const struct sl_pick_view *pick, struct sl_pick_state *state)
{
	uint64_t places = pick->scheduler == SL_SCHED_WRR ? pick->turn_count : pick->count;

	state->view = pick->id;
	state->position = (uint32_t)(((sl_view_random(state) >> 32) * places) >> 32);
	state->phase = sl_view_random(state);
	state->kept_count = 0;
}

uint32_t sl_pick_next(const struct sl_pick_view *pick, struct sl_pick_state *state,
		      const struct sl_pick_live *live)
{
	if (sl_unlikely(pick->count == 0))
		return SL_SCHED_NOBODY;
	if (sl_unlikely(state->view != pick->id))
		meet(pick, state);
	switch (pick->scheduler) {
	case SL_SCHED_WRR:
		return sl_wrr_next(pick, state);
	case SL_SCHED_WLEAST:
		return sl_wleast_next(pick, state, live);
	case SL_SCHED_P2C:
		return sl_p2c_next(pick, state, live);
	case SL_SCHED_WRANDOM:
	case SL_SCHED_MINIMAL:
	case SL_SCHED_RING:
	case SL_SCHED_MAGLEV:
	case SL_SCHED_RENDEZVOUS:
		break;
	}
	return sl_wrandom_next(pick, state);
}
