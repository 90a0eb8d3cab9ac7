/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/health.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "health/notice.h"
#include "health/prober.h"
#include "health/weigh.h"

/* A node that has a check. */
struct entry {
	uint32_t index; /* of the node */
	struct sl_health_spec *spec;
	struct sl_addr address;
	uint16_t port;
	bool agent; /* one beside the check */
	char pool[SL_NAME_SIZE], node[SL_NAME_SIZE];
	uint32_t serial;
	uint64_t epoch;	   /* of the change that saw it last */
	uint64_t since_ms; /* wall clock */
	uint8_t asked;	   /* enum sl_hand, by its agent, as the model was told */
	struct sl_agent_asked by_agent;
	bool down;	/* as the model was told */
	bool untold;	/* but it could not take that */
	uint32_t scale; /* of the weight, as the model was told */
	uint32_t slow_start_ms;
	enum sl_conf_weight_from weight_from;
	uint64_t up_ms;		   /* sl_clock_ms() when it came up again; 0: it was never down */
	uint32_t percent;	   /* of the agent, in millionths */
	uint32_t smooth_us, share; /* of the controller by latency */
	enum sl_health_state state;
	bool answered, blind;
	struct sl_finding last;
};

struct sl_health {
	struct sl_model *model;
	struct sl_prober *prober;
	struct sl_model_listener listener;
	struct entry **entries; /* SL_NODE_INDEX_MAX */
	uint64_t epoch;
	uint32_t serial;
	bool failing;		   /* no memory, and it was said */
	struct sl_notices notices; /* of this turn */
	struct event *timer;	   /* for weights that change with time */
	uint64_t controlled_ms;	   /* when the controller made its last step */
};

/* ---- targets ------------------------------------------------------------------------------------
 */

static void complain(struct sl_health *health)
{
	if (!health->failing)
		sl_log(SL_LOG_ERROR, "no memory for health checks: some nodes are not checked");
	health->failing = true;
}

static void drop_entry(struct sl_health *health, uint32_t index)
{
	struct entry *entry = health->entries[index];

	if (!entry)
		return;
	if (sl_prober_drop(health->prober, index, false) ||
	    (entry->agent && sl_prober_drop(health->prober, index, true)))
		complain(health);
	sl_health_spec_put(entry->spec);
	free(entry);
	health->entries[index] = NULL;
}

static void set_targets(struct sl_health *health, uint32_t index, const struct entry *entry,
			bool had_agent)
{
	struct sl_target target = {.id = index,
				   .serial = entry->serial,
				   .spec = entry->spec,
				   .address = entry->address,
				   .port = entry->port};
	int rc;

	memcpy(target.pool, entry->pool, SL_NAME_SIZE);
	memcpy(target.node, entry->node, SL_NAME_SIZE);
	rc = sl_prober_set(health->prober, &target);
	target.is_agent = true;
	target.port = entry->spec->conf.agent_port;
	if (rc == 0 && entry->agent)
		rc = sl_prober_set(health->prober, &target);
	else if (rc == 0 && had_agent)
		rc = sl_prober_drop(health->prober, index, true);
	if (rc)
		complain(health);
}

/* One spec for all nodes of a pool that are checked alike; *shared is the last one. */
static struct sl_health_spec *spec_of(const struct sl_conf_health *conf,
				      struct sl_health_spec **shared)
{
	struct sl_health_spec *spec;
	struct sl_err err;

	if (*shared && sl_conf_health_equal(&(*shared)->conf, conf))
		return sl_health_spec_get(*shared);
	if (sl_health_spec_create(conf, &spec, &err)) {
		sl_log(SL_LOG_ERROR, "%s", err.text);
		return NULL;
	}
	sl_health_spec_put(*shared);
	*shared = sl_health_spec_get(spec);
	return spec;
}

static bool is_checked(const struct sl_image_node *node, const struct sl_conf_node *conf,
		       const struct sl_conf_health *check)
{
	return !node->leaving && check->type != SL_HEALTH_TYPE_NONE && conf->kind == SL_NODE_REMOTE;
}

/* The node as the image has it now: a new entry, one that differs, or the same as before. */
static void refresh(struct sl_health *health, const struct sl_image_pool *pool,
		    const struct sl_image_node *node, const struct sl_conf_node *conf,
		    struct sl_health_spec *spec)
{
	struct entry *entry = health->entries[node->index];
	bool fresh = !entry || !sl_addr_equal(&entry->address, &conf->address), had_agent = false;
	bool same = !fresh && sl_conf_health_equal(&entry->spec->conf, &spec->conf);

