/* SPDX-License-Identifier: BSD-3-Clause */

/* Who serves of a pool, and with what weight: backups, scaled weights, fallbacks.
 *
 * Why:     inputs of the pure function that lends slots, never a second way to choose a node.
 * Shape:   pure functions over an image's pools.
 * Threads: control.
 * Errors:  none.
 */

#ifndef SL_MODEL_BALANCE_H
#define SL_MODEL_BALANCE_H

#include "image/image.h"

/* True if some node is no backup: where all are, they are nodes like any others. */
bool sl_balance_has_primary(const struct sl_image_pool *pool);

/* Writes weight_now of each node: its weight as scaled, of backups or of the others. */
void sl_balance_weights(struct sl_image_pool *pool);

/* The place of the pool that serves for the one at a place: itself, or a fallback. Nobody can: itself,
 * whose no_node decides. */
uint32_t sl_balance_serving(const struct sl_image *image, uint32_t place);

#endif
