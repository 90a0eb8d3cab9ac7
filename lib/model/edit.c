/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/inside.h"
#include "model/schedule.h"

bool sl_edit_same_node(const struct sl_conf_node *a, const struct sl_conf_node *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == SL_NODE_REMOTE)
		return sl_addr_equal(&a->address, &b->address) && a->vni == b->vni;
	if (a->kind == SL_NODE_OUTPUT)
		return a->port == b->port;
	return a->worker == b->worker && strcmp(a->handler, b->handler) == 0 &&
	       strcmp(a->file ? a->file : "", b->file ? b->file : "") == 0;
}

void sl_edit_node_why(const struct sl_edit *edit, struct sl_image_node *node, const char *why)
{
	node->since_ms = edit->wall_ms;
	snprintf(node->why, sizeof(node->why), "%s", why);
}

bool sl_edit_comes_back(const struct sl_image_node *node, const struct sl_conf_node *conf)
{
	return node->leaving && !node->cut && conf->kind != SL_NODE_WORKER &&
	       sl_edit_same_node(node->conf, conf);
}

int sl_edit_node_begin(struct sl_edit *edit, struct sl_image_pool *pool,
		       const struct sl_conf_node *conf, uint32_t place, uint32_t index)
{
	struct sl_image_node *node;
	int status = index ? 0 : sl_life_node_take(edit, &index);

	if (status < 0)
		return sl_err_set(edit->err, status, "pool %s: no room for node %s", pool->name,
				  conf->name);
	node = sl_image_node_insert(pool, place, sl_node_conf_create(conf));
	if (!node)
		return sl_err_set(edit->err, -ENOMEM, "no memory");
	node->index = index;
	sl_edit_node_why(edit, node, edit->before ? "added" : "started");
	return 0;
}

void sl_edit_node_left(const struct sl_edit *edit, struct sl_image_node *node, bool cut)
{
	/* the flows of one that is down or disabled went elsewhere already */
	node->leaving = false;
	node->cut = cut || !sl_image_node_keeps(node);
	node->leaving = true;
	sl_edit_node_why(edit, node, node->cut ? "removed, flows cut" : "removed");
}

void sl_edit_node_leave(const struct sl_edit *edit, struct sl_image_pool *pool, uint32_t place,
			bool cut)
{
	sl_edit_node_left(edit, sl_image_node_leave(pool, place), cut);
}

/* ---- kinds that name one node ---------------------------------------------------------------- */

static int set_weight(struct sl_edit *edit, uint32_t p, uint32_t n)
{
	struct sl_image_pool *pool = edit->image->pools[p];
	uint64_t weight = edit->change->weight;
	struct sl_conf_node *node;

	if (weight > SL_WEIGHT_MAX)
		return sl_err_set(edit->err, -EINVAL, "weight is above 1000000");
	node = sl_image_node_edit(pool, n);
	if (!node)
		return sl_err_set(edit->err, -ENOMEM, "no memory");
	sl_change_say(edit->result, "pool %s: node %s: weight %.15g -> %.15g", pool->name,
		      node->name, (double)node->weight / SL_WEIGHT_UNIT,
		      (double)weight / SL_WEIGHT_UNIT);
	edit->rebuild[p] |= node->weight != weight;
	node->weight = weight;
	return 0;
}

/* One that was removed before: now the flows that it still has go elsewhere, too. */
static int cut_leaving(const struct sl_edit *edit, struct sl_image_pool *pool, uint32_t n)
{
	pool->nodes[n].cut = true;
	sl_edit_node_why(edit, &pool->nodes[n], "removed, flows cut");
	sl_change_say(edit->result, "pool %s: node %s, which is leaving: flows cut", pool->name,
		      pool->nodes[n].name);
	return 0;
}

static int remove_node(struct sl_edit *edit, uint32_t p, uint32_t n)
{
	struct sl_image_pool *pool = edit->image->pools[p];
	bool cut = edit->change->now || pool->conf.tracking == SL_CONF_TRACKING_NONE;

	if (pool->nodes[n].leaving)
		return cut_leaving(edit, pool, n);
	sl_change_say(edit->result, "pool %s: node %s removed", pool->name, pool->nodes[n].name);
	sl_edit_node_leave(edit, pool, n, cut);
	edit->rebuild[p] = true;
	return 0;
}

