/* SPDX-License-Identifier: BSD-3-Clause */

/* The method `ring`: a pool's slots as a picture, so many cells however many slots there are. */

#include <jansson.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "rpc/method.h"
#include "state/slots.h"

#define CELLS_MAX 8192u

/* Who is shown: places in the list of names, by node index. */
struct picture {
	json_t *nodes, *owner, *open;
	int32_t *place; /* 1 + place, 0: not named yet */
};

static json_int_t place_of(struct picture *picture, const struct sl_image_pool *pool,
			   uint32_t index)
{
	if (index == SL_NODE_NOBODY)
		return -1;
	if (picture->place[index] == 0) {
		for (uint32_t n = 0; n < pool->node_count; n++)
			if (pool->nodes[n].index == index)
				(void)json_array_append_new(picture->nodes,
							    json_string(pool->nodes[n].name));
		picture->place[index] = (int32_t)json_array_size(picture->nodes);
	}
	return picture->place[index] - 1;
}

/* A cell is of the node that its first slot has, and open when any of its slots is. */
static void draw(struct picture *picture, const struct sl_image_pool *pool,
		 const struct sl_slot_table *slots, uint32_t cells)
{
	uint32_t each = slots->count / cells;

	for (uint32_t cell = 0; cell < cells; cell++) {
		bool open = false;

		for (uint32_t s = cell * each; s < (cell + 1) * each && slots->open_count; s++)
			open |= (slots->word[s] & SL_SLOT_OPEN) != 0;
		(void)json_array_append_new(
			picture->owner,
			json_integer(place_of(picture, pool, sl_slots_node(slots, cell * each))));
		if (open)
			(void)json_array_append_new(picture->open, json_integer(cell));
	}
}

static const struct sl_slot_table *slots_of(const struct sl_rpc_scope *scope, uint32_t pool_index)
{
	const struct sl_snapshot *snapshot = sl_model_snapshot(scope->model);

	return snapshot && pool_index < snapshot->pool_count ? snapshot->pools[pool_index].slots
							     : NULL;
}

static int method_ring(struct sl_rpc_call *call)
{
	const struct sl_rpc_scope *scope = call->context;
	int p = sl_rpc_find_pool(call, sl_rpc_string(call, "pool", ""));
	struct picture picture = {.place = calloc(SL_NODE_INDEX_MAX, sizeof(int32_t))};
	const struct sl_image_pool *pool;
	const struct sl_slot_table *slots;
	uint32_t cells;

	if (p < 0 || !picture.place) {
		free(picture.place);
		return p < 0 ? -1 : sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
	}
	pool = sl_model_image(scope->model)->pools[p];
	slots = slots_of(scope, pool->index);
	cells = slots ? SL_MIN(slots->count, CELLS_MAX) : 0;
	picture.nodes = json_array();
	picture.owner = json_array();
	picture.open = json_array();
	if (slots)
		draw(&picture, pool, slots, cells);
	free(picture.place);
	call->result = json_pack("{s:s, s:i, s:i, s:o, s:o, s:o}", "pool", pool->name, "slots",
				 (int)(slots ? slots->count : 0), "each",
				 (int)(cells ? slots->count / cells : 0), "nodes", picture.nodes,
				 "owner", picture.owner, "open", picture.open);
	return call->result ? 0 : sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
}

static const struct sl_rpc_method methods[] = {
	{"ring", method_ring, false, {{"pool", SL_RPC_STRING, true}}},
};

void sl_rpc_ring_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
