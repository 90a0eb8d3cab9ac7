/* SPDX-License-Identifier: BSD-3-Clause */

/* Checksums that a sender has left to its device: which, and where.
 *
 * Why:     the packet path and the kernel's program (xdp) complete them alike.
 * Shape:   the field holds the sum of the pseudo header alone.
 * Threads: any; pure.
 */

#ifndef SL_PKT_LEFT_H
#define SL_PKT_LEFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "pkt/parsed.h"

#define SL_SCTP_SUM 8

/* Offset of the checksum field in a transport header that devices fill in; 0: they do not. */
static inline uint32_t sl_sum_offset(uint8_t protocol)
{
	switch (protocol) {
	case SL_PROTO_TCP:
		return SL_TCP_SUM;
	case SL_PROTO_UDP:
		return SL_UDP_SUM;
	case SL_PROTO_SCTP:
		return SL_SCTP_SUM;
	default:
		return 0;
	}
}

/* Whether the packet's checksum is left to do, as far as its octets tell. frame: all headers lie
 * together. */
static inline bool sl_sum_is_left(const uint8_t *frame, const struct sl_pkt *pkt)
{
	uint32_t offset = sl_sum_offset(pkt->protocol), size;
	const uint8_t *l3 = sl_at(frame, pkt->l3_off), *field = sl_at(frame, pkt->l4_off) + offset;

	if (pkt->status != SL_PKT_OK || offset == 0 || (pkt->flags & SL_PKT_FRAGMENT))
		return false;
	if (pkt->protocol == SL_PROTO_SCTP)
		return sl_load32(field) == 0;
	size = pkt->l3_size - (uint32_t)(pkt->l4_off - pkt->l3_off);
	return sl_csum_fold(sl_csum_pseudo(l3, pkt->protocol, size)) == sl_load16(field);
}

#endif
