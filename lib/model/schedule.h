/* SPDX-License-Identifier: BSD-3-Clause */

/* From a pool's nodes and weights to its tables: home, former, target.
 *
 * Why:     what operators change moves the home table, what health and hands change only lends its
 *          slots; both are counted in the target, which is what packets use.
 * Shape:   pure functions over an image's pool.
 * Threads: control.
 * Memory:  tables are made anew and shared; the pool holds a reference to each.
 * Errors:  0 or -ENOMEM; the pool is of no use then.
 */

#ifndef SL_MODEL_SCHEDULE_H
#define SL_MODEL_SCHEDULE_H

#include "image/image.h"
#include "sched/pick.h"

/* The pool's table brought to the configuration's slot count: doubling splits each slot, halving
 * keeps every second. */
int sl_schedule_resize(struct sl_image_pool *pool);

/* The home table anew after a change of nodes or weights; former remembers what moved. */
int sl_schedule_home(struct sl_image_pool *pool);

/* Puts other tables in place of home and former; takes over both references. NULL: no memory. */
int sl_schedule_replace(struct sl_image_pool *pool, struct sl_table *home, struct sl_table *former);

/* A home table that comes from elsewhere; former remembers what moved. Takes over the reference. */
int sl_schedule_home_set(struct sl_image_pool *pool, struct sl_table *home);

/* What packets use, after home or the nodes' states changed. */
int sl_schedule_target(struct sl_image_pool *pool);

/* Slots that packets find moved from before (NULL: a new pool) to after, and the least that any
 * change to these nodes needs. */
int sl_schedule_measure(const struct sl_image_pool *before, const struct sl_image_pool *after,
			uint32_t *moved, uint32_t *least);

/* Whether the pool serves regardless of health now: no_node is `any` and nobody healthy is left. */
bool sl_schedule_regardless(const struct sl_image_pool *pool);

/* The choice for new flows of a scheduler that makes one; *view is NULL for those that fill slots. */
int sl_schedule_pick(const struct sl_image_pool *pool, struct sl_pick_view **view);

/* Leaves nodes that the pool has no more out of former. */
int sl_schedule_forget(struct sl_image_pool *pool);

#endif
