/* SPDX-License-Identifier: BSD-3-Clause */

/* Look-up of names in a list: from where the last one was found, and by a hash table once that has
 * cost too much.
 *
 * Why:     lists that are compared mostly have the same order, and then the next name is the one;
 *          where all names differ, a search for each of 65,536 would take minutes.
 * Shape:   the list stays the caller's and as it is; a name that comes twice is found at either place.
 * Threads: one owner.
 * Memory:  sl_lookup_fini() frees the table.
 * Errors:  none: without memory for the table the list is searched.
 */

#ifndef SL_BASE_LOOKUP_H
#define SL_BASE_LOOKUP_H

#include <stdint.h>

struct sl_lookup {
	const void *list;
	const char *(*name)(const void *list, uint32_t place); /* NULL: not to be found */
	uint32_t count;
	uint32_t cursor;   /* where the next name is expected */
	uint64_t searched; /* places that were looked at in vain */
	uint32_t *table;   /* 1 + place, 0: free; NULL: none yet */
	uint32_t mask;
};

void sl_lookup_init(struct sl_lookup *lookup, const void *list, uint32_t count,
		    const char *(*name)(const void *list, uint32_t place));
void sl_lookup_fini(struct sl_lookup *lookup);

/* The place of the name, -1 when there is none. */
int sl_lookup_find(struct sl_lookup *lookup, const char *name);

#endif
