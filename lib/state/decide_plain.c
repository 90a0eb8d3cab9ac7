/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/decide_plain.h"

#include <rte_prefetch.h>

#include "base/bytes.h"
#include "state/known.h"
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

/* Packets of one service that stand together, and what it says. */
struct run {
	uint32_t end; /* where it ends: after its last packet */
	uint32_t service;
	const struct sl_pool_view *pool;
	bool follows;	       /* the pool tracks every flow */
	bool tracked;	       /* and no slot is open: */
	struct sl_known known; /* its packets may go the straight way */
};

/* What is known of a burst between the passes. */
struct way {
	struct run runs[ROUTES_MAX];
	uint32_t run_count;
	const uint32_t *slots[SL_BURST_MAX];
	struct sl_known_looks looks; /* of tracked runs, which need no slots */
};

/* The exact key of a packet's destination, see struct sl_service_bucket4: the address, and of word
 * 0 the family, which says that it is a rule's, the protocol and the port. */
static inline uint64_t exact_of(uint64_t misc, uint64_t addrs)
{
	return (addrs & HIGH_HALF) | (uint32_t)(misc >> 16);
}

/* False: no exact rule, or a pool that asks for more than its slots. */
static __attribute__((noinline)) bool run_begin(const struct sl_plain *plain, uint64_t exact,
						struct run *run)
{
	const struct sl_snapshot *snapshot = plain->snapshot;
	const struct sl_service_view *service;
	const struct sl_pool_view *pool;

	if ((exact & EXACT_WHAT) != SL_SERVICE_EXACT_RULE ||
	    !sl_service_probe4(snapshot->service_table, exact, &run->service))
		return false;
	service = &snapshot->services[run->service];
	pool = &snapshot->pools[service->pool];
	if (service->prior_pool != SL_SERVICE_NONE ||
	    (pool->flags & (SL_POOL_SYMMETRIC | SL_POOL_INNER)))
		return false;
	run->pool = pool;
	run->follows = pool->tracking == SL_TRACKING_FULL && pool->flow_tables;
	run->tracked = run->follows && !pool->slots->open_count;
	if (run->tracked)
		sl_known_init(&run->known, pool, plain->core->index, plain->now_ms);
	return true;
}

/* Hashes, and where each packet's slot is. */
static inline void run_find(const struct sl_plain *plain, struct sl_burst *burst,
			    const struct run *run, uint32_t first, const uint32_t **slots)
{
	const struct sl_hash_key secret = plain->snapshot->hash_key;
	const struct sl_pool_view *pool = run->pool;
	const uint64_t misc_mask = pool->mask.misc;
	const uint64_t addrs_mask = (pool->mask.src & ~HIGH_HALF) | (pool->mask.dst & HIGH_HALF);
	const uint32_t *words = pool->words, shift = pool->shift;

	for (uint32_t i = first; i < run->end; i++) {
		uint64_t misc = burst->pkt[i].word[0], addrs = burst->pkt[i].word[1];
		uint64_t hash = sl_hash2(&secret, misc & misc_mask, addrs & addrs_mask);

		slots[i] = &words[hash >> shift];
		rte_prefetch0(slots[i]);
		burst->hash[i] = hash;
	}
}

/* Services, hashes, and where each packet's slot or flow is. */
static inline bool find(const struct sl_plain *plain, struct sl_burst *burst, struct way *way)
{
	uint32_t first = 0;

	for (way->run_count = 0; first < burst->count; way->run_count++) {
		struct run *run = &way->runs[way->run_count];
		uint64_t exact = exact_of(burst->pkt[first].word[0], burst->pkt[first].word[1]);

		if (way->run_count == ROUTES_MAX || !run_begin(plain, exact, run))
			return false;
		for (run->end = first; run->end < burst->count; run->end++) {
			const uint64_t *word = burst->pkt[run->end].word;

			if (exact_of(word[0], word[1]) != exact)
				break;
			burst->service[run->end] = run->service;
		}
		if (run->tracked)
			sl_known_begin(&run->known, plain->snapshot, run->pool, burst, first,
				       run->end, &way->looks);
		else
			run_find(plain, burst, run, first, way->slots);
		first = run->end;
	}
	return true;
}

/* A beginning, or a frame to a group, which services may not take. */
static inline bool is_special(const struct sl_pkt *pkt)
{
	return (pkt->word[6] & TCP_FLAGS) == TCP_BEGIN ||
	       (pkt->word[7] & (SL_PKT_QUIC_INITIAL | SL_PKT_GROUP));
}

/* The nodes of slots; those that go further are added to the list of *left. False: some are not
 * plain. */
static inline bool run_give(struct sl_burst *burst, const struct run *run, uint32_t first,
			    const uint32_t *const *slots, uint8_t *list, uint32_t *left)
{
	const uint32_t open = run->follows ? 0 : SL_SLOT_OPEN;
	uint32_t count = *left;

	for (uint32_t i = first; i < run->end; i++) {
		uint32_t word = *slots[i], node = word & SL_SLOT_NODE;

		if (sl_unlikely(node == SL_NODE_NOBODY))
			return false;
		burst->node[i] = node;
		if (sl_likely((word & SL_SLOT_OPEN) < open && !is_special(&burst->pkt[i])))
			continue;
		if (burst->pkt[i].flags & SL_PKT_GROUP)
			return false;
		list[count++] = (uint8_t)i;
	}
	*left = count;
	return true;
}

bool sl_decide_plain(const struct sl_plain *plain, struct sl_burst *burst, uint8_t *list,
		     uint32_t *left)
{
	uint32_t first = 0, count = 0;
	struct way way;
	bool fine = true;

	if (!burst->plain || plain->snapshot->service_table->vlans || !find(plain, burst, &way))
		return false;
	for (const struct run *run = way.runs; fine && first < burst->count; first = run++->end) {
		if (run->tracked)
			fine = sl_known_end(&run->known, plain->snapshot, burst, first, run->end,
					    &way.looks, list, &count);
		else
			fine = run_give(burst, run, first, way.slots, list, &count);
	}
	*left = count;
	return fine;
}
