/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/snapshot.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "lcore/others.h"
#include "sched/pick.h"
#include "state/former.h"
#include "state/pool_memory.h"
#include "state/service.h"

/* ---- slot tables ----------------------------------------------------------------------------- */

static size_t open_offset(uint32_t count)
{
	return sl_align_up(offsetof(struct sl_slot_table, word) + sizeof(uint32_t) * count,
			   SL_CACHE_LINE);
}

static size_t slots_size(uint32_t count, uint32_t open_count)
{
	return open_offset(count) + sizeof(struct sl_open_slot) * open_count;
}

int sl_slot_table_create(uint32_t count, uint32_t open_count, struct sl_slot_table **table)
{
	struct sl_slot_table *made = sl_mem_alloc(slots_size(count, open_count));

	if (!made)
		return -ENOMEM;
	made->references = 1;
	made->count = count;
	made->open_count = open_count;
	made->open_room = open_count;
	made->open = (struct sl_open_slot *)(void *)((uint8_t *)made + open_offset(count));
	*table = made;
	return 0;
}

struct sl_slot_table *sl_slot_table_get(struct sl_slot_table *table)
{
	table->references++;
	return table;
}

void sl_slot_table_put(struct sl_slot_table *table)
{
	if (table && --table->references == 0)
		sl_mem_free(table, slots_size(table->count, table->open_room));
}

/* ---- choices for new flows ------------------------------------------------------------------- */

struct sl_pool_pick {
	uint32_t references; /* control only */
	struct sl_pick_view *view;
};

