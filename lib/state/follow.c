/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/follow.h"

#include "lcore/burst.h"
#include "sched/pick.h"
#include "state/bound.h"
#include "state/hash.h"
#include "state/place.h"
#include "state/pool_memory.h"

#define TCP_ENDS (SL_TCP_FIN | SL_TCP_RST)

#define TCP_HEADER_SIZE_MAX 60

/* ---- entries --------------------------------------------------------------------------------- */

/* Whether the entry says where the flow is, for a flow that stands there. On a settled slot one that
 * names another node is left over from before; on an unsettled one what was used before is left over
 * from the time when it was settled, and packets did not touch entries: only a beginning at the node
 * that the slot had then says something. */
static bool is_told(const struct sl_follow *follow, const struct sl_place *place, uint64_t word)
{
	uint64_t elapsed_ms = follow->now_ms - SL_MIN(follow->now_ms, place->since_ms);

	if (!word || !sl_flow_counts(&follow->clock, word))
		return false;
	if (place->since_ms == SL_PLACE_SETTLED)
		return sl_flow_node(word) == place->node;
	if (sl_flow_age(&follow->clock, word) <= (elapsed_ms >> SL_TICK_SHIFT) + 1)
		return true;
	return sl_flow_is_begun(word) && sl_flow_node(word) == place->before;
}

/* And that node keeps its flows. */
static bool is_usable(const struct sl_follow *follow, struct sl_follow_pkt *pkt,
		      const struct sl_place *place, uint64_t word)
{
	if (!is_told(follow, place, word))
		return false;
	if (sl_place_keeps(follow, sl_flow_node(word)))
		return true;
	pkt->orphan = true;
	return false;
}

/* What the tables know of a flow. */
struct known {
	uint64_t tag;
	struct sl_flow_entry *entry; /* of the own table, whether it counts or not; NULL: none */
	uint64_t word;		     /* the best that counts; 0: unknown */
};

static bool is_tcp(const struct sl_pkt *pkt)
{
	return pkt->key.protocol == SL_PROTO_TCP;
}

/* A later fragment has no TCP header to go by. */
static bool has_tcp_header(const struct sl_pkt *pkt)
{
	return is_tcp(pkt) && (pkt->tcp_flags || !(pkt->flags & SL_PKT_FRAGMENT));
}

/* More than an acknowledgement: more octets than any TCP header has, or pushed ones. */
static bool has_data(const struct sl_pkt *pkt)
{
	return (pkt->tcp_flags & SL_TCP_PSH) ||
	       pkt->l3_size > (uint32_t)(pkt->l4_off - pkt->l3_off) + TCP_HEADER_SIZE_MAX;
}

/* Kind of the entry of a flow that is first seen with this packet. stranger: nothing but the packet says
 * that there is a flow. */
static enum sl_flow_kind kind_of(const struct sl_pkt *pkt, bool stranger)
{
	if (sl_follow_begins(pkt))
		return SL_FLOW_BEGUN;
	if (stranger)
		return SL_FLOW_STRANGER;
	return is_tcp(pkt) && (pkt->tcp_flags & TCP_ENDS) ? SL_FLOW_CLOSING : SL_FLOW_LIVE;
}

static uint64_t first_word(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			   uint32_t node, bool stranger)
{
	return sl_flow_word(node, sl_follow_class(pkt->pkt), kind_of(pkt->pkt, stranger),
			    (uint16_t)(pkt->pkt->seq >> 16), follow->clock.now);
}

/* Whether the packet goes on where its flow was last, by its sequence number: a spoofed one must not end
 * it. Symmetric pools see those of two directions. */
static bool is_near(const struct sl_follow_pkt *pkt, uint64_t word)
{
	uint16_t ahead = (uint16_t)((pkt->pkt->seq >> 16) - sl_flow_seq(word));

	return (pkt->pool->flags & SL_POOL_SYMMETRIC) ||
	       (uint16_t)(ahead + SL_FOLLOW_END_REACH) <= 2 * SL_FOLLOW_END_REACH;
}

