/* SPDX-License-Identifier: BSD-3-Clause */

/* Compiled twice, see base/wide.h. */

#include "state/decide_plain.h"

#include "base/bytes.h"
#include "base/wide.h"
#include "state/follow.h"
#include "state/known.h"
#include "state/service_table.h"

#define HIGH_HALF 0xffffffff00000000ull
#define TARGET6	  0x0000ffffffff0000ull /* port, protocol and family in word 0 of a packet */

/* Changes of service from packet to packet within a burst: with more of them the long way, which looks
 * all up in one pass, costs less (24 cycles a packet against 30; with one service 23 against 14). */
#define ROUTES_MAX 4

_Static_assert(SL_SERVICE_EXACT_RULE == (uint32_t)SL_FAMILY_IPV4 << 24, "the family is what");
_Static_assert(SL_SLOT_OPEN == 1u << 31, "the sign of a slot word");
_Static_assert(SL_NODE_NOBODY == 0, "words of nobody's slots have no bit of a node");

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
};

/* ---- runs ------------------------------------------------------------------------------------ */

static inline bool find_service(const struct sl_service_table *table, const struct sl_burst *burst,
				uint32_t first, uint32_t *service)
{
	const struct sl_pkt *pkt = &burst->pkt[first];

	if (!(pkt->flags & SL_PKT_IPV6))
		return sl_service_probe4(table, burst->target[first], service);
	return sl_service_probe6(table, pkt->word[3], pkt->word[4],
				 sl_service_misc(pkt->key.dport_be, pkt->key.protocol), service);
}

/* The next burst is looked for where this one is; whether this one was looked for there, too. */
static inline void look_ahead(const struct sl_plain *plain, struct sl_burst *burst,
			      const struct sl_known *known)
{
	const struct sl_hash_key *key = &plain->snapshot->flow_key;
	struct sl_ahead *ahead = &plain->core->ahead;

	if (ahead->buckets != known->buckets || ahead->key.word[0] != key->word[0] ||
	    ahead->key.word[1] != key->word[1])
		burst->tagged = false;
	*ahead = (struct sl_ahead){known->buckets, known->shift, *key};
}

/* False: no exact rule, one that asks for sources, or a pool that asks for more than its slots. */
static __attribute__((noinline)) bool
run_begin(const struct sl_plain *plain, struct sl_burst *burst, uint32_t first, struct run *run)
{
	const struct sl_snapshot *snapshot = plain->snapshot;
	const struct sl_service_view *service;
	const struct sl_pool_view *pool;

	if (!find_service(snapshot->service_table, burst, first, &run->service) ||
	    sl_service_is_set(run->service))
		return false;
	service = &snapshot->services[run->service];
	pool = &snapshot->pools[service->pool];
	if (service->prior_pool != SL_SERVICE_NONE ||
	    (pool->flags & (SL_POOL_SYMMETRIC | SL_POOL_INNER)))
		return false;
	run->pool = pool;
	run->follows = pool->tracking == SL_TRACKING_FULL && pool->flow_tables;
	run->tracked = run->follows && !pool->slots->open_count &&
		       !(burst->pkt[first].flags & SL_PKT_IPV6);
	if (run->tracked) {
		sl_known_init(&run->known, pool, plain->core->index, plain->now_ms);
		look_ahead(plain, burst, &run->known);
	}
	return true;
}

/* 0: both are sent to one address, port and protocol. */
static inline uint64_t differ6(const struct sl_pkt *a, const struct sl_pkt *b)
{
	return ((a->word[0] ^ b->word[0]) & TARGET6) | (a->word[3] ^ b->word[3]) |
	       (a->word[4] ^ b->word[4]);
}

static inline bool is_one_target6(const struct sl_burst *burst)
{
	const struct sl_pkt first = burst->pkt[0];
	uint64_t other = 0;

	for (uint32_t i = 1; i < burst->count; i++)
		other |= differ6(&first, &burst->pkt[i]);
	return other == 0;
}

/* How often an IPv4 packet is sent elsewhere than the one before it. */
static inline uint32_t changes(const struct sl_burst *burst)
{
	uint64_t count = 0;

	for (uint32_t i = 1; i < burst->count; i++)
		count += burst->target[i] != burst->target[i - 1];
	return (uint32_t)count;
}

/* After the last packet that is sent where the first one is. */
static inline uint32_t find_end(const struct sl_burst *burst, uint32_t first, bool one)
{
	uint32_t end = first + 1;

	if (one)
		return burst->count;
	if (burst->pkt[first].flags & SL_PKT_IPV6) {
		while (end < burst->count && !differ6(&burst->pkt[first], &burst->pkt[end]))
			end++;
		return end;
	}
	while (end < burst->count && !(burst->pkt[end].flags & SL_PKT_IPV6) &&
	       burst->target[end] == burst->target[first])
		end++;
	return end;
}

/* ---- hashes ---------------------------------------------------------------------------------- */

/* The word of the packet's slot goes where its node will be. */
static inline void put(struct sl_burst *burst, uint32_t i, const uint32_t *words, uint32_t shift,
		       uint64_t hash)
{
	burst->hash[i] = hash;
	burst->node[i] = words[hash >> shift];
}

