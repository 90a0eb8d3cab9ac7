/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lookup.h"
#include "model/inside.h"
#include "model/schedule.h"

/* A pool of the wanted configuration, and what there was of that name. */
struct pair {
	const struct sl_conf_pool *conf;
	const struct sl_image_pool *old;  /* NULL: a new pool */
	struct sl_image_pool *pool;	  /* in the making */
	struct sl_lookup listed, leaving; /* nodes of old */
	uint8_t *stays;			  /* per node of old */
};

static int no_memory(struct sl_edit *edit)
{
	return sl_err_set(edit->err, -ENOMEM, "no memory");
}

const char *sl_apply_listed_name(const void *nodes, uint32_t place)
{
	const struct sl_image_node *node = (const struct sl_image_node *)nodes + place;

	return node->leaving ? NULL : node->name;
}

static const char *leaving_name(const void *nodes, uint32_t place)
{
	const struct sl_image_node *node = (const struct sl_image_node *)nodes + place;

	return node->leaving && !node->cut ? node->name : NULL;
}

/* The same node of the old pool; -1: none. */
static int find_same(struct pair *pair, const struct sl_conf_node *node)
{
	int n = sl_lookup_find(&pair->listed, node->name);

	return n >= 0 && sl_edit_same_node(pair->old->nodes[n].conf, node) ? n : -1;
}

/* The index of a leaving node of the old pool that comes back; 0: none. */
static uint32_t find_back(struct pair *pair, const struct sl_conf_node *node, bool anew)
{
	int found = anew ? -1 : sl_lookup_find(&pair->leaving, node->name);

	/* several that had the name may be leaving */
	for (uint32_t n = 0; found >= 0 && n < pair->old->node_count; n++) {
		uint32_t place = ((uint32_t)found + n) % pair->old->node_count;
		const struct sl_image_node *old = &pair->old->nodes[place];

		if (strcmp(old->name, node->name) != 0 || !sl_edit_comes_back(old, node))
			continue;
		pair->stays[place] = 1;
		return old->index;
	}
	return 0;
}

static double shown(uint64_t weight)
{
	return (double)weight / SL_WEIGHT_UNIT;
}

/* What is told of a part, with its name before each sentence. */
struct saying {
	struct sl_edit *edit;
	const char *what, *name; /* "pool ", "web: node r1" */
};

static void say_key(void *context, const char *key, const char *before, const char *after)
{
	const struct saying *saying = context;
	char place[3 * SL_NAME_SIZE + 32];

	(void)snprintf(place, sizeof(place), "%s%s: %s", saying->what, saying->name, key);
	sl_change_say_value(saying->edit->result, place, before, after);
}

static int say_part(struct saying *saying, enum sl_conf_part part, const void *was, const void *is,
		    const struct sl_conf *conf)
{
	const struct sl_conf_side before = {saying->edit->before->conf, was};
	const struct sl_conf_side after = {conf, is};

	return sl_conf_tell(part, &before, &after, say_key, saying) < 0 ? no_memory(saying->edit)
									: 0;
}

static int say_node(struct sl_edit *edit, const struct pair *pair, int old, uint32_t n)
{
	const struct sl_conf_node *node = &pair->conf->nodes[n];
	char name[2 * SL_NAME_SIZE + 16];
	struct saying saying = {edit, "pool ", name};

	(void)snprintf(name, sizeof(name), "%s: node %s", pair->conf->name, node->name);
	return say_part(&saying, SL_CONF_PART_NODE, pair->old->nodes[old].conf, node,
			edit->image->conf);
}

static int say_pool(struct sl_edit *edit, const struct pair *pair)
{
	struct saying saying = {edit, "pool ", pair->conf->name};

	if (pair->old && !pair->old->leaving)
		return say_part(&saying, SL_CONF_PART_POOL, &pair->old->conf, pair->conf,
				edit->image->conf);
	sl_change_say(edit->result, "pool %s added with %" PRIu32 " nodes", pair->conf->name,
		      pair->conf->node_count);
	return 0;
}

