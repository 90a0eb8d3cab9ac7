/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sched/sched.h"

static struct sl_sched_node *nodes_of(const struct sl_conf_pool *conf,
				      const struct sl_image_pool *pool)
{
	struct sl_sched_node *nodes = calloc(conf->node_count + 1, sizeof(*nodes));

	for (uint32_t n = 0; nodes && n < conf->node_count; n++) {
		nodes[n].index = pool->nodes[n].index;
		nodes[n].weight = conf->nodes[n].weight;
		nodes[n].seed = pool->nodes[n].seed;
	}
	return nodes;
}

static uint64_t weight_of(const struct sl_sched_node *nodes, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t n = 0; n < count; n++)
		sum += nodes[n].weight;
	return sum;
}

/* Schedulers that choose for each flow keep a table of the same nodes for flows in mid-life. */
static enum sl_scheduler filler(enum sl_scheduler scheduler)
{
	return sl_sched_fills_slots(scheduler) ? scheduler : SL_SCHED_MINIMAL;
}

static struct sl_table *resized(const struct sl_table *table, uint32_t count)
{
	struct sl_table *other = sl_table_create(count);

	if (!other || !table)
		return other;
	for (uint32_t s = 0; s < count; s++)
		other->word[s] = table->word[(uint64_t)s * table->count / count];
	return other;
}

int sl_schedule_resize(const struct sl_conf_pool *conf, struct sl_image_pool *pool)
{
	struct sl_table *home, *former;

	if (pool->home && pool->former && pool->home->count == conf->slots)
		return 0;
	home = resized(pool->home, conf->slots);
	former = resized(pool->former, conf->slots);
	if (!home || !former) {
		sl_table_put(home);
		sl_table_put(former);
		return -ENOMEM;
	}
	sl_table_put(pool->home);
	sl_table_put(pool->former);
	pool->home = home;
	pool->former = former;
	return 0;
}

int sl_schedule_home_set(struct sl_image_pool *pool, struct sl_table *home)
{
	size_t size = home->count * sizeof(uint32_t);
	struct sl_table *former;

	if (memcmp(home->word, pool->home->word, size) == 0) {
		sl_table_put(home);
		return 0;
	}
	former = sl_table_create(home->count);
	if (!former) {
		sl_table_put(home);
		return -ENOMEM;
	}
	for (uint32_t s = 0; s < home->count; s++) {
		bool moves = home->word[s] != pool->home->word[s] && pool->home->word[s];

		former->word[s] = moves ? pool->home->word[s] : pool->former->word[s];
	}
	sl_table_put(pool->home);
	sl_table_put(pool->former);
	pool->home = home;
	pool->former = former;
	return 0;
}

int sl_schedule_home(const struct sl_conf_pool *conf, struct sl_image_pool *pool)
{
	struct sl_sched_node *nodes = nodes_of(conf, pool);
	struct sl_table *home = sl_table_create(conf->slots);
	struct sl_sched_input input = {
		.nodes = nodes,
		.node_count = conf->node_count,
		.slot_count = conf->slots,
		.before = pool->home->word,
		.former = pool->former->word,
	};
	int status = nodes && home ? 0 : -ENOMEM;

	if (status == 0 && weight_of(nodes, conf->node_count) > 0)
		status = sl_sched_build(filler(conf->scheduler), &input, home->word);
	free(nodes);
	if (status < 0) {
		sl_table_put(home);
		return status;
	}
	return sl_schedule_home_set(pool, home);
}

bool sl_schedule_regardless(const struct sl_conf_pool *conf, const struct sl_image_pool *pool)
{
	bool down = false;

	if (conf->no_node != SL_NO_NODE_ANY)
		return false;
	for (uint32_t n = 0; n < conf->node_count; n++) {
		if (conf->nodes[n].weight == 0)
			continue;
		if (sl_image_node_takes(&pool->nodes[n]))
			return false;
		down |= pool->nodes[n].down && pool->nodes[n].hand == SL_HAND_UP;
	}
	return down;
}

/* absent[n] for lending; returns how many. */
static uint32_t absence(const struct sl_conf_pool *conf, const struct sl_image_pool *pool,
			bool *absent)
{
	bool regardless = sl_schedule_regardless(conf, pool);
	uint32_t count = 0;

	for (uint32_t n = 0; n < conf->node_count; n++) {
		const struct sl_image_node *node = &pool->nodes[n];

		absent[n] = regardless ? node->hand != SL_HAND_UP : !sl_image_node_takes(node);
		count += absent[n];
	}
	return count;
}

