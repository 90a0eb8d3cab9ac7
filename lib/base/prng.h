/* SPDX-License-Identifier: BSD-3-Clause */

/* Repeatable random numbers: splitmix64, one word of state.
 *
 * Source:  Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
 * Threads: one a state. Not for secrets: use getrandom().
 */

#ifndef SL_BASE_PRNG_H
#define SL_BASE_PRNG_H

#include <stdint.h>

struct sl_prng {
	uint64_t state;
};

/* The finaliser alone: a fixed, good scramble of one word. */
static inline uint64_t sl_prng_mix(uint64_t word)
{
	word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ull;
	word = (word ^ (word >> 27)) * 0x94d049bb133111ebull;
	return word ^ (word >> 31);
}

static inline uint64_t sl_prng_next(struct sl_prng *prng)
{
	prng->state += 0x9e3779b97f4a7c15ull;
	return sl_prng_mix(prng->state);
}

/* A number in [0, bound), bound > 0, by multiplication (bias below 2^-32 for bounds that fit 32
 * bits). */
static inline uint32_t sl_prng_below(struct sl_prng *prng, uint32_t bound)
{
	return (uint32_t)(((sl_prng_next(prng) >> 32) * bound) >> 32);
}

#endif
