/* SPDX-License-Identifier: BSD-3-Clause */

/* An image: all that operators asked and health found, at one moment; what rollback goes back to.
 *
 * Why:     a change is made on a copy, history keeps the image before, the state file holds one.
 * Shape:   sections (the configuration without its pools), pools and their nodes. A pool and a node
 *          own their configuration, leaving ones, too. Whatever two images agree on is shared:
 *          sections, pools, a node's configuration, tables.
 * Threads: control; reference counts are plain.
 * Memory:  get and put; an image that was committed never changes.
 * Errors:  NULL: no memory.
 */

#ifndef SL_IMAGE_IMAGE_H
#define SL_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "image/pool.h"
#include "state/service.h"

struct sl_image {
	uint32_t references;
	uint64_t generation;
	const struct sl_conf *conf; /* sections: without pools; a reference */
	uint32_t listed_count;	    /* pools of the configuration, in its order; they come first */
	uint32_t pool_count;	    /* and leaving ones */
	struct sl_image_pool **pools;
	uint32_t service_count;			/* as conf->service_count, in its order */
	uint32_t *service_index;		/* of the snapshot */
	struct sl_service_table *service_table; /* of an image in use; NULL in one that was read */
};

struct sl_image *sl_image_get(struct sl_image *image);
void sl_image_put(struct sl_image *image); /* takes NULL */

/* An image to be filled by the reader of a state file. Takes conf over, also on failure. Pools
 * have the configuration's nodes with the indices 1, 2, ... in the order of the file, all up, and
 * tables of zeros. */
struct sl_image *sl_image_create(struct sl_conf *conf);

/* An image with the sections of conf, whose listed pools are all still NULL, with room for more.
 * Takes conf over, also on failure; its pools are freed. */
struct sl_image *sl_image_frame(struct sl_conf *conf, uint32_t pools, uint32_t more_pools);

/* A second image that shares every pool and the sections, for editing. */
struct sl_image *sl_image_copy(const struct sl_image *image);
/* The whole configuration, leaving pools and nodes left out, for formatting and comparing. What is
 * in it belongs to the image; freed by sl_image_conf_free() (takes NULL) before the image is. */
struct sl_conf *sl_image_conf(const struct sl_image *image);
void sl_image_conf_free(struct sl_conf *conf);
/* The pool at place i, made the image's own (copied when shared) for editing; NULL: no memory. */
struct sl_image_pool *sl_image_pool_edit(struct sl_image *image, uint32_t place);

/* The sections for editing: a copy, without pools, to be given back; NULL: no memory. */
struct sl_conf *sl_image_sections(const struct sl_image *image);
/* Gives the image other sections, whose services' indices are all 0 yet. Takes conf over, also on failure:
 * -ENOMEM, the image is as before. */
int sl_image_sections_set(struct sl_image *image, struct sl_conf *conf);
/* The sections beside names of the image's pools, which services are read with; freed by
 * sl_image_names_free() (takes NULL). */
struct sl_conf *sl_image_names(const struct sl_image *image);
void sl_image_names_free(struct sl_conf *conf);

/* The place of the service, -1 when there is none. */
int sl_image_find_service(const struct sl_image *image, const char *name);
/* The place of the pool, -1 when there is none. Leaving pools are found by no name. */
int sl_image_find_pool(const struct sl_image *image, const char *name);

/* The pool of that index in an image (NULL: none), or NULL. */
const struct sl_image_pool *sl_image_pool_at(const struct sl_image *image, uint32_t index);

#endif
