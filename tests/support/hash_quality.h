/* SPDX-License-Identifier: BSD-3-Clause */

/* How good a hash of words is: avalanche, collisions, evenness. Used by the unit test, which bounds
 * the figures, and by the bench, which prints them.
 *
 * Threads: any; pure but for scratch of its own.
 */

#ifndef TESTS_SUPPORT_HASH_QUALITY_H
#define TESTS_SUPPORT_HASH_QUALITY_H

#include <stdint.h>

/* A hash of `words` 64-bit words. */
typedef uint64_t hash_function(const uint64_t *word);

/* Flips every input bit of `rounds` random keys and counts which output bits change. Returns the
 * worst distance of any (input bit, output bit) pair from one half. */
double hash_avalanche(hash_function *hash, uint32_t words, uint32_t rounds);

/* Keys as real flows have them: one word counts, the rest stays. Fills out[count] with hashes. */
enum hash_pattern {
	HASH_PORTS = 0,	  /* source ports, then source addresses */
	HASH_ADDRESS = 1, /* the last octets of the source address */
};

void hash_pattern_fill(hash_function *hash, uint32_t words, enum hash_pattern pattern,
		       uint32_t count, uint64_t *out);

/* Pairs of equal values of (hash >> shift) & mask; sorts a copy. */
uint64_t hash_collisions(const uint64_t *hashes, uint32_t count, uint32_t shift, uint64_t mask);

/* Chi-square over 2^16 slots made of the 16 bits at shift, divided by its degrees of freedom: 1 for
 * a perfect random function, with a standard deviation of 0.0055. */
double hash_evenness(const uint64_t *hashes, uint32_t count, uint32_t shift);

#endif