/* Kind of the entry after this packet of its flow, which has a TCP header. */
static enum sl_flow_kind next_kind(const struct sl_pkt *p, enum sl_flow_kind kind, bool near,
				   bool later)
{
	if (sl_follow_begins(p))
		return later && kind == SL_FLOW_BEGUN ? SL_FLOW_AGAIN : kind;
	if (kind == SL_FLOW_STRANGER && !later)
		return kind;
	if (p->tcp_flags & TCP_ENDS)
		return near ? SL_FLOW_CLOSING : kind;
	/* An acknowledgement may follow an end, which is not this flow's when it is far from it. */
	return kind == SL_FLOW_CLOSING && near && !has_data(p) ? kind : SL_FLOW_LIVE;
}

/* The entry after this packet of its flow. */
static uint64_t next_word(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			  uint64_t word)
{
	const struct sl_pkt *p = pkt->pkt;
	enum sl_flow_kind kind = sl_flow_kind(word), after = kind;
	uint16_t seq = sl_flow_seq(word);
	bool later = sl_flow_age(&follow->clock, word) > 0;

	if (has_tcp_header(p)) {
		bool near = is_near(pkt, word);

		after = next_kind(p, kind, near, later);
		if (near || !(p->tcp_flags & (TCP_ENDS | SL_TCP_SYN)) || sl_flow_is_begun(word))
			seq = (uint16_t)(p->seq >> 16);
	} else if (!is_tcp(p) && !sl_follow_begins(p) && (kind != SL_FLOW_STRANGER || later)) {
		after = SL_FLOW_LIVE;
	}
	return sl_flow_word(sl_flow_node(word), sl_flow_class(word), after, seq, follow->clock.now);
}

/* Whether a packet can be of the connection that a SYN began: a spoofed SYN must not pull over a
 * live one, whose sequence numbers are elsewhere. The other direction of a symmetric pool answers
 * with numbers of its own: its SYN with ACK is believed. */
static bool fits(const struct sl_follow_pkt *pkt, uint64_t word)
{
	const struct sl_pkt *p = pkt->pkt;
	uint16_t ahead = (uint16_t)((p->seq >> 16) - sl_flow_seq(word));

	if (!sl_flow_is_begun(word) || !has_tcp_header(p) || sl_follow_begins(p) ||
	    (p->flags & SL_PKT_ICMP_ERROR))
		return true;
	if ((pkt->pool->flags & SL_POOL_SYMMETRIC) && (p->tcp_flags & SL_TCP_SYN))
		return true;
	return ahead <= SL_FOLLOW_SEQ_REACH;
}

/* ---- other cores ----------------------------------------------------------------------------- */

/* Whether one entry of the packet's flow says more than another: one that fits the packet, then the
 * one used later. */
static bool is_better(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		      uint64_t word, uint64_t than)
{
	bool fit = fits(pkt, word);

	if (!than)
		return true;
	if (fit != fits(pkt, than))
		return fit;
	return sl_flow_age(&follow->clock, word) < sl_flow_age(&follow->clock, than);
}

/* The better one of word and what the pool's tables know, but for the core's own. */
static uint64_t better_of(const struct sl_follow *follow, struct sl_follow_pkt *pkt,
			  const struct sl_place *place, const struct sl_pool_view *pool,
			  uint64_t tag, uint64_t word)
{
	const struct sl_flow_table *own = pkt->pool->flow_tables[follow->core->index];

	for (uint32_t i = 0; pool->flow_tables && i < pool->memory->table_count; i++) {
		uint64_t found;

		if (pool->flow_tables[i] == own)
			continue;
		found = sl_flow_table_read(pool->flow_tables[i], tag);
		if (is_usable(follow, pkt, place, found) && is_better(follow, pkt, found, word))
			word = found;
	}
	return word;
}

/* Whether the core's own entry is all there is to know. */
static bool is_certain(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		       uint64_t word)
{
	return word && fits(pkt, word) &&
	       sl_flow_age(&follow->clock, word) <= SL_FOLLOW_FRESH_TICKS;
}