/* The node as it was, with the wanted configuration, which is shared when it is the same. */
static bool keep_node(struct sl_image_pool *pool, uint32_t n, const struct sl_image_node *old,
		      const struct sl_conf_node *wanted)
{
	const struct sl_conf_node *conf = sl_conf_node_equal(old->conf, wanted)
						  ? sl_node_conf_get(old->conf)
						  : sl_node_conf_create(wanted);
	struct sl_image_node *node = sl_image_node_insert(pool, n, conf);

	if (!node)
		return false;
	*node = *old;
	node->conf = conf;
	node->name = conf->name;
	return true;
}

static int take_nodes(struct sl_edit *edit, struct pair *pair, bool *rebuild)
{
	struct sl_image_pool *pool = pair->pool;

	for (uint32_t n = 0; n < pair->conf->node_count; n++) {
		const struct sl_conf_node *node = &pair->conf->nodes[n];
		int same = find_same(pair, node), status;

		if (same < 0) {
			*rebuild = true;
			if (pair->old && !pair->old->leaving)
				sl_change_say(edit->result,
					      "pool %s: node %s added with weight %.15g",
					      pool->name, node->name, shown(node->weight));
			status = sl_edit_node_begin(edit, pool, node, n,
						    find_back(pair, node, edit->change->anew));
			if (status < 0)
				return status;
			continue;
		}
		pair->stays[same] = 1;
		if (!keep_node(pool, n, &pair->old->nodes[same], node))
			return no_memory(edit);
		sl_edit_forget_health(edit, pool, &pool->nodes[n]);
		*rebuild |= pair->old->nodes[same].conf->weight != node->weight;
		status = say_node(edit, pair, same, n);
		if (status < 0)
			return status;
	}
	return 0;
}

/* Those of the old pool that the new one has not leave; those that were leaving go on to. */
static int leave_nodes(struct sl_edit *edit, struct pair *pair, bool *rebuild)
{
	struct sl_image_pool *pool = pair->pool;
	bool cut = pair->conf->tracking == SL_CONF_TRACKING_NONE;

	for (uint32_t n = 0; pair->old && n < pair->old->node_count; n++) {
		const struct sl_image_node *node = &pair->old->nodes[n];

		if (pair->stays[n])
			continue;
		if (!sl_image_node_append(pool, sl_node_conf_get(node->conf)))
			return no_memory(edit);
		pool->nodes[pool->node_count - 1] = *node;
		if (node->leaving)
			continue;
		*rebuild = true;
		sl_change_say(edit->result, "pool %s: node %s removed", pool->name, node->name);
		sl_edit_node_leave(edit, pool, pool->node_count - 1, cut);
	}
	return 0;
}

static int fill_pool(struct sl_edit *edit, struct pair *pair, const struct sl_image *from,
		     uint32_t place)
{
	bool rebuild = !pair->old || pair->old->leaving ||
		       pair->old->conf.scheduler != pair->conf->scheduler;
	int kept = from ? sl_image_find_pool(from, pair->conf->name) : -1;
	bool taken = kept >= 0 && from->pools[kept]->home->count == pair->conf->slots;
	int status = take_nodes(edit, pair, &rebuild);

	if (status == 0)
		status = leave_nodes(edit, pair, &rebuild);
	if (status == 0 && taken)
		status = sl_rollback_take(edit, pair->pool, from->pools[kept], &rebuild);
	if (status == 0 && sl_schedule_resize(pair->pool) < 0)
		status = no_memory(edit);
	/* fewer slots: every second one is kept, and quotas differ */
	if (!taken && pair->old && pair->old->conf.slots > pair->conf->slots)
		rebuild = true;
	edit->rebuild[place] = rebuild;
	return status;
}

