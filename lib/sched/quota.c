/* SPDX-License-Identifier: BSD-3-Clause */

/* What nodes are due: exact quotas, and how far a table is from them. */

#include <errno.h>

#include "base/limit.h"
#include "base/mem.h"
#include "sched/roster.h"

struct due {
	struct sl_roster roster;
	uint32_t *by_index; /* quota of each node index below roster.index_end */
	void *memory;
	size_t size;
};

static int due_create(struct due *due, const struct sl_sched_node *nodes, uint32_t node_count,
		      uint32_t slot_count)
{
	uint32_t index_end;
	unsigned char *at;
	int rc = sl_roster_check(nodes, node_count, slot_count, &index_end);

	if (rc < 0)
		return rc;
	due->size = sl_room(index_end * sizeof(*due->by_index)) + sl_roster_memsize(node_count);
	due->memory = sl_mem_alloc(due->size);
	if (!due->memory)
		return -ENOMEM;
	at = due->memory;
	due->by_index = sl_take(&at, index_end * sizeof(*due->by_index));
	sl_roster_init(&due->roster, at, nodes, node_count, slot_count, index_end);
	for (uint32_t i = 0; i < due->roster.count; i++)
		due->by_index[due->roster.nodes[i].index] = due->roster.nodes[i].quota;
	return 0;
}

static void due_destroy(struct due *due)
{
	sl_mem_free(due->memory, due->size);
}

int sl_sched_quota(const struct sl_sched_node *nodes, uint32_t node_count, uint32_t slot_count,
		   uint32_t *quotas)
{
	struct due due;
	int rc = due_create(&due, nodes, node_count, slot_count);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < node_count; i++)
		quotas[i] = due.by_index[nodes[i].index];
	due_destroy(&due);
	return 0;
}

int sl_sched_least(const struct sl_sched_node *nodes, uint32_t node_count, const uint32_t *before,
		   uint32_t slot_count, uint32_t *least)
{
	struct due due;
	uint32_t missing = 0;
	int rc = due_create(&due, nodes, node_count, slot_count);

	if (rc < 0)
		return rc;
	/* Each slot a node has pays one of those it is due; what stays unpaid must come from
	 * others. */
	for (uint32_t slot = 0; slot < slot_count; slot++) {
		uint32_t index =
			before[slot] < due.roster.index_end ? before[slot] : SL_SCHED_NOBODY;

		due.by_index[index] -= due.by_index[index] > 0;
	}
	for (uint32_t i = 0; i < due.roster.count; i++)
		missing += due.by_index[due.roster.nodes[i].index];
	*least = missing;
	due_destroy(&due);
	return 0;
}

int sl_sched_missing(const struct sl_sched_node *nodes, uint32_t node_count, const uint32_t *held,
		     uint32_t slot_count, uint32_t *least)
{
	struct due due;
	uint32_t missing = 0;
	int rc = due_create(&due, nodes, node_count, slot_count);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < due.roster.count; i++) {
		const struct sl_roster_node *node = &due.roster.nodes[i];

		missing += node->quota > held[node->ref] ? node->quota - held[node->ref] : 0;
	}
	*least = missing;
	due_destroy(&due);
	return 0;
}

uint32_t sl_sched_moved(const uint32_t *before, const uint32_t *after, uint32_t slot_count)
{
	uint32_t moved = 0;

	for (uint32_t slot = 0; slot < slot_count; slot++)
		moved += before[slot] != after[slot];
	return moved;
}
