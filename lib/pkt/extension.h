/* SPDX-License-Identifier: BSD-3-Clause */

/* Chain of IPv6 extension headers: from the header after the fixed one to the transport header.
 *
 * Why:     whole packets, packets quoted in ICMP errors and packets in tunnels walk the same chain.
 * Shape:   hop-by-hop, routing, destination, AH, mobility and fragment headers are walked, at most
 *          SL_PARSE_EXTENSIONS_MAX of them; a later fragment ends the walk, since what follows is
 *          data.
 * Threads: any; pure.
 * Errors:  the status says; the walk's fields are those of the place where it ended.
 * Source:  RFC 8200 section 4, RFC 4302, RFC 6275.
 */

#ifndef SL_PKT_EXTENSION_H
#define SL_PKT_EXTENSION_H

#include <stdbool.h>
#include <stdint.h>

#include "pkt/parse.h"

struct sl_extensions {
	uint32_t off;	       /* in: of the first header; out: of the transport header */
	uint32_t fragment_off; /* of the fragment header; valid when has_fragment */
	uint16_t fragment;     /* its offset in octets, bit 0: more follow */
	uint8_t protocol;      /* in: next header of the fixed header; out: the transport's */
	uint8_t count;	       /* headers walked; 0 to begin with */
	bool has_fragment;
};

/* Whether the protocol number is an extension header that is walked. */
bool sl_extension_is(uint8_t protocol);

/* Walks octets[0..limit). SL_PKT_OK, SL_PKT_TRUNCATED (a header ends beyond limit),
 * SL_PKT_BAD_HEADER (too many, an impossible length, a second fragment header). */
enum sl_pkt_status sl_extension_walk(const uint8_t *octets, uint32_t limit,
				     struct sl_extensions *walk);

#endif
