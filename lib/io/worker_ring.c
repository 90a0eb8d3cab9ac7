/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/worker_ring.h"

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/mem.h"

#define ENTRIES_MAX (1u << 24) /* of a ring */
/* Between rings: they fill at the same pace, a stage and what waits to be taken are four lines. */
#define COLOUR (5u * SL_CACHE_LINE / sizeof(struct rte_mbuf *))

/* A power of two, so that stages end where lines do. */
static uint32_t stage_of(uint32_t lane_count)
{
	uint32_t stage = SL_STAGE_MAX;

	while (stage > SL_STAGE_MIN && stage * lane_count > SL_STAGE_ALL)
		stage /= 2;
	return stage;
}

static size_t entries_memory(const struct sl_worker_rings *rings)
{
	return (size_t)rings->core_count * rings->lane_count * (rings->size + COLOUR) *
	       sizeof(struct rte_mbuf *);
}

static size_t ring_memory(const struct sl_worker_rings *rings)
{
	return (size_t)rings->core_count * rings->lane_count * sizeof(*rings->ring);
}

static void stages_init(struct sl_worker_rings *rings, uint32_t core)
{
	struct sl_worker_stages *stages = &rings->stages[core];

	stages->ring = sl_worker_rings_get(rings, core, 0);
	stages->count = rings->lane_count;
	stages->mask = rings->size - 1;
	stages->stage = SL_MIN(stage_of(rings->lane_count), rings->size);
	for (uint32_t lane = 0; lane < stages->count; lane++) {
		struct sl_worker_ring *ring = &stages->ring[lane];

		ring->mask = stages->mask;
		ring->bell = &rings->bell[lane % rings->worker_count];
		ring->entry = rings->entries +
			      (size_t)(core * rings->lane_count + lane) * (rings->size + COLOUR);
		stages->entry[lane] = ring->entry;
		stages->at[lane].due = stages->stage;
		stages->end[lane] = rings->size;
	}
}

int sl_worker_rings_create(uint32_t core_count, uint32_t worker_count, uint32_t class_count,
			   uint32_t size, struct sl_worker_rings **rings)
{
	struct sl_worker_rings *made;

	if (core_count > SL_RX_CORES_MAX || worker_count > SL_WORKERS_MAX || class_count == 0 ||
	    class_count > SL_CLASSES_MAX || size < 2 || (size & (size - 1)) != 0 ||
	    size > ENTRIES_MAX)
		return -EINVAL;
	made = sl_mem_alloc(sizeof(*made));
	if (made == NULL)
		return -ENOMEM;
	made->core_count = core_count;
	made->worker_count = worker_count;
	made->class_count = class_count;
	made->lane_count = worker_count * class_count;
	made->size = size;
	made->stages = sl_mem_alloc(SL_MAX(1u, core_count) * sizeof(*made->stages));
	made->ring = sl_mem_alloc(SL_MAX(sizeof(*made->ring), ring_memory(made)));
	made->entries = sl_mem_alloc(SL_MAX(sizeof(*made->entries), entries_memory(made)));
	if (made->stages == NULL || made->ring == NULL || made->entries == NULL) {
		sl_worker_rings_destroy(made);
		return -ENOMEM;
	}
	for (uint32_t core = 0; core < core_count; core++)
		stages_init(made, core);
	*rings = made;
	return 0;
}

static void packets_free(const struct sl_worker_rings *rings)
{
	for (uint32_t i = 0; i < rings->core_count * rings->lane_count; i++) {
		const struct sl_worker_ring *ring = &rings->ring[i];
		uint32_t head = rings->stages[i / rings->lane_count].at[i % rings->lane_count].head;

		for (uint32_t at = ring->taken; at != head; at++)
			rte_pktmbuf_free(ring->entry[at & ring->mask]);
	}
}

void sl_worker_rings_destroy(struct sl_worker_rings *rings)
{
	if (rings == NULL)
		return;
	if (rings->stages != NULL && rings->ring != NULL && rings->entries != NULL)
		packets_free(rings);
	sl_mem_free(rings->stages, SL_MAX(1u, rings->core_count) * sizeof(*rings->stages));
	sl_mem_free(rings->ring, SL_MAX(sizeof(*rings->ring), ring_memory(rings)));
	sl_mem_free(rings->entries, SL_MAX(sizeof(*rings->entries), entries_memory(rings)));
	sl_mem_free(rings, sizeof(*rings));
}

/* ---- the receive core ------------------------------------------------------------------------ */

bool sl_worker_stages_show(struct sl_worker_stages *stages, uint32_t lane)
{
	struct sl_worker_ring *ring = &stages->ring[lane];
	uint32_t head = stages->at[lane].head, due = (head | (stages->stage - 1)) + 1;

	if (ring->tail != head) {
		__atomic_store_n(&ring->tail, head, __ATOMIC_RELEASE);
		sl_bell_ring(ring->bell);
	}
	if (sl_unlikely((int32_t)(stages->end[lane] - due) < 0)) {
		uint32_t end = __atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE) + stages->mask + 1;

		stages->end[lane] = end;
		if ((int32_t)(end - due) < 0)
			due = end;
	}
	stages->at[lane].due = due;
	return due != head;
}

void sl_worker_stages_show_all(struct sl_worker_stages *stages)
{
	for (uint32_t lane = 0; lane < stages->count; lane++)
		if (stages->ring[lane].tail != stages->at[lane].head)
			(void)sl_worker_stages_show(stages, lane);
}

void sl_worker_stages_show_old(struct sl_worker_stages *stages)
{
	for (uint32_t lane = 0; lane < stages->count; lane++) {
		uint32_t tail = stages->ring[lane].tail;

		if (tail == stages->tail_before[lane] && tail != stages->at[lane].head)
			(void)sl_worker_stages_show(stages, lane);
		stages->tail_before[lane] = stages->ring[lane].tail;
	}
}

/* ---- the worker and others ------------------------------------------------------------------- */

uint32_t sl_worker_ring_pop(struct sl_worker_ring *ring, struct rte_mbuf **packets, uint32_t count)
{
	uint32_t taken = ring->taken;
	uint32_t there = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) - taken;
	uint32_t at = taken & ring->mask, part;

	ring->found = there;
	if (there == 0)
		return 0;
	count = SL_MIN(count, there);
	part = SL_MIN(count, ring->mask + 1 - at);
	memcpy(packets, &ring->entry[at], part * sizeof(*packets));
	memcpy(packets + part, ring->entry, (count - part) * sizeof(*packets));
	__atomic_store_n(&ring->taken, taken + count, __ATOMIC_RELEASE);
	return count;
}

uint64_t sl_worker_rings_queued(const struct sl_worker_rings *rings, uint32_t worker)
{
	uint64_t queued = 0;

	for (uint32_t core = 0; core < rings->core_count; core++)
		for (uint32_t lane = worker; lane < rings->lane_count; lane += rings->worker_count)
			queued += sl_worker_ring_count(sl_worker_rings_get(rings, core, lane));
	return queued;
}

uint32_t sl_worker_ring_mark(const struct sl_worker_ring *ring)
{
	return __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
}

bool sl_worker_ring_passed(const struct sl_worker_ring *ring, uint32_t mark)
{
	return (int32_t)(__atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE) - mark) >= 0;
}
