/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/prng.h"

#define GROUP 16u /* slots that are compared at once */

_Static_assert(SL_SLOTS_MIN % GROUP == 0, "a table has whole groups");

/* ---- tables -------------------------------------------------------------------------------------
 */

static size_t table_size(uint32_t count)
{
	return sizeof(struct sl_table) + count * sizeof(uint32_t);
}

struct sl_table *sl_table_create(uint32_t count)
{
	static uint64_t serial;
	struct sl_table *table = sl_mem_alloc(table_size(count));

	if (table) {
		table->references = 1;
		table->count = count;
		table->serial = ++serial;
	}
	return table;
}

struct sl_table *sl_table_get(struct sl_table *table)
{
	if (table)
		table->references++;
	return table;
}

void sl_table_put(struct sl_table *table)
{
	if (!table || --table->references > 0)
		return;
	free(table->moved);
	sl_mem_free(table, table_size(table->count));
}

/* Without branches: the compiler takes several slots at a time. */
static bool group_differs(const uint32_t *a, const uint32_t *b)
{
	uint32_t differs = 0;

	for (uint32_t i = 0; i < GROUP; i++)
		differs |= a[i] ^ b[i];
	return differs != 0;
}

static int list_moves(const struct sl_table *table, const struct sl_table *other, uint32_t **moved,
		      uint32_t *moved_count)
{
	const uint32_t *a = table->word, *b = other->word;
	uint32_t *slots = NULL, count = 0, room = 0;

	for (uint32_t base = 0; base < table->count; base += GROUP) {
		if (!group_differs(a + base, b + base))
			continue;
		if (count + GROUP > room) {
			uint32_t *more = realloc(slots, (2 * room + GROUP) * sizeof(*more));

			if (!more) {
				free(slots);
				return -ENOMEM;
			}
			slots = more;
			room = 2 * room + GROUP;
		}
		for (uint32_t s = base; s < base + GROUP; s++)
			if (a[s] != b[s])
				slots[count++] = s;
	}
	*moved = slots;
	*moved_count = count;
	return 0;
}

int sl_table_derive(struct sl_table *table, const struct sl_table *origin)
{
	int status = list_moves(table, origin, &table->moved, &table->moved_count);

	if (status == 0)
		table->origin = origin->serial;
	return status;
}

int sl_table_compare(const struct sl_table *table, const struct sl_table *other,
		     struct sl_table_moves *moves)
{
	int status;

	*moves = (struct sl_table_moves){.slots = table->moved, .count = table->moved_count};
	if (table->origin == other->serial)
		return 0;
	moves->count = 0;
	if (table == other)
		return 0;
	status = list_moves(table, other, &moves->own, &moves->count);
	moves->slots = moves->own;
	return status;
}

/* ---- pools and their nodes ----------------------------------------------------------------------
 */

uint64_t sl_image_seed(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3ull;
	return sl_prng_mix(hash);
}

struct sl_image_pool *sl_image_pool_create(const char *name, uint32_t node_room)
{
	struct sl_image_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->nodes = calloc(node_room ? node_room : 1, sizeof(*pool->nodes));
	if (!pool->nodes) {
		free(pool);
		return NULL;
	}
	pool->references = 1;
	pool->node_room = node_room;
	memcpy(pool->name, name, strnlen(name, SL_NAME_LENGTH_MAX));
	return pool;
}

void sl_image_pool_put(struct sl_image_pool *pool)
{
	if (!pool || --pool->references > 0)
		return;
	sl_table_put(pool->home);
	sl_table_put(pool->former);
	sl_table_put(pool->target);
	free(pool->nodes);
	free(pool);
}

struct sl_image_node *sl_image_node_insert(struct sl_image_pool *pool, uint32_t place,
					   const char *name)
{
	struct sl_image_node *node;

	if (pool->node_count == pool->node_room) {
		uint32_t room = pool->node_room * 2 + 8;
		struct sl_image_node *nodes = realloc(pool->nodes, room * sizeof(*nodes));

		if (!nodes)
			return NULL;
		pool->nodes = nodes;
		pool->node_room = room;
	}
	node = &pool->nodes[place];
	memmove(node + 1, node, (pool->node_count - place) * sizeof(*node));
	pool->node_count++;
	memset(node, 0, sizeof(*node));
	memcpy(node->name, name, strnlen(name, SL_NAME_LENGTH_MAX));
	node->seed = sl_image_seed(node->name);
	return node;
}

void sl_image_node_remove(struct sl_image_pool *pool, uint32_t place)
{
	struct sl_image_node *node = &pool->nodes[place];

	pool->node_count--;
	memmove(node, node + 1, (pool->node_count - place) * sizeof(*node));
}

static struct sl_image_pool *pool_copy(const struct sl_image_pool *pool)
{
	struct sl_image_pool *copy = sl_image_pool_create(pool->name, pool->node_count + 8);