	if (!entry)
		entry = calloc(1, sizeof(*entry));
	if (!entry) {
		sl_health_spec_put(spec);
		complain(health);
		return;
	}
	had_agent = entry->agent;
	if (fresh) {
		sl_health_spec_put(entry->spec);
		*entry = (struct entry){.index = node->index,
					.serial = ++health->serial,
					.since_ms = sl_clock_wall_ms(),
					.scale = SL_WEIGH_ONE,
					.percent = SL_WEIGH_ONE,
					.share = SL_WEIGH_ONE,
					.down = node->down,
					.asked = node->asked,
					.by_agent = sl_agent_asked_before(node->asked)};
		memcpy(entry->node, node->name, SL_NAME_SIZE);
	} else {
		sl_health_spec_put(entry->spec);
	}
	memcpy(entry->pool, pool->name, SL_NAME_SIZE);
	entry->spec = spec;
	entry->address = conf->address;
	entry->port = spec->conf.port;
	entry->agent = spec->conf.agent_set;
	entry->epoch = health->epoch;
	entry->slow_start_ms = pool->conf.slow_start_ms;
	entry->weight_from = pool->conf.weight_from;
	health->entries[node->index] = entry;
	if (!same)
		set_targets(health, node->index, entry, had_agent);
}

static void refresh_pool(struct sl_health *health, const struct sl_image *image, uint32_t p)
{
	const struct sl_image_pool *pool = image->pools[p];
	struct sl_health_spec *shared = NULL, *spec;

	for (uint32_t n = 0; n < pool->node_count && !pool->leaving; n++) {
		const struct sl_conf_node *conf = pool->nodes[n].conf;
		struct sl_conf_health check;

		sl_conf_health_merge(&pool->conf.health, &conf->health, &check);
		if (!is_checked(&pool->nodes[n], conf, &check))
			continue;
		spec = spec_of(&check, &shared);
		if (spec)
			refresh(health, pool, &pool->nodes[n], conf, spec);
	}
	sl_health_spec_put(shared);
}

static void follow(struct sl_health *health, const struct sl_image *before,
		   const struct sl_image *after)
{
	health->epoch++;
	/* Pools are immutable: those that both images share have not changed. */
	for (uint32_t p = 0; p < after->pool_count; p++)
		if (sl_image_pool_at(before, after->pools[p]->index) != after->pools[p])
			refresh_pool(health, after, p);
	for (uint32_t p = 0; before && p < before->pool_count; p++) {
		const struct sl_image_pool *pool = before->pools[p];

		if (sl_image_pool_at(after, pool->index) == pool)
			continue;
		for (uint32_t n = 0; n < pool->node_count; n++) {
			const struct entry *entry = health->entries[pool->nodes[n].index];

			if (entry && entry->epoch != health->epoch)
				drop_entry(health, pool->nodes[n].index);
		}
	}
}

static void on_event(void *context, const struct sl_model_event *event)
{
	if (event->kind == SL_EVENT_CHANGE)
		follow(context, event->before, event->after);
}

/* ---- findings -----------------------------------------------------------------------------------
 */

/* The share of its weight that a node has now. */
static uint32_t scale_of(const struct entry *entry)
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
static void on_told(void *context)
{
	struct sl_health *health = context;

	tell_model(health);
	health->notices.count = 0;
}

/* Whether the model does not know it so. */
static bool is_news(const struct entry *entry, bool down, uint8_t asked)
{
	return entry->untold || down != entry->down || asked != entry->asked ||
	       scale_of(entry) != entry->scale;
}

static void notice(struct sl_health *health, struct entry *entry, bool down, uint8_t asked,
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
	sl_notice_why(notice, finding);
	entry->down = down;
	entry->asked = asked;
	entry->scale = notice->change.scale;
	entry->untold = false;
	if (health->notices.count == SL_NOTICES_MAX)
		on_told(health);
}

static void take_percent(struct entry *entry, const struct sl_agent_word *word)
{
	if (word->percent_set)
		entry->percent = SL_MIN(word->percent, 100u) * (SL_WEIGH_ONE / 100);
}

static void on_agent(struct sl_health *health, struct entry *entry,
		     const struct sl_finding *finding)
{
	uint8_t asked;

	if (finding->result != SL_HEALTH_OK)
		return;
	asked = sl_agent_asks(&entry->by_agent, &finding->agent);
	take_percent(entry, &finding->agent);
	if (is_news(entry, entry->down, asked))
		notice(health, entry, entry->down, asked, finding);
}

