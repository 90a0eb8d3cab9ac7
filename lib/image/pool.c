/* SPDX-License-Identifier: BSD-3-Clause */

#include "image/pool.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"

/* ---- nodes' configurations ------------------------------------------------------------------- */

struct node_conf {
	uint32_t references;
	struct sl_conf_node conf;
};

static struct node_conf *node_conf_of(const struct sl_conf_node *conf)
{
	return (struct node_conf *)((char *)(uintptr_t)conf - offsetof(struct node_conf, conf));
}

const struct sl_conf_node *sl_node_conf_adopt(struct sl_conf_node *from)
{
	struct node_conf *made = malloc(sizeof(*made));

	if (!made) {
		sl_conf_node_fini(from);
		return NULL;
	}
	made->references = 1;
	made->conf = *from;
	return &made->conf;
}

const struct sl_conf_node *sl_node_conf_create(const struct sl_conf_node *from)
{
	struct sl_conf_node copy;

	return sl_conf_node_copy(from, &copy) < 0 ? NULL : sl_node_conf_adopt(&copy);
}

const struct sl_conf_node *sl_node_conf_get(const struct sl_conf_node *conf)
{
	node_conf_of(conf)->references++;
	return conf;
}

void sl_node_conf_put(const struct sl_conf_node *conf)
{
	if (!conf || --node_conf_of(conf)->references > 0)
		return;
	sl_conf_node_fini(&node_conf_of(conf)->conf);
	free(node_conf_of(conf));
}

/* ---- pools and their nodes ------------------------------------------------------------------- */

struct sl_image_pool *sl_image_pool_create(const struct sl_conf_pool *conf, uint32_t node_room)
{
	struct sl_image_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->nodes = calloc(node_room ? node_room : 1, sizeof(*pool->nodes));
	if (!pool->nodes || sl_conf_pool_copy(conf, &pool->conf) < 0) {
		free(pool->nodes);
		free(pool);
		return NULL;
	}
	pool->references = 1;
	pool->node_room = node_room;
	pool->name = pool->conf.name;
	return pool;
}

void sl_image_pool_put(struct sl_image_pool *pool)
{
	if (!pool || --pool->references > 0)
		return;
	for (uint32_t n = 0; n < pool->node_count; n++)
		sl_node_conf_put(pool->nodes[n].conf);
	sl_table_put(pool->home);
	sl_table_put(pool->former);
	sl_table_put(pool->target);
	sl_conf_pool_fini(&pool->conf);
	free(pool->nodes);
	free(pool);
}

static struct sl_image_node *open_gap(struct sl_image_pool *pool, uint32_t place,
				      const struct sl_conf_node *conf)
{
	struct sl_image_node *node;

	if (pool->node_count == pool->node_room) {
		uint32_t room = pool->node_room * 2 + 8;
		struct sl_image_node *nodes = realloc(pool->nodes, room * sizeof(*nodes));

		if (!nodes) {
			sl_node_conf_put(conf);
			return NULL;
		}
		pool->nodes = nodes;
		pool->node_room = room;
	}
	node = &pool->nodes[place];
	memmove(node + 1, node, (pool->node_count - place) * sizeof(*node));
	pool->node_count++;
	memset(node, 0, sizeof(*node));
	node->conf = conf;
	node->name = conf->name;
	node->seed = sl_image_seed(node->name);
	node->scale = SL_SCALE_ONE;
	return node;
}

struct sl_image_node *sl_image_node_insert(struct sl_image_pool *pool, uint32_t place,
					   const struct sl_conf_node *conf)
{
	struct sl_image_node *node = conf ? open_gap(pool, place, conf) : NULL;

	if (node)
		pool->listed_count++;
	return node;
}

struct sl_image_node *sl_image_node_append(struct sl_image_pool *pool,
					   const struct sl_conf_node *conf)
{
	struct sl_image_node *node = conf ? open_gap(pool, pool->node_count, conf) : NULL;

	if (node)
		node->leaving = true;
	return node;
}