/* Not inline, nor is the next one: the registers are all their own. */
static __attribute__((noinline)) void run_hash4(const struct sl_plain *plain,
						struct sl_burst *burst, const struct run *run,
						uint32_t first)
{
	const struct sl_hash_rounds secret = sl_hash_rounds(&plain->snapshot->hash_key);
	const struct sl_pool_view *pool = run->pool;
	const uint64_t misc = pool->mask.misc;
	const uint64_t addrs = (pool->mask.src & ~HIGH_HALF) | (pool->mask.dst & HIGH_HALF);
	const uint32_t *words = pool->words, shift = pool->shift;

	for (uint32_t i = first; i < run->end; i++) {
		const uint64_t *word = burst->pkt[i].word;

		put(burst, i, words, shift,
		    sl_hash2_rounds(&secret, word[0] & misc, word[1] & addrs));
	}
}

static __attribute__((noinline)) void run_hash6(const struct sl_plain *plain,
						struct sl_burst *burst, const struct run *run,
						uint32_t first)
{
	const struct sl_hash_key secret = plain->snapshot->hash_key;
	const struct sl_key_mask mask = run->pool->mask;
	const uint32_t *words = run->pool->words, shift = run->pool->shift;

	for (uint32_t i = first; i < run->end; i++) {
		const uint64_t *word = burst->pkt[i].word;

		put(burst, i, words, shift,
		    sl_hash5(&secret, word[0] & mask.misc, word[1] & mask.src, word[2] & mask.src,
			     word[3] & mask.dst, word[4] & mask.dst));
	}
}

/* Services, hashes, and words of slots; or where tracked flows are. */
static inline bool find(const struct sl_plain *plain, struct sl_burst *burst, struct way *way)
{
	const uint32_t turns = burst->ipv4 ? changes(burst) : 0;
	const bool one = burst->ipv6 ? is_one_target6(burst) : burst->ipv4 && turns == 0;
	uint32_t first = 0;

	if (turns >= ROUTES_MAX)
		return false;
	for (way->run_count = 0; first < burst->count; way->run_count++) {
		struct run *run = &way->runs[way->run_count];

		if (way->run_count == ROUTES_MAX || !run_begin(plain, burst, first, run))
			return false;
		run->end = find_end(burst, first, one);
		for (uint32_t i = first; i < run->end; i++)
			burst->service[i] = run->service;
		if (run->tracked)
			sl_known_begin(&run->known, plain->snapshot, run->pool, burst, first,
				       run->end);
		else if (burst->pkt[first].flags & SL_PKT_IPV6)
			run_hash6(plain, burst, run, first);
		else
			run_hash4(plain, burst, run, first);
		first = run->end;
	}
	return true;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Words of slots first to end - 1 become nodes. False: some have nobody to serve. Adds the bits of
 * those that are open. */
static inline bool name_nodes(struct sl_burst *burst, uint32_t first, uint32_t end, uint64_t *open)
{
	const __m128i mask = _mm_set1_epi32(SL_SLOT_NODE);
	__m128i nobody = _mm_setzero_si128();
	uint64_t opened = 0;
	bool served = true;
	uint32_t i = first;

	for (; i + 4 <= end; i += 4) {
		__m128i *at = (__m128i *)&burst->node[i], words = _mm_loadu_si128(at);
		__m128i nodes = _mm_and_si128(words, mask);

		opened |= (uint64_t)(uint32_t)_mm_movemask_ps(_mm_castsi128_ps(words)) << i;
		nobody = _mm_or_si128(nobody, _mm_cmpeq_epi32(nodes, _mm_setzero_si128()));
		_mm_storeu_si128(at, nodes);
	}
	for (; i < end; i++) {
		opened |= (uint64_t)(burst->node[i] >> 31) << i;
		burst->node[i] &= SL_SLOT_NODE;
		served &= burst->node[i] != SL_NODE_NOBODY;
	}
	*open = opened;
	return served && _mm_movemask_epi8(nobody) == 0;
}

/* The nodes of slots; those that go further are added to the list of *left. False: some are not
 * plain. */
static inline bool run_give(struct sl_burst *burst, const struct run *run, uint32_t first,
			    uint8_t *list, uint32_t *left)
{
	uint64_t range = (~0ull >> (64 - run->end)) & ~0ull << first, open, more;
	uint32_t count = *left;

	if (!name_nodes(burst, first, run->end, &open))
		return false;
	if (run->follows)
		open = range;
	for (more = (open | burst->special) & range; sl_unlikely(more); more &= more - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(more);

		if (burst->pkt[i].flags & SL_PKT_GROUP)
			return false;
		if ((open >> i & 1) || sl_follow_begins(&burst->pkt[i]))
			list[count++] = (uint8_t)i;
	}
	*left = count;
	return true;
}

static inline bool decide(const struct sl_plain *plain, struct sl_burst *burst, uint8_t *list,
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
					    list, &count);
		else
			fine = run_give(burst, run, first, list, &count);
	}
	burst->one_service = way.run_count == 1;
	if (!way.runs[0].tracked)
		plain->core->ahead.buckets = NULL;
	*left = count;
	return fine;
}

bool SL_VARIANT(sl_decide_plain)(const struct sl_plain *plain, struct sl_burst *burst,
				 uint8_t *list, uint32_t *left)
{
	bool fine = decide(plain, burst, list, left);

	sl_wide_end();
	return fine;
}
