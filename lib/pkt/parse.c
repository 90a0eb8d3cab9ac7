/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/parse.h"

#include "pkt/hdr.h"
#include "pkt/parse_slow.h"
#include "pkt/parse_wide.h"

/* From the two octets before the header on: a TCP sequence number turned into host order, TCP
 * flags. Nothing of UDP. */
#define NONE16                                                                                     \
	{                                                                                          \
		0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,      \
			0x80, 0x80, 0x80                                                           \
	}
#define REFUSED                                                                                    \
	{                                                                                          \
		NONE16, UINT16_MAX + 1,                                                            \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

const struct sl_parse_l4 sl_parse_l4_table[256] = {
	[0 ... SL_PROTO_TCP - 1] = REFUSED,
	[SL_PROTO_TCP] = {{9, 8, 7, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 15, 0x80, 0x80, 0x80, 0x80,
			   0x80, 0x80},
			  SL_TCP_SIZE,
			  {0}},
	[SL_PROTO_TCP + 1 ... SL_PROTO_UDP - 1] = REFUSED,
	[SL_PROTO_UDP] = {NONE16, SL_UDP_SIZE, {0}},
	[SL_PROTO_UDP + 1 ... 255] = REFUSED,
};

const struct sl_parse_lanes sl_parse_lanes __attribute__((aligned(32))) = {
#define X(name, even, odd) .name = {even, odd, even, odd},
	SL_PARSE_LANES(X)
#undef X
};

void sl_parse_slow(const uint8_t *frame, uint32_t size, uint32_t frame_size, uint32_t options,
		   struct sl_pkt *pkt)
{
	sl_slow_frame(frame, size, frame_size, options, pkt);
}

void sl_parse_ip(const uint8_t *frame, uint32_t size, uint32_t frame_size, uint32_t l3_off,
		 uint32_t options, struct sl_pkt *pkt)
{
	sl_slow_ip(frame, size, frame_size, l3_off, options, pkt);
}
