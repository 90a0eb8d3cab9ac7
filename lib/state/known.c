/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/known.h"

#include <string.h>

#include <rte_prefetch.h>

#include "state/follow.h"
#include "state/pool_memory.h"

#define HIGH_HALF 0xffffffff00000000ull

void sl_known_init(struct sl_known *known, const struct sl_pool_view *pool, uint32_t core,
		   uint64_t now_ms)
{
	const struct sl_flow_table *table = pool->flow_tables[core];
	uint32_t age_max = SL_FLOW_TICK_MASK;

	if (pool->memory->table_count > 1)
		age_max = SL_FOLLOW_FRESH_TICKS;
	known->buckets = table->buckets;
	known->shift = 64 - table->bits;
	known->now = (uint64_t)sl_tick(now_ms) << SL_FLOW_LAST_SHIFT | SL_FLOW_LAST_BELOW;
	memset(known->below, 0, sizeof(known->below));
	known->seq_mask = (pool->flags & SL_POOL_SYMMETRIC) ? 0 : 0xffff0000u;
	for (uint32_t class = SL_FLOW_OTHER; class <= SL_FLOW_UDP; class ++)
		known->below[SL_FLOW_LIVE << 2 | class] =
			SL_MIN(age_max, sl_flow_life(pool, class, now_ms)) + 1;
}

/* ---- one packet ------------------------------------------------------------------------------ */

/* TCP flags of packets that the straight way is not for. */
#define NOT_FLAGS (SL_TCP_SYN | SL_TCP_FIN | SL_TCP_RST)

static inline bool is_straight(const struct sl_pkt *pkt)
{
	return !(pkt->tcp_flags & NOT_FLAGS) && !(pkt->flags & SL_PKT_ICMP_ERROR);
}

/* The node of a straight packet whose flow is in the bucket, and its last use is now; else
 * SL_NODE_NOBODY. */
static inline uint32_t node_in(const struct sl_known *known, const struct sl_snapshot *snapshot,
			       struct sl_flow_bucket *bucket, uint64_t tag, uint32_t seq)
{
	uint32_t ways = sl_flow_bucket_ways(bucket, tag), age, node;
	struct sl_flow_entry *entry;
	uint64_t word;

	if (sl_unlikely(!ways))
		return SL_NODE_NOBODY;
	entry = &bucket->entry[__builtin_ctz(ways)];
	word = entry->word;
	age = (uint32_t)((known->now - word) >> SL_FLOW_LAST_SHIFT);
	node = sl_flow_node(word);
	if (sl_unlikely(age >= known->below[sl_flow_sort(word)] ||
			(((uint32_t)(word >> (SL_FLOW_SEQ_SHIFT - 16)) ^ seq) & known->seq_mask) ||
			!(sl_snapshot_node_flags(snapshot, node) & SL_NODE_KEEPS)))
		return SL_NODE_NOBODY;
	/* Always: whether the tick is another one cannot be foretold, which costs more than a
	 * store. */
	__atomic_store_n(&entry->word, word + ((uint64_t)age << SL_FLOW_LAST_SHIFT),
			 __ATOMIC_RELAXED);
	return node;
}

static inline struct sl_flow_bucket *first_of(const struct sl_known *known, uint64_t tag)
{
	return &known->buckets[tag >> known->shift];
}

static inline struct sl_flow_bucket *second_of(const struct sl_known *known, uint64_t tag)
{
	return &known->buckets[(tag * SL_FLOW_SECOND) >> known->shift];
}

uint32_t sl_known_look(const struct sl_known *known, const struct sl_snapshot *snapshot,
		       const struct sl_pkt *pkt, uint64_t tag, bool second)
{
	struct sl_flow_bucket *bucket = second ? second_of(known, tag) : first_of(known, tag);

	return is_straight(pkt) ? node_in(known, snapshot, bucket, tag, pkt->seq) : SL_NODE_NOBODY;
}

/* ---- packets of a burst ---------------------------------------------------------------------- */

void sl_known_begin(const struct sl_known *known, const struct sl_snapshot *snapshot,
		    const struct sl_pool_view *pool, struct sl_burst *burst, uint32_t first,
		    uint32_t end)
{
	const struct sl_hash_key slot_key = snapshot->hash_key, flow_key = snapshot->flow_key;
	const uint64_t misc_mask = pool->mask.misc;
	const uint64_t addrs_mask = (pool->mask.src & ~HIGH_HALF) | (pool->mask.dst & HIGH_HALF);

	for (uint32_t i = first; i < end && !burst->tagged; i++) {
		const uint64_t *word = burst->pkt[i].word;

		burst->tag[i] = sl_hash2(&flow_key, word[0], word[1]);
		rte_prefetch0(first_of(known, burst->tag[i]));
	}
	for (uint32_t i = first; i < end; i++) {
		const uint64_t *word = burst->pkt[i].word;

		burst->hash[i] = sl_hash2(&slot_key, word[0] & misc_mask, word[1] & addrs_mask);
	}
}

/* Those whose flows are in the second buckets; the others stay in the list. Returns their number. */
static __attribute__((noinline)) uint32_t look_again(const struct sl_known *known,
						     const struct sl_snapshot *snapshot,
						     struct sl_burst *burst, uint64_t again,
						     uint8_t *list, uint32_t count)
{
	uint32_t left = 0;

	for (uint64_t bits = again; bits; bits &= bits - 1)
		rte_prefetch0(second_of(known, burst->tag[__builtin_ctzll(bits)]));
	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = list[n], node = SL_NODE_NOBODY;

		if (again >> i & 1)
			node = node_in(known, snapshot, second_of(known, burst->tag[i]),
				       burst->tag[i], burst->pkt[i].seq);
		if (node)
			burst->node[i] = node;
		else
			list[left++] = (uint8_t)i;
	}
	return left;
}

/* Whether none of the packets is to a group. */
static inline bool are_plain(const struct sl_burst *burst, uint32_t first, uint32_t end)
{
	uint64_t range = (~0ull >> (64 - end)) & ~0ull << first;

	for (uint64_t bits = burst->special & range; sl_unlikely(bits); bits &= bits - 1)
		if (burst->pkt[__builtin_ctzll(bits)].flags & SL_PKT_GROUP)
			return false;
	return true;
}

bool sl_known_end(const struct sl_known *known, const struct sl_snapshot *snapshot,
		  struct sl_burst *burst, uint32_t first, uint32_t end, uint8_t *list,
		  uint32_t *left)
{
	uint8_t *added = &list[*left];
	uint32_t count = 0;
	uint64_t again = 0;

	if (!are_plain(burst, first, end))
		return false;
	for (uint32_t i = first; i < end; i++) {
		if (sl_likely(!(burst->pkt[i].tcp_flags & NOT_FLAGS))) {
			uint64_t tag = burst->tag[i];
			uint32_t node = node_in(known, snapshot, first_of(known, tag), tag,
						burst->pkt[i].seq);

			burst->node[i] = node;
			if (sl_likely(node != SL_NODE_NOBODY))
				continue;
			again |= 1ull << i;
		}
		added[count++] = (uint8_t)i;
	}
	if (sl_unlikely(again))
		count = look_again(known, snapshot, burst, again, added, count);
	*left += count;
	return true;
}