static int make_pool(struct sl_edit *edit, struct pair *pair, const struct sl_image *from,
		     uint32_t place)
{
	uint32_t room = pair->conf->node_count + (pair->old ? pair->old->node_count : 0);
	int status = 0;

	pair->stays = calloc(room + 1, 1);
	pair->pool = sl_image_pool_create(pair->conf, room);
	if (!pair->stays || !pair->pool) {
		sl_image_pool_put(pair->pool);
		free(pair->stays);
		return no_memory(edit);
	}
	edit->image->pools[place] = pair->pool;
	if (pair->old) {
		sl_lookup_init(&pair->listed, pair->old->nodes, pair->old->node_count,
			       sl_apply_listed_name);
		sl_lookup_init(&pair->leaving, pair->old->nodes, pair->old->node_count,
			       leaving_name);
	}
	status = say_pool(edit, pair);
	if (pair->old) {
		pair->pool->index = pair->old->index;
		pair->pool->home = sl_table_get(pair->old->home);
		pair->pool->former = sl_table_get(pair->old->former);
		pair->pool->target = sl_table_get(pair->old->target);
		/* Nodes of one that comes back begin without the slots that its tables give them. */
		pair->pool->counted_home = pair->old->leaving ? 0 : pair->old->counted_home;
		pair->pool->counted_target = pair->old->leaving ? 0 : pair->old->counted_target;
	} else if (status == 0) {
		status = sl_life_pool_take(edit, &pair->pool->index);
		if (status < 0)
			status = sl_err_set(edit->err, status,
					    "pool %s: no room for it until a pool that was removed "
					    "is gone",
					    pair->conf->name);
	}
	if (status == 0)
		status = fill_pool(edit, pair, from, place);
	sl_lookup_fini(&pair->listed);
	sl_lookup_fini(&pair->leaving);
	free(pair->stays);
	return status;
}

/* A pool that is as it was stays shared, and is not built anew: whatever its configuration says (how
 * flows are tracked, room for them, a node's MAC address) is in what is built. */
static void share_equal(struct sl_edit *edit, const struct pair *pair, uint32_t place)
{
	struct sl_image_pool *pool = pair->pool;
	int old = pair->old ? sl_image_find_pool(edit->before, pool->name) : -1;

	if (old < 0 || edit->rebuild[place] || !sl_conf_pool_equal(&pair->old->conf, &pool->conf) ||
	    pool->home != pair->old->home || pool->node_count != pair->old->node_count ||
	    memcmp(pool->nodes, pair->old->nodes, pool->node_count * sizeof(*pool->nodes)) != 0)
		return;
	edit->image->pools[place] = edit->before->pools[old];
	edit->image->pools[place]->references++;
	sl_image_pool_put(pool);
}

/* The pool as it was: also one that was removed and has lost nothing yet, which comes back as itself,
 * unless its slots or what they mean are others now. NULL: it is new. */
static const struct sl_image_pool *find_old(const struct sl_edit *edit,
					    const struct sl_conf_pool *conf)
{
	const struct sl_image *before = edit->before;
	int listed = before ? sl_image_find_pool(before, conf->name) : -1;

	if (listed >= 0)
		return before->pools[listed];
	for (uint32_t p = before ? before->pool_count : 0; p-- > 0;) {
		const struct sl_image_pool *pool = before->pools[p];

		if (pool->leaving && strcmp(pool->name, conf->name) == 0 &&
		    pool->conf.slots == conf->slots && pool->conf.hash == conf->hash &&
		    pool->conf.symmetric == conf->symmetric &&
		    sl_settle_is_whole(edit->model, pool))
			return pool;
	}
	return NULL;
}

static int make_pools(struct sl_edit *edit, const struct sl_conf *conf, const struct sl_image *from)
{
	for (uint32_t p = 0; p < conf->pool_count; p++) {
		struct pair pair = {.conf = &conf->pools[p],
				    .old = find_old(edit, &conf->pools[p])};
		int status = make_pool(edit, &pair, from, p);

		if (status < 0)
			return status;
		share_equal(edit, &pair, p);
	}
	return 0;
}