static int set_hand(struct sl_edit *edit, uint32_t p, uint32_t n)
{
	static const char *const done[] = {"enabled", "draining", "disabled"};
	struct sl_image_pool *pool = edit->image->pools[p];
	struct sl_image_node *node = &pool->nodes[n];
	uint8_t hand = SL_HAND_UP;

	if (edit->change->kind == SL_CHANGE_DRAIN)
		hand = SL_HAND_DRAINING;
	else if (edit->change->kind == SL_CHANGE_DISABLE)
		hand = SL_HAND_DISABLED;
	if (node->hand != hand) {
		node->drained = false;
		node->cut = false;
		sl_edit_node_why(edit, node, "by hand");
	}
	node->hand = hand;
	node->deadline_ms = 0;
	if (hand == SL_HAND_DRAINING && edit->change->deadline_ms)
		node->deadline_ms = edit->now_ms + edit->change->deadline_ms;
	sl_change_say(edit->result, "pool %s: node %s %s", pool->name, node->name, done[hand]);
	return 0;
}

static int set_health(struct sl_edit *edit, uint32_t p, uint32_t n)
{
	struct sl_image_node *node = &edit->image->pools[p]->nodes[n];
	const struct sl_change *change = edit->change;
	bool same = node->down == !change->healthy && node->asked == change->asked &&
		    node->stays == change->stays;

	node->scale = change->scale ? change->scale : SL_SCALE_ONE;
	if (same)
		return 0;
	if (node->asked != change->asked)
		node->drained = false;
	node->down = !change->healthy;
	node->stays = change->stays;
	node->asked = change->asked;
	sl_edit_node_why(edit, node, change->why ? change->why : "health");
	return 0;
}

static int change_node(struct sl_edit *edit, uint32_t p, uint32_t n)
{
	if (!sl_image_pool_edit(edit->image, p))
		return sl_err_set(edit->err, -ENOMEM, "no memory");
	switch (edit->change->kind) {
	case SL_CHANGE_SET_WEIGHT:
		return set_weight(edit, p, n);
	case SL_CHANGE_REMOVE_NODE:
		return remove_node(edit, p, n);
	case SL_CHANGE_DRAIN:
	case SL_CHANGE_ENABLE:
	case SL_CHANGE_DISABLE:
		return set_hand(edit, p, n);
	case SL_CHANGE_HEALTH:
		return set_health(edit, p, n);
	default:
		return sl_err_set(edit->err, -EINVAL, "change %d names no node",
				  edit->change->kind);
	}
}

static int no_such_node(struct sl_edit *edit, bool leaves)
{
	const struct sl_change *change = edit->change;
	const char *more = leaves ? "; one is leaving: remove-node --now cuts its flows" : "";

	if (strcmp(change->pool, "*") == 0)
		return sl_err_set(edit->err, -ENOENT, "no pool has a node '%s'%s", change->node,
				  more);
	return sl_err_set(edit->err, -ENOENT, "pool '%s' has no node '%s'%s", change->pool,
			  change->node, more);
}

static int for_nodes(struct sl_edit *edit)
{
	const struct sl_change *change = edit->change;
	bool cuts = change->kind == SL_CHANGE_REMOVE_NODE && change->now;
	bool all = strcmp(change->pool, "*") == 0, pool_found = all, found = false, leaves = false;

	for (uint32_t p = 0; p < edit->image->listed_count; p++) {
		int n, gone, status;

		if (!all && strcmp(edit->image->pools[p]->name, change->pool) != 0)
			continue;
		pool_found = true;
		n = sl_image_find_node(edit->image->pools[p], change->node);
		gone = n < 0 ? sl_image_find_leaving(edit->image->pools[p], change->node) : -1;
		leaves |= gone >= 0;
		if (cuts && n < 0)
			n = gone;
		if (n < 0)
			continue;
		found = true;
		status = change_node(edit, p, (uint32_t)n);
		if (status < 0)
			return status;
	}
	if (!pool_found)
		return sl_err_set(edit->err, -ENOENT, "there is no pool '%s'", change->pool);
	/* whether a node that was removed is still leaving is each member's own matter */
	if (!found && cuts && change->anew)
		return 0;
	return found ? 0 : no_such_node(edit, leaves);
}

/* What health says of many nodes is one change: their slots are built once. A node that is gone is left
 * out. */
static int for_health(struct sl_edit *edit)
{
	const struct sl_change *first = edit->change;
	int status = 0;

	for (const struct sl_change *at = first; at && status == 0; at = at->next) {
		edit->change = at;
		status = for_nodes(edit);
		if (status == -ENOENT && first->next)
			status = 0;
	}
	edit->change = first;
	return status;
}

/* ---- kinds that name a pool ------------------------------------------------------------------ */

