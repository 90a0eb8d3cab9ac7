/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "model/balance.h"
#include "sched/sched.h"

/* The nodes with the weights that their homes go by: backups have none while there are others. */
static struct sl_sched_node *nodes_of(const struct sl_image_pool *pool)
{
	struct sl_sched_node *nodes = calloc(pool->node_count + 1, sizeof(*nodes));
	bool primary = sl_balance_has_primary(pool);

	for (uint32_t n = 0; nodes && n < pool->listed_count; n++) {
		const struct sl_image_node *node = &pool->nodes[n];

		nodes[n].index = node->index;
		nodes[n].weight = primary && node->conf->backup ? 0 : node->conf->weight;
		nodes[n].seed = node->seed;
	}
	return nodes;
}

/* The same nodes with those weights; *differ: from those of their homes. */
static struct sl_sched_node *nodes_now(const struct sl_image_pool *pool, bool *differ)
{
	struct sl_sched_node *nodes = nodes_of(pool);

	*differ = false;
	for (uint32_t n = 0; nodes && n < pool->listed_count; n++) {
		*differ |= nodes[n].weight != pool->nodes[n].weight_now;
		nodes[n].weight = pool->nodes[n].weight_now;
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

int sl_schedule_replace(struct sl_image_pool *pool, struct sl_table *home, struct sl_table *former)
{
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

int sl_schedule_resize(struct sl_image_pool *pool)
{
	if (pool->home && pool->former && pool->home->count == pool->conf.slots)
		return 0;
	return sl_schedule_replace(pool, resized(pool->home, pool->conf.slots),
				   resized(pool->former, pool->conf.slots));
}

static uint32_t highest_index(const struct sl_image_pool *pool)
{
	uint32_t highest = 0;

	for (uint32_t n = 0; n < pool->node_count; n++)
		highest = SL_MAX(highest, pool->nodes[n].index);
	return highest;
}

/* A number for each index that a table of the pool may hold. */
static uint32_t *counts_create(const struct sl_image_pool *pool)
{
	return calloc((size_t)highest_index(pool) + 1, sizeof(uint32_t));
}

static void set_home_slots(struct sl_image_pool *pool, const uint32_t *counts)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		pool->nodes[n].home_slots = counts[pool->nodes[n].index];
}

/* The numbers of slots follow those that move, when they were known. */
static int count_moves(struct sl_image_pool *pool, const struct sl_table *home)
{
	uint32_t *counts;

	if (pool->counted_home != pool->home->serial)
		return 0;
	counts = counts_create(pool);
	if (!counts)
		return -ENOMEM;
	for (uint32_t n = 0; n < pool->node_count; n++)
		counts[pool->nodes[n].index] = pool->nodes[n].home_slots;
	for (uint32_t i = 0; i < home->moved_count; i++) {
		uint32_t slot = home->moved[i];

		counts[pool->home->word[slot]]--;
		counts[home->word[slot]]++;
	}
	set_home_slots(pool, counts);
	free(counts);
	pool->counted_home = home->serial;
	return 0;
}

/* Of slots that move, the node before; of others what it was. */
static struct sl_table *former_of(const struct sl_image_pool *pool, const struct sl_table *home)
{
	struct sl_table *former = sl_table_create(home->count);

	if (!former)
		return NULL;
	former->moved = calloc(home->moved_count, sizeof(*former->moved));
	if (!former->moved) {
		sl_table_put(former);
		return NULL;
	}
	memcpy(former->word, pool->former->word, home->count * sizeof(uint32_t));
	for (uint32_t i = 0; i < home->moved_count; i++) {
		uint32_t slot = home->moved[i], from = pool->home->word[slot];

		if (!from || from == former->word[slot])
			continue;
		former->word[slot] = from;
		former->moved[former->moved_count++] = slot;
	}
	former->origin = pool->former->serial;
	return former;
}

int sl_schedule_home_set(struct sl_image_pool *pool, struct sl_table *home)
{
	int status = sl_table_derive(home, pool->home);

	if (status == 0 && home->moved_count > 0)
		status = count_moves(pool, home);
	if (status < 0 || home->moved_count == 0) {
		sl_table_put(home);
		return status;
	}
	return sl_schedule_replace(pool, home, former_of(pool, home));
}

/* What each node holds, when it is known: the configuration's, and behind them, without weight, those
 * that were removed and still hold slots. Returns how many they are; else *held is NULL. */
static uint32_t held_of(const struct sl_image_pool *pool, struct sl_sched_node *nodes,
			uint32_t **held)
{
	uint32_t count = pool->listed_count;

	*held = NULL;
	if (nodes && pool->counted_home == pool->home->serial)
		*held = calloc(pool->node_count + 1, sizeof(**held));
	for (uint32_t n = 0; *held && n < pool->node_count; n++) {
		const struct sl_image_node *node = &pool->nodes[n];

		if (n >= pool->listed_count && node->home_slots > 0)
			nodes[count++].index = node->index;
		if (n < pool->listed_count || node->home_slots > 0)
			(*held)[n < pool->listed_count ? n : count - 1] = node->home_slots;
	}
	if (count <= SL_NODES_MAX)
		return count;
	free(*held);
	*held = NULL;
	return pool->listed_count;
}

int sl_schedule_home(struct sl_image_pool *pool)
{
	struct sl_sched_node *nodes = nodes_of(pool);
	struct sl_table *home = sl_table_create(pool->conf.slots);
	uint32_t *held, count = held_of(pool, nodes, &held);
	struct sl_sched_input input = {
		.nodes = nodes,
		.node_count = count,
		.slot_count = pool->conf.slots,
		.before = pool->home->word,
		.former = pool->former->word,
		.held = held,
	};
	int status = nodes && home ? 0 : -ENOMEM;

	if (status == 0 && weight_of(nodes, pool->listed_count) > 0)
		status = sl_sched_build(filler(pool->conf.scheduler), &input, home->word);
	free(nodes);
	free(held);
	if (status < 0) {
		sl_table_put(home);
		return status;
	}
	return sl_schedule_home_set(pool, home);
}

bool sl_schedule_regardless(const struct sl_image_pool *pool)
{
	bool down = false;

	if (pool->conf.no_node != SL_NO_NODE_ANY)
		return false;
	for (uint32_t n = 0; n < pool->listed_count; n++) {
		if (pool->nodes[n].conf->weight == 0)
			continue;
		if (sl_image_node_takes(&pool->nodes[n]))
			return false;
		down |= pool->nodes[n].down && sl_image_node_hand(&pool->nodes[n]) == SL_HAND_UP;
	}
	return down;
}

/* absent[n] for lending; returns how many. */
static uint32_t absence(const struct sl_image_pool *pool, bool *absent)
{
	bool regardless = sl_schedule_regardless(pool);
	uint32_t count = 0;

	for (uint32_t n = 0; n < pool->listed_count; n++) {
		const struct sl_image_node *node = &pool->nodes[n];

		absent[n] = regardless ? sl_image_node_hand(node) != SL_HAND_UP
				       : !sl_image_node_takes(node);
		count += absent[n];
	}
	return count;
}

static int count_table(const struct sl_image_pool *pool, const struct sl_table *table,
		       uint32_t **counts)
{
	*counts = counts_create(pool);
	for (uint32_t s = 0; *counts && s < table->count; s++)
		(*counts)[table->word[s]]++;
	return *counts ? 0 : -ENOMEM;
}

/* The nodes' numbers of slots, where they are not known. */
static int count_slots(struct sl_image_pool *pool)
{
	bool lent = pool->target != pool->home;
	uint32_t *home = NULL, *target = NULL;
	int status = 0;

	if (pool->counted_home != pool->home->serial)
		status = count_table(pool, pool->home, &home);
	if (status == 0 && lent && pool->counted_target != pool->target->serial)
		status = count_table(pool, pool->target, &target);
	if (status == 0 && home)
		set_home_slots(pool, home);
	for (uint32_t n = 0; status == 0 && n < pool->node_count; n++)
		if (!lent)
			pool->nodes[n].slots = pool->nodes[n].home_slots;
		else if (target)
			pool->nodes[n].slots = target[pool->nodes[n].index];
	if (status == 0) {
		pool->counted_home = pool->home->serial;
		pool->counted_target = pool->target->serial;
	}
	free(home);
	free(target);
	return status;
}

int sl_schedule_target(struct sl_image_pool *pool)
{
	bool *absent = calloc(pool->listed_count + 1, sizeof(*absent)), differ;
	struct sl_sched_node *nodes;
	struct sl_table *target = NULL;
	int status;

	sl_balance_weights(pool);
	nodes = nodes_now(pool, &differ);
	status = nodes && absent ? 0 : -ENOMEM;
	if (status == 0 && absence(pool, absent) == 0 && !differ) {
		target = sl_table_get(pool->home);
	} else if (status == 0) {
		target = sl_table_create(pool->conf.slots);
		status = target ? sl_sched_lend_scaled(nodes, pool->listed_count, absent,
						       pool->home->word, pool->conf.slots,
						       target->word)
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

int sl_schedule_pick(const struct sl_image_pool *pool, struct sl_pick_view **view)
{
	bool fills = sl_sched_fills_slots(pool->conf.scheduler);
	struct sl_sched_node *nodes;
	bool *absent, differ;
	int status = -ENOMEM;

	*view = NULL;
	if (fills && !pool->conf.max_load)
		return 0;
	nodes = nodes_now(pool, &differ);
	absent = calloc(pool->listed_count + 1, sizeof(*absent));
	if (nodes && absent) {
		absence(pool, absent);
		status = sl_pick_build(fills ? SL_SCHED_WLEAST : pool->conf.scheduler, nodes,
				       pool->listed_count, absent, view);
	}
	free(nodes);
	free(absent);
	return status;
}

/* By index, what the nodes of a pool had of the table before; nodes of `after` have a place, too. */
static uint32_t *slots_before(const struct sl_image_pool *before, const struct sl_image_pool *after)
{
	uint32_t highest = highest_index(after), *slots;

	highest = SL_MAX(highest, highest_index(before));
	slots = calloc((size_t)highest + 1, sizeof(*slots));
	for (uint32_t n = 0; slots && n < before->node_count; n++)
		slots[before->nodes[n].index] = before->nodes[n].slots;
	return slots;
}

/* The least movement to the quotas of those that take flows now. scaled: the table before, where the
 * nodes' numbers of slots are not those of the pool before. */
static int least_of(const struct sl_image_pool *before, const struct sl_image_pool *after,
		    const struct sl_table *scaled, uint32_t *least)
{
	bool differ;
	struct sl_sched_node *nodes = nodes_now(after, &differ);
	uint32_t *held = calloc(after->listed_count + 1, sizeof(*held));
	bool *absent = calloc(after->listed_count + 1, sizeof(*absent));
	uint32_t *had = slots_before(before, after), count = 0;
	int status = nodes && absent && held && had ? 0 : -ENOMEM;

	*least = 0;
	if (status == 0)
		absence(after, absent);
	for (uint32_t n = 0; status == 0 && n < after->listed_count; n++) {
		if (absent[n])
			continue;
		if (!scaled)
			held[count] = had[nodes[n].index];
		nodes[count++] = nodes[n];
	}
	if (status == 0 && weight_of(nodes, count) > 0)
		status = scaled ? sl_sched_least(nodes, count, scaled->word, after->conf.slots,
						 least)
				: sl_sched_missing(nodes, count, held, after->conf.slots, least);
	free(nodes);
	free(held);
	free(had);
	free(absent);
	return status;
}

static int measure_scaled(const struct sl_image_pool *before, const struct sl_image_pool *after,
			  uint32_t *moved, uint32_t *least)
{
	struct sl_table *scaled = resized(before->target, after->target->count);
	int status = 0;

	if (!scaled)
		return -ENOMEM;
	*moved = sl_sched_moved(scaled->word, after->target->word, scaled->count);
	if (*moved > 0)
		status = least_of(before, after, scaled, least);
	sl_table_put(scaled);
	return status;
}

int sl_schedule_measure(const struct sl_image_pool *before, const struct sl_image_pool *after,
			uint32_t *moved, uint32_t *least)
{
	*moved = 0;
	*least = 0;
	if (!before || before->target == after->target)
		return 0;
	if (before->target->count != after->target->count)
		return measure_scaled(before, after, moved, least);
	if (after->target->origin == before->target->serial)
		*moved = after->target->moved_count;
	else
		*moved = sl_sched_moved(before->target->word, after->target->word,
					after->target->count);
	return least_of(before, after, NULL, least);
}

int sl_schedule_forget(struct sl_image_pool *pool)
{
	struct sl_table *former = resized(pool->former, pool->former->count);
	uint32_t highest = highest_index(pool), *known = counts_create(pool);

	if (!former || !known) {
		sl_table_put(former);
		free(known);
		return -ENOMEM;
	}
	for (uint32_t n = 0; n < pool->node_count; n++)
		known[pool->nodes[n].index] = 1;
	for (uint32_t s = 0; s < former->count; s++)
		if (former->word[s] > highest || !known[former->word[s]])
			former->word[s] = 0;
	free(known);
	sl_table_put(pool->former);
	pool->former = former;
	return 0;
}
