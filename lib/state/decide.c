/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/decide.h"

#include <rte_prefetch.h>

#include "state/service.h"

#define MISC_PORTS 0xffffffffull /* ports in word 0 of a key */

/* Orders the two ends of a key, so that both directions of a flow are one key. */
static void order_ends(struct sl_key *key)
{
	int order;

	if (key->family == SL_FAMILY_IPV4)
		order = memcmp(&key->src4, &key->dst4, sizeof(key->src4));
	else
		order = memcmp(key->src, key->dst, sizeof(key->src));
	if (order > 0 || (order == 0 && key->sport_be > key->dport_be))
		sl_key_reverse(key);
}

/* What is hashed in another way than by the pool's plain mask. */
static uint64_t hash_odd(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			 const struct sl_pkt *pkt)
{
	struct sl_key_mask mask = pool->mask;
	struct sl_key key = pkt->key;

	if (pkt->flags & SL_PKT_NO_PORTS)
		mask.misc &= ~MISC_PORTS;
	if (pool->flags & SL_POOL_SYMMETRIC)
		order_ends(&key);
	return sl_key_hash(&snapshot->hash_key, &key, &mask);
}

static inline uint64_t hash_pkt(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
				const struct sl_pkt *pkt)
{
	if (sl_unlikely((pool->flags & SL_POOL_SYMMETRIC) || (pkt->flags & SL_PKT_NO_PORTS)))
		return hash_odd(snapshot, pool, pkt);
	return sl_key_hash(&snapshot->hash_key, &pkt->key, &pool->mask);
}

uint64_t sl_decide_hash(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			const struct sl_pkt *pkt)
{
	return hash_pkt(snapshot, pool, pkt);
}

/* The first packet of a connection, as far as a packet can tell. */
static inline bool is_beginning(const struct sl_pkt *pkt)
{
	bool syn = (pkt->tcp_flags & (SL_TCP_SYN | SL_TCP_ACK | SL_TCP_RST | SL_TCP_FIN)) ==
		   SL_TCP_SYN;

	return (syn || (pkt->flags & SL_PKT_QUIC_INITIAL)) &&
	       !(pkt->flags & (SL_PKT_ICMP_ERROR | SL_PKT_FRAGMENT));
}

static inline const struct sl_pool_view *pool_of(const struct sl_snapshot *snapshot,
						 uint32_t service)
{
	return &snapshot->pools[snapshot->services[service].pool];
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

/* Hashes of all that found a service; returns how many did, their places in list. */
static inline uint32_t hash_all(const struct sl_snapshot *snapshot, struct sl_burst *burst,
				uint32_t *list)
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
		pool = pool_of(snapshot, burst->service[i]);
		burst->hash[i] = hash_pkt(snapshot, pool, &burst->pkt[i]);
		rte_prefetch0(&pool->words[burst->hash[i] >> pool->shift]);
		list[count++] = i;
	}
	return count;
}

static inline __attribute__((always_inline)) void decide(const struct sl_snapshot *snapshot,
							 struct sl_core *core,
							 struct sl_burst *burst, uint64_t now_ms,
							 const bool writes)
{
	uint32_t list[SL_BURST_MAX];
	uint32_t count;

	sl_service_lookup(snapshot->service_table, burst->pkt, burst->count, burst->service);
	count = hash_all(snapshot, burst, list);
	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = list[n];
		const struct sl_pool_view *pool = pool_of(snapshot, burst->service[i]);
		uint32_t word = pool->words[burst->hash[i] >> pool->shift];

		if (sl_unlikely(word & SL_SLOT_OPEN)) {
			const struct sl_open_slot *open = &pool->open[word & SL_SLOT_NODE];

			if (now_ms < open->open_until_ms)
				give(pool, burst, i, open->prior, SL_WHY_PRIOR);
			else
				give(pool, burst, i, open->node,
				     open->lent ? SL_WHY_LENT : SL_WHY_SLOT);
			continue;
		}
		if (writes && is_beginning(&burst->pkt[i]))
			core->stats->nodes[word & SL_SLOT_NODE].flows_started++;
		give(pool, burst, i, word & SL_SLOT_NODE,
		     word & SL_SLOT_LENT ? SL_WHY_LENT : SL_WHY_SLOT);
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
