/* SPDX-License-Identifier: BSD-3-Clause */

/* Prefixes as ranges of addresses, and the stretches that they cut all addresses into.
 *
 * Why:     the longest prefix that holds an address is one binary search, however many there are.
 * Shape:   spans of prefixes lie in or beside one another, never across; in order (by family and start,
 *          the one that holds others first) one walk with the chain of those that hold the present
 *          one finds every place where the longest changes.
 * Threads: any; plain data of the caller.
 */

#ifndef SL_BASE_SPAN_H
#define SL_BASE_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"

typedef unsigned __int128 sl_wide; /* an address as a number */

struct sl_span {
	sl_wide start, end; /* inclusive */
	uint32_t family;    /* 0: IPv4, 1: IPv6 */
	uint32_t item;	    /* the caller's */
	uint32_t value;	    /* the caller's; that of equal spans is the same */
	uint32_t parent;    /* out: the value of the span that holds this one */
};

/* Addresses from start up to the next stretch's have the value. */
struct sl_stretch {
	sl_wide start;
	uint32_t value;
};

/* Every span starts a stretch and ends one. */
#define SL_STRETCHES_MAX(spans) (2 * (size_t)(spans) + 1)

static inline sl_wide sl_wide_of(uint32_t is_ipv6, const uint8_t *octets)
{
	return is_ipv6 ? (sl_wide)sl_be64(sl_load64(octets)) << 64 | sl_be64(sl_load64(octets + 8))
		       : sl_load_be32(octets);
}

/* start, end and family. */
void sl_span_of(const struct sl_prefix *prefix, struct sl_span *span);
bool sl_span_equal(const struct sl_span *a, const struct sl_span *b);
void sl_span_sort(struct sl_span *spans, uint32_t count);

/* The stretches of a family: at least one, at most SL_STRETCHES_MAX(). spans are sorted; outside is the
 * value of addresses that none of them holds. Returns how many. */
uint32_t sl_span_cut(struct sl_span *spans, uint32_t count, uint32_t family, uint32_t outside,
		     struct sl_stretch *stretches);

/* The value at an address. */
static inline uint32_t sl_stretch_find(const struct sl_stretch *stretch, uint32_t count,
				       sl_wide addr)
{
	while (count > 1) {
		uint32_t half = count / 2;

		if (stretch[half].start <= addr)
			stretch += half;
		count -= half;
	}
	return stretch->value;
}

#endif
