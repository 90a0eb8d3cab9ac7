/* SPDX-License-Identifier: BSD-3-Clause */

#include "image/image.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- sections -------------------------------------------------------------------------------- */

struct sections {
	uint32_t references;
	struct sl_conf conf;
};

static struct sections *sections_of(const struct sl_conf *conf)
{
	return (struct sections *)((char *)(uintptr_t)conf - offsetof(struct sections, conf));
}

/* Takes all of conf over but its pools, and frees it. */
static const struct sl_conf *sections_create(struct sl_conf *conf)
{
	struct sections *made = calloc(1, sizeof(*made));

	if (made) {
		made->references = 1;
		made->conf = *conf;
		made->conf.pools = NULL;
		made->conf.pool_count = 0;
		*conf = (struct sl_conf){.pools = conf->pools, .pool_count = conf->pool_count};
	}
	sl_conf_destroy(conf);
	return made ? &made->conf : NULL;
}

static void sections_put(const struct sl_conf *conf)
{
	if (!conf || --sections_of(conf)->references > 0)
		return;
	sl_conf_fini(&sections_of(conf)->conf);
	free(sections_of(conf));
}

/* ---- images ---------------------------------------------------------------------------------- */

/* Takes a reference to conf over. */
static struct sl_image *image_create(const struct sl_conf *conf, uint32_t pools, uint32_t more)
{
	struct sl_image *image = calloc(1, sizeof(*image));

	if (!image) {
		sections_put(conf);
		return NULL;
	}
	image->references = 1;
	image->conf = conf;
	image->listed_count = pools;
	image->pool_count = pools;
	image->service_count = conf->service_count;
	image->pools = calloc(pools + more + 1, sizeof(*image->pools));
	image->service_index = calloc(conf->service_count + 1, sizeof(*image->service_index));
	if (!image->pools || !image->service_index) {
		sl_image_put(image);
		return NULL;
	}
	return image;
}

struct sl_image *sl_image_frame(struct sl_conf *conf, uint32_t pools, uint32_t more_pools)
{
	const struct sl_conf *sections = sections_create(conf);

	return sections ? image_create(sections, pools, more_pools) : NULL;
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
	sections_put(image->conf);
	free(image->service_index);
	free(image->pools);
	free(image);
}

/* Takes the nodes of conf over. */
static struct sl_image_pool *pool_of_conf(struct sl_conf_pool *conf, uint32_t *index)
{
	struct sl_image_pool *pool = sl_image_pool_create(conf, conf->node_count);
	struct sl_image_node *node = NULL;

	if (!pool)
		return NULL;
	for (uint32_t n = 0; n < conf->node_count; n++) {
		node = sl_image_node_insert(pool, n, sl_node_conf_adopt(&conf->nodes[n]));
		conf->nodes[n] = (struct sl_conf_node){0};
		if (!node)
			break;
		node->index = ++*index;
	}
	pool->home = sl_table_create(conf->slots);
	pool->former = sl_table_create(conf->slots);
	if (!pool->home || !pool->former || pool->node_count < conf->node_count) {
		sl_image_pool_put(pool);
		return NULL;
	}
	return pool;
}

struct sl_image *sl_image_create(struct sl_conf *conf)
{
	struct sl_conf pools = {.pools = conf->pools, .pool_count = conf->pool_count};
	struct sl_image *image;
	uint32_t index = 0;

	conf->pools = NULL;
	conf->pool_count = 0;
	image = sl_image_frame(conf, pools.pool_count, 0);
	for (uint32_t p = 0; image && p < pools.pool_count; p++) {
		image->pools[p] = pool_of_conf(&pools.pools[p], &index);
		if (!image->pools[p]) {
			sl_image_put(image);
			image = NULL;
		}
	}
	sl_conf_fini(&pools);
	return image;
}

struct sl_image *sl_image_copy(const struct sl_image *image)
{
	struct sl_image *copy;

	sections_of(image->conf)->references++;
	copy = image_create(image->conf, image->listed_count,
			    image->pool_count - image->listed_count);
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
	copy = sl_image_pool_copy(pool);
	if (!copy)
		return NULL;
	pool->references--;
	image->pools[place] = copy;
	return copy;
}

void sl_image_conf_free(struct sl_conf *conf)
{
	for (uint32_t p = 0; conf && conf->pools && p < conf->pool_count; p++)
		free(conf->pools[p].nodes);
	if (conf)
		free(conf->pools);
	free(conf);
}

struct sl_conf *sl_image_conf(const struct sl_image *image)
{
	struct sl_conf *conf = malloc(sizeof(*conf));

	if (!conf)
		return NULL;
	*conf = *image->conf;
	conf->pools = calloc(image->listed_count + 1, sizeof(*conf->pools));
	for (uint32_t p = 0; conf->pools && p < image->listed_count; p++) {
		const struct sl_image_pool *pool = image->pools[p];
		struct sl_conf_node *nodes = calloc(pool->listed_count + 1, sizeof(*nodes));

		for (uint32_t n = 0; nodes && n < pool->listed_count; n++)
			nodes[n] = *pool->nodes[n].conf;
		conf->pools[p] = pool->conf;
		conf->pools[p].nodes = nodes;
		conf->pools[p].node_count = pool->listed_count;
		conf->pool_count++;
		if (nodes)
			continue;
		sl_image_conf_free(conf);
		return NULL;
	}
	if (conf->pools)
		return conf;
	free(conf);
	return NULL;
}

struct sl_conf *sl_image_sections(const struct sl_image *image)
{
	return sl_conf_copy(image->conf);
}

int sl_image_sections_set(struct sl_image *image, struct sl_conf *conf)
{
	uint32_t *index = calloc(conf->service_count + (size_t)1, sizeof(*index));
	const struct sl_conf *sections = sections_create(conf);

	if (!index || !sections) {
		free(index);
		sections_put(sections);
		return -ENOMEM;
	}
	sections_put(image->conf);
	sl_service_table_put(image->service_table);
	free(image->service_index);
	image->conf = sections;
	image->service_table = NULL;
	image->service_index = index;
	image->service_count = sections->service_count;
	return 0;
}

struct sl_conf *sl_image_names(const struct sl_image *image)
{
	struct sl_conf *conf = malloc(sizeof(*conf));

	if (!conf)
		return NULL;
	*conf = *image->conf;
	conf->pools = calloc(image->listed_count + (size_t)1, sizeof(*conf->pools));
	if (!conf->pools) {
		free(conf);
		return NULL;
	}
	for (uint32_t p = 0; p < image->listed_count; p++)
		memcpy(conf->pools[p].name, image->pools[p]->name, sizeof(conf->pools[p].name));
	conf->pool_count = image->listed_count;
	return conf;
}

void sl_image_names_free(struct sl_conf *conf)
{
	if (conf)
		free(conf->pools);
	free(conf);
}

/* ---- finding --------------------------------------------------------------------------------- */

int sl_image_find_service(const struct sl_image *image, const char *name)
{
	for (uint32_t s = 0; s < image->service_count; s++)
		if (strcmp(image->conf->services[s].name, name) == 0)
			return (int)s;
	return -1;
}

int sl_image_find_pool(const struct sl_image *image, const char *name)
{
	for (uint32_t p = 0; p < image->listed_count; p++)
		if (strcmp(image->pools[p]->name, name) == 0)
			return (int)p;
	return -1;
}

const struct sl_image_pool *sl_image_pool_at(const struct sl_image *image, uint32_t index)
{
	for (uint32_t p = 0; image && p < image->pool_count; p++)
		if (image->pools[p]->index == index)
			return image->pools[p];
	return NULL;
}
