/* SPDX-License-Identifier: BSD-3-Clause */

/* Congestion marks at the end of a tunnel.
 *
 * Why:     what routers said of the outer packet is lost with its header.
 * Threads: any; pure.
 * Source:  RFC 6040 section 4.2.
 */

#ifndef SL_DECAP_ECN_H
#define SL_DECAP_ECN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"

#define SL_ECN_MASK  0x03
#define SL_ECN_ECT_1 1
#define SL_ECN_ECT_0 2
#define SL_ECN_CE    3

/* The inner mark, of what both were; above SL_ECN_MASK: the inner packet cannot tell it. */
static inline uint8_t sl_ecn_join(uint8_t outer, uint8_t inner)
{
	if (outer == SL_ECN_CE)
		return inner == 0 ? SL_ECN_MASK + 1 : SL_ECN_CE;
	return outer == SL_ECN_ECT_1 && inner == SL_ECN_ECT_0 ? SL_ECN_ECT_1 : inner;
}

/* Writes the mark of an outer traffic class into the inner IP header. False: the packet has to be dropped. */
static inline bool sl_ecn_copy(uint8_t *ip, bool v6, uint8_t outer_tos)
{
	uint8_t inner = v6 ? ip[1] >> 4 & SL_ECN_MASK : ip[SL_IP4_TOS] & SL_ECN_MASK;
	uint8_t after = sl_ecn_join(outer_tos & SL_ECN_MASK, inner);
	uint16_t word = sl_load16(ip);

	if (after > SL_ECN_MASK)
		return false;
	if (after == inner)
		return true;
	if (v6) {
		ip[1] = (uint8_t)((ip[1] & ~(SL_ECN_MASK << 4)) | after << 4);
		return true;
	}
	ip[SL_IP4_TOS] = (uint8_t)((ip[SL_IP4_TOS] & ~SL_ECN_MASK) | after);
	sl_store16(ip + SL_IP4_SUM,
		   sl_csum_update16(sl_load16(ip + SL_IP4_SUM), word, sl_load16(ip)));
	return true;
}

#endif