int sl_pool_pick_create(struct sl_pick_view *view, struct sl_pool_pick **pick)
{
	struct sl_pool_pick *made = sl_mem_alloc(sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->references = 1;
	made->view = view;
	*pick = made;
	return 0;
}

struct sl_pool_pick *sl_pool_pick_get(struct sl_pool_pick *pick)
{
	pick->references++;
	return pick;
}

void sl_pool_pick_put(struct sl_pool_pick *pick)
{
	if (!pick || --pick->references > 0)
		return;
	sl_pick_destroy(pick->view);
	sl_mem_free(pick, sizeof(*pick));
}

/* ---- pools ----------------------------------------------------------------------------------- */

static void find_stamps(struct sl_pool_view *pool)
{
	if (pool->slots && pool->memory)
		pool->stamp_shift = sl_pool_memory_stamp_shift(pool->memory, pool->slots->count);
}

void sl_pool_view_set_slots(struct sl_pool_view *pool, struct sl_slot_table *slots)
{
	sl_slot_table_put(pool->slots);
	pool->slots = slots;
	pool->words = slots->word;
	pool->open = slots->open;
	pool->shift = (uint8_t)(64 - __builtin_ctz(slots->count));
	find_stamps(pool);
}

void sl_pool_view_set_memory(struct sl_pool_view *pool, struct sl_pool_memory *memory)
{
	sl_pool_memory_put(pool->memory);
	pool->memory = memory;
	pool->flow_tables = memory->flow_entries ? memory->flow_tables : NULL;
	pool->stamps = memory->stamps;
	find_stamps(pool);
}

void sl_pool_view_set_pick(struct sl_pool_view *pool, struct sl_pool_pick *pick)
{
	sl_pool_pick_put(pool->pick_owner);
	pool->pick_owner = pick;
	pool->pick = pick ? pick->view : NULL;
}

void sl_pool_view_clear(struct sl_pool_view *pool)
{
	sl_pool_pick_put(pool->pick_owner);
	sl_slot_table_put(pool->slots);
	sl_pool_memory_put(pool->memory);
	memset(pool, 0, sizeof(*pool));
}

/* ---- node chunks ----------------------------------------------------------------------------- */

static void chunk_put(struct sl_node_chunk *chunk)
{
	if (chunk && --chunk->references == 0)
		sl_mem_free(chunk, sizeof(*chunk));
}

struct sl_node_view *sl_snapshot_node_edit(struct sl_snapshot *snapshot, uint32_t index)
{
	struct sl_node_chunk **place = &snapshot->chunks[index / SL_NODE_CHUNK_COUNT];

	if (!*place || (*place)->references > 1) {
		struct sl_node_chunk *own = sl_mem_alloc(sizeof(*own));

		if (!own)
			return NULL;
		if (*place)
			memcpy(own, *place, sizeof(*own));
		own->references = 1;
		chunk_put(*place);
		*place = own;
	}
	return &(*place)->node[index % SL_NODE_CHUNK_COUNT];
}

/* ---- snapshots ------------------------------------------------------------------------------- */

void sl_snapshot_set_services(struct sl_snapshot *snapshot, struct sl_service_table *table)
{
	sl_service_table_put(snapshot->service_table);
	snapshot->service_table = table;
}

void sl_snapshot_set_formers(struct sl_snapshot *snapshot, struct sl_former *const *formers,
			     uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		sl_former_get(formers[i]);
	for (uint32_t i = 0; i < snapshot->former_count; i++)
		sl_former_put(snapshot->formers[i]);
	if (count > 0)
		memcpy(snapshot->formers, formers, count * sizeof(*formers));
	snapshot->former_count = count;
}

void sl_snapshot_set_others(struct sl_snapshot *snapshot, struct sl_others *others)
{
	sl_others_put(snapshot->others);
	snapshot->others = others;
}

static void share_parts(struct sl_snapshot *made, const struct sl_snapshot *base)
{
	made->generation = base->generation;
	made->number = base->number + 1;
	made->hash_key = base->hash_key;
	made->flow_key = base->flow_key;
	made->port_count = base->port_count;
	memcpy(made->ports, base->ports, sizeof(made->ports));
	memcpy(made->services, base->services,
	       sizeof(*made->services) * SL_MIN(made->service_count, base->service_count));
	memcpy(made->pools, base->pools,
	       sizeof(*made->pools) * SL_MIN(made->pool_count, base->pool_count));
	if (base->service_table)
		made->service_table = sl_service_table_get(base->service_table);
	sl_snapshot_set_formers(made, base->formers, base->former_count);
	made->others = sl_others_get(base->others);
	for (uint32_t i = 0; i < made->pool_count; i++) {
		if (made->pools[i].slots)
			sl_slot_table_get(made->pools[i].slots);
		if (made->pools[i].memory)
			sl_pool_memory_get(made->pools[i].memory);
		if (made->pools[i].pick_owner)
			sl_pool_pick_get(made->pools[i].pick_owner);
	}
	memcpy(made->chunks, base->chunks, sizeof(made->chunks));
	for (uint32_t i = 0; i < SL_NODE_CHUNKS_MAX; i++)
		if (made->chunks[i])
			made->chunks[i]->references++;
}

int sl_snapshot_create(const struct sl_snapshot *base, uint32_t pool_count, uint32_t service_count,
		       struct sl_snapshot **snapshot)
{
	size_t pools_at = sl_align_up(sizeof(struct sl_snapshot), SL_CACHE_LINE);
	size_t services_at = pools_at + sizeof(struct sl_pool_view) * pool_count;
	size_t size = services_at + sizeof(struct sl_service_view) * service_count;
	struct sl_snapshot *made;

	if (pool_count > SL_POOLS_MAX || service_count > SL_SERVICES_MAX)
		return -E2BIG;
	made = sl_mem_alloc(size);
	if (!made)
		return -ENOMEM;
	made->size = size;
	made->pool_count = pool_count;
	made->service_count = service_count;
	made->pools = (struct sl_pool_view *)(void *)((uint8_t *)made + pools_at);
	made->services = (struct sl_service_view *)(void *)((uint8_t *)made + services_at);
	if (base) {
		share_parts(made, base);
	} else if (getrandom(&made->flow_key, sizeof(made->flow_key), 0) !=
		   (ssize_t)sizeof(made->flow_key)) {
		sl_mem_free(made, size);
		return -ENOMEM;
	}
	*snapshot = made;
	return 0;
}

void sl_snapshot_release(void *snapshot)
{
	struct sl_snapshot *old = snapshot;

	if (!old)
		return;
	for (uint32_t i = 0; i < old->pool_count; i++)
		sl_pool_view_clear(&old->pools[i]);
	for (uint32_t i = 0; i < SL_NODE_CHUNKS_MAX; i++)
		chunk_put(old->chunks[i]);
	sl_service_table_put(old->service_table);
	sl_snapshot_set_formers(old, NULL, 0);
	sl_others_put(old->others);
	sl_mem_free(old, old->size);
}
