/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/inside.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "health/weigh.h"

/* ---- targets --------------------------------------------------------------------------------- */

static void complain(struct sl_health *health)
{
	if (!health->failing)
		sl_log(SL_LOG_ERROR, "no memory for health checks: some nodes are not checked");
	health->failing = true;
}

static bool is_by_way(const struct sl_checked *entry)
{
	return entry->spec && entry->spec->conf.via == SL_VIA_PATH;
}

static void drop_entry(struct sl_health *health, uint32_t index)
{
	struct sl_checked *entry = health->entries[index];

	if (!entry)
		return;
	if (sl_prober_drop(health->prober, index, false) ||
	    (entry->agent && sl_prober_drop(health->prober, index, true)))
		complain(health);
	health->way_count -= is_by_way(entry);
	sl_health_spec_put(entry->spec);
	free(entry);
	health->entries[index] = NULL;
}

static void set_targets(struct sl_health *health, uint32_t index, const struct sl_checked *entry,
			bool had_agent)
{
	struct sl_target target = {.id = index,
				   .serial = entry->serial,
				   .spec = entry->spec,
				   .address = entry->asked_at,
				   .port = entry->port,
				   .by_way = is_by_way(entry),
				   .way_port = entry->way_port};
	int rc;

	if (target.by_way)
		sl_way_need(health->way);
	memcpy(target.pool, entry->pool, SL_NAME_SIZE);
	memcpy(target.node, entry->node, SL_NAME_SIZE);
	rc = sl_prober_set(health->prober, &target);
	target.is_agent = true;
	target.by_way = false;
	target.address = entry->address;
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

/* Where the check of a node goes: to the node, or on the packets' way to a service's address. NONE: there is
 * no such service, or one that takes the answers; a change at run time may make it so. */
static struct sl_addr goes_to(const struct sl_image *image, uint32_t pool,
			      const struct sl_conf_node *node, const struct sl_conf_health *check)
{
	int16_t protocol = check->type == SL_HEALTH_TYPE_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	int s;

	if (check->via == SL_VIA_KERNEL)
		return node->address;
	s = sl_conf_probed_service(image->conf, pool, protocol);
	if (s < 0 || sl_conf_answer_taker(image->conf, node->port, protocol))
		return (struct sl_addr){0};
	return image->conf->services[s].prefix.addr;
}

/* The node as the image has it now: a new entry, one that differs, or the same as before. */
static void refresh(struct sl_health *health, const struct sl_image_pool *pool,
		    const struct sl_image_node *node, const struct sl_addr *asked_at,
		    struct sl_health_spec *spec)
{
	const struct sl_conf_node *conf = node->conf;
	struct sl_checked *entry = health->entries[node->index];
	bool fresh = !entry || !sl_addr_equal(&entry->address, &conf->address), had_agent = false;
	bool same = !fresh && sl_conf_health_equal(&entry->spec->conf, &spec->conf) &&
		    sl_addr_equal(&entry->asked_at, asked_at) && entry->way_port == conf->port;

	if (!entry)
		entry = calloc(1, sizeof(*entry));
	if (!entry) {
		sl_health_spec_put(spec);
		complain(health);
		return;
	}
	had_agent = entry->agent;
	health->way_count -= is_by_way(entry);
	if (fresh) {
		sl_health_spec_put(entry->spec);
		*entry = (struct sl_checked){.index = node->index,
					     .serial = ++health->serial,
					     .since_ms = sl_clock_wall_ms(),
					     .scale = SL_WEIGH_ONE,
					     .percent = SL_WEIGH_ONE,
					     .share = SL_WEIGH_ONE,
					     .down = node->down,
					     .asked = node->asked,
					     .asked_here = node->asked,
					     .by_agent = sl_agent_asked_before(node->asked)};
		memcpy(entry->node, node->name, SL_NAME_SIZE);
		health->say_due = health->judge_due = true;
	} else {
		sl_health_spec_put(entry->spec);
	}
	memcpy(entry->pool, pool->name, SL_NAME_SIZE);
	entry->spec = spec;
	entry->address = conf->address;
	entry->asked_at = *asked_at;
	entry->way_port = conf->port;
	entry->port = spec->conf.port;
	health->way_count += is_by_way(entry);
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
		struct sl_addr asked_at;

		sl_conf_health_merge(&pool->conf.health, &conf->health, &check);
		if (!is_checked(&pool->nodes[n], conf, &check))
			continue;
		asked_at = goes_to(image, p, conf, &check);
		spec = spec_of(&check, &shared);
		if (spec)
			refresh(health, pool, &pool->nodes[n], &asked_at, spec);
	}
	sl_health_spec_put(shared);
}

