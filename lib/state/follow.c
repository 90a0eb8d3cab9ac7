/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/follow.h"

#include "sched/pick.h"
#include "state/burst.h"
#include "state/hash.h"
#include "state/pool_memory.h"

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define TCP_ENDS     (SL_TCP_FIN | SL_TCP_RST)

#define TCP_HEADER_SIZE_MAX 60

/* What the packet's slot and service say. */
struct place {
	uint32_t node;	/* for new flows */
	uint32_t lent;	/* SL_SLOT_LENT or 0 */
	uint32_t prior; /* for unknown ones while open */
	uint32_t slot;
	bool unsettled; /* entries may name other nodes than node */
	bool open;
	bool by_service; /* the service is what is unsettled */
};

/* ---- slots and services -------------------------------------------------------------------------
 */

static void find_slot(const struct sl_pool_view *pool, uint64_t hash, uint64_t now_ms,
		      struct place *place)
{
	uint32_t slot = (uint32_t)(hash >> pool->shift);
	uint32_t word = pool->words[slot];

	*place = (struct place){.node = word & SL_SLOT_NODE,
				.lent = word & SL_SLOT_LENT,
				.prior = SL_NODE_NOBODY,
				.slot = slot};
	if (word & SL_SLOT_OPEN) {
		const struct sl_open_slot *open = &pool->open[word & SL_SLOT_NODE];

		place->node = open->node;
		place->lent = open->lent;
		place->prior = open->prior;
		place->unsettled = true;
		place->open = now_ms < open->open_until_ms;
	}
}

static bool keeps(const struct sl_follow *follow, uint32_t node)
{
	return sl_snapshot_node_flags(follow->snapshot, node) & SL_NODE_KEEPS;
}

/* A service that was pointed at another pool: its prior is what the old pool says. */
static void find_service(const struct sl_follow *follow, const struct sl_service_view *service,
			 const struct sl_pkt *pkt, struct place *place)
{
	const struct sl_pool_view *prior = &follow->snapshot->pools[service->prior_pool];
	struct place old;
	uint32_t node;

	place->unsettled = true;
	place->by_service = true;
	if (!prior->words)
		return;
	find_slot(prior, sl_hash_slot(follow->snapshot, prior, pkt), follow->now_ms, &old);
	node = old.open ? old.prior : old.node;
	if (!keeps(follow, node))
		return;
	place->prior = node;
	place->open = follow->now_ms < service->open_until_ms;
}

static void find_place(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		       struct place *place)
{
	const struct sl_service_view *service = &follow->snapshot->services[pkt->service];

	find_slot(pkt->pool, pkt->hash, follow->now_ms, place);
	if (service->prior_pool != SL_SERVICE_NONE)
		find_service(follow, service, pkt->pkt, place);
}

/* ---- stamps -------------------------------------------------------------------------------------
 */

static bool is_recent(const struct sl_follow *follow, const struct sl_pool_view *pool,
		      uint32_t refused)
{
	uint64_t longest =
		SL_MAX(SL_MAX(pool->idle_ms_tcp, pool->idle_ms_udp), pool->idle_ms_other);

	return refused && follow->now_ms < ((uint64_t)refused << SL_TICK_SHIFT) + longest;
}

/* Whether the slot is open for one idle timeout more, because a live flow found no room. */
static bool is_held_open(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			 const struct place *place)
{
	const struct sl_pool_view *pool = pkt->pool;

	if (!place->unsettled || !keeps(follow, place->prior))
		return false;
	if (place->by_service) {
		const struct sl_stamp *stamps = follow->core->stats->service_stamps;

		return is_recent(follow, pool,
				 __atomic_load_n(&stamps[pkt->service].refused, __ATOMIC_RELAXED));
	}
	for (uint32_t i = 0; i < pool->memory->core_count; i++)
		if (is_recent(follow, pool,
			      __atomic_load_n(&pool->stamps[i][place->slot].refused,
					      __ATOMIC_RELAXED)))
			return true;
	return false;
}

static inline void stamp(uint32_t *word, uint64_t now_ms)
{
	uint32_t tick = sl_tick(now_ms);

	if (*word != tick)
		__atomic_store_n(word, tick, __ATOMIC_RELAXED);
}

/* A packet goes elsewhere than to the slot's node. Full tracking needs no stamps: it knows every
 * flow. */
