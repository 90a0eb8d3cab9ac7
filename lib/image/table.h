/* SPDX-License-Identifier: BSD-3-Clause */

/* A slot table of an image: slot -> node index.
 *
 * Why:     three tables of a pool are kept for each generation; most are those of the one before.
 * Shape:   words by slot, and the slots that differ from the table it was made from.
 * Threads: control; reference counts are plain.
 * Memory:  create, get and put; a table in an image never changes.
 * Errors:  NULL or -ENOMEM: no memory.
 */

#ifndef SL_IMAGE_TABLE_H
#define SL_IMAGE_TABLE_H

#include <stdint.h>

/* Slots by number; words are node indices, 0: nobody. One that was made from another knows the slots
 * that moved, so that who compares the two need not go over all of them. */
struct sl_table {
	uint32_t references;
	uint32_t count;
	uint64_t serial; /* of this table alone */
	uint64_t origin; /* serial of the table that it was made from, of the same size; 0: none */
	uint32_t *moved; /* the slots that differ from it, ascending */
	uint32_t moved_count;
	uint32_t word[];
};

struct sl_table *sl_table_create(uint32_t count); /* all words 0 */
struct sl_table *sl_table_get(struct sl_table *table);
void sl_table_put(struct sl_table *table); /* takes NULL */

/* Says that the table was made from another of its size: lists what differs. 0 or -ENOMEM. */
int sl_table_derive(struct sl_table *table, const struct sl_table *origin);

/* The slots in which a table differs from another of its size, ascending; known at once when it was
 * made from it. 0 or -ENOMEM; own is freed by who asks. */
struct sl_table_moves {
	const uint32_t *slots;
	uint32_t count;
	uint32_t *own;
};

int sl_table_compare(const struct sl_table *table, const struct sl_table *other,
		     struct sl_table_moves *moves);

#endif
