/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "path/count.h"
#include "path/stage.h"

#define FETCH_PARTS 4 /* of a burst */

/* A core's stock of buffers that grew by so many bursts since the last one was refilled from the pool. */
#define REFILL_BURSTS 3

/* Whether the worker may have this CPU to make room, once a burst: it may be its. */
static bool offers(struct sl_path_core *core)
{
	bool first = core->offered_burst != core->stats->bursts;

	core->offered_burst = core->stats->bursts;
	return first && core->idle.has_mates;
}

/* The ring is full: waits for room or counts the drop with the node. */
static __attribute__((noinline, cold)) void
hand_full(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t lane, uint32_t i)
{
	struct rte_mbuf *packet = core->packets[i];

	while ((core->spec.wait &&
		atomic_load_explicit(&core->phase, memory_order_relaxed) < SL_PATH_HASTE) ||
	       offers(core)) {
		sl_path_relax(core);
		if (sl_worker_stages_put(core->stages, lane, packet))
			return;
	}
	if (sl_unlikely(sl_path_is_traced(core)))
		sl_path_trace_drop(core, snapshot, packet, SL_DROP_QUEUE_FULL);
	sl_stats_add(&core->stats->nodes[core->burst.node[i]].queue_dropped, 1);
	sl_stats_add(&core->stats->class_dropped[lane / core->spec.rings->worker_count], 1);
	sl_stats_add(&core->stats->worker_dropped[lane % core->spec.rings->worker_count], 1);
	sl_stats_drop(core->stats, core->port, core->burst.service[i], SL_DROP_QUEUE_FULL);
	rte_pktmbuf_free(packet);
}

static inline void hand(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			uint32_t lane, uint32_t i)
{
	struct rte_mbuf *packet = core->packets[i];

	packet->hash.usr = core->burst.node[i];
	if (sl_unlikely(!sl_worker_stages_put(core->stages, lane, packet)))
		hand_full(core, snapshot, lane, i);
}

/* Whatever service takes a packet has a class; with one class nobody asks. */
static inline __attribute__((always_inline)) uint32_t
run(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t from, bool classes)
{
	const struct sl_burst *burst = &core->burst;
	uint32_t count = burst->count, i, lane;

	for (i = from; i < count; i++) {
		uint32_t node = burst->node[i];
		const struct sl_node_view *view;

		if (sl_unlikely(burst->verdict[i] != SL_VERDICT_NODE))
			break;
		view = sl_snapshot_node(snapshot, node);
		if (view->kind != SL_NODE_WORKER)
			break;
		sl_path_count_node(core, node, burst->frame_size[i]);
		lane = view->worker;
		if (classes)
			lane += snapshot->services[burst->service[i]].class *
				core->spec.rings->worker_count;
		hand(core, snapshot, lane, i);
	}
	return i - from;
}

static __attribute__((noinline)) uint32_t
run_classes(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t from)
{
	return run(core, snapshot, from, true);
}

uint32_t sl_path_hand_run(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			  uint32_t from)
{
	if (sl_unlikely(core->has_classes))
		return run_classes(core, snapshot, from);
	return run(core, snapshot, from, false);
}

void sl_path_fetch_begin(struct sl_path_core *core)
{
	const struct rte_mempool_cache *cache =
		rte_mempool_default_cache(core->packets[0]->pool, rte_lcore_id());

	core->fetched = cache;
	core->fetches = cache != NULL &&
			(cache->len < core->fetched_left ||
			 cache->len > core->fetched_left + REFILL_BURSTS * core->spec.burst);
	core->fetched_left = cache == NULL ? 0 : cache->len;
}

void sl_path_fetch(const struct sl_path_core *core, uint32_t quarter)
{
	uint32_t count = core->spec.burst / FETCH_PARTS, end = core->fetched->len - quarter * count;

	if (core->fetched->len < (quarter + 1) * count)
		return;
	for (uint32_t i = end - count; i < end; i++) {
		const uint8_t *buffer = core->fetched->objs[i];

		__builtin_prefetch(buffer, 1);
		__builtin_prefetch(buffer + SL_CACHE_LINE, 1);
	}
}