	if (!copy)
		return NULL;
	copy->index = pool->index;
	copy->leaving = pool->leaving;
	copy->gone = pool->gone;
	copy->home = sl_table_get(pool->home);
	copy->former = sl_table_get(pool->former);
	copy->target = sl_table_get(pool->target);
	copy->counted_home = pool->counted_home;
	copy->counted_target = pool->counted_target;
	copy->node_count = pool->node_count;
	memcpy(copy->nodes, pool->nodes, pool->node_count * sizeof(*pool->nodes));
	return copy;
}

struct sl_image *sl_image_frame(struct sl_conf *conf, uint32_t more_pools)
{
	struct sl_image *image = calloc(1, sizeof(*image));

	if (!image) {
		sl_conf_destroy(conf);
		return NULL;
	}
	image->references = 1;
	image->conf = conf;
	image->pool_count = conf->pool_count;
	image->service_count = conf->service_count;
	image->pools = calloc(conf->pool_count + more_pools + 1, sizeof(*image->pools));
	image->service_index = calloc(conf->service_count + 1, sizeof(*image->service_index));
	if (!image->pools || !image->service_index) {
		sl_image_put(image);
		return NULL;
	}
	return image;
}

struct sl_image *sl_image_get(struct sl_image *image)
{
	image->references++;
	return image;
}

void sl_image_put(struct sl_image *image)
{
	if (!image || --image->references > 0)
		return;
	for (uint32_t p = 0; image->pools && p < image->pool_count; p++)
		sl_image_pool_put(image->pools[p]);
	sl_service_table_put(image->service_table);
	sl_conf_destroy(image->conf);
	free(image->service_index);
	free(image->pools);
	free(image);
}

static struct sl_image_pool *pool_of_conf(const struct sl_conf_pool *conf, uint32_t *index)
{
	struct sl_image_pool *pool = sl_image_pool_create(conf->name, conf->node_count);

	if (!pool)
		return NULL;
	for (uint32_t n = 0; n < conf->node_count; n++)
		sl_image_node_insert(pool, n, conf->nodes[n].name)->index = ++*index;
	pool->home = sl_table_create(conf->slots);
	pool->former = sl_table_create(conf->slots);
	if (!pool->home || !pool->former) {
		sl_image_pool_put(pool);
		return NULL;
	}
	return pool;
}

struct sl_image *sl_image_create(struct sl_conf *conf)
{
	struct sl_image *image = sl_image_frame(conf, 0);
	uint32_t index = 0;

	for (uint32_t p = 0; image && p < image->pool_count; p++) {
		image->pools[p] = pool_of_conf(&conf->pools[p], &index);
		if (!image->pools[p]) {
			sl_image_put(image);
			return NULL;
		}
	}
	return image;
}

struct sl_image *sl_image_copy(const struct sl_image *image)
{
	struct sl_conf *conf = sl_conf_copy(image->conf);
	uint32_t leaving = image->pool_count - image->conf->pool_count;
	struct sl_image *copy = conf ? sl_image_frame(conf, leaving) : NULL;

	if (!copy)
		return NULL;
	copy->pool_count = image->pool_count;
	copy->generation = image->generation;
	for (uint32_t p = 0; p < image->pool_count; p++) {
		copy->pools[p] = image->pools[p];
		copy->pools[p]->references++;
	}
	memcpy(copy->service_index, image->service_index,
	       image->service_count * sizeof(*image->service_index));
	if (image->service_table)
		copy->service_table = sl_service_table_get(image->service_table);
	return copy;
}

struct sl_image_pool *sl_image_pool_edit(struct sl_image *image, uint32_t place)
{
	struct sl_image_pool *pool = image->pools[place], *copy;

	if (pool->references == 1)
		return pool;
	copy = pool_copy(pool);
	if (!copy)
		return NULL;
	pool->references--;
	image->pools[place] = copy;
	return copy;
}

const struct sl_conf_pool *sl_image_pool_conf(const struct sl_image *image, uint32_t place)
{
	if (place < image->conf->pool_count)
		return &image->conf->pools[place];
	return &image->pools[place]->gone;
}

const struct sl_conf_node *sl_image_node_conf(const struct sl_image *image, uint32_t place,
					      uint32_t node)
{
	const struct sl_conf_pool *conf = sl_image_pool_conf(image, place);

	return node < conf->node_count ? &conf->nodes[node]
				       : &image->pools[place]->nodes[node].gone;
}

int sl_image_find_pool(const struct sl_image *image, const char *name)
{
	for (uint32_t p = 0; p < image->conf->pool_count; p++)
		if (strcmp(image->pools[p]->name, name) == 0)
			return (int)p;
	return -1;
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

int sl_image_find_next(const struct sl_image_pool *pool, const char *name, uint32_t *cursor)
{
	uint32_t n = *cursor;

	for (uint32_t i = 0; i < pool->node_count; i++, n++) {
		if (n >= pool->node_count)
			n = 0;
		if (pool->nodes[n].leaving || strcmp(pool->nodes[n].name, name) != 0)
			continue;
		*cursor = n + 1;
		return (int)n;
	}
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

const struct sl_image_pool *sl_image_pool_at(const struct sl_image *image, uint32_t index)
{
	for (uint32_t p = 0; image && p < image->pool_count; p++)
		if (image->pools[p]->index == index)
			return image->pools[p];
	return NULL;
}