static void stamp_away(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		       const struct place *place)
{
	if (pkt->node == place->node || !place->unsettled ||
	    pkt->pool->tracking == SL_TRACKING_FULL)
		return;
	stamp(&pkt->pool->stamps[follow->core->index][place->slot].away, follow->now_ms);
	if (place->by_service)
		stamp(&follow->core->stats->service_stamps[pkt->service].away, follow->now_ms);
}

/* A live flow found no room while the slot was open. What is held open already is not prolonged. */
static void stamp_refused(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			  const struct place *place)
{
	if (!place->open)
		return;
	stamp(&pkt->pool->stamps[follow->core->index][place->slot].refused, follow->now_ms);
	if (place->by_service)
		stamp(&follow->core->stats->service_stamps[pkt->service].refused, follow->now_ms);
}

/* ---- entries ------------------------------------------------------------------------------------
 */

/* Whether the entry says where the flow is. On a settled slot one that names another node is left
 * over from before. */
static bool is_usable(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		      const struct place *place, uint64_t word)
{
	return word && sl_flow_counts(&follow->clock, word) && keeps(follow, sl_flow_node(word)) &&
	       (place->unsettled || pkt->pool->tracking == SL_TRACKING_FULL ||
		sl_flow_node(word) == place->node);
}

/* The younger one of word and what the pool's tables know, but for the core's own. */
static uint64_t younger_of(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			   const struct place *place, const struct sl_pool_view *pool, uint64_t tag,
			   uint64_t word)
{
	const struct sl_flow_table *own = pkt->pool->flow_tables[follow->core->index];

	for (uint32_t i = 0; pool->flow_tables && i < pool->memory->table_count; i++) {
		uint64_t found;

		if (pool->flow_tables[i] == own)
			continue;
		found = sl_flow_table_read(pool->flow_tables[i], tag);
		if (is_usable(follow, pkt, place, found) &&
		    (!word ||
		     sl_flow_age(&follow->clock, found) < sl_flow_age(&follow->clock, word)))
			word = found;
	}
	return word;
}

/* What others know of the flow when the own table does not, or has not heard of it for a while. */
static uint64_t look_around(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			    const struct place *place, uint64_t word)
{
	const struct sl_snapshot *snapshot = follow->snapshot;
	const struct sl_service_view *service = &snapshot->services[pkt->service];

	if (word && sl_flow_age(&follow->clock, word) <= SL_FOLLOW_FRESH_TICKS)
		return word;
	if (pkt->pool->memory->table_count > 1)
		word = younger_of(follow, pkt, place, pkt->pool, pkt->tag, word);
	if (word || service->prior_pool == SL_SERVICE_NONE)
		return word;
	for (uint32_t i = 0; i <= service->via_count; i++) {
		uint32_t index = i ? service->via[i - 1] : service->prior_pool;
		const struct sl_pool_view *pool = &snapshot->pools[index];

		word = younger_of(follow, pkt, place, pool, sl_hash_flow(snapshot, pool, pkt->pkt),
				  word);
	}
	return word;
}

static enum sl_flow_class class_of(const struct sl_pkt *pkt)
{
	if (pkt->key.protocol == PROTOCOL_TCP)
		return SL_FLOW_TCP;
	return pkt->key.protocol == PROTOCOL_UDP ? SL_FLOW_UDP : SL_FLOW_OTHER;
}

