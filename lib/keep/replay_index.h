/* SPDX-License-Identifier: BSD-3-Clause */

/* The indices that nodes have while a past is read.
 *
 * Why:     tables name nodes by index; a node keeps its own from record to record, as it did in the model.
 * Threads: control.
 * Errors:  0 or -ENOMEM.
 */

#ifndef SL_KEEP_REPLAY_INDEX_H
#define SL_KEEP_REPLAY_INDEX_H

#include "keep/record.h"

/* One that no node has. All nodes may get others. */
int sl_past_index_take(struct sl_past *past, uint32_t *index);

/* The image of a new text in place of the one before: nodes of a name that was there have its index, pools
 * their tables. Takes the image over, also on failure. */
int sl_past_carry(struct sl_past *past, struct sl_image *image);

/* One that is another than the node of its name before (flags: SL_PAST_IS_*) has another index. */
int sl_past_renew(struct sl_past *past, struct sl_image_pool *pool, struct sl_image_node *node,
		  uint64_t flags);

#endif
