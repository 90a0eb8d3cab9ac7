/* SPDX-License-Identifier: BSD-3-Clause */

#include "carry/carried.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lookup.h"
#include "keep/record_op.h"

void sl_carried_fini(struct sl_carried *carried)
{
	for (uint32_t p = 0; p < carried->pool_count; p++) {
		struct sl_carried_pool *pool = &carried->pools[p];

		for (uint32_t n = 0; n < pool->node_count; n++)
			if (pool->nodes[n].is_fine)
				sl_conf_node_fini(&pool->nodes[n].conf);
		free(pool->nodes);
		free(pool->words);
		free(pool->open);
		free(pool->refused_ms);
	}
	free(carried->pools);
	for (uint32_t i = 0; i < SL_FORMERS_MAX + 1; i++) {
		free(carried->formers[i].specs);
		free(carried->formers[i].views);
		free(carried->formers[i].ranges);
		free(carried->formers[i].sources);
	}
	free(carried->services);
	free(carried->numbers);
	*carried = (struct sl_carried){0};
}

uint32_t sl_carried_index(const struct sl_carried *carried, uint32_t number)
{
	uint32_t first = 0, end = carried->pool_count;

	if (carried->numbers)
		number = carried->numbers[number];
	if (number == 0 || number > carried->node_count)
		return SL_NODE_NOBODY;
	/* the last pool whose nodes begin before it; pools without nodes begin where the next does */
	while (end - first > 1) {
		uint32_t middle = first + (end - first) / 2;

		if (carried->pools[middle].node_first < number)
			first = middle;
		else
			end = middle;
	}
	return carried->pools[first].nodes[number - carried->pools[first].node_first - 1].index;
}

/* ---- who is there, who comes back ------------------------------------------------------------ */

/* The place in this run's image of a pool that goes on, or -1. */
static int place_of(const struct sl_image *image, const struct sl_carried_pool *pool)
{
	return sl_image_find_pool(image, pool->name);
}

/* Nodes that are as they were have their indices. */
static void find_nodes(const struct sl_image *image, uint32_t place, struct sl_carried_pool *pool)
{
	const struct sl_image_pool *now = image->pools[place];
	struct sl_lookup lookup;

	sl_lookup_init(&lookup, now, now->node_count, sl_past_name_at);
	for (uint32_t i = 0; i < pool->node_count; i++) {
		struct sl_carried_node *node = &pool->nodes[i];
		int n = node->leaving ? -1 : sl_lookup_find(&lookup, node->name);

		if (n >= 0 && node->is_fine && sl_edit_same_node(now->nodes[n].conf, &node->conf))
			node->index = now->nodes[n].index;
	}
	sl_lookup_fini(&lookup);
}

/* Leaving before, or removed from the file since: its live flows are to stay with it. */
static bool comes_back(const struct sl_carried_node *node)
{
	return !node->index && !node->cut && node->is_fine;
}

static bool any_comes_back(const struct sl_carried *carried)
{
	for (uint32_t p = 0; p < carried->pool_count; p++) {
		const struct sl_carried_pool *pool = &carried->pools[p];

		if (!pool->found)
			return true;
		for (uint32_t n = 0; n < pool->node_count; n++)
			if (comes_back(&pool->nodes[n]))
				return true;
	}
	return false;
}

/* ---- the change ------------------------------------------------------------------------------ */

static int no_memory(struct sl_edit *edit)
{
	return sl_err_set(edit->err, -ENOMEM, "no memory");
}

/* A worker whose handler cannot be opened again stays away. */
static int bring_node(struct sl_edit *edit, struct sl_image_pool *pool,
		      struct sl_carried_node *carried)
{
	struct sl_image_node *node;
	uint32_t index;
	int status = sl_life_node_take(edit, &index);