static void follow(struct sl_health *health, const struct sl_image *before,
		   const struct sl_image *after)
{
	bool services = before && before->conf != after->conf && health->way_count > 0;

	health->epoch++;
	/* Pools are immutable: those that both images share have not changed, but perhaps the services that
	 * are asked for on the packets' way. */
	for (uint32_t p = 0; p < after->pool_count; p++)
		if (services || sl_image_pool_at(before, after->pools[p]->index) != after->pools[p])
			refresh_pool(health, after, p);
	for (uint32_t p = 0; before && p < before->pool_count; p++) {
		const struct sl_image_pool *pool = before->pools[p];

		if (sl_image_pool_at(after, pool->index) == pool)
			continue;
		for (uint32_t n = 0; n < pool->node_count; n++) {
			const struct sl_checked *entry = health->entries[pool->nodes[n].index];

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

/* ---- showing --------------------------------------------------------------------------------- */

static void show_members(const struct sl_health *health, struct sl_checked *entry,
			 struct sl_model_health *out)
{
	struct sl_votes votes;

	sl_majority_count(health->majority, entry->pool, entry->node, &votes);
	sl_majority_who(health->majority, entry->pool, entry->node, SL_SAYS_DOWN, entry->down_at,
			sizeof(entry->down_at));
	out->members = votes.members;
	out->down_at = entry->down_at;
}

bool sl_health_show(void *context, uint32_t index, struct sl_model_health *out)
{
	static const char *const states[] = {
		[SL_HEALTH_UNKNOWN] = "unknown", [SL_HEALTH_UP] = "up", [SL_HEALTH_DOWN] = "down"};
	const struct sl_health *health = context;
	struct sl_checked *entry = health ? health->entries[index] : NULL;

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
	if (health->together)
		show_members(health, entry, out);
	return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

void sl_health_turn_ended(struct sl_health *health)
{
	sl_prober_ring(health->prober);
}

static void on_timer(int fd, short what, void *context)
{
	(void)fd, (void)what;
	sl_together_turn(context);
	sl_found_weigh(context);
}

int sl_health_create(struct event_base *base, struct sl_model *model, const struct sl_way_link *way,
		     struct sl_health **out, struct sl_err *err)
{
	struct sl_health *health = calloc(1, sizeof(*health));
	struct sl_prober_calls calls = {
		.found = sl_found_take, .told = sl_found_tell, .context = health};
	struct timeval interval = {0, 125000};
	int rc = 0;

	if (!health)
		return sl_err_set(err, -ENOMEM, "no memory for health checks");
	health->model = model;
	if (way)
		rc = sl_way_create(base, model, way, &health->way, err);
	calls.way = health->way;
	health->entries = calloc(SL_NODE_INDEX_MAX, sizeof(struct sl_checked *));
	if (rc == 0)
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
	sl_way_destroy(health->way);
	for (uint32_t i = 0; health->entries && i < SL_NODE_INDEX_MAX; i++)
		if (health->entries[i]) {
			sl_health_spec_put(health->entries[i]->spec);
			free(health->entries[i]);
		}
	free(health->entries);
	sl_majority_destroy(health->majority);
	free(health);
}
