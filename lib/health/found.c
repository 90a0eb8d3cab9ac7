/* SPDX-License-Identifier: BSD-3-Clause */

/* What is found by checks, and what the model is told of it. */

#include "health/inside.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "health/weigh.h"

/* ---- findings -------------------------------------------------------------------------------- */

/* The share of its weight that a node has now. */
static uint32_t scale_of(const struct sl_checked *entry)
{
	uint64_t scale = SL_WEIGH_ONE;

	if (entry->weight_from == SL_WEIGHT_FROM_AGENT)
		scale = entry->percent;
	else if (entry->weight_from == SL_WEIGHT_FROM_LATENCY)
		scale = entry->share;
	if (entry->up_ms && entry->slow_start_ms)
		scale = scale * sl_weigh_ramp(sl_clock_ms() - entry->up_ms, entry->slow_start_ms) /
			SL_WEIGH_ONE;
	return (uint32_t)SL_MAX(scale, 1u);
}

/* What the model could not take is told again with the node's next finding. */
static void tell_model(struct sl_health *health)
{
	if (sl_notices_tell(&health->notices, health->model) == 0)
		return;
	for (uint32_t i = 0; i < health->notices.count; i++)
		health->entries[health->notices.of[i].id]->untold = true;
}

/* All that was found in a turn is one change. */
void sl_found_tell(void *context)
{
	struct sl_health *health = context;

	tell_model(health);
	health->notices.count = 0;
}

/* Whether the model does not know it so. */
static bool is_news(const struct sl_checked *entry, bool down, uint8_t asked)
{
	return entry->untold || down != entry->down || asked != entry->asked ||
	       scale_of(entry) != entry->scale;
}

static void notice(struct sl_health *health, struct sl_checked *entry, bool down, uint8_t asked,
		   const struct sl_finding *finding)
{
	struct sl_notice *notice = &health->notices.of[health->notices.count++];

	if (entry->down && !down)
		entry->up_ms = sl_clock_ms();
	*notice = (struct sl_notice){
		.id = entry->index,
		.is_said = entry->untold || down != entry->down || asked != entry->asked,
		.change = {.kind = SL_CHANGE_HEALTH,
			   .pool = entry->pool,
			   .node = entry->node,
			   .healthy = !down,
			   .stays = entry->spec->conf.on_down == SL_ON_DOWN_KEEP,
			   .asked = asked,
			   .scale = scale_of(entry)}};
	sl_together_why(health, entry, notice->why, sizeof(notice->why));
	if (!notice->why[0])
		sl_notice_why(notice, finding);
	entry->down = down;
	entry->asked = asked;
	entry->scale = notice->change.scale;
	entry->untold = false;
	if (health->notices.count == SL_NOTICES_MAX)
		sl_found_tell(health);
}

static void settle(struct sl_health *health, struct sl_checked *entry,
		   const struct sl_finding *finding)
{
	const struct sl_judged judged = sl_together_judge(health, entry);

	if (is_news(entry, judged.down, judged.asked))
		notice(health, entry, judged.down, judged.asked, finding);
}

void sl_found_settle(struct sl_health *health, struct sl_checked *entry)
{
	settle(health, entry, &entry->last);
}

static void take_word(struct sl_health *health, struct sl_checked *entry,
		      const struct sl_agent_word *word)
{
	uint8_t asked = sl_agent_asks(&entry->by_agent, word);

	health->say_due |= asked != entry->asked_here;
	entry->asked_here = asked;
	if (word->percent_set)
		entry->percent = SL_MIN(word->percent, 100u) * (SL_WEIGH_ONE / 100);
}

static void on_agent(struct sl_health *health, struct sl_checked *entry,
		     const struct sl_finding *finding)
{
	if (finding->result != SL_HEALTH_OK)
		return;
	take_word(health, entry, &finding->agent);
	settle(health, entry, finding);
}

void sl_found_take(void *context, const struct sl_finding *finding)
{
	struct sl_health *health = context;
	struct sl_checked *entry = health->entries[finding->id];

	if (!entry || entry->serial != finding->serial)
		return;
	if (finding->is_agent) {
		on_agent(health, entry, finding);
		return;
	}
	if (finding->blind && !entry->blind)
		sl_log(SL_LOG_WARNING, "pool %s: node %s cannot be checked: %s", entry->pool,
		       entry->node, finding->say);
	health->say_due |= !entry->answered || entry->blind != finding->blind ||
			   entry->state != finding->state;
	entry->last = *finding;
	entry->answered = true;
	entry->blind = finding->blind;
	if (entry->spec->conf.type == SL_HEALTH_TYPE_AGENT && finding->result == SL_HEALTH_OK)
		take_word(health, entry, &finding->agent);
	if (finding->result == SL_HEALTH_OK)
		entry->smooth_us = sl_weigh_smooth(entry->smooth_us, finding->us);
	if (entry->state != finding->state)
		entry->since_ms = sl_clock_wall_ms();
	entry->state = finding->state;
	settle(health, entry, finding);
}

/* ---- weights with time ----------------------------------------------------------------------- */

/* The quickest node of an entry's pool that is up. */
static uint32_t quickest(const struct sl_health *health, const struct sl_image_pool *pool)
{
	uint32_t least = 0;

	for (uint32_t n = 0; n < pool->listed_count; n++) {
		const struct sl_checked *entry = health->entries[pool->nodes[n].index];

		if (entry && entry->state == SL_HEALTH_UP && entry->smooth_us &&
		    (!least || entry->smooth_us < least))
			least = entry->smooth_us;
	}
	return least;
}

static void weigh_pool(struct sl_health *health, const struct sl_image_pool *pool, bool controls)
{
	uint32_t least = controls && pool->conf.weight_from == SL_WEIGHT_FROM_LATENCY
				 ? quickest(health, pool)
				 : 0;

	for (uint32_t n = 0; n < pool->listed_count; n++) {
		struct sl_checked *entry = health->entries[pool->nodes[n].index];

		if (!entry)
			continue;
		if (least)
			entry->share = sl_weigh_step(entry->share, entry->smooth_us, least);
		if (scale_of(entry) != entry->scale)
			notice(health, entry, entry->down, entry->asked, &entry->last);
	}
	sl_found_tell(health);
}

/* Pools whose weights change with time, eight times a second at most. The image may change under way:
 * its pools by number are looked at one by one. */
void sl_found_weigh(struct sl_health *health)
{
	uint64_t now_ms = sl_clock_ms();
	bool controls = now_ms - health->controlled_ms >= SL_WEIGH_PERIOD_MS;

	if (controls)
		health->controlled_ms = now_ms;
	for (uint32_t p = 0; p < sl_model_image(health->model)->listed_count; p++) {
		struct sl_image *image = sl_image_get(sl_model_image(health->model));
		const struct sl_image_pool *pool = image->pools[p];

		if (pool->conf.slow_start_ms || pool->conf.weight_from == SL_WEIGHT_FROM_LATENCY)
			weigh_pool(health, pool, controls);
		sl_image_put(image);
	}
}
