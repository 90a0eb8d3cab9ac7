/* SPDX-License-Identifier: BSD-3-Clause */

/* Maximum segment size of a TCP SYN, lowered to what a tunnel leaves.
 *
 * Why:     ends that learn of a smaller segment size at the start need no path MTU discovery.
 * Threads: any; pure.
 * Source:  RFC 9293 section 3.2 (options), RFC 6691, RFC 1624.
 */

#ifndef SL_PKT_MSS_H
#define SL_PKT_MSS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "pkt/parsed.h"

#define SL_MSS_OPTIONS_MAX     40 /* octets of options */
#define SL_MSS_OPTION_END      0
#define SL_MSS_OPTION_NOTHING  1
#define SL_MSS_OPTION_MSS      2
#define SL_MSS_OPTION_MSS_SIZE 4

/* Offset of the option's value from the TCP header's start; 0: there is none. */
static inline uint32_t sl_mss_find(const uint8_t *tcp, uint32_t size)
{
	uint32_t off = SL_TCP_SIZE;

	for (uint32_t i = 0; i < SL_MSS_OPTIONS_MAX && off < size; i++) {
		const uint8_t *option = sl_at(tcp, off);

		if (option[0] == SL_MSS_OPTION_END)
			break;
		if (option[0] == SL_MSS_OPTION_NOTHING) {
			off++;
			continue;
		}
		if (off + 2 > size || option[1] < 2 || off + option[1] > size)
			return 0;
		if (option[0] == SL_MSS_OPTION_MSS)
			return option[1] == SL_MSS_OPTION_MSS_SIZE ? off + 2 : 0;
		off += option[1];
	}
	return 0;
}

/* A value at an odd offset lies across two words of the sum: exchanging the octets of what is added
 * has the same effect as moving it by one (RFC 1071 section 2). */
static inline uint16_t sl_mss_summed(uint16_t word, uint32_t off)
{
	return off % 2 ? sl_be16(word) : word;
}

/* Lowers the option of a SYN to mss where it is above, the checksum with it. readable: octets at
 * l3. False: nothing was changed (no SYN, no option, low enough, or options cut or malformed). */
static inline bool sl_mss_clamp(uint8_t *l3, uint32_t readable, const struct sl_pkt *pkt,
				uint16_t mss)
{
	uint32_t l4 = pkt->l4_off - pkt->l3_off, header, at;
	uint8_t *tcp = sl_put_at(l3, l4), *option;
	uint16_t before, after = sl_be16(mss);

	if (pkt->protocol != SL_PROTO_TCP || !(pkt->tcp_flags & SL_TCP_SYN))
		return false;
	header = (tcp[SL_TCP_OFFSET] >> 4) * 4u;
	if (l4 + header > SL_MIN(readable, pkt->l3_size))
		return false;
	at = sl_mss_find(tcp, header);
	option = sl_put_at(tcp, at);
	if (at == 0 || sl_load_be16(option) <= mss)
		return false;
	before = sl_load16(option);
	sl_store16(option, after);
	sl_store16(tcp + SL_TCP_SUM,
		   sl_csum_update16(sl_load16(tcp + SL_TCP_SUM), sl_mss_summed(before, at),
				    sl_mss_summed(after, at)));
	return true;
}

#endif