static void close_gap(struct sl_image_pool *pool, uint32_t place)
{
	struct sl_image_node *node = &pool->nodes[place];

	if (place < pool->listed_count)
		pool->listed_count--;
	pool->node_count--;
	memmove(node, node + 1, (pool->node_count - place) * sizeof(*node));
}

void sl_image_node_remove(struct sl_image_pool *pool, uint32_t place)
{
	sl_node_conf_put(pool->nodes[place].conf);
	close_gap(pool, place);
}

struct sl_image_node *sl_image_node_leave(struct sl_image_pool *pool, uint32_t place)
{
	struct sl_image_node node = pool->nodes[place];

	close_gap(pool, place);
	node.leaving = true;
	pool->nodes[pool->node_count] = node;
	return &pool->nodes[pool->node_count++];
}

struct sl_conf_node *sl_image_node_edit(struct sl_image_pool *pool, uint32_t place)
{
	struct sl_image_node *node = &pool->nodes[place];
	const struct sl_conf_node *own;

	if (node_conf_of(node->conf)->references > 1) {
		own = sl_node_conf_create(node->conf);
		if (!own)
			return NULL;
		sl_node_conf_put(node->conf);
		node->conf = own;
		node->name = own->name;
	}
	return &node_conf_of(node->conf)->conf;
}

struct sl_image_pool *sl_image_pool_copy(const struct sl_image_pool *pool)
{
	struct sl_image_pool *copy = sl_image_pool_create(&pool->conf, pool->node_count + 8);

	if (!copy)
		return NULL;
	copy->index = pool->index;
	copy->leaving = pool->leaving;
	copy->home = sl_table_get(pool->home);
	copy->former = sl_table_get(pool->former);
	copy->target = sl_table_get(pool->target);
	copy->counted_home = pool->counted_home;
	copy->counted_target = pool->counted_target;
	copy->listed_count = pool->listed_count;
	copy->node_count = pool->node_count;
	memcpy(copy->nodes, pool->nodes, pool->node_count * sizeof(*pool->nodes));
	for (uint32_t n = 0; n < copy->node_count; n++)
		sl_node_conf_get(copy->nodes[n].conf);
	return copy;
}

/* ---- finding and state ----------------------------------------------------------------------- */

uint64_t sl_image_seed(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3ull;
	return sl_prng_mix(hash);
}

int sl_image_find_node(const struct sl_image_pool *pool, const char *name)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		if (!pool->nodes[n].leaving && strcmp(pool->nodes[n].name, name) == 0)
			return (int)n;
	return -1;
}

int sl_image_find_leaving(const struct sl_image_pool *pool, const char *name)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		if (pool->nodes[n].leaving && !pool->nodes[n].cut &&
		    strcmp(pool->nodes[n].name, name) == 0)
			return (int)n;
	return -1;
}

enum sl_node_state sl_image_node_state(const struct sl_image_node *node)
{
	if (node->leaving)
		return SL_NODE_STATE_LEAVING;
	if (sl_image_node_hand(node) == SL_HAND_DISABLED)
		return SL_NODE_STATE_DISABLED;
	if (node->down)
		return SL_NODE_STATE_DOWN;
	if (sl_image_node_hand(node) == SL_HAND_DRAINING)
		return node->drained ? SL_NODE_STATE_DRAINED : SL_NODE_STATE_DRAINING;
	return SL_NODE_STATE_UP;
}

bool sl_image_node_takes(const struct sl_image_node *node)
{
	return sl_image_node_state(node) == SL_NODE_STATE_UP;
}

bool sl_image_node_keeps(const struct sl_image_node *node)
{
	if (node->cut || (node->down && !node->stays))
		return false;
	return sl_image_node_state(node) != SL_NODE_STATE_DISABLED;
}

const char *sl_node_state_name(enum sl_node_state state)
{
	switch (state) {
#define X(id, name, value)                                                                         \
	case SL_NODE_STATE_##id:                                                                   \
		return name;
		SL_NODE_STATES(X)
#undef X
	}
	return "unknown";
}
