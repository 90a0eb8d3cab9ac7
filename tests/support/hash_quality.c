/* SPDX-License-Identifier: BSD-3-Clause */

#include "support/hash_quality.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"

#define WORDS_MAX 5
#define SLOTS	  65536

double hash_avalanche(hash_function *hash, uint32_t words, uint32_t rounds)
{
	uint32_t(*flips)[64] = calloc((size_t)words * 64, sizeof(*flips));
	struct sl_prng prng = {42};
	double worst = 0;

	if (flips == NULL)
		return 1;
	for (uint32_t round = 0; round < rounds; round++) {
		uint64_t key[WORDS_MAX] = {0}, before;

		for (uint32_t i = 0; i < words; i++)
			key[i] = sl_prng_next(&prng);
		before = hash(key);
		for (uint32_t in = 0; in < words * 64; in++) {
			uint64_t change;

			key[in / 64] ^= 1ull << (in % 64);
			change = hash(key) ^ before;
			key[in / 64] ^= 1ull << (in % 64);
			for (uint32_t out = 0; out < 64; out++)
				flips[in][out] += change >> out & 1;
		}
	}
	for (uint32_t in = 0; in < words * 64; in++) {
		for (uint32_t out = 0; out < 64; out++) {
			double off = (double)flips[in][out] / rounds - 0.5;

			worst = off > worst ? off : worst;
			worst = -off > worst ? -off : worst;
		}
	}
	free(flips);
	return worst;
}

void hash_pattern_fill(hash_function *hash, uint32_t words, enum hash_pattern pattern,
		       uint32_t count, uint64_t *out)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t key[WORDS_MAX] = {0};

		switch (pattern) {
		case HASH_PORTS:
			key[0] = 0x0000040600500000ull | (i & 0xffff);
			key[1] = 0x0a0200c000000000ull | (i >> 16);
			break;
		case HASH_ADDRESS:
			key[0] = 0x0000041100351000ull;
			key[words == 2 ? 1 : 2] = (uint64_t)i << (words == 2 ? 0 : 32);
			break;
		}
		out[i] = hash(key);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t left, right;

	memcpy(&left, a, sizeof(left));
	memcpy(&right, b, sizeof(right));
	return (left > right) - (left < right);
}

uint64_t hash_collisions(const uint64_t *hashes, uint32_t count, uint32_t shift, uint64_t mask)
{
	uint64_t *copy = calloc(count, sizeof(*copy)), found = 0, run = 0;

	if (copy == NULL)
		return UINT64_MAX;
	for (uint32_t i = 0; i < count; i++)
		copy[i] = hashes[i] >> shift & mask;
	qsort(copy, count, sizeof(*copy), compare);
	for (uint32_t i = 1; i < count; i++) {
		run = copy[i] == copy[i - 1] ? run + 1 : 0;
		found += run;
	}
	free(copy);
	return found;
}

double hash_evenness(const uint64_t *hashes, uint32_t count, uint32_t shift)
{
	uint32_t *slots = calloc(SLOTS, sizeof(*slots));
	double mean = (double)count / SLOTS, sum = 0;

	if (slots == NULL)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		slots[hashes[i] >> shift & (SLOTS - 1)]++;
	for (uint32_t i = 0; i < SLOTS; i++)
		sum += (slots[i] - mean) * (slots[i] - mean) / mean;
	free(slots);
	return sum / (SLOTS - 1);
}