/* What others know of the flow when the own table does not, or has not heard of it for a while. */
static uint64_t look_around(const struct sl_follow *follow, struct sl_follow_pkt *pkt,
			    const struct sl_place *place, uint64_t tag, uint64_t word)
{
	const struct sl_snapshot *snapshot = follow->snapshot;
	const struct sl_origin *origin = follow->origin;

	if (is_certain(follow, pkt, word))
		return word;
	if (pkt->pool->memory->table_count > 1)
		word = better_of(follow, pkt, place, pkt->pool, tag, word);
	if (!sl_place_is_pointed(follow, pkt))
		return word;
	for (uint32_t i = 0; i < origin->via_count; i++) {
		const struct sl_pool_view *pool = &snapshot->pools[origin->via[i]];
		uint64_t there = sl_hash_flow(snapshot, pool, pkt->pkt) ^ tag ^ pkt->tag;
		struct sl_place then;

		if (!pool->words)
			continue;
		sl_place_find_slot(follow, pool, sl_hash_slot(snapshot, pool, pkt->pkt), &then);
		then.since_ms = SL_MIN(then.since_ms, origin->since_ms);
		word = better_of(follow, pkt, &then, pool, there, word);
	}
	return word;
}

/* ---- one packet ------------------------------------------------------------------------------ */

/* Writes the flow's entry; false: there is no room for it. */
static bool enter(struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		  const struct known *known, uint64_t word)
{
	struct sl_flow_table *table = pkt->pool->flow_tables[follow->core->index];
	struct sl_flow_entry *entry = known->entry;

	if (sl_flow_node(word) == SL_NODE_NOBODY)
		return false;
	if (!entry)
		return sl_flow_table_enter_heavy(
			table, &follow->clock, known->tag, word,
			follow->snapshot->services[pkt->service].flow_extra);
	sl_flow_table_write(table, entry, known->tag, word);
	return true;
}

static void count_beginning(struct sl_follow *follow, const struct sl_follow_pkt *pkt)
{
	sl_stats_add(&follow->core->stats->nodes[pkt->node].flows_started, 1);
	sl_stats_add(&follow->core->stats->extras[pkt->service].flows_started, 1);
}

static inline __attribute__((always_inline)) void
follow_hit(struct sl_follow *follow, struct sl_follow_pkt *pkt, const struct sl_place *place,
	   const struct known *known, const bool writes)
{
	pkt->node = sl_flow_node(known->word);
	pkt->why = SL_WHY_TRACKED;
	if (!writes || (pkt->pkt->flags & SL_PKT_ICMP_ERROR))
		return;
	if (!enter(follow, pkt, known, next_word(follow, pkt, known->word)))
		sl_place_stamp_refused(follow, pkt, place);
	sl_place_stamp_away(follow, pkt, place);
}

/* Where a new flow goes: the slot's node, or whom the scheduler chooses or bounded loads. TCP in
 * mid-life is no new flow. */
static uint32_t new_node(struct sl_follow *follow, struct sl_follow_pkt *pkt,
			 const struct sl_place *place, const bool writes)
{
	const struct sl_pool_view *pool = pkt->pool;
	const struct sl_pick_live live = {
		.per_core = (const uint32_t *const *)pool->memory->node_load,
		.cores = pool->memory->core_count,
		.extra = follow->snapshot->services[pkt->service].flow_extra};
	struct sl_pick_state *state = &pool->memory->pick_states[follow->core->index];
	struct sl_pick_state copy;
	uint32_t node;

	pkt->why = place->lent ? SL_WHY_LENT : SL_WHY_SLOT;
	if (!(pool->flags & (SL_POOL_PICKS | SL_POOL_BOUNDED)) ||
	    (is_tcp(pkt->pkt) && !sl_follow_begins(pkt->pkt)))
		return place->node;
	if (!writes) {
		copy = *state;
		state = &copy;
	}
	if (pool->flags & SL_POOL_BOUNDED) {
		node = sl_bound_choose(follow->snapshot, pool, state, &live,
				       (uint32_t)(pkt->hash >> pool->shift), place->node);
		pkt->why = node == place->node ? pkt->why : SL_WHY_FULL;
		return node;
	}
	pkt->why = SL_WHY_SCHEDULER;
	return sl_pick_next(pool->pick, state, &live);
}

