/* SPDX-License-Identifier: BSD-3-Clause */

/* Removed nodes by name, with the indices that they had, while a past is read.
 *
 * Why:     one that comes back has its index again, since tables of the nodes before name it.
 * Shape:   lists by a hash of pool and node; of one name the last removed is found first.
 * Threads: control.
 * Memory:  sl_gone_fini() frees all of it; zeros are an empty one.
 * Errors:  0 or -ENOMEM.
 */

#ifndef SL_KEEP_GONE_H
#define SL_KEEP_GONE_H

#include <stdbool.h>
#include <stdint.h>

struct sl_gone {
	struct sl_gone_node **lists; /* room, a power of two */
	uint32_t room, count;
};

void sl_gone_fini(struct sl_gone *gone);
/* cut: its live flows went elsewhere at once. */
int sl_gone_add(struct sl_gone *gone, const char *pool, const char *node, uint32_t index, bool cut);
/* The last removed node of that name is cut now; whether there is one. */
bool sl_gone_cut(struct sl_gone *gone, const char *pool, const char *node);
/* True if the node of that name and index is there and its live flows stayed. */
bool sl_gone_keeps(const struct sl_gone *gone, const char *pool, const char *node, uint32_t index);
/* The index of the last removed node of that name; 0: none. take forgets it. */
uint32_t sl_gone_find(const struct sl_gone *gone, const char *pool, const char *node);
uint32_t sl_gone_take(struct sl_gone *gone, const char *pool, const char *node);

#endif
