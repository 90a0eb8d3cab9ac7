/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/place.h"

#include "state/hash.h"
#include "state/pool_memory.h"
#include "state/slots.h"

/* ---- slots and services ---------------------------------------------------------------------- */

static bool is_closing(const struct sl_follow *follow, uint64_t open_until_ms)
{
	return follow->now_ms >= open_until_ms &&
	       follow->now_ms < open_until_ms + SL_SETTLE_MARGIN_MS;
}

void sl_place_find_slot(const struct sl_follow *follow, const struct sl_pool_view *pool,
			uint64_t hash, struct sl_place *place)
{
	uint32_t slot = (uint32_t)(hash >> pool->shift);
	uint32_t word = pool->words[slot];

	*place = (struct sl_place){.node = word & SL_SLOT_NODE,
				   .lent = word & SL_SLOT_LENT,
				   .stamp = slot >> pool->stamp_shift,
				   .since_ms = SL_PLACE_SETTLED,
				   .before = word & SL_SLOT_NODE};
	if (word & SL_SLOT_OPEN) {
		const struct sl_open_slot *open = &pool->open[word & SL_SLOT_NODE];

		place->node = open->node;
		place->lent = open->lent;
		place->unsettled = true;
		place->since_ms = open->since_ms;
		place->before = open->prior;
		place->closing = is_closing(follow, open->open_until_ms);
		if (sl_place_keeps(follow, open->prior))
			place->of_slot = (struct sl_prior){open->prior, open->open_until_ms};
	} else if (pool->tracking == SL_TRACKING_FULL) {
		place->since_ms = 0;
	}
}

/* A service that was pointed at another pool, or a packet that was another's: the prior is what the
 * pool before says. */
static void find_service(const struct sl_follow *follow, const struct sl_service_view *service,
			 const struct sl_pkt *pkt, struct sl_place *place)
{
	struct sl_origin *origin = follow->origin;
	const struct sl_pool_view *prior;
	struct sl_place old;
	uint32_t node;

	sl_origin_find(follow->snapshot, service, pkt, follow->now_ms, origin);
	prior = &follow->snapshot->pools[origin->pool];
	place->since_ms = SL_MIN(place->since_ms, origin->since_ms);
	place->closing |= is_closing(follow, origin->until_ms);
	place->unsettled = true;
	if (prior->words) {
		sl_place_find_slot(follow, prior, sl_hash_slot(follow->snapshot, prior, pkt), &old);
		node = follow->now_ms < old.of_slot.until_ms ? old.of_slot.node : old.node;
		if (sl_place_keeps(follow, node))
			place->of_service = (struct sl_prior){node, origin->until_ms};
	}
	/* Nobody is there any more, and control does not know when it moves the packets again: it
	 * takes this for open. */
	if (!place->of_service.node && follow->now_ms < origin->until_ms)
		place->closing = true;
}

void sl_place_find(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		   struct sl_place *place)
{
	const struct sl_service_view *service = &follow->snapshot->services[pkt->service];
	const struct sl_prior *prior = &place->of_service;

	sl_place_find_slot(follow, pkt->pool, pkt->hash, place);
	if (service->prior_pool != SL_SERVICE_NONE)
		find_service(follow, service, pkt->pkt, place);
	if (place->of_slot.node && follow->now_ms >= place->of_service.until_ms)
		prior = &place->of_slot;
	place->prior = prior->node;
	place->open = follow->now_ms < prior->until_ms;
}

/* ---- stamps ---------------------------------------------------------------------------------- */

/* Whether the prior is held open for one idle timeout more. */
static bool is_held(const struct sl_follow *follow, const struct sl_pool_view *pool,
		    const struct sl_prior *prior, uint32_t refused)
{
	uint64_t longest =
		SL_MAX(SL_MAX(pool->idle_ms_tcp, pool->idle_ms_udp), pool->idle_ms_other);

	return prior->node && refused && refused <= sl_tick(prior->until_ms) &&
	       follow->now_ms < ((uint64_t)refused << SL_TICK_SHIFT) + longest;
}

static bool is_held_by_any(const struct sl_follow *follow, const struct sl_pool_view *pool,
			   uint32_t stamp, const struct sl_prior *prior)
{
	for (uint32_t i = 0; i < pool->memory->core_count; i++)
		if (is_held(follow, pool, prior,
			    __atomic_load_n(&pool->stamps[i][stamp].refused, __ATOMIC_RELAXED)))
			return true;
	return false;
}

/* The same for the service: some core could not enter the flow in one of the pools it was at. */
static bool is_service_held(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			    const struct sl_place *place)
{
	const struct sl_snapshot *snapshot = follow->snapshot;
	const struct sl_origin *origin = follow->origin;

	if (!place->of_service.node)
		return false;
	for (uint32_t i = 0; i < origin->via_count; i++) {
		const struct sl_pool_view *pool = &snapshot->pools[origin->via[i]];
		uint64_t hash;

		if (!pool->words || !pool->memory)
			continue;
		hash = sl_hash_slot(snapshot, pool, pkt->pkt);
		if (is_held_by_any(follow, pool,
				   (uint32_t)(hash >> pool->shift) >> pool->stamp_shift,
				   &place->of_service))
			return true;
	}
	return is_held_by_any(follow, pkt->pool, place->stamp, &place->of_service);
}

void sl_place_hold(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		   struct sl_place *place)
{
	const struct sl_prior *prior = &place->of_service;

	if (follow->now_ms < prior->until_ms)
		return;
	if (!is_service_held(follow, pkt, place)) {
		prior = &place->of_slot;
		if (follow->now_ms < prior->until_ms ||
		    !is_held_by_any(follow, pkt->pool, place->stamp, prior))
			return;
	}
	place->prior = prior->node;
	place->open = place->held = true;
}

static inline void stamp(uint32_t *word, uint64_t now_ms)
{
	uint32_t tick = sl_tick(now_ms);

	if (*word != tick)
		__atomic_store_n(word, tick, __ATOMIC_RELAXED);
}

void sl_place_stamp_away(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			 const struct sl_place *place)
{
	if (pkt->node == place->node || !place->unsettled ||
	    pkt->pool->tracking == SL_TRACKING_FULL)
		return;
	stamp(&pkt->pool->stamps[follow->core->index][place->stamp].away, follow->now_ms);
	if (sl_place_is_pointed(follow, pkt))
		stamp(&follow->core->stats->service_stamps[pkt->service].away, follow->now_ms);
}

void sl_place_stamp_refused(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			    const struct sl_place *place)
{
	if (!place->open || place->held)
		return;
	stamp(&pkt->pool->stamps[follow->core->index][place->stamp].refused, follow->now_ms);
	if (sl_place_is_pointed(follow, pkt))
		stamp(&follow->core->stats->service_stamps[pkt->service].refused, follow->now_ms);
}