/* An unknown flow in an open slot. */
static inline __attribute__((always_inline)) void
follow_open(struct sl_follow *follow, struct sl_follow_pkt *pkt, const struct sl_place *place,
	    const struct known *known, const bool writes)
{
	bool begins = sl_follow_begins(pkt->pkt);
	uint32_t node = begins ? new_node(follow, pkt, place, writes) : place->prior;
	bool entered = !writes || enter(follow, pkt, known, first_word(follow, pkt, node, false));

	pkt->node = node;
	if (!begins || (!entered && node != SL_NODE_NOBODY)) {
		pkt->node = place->prior;
		pkt->why = SL_WHY_PRIOR;
	}
	if (!writes)
		return;
	if (!begins && !entered)
		sl_place_stamp_refused(follow, pkt, place);
	if (begins)
		count_beginning(follow, pkt);
	sl_place_stamp_away(follow, pkt, place);
}

/* An unknown flow elsewhere. */
static inline __attribute__((always_inline)) void
follow_new(struct sl_follow *follow, struct sl_follow_pkt *pkt, const struct sl_place *place,
	   const struct known *known, const bool writes)
{
	bool begins = sl_follow_begins(pkt->pkt);
	bool moved = place->closing || pkt->orphan;
	bool enters = begins || moved || pkt->pool->tracking == SL_TRACKING_FULL;

	pkt->node = new_node(follow, pkt, place, writes);
	if (!writes || !enters)
		return;
	if (!enter(follow, pkt, known, first_word(follow, pkt, pkt->node, !moved)) &&
	    pkt->why >= SL_WHY_SCHEDULER) {
		pkt->node = place->node; /* as every packet of a flow that finds no room */
		pkt->why = place->lent ? SL_WHY_LENT : SL_WHY_SLOT;
	}
	count_beginning(follow, pkt);
}

static inline __attribute__((always_inline)) void
follow_miss(struct sl_follow *follow, struct sl_follow_pkt *pkt, struct sl_place *place,
	    const struct known *known, const bool writes)
{
	if (place->unsettled)
		sl_place_hold(follow, pkt, place);
	if (pkt->pkt->flags & SL_PKT_ICMP_ERROR) {
		pkt->node = place->open ? place->prior : place->node;
		pkt->why = place->open ? SL_WHY_PRIOR : place->lent ? SL_WHY_LENT : SL_WHY_SLOT;
	} else if (place->open) {
		follow_open(follow, pkt, place, known, writes);
	} else {
		follow_new(follow, pkt, place, known, writes);
	}
}

static void set_clock(struct sl_follow *follow, const struct sl_pool_view *pool)
{
	if (follow->clock_pool == pool)
		return;
	follow->clock_pool = pool;
	sl_flow_clock_init(&follow->clock, pool, follow->now_ms);
	if (pool->tracking == SL_TRACKING_FULL)
		sl_known_init(&follow->known, pool, follow->core->index, follow->now_ms);
}

/* What the tables know under a tag. */
static inline __attribute__((always_inline)) void recall(const struct sl_follow *follow,
							 struct sl_follow_pkt *pkt,
							 const struct sl_place *place, uint64_t tag,
							 struct known *known, const bool writes)
{
	const struct sl_flow_table *table = pkt->pool->flow_tables[follow->core->index];

	known->tag = tag;
	known->entry = writes ? sl_flow_table_find(table, tag) : NULL;
	known->word =
		writes ? (known->entry ? known->entry->word : 0) : sl_flow_table_read(table, tag);
	if (!is_usable(follow, pkt, place, known->word))
		known->word = 0;
	if (place->since_ms != SL_PLACE_SETTLED)
		known->word = look_around(follow, pkt, place, tag, known->word);
}

/* An unknown flow, or a connection beginning on ports that may have a live one already: it may be
 * known beside. What is not known and does not fit is to be entered there. */