/* The nodes' numbers of slots. */
static int count_slots(struct sl_image_pool *pool)
{
	uint32_t highest = 0, *counts;

	for (uint32_t n = 0; n < pool->node_count; n++)
		highest = SL_MAX(highest, pool->nodes[n].index);
	counts = calloc(2 * ((size_t)highest + 1), sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	for (uint32_t s = 0; s < pool->home->count; s++) {
		counts[2 * pool->home->word[s]]++;
		counts[2 * pool->target->word[s] + 1]++;
	}
	for (uint32_t n = 0; n < pool->node_count; n++) {
		pool->nodes[n].home_slots = counts[2 * pool->nodes[n].index];
		pool->nodes[n].slots = counts[2 * pool->nodes[n].index + 1];
	}
	free(counts);
	return 0;
}

int sl_schedule_target(const struct sl_conf_pool *conf, struct sl_image_pool *pool)
{
	struct sl_sched_node *nodes = nodes_of(conf, pool);
	bool *absent = calloc(conf->node_count + 1, sizeof(*absent));
	struct sl_table *target = NULL;
	int status = nodes && absent ? 0 : -ENOMEM;

	if (status == 0 && absence(conf, pool, absent) == 0) {
		target = sl_table_get(pool->home);
	} else if (status == 0) {
		target = sl_table_create(conf->slots);
		status = target ? sl_sched_lend(nodes, conf->node_count, absent, pool->home->word,
						conf->slots, target->word)
				: -ENOMEM;
	}
	free(nodes);
	free(absent);
	if (status < 0) {
		sl_table_put(target);
		return status;
	}
	if (pool->target && pool->target != target && pool->target->count == target->count &&
	    memcmp(pool->target->word, target->word, target->count * sizeof(uint32_t)) == 0) {
		sl_table_put(target);
		return count_slots(pool);
	}
	sl_table_put(pool->target);
	pool->target = target;
	return count_slots(pool);
}

int sl_schedule_pick(const struct sl_conf_pool *conf, const struct sl_image_pool *pool,
		     struct sl_pick_view **view)
{
	struct sl_sched_node *nodes;
	bool *absent;
	int status = -ENOMEM;

	*view = NULL;
	if (sl_sched_fills_slots(conf->scheduler))
		return 0;
	nodes = nodes_of(conf, pool);
	absent = calloc(conf->node_count + 1, sizeof(*absent));
	if (nodes && absent) {
		absence(conf, pool, absent);
		status = sl_pick_build(conf->scheduler, nodes, conf->node_count, absent, view);
	}
	free(nodes);
	free(absent);
	return status;
}

/* The least movement to the quotas of those that take flows now. */
static int least_of(const struct sl_conf_pool *conf, const struct sl_image_pool *after,
		    const uint32_t *before, uint32_t *least)
{
	struct sl_sched_node *nodes = nodes_of(conf, after);
	bool *absent = calloc(conf->node_count + 1, sizeof(*absent));
	uint32_t count = 0;
	int status = nodes && absent ? 0 : -ENOMEM;

	if (status == 0) {
		absence(conf, after, absent);
		for (uint32_t n = 0; n < conf->node_count; n++)
			if (!absent[n])
				nodes[count++] = nodes[n];
		*least = 0;
		if (weight_of(nodes, count) > 0)
			status = sl_sched_least(nodes, count, before, conf->slots, least);
	}
	free(nodes);
	free(absent);
	return status;
}

int sl_schedule_measure(const struct sl_conf_pool *conf, const struct sl_image_pool *before,
			const struct sl_image_pool *after, uint32_t *moved, uint32_t *least)
{
	struct sl_table *scaled = NULL;
	const struct sl_table *old = before ? before->target : NULL;
	int status;

	*moved = 0;
	*least = 0;
	if (!old || old == after->target)
		return 0;
	if (old->count != after->target->count) {
		scaled = resized(old, after->target->count);
		if (!scaled)
			return -ENOMEM;
		old = scaled;
	}
	*moved = sl_sched_moved(old->word, after->target->word, old->count);
	status = scaled && *moved == 0 ? 0 : least_of(conf, after, old->word, least);
	sl_table_put(scaled);
	return status;
}

int sl_schedule_forget(struct sl_image_pool *pool, uint32_t index)
{
	struct sl_table *former = resized(pool->former, pool->former->count);

	if (!former)
		return -ENOMEM;
	for (uint32_t s = 0; s < former->count; s++)
		if (former->word[s] == index)
			former->word[s] = 0;
	sl_table_put(pool->former);
	pool->former = former;
	return 0;
}
