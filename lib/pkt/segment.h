/* SPDX-License-Identifier: BSD-3-Clause */

/* What a sender leaves to its device, done here: checksums, and cutting large segments.
 *
 * Why:     behind virtual devices nobody does it; elsewhere the packet would be refused.
 * Shape:   a checksum left to do holds the sum of the pseudo header alone. A packet whose field holds
 *          that by chance gets the checksum that it has, so it may be asked of all.
 *          Segments are written one by one: TCP, and UDP whose sender has cut its payload itself.
 * Threads: any; pure.
 * Errors:  none; what cannot be cut is said.
 * Source:  RFC 9293 section 3.1, RFC 768, RFC 6864 section 4, RFC 3168 section 6.1.2 (CWR once),
 *          RFC 9260 appendix A (CRC32c).
 */

#ifndef SL_PKT_SEGMENT_H
#define SL_PKT_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "pkt/left.h"
#include "pkt/parse.h"

/* CRC32c as it is stored, over octets and what came before (UINT32_MAX at first), not yet turned. */
uint32_t sl_crc32c(uint32_t crc, const uint8_t *octets, uint32_t size);

/* A packet being cut. */
struct sl_segments {
	const uint8_t *frame;
	uint32_t head;	  /* octets of all headers, which each segment has */
	uint32_t payload; /* octets behind them */
	uint32_t size;	  /* of payload in each segment but the last */
	uint32_t done;
	uint16_t l3_off, l4_off;
	uint16_t id; /* of the next IPv4 header */
	uint8_t protocol;
	bool v6;
};

/* frame: the whole packet, which pkt describes; size: octets of payload in a segment, 0: not known. TCP is
 * then cut to frames of frame_max, which no segment's is larger than; UDP is cut where its sender said
 * or not at all. False: it is one that is not cut, or needs not be. */
bool sl_segments_init(struct sl_segments *segments, const uint8_t *frame, const struct sl_pkt *pkt,
		      uint32_t size, uint32_t frame_max);

/* Octets of the next segment's frame; 0: there is none. */
static inline uint32_t sl_segments_size(const struct sl_segments *segments)
{
	uint32_t left = segments->payload - segments->done;

	return left == 0 ? 0 : segments->head + SL_MIN(left, segments->size);
}

/* Writes the next segment's frame, of sl_segments_size() octets, with its checksums. */
void sl_segments_write(struct sl_segments *segments, uint8_t *out);

#endif
