/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/replay_index.h"

#include <errno.h>
#include <stdlib.h>

#include "base/lookup.h"
#include "keep/record_op.h"

/* Nodes get the indices 1, 2, ... again when so many came and went that none are left. */
static int renumber(struct sl_past *past)
{
	uint32_t *map = calloc(SL_NODE_INDEX_MAX, sizeof(*map));
	uint32_t next = 0;

	if (!map)
		return -ENOMEM;
	for (uint32_t p = 0; p < past->image->pool_count; p++)
		for (uint32_t n = 0; n < past->image->pools[p]->node_count; n++) {
			uint32_t *index = &past->image->pools[p]->nodes[n].index;

			next++;
			/* one that has none yet is in no table, and 0 stays nobody */
			if (*index)
				map[*index] = next;
			*index = next;
		}
	for (uint32_t p = 0; p < past->image->pool_count; p++) {
		struct sl_image_pool *pool = past->image->pools[p];

		for (uint32_t s = 0; s < pool->home->count; s++) {
			pool->home->word[s] = map[pool->home->word[s]];
			pool->former->word[s] = map[pool->former->word[s]];
		}
	}
	free(map);
	sl_gone_fini(&past->gone);
	past->index_next = next + 1;
	return 0;
}

int sl_past_index_take(struct sl_past *past, uint32_t *index)
{
	if (past->index_next >= SL_NODE_INDEX_MAX) {
		int rc = renumber(past);

		if (rc)
			return rc;
	}
	*index = past->index_next++;
	return 0;
}

const char *sl_past_name_at(const void *list, uint32_t place)
{
	const struct sl_image_pool *pool = list;

	return pool->nodes[place].leaving ? NULL : pool->nodes[place].name;
}

/* What stays of a pool when there is a new text: indices of nodes by name, tables by slots. */
static int carry_pool(struct sl_past *past, struct sl_image_pool *old, struct sl_image_pool *pool)
{
	struct sl_lookup lookup;
	int rc = 0;

	sl_lookup_init(&lookup, pool, pool->node_count, sl_past_name_at);
	for (uint32_t n = 0; rc == 0 && n < old->node_count; n++) {
		int place = sl_lookup_find(&lookup, old->nodes[n].name);

		if (place >= 0)
			pool->nodes[place].index = old->nodes[n].index;
		else
			rc = sl_gone_add(&past->gone, old->name, old->nodes[n].name,
					 old->nodes[n].index, !sl_image_node_keeps(&old->nodes[n]));
	}
	sl_lookup_fini(&lookup);
	if (rc)
		return rc;
	if (old->home->count == pool->home->count) {
		struct sl_table *home = pool->home, *former = pool->former;

		pool->home = old->home;
		pool->former = old->former;
		old->home = home;
		old->former = former;
	}
	return 0;
}

int sl_past_carry(struct sl_past *past, struct sl_image *image)
{
	struct sl_image *before = past->image;
	int rc = 0;

	for (uint32_t p = 0; p < image->pool_count; p++)
		for (uint32_t n = 0; n < image->pools[p]->node_count; n++)
			image->pools[p]->nodes[n].index = 0;
	for (uint32_t p = 0; rc == 0 && p < image->pool_count; p++) {
		int old = before ? sl_image_find_pool(before, image->pools[p]->name) : -1;

		if (old >= 0)
			rc = carry_pool(past, before->pools[old], image->pools[p]);
	}
	past->image = image;
	sl_image_put(before);
	for (uint32_t p = 0; rc == 0 && p < image->pool_count; p++)
		for (uint32_t n = 0; rc == 0 && n < image->pools[p]->node_count; n++)
			if (image->pools[p]->nodes[n].index == 0)
				rc = sl_past_index_take(past, &image->pools[p]->nodes[n].index);
	return rc;
}

int sl_past_renew(struct sl_past *past, struct sl_image_pool *pool, struct sl_image_node *node,
		  uint64_t flags)
{
	uint32_t index = 0;
	int rc = 0;

	if (flags & SL_PAST_IS_BACK)
		index = sl_gone_take(&past->gone, pool->name, node->name);
	if (!index)
		rc = sl_past_index_take(past, &index);
	if (rc == 0 && (flags & SL_PAST_IS_AFTER))
		rc = sl_gone_add(&past->gone, pool->name, node->name, node->index,
				 flags & SL_PAST_IS_CUT);
	if (rc == 0)
		node->index = index;
	return rc;
}
