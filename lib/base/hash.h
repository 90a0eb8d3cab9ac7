/* SPDX-License-Identifier: BSD-3-Clause */

/* Keyed hash of short keys made of 64-bit words: 64 bits out, a key of 16 octets.
 *
 * Why:     a flow's slot must not be guessable by who sends the packets, and must be the same in
 *          every dispatcher that shares a pool, also in kernel-side programs, which have no AES,
 *          no CRC and no 128-bit multiplication.
 * Shape:   folded multiplication (the high half of a 128-bit product xored with its low half, the
 *          mixing step of Wang Yi's wyhash), two products for two words, four for five words.
 * Source:  https://github.com/wangyi-fudan/wyhash (the idea of the step); figures: `scripts/bench
 *          hash`.
 * Threads: any; pure.
 */

#ifndef SL_BASE_HASH_H
#define SL_BASE_HASH_H

#include <stdint.h>

#define SL_HASH_KEY_SIZE 16

struct sl_hash_key {
	uint64_t word[2]; /* octets 0..7 and 8..15 of the key, little-endian */
};

/* Odd constants of balanced bits, any would do: the hexadecimal digits of the roots of 2, 3, 5
 * and 7. */
#define SL_HASH_C0 0x6a09e667f3bcc909ull
#define SL_HASH_C1 0xbb67ae8584caa73bull
#define SL_HASH_C2 0x3c6ef372fe94f82bull
#define SL_HASH_C3 0xa54ff53a5f1d36f1ull

/* Both halves of a 64 x 64 bit product from four 32 x 32 bit ones: for machines without the wide
 * one. */
static inline void sl_hash_multiply_narrow(uint64_t a, uint64_t b, uint64_t *low, uint64_t *high)
{
	uint64_t a0 = (uint32_t)a, a1 = a >> 32;
	uint64_t b0 = (uint32_t)b, b1 = b >> 32;
	uint64_t p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0, p11 = a1 * b1;
	uint64_t middle = (p00 >> 32) + (uint32_t)p01 + (uint32_t)p10;

	*low = (middle << 32) | (uint32_t)p00;
	*high = p11 + (p01 >> 32) + (p10 >> 32) + (middle >> 32);
}

#if defined(__x86_64__) && !defined(__clang__)
/* In so many words, since gcc 12 takes the halves of a product through memory (10 of the 30
 * instructions of sl_hash2()); clang does not. */
static inline void sl_hash_multiply(uint64_t a, uint64_t b, uint64_t *low, uint64_t *high)
{
	__asm__("mulq %3" : "=a"(*low), "=d"(*high) : "%0"(a), "rm"(b) : "cc");
}
#elif defined(__SIZEOF_INT128__) && !defined(__bpf__)
static inline void sl_hash_multiply(uint64_t a, uint64_t b, uint64_t *low, uint64_t *high)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	*low = (uint64_t)product;
	*high = (uint64_t)(product >> 64);
}
#else
#define sl_hash_multiply sl_hash_multiply_narrow
#endif

static inline uint64_t sl_hash_fold(uint64_t a, uint64_t b)
{
	uint64_t low, high;

	sl_hash_multiply(a, b, &low, &high);
	return low ^ high;
}

/* The key and what the second round adds to it, for many hashes in a row. */
struct sl_hash_rounds {
	uint64_t word[4];
};

static inline struct sl_hash_rounds sl_hash_rounds(const struct sl_hash_key *key)
{
	uint64_t low = key->word[1] ^ SL_HASH_C0, high = key->word[0] ^ SL_HASH_C1;

#ifndef __bpf__
	/* A compiler that knows the sums takes them apart again and adds their parts every time. */
	__asm__("" : "+r"(low), "+r"(high));
#endif
	return (struct sl_hash_rounds){{key->word[0], key->word[1], low, high}};
}

/* Hash of two words (an IPv4 five-tuple). */
static inline uint64_t sl_hash2_rounds(const struct sl_hash_rounds *rounds, uint64_t w0,
				       uint64_t w1)
{
	uint64_t low, high;

	sl_hash_multiply(w0 ^ rounds->word[0], w1 ^ rounds->word[1], &low, &high);
	return sl_hash_fold(low ^ rounds->word[2], high ^ rounds->word[3]);
}

static inline uint64_t sl_hash2(const struct sl_hash_key *key, uint64_t w0, uint64_t w1)
{
	const struct sl_hash_rounds rounds = sl_hash_rounds(key);

	return sl_hash2_rounds(&rounds, w0, w1);
}

/* Hash of five words (an IPv6 five-tuple). */
static inline uint64_t sl_hash5(const struct sl_hash_key *key, uint64_t w0, uint64_t w1,
				uint64_t w2, uint64_t w3, uint64_t w4)
{
	uint64_t source = sl_hash_fold(w1 ^ key->word[0] ^ SL_HASH_C2, w2 ^ key->word[1]);
	uint64_t target = sl_hash_fold(w3 ^ key->word[1] ^ SL_HASH_C3, w4 ^ key->word[0]);

	return sl_hash2(key, w0 ^ source, target ^ (source >> 32 | source << 32));
}

#endif
