/* SPDX-License-Identifier: BSD-3-Clause */

/* Whether a UDP payload starts as a QUIC Initial does: the beginning of a connection.
 *
 * Why:     a beginning may go to the node that serves new flows; a packet that only looks like one
 *          must not, so versions are those that were published (1, 2 and the drafts), and the
 *          destination connection identifier is as long as a client's first one has to be.
 * Shape:   one word and no branch, and a hint that is cheaper still.
 * Threads: any; pure.
 * Source:  RFC 9000 sections 7.2 and 17.2, RFC 9369 section 3.2, RFC 8999.
 */

#ifndef SL_PKT_QUIC_H
#define SL_PKT_QUIC_H

#include <stdbool.h>
#include <stdint.h>

#define SL_QUIC_HEAD_SIZE                                                                          \
	6 /* first octet, version, length of the destination connection identifier */
#define SL_QUIC_DCID_MIN 8
#define SL_QUIC_DCID_MAX 20

/* First octet without its low four bits, then the version, as a little-endian word of 40 bits. */
#define SL_QUIC_HEAD_MASK   0xfffffffff0ull
#define SL_QUIC_V1_INITIAL  0x01000000c0ull
#define SL_QUIC_V2_INITIAL  0xcf43336bd0ull
#define SL_QUIC_DRAFT_MASK  0x00fffffff0ull /* any octet after ff 00 00 */
#define SL_QUIC_DRAFT_VALUE 0x000000ffc0ull

/* What all of these have in common in their first four octets: a cheap first look. */
#define SL_QUIC_HINT_MASK  0xbccc00e0u
#define SL_QUIC_HINT_VALUE 0x000000c0u

_Static_assert((SL_QUIC_V1_INITIAL & SL_QUIC_HINT_MASK) == SL_QUIC_HINT_VALUE &&
		       (SL_QUIC_V2_INITIAL & SL_QUIC_HINT_MASK) == SL_QUIC_HINT_VALUE &&
		       (SL_QUIC_DRAFT_VALUE & SL_QUIC_HINT_MASK) == SL_QUIC_HINT_VALUE,
	       "the hint misses none");

/* head: the payload's first SL_QUIC_HEAD_SIZE octets as a little-endian word; higher ones do not
 * matter. */
static inline bool sl_quic_initial(uint64_t head)
{
	uint64_t kind = head & SL_QUIC_HEAD_MASK;
	uint32_t length = (uint32_t)(head >> 40) & 0xff;

	return ((kind == SL_QUIC_V1_INITIAL) | (kind == SL_QUIC_V2_INITIAL) |
		((head & SL_QUIC_DRAFT_MASK) == SL_QUIC_DRAFT_VALUE)) &
	       (length - SL_QUIC_DCID_MIN <= SL_QUIC_DCID_MAX - SL_QUIC_DCID_MIN);
}

#endif
