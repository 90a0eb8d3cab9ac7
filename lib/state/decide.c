/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/decide.h"

#include <rte_prefetch.h>

#include "pkt/inner.h"
#include "state/decide_plain.h"
#include "state/flow_table.h"
#include "state/follow.h"
#include "state/hash.h"
#include "state/service.h"

static inline const struct sl_pool_view *pool_of(const struct sl_snapshot *snapshot,
						 const struct sl_burst *burst, uint32_t i)
{
	return &snapshot->pools[snapshot->services[burst->service[i]].pool];
}

/* Hands the packet to the node, or says why to nobody. */
static inline void give(const struct sl_pool_view *pool, struct sl_burst *burst, uint32_t i,
			uint32_t node, uint32_t why)
{
	burst->node[i] = node;
	burst->why[i] = (uint8_t)why;
	if (sl_likely(node != SL_NODE_NOBODY))
		return;
	burst->verdict[i] = pool->no_node == SL_NO_NODE_PUNT ? SL_VERDICT_PUNT : SL_VERDICT_DROP;
	burst->reason[i] = SL_DROP_NO_NODE;
}

/* Where the pool hashes inside tunnels the flow is the inner one from here on. */
static __attribute__((noinline, cold)) void look_inside(const struct sl_snapshot *snapshot,
							struct sl_burst *burst)
{
	for (uint32_t i = 0; i < burst->count; i++) {
		struct sl_pkt *pkt = &burst->pkt[i];

		if (burst->verdict[i] != SL_VERDICT_NODE || burst->service[i] == SL_SERVICE_NONE ||
		    !(pool_of(snapshot, burst, i)->flags & SL_POOL_INNER) ||
		    (pkt->flags & (SL_PKT_FRAGMENT | SL_PKT_ICMP_ERROR)))
			continue;
		(void)sl_parse_inner(burst->frame[i], burst->readable[i], burst->frame_size[i], pkt,
				     &pkt->key);
	}
}

/* Hashes of all that found a service; returns how many did, their places in list. */
static inline uint32_t hash_all(const struct sl_snapshot *snapshot, struct sl_burst *burst,
				uint8_t *list)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < burst->count; i++) {
		const struct sl_pool_view *pool;

		if (sl_unlikely(burst->verdict[i] != SL_VERDICT_NODE))
			continue;
		if (sl_unlikely(burst->service[i] == SL_SERVICE_NONE)) {
			burst->verdict[i] = SL_VERDICT_PUNT;
			burst->reason[i] = SL_DROP_NO_SERVICE;
			continue;
		}
		pool = pool_of(snapshot, burst, i);
		burst->hash[i] = sl_hash_slot(snapshot, pool, &burst->pkt[i]);
		rte_prefetch0(&pool->words[burst->hash[i] >> pool->shift]);
		list[count++] = (uint8_t)i;
	}
	return count;
}

/* Gives away what settled slots decide alone; returns how many are left, their places in list. */
static inline uint32_t give_settled(const struct sl_snapshot *snapshot, struct sl_burst *burst,
				    uint8_t *list, uint32_t count)
{
	uint32_t left = 0;

	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = list[n];
		const struct sl_service_view *service = &snapshot->services[burst->service[i]];
		const struct sl_pool_view *pool = &snapshot->pools[service->pool];
		uint32_t word = pool->words[burst->hash[i] >> pool->shift];

		if (sl_unlikely((word & SL_SLOT_OPEN) || pool->tracking == SL_TRACKING_FULL ||
				service->prior_pool != SL_SERVICE_NONE ||
				sl_follow_begins(&burst->pkt[i])))
			list[left++] = (uint8_t)i;
		else
			give(pool, burst, i, word & SL_SLOT_NODE,
			     word & SL_SLOT_LENT ? SL_WHY_LENT : SL_WHY_SLOT);
	}
	return left;
}

