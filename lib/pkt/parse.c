/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/parse.h"

#include <string.h>

void sl_parse_slow(const uint8_t *frame, uint32_t size, uint32_t frame_size, uint32_t options,
		   struct sl_pkt *pkt)
{
	(void)frame, (void)size, (void)frame_size, (void)options;
	memset(pkt, 0, sizeof(*pkt));
	pkt->status = SL_PKT_NOT_IP;
}
