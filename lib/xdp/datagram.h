/* SPDX-License-Identifier: BSD-3-Clause */

/* Fragments in the kernel's program: which datagram one is of, and what the first one says to the others.
 *
 * Why:     later fragments have no ports; without the first one's they are nobody's, or another's.
 * Threads: any; pure.
 */

#ifndef SL_XDP_DATAGRAM_H
#define SL_XDP_DATAGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "pkt/hdr.h"
#include "state/hash.h"

/* A datagram's name: of its addresses, protocol and identification, under the key of flows. */
static inline uint64_t sl_xdp_datagram(const struct sl_hash_key *secret, const uint8_t *frame,
				       const struct sl_pkt *pkt)
{
	const struct sl_key_mask mask = {~SL_HASH_MISC_PORTS, UINT64_MAX, UINT64_MAX};

	return sl_hash2(secret, sl_hash_any(secret, pkt, &mask, false),
			sl_pkt_fragment_id(frame, pkt));
}

/* Whether a first fragment tells its ports. */
static inline bool sl_xdp_datagram_begins(const struct sl_pkt *pkt)
{
	return pkt->status == SL_PKT_OK && (pkt->flags & SL_PKT_FRAGMENT) &&
	       !(pkt->fragment & SL_FRAGMENT_OFFSET) && (uint32_t)pkt->key.word[0] != 0;
}

/* Whether a later one asks for them. */
static inline bool sl_xdp_datagram_goes_on(const struct sl_pkt *pkt)
{
	return pkt->status == SL_PKT_OK && (pkt->flags & SL_PKT_NO_PORTS) &&
	       pkt->protocol != SL_PROTO_ICMP && pkt->protocol != SL_PROTO_ICMPV6;
}

/* The first one's, as they lie in word 0 of a key. */
static inline void sl_xdp_datagram_know(struct sl_pkt *pkt, uint32_t ports)
{
	pkt->key.word[0] |= ports;
	pkt->flags &= (uint16_t)~SL_PKT_NO_PORTS;
}

#endif