static void on_found(void *context, const struct sl_finding *finding)
{
	struct sl_health *health = context;
	struct entry *entry = health->entries[finding->id];
	uint8_t asked;
	bool down;

	if (!entry || entry->serial != finding->serial)
		return;
	if (finding->is_agent) {
		on_agent(health, entry, finding);
		return;
	}
	if (finding->blind && !entry->blind)
		sl_log(SL_LOG_WARNING, "pool %s: node %s cannot be checked: %s", entry->pool,
		       entry->node, finding->say);
	entry->last = *finding;
	entry->answered = true;
	entry->blind = finding->blind;
	asked = entry->asked;
	if (entry->spec->conf.type == SL_HEALTH_TYPE_AGENT && finding->result == SL_HEALTH_OK) {
		asked = sl_agent_asks(&entry->by_agent, &finding->agent);
		take_percent(entry, &finding->agent);
	}
	if (finding->result == SL_HEALTH_OK)
		entry->smooth_us = sl_weigh_smooth(entry->smooth_us, finding->us);
	if (entry->state != finding->state)
		entry->since_ms = sl_clock_wall_ms();
	entry->state = finding->state;
	down = finding->state == SL_HEALTH_DOWN;
	if (is_news(entry, down, asked))
		notice(health, entry, down, asked, finding);
}

/* ---- weights with time --------------------------------------------------------------------------
 */

/* The quickest node of an entry's pool that is up. */
static uint32_t quickest(const struct sl_health *health, const struct sl_image_pool *pool)
{
	uint32_t least = 0;

	for (uint32_t n = 0; n < pool->listed_count; n++) {
		const struct entry *entry = health->entries[pool->nodes[n].index];

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
		struct entry *entry = health->entries[pool->nodes[n].index];

		if (!entry)
			continue;
		if (least)
			entry->share = sl_weigh_step(entry->share, entry->smooth_us, least);
		if (scale_of(entry) != entry->scale)
			notice(health, entry, entry->down, entry->asked, &entry->last);
	}
	on_told(health);
}

/* Pools whose weights change with time, eight times a second at most. The image may change under way:
 * its pools by number are looked at one by one. */
static void on_timer(int fd, short what, void *context)
{
	struct sl_health *health = context;
	uint64_t now_ms = sl_clock_ms();
	bool controls = now_ms - health->controlled_ms >= SL_WEIGH_PERIOD_MS;

	(void)fd, (void)what;
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

bool sl_health_show(void *context, uint32_t index, struct sl_model_health *out)
{
	static const char *const states[] = {
		[SL_HEALTH_UNKNOWN] = "unknown", [SL_HEALTH_UP] = "up", [SL_HEALTH_DOWN] = "down"};
	const struct sl_health *health = context;
	const struct entry *entry = health ? health->entries[index] : NULL;

	if (!entry)
		return false;
	*out = (struct sl_model_health){
		.state = states[entry->blind ? SL_HEALTH_UNKNOWN : entry->state],
		.result = entry->answered ? sl_health_result_name(entry->last.result) : "",
		.text = entry->last.say,
		.ms = (double)entry->last.us / 1000,
		.since_ms = entry->since_ms,
		.checks = entry->last.checks,
		.failures = entry->last.failures};
	return true;
}

/* ---- life ---------------------------------------------------------------------------------------
 */

void sl_health_turn_ended(struct sl_health *health)
{
	sl_prober_ring(health->prober);
}

int sl_health_create(struct event_base *base, struct sl_model *model, struct sl_health **out,
		     struct sl_err *err)
{
	struct sl_health *health = calloc(1, sizeof(*health));
	struct sl_prober_calls calls = {.found = on_found, .told = on_told, .context = health};
	struct timeval interval = {0, 125000};
	int rc;

	if (!health)
		return sl_err_set(err, -ENOMEM, "no memory for health checks");
	health->model = model;
	health->entries = calloc(SL_NODE_INDEX_MAX, sizeof(struct entry *));
	rc = health->entries ? sl_prober_create(base, &calls, &health->prober, err)
			     : sl_err_set(err, -ENOMEM, "no memory for health checks");
	health->timer = rc ? NULL : event_new(base, -1, EV_PERSIST, on_timer, health);
	if (rc == 0 && (!health->timer || event_add(health->timer, &interval)))
		rc = sl_err_set(err, -ENOMEM, "no memory for health checks");
	if (rc) {
		sl_health_destroy(health);
		return rc;
	}
	health->listener = (struct sl_model_listener){.event = on_event, .context = health};
	sl_model_listen(model, &health->listener);
	follow(health, NULL, sl_model_image(model));
	sl_prober_ring(health->prober);
	*out = health;
	return 0;
}

void sl_health_destroy(struct sl_health *health)
{
	if (!health)
		return;
	if (health->timer)
		event_free(health->timer);
	sl_prober_destroy(health->prober);
	for (uint32_t i = 0; health->entries && i < SL_NODE_INDEX_MAX; i++)
		if (health->entries[i]) {
			sl_health_spec_put(health->entries[i]->spec);
			free(health->entries[i]);
		}
	free(health->entries);
	free(health);
}