static inline __attribute__((always_inline)) void
recall_beside(const struct sl_follow *follow, struct sl_follow_pkt *pkt,
	      const struct sl_place *place, struct known *known, const bool writes)
{
	bool begun = known->word && sl_flow_is_begun(known->word);
	bool fit = known->word && fits(pkt, known->word);
	bool error = pkt->pkt->flags & SL_PKT_ICMP_ERROR;
	struct known beside;

	if (fit && !(begun && error))
		return;
	recall(follow, pkt, place, pkt->tag ^ SL_FOLLOW_BESIDE, &beside, writes);
	if (fit ? beside.word && is_better(follow, pkt, beside.word, known->word)
		: beside.word || begun)
		*known = beside;
}

static inline __attribute__((always_inline)) void
follow_pkt(struct sl_follow *follow, struct sl_follow_pkt *pkt, const bool writes)
{
	struct sl_place place;
	struct known known;

	sl_place_find(follow, pkt, &place);
	recall(follow, pkt, &place, pkt->tag, &known, writes);
	if (is_tcp(pkt->pkt) && !sl_follow_begins(pkt->pkt))
		recall_beside(follow, pkt, &place, &known, writes);
	if (known.word && !sl_follow_begins_anew(pkt->pkt, known.word))
		follow_hit(follow, pkt, &place, &known, writes);
	else
		follow_miss(follow, pkt, &place, &known, writes);
}

/* ---- bursts ---------------------------------------------------------------------------------- */

static inline void prefetch_second(const struct sl_follow *follow, const struct sl_follow_pkt *pkt)
{
	rte_prefetch0(sl_flow_table_second(pkt->pool->flow_tables[follow->core->index], pkt->tag));
}

/* Those of the packets that go the straight way are gone; returns the bits of the others. second:
 * which of their two buckets is looked at; after the first one, the second is under way. */
static inline __attribute__((always_inline)) uint64_t follow_straight(struct sl_follow *follow,
								      struct sl_follow_pkt *pkts,
								      uint64_t bits,
								      const bool second)
{
	uint64_t gone = 0;

	for (uint64_t left = bits; left; left &= left - 1) {
		struct sl_follow_pkt *pkt = &pkts[__builtin_ctzll(left)];

		set_clock(follow, pkt->pool);
		pkt->why = SL_WHY_TRACKED;
		pkt->node =
			sl_known_look(&follow->known, follow->snapshot, pkt->pkt, pkt->tag, second);
		if (pkt->node != SL_NODE_NOBODY)
			gone |= left & -left;
		else if (!second)
			prefetch_second(follow, pkt);
	}
	return bits & ~gone;
}

/* Tags, buckets under way; the bits of those that may go the straight way. */
static inline __attribute__((always_inline)) uint64_t
follow_begin(const struct sl_follow *follow, struct sl_follow_pkt *pkts, uint32_t count)
{
	uint64_t straight = 0;

	for (uint32_t n = 0; n < count; n++) {
		struct sl_follow_pkt *pkt = &pkts[n];
		const struct sl_pool_view *pool = pkt->pool;

		pkt->tag = sl_hash_flow(follow->snapshot, pool, pkt->pkt);
		sl_flow_table_prefetch(pool->flow_tables[follow->core->index], pkt->tag);
		pkt->orphan = false;
		if (pkt->settled && pool->tracking == SL_TRACKING_FULL)
			straight |= 1ull << n;
		else
			prefetch_second(follow, pkt);
	}
	return straight;
}

static inline __attribute__((always_inline)) void
follow_all(struct sl_follow *follow, struct sl_follow_pkt *pkts, uint32_t count, const bool writes)
{
	uint64_t all = ~0ull >> (64 - count), straight = follow_begin(follow, pkts, count);

	if (writes && straight) {
		all &= ~straight;
		straight = follow_straight(follow, pkts, straight, false);
		all |= straight ? follow_straight(follow, pkts, straight, true) : 0;
	}
	for (; all; all &= all - 1) {
		struct sl_follow_pkt *pkt = &pkts[__builtin_ctzll(all)];

		set_clock(follow, pkt->pool);
		follow_pkt(follow, pkt, writes);
	}
}

void sl_follow(struct sl_follow *follow, struct sl_follow_pkt *pkts, uint32_t count)
{
	follow_all(follow, pkts, count, true);
}

void sl_follow_look(struct sl_follow *follow, struct sl_follow_pkt *pkts, uint32_t count)
{
	follow_all(follow, pkts, count, false);
}
