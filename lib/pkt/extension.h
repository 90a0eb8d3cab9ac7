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

#include "base/bytes.h"
#include "pkt/hdr.h"
#include "pkt/parsed.h"

#define SL_EXTENSION_UNIT	       8
#define SL_EXTENSION_AH_UNIT	       4
#define SL_EXTENSION_AH_SIZE_MIN       12
#define SL_EXTENSION_FRAGMENT_RESERVED 0x0006

struct sl_extensions {
	uint32_t off;	       /* in: of the first header; out: of the transport header */
	uint32_t fragment_off; /* of the fragment header; valid when has_fragment */
	uint16_t fragment;     /* its offset in octets, bit 0: more follow */
	uint8_t protocol;      /* in: next header of the fixed header; out: the transport's */
	uint8_t count;	       /* headers walked; 0 to begin with */
	bool has_fragment;
};

/* Whether the protocol number is an extension header that is walked. */
static inline bool sl_extension_is(uint8_t protocol)
{
	switch (protocol) {
	case SL_PROTO_HOP_BY_HOP:
	case SL_PROTO_ROUTING:
	case SL_PROTO_FRAGMENT:
	case SL_PROTO_AH:
	case SL_PROTO_DESTINATION:
	case SL_PROTO_MOBILITY:
		return true;
	default:
		return false;
	}
}

static inline uint32_t sl_extension_size(uint8_t protocol, const uint8_t *header)
{
	if (protocol == SL_PROTO_FRAGMENT)
		return SL_EXTENSION_UNIT;
	if (protocol == SL_PROTO_AH)
		return (header[1] + 2u) * SL_EXTENSION_AH_UNIT;
	return (header[1] + 1u) * SL_EXTENSION_UNIT;
}

/* The walk itself, from first to where it ends. */
static inline enum sl_pkt_status sl_extension_walk_all(const uint8_t *octets, uint32_t limit,
						       struct sl_extensions *walk)
{
	enum sl_pkt_status status = SL_PKT_OK;
	struct sl_extensions at = *walk;

	for (at.count = 0; sl_extension_is(at.protocol); at.count++) {
		const uint8_t *header = sl_at(octets, at.off);
		uint8_t protocol = at.protocol;
		uint32_t size;

		status = SL_PKT_BAD_HEADER;
		if (at.count == SL_PARSE_EXTENSIONS_MAX)
			break;
		status = SL_PKT_TRUNCATED;
		if (at.off + SL_EXTENSION_UNIT > limit)
			break;
		size = sl_extension_size(protocol, header);
		status = SL_PKT_BAD_HEADER;
		if (protocol == SL_PROTO_AH && size < SL_EXTENSION_AH_SIZE_MIN)
			break;
		status = SL_PKT_TRUNCATED;
		if (at.off + size > limit)
			break;
		status = SL_PKT_BAD_HEADER;
		if (protocol == SL_PROTO_FRAGMENT) {
			if (at.has_fragment)
				break;
			at.has_fragment = true;
			at.fragment_off = at.off;
			at.fragment = sl_load_be16(header + 2) &
				      (uint16_t)~SL_EXTENSION_FRAGMENT_RESERVED;
		}
		status = SL_PKT_OK;
		at.protocol = header[0];
		at.off += size;
		if (protocol == SL_PROTO_FRAGMENT && (at.fragment & SL_FRAGMENT_OFFSET)) {
			at.count++;
			break;
		}
	}
	*walk = at;
	return status;
}

/* Walks octets[0..limit). SL_PKT_OK, SL_PKT_TRUNCATED (a header ends beyond limit),
 * SL_PKT_BAD_HEADER (too many, an impossible length, a second fragment header). */
#ifdef __bpf__
/* A function of its own, which the verifier walks once. */
__attribute__((noinline)) enum sl_pkt_status
sl_extension_walk(const struct sl_octets *octets, uint32_t limit, struct sl_extensions *walk)
{
	if (!octets || !walk)
		return SL_PKT_BAD_HEADER;
	return sl_extension_walk_all(octets->octet, limit, walk);
}
#else
static inline enum sl_pkt_status sl_extension_walk(const uint8_t *octets, uint32_t limit,
						   struct sl_extensions *walk)
{
	return sl_extension_walk_all(octets, limit, walk);
}
#endif

#endif
