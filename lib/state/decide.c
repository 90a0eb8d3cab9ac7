/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/decide.h"

#include <rte_prefetch.h>

#include "pkt/extension.h"
#include "pkt/hdr.h"
#include "pkt/inner.h"
#include "state/begin.h"
#include "state/decide_plain.h"
#include "state/flow_table.h"
#include "state/follow.h"
#include "state/hash.h"
#include "state/service.h"

#define PORTS_MASK 0xffffffffull /* ports in word 0 of a key */

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
	burst->given = false;
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

/* A packet on its way from its hash to its slot. */
struct step {
	const struct sl_pool_view *pool;
	const uint32_t *word;
	uint8_t i;	/* of the burst */
	bool pointed;	/* its service is unsettled */
	bool beginning; /* of a connection */
};

/* Hashes of all that found a service, their slots under way; returns how many did. */
static inline uint32_t hash_all(const struct sl_snapshot *snapshot, struct sl_burst *burst,
				struct step *steps)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < burst->count; i++) {
		const struct sl_service_view *service;
		const struct sl_pool_view *pool;
		struct step *step = &steps[count];

		if (sl_unlikely(burst->verdict[i] != SL_VERDICT_NODE))
			continue;
		if (sl_unlikely(burst->service[i] == SL_SERVICE_NONE)) {
			burst->verdict[i] = SL_VERDICT_PUNT;
			burst->reason[i] = SL_DROP_NO_SERVICE;
			continue;
		}
		service = &snapshot->services[burst->service[i]];
		pool = &snapshot->pools[service->pool];
		burst->hash[i] = sl_hash_slot(snapshot, pool, &burst->pkt[i]);
		step->pool = pool;
		step->word = &pool->words[burst->hash[i] >> pool->shift];
		step->i = (uint8_t)i;
		step->pointed = service->prior_pool != SL_SERVICE_NONE;
		step->beginning = sl_follow_begins(&burst->pkt[i]);
		rte_prefetch0(step->word);
		count++;
	}
	return count;
}

/* Gives away what slots decide alone; returns how many are left, in list. */
static inline uint32_t give_settled(const struct step *steps, uint32_t count,
				    struct sl_burst *burst, uint8_t *list)
{
	uint32_t left = 0;

	for (uint32_t n = 0; n < count; n++) {
		const struct step *step = &steps[n];
		uint32_t word = *step->word;

		if (sl_likely(!(word & SL_SLOT_OPEN) && !step->pointed && !step->beginning &&
			      step->pool->tracking != SL_TRACKING_FULL))
			give(step->pool, burst, step->i, word & SL_SLOT_NODE,
			     word & SL_SLOT_LENT ? SL_WHY_LENT : SL_WHY_SLOT);
		else
			list[left++] = step->i;
	}
	return left;
}

/* Without tracking the slot's node is all there is. */
static inline void give_untracked(const struct sl_pool_view *pool, struct sl_core *core,
				  struct sl_burst *burst, uint32_t i, const bool writes)
{
	uint32_t word = pool->words[burst->hash[i] >> pool->shift];
	uint32_t node = word & SL_SLOT_NODE, lent = word & SL_SLOT_LENT;

	if (word & SL_SLOT_OPEN) {
		lent = pool->open[node].lent;
		node = pool->open[node].node;
	}
	if (writes && sl_follow_begins(&burst->pkt[i])) {
		sl_stats_add(&core->stats->nodes[node].flows_started, 1);
		sl_stats_add(&core->stats->extras[burst->service[i]].flows_started, 1);
	}
	give(pool, burst, i, node, lent ? SL_WHY_LENT : SL_WHY_SLOT);
}

/* What slots do not decide alone: for the flow tables, or without any. Returns how many are for the
 * tables. */
static inline __attribute__((always_inline)) uint32_t
take_left(const struct sl_snapshot *snapshot, struct sl_core *core, struct sl_burst *burst,
	  const uint8_t *list, uint32_t count, struct sl_follow_pkt *pkts, const bool writes)
{
	uint32_t left = 0;

	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = list[n];
		const struct sl_service_view *service = &snapshot->services[burst->service[i]];
		const struct sl_pool_view *pool = &snapshot->pools[service->pool];
		struct sl_follow_pkt *pkt = &pkts[left];

		if (!pool->flow_tables || pool->tracking == SL_TRACKING_NONE) {
			give_untracked(pool, core, burst, i, writes);
			continue;
		}
		pkt->pkt = &burst->pkt[i];
		pkt->pool = pool;
		pkt->hash = burst->hash[i];
		pkt->service = burst->service[i];
		pkt->i = (uint8_t)i;
		pkt->settled = !(pool->words[pkt->hash >> pool->shift] & SL_SLOT_OPEN) &&
			       service->prior_pool == SL_SERVICE_NONE;
		left++;
	}
	return left;
}

