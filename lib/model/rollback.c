/* SPDX-License-Identifier: BSD-3-Clause */

/* What rollback goes back to may be older than this run, and what a cluster shares another member's: nodes
 * name ports and workers of then, or of there. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lookup.h"
#include "model/inside.h"
#include "model/schedule.h"

static int refuse_node(struct sl_edit *edit, const struct sl_conf_pool *pool,
		       const struct sl_conf_node *node, const char *format, const char *name)
{
	char lack[SL_NAME_SIZE + 64];

	(void)snprintf(lack, sizeof(lack), format, name);
	return sl_change_refuse(edit->result, node->line, node->column,
				"pool %s: node %s: %s: needs a restart", pool->name, node->name,
				lack);
}

/* The port of that name, as this run numbers them; port_count: there is none. */
static uint32_t find_port(const struct sl_conf *running, const char *name)
{
	uint32_t p = 0;

	while (p < running->port_count && strcmp(running->ports[p].name, name) != 0)
		p++;
	return p;
}

static int bind_node(struct sl_edit *edit, const struct sl_conf *then,
		     const struct sl_conf_pool *pool, struct sl_conf_node *node)
{
	const struct sl_conf *running = edit->before->conf;
	char number[16];
	const char *name;

	if (node->kind == SL_NODE_WORKER) {
		(void)snprintf(number, sizeof(number), "%" PRIu32, node->worker);
		return node->worker < running->dataplane.worker_cpu_count
			       ? 0
			       : refuse_node(edit, pool, node, "there is no worker %s now", number);
	}
	name = then->ports[node->port].name;
	node->port = find_port(running, name);
	if (node->port == running->port_count)
		return refuse_node(edit, pool, node, "there is no port %s now", name);
	if (node->kind == SL_NODE_REMOTE && node->encap != SL_ENCAP_NONE &&
	    !sl_conf_outer_source(running, node))
		return refuse_node(edit, pool, node,
				   "port %s has no address of the node's family now", name);
	return 0;
}

static int bind_nodes(struct sl_edit *edit, struct sl_conf *wanted)
{
	int status = 0;

	for (uint32_t p = 0; p < wanted->pool_count; p++)
		for (uint32_t n = 0; status == 0 && n < wanted->pools[p].node_count; n++)
			status = bind_node(edit, wanted, &wanted->pools[p],
					   &wanted->pools[p].nodes[n]);
	if (status < 0)
		return sl_err_set(edit->err, status, "no memory");
	return sl_change_refused(edit->result, -EPERM, edit->err);
}

int sl_rollback_make(struct sl_edit *edit)
{
	const struct sl_change *change = edit->change;
	struct sl_conf *wanted =
		change->image ? sl_image_conf(change->image) : sl_conf_copy(change->conf);
	int status =
		wanted ? bind_nodes(edit, wanted) : sl_err_set(edit->err, -ENOMEM, "no memory");

	if (status == 0)
		status = sl_apply_make(edit, wanted, change->image);
	if (change->image)
		sl_image_conf_free(wanted);
	else
		sl_conf_destroy(wanted);
	return status;
}

/* The slot table from another image, its words in this pool's indices; unknown ones are nobody. The
 * pool's own table when that is the same. */
static struct sl_table *translate(const struct sl_table *table, const uint32_t *map,
				  struct sl_table *own)
{
	struct sl_table *made = sl_table_create(table->count);

	for (uint32_t s = 0; made && s < table->count; s++)
		made->word[s] = map[table->word[s]];
	if (!made || !own || own->count != made->count ||
	    memcmp(own->word, made->word, made->count * sizeof(*made->word)) != 0)
		return made;
	sl_table_put(made);
	return sl_table_get(own);
}

static bool same_shares(const struct sl_image_pool *a, const struct sl_image_pool *b)
{
	if (a->conf.slots != b->conf.slots || a->listed_count != b->listed_count ||
	    a->conf.scheduler != b->conf.scheduler)
		return false;
	for (uint32_t n = 0; n < a->listed_count; n++)
		if (strcmp(a->nodes[n].name, b->nodes[n].name) != 0 ||
		    a->nodes[n].conf->weight != b->nodes[n].conf->weight)
			return false;
	return true;
}

/* A node's state by hand as it was in another image. A deadline is of a start's, not of a rollback's. */
static int take_hand(struct sl_edit *edit, const struct sl_image_pool *pool,
		     struct sl_image_node *node, const struct sl_image_node *kept)
{
	bool starts = !edit->before || edit->change->begins_at;

	if (node->hand == kept->hand && !edit->change->begins_at)
		return 0;
	node->hand = kept->hand;
	node->cut = kept->cut;
	node->drained = false;
	node->deadline_ms = starts ? kept->deadline_ms : 0;
	sl_edit_node_why(edit, node, kept->why);
	if (starts)
		node->since_ms = kept->since_ms;
	else if (kept->deadline_ms)
		return sl_change_warn(edit->result,
				      "pool %s: node %s is drained again, without the deadline "
				      "that it had: drain --deadline sets one",
				      pool->name, node->name);
	return 0;
}

int sl_rollback_take(struct sl_edit *edit, struct sl_image_pool *pool,
		     const struct sl_image_pool *from, bool *rebuild)
{
	uint32_t *map = calloc(SL_NODE_INDEX_MAX, sizeof(*map));
	struct sl_lookup names;
	int status = 0;

	sl_lookup_init(&names, pool->nodes, pool->node_count, sl_apply_listed_name);
	for (uint32_t n = 0; map && status == 0 && n < from->listed_count; n++) {
		const struct sl_image_node *kept = &from->nodes[n];
		int place = sl_lookup_find(&names, kept->name);

		if (place < 0)
			continue;
		map[kept->index] = pool->nodes[place].index;
		status = take_hand(edit, pool, &pool->nodes[place], kept);
	}
	sl_lookup_fini(&names);
	if (map && status == 0)
		status = sl_schedule_replace(pool, translate(from->home, map, pool->home),
					     translate(from->former, map, pool->former));
	if (!map || status < 0)
		status = sl_err_set(edit->err, -ENOMEM, "no memory");
	free(map);
	if (status == 0)
		*rebuild = !same_shares(pool, from);
	return status;
}
