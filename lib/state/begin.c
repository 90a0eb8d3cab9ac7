/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/begin.h"

#include <rte_prefetch.h>

#include "state/flow_table.h"
#include "state/follow.h"
#include "state/hash.h"
#include "state/pool_memory.h"

/* Packets whose buckets, two lines each, are under way at a time: with 8 of them 4.4 x floor, 12 3.5 to 4.0,
 * 16 3.9 to 4.3, 24 and all 4.5. */
#define AHEAD 12

/* What a service says of its beginnings; kept from packet to packet. */
struct of_service {
	uint32_t service; /* index */
	const struct sl_pool_view *pool;
	struct sl_flow_table *table; /* NULL: none of its packets goes this way */
	bool asks; /* beginnings are to be told from other packets, which are here, too */
};

/* One that may go this way. */
struct entrant {
	const struct sl_pool_view *pool;
	struct sl_flow_table *table;
	uint64_t tag;
	uint32_t node;
	uint8_t i; /* of the burst */
};

static void look_up(const struct sl_snapshot *snapshot, const struct sl_core *core, uint32_t index,
		    struct of_service *of)
{
	const struct sl_service_view *service = &snapshot->services[index];
	const struct sl_pool_view *pool = &snapshot->pools[service->pool];

	*of = (struct of_service){.service = index, .pool = pool};
	of->asks = pool->tracking == SL_TRACKING_FULL;
	/* Where every flow is known the device may have sent this one to another core before. */
	if (!pool->flow_tables || pool->tracking == SL_TRACKING_NONE ||
	    service->prior_pool != SL_SERVICE_NONE ||
	    (pool->flags & (SL_POOL_PICKS | SL_POOL_BOUNDED)) ||
	    (of->asks && pool->memory->table_count > 1))
		return;
	of->table = pool->flow_tables[core->index];
}

/* A burst on its way. */
struct way {
	const struct sl_snapshot *snapshot;
	struct sl_core *core;
	struct sl_burst *burst;
	uint64_t now_ms;
	struct of_service of;
	const struct sl_pool_view *clock_pool; /* whose clock it is; NULL: none yet */
	struct sl_flow_clock clock;
};

/* Makes the tag of packet i, with its buckets under way. False: it does not go this way. */
static inline bool find(struct way *way, uint32_t i, struct entrant *entrant)
{
	const struct sl_burst *burst = way->burst;
	const struct sl_pkt *pkt = &burst->pkt[i];
	struct of_service *of = &way->of;
	uint32_t word;

	if (burst->service[i] != of->service)
		look_up(way->snapshot, way->core, burst->service[i], of);
	word = of->pool->words[burst->hash[i] >> of->pool->shift];
	if (!of->table || (word & SL_SLOT_OPEN) || !(word & SL_SLOT_NODE) ||
	    (of->asks && !sl_follow_begins(pkt)))
		return false;
	*entrant = (struct entrant){of->pool, of->table, sl_hash_flow(way->snapshot, of->pool, pkt),
				    word & SL_SLOT_NODE, (uint8_t)i};
	sl_flow_table_prefetch(of->table, entrant->tag);
	rte_prefetch0(sl_flow_table_second(of->table, entrant->tag));
	return true;
}

/* False: the table knows it already. */
static inline bool enter(struct way *way, const struct entrant *entrant)
{
	const struct sl_pkt *pkt = &way->burst->pkt[entrant->i];
	uint64_t word;

	if (sl_flow_table_find(entrant->table, entrant->tag))
		return false;
	if (way->clock_pool != entrant->pool)
		sl_flow_clock_init(&way->clock, entrant->pool, way->now_ms);
	way->clock_pool = entrant->pool;
	word = sl_flow_word(entrant->node, sl_follow_class(pkt), SL_FLOW_BEGUN,
			    (uint16_t)(pkt->seq >> 16), way->clock.now);
	(void)sl_flow_table_enter(entrant->table, &way->clock, entrant->tag, word);
	way->burst->node[entrant->i] = entrant->node;
	sl_stats_add(&way->core->stats->nodes[entrant->node].flows_started, 1);
	sl_stats_add(&way->core->stats->extras[way->burst->service[entrant->i]].flows_started, 1);
	return true;
}

uint32_t sl_begin(const struct sl_snapshot *snapshot, struct sl_core *core, struct sl_burst *burst,
		  uint64_t now_ms, uint8_t *list, uint32_t count)
{
	struct way way = {.snapshot = snapshot,
			  .core = core,
			  .burst = burst,
			  .now_ms = now_ms,
			  .of = {.service = SL_SERVICE_NONE}};
	struct entrant entrants[SL_BURST_MAX];
	uint32_t found = 0, done = 0, left = 0;

	for (uint32_t n = 0; n < count; n++) {
		if (find(&way, list[n], &entrants[found]))
			found++;
		else
			list[left++] = list[n];
		if (found - done > AHEAD && !enter(&way, &entrants[done++]))
			list[left++] = entrants[done - 1].i;
	}
	while (done < found)
		if (!enter(&way, &entrants[done++]))
			list[left++] = entrants[done - 1].i;
	return left;
}
