/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/decide_plain.h"

#include <rte_prefetch.h>

#include "base/bytes.h"
#include "state/service_table.h"

#define HIGH_HALF  0xffffffff00000000ull
#define EXACT_WHAT (0xffu << 24)

/* Changes of service from packet to packet within a burst: with more of them the long way, which looks
 * all up in one pass, costs less (24 cycles a packet against 30; with one service 23 against 14). */
#define ROUTES_MAX 4

/* In word 6 of a packet: TCP flags that tell a beginning, and how they are in one. */
#define TCP_FLAGS ((uint64_t)(SL_TCP_SYN | SL_TCP_ACK | SL_TCP_RST | SL_TCP_FIN) << 8)
#define TCP_BEGIN ((uint64_t)SL_TCP_SYN << 8)

_Static_assert(offsetof(struct sl_pkt, tcp_flags) == 49, "the second octet of word 6");
_Static_assert(offsetof(struct sl_pkt, flags) == 56, "the start of word 7");

_Static_assert(SL_SERVICE_EXACT_RULE == (uint32_t)SL_FAMILY_IPV4 << 24, "the family is what");
_Static_assert(SL_SLOT_OPEN == 1u << 31, "the sign of a slot word");

_Static_assert(SL_BURST_MAX <= 64, "a packet of a burst is a bit of a word");

/* What the service of the last packet said. */
struct route {
	uint64_t exact; /* key of the service's rule; 0: none yet */
	uint32_t service;
	uint32_t shift;
	const uint32_t *words;
	uint64_t misc, addrs; /* what is hashed of words 0 and 1 */
	uint64_t full;	      /* 1 when the pool tracks every flow */
};

/* The exact key of a packet's destination, see struct sl_service_bucket4: the address, and of word
 * 0 the family, which says that it is a rule's, the protocol and the port. */
static inline uint64_t exact_of(uint64_t misc, uint64_t addrs)
{
	return (addrs & HIGH_HALF) | (uint32_t)(misc >> 16);
}

/* False: no exact rule, or a pool that asks for more than its slots. */
static __attribute__((noinline)) bool route_find(const struct sl_snapshot *snapshot, uint64_t exact,
						 struct route *route)
{
	const struct sl_service_view *service;
	const struct sl_pool_view *pool;

	if ((exact & EXACT_WHAT) != SL_SERVICE_EXACT_RULE ||
	    !sl_service_probe4(snapshot->service_table, exact, &route->service))
		return false;
	service = &snapshot->services[route->service];
	pool = &snapshot->pools[service->pool];
	if (service->prior_pool != SL_SERVICE_NONE ||
	    (pool->flags & (SL_POOL_SYMMETRIC | SL_POOL_INNER)))
		return false;
	route->exact = exact;
	route->shift = pool->shift;
	route->full = pool->tracking == SL_TRACKING_FULL;
	route->words = pool->words;
	route->misc = pool->mask.misc;
	route->addrs = (pool->mask.src & ~HIGH_HALF) | (pool->mask.dst & HIGH_HALF);
	return true;
}

/* Services, hashes, where each packet's slot is, and a bit for each packet of a fully tracked pool. */
static inline bool find_slots(const struct sl_snapshot *snapshot, struct sl_burst *burst,
			      const uint32_t **slots, uint64_t *tracked)
{
	const struct sl_hash_key secret = snapshot->hash_key;
	struct route route = {0};
	uint32_t routes = 0;
	uint64_t bits = 0;

	for (uint32_t i = 0; i < burst->count; i++) {
		uint64_t misc = burst->pkt[i].word[0], addrs = burst->pkt[i].word[1], hash;
		uint64_t exact = exact_of(misc, addrs);

		if (exact != route.exact &&
		    (++routes > ROUTES_MAX || !route_find(snapshot, exact, &route)))
			return false;
		hash = sl_hash2(&secret, misc & route.misc, addrs & route.addrs);
		slots[i] = &route.words[hash >> route.shift];
		rte_prefetch0(slots[i]);
		burst->hash[i] = hash;
		burst->service[i] = route.service;
		bits |= route.full << i;
	}
	*tracked = bits;
	return true;
}

/* A beginning, or a frame to a group, which services may not take. */
static inline bool is_special(const struct sl_pkt *pkt)
{
	return (pkt->word[6] & TCP_FLAGS) == TCP_BEGIN ||
	       (pkt->word[7] & (SL_PKT_QUIC_INITIAL | SL_PKT_GROUP));
}

bool sl_decide_plain(const struct sl_snapshot *snapshot, struct sl_burst *burst, uint8_t *list,
		     uint32_t *left)
{
	const uint32_t *slots[SL_BURST_MAX];
	uint32_t count = 0;
	uint64_t tracked;

	if (!burst->plain || snapshot->service_table->vlans ||
	    !find_slots(snapshot, burst, slots, &tracked))
		return false;
	for (uint32_t i = 0; i < burst->count; i++) {
		uint32_t word = *slots[i], node = word & SL_SLOT_NODE;

		if (sl_unlikely(node == SL_NODE_NOBODY))
			return false;
		burst->node[i] = node;
		if (sl_likely((int32_t)word >= 0 && !(tracked >> i & 1) &&
			      !is_special(&burst->pkt[i])))
			continue;
		if (burst->pkt[i].flags & SL_PKT_GROUP)
			return false;
		list[count++] = (uint8_t)i;
	}
	*left = count;
	return true;
}
