/* SPDX-License-Identifier: BSD-3-Clause */

/* Octets and words: loads and stores of network order at any alignment, small arithmetic helpers.
 *
 * Shape:   static inline, no state.
 * Threads: any.
 * Errors:  none; the caller has checked that the octets are there.
 */

#ifndef SL_BASE_BYTES_H
#define SL_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SL_CACHE_LINE	  64
#define SL_ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SL_MIN(a, b)	  ((a) < (b) ? (a) : (b))
#define SL_MAX(a, b)	  ((a) > (b) ? (a) : (b))
#define sl_likely(x)	  __builtin_expect(!!(x), 1)
#define sl_unlikely(x)	  __builtin_expect(!!(x), 0)

/* Words as they lie in memory. */
static inline uint16_t sl_load16(const void *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint32_t sl_load32(const void *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint64_t sl_load64(const void *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline void sl_store16(void *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void sl_store32(void *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void sl_store64(void *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* Host order to network order and back (the same exchange of octets on a little-endian machine). */
static inline uint16_t sl_be16(uint16_t value)
{
	return __builtin_bswap16(value);
}

static inline uint32_t sl_be32(uint32_t value)
{
	return __builtin_bswap32(value);
}

static inline uint64_t sl_be64(uint64_t value)
{
	return __builtin_bswap64(value);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sluice runs on little-endian machines");

/* Words in network order at any address, given and taken in host order. */
static inline uint16_t sl_load_be16(const void *at)
{
	return sl_be16(sl_load16(at));
}

static inline uint32_t sl_load_be32(const void *at)
{
	return sl_be32(sl_load32(at));
}

static inline void sl_store_be16(void *at, uint16_t value)
{
	sl_store16(at, sl_be16(value));
}

static inline void sl_store_be32(void *at, uint32_t value)
{
	sl_store32(at, sl_be32(value));
}

/* Octet `off` of a buffer, where off comes out of a packet and was compared with what is there. The
 * kernel's verifier does not follow such a comparison: its programs read from a buffer that is larger
 * than the mask by the largest header. */
#define SL_AT_MASK 1023

/* As many octets as the verifier believes to be there for a header at sl_at(). */
struct sl_octets {
	uint8_t octet[SL_AT_MASK + 1 + 256];
};

#ifdef __bpf__
#define SL_OCTETS(at) ((const struct sl_octets *)(at))
#else
#define SL_OCTETS(at) (at)
#endif

static inline const uint8_t *sl_at(const uint8_t *octets, uint32_t off)
{
#ifdef __bpf__
	uint64_t bounded = off;

	__asm__("%0 &= %1" : "+r"(bounded) : "i"(SL_AT_MASK));
	return octets + bounded;
#else
	return octets + off;
#endif
}

/* The same to write to. */
static inline uint8_t *sl_put_at(uint8_t *octets, uint32_t off)
{
	return octets + (sl_at(octets, off) - octets);
}

/* The next multiple of a power of two. */
static inline size_t sl_align_up(size_t value, size_t power)
{
	return (value + power - 1) & ~(power - 1);
}

#endif
