/* SPDX-License-Identifier: BSD-3-Clause */

#include "sched/roster.h"

#include <errno.h>

#include "base/limit.h"
#include "base/prng.h"

/* What quotas rest on: weight * slots fits 64 bits, and so does the sum of the weights. */
_Static_assert(SL_WEIGHT_MAX <= UINT64_MAX / SL_SLOTS_MAX, "weight * slots fits 64 bits");
_Static_assert(SL_WEIGHT_MAX <= UINT64_MAX / SL_NODES_MAX, "the sum of the weights fits 64 bits");

size_t sl_roster_memsize(uint32_t node_count)
{
	return sl_room(node_count * sizeof(struct sl_roster_node)) +
	       2 * sl_room(node_count * sizeof(struct sl_sort_item));
}

int sl_roster_check(const struct sl_sched_node *nodes, uint32_t node_count, uint32_t slot_count,
		    uint32_t *index_end)
{
	uint32_t end = 1;

	if (slot_count < SL_SLOTS_MIN || slot_count > SL_SLOTS_MAX ||
	    (slot_count & (slot_count - 1)) != 0)
		return -EINVAL;
	if (node_count > SL_NODES_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < node_count; i++) {
		if (nodes[i].index == SL_SCHED_NOBODY || nodes[i].index >= SL_NODE_INDEX_MAX ||
		    nodes[i].weight > SL_WEIGHT_MAX)
			return -EINVAL;
		end = SL_MAX(end, nodes[i].index + 1);
	}
	*index_end = end;
	return 0;
}

static bool has_equal(const struct sl_sort_item *items, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (items[i].key == items[i - 1].key)
			return true;
	return false;
}

/* By seed, equal seeds by index. Names make equal seeds improbable, so the second sort is rare. */
static void sort_by_seed(const struct sl_sched_node *nodes, struct sl_sort_item *items,
			 struct sl_sort_item *spare, uint32_t count)
{
	sl_sort(items, spare, count);
	if (!has_equal(items, count))
		return;
	for (uint32_t i = 0; i < count; i++)
		items[i].key = nodes[items[i].ref].index;
	sl_sort(items, spare, count);
	for (uint32_t i = 0; i < count; i++)
		items[i].key = sl_prng_mix(nodes[items[i].ref].seed);
	sl_sort(items, spare, count);
}

static void enlist(struct sl_roster *roster, const struct sl_sched_node *nodes, uint32_t node_count)
{
	struct sl_sort_item *items = roster->items;
	uint64_t twins = 0;

	roster->count = 0;
	roster->weight_sum = 0;
	for (uint32_t i = 0; i < node_count; i++) {
		if (nodes[i].weight == 0)
			continue;
		items[roster->count].key = sl_prng_mix(nodes[i].seed);
		items[roster->count].ref = i;
		roster->count++;
		roster->weight_sum += nodes[i].weight;
	}
	sort_by_seed(nodes, items, roster->spare, roster->count);
	for (uint32_t i = 0; i < roster->count; i++) {
		const struct sl_sched_node *node = &nodes[items[i].ref];

		/* Twins in seed get different preferences all the same. */
		twins = i > 0 && items[i].key == items[i - 1].key ? twins + 1 : 0;
		roster->nodes[i] = (struct sl_roster_node){.weight = node->weight,
							   .seed = items[i].key + twins,
							   .index = node->index,
							   .ref = items[i].ref};
	}
}

/* The whole parts first; the slots left over go to the largest remainders, equal ones in roster
 * order. */
static void share_out(struct sl_roster *roster)
{
	struct sl_sort_item *items = roster->items;
	uint32_t left = roster->slot_count;

	if (roster->count == 0)
		return;
	for (uint32_t i = 0; i < roster->count; i++) {
		uint64_t product = roster->nodes[i].weight * roster->slot_count;
		uint64_t quota = product / roster->weight_sum;

		roster->nodes[i].quota = (uint32_t)quota;
		items[i].key = ~(product - quota * roster->weight_sum);
		items[i].ref = i;
		left -= (uint32_t)quota;
	}
	if (left == 0)
		return;
	sl_sort(items, roster->spare, roster->count);
	for (uint32_t i = 0; i < left; i++)
		roster->nodes[items[i].ref].quota++;
}

void sl_roster_init(struct sl_roster *roster, void *memory, const struct sl_sched_node *nodes,
		    uint32_t node_count, uint32_t slot_count, uint32_t index_end)
{
	unsigned char *at = memory;

	roster->nodes = sl_take(&at, node_count * sizeof(*roster->nodes));
	roster->items = sl_take(&at, node_count * sizeof(*roster->items));
	roster->spare = sl_take(&at, node_count * sizeof(*roster->spare));
	roster->index_end = index_end;
	roster->slot_count = slot_count;
	roster->slot_bits = (uint32_t)__builtin_ctz(slot_count);
	enlist(roster, nodes, node_count);
	share_out(roster);
}

void sl_roster_narrow(struct sl_roster *roster, const bool *absent)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < roster->count; i++) {
		if (absent[roster->nodes[i].ref])
			roster->weight_sum -= roster->nodes[i].weight;
		else
			roster->nodes[kept++] = roster->nodes[i];
	}
	roster->count = kept;
	share_out(roster);
}
