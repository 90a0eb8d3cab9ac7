/* SPDX-License-Identifier: BSD-3-Clause */

/* The flow key: a five-tuple as words, so that hashing it is a few loads and products.
 *
 * Shape:   word 0 holds ports, protocol and family; IPv4 fills word 1 (source, destination) and
 *          leaves the rest zero, IPv6 fills words 1, 2 (source) and 3, 4 (destination). Octets lie
 *          as on the wire.
 * Threads: any; pure.
 */

#ifndef SL_PKT_KEY_H
#define SL_PKT_KEY_H

#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"

struct sl_key {
	union {
		uint64_t word[5];
		struct {
			uint16_t sport_be; /* 0 where the protocol has no ports, or they are unknown
					    */
			uint16_t dport_be;
			uint8_t protocol; /* IP protocol number of the transport header */
			uint8_t family;	  /* enum sl_family */
			uint16_t zero;
			union {
				struct {
					uint32_t src4, dst4; /* network order */
				};
				struct {
					uint8_t src[16], dst[16];
				};
			};
		};
	};
};

_Static_assert(sizeof(struct sl_key) == 40, "five words");

/* What of the key a pool hashes: the words are ANDed with these. */
struct sl_key_mask {
	uint64_t misc;	   /* for word 0 */
	uint64_t src, dst; /* all ones or zero */
};

/* Both ends exchanged: the key of the other direction. */
static inline void sl_key_reverse(struct sl_key *key)
{
	uint16_t port = key->sport_be;

	key->sport_be = key->dport_be;
	key->dport_be = port;
	if (key->family == SL_FAMILY_IPV4) {
		uint32_t addr = key->src4;

		key->src4 = key->dst4;
		key->dst4 = addr;
	} else {
		uint64_t high = key->word[1], low = key->word[2];

		key->word[1] = key->word[3];
		key->word[2] = key->word[4];
		key->word[3] = high;
		key->word[4] = low;
	}
}

/* The hash of what the mask leaves of the key. */
static inline uint64_t sl_key_hash(const struct sl_hash_key *secret, const struct sl_key *key,
				   const struct sl_key_mask *mask)
{
	if (key->family == SL_FAMILY_IPV4) {
		uint64_t addrs = (mask->src & 0xffffffffu) | (mask->dst & 0xffffffff00000000u);

		return sl_hash2(secret, key->word[0] & mask->misc, key->word[1] & addrs);
	}
	return sl_hash5(secret, key->word[0] & mask->misc, key->word[1] & mask->src,
			key->word[2] & mask->src, key->word[3] & mask->dst,
			key->word[4] & mask->dst);
}

#endif