/* Tags of what is left, their flows' buckets under way. */
static inline void find_flows(const struct sl_snapshot *snapshot, const struct sl_core *core,
			      const struct sl_burst *burst, const uint8_t *list, uint32_t count,
			      uint64_t *tags)
{
	for (uint32_t n = 0; n < count; n++) {
		const struct sl_pool_view *pool = pool_of(snapshot, burst, list[n]);

		if (!pool->flow_tables)
			continue;
		tags[n] = sl_hash_flow(snapshot, pool, &burst->pkt[list[n]]);
		if (sl_follow_begins(&burst->pkt[list[n]]))
			sl_flow_table_prefetch_both(pool->flow_tables[core->index], tags[n]);
		else
			sl_flow_table_prefetch(pool->flow_tables[core->index], tags[n]);
	}
}

/* Without tracking the slot's node is all there is. */
static inline void follow_nothing(struct sl_follow *follow, struct sl_follow_pkt *pkt,
				  const bool writes)
{
	const struct sl_pool_view *pool = pkt->pool;
	uint32_t word = pool->words[pkt->hash >> pool->shift];
	uint32_t lent = word & SL_SLOT_LENT;

	pkt->node = word & SL_SLOT_NODE;
	if (word & SL_SLOT_OPEN) {
		pkt->node = pool->open[word & SL_SLOT_NODE].node;
		lent = pool->open[word & SL_SLOT_NODE].lent;
	}
	pkt->why = lent ? SL_WHY_LENT : SL_WHY_SLOT;
	if (writes && sl_follow_begins(pkt->pkt))
		sl_stats_add(&follow->core->stats->nodes[pkt->node].flows_started, 1);
}

static inline __attribute__((always_inline)) void decide(const struct sl_snapshot *snapshot,
							 struct sl_core *core,
							 struct sl_burst *burst, uint64_t now_ms,
							 const bool writes)
{
	struct sl_follow follow = {.snapshot = snapshot, .core = core, .now_ms = now_ms};
	uint64_t tags[SL_BURST_MAX];
	uint8_t list[SL_BURST_MAX];
	uint32_t count;

	if (!sl_decide_plain(snapshot, burst, list, &count)) {
		sl_service_lookup(snapshot->service_table, burst->pkt, burst->count,
				  burst->service);
		if (sl_unlikely(snapshot->tunnels))
			look_inside(snapshot, burst);
		count = hash_all(snapshot, burst, list);
		count = give_settled(snapshot, burst, list, count);
	}
	if (sl_likely(!count))
		return;
	find_flows(snapshot, core, burst, list, count, tags);
	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = list[n];
		struct sl_follow_pkt pkt = {.pkt = &burst->pkt[i],
					    .pool = pool_of(snapshot, burst, i),
					    .service = burst->service[i],
					    .hash = burst->hash[i],
					    .tag = tags[n]};

		if (!pkt.pool->flow_tables || pkt.pool->tracking == SL_TRACKING_NONE)
			follow_nothing(&follow, &pkt, writes);
		else if (writes)
			sl_follow(&follow, &pkt);
		else
			sl_follow_look(&follow, &pkt);
		give(pkt.pool, burst, i, pkt.node, pkt.why);
	}
}

void sl_decide(const struct sl_snapshot *snapshot, struct sl_core *core, struct sl_burst *burst,
	       uint64_t now_ms)
{
	decide(snapshot, core, burst, now_ms, true);
}

void sl_decide_look(const struct sl_snapshot *snapshot, const struct sl_core *core,
		    struct sl_burst *burst, uint64_t now_ms)
{
	struct sl_core eyes = *core;

	decide(snapshot, &eyes, burst, now_ms, false);
}

void sl_decide_sweep(const struct sl_snapshot *snapshot, struct sl_core *core, uint64_t now_ms,
		     uint32_t buckets)
{
	const struct sl_pool_view *pool;
	struct sl_flow_clock clock;

	if (core->sweep_pool >= snapshot->pool_count)
		core->sweep_pool = 0;
	if (!snapshot->pool_count)
		return;
	pool = &snapshot->pools[core->sweep_pool++];
	if (!pool->words || !pool->flow_tables)
		return;
	sl_flow_clock_init(&clock, pool, now_ms);
	sl_flow_table_sweep(pool->flow_tables[core->index], snapshot, &clock, buckets);
}
