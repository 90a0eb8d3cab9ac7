/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/begin.h"

#include <rte_prefetch.h>

#include "state/flow_table.h"
#include "state/follow.h"
#include "state/hash.h"
#include "state/pool_memory.h"

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
	    service->prior_pool != SL_SERVICE_NONE || (pool->flags & SL_POOL_PICKS) ||
	    (of->asks && pool->memory->table_count > 1))
		return;
	of->table = pool->flow_tables[core->index];
}

/* Tags, with buckets under way. The others stay in the list: *left of them. */
static inline uint32_t find(const struct sl_snapshot *snapshot, const struct sl_core *core,
			    struct sl_burst *burst, uint8_t *list, uint32_t count,
			    struct entrant *entrants, uint32_t *left)
{
	struct of_service of = {.service = SL_SERVICE_NONE};
	uint32_t found = 0, others = 0;

	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = list[n], word;
		const struct sl_pkt *pkt = &burst->pkt[i];

		if (burst->service[i] != of.service)
			look_up(snapshot, core, burst->service[i], &of);
		word = of.pool->words[burst->hash[i] >> of.pool->shift];
		if (!of.table || (word & SL_SLOT_OPEN) || !(word & SL_SLOT_NODE) ||
		    (of.asks && !sl_follow_begins(pkt))) {
			list[others++] = (uint8_t)i;
			continue;
		}
		entrants[found] =
			(struct entrant){of.pool, of.table, sl_hash_flow(snapshot, of.pool, pkt),
					 word & SL_SLOT_NODE, (uint8_t)i};
		sl_flow_table_prefetch(of.table, entrants[found].tag);
		rte_prefetch0(sl_flow_table_second(of.table, entrants[found].tag));
		found++;
	}
	*left = others;
	return found;
}

uint32_t sl_begin(const struct sl_snapshot *snapshot, struct sl_core *core, struct sl_burst *burst,
		  uint64_t now_ms, uint8_t *list, uint32_t count)
{
	struct entrant entrants[SL_BURST_MAX];
	const struct sl_pool_view *clock_pool = NULL;
	struct sl_flow_clock clock;
	uint32_t left, found = find(snapshot, core, burst, list, count, entrants, &left);

	for (uint32_t n = 0; n < found; n++) {
		const struct entrant *entrant = &entrants[n];
		const struct sl_pkt *pkt = &burst->pkt[entrant->i];

		if (sl_flow_table_find(entrant->table, entrant->tag)) {
			list[left++] = entrant->i;
			continue;
		}
		if (clock_pool != entrant->pool)
			sl_flow_clock_init(&clock, entrant->pool, now_ms);
		clock_pool = entrant->pool;
		burst->node[entrant->i] = entrant->node;
		(void)sl_flow_table_enter(entrant->table, &clock, entrant->tag,
					  sl_flow_word(entrant->node, sl_follow_class(pkt),
						       SL_FLOW_BEGUN, (uint16_t)(pkt->seq >> 16),
						       clock.now));
		sl_stats_add(&core->stats->nodes[entrant->node].flows_started, 1);
	}
	return left;
}
