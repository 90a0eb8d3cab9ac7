/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/mss.h"

#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"

#define OPTION_END	0
#define OPTION_NOTHING	1
#define OPTION_MSS	2
#define OPTION_MSS_SIZE 4

/* Offset of the option's value from the TCP header's start; 0: there is none. */
static uint32_t find_mss(const uint8_t *tcp, uint32_t size)
{
	uint32_t off = SL_TCP_SIZE;

	while (off < size && tcp[off] != OPTION_END) {
		if (tcp[off] == OPTION_NOTHING) {
			off++;
			continue;
		}
		if (off + 2 > size || tcp[off + 1] < 2 || off + tcp[off + 1] > size)
			return 0;
		if (tcp[off] == OPTION_MSS)
			return tcp[off + 1] == OPTION_MSS_SIZE ? off + 2 : 0;
		off += tcp[off + 1];
	}
	return 0;
}

/* A value at an odd offset lies across two words of the sum: exchanging the octets of what is added
 * has the same effect as moving it by one (RFC 1071 section 2). */
static uint16_t as_summed(uint16_t word, uint32_t off)
{
	return off % 2 ? sl_be16(word) : word;
}

bool sl_mss_clamp(uint8_t *l3, uint32_t readable, const struct sl_pkt *pkt, uint16_t mss)
{
	uint32_t l4 = pkt->l4_off - pkt->l3_off, header, at;
	uint8_t *tcp = l3 + l4;
	uint16_t before, after = sl_be16(mss);

	if (pkt->protocol != SL_PROTO_TCP || !(pkt->tcp_flags & SL_TCP_SYN))
		return false;
	header = (tcp[SL_TCP_OFFSET] >> 4) * 4u;
	if (l4 + header > SL_MIN(readable, pkt->l3_size))
		return false;
	at = find_mss(tcp, header);
	if (at == 0 || sl_load_be16(tcp + at) <= mss)
		return false;
	before = sl_load16(tcp + at);
	sl_store16(tcp + at, after);
	sl_store16(tcp + SL_TCP_SUM, sl_csum_update16(sl_load16(tcp + SL_TCP_SUM),
						      as_summed(before, at), as_summed(after, at)));
	return true;
}
