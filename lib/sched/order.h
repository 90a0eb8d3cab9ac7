/* SPDX-License-Identifier: BSD-3-Clause */

/* A fixed scrambled order of a table's slots, and its inverse.
 *
 * Why:     moves, preferences and loans take slots in an order that is the same in every
 *          dispatcher and every time, and in which neighbours are strangers.
 * Shape:   a bijection of numbers of `bits` bits: odd multiplications and right shifts of half
 *          the width, each its own inverse.
 * Threads: any; pure.
 */

#ifndef SL_SCHED_ORDER_H
#define SL_SCHED_ORDER_H

#include <stdint.h>

#define SL_ORDER_A	   0x9e3779b1u
#define SL_ORDER_B	   0x85ebca6bu
#define SL_ORDER_C	   0xc2b2ae35u
#define SL_ORDER_A_INVERSE 0x0e8b2f51u
#define SL_ORDER_B_INVERSE 0xa5cb9243u
#define SL_ORDER_C_INVERSE 0x7ed1b41du

_Static_assert((uint32_t)(SL_ORDER_A *SL_ORDER_A_INVERSE) == 1, "inverse of A");
_Static_assert((uint32_t)(SL_ORDER_B *SL_ORDER_B_INVERSE) == 1, "inverse of B");
_Static_assert((uint32_t)(SL_ORDER_C *SL_ORDER_C_INVERSE) == 1, "inverse of C");

/* The slot at a place of the order; place < 2^bits, bits at least 1. */
static inline uint32_t sl_order_slot(uint32_t place, uint32_t bits)
{
	uint32_t mask = (1u << bits) - 1;
	uint32_t half = (bits + 1) / 2;
	uint32_t x = (place * SL_ORDER_A) & mask;

	x ^= x >> half;
	x = (x * SL_ORDER_B) & mask;
	x ^= x >> half;
	x = (x * SL_ORDER_C) & mask;
	return x ^ (x >> half);
}

/* The place of a slot in the order. */
static inline uint32_t sl_order_place(uint32_t slot, uint32_t bits)
{
	uint32_t mask = (1u << bits) - 1;
	uint32_t half = (bits + 1) / 2;
	uint32_t x = slot ^ (slot >> half);

	x = (x * SL_ORDER_C_INVERSE) & mask;
	x ^= x >> half;
	x = (x * SL_ORDER_B_INVERSE) & mask;
	x ^= x >> half;
	return (x * SL_ORDER_A_INVERSE) & mask;
}

#endif