/* A pool that is removed stays as long as flows need its answer. */
static int leave_pool(struct sl_edit *edit, uint32_t old, uint32_t place)
{
	struct sl_image_pool *pool;

	edit->image->pools[place] = edit->before->pools[old];
	edit->image->pools[place]->references++;
	edit->image->pool_count = place + 1;
	if (edit->before->pools[old]->leaving)
		return 0;
	pool = sl_image_pool_edit(edit->image, place);
	if (!pool)
		return no_memory(edit);
	sl_change_say(edit->result, "pool %s removed", pool->name);
	pool->leaving = true;
	for (uint32_t n = 0; n < pool->listed_count; n++)
		sl_edit_node_left(edit, &pool->nodes[n], false);
	pool->listed_count = 0;
	return 0;
}

static int leave_pools(struct sl_edit *edit)
{
	uint32_t place = edit->image->listed_count;

	for (uint32_t p = 0; edit->before && p < edit->before->pool_count; p++) {
		const struct sl_image_pool *pool = edit->before->pools[p];
		int status;

		if (sl_image_pool_at(edit->image, pool->index))
			continue;
		status = leave_pool(edit, p, place++);
		if (status < 0)
			return status;
	}
	return 0;
}

int sl_apply_services(struct sl_edit *edit)
{
	struct sl_image *image = edit->image;

	for (uint32_t s = 0; s < image->service_count; s++) {
		const struct sl_conf_service *service = &image->conf->services[s];
		const char *pool = image->pools[service->pool]->name;
		int old = edit->before ? sl_image_find_service(edit->before, service->name) : -1;
		struct saying saying = {edit, "service ", service->name};
		int status = 0;

		if (old >= 0) {
			const struct sl_conf *was = edit->before->conf;
			const char *old_pool = edit->before->pools[was->services[old].pool]->name;

			image->service_index[s] = edit->before->service_index[old];
			if (strcmp(old_pool, pool) != 0)
				sl_change_say(edit->result, "service %s: pool %s -> %s",
					      service->name, old_pool, pool);
			status = say_part(&saying, SL_CONF_PART_SERVICE, &was->services[old],
					  service, image->conf);
			if (status < 0)
				return status;
			continue;
		}
		sl_change_say(edit->result, "service %s added, to pool %s", service->name, pool);
		status = sl_life_service_take(edit, &image->service_index[s]);
		if (status < 0)
			return sl_err_set(edit->err, status, "service %s: no room for it",
					  service->name);
	}
	for (uint32_t s = 0; edit->before && s < edit->before->service_count; s++)
		if (sl_image_find_service(image, edit->before->conf->services[s].name) < 0)
			sl_change_say(edit->result, "service %s removed",
				      edit->before->conf->services[s].name);
	return 0;
}

int sl_apply_make(struct sl_edit *edit, const struct sl_conf *wanted, const struct sl_image *from)
{
	uint32_t leaving = edit->before ? edit->before->pool_count : 0;
	struct saying saying = {edit, "control", ""};
	struct sl_conf *sections;
	bool keeps = from || edit->change->shared;
	int status = edit->before ? sl_refuse_check(edit, wanted, keeps) : 0;

	if (status < 0)
		return status;
	sections = sl_refuse_sections(edit, wanted, keeps);
	sl_image_put(edit->image);
	edit->image = sections ? sl_image_frame(sections, wanted->pool_count, leaving) : NULL;
	if (!edit->image)
		return no_memory(edit);
	if (edit->before)
		edit->image->generation = edit->before->generation;
	if (edit->before && (!keeps || edit->change->sections))
		status = say_part(&saying, SL_CONF_PART_CONTROL, &edit->before->conf->control,
				  &edit->image->conf->control, edit->image->conf);
	if (status == 0)
		status = make_pools(edit, wanted, from);
	if (status == 0)
		status = leave_pools(edit);
	return status < 0 ? status : sl_apply_services(edit);
}