static bool is_tcp(const struct sl_pkt *pkt)
{
	return pkt->key.protocol == PROTOCOL_TCP;
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

/* Kind of the entry of a flow that is first seen with this packet. */
static enum sl_flow_kind kind_of(const struct sl_pkt *pkt)
{
	if (sl_follow_begins(pkt))
		return SL_FLOW_BEGUN;
	return is_tcp(pkt) && (pkt->tcp_flags & TCP_ENDS) ? SL_FLOW_CLOSING : SL_FLOW_LIVE;
}

static uint64_t first_word(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			   uint32_t node)
{
	return sl_flow_word(node, class_of(pkt->pkt), kind_of(pkt->pkt),
			    (uint16_t)(pkt->pkt->seq >> 16), follow->clock.now);
}

/* The entry after this packet of its flow. */
static uint64_t next_word(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			  uint64_t word)
{
	const struct sl_pkt *p = pkt->pkt;
	enum sl_flow_kind kind = sl_flow_kind(word);
	uint16_t seq = sl_flow_seq(word);

	if (!is_tcp(p))
		kind = SL_FLOW_LIVE;
	else if (!has_tcp_header(p))
		;
	else if (p->tcp_flags & TCP_ENDS)
		kind = SL_FLOW_CLOSING;
	else if (sl_follow_begins(p))
		seq = (uint16_t)(p->seq >> 16);
	else if (kind != SL_FLOW_CLOSING || has_data(p))
		kind = SL_FLOW_LIVE;
	return sl_flow_word(sl_flow_node(word), sl_flow_class(word), kind, seq, follow->clock.now);
}

/* Whether a packet can be of the connection that a SYN began: a spoofed SYN must not pull over a
 * live one, whose sequence numbers are elsewhere. The other direction of a symmetric pool answers
 * with numbers of its own: its SYN with ACK is believed. */
static bool fits(const struct sl_follow_pkt *pkt, uint64_t word)
{
	const struct sl_pkt *p = pkt->pkt;
	uint16_t ahead = (uint16_t)((p->seq >> 16) - sl_flow_seq(word));

	if (sl_flow_kind(word) != SL_FLOW_BEGUN || !has_tcp_header(p) || sl_follow_begins(p))
		return true;
	if ((pkt->pool->flags & SL_POOL_SYMMETRIC) && (p->tcp_flags & SL_TCP_SYN))
		return true;
	return ahead <= SL_FOLLOW_SEQ_REACH;
}

/* ---- one packet ---------------------------------------------------------------------------------
 */

/* Writes the flow's entry; false: there is no room for it. */
static bool enter(struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		  struct sl_flow_entry *entry, uint64_t word)
{
	struct sl_flow_table *table = pkt->pool->flow_tables[follow->core->index];

	if (sl_flow_node(word) == SL_NODE_NOBODY)
		return false;
	if (!entry)
		entry = sl_flow_table_room(table, &follow->clock, pkt->tag);
	if (!entry)
		return false;
	sl_flow_table_write(table, entry, pkt->tag, word);
	return true;
}

static void count_beginning(struct sl_follow *follow, uint32_t node)
{
	sl_stats_add(&follow->core->stats->nodes[node].flows_started, 1);
}

static inline __attribute__((always_inline)) void
follow_hit(struct sl_follow *follow, struct sl_follow_pkt *pkt, const struct place *place,
	   struct sl_flow_entry *entry, uint64_t word, const bool writes)
{
	bool fit = fits(pkt, word);

	pkt->node = sl_flow_node(word);
	pkt->why = SL_WHY_TRACKED;
	if (pkt->pkt->flags & SL_PKT_ICMP_ERROR)
		return;
	if (!fit) {
		bool back = place->unsettled && keeps(follow, place->prior);

		pkt->node = back ? place->prior : place->node;
		pkt->why = back ? SL_WHY_PRIOR : place->lent ? SL_WHY_LENT : SL_WHY_SLOT;
	}
	if (!writes)
		return;
	if (fit && !enter(follow, pkt, entry, next_word(follow, pkt, word)))
		stamp_refused(follow, pkt, place);
	stamp_away(follow, pkt, place);
}

/* Where a new flow goes: the slot's node, or whom the scheduler chooses. TCP in mid-life is no new
 * flow. */
static uint32_t new_node(struct sl_follow *follow, struct sl_follow_pkt *pkt,
			 const struct place *place, const bool writes)
{
	const struct sl_pool_view *pool = pkt->pool;
	const struct sl_pick_live live = {.per_core =
						  (const uint32_t *const *)pool->memory->node_load,
					  .cores = pool->memory->core_count};
	struct sl_pick_state *state = &pool->memory->pick_states[follow->core->index];
	struct sl_pick_state copy;

	pkt->why = place->lent ? SL_WHY_LENT : SL_WHY_SLOT;
	if (!(pool->flags & SL_POOL_PICKS) || (is_tcp(pkt->pkt) && !sl_follow_begins(pkt->pkt)))
		return place->node;
	pkt->why = SL_WHY_SCHEDULER;
	if (writes)
		return sl_pick_next(pool->pick, state, &live);
	copy = *state;
	return sl_pick_next(pool->pick, &copy, &live);
}

/* An unknown flow in an open slot. */
static inline __attribute__((always_inline)) void
follow_open(struct sl_follow *follow, struct sl_follow_pkt *pkt, const struct place *place,
	    struct sl_flow_entry *entry, const bool writes)
{
	bool begins = sl_follow_begins(pkt->pkt);
	uint32_t node = begins ? new_node(follow, pkt, place, writes) : place->prior;
	bool entered = !writes || enter(follow, pkt, entry, first_word(follow, pkt, node));

	pkt->node = node;
	if (!begins || !entered) {
		pkt->node = place->prior;
		pkt->why = SL_WHY_PRIOR;
	}
	if (!writes)
		return;
	if (!begins && !entered)
		stamp_refused(follow, pkt, place);
	if (begins)
		count_beginning(follow, pkt->node);
	stamp_away(follow, pkt, place);
}

/* An unknown flow elsewhere. */
static inline __attribute__((always_inline)) void
follow_new(struct sl_follow *follow, struct sl_follow_pkt *pkt, const struct place *place,
	   struct sl_flow_entry *entry, const bool writes)
{
	bool begins = sl_follow_begins(pkt->pkt);
	bool enters = begins || pkt->pool->tracking == SL_TRACKING_FULL;

	pkt->node = new_node(follow, pkt, place, writes);
	if (!writes || !enters)
		return;
	if (!enter(follow, pkt, entry, first_word(follow, pkt, pkt->node)) &&
	    pkt->why == SL_WHY_SCHEDULER) {
		pkt->node = place->node; /* as every packet of a flow that finds no room */
		pkt->why = place->lent ? SL_WHY_LENT : SL_WHY_SLOT;
	}
	count_beginning(follow, pkt->node);
}

static inline __attribute__((always_inline)) void
follow_miss(struct sl_follow *follow, struct sl_follow_pkt *pkt, const struct place *place,
	    struct sl_flow_entry *entry, const bool writes)
{
	bool open = place->open || is_held_open(follow, pkt, place);

	if (pkt->pkt->flags & SL_PKT_ICMP_ERROR) {
		pkt->node = open ? place->prior : place->node;
		pkt->why = open ? SL_WHY_PRIOR : place->lent ? SL_WHY_LENT : SL_WHY_SLOT;
	} else if (open) {
		follow_open(follow, pkt, place, entry, writes);
	} else {
		follow_new(follow, pkt, place, entry, writes);
	}
}

static void set_clock(struct sl_follow *follow, const struct sl_pool_view *pool)
{
	if (follow->clock_pool == pool)
		return;
	follow->clock_pool = pool;
	sl_flow_clock_init(&follow->clock, pool, follow->now_ms);
}

/* A new connection of ports that were used before. */
static bool begins_anew(const struct sl_pkt *pkt, uint64_t word)
{
	return sl_flow_kind(word) == SL_FLOW_CLOSING && is_tcp(pkt) && sl_follow_begins(pkt);
}

static inline __attribute__((always_inline)) void
follow_pkt(struct sl_follow *follow, struct sl_follow_pkt *pkt, const bool writes)
{
	const struct sl_pool_view *pool = pkt->pool;
	const struct sl_flow_table *table = pool->flow_tables[follow->core->index];
	struct sl_flow_entry *entry = writes ? sl_flow_table_find(table, pkt->tag) : NULL;
	uint64_t word = writes ? (entry ? entry->word : 0) : sl_flow_table_read(table, pkt->tag);
	struct place place;

	set_clock(follow, pool);
	find_place(follow, pkt, &place);
	if (!is_usable(follow, pkt, &place, word))
		word = 0;
	if (place.unsettled || pool->tracking == SL_TRACKING_FULL)
		word = look_around(follow, pkt, &place, word);
	if (word && !begins_anew(pkt->pkt, word))
		follow_hit(follow, pkt, &place, entry, word, writes);
	else
		follow_miss(follow, pkt, &place, entry, writes);
}

void sl_follow(struct sl_follow *follow, struct sl_follow_pkt *pkt)
{
	follow_pkt(follow, pkt, true);
}

void sl_follow_look(struct sl_follow *follow, struct sl_follow_pkt *pkt)
{
	follow_pkt(follow, pkt, false);
}
