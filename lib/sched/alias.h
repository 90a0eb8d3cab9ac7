/* SPDX-License-Identifier: BSD-3-Clause */

/* Draws by lot in constant time: the alias method.
 *
 * Shape:   as many columns as choices, each shared by its own choice and one other. Integers
 *          only.
 * Source:  Vose, "A linear algorithm for generating random numbers with a given distribution",
 *          IEEE TSE 1991.
 * Threads: built by one, read by any.
 * Memory:  the caller's.
 * Errors:  none.
 */

#ifndef SL_SCHED_ALIAS_H
#define SL_SCHED_ALIAS_H

#include <stdint.h>

struct sl_alias {
	uint64_t threshold; /* below it the column's own choice, else other */
	uint32_t other;
};

#define SL_ALIAS_WEIGHT_BITS 47 /* of a weight; with at most 2^16 choices all sums fit 64 bits */

/* weights: count of them, not all zero, used up by the call; stack: scratch for count words. */
void sl_alias_build(struct sl_alias *columns, uint64_t *weights, uint32_t count, uint32_t *stack);

/* A choice from two random words. */
static inline uint32_t sl_alias_draw(const struct sl_alias *columns, uint32_t count, uint64_t first,
				     uint64_t second)
{
	uint32_t column = (uint32_t)(((unsigned __int128)first * count) >> 64);

	return second < columns[column].threshold ? column : columns[column].other;
}

#endif
