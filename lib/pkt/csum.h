/* SPDX-License-Identifier: BSD-3-Clause */

/* The internet checksum: of octets, of transport packets with their pseudo header, and after small
 * changes.
 *
 * Why:     replies of our own and worker echoes are built from whole octets; forwarded packets
 *          change by a word or two and must not be read whole.
 * Shape:   sums are kept as they lie in memory (network order words on a little-endian machine): a
 *          one's complement sum does not mind, as long as its words are stored the same way.
 * Threads: any; pure.
 * Source:  RFC 1071, RFC 1624 (equation 3), RFC 8200 section 8.1.
 */

#ifndef SL_PKT_CSUM_H
#define SL_PKT_CSUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "pkt/hdr.h"

/* A partial sum down to 16 bits, not yet complemented. */
static inline uint16_t sl_csum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

/* Partial sum of size octets; at most 2^31 of them. An odd last one counts as if a zero followed.
 */
uint64_t sl_csum_partial(const void *octets, uint32_t size);

/* The same where it is called. */
static inline uint64_t sl_csum_inline(const void *octets, uint32_t size)
{
	const uint8_t *at = octets;
	uint64_t sum = 0, odd = 0;

	for (; size >= 16; size -= 16, at += 16) {
		uint64_t a = sl_load64(at), b = sl_load64(at + 8);

		sum += (uint32_t)a + (a >> 32);
		odd += (uint32_t)b + (b >> 32);
	}
	sum += odd;
	for (; size >= 4; size -= 4, at += 4)
		sum += sl_load32(at);
	if (size >= 2) {
		sum += sl_load16(at);
		at += 2;
		size -= 2;
	}
	if (size)
		sum += *at;
	return sum;
}

/* Whether an IPv4 header of size octets, its first word at ip, sums up as it should. The number of words
 * that are looked at is fixed, so that the kernel's verifier sees an end. */
static inline bool sl_csum_header_right(const uint8_t *ip, uint32_t size)
{
	uint64_t sum = 0;

	for (uint32_t off = 0; off < SL_IP4_SIZE_MAX; off += 4)
		if (off < size)
			sum += sl_load32(ip + off);
	return sl_csum_fold(sum) == UINT16_MAX;
}

/* The checksum field's value (to be stored as it is) over octets whose own field is zero; 0 over
 * octets whose field is right. */
static inline uint16_t sl_csum(const void *octets, uint32_t size)
{
	return (uint16_t)~sl_csum_fold(sl_csum_partial(octets, size));
}

/* The field's new value when a 16-bit word under it changes; all three as they lie in memory. */
static inline uint16_t sl_csum_update16(uint16_t field, uint16_t before, uint16_t after)
{
	return (uint16_t)~sl_csum_fold((uint64_t)(uint16_t)~field + (uint16_t)~before + after);
}

static inline uint16_t sl_csum_update32(uint16_t field, uint32_t before, uint32_t after)
{
	return (uint16_t)~sl_csum_fold((uint64_t)(uint16_t)~field + (uint32_t)~before + after);
}

/* Partial sum of the pseudo header of a transport packet of size octets that the IP header at l3 (either
 * family) carries. */
static inline uint64_t sl_csum_pseudo(const uint8_t *l3, uint8_t protocol, uint32_t size)
{
	uint64_t sum = l3[0] >> 4 == 4 ? sl_csum_inline(l3 + SL_IP4_SRC, 8)
				       : sl_csum_inline(l3 + SL_IP6_SRC, 32);

	return sum + sl_be32(size) + sl_be16(protocol);
}

/* Checksum of a TCP, UDP, ICMPv6 or other transport packet of size octets at l4 that the IP header
 * at l3 (either family) carries: over pseudo header and packet, with what its field holds. For
 * ICMPv4, which has no pseudo header, use sl_csum(). A UDP sender writes 0xffff where this gives 0.
 */
uint16_t sl_csum_transport(const uint8_t *l3, uint8_t protocol, const uint8_t *l4, uint32_t size);

#endif