static bool is_given(const struct sl_burst *burst)
{
	uint32_t other = 0;

	for (uint32_t i = 0; i < burst->count; i++)
		other |= burst->verdict[i];
	return other == SL_VERDICT_NODE;
}

static inline __attribute__((always_inline)) void decide(const struct sl_snapshot *snapshot,
							 struct sl_core *core,
							 struct sl_burst *burst, uint64_t now_ms,
							 const bool writes)
{
	struct sl_origin origin;
	struct sl_follow follow = {
		.snapshot = snapshot, .core = core, .now_ms = now_ms, .origin = &origin};
	struct sl_follow_pkt pkts[SL_BURST_MAX];
	struct step steps[SL_BURST_MAX];
	uint8_t list[SL_BURST_MAX];
	const struct sl_plain plain = {snapshot, core, now_ms};
	uint32_t count;

	/* It writes last uses, and no why. */
	if (writes && (core->is_wide ? sl_decide_plain_wide(&plain, burst, list, &count)
				     : sl_decide_plain(&plain, burst, list, &count))) {
		burst->given = true;
	} else {
		burst->one_service = false;
		sl_service_lookup(snapshot->service_table, burst->pkt, burst->count,
				  burst->service);
		if (sl_unlikely(snapshot->tunnels))
			look_inside(snapshot, burst);
		count = hash_all(snapshot, burst, steps);
		count = give_settled(steps, count, burst, list);
		burst->given = is_given(burst);
	}
	if (sl_likely(!count))
		return;
	if (writes)
		count = sl_begin(snapshot, core, burst, now_ms, list, count);
	count = take_left(snapshot, core, burst, list, count, pkts, writes);
	if (!count)
		return;
	if (writes)
		sl_follow(&follow, pkts, count);
	else
		sl_follow_look(&follow, pkts, count);
	for (uint32_t n = 0; n < count; n++)
		give(pkts[n].pool, burst, pkts[n].i, pkts[n].node, pkts[n].why);
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

/* Whether the first fragment has a key with the later one's protocol: that of an ICMP error has the key
 * of the flow that it quotes, and an extension header of IPv6 hides the transport. */
static bool has_key_of_first(const struct sl_pkt *pkt)
{
	return pkt->protocol != SL_PROTO_ICMP && pkt->protocol != SL_PROTO_ICMPV6 &&
	       !sl_extension_is(pkt->protocol);
}

bool sl_decide_ignores_ports(const struct sl_snapshot *snapshot, const struct sl_pkt *pkt)
{
	const struct sl_service_view *service;
	const struct sl_pool_view *pool;
	uint32_t index;

	if (!has_key_of_first(pkt) || sl_service_asks_ports(snapshot->service_table, pkt))
		return false;
	sl_service_lookup(snapshot->service_table, pkt, 1, &index);
	if (index == SL_SERVICE_NONE)
		return true;
	service = &snapshot->services[index];
	pool = &snapshot->pools[service->pool];
	if ((pool->mask.misc & PORTS_MASK) || service->prior_pool != SL_SERVICE_NONE ||
	    (pool->flags & SL_POOL_PICKS) || pool->tracking == SL_TRACKING_FULL)
		return false;
	return pool->tracking == SL_TRACKING_NONE ||
	       !(pool->words[sl_hash_slot(snapshot, pool, pkt) >> pool->shift] & SL_SLOT_OPEN);
}

bool sl_decide_sweep(const struct sl_snapshot *snapshot, struct sl_core *core, uint64_t now_ms,
		     uint32_t buckets)
{
	const struct sl_pool_view *pool;
	struct sl_flow_clock clock;

	if (core->sweep_pool >= snapshot->pool_count)
		core->sweep_pool = 0;
	if (!snapshot->pool_count)
		return false;
	pool = &snapshot->pools[core->sweep_pool++];
	if (!pool->words || !pool->flow_tables)
		return false;
	sl_flow_clock_init(&clock, pool, now_ms);
	return sl_flow_table_sweep(pool->flow_tables[core->index], snapshot, &clock, buckets);
}