static int add_node(struct sl_edit *edit, uint32_t p)
{
	struct sl_image_pool *pool = sl_image_pool_edit(edit->image, p);
	const struct sl_conf_node *add = edit->change->add;
	uint32_t index = 0;

	if (!pool)
		return sl_err_set(edit->err, -ENOMEM, "no memory");
	if (sl_image_find_node(pool, add->name) >= 0)
		return sl_err_set(edit->err, -EEXIST, "pool %s has a node '%s' already", pool->name,
				  add->name);
	if (add->kind != SL_NODE_WORKER && add->port >= edit->image->conf->port_count)
		return sl_err_set(edit->err, -EINVAL, "node %s: there is no port %" PRIu32,
				  add->name, add->port);
	edit->rebuild[p] = true;
	sl_change_say(edit->result, "pool %s: node %s added with weight %.15g", pool->name,
		      add->name, (double)add->weight / SL_WEIGHT_UNIT);
	for (uint32_t n = pool->listed_count; n < pool->node_count && !index && !edit->change->anew;
	     n++) {
		const struct sl_image_node *node = &pool->nodes[n];

		if (strcmp(node->name, add->name) != 0 || !sl_edit_comes_back(node, add))
			continue;
		index = node->index;
		sl_image_node_remove(pool, n);
	}
	return sl_edit_node_begin(edit, pool, add, pool->listed_count, index);
}

static int set_table(struct sl_edit *edit, uint32_t p)
{
	const struct sl_change_table *table = edit->change->table;
	struct sl_image_pool *pool = sl_image_pool_edit(edit->image, p);
	uint32_t *index = calloc(table->name_count + 1, sizeof(*index));
	struct sl_table *home = sl_table_create(table->count);
	int status = pool && index && home ? 0 : sl_err_set(edit->err, -ENOMEM, "no memory");

	if (status == 0 && table->count != pool->conf.slots)
		status = sl_err_set(edit->err, -EINVAL,
				    "the table has %" PRIu32 " slots, pool %s has %" PRIu32,
				    table->count, pool->name, pool->conf.slots);
	for (uint32_t i = 0; status == 0 && i < table->name_count; i++) {
		int n = sl_image_find_node(pool, table->names[i]);

		if (n < 0)
			status = sl_err_set(edit->err, -ENOENT, "pool %s has no node '%s'",
					    pool->name, table->names[i]);
		else
			index[i + 1] = pool->nodes[n].index;
	}
	for (uint32_t s = 0; status == 0 && s < table->count; s++) {
		if (table->words[s] > table->name_count)
			status =
				sl_err_set(edit->err, -EINVAL, "slot %" PRIu32 " names no node", s);
		else
			home->word[s] = index[table->words[s]];
	}
	free(index);
	if (status < 0) {
		sl_table_put(home);
		return status;
	}
	sl_change_say(edit->result, "pool %s: slots as given", pool->name);
	status = sl_schedule_home_set(pool, home);
	return status < 0 ? sl_err_set(edit->err, status, "no memory") : 0;
}

/* Of the model nothing changes: results are the handlers'. */
static int reset_results(struct sl_edit *edit, uint32_t p)
{
	sl_change_say(edit->result, "pool %s: results begin anew", edit->image->pools[p]->name);
	return 0;
}

static int for_pool(struct sl_edit *edit, int (*make)(struct sl_edit *edit, uint32_t p))
{
	int p = sl_image_find_pool(edit->image, edit->change->pool);

	if (p < 0)
		return sl_err_set(edit->err, -ENOENT, "there is no pool '%s'", edit->change->pool);
	return make(edit, (uint32_t)p);
}

int sl_edit_make(struct sl_edit *edit)
{
	switch (edit->change->kind) {
	case SL_CHANGE_ADD_NODE:
		return for_pool(edit, add_node);
	case SL_CHANGE_TABLE_SET:
		return for_pool(edit, set_table);
	case SL_CHANGE_RESET_RESULTS:
		return for_pool(edit, reset_results);
	case SL_CHANGE_ADD_SERVICE:
	case SL_CHANGE_REMOVE_SERVICE:
	case SL_CHANGE_SET_SERVICE:
		return sl_service_make(edit);
	case SL_CHANGE_APPLY:
		return edit->change->shared ? sl_rollback_make(edit)
					    : sl_apply_make(edit, edit->change->conf, NULL);
	case SL_CHANGE_ROLLBACK:
		return sl_rollback_make(edit);
	case SL_CHANGE_SETTLE:
		return sl_settle_make(edit);
	case SL_CHANGE_RETURN:
		return edit->change->make(edit);
	case SL_CHANGE_HEALTH:
		return for_health(edit);
	default:
		return for_nodes(edit);
	}
}

void sl_edit_forget_health(const struct sl_edit *edit, const struct sl_image_pool *pool,
			   struct sl_image_node *node)
{
	struct sl_conf_health check;

	sl_conf_health_merge(&pool->conf.health, &node->conf->health, &check);
	if (check.type != SL_HEALTH_TYPE_NONE)
		return;
	node->scale = SL_SCALE_ONE;
	if (!node->down && node->asked == SL_HAND_UP)
		return;
	node->down = node->stays = node->drained = false;
	node->asked = SL_HAND_UP;
	sl_edit_node_why(edit, node, "no longer checked");
}