	if (status < 0)
		return sl_err_set(edit->err, status, "no room for node %s", carried->name);
	if (sl_life_handler_open(edit, index, pool->name, &carried->conf) < 0)
		return 0;
	node = sl_image_node_append(pool, sl_node_conf_create(&carried->conf));
	if (!node)
		return no_memory(edit);
	node->index = carried->index = index;
	node->since_ms = carried->since_ms;
	snprintf(node->why, sizeof(node->why), "%s",
		 carried->leaving ? carried->why : "not in the file any more");
	return 0;
}

static int bring_nodes(struct sl_edit *edit, struct sl_image_pool *pool,
		       struct sl_carried_pool *carried)
{
	int status = 0;

	for (uint32_t n = 0; n < carried->node_count && status == 0; n++)
		if (comes_back(&carried->nodes[n]))
			status = bring_node(edit, pool, &carried->nodes[n]);
	return status;
}

/* The slots as they were, of the number that the pool's configuration had. */
static int bring_tables(struct sl_image_pool *pool, const struct sl_carried *all,
			const struct sl_carried_pool *carried)
{
	uint32_t count = carried->conf.slots;

	pool->home = sl_table_create(count);
	pool->former = sl_table_create(count);
	if (!pool->home || !pool->former)
		return -ENOMEM;
	pool->target = sl_table_get(pool->home);
	for (uint32_t s = 0; s < count; s++) {
		uint64_t from = (uint64_t)s * carried->slot_count / count;

		pool->home->word[s] = sl_carried_index(all, carried->words[from] / 2);
	}
	return 0;
}

static int bring_pool(struct sl_edit *edit, struct sl_carried_pool *carried)
{
	struct sl_image *image = edit->image;
	struct sl_image_pool **pools =
		realloc(image->pools, (image->pool_count + 2) * sizeof(struct sl_image_pool *));
	struct sl_image_pool *pool;
	int status;

	if (!pools)
		return no_memory(edit);
	image->pools = pools;
	pool = sl_image_pool_create(&carried->conf, carried->node_count);
	if (!pool)
		return no_memory(edit);
	pools[image->pool_count++] = pool;
	status = sl_life_pool_take(edit, &pool->index);
	if (status < 0)
		return sl_err_set(edit->err, status, "pool %s: no room for it", carried->name);
	pool->leaving = true;
	carried->index = pool->index;
	status = bring_nodes(edit, pool, carried);
	return status < 0 ? status : bring_tables(pool, edit->change->made_from, carried);
}

/* Makes what a restart found leaving part of the image, as leaving. */
static int make_return(struct sl_edit *edit)
{
	struct sl_carried *carried = edit->change->made_from;
	int status = 0;

	for (uint32_t p = 0; p < carried->pool_count && status == 0; p++) {
		struct sl_carried_pool *pool = &carried->pools[p];
		struct sl_image_pool *own;

		/* services may go by it, and flows in tables of other pools be at its nodes */
		if (!pool->found) {
			status = bring_pool(edit, pool);
			continue;
		}
		own = sl_image_pool_edit(edit->image, (uint32_t)place_of(edit->image, pool));
		status = own ? bring_nodes(edit, own, pool) : no_memory(edit);
	}
	return status;
}

int sl_carry_back(struct sl_model *model, struct sl_carried *carried)
{
	struct sl_change change = {.kind = SL_CHANGE_RETURN,
				   .make = make_return,
				   .made_from = carried,
				   .why = "restart"};
	const struct sl_image *image = model->image;
	struct sl_change_result result;
	int status;

	for (uint32_t p = 0; p < carried->pool_count; p++) {
		struct sl_carried_pool *pool = &carried->pools[p];
		int place = place_of(image, pool);

		/* one that is leaving is found by no name, so this is another one */
		pool->found = place >= 0 && !pool->leaving;
		if (!pool->found)
			continue;
		pool->index = image->pools[place]->index;
		find_nodes(image, (uint32_t)place, pool);
	}
	if (!any_comes_back(carried))
		return 0;
	status = sl_model_change(model, &change, false, &result, NULL);
	sl_change_result_fini(&result);
	for (uint32_t p = 0; p < carried->pool_count && status == 0; p++)
		carried->pools[p].found = true;
	return status < 0 ? status : sl_model_flush(model, NULL);
}
