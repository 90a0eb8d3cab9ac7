/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames made of any octets: both ways of parsing agree, and what they say lies inside the frame. */

#include <stdlib.h>
#include <string.h>

#include "pkt/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check(const struct sl_pkt *pkt, uint32_t frame_size)
{
	require(pkt->status <= SL_PKT_BAD_HEADER);
	require(pkt->l3_off <= frame_size || pkt->status == SL_PKT_TRUNCATED);
	if (pkt->status != SL_PKT_OK)
		return;
	require(pkt->key.family == (pkt->flags & SL_PKT_IPV6 ? SL_FAMILY_IPV6 : SL_FAMILY_IPV4));
	require(pkt->l3_off + pkt->l3_size <= frame_size);
	require(pkt->l4_off > pkt->l3_off && pkt->l4_off <= pkt->l3_off + pkt->l3_size);
	require(!(pkt->flags & SL_PKT_NO_PORTS) || (pkt->flags & SL_PKT_FRAGMENT));
	require(!(pkt->flags & SL_PKT_ICMP_ERROR) || !(pkt->flags & SL_PKT_ICMP_STRANGE));
	require(pkt->tcp_flags == 0 || pkt->protocol == 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sl_pkt fast, slow;
	/* The first octet chooses options, and whether the buffer ends before the frame does. */
	uint32_t options = size > 0 ? data[0] & SL_PARSE_CHECK_SUM : 0;
	uint32_t more = size > 0 && (data[0] & 2) ? 700 : 0;
	uint8_t *frame;

	if (size < 1)
		return 0;
	data++;
	size--;
	if (more != 0 && size < 512)
		more = 0;
	/* A copy of exactly this size: the sanitizer sees every octet beyond. */
	frame = malloc(size + 1);
	if (frame == NULL)
		return 0;
	memcpy(frame, data, size);
	memset(&fast, 0xa5, sizeof(fast));
	memset(&slow, 0x5a, sizeof(slow));
	sl_parse(frame, (uint32_t)size, (uint32_t)size + more, options, &fast);
	sl_parse_slow(frame, (uint32_t)size, (uint32_t)size + more, options, &slow);
	require(memcmp(&fast, &slow, sizeof(fast)) == 0);
	check(&fast, (uint32_t)size + more);
	free(frame);
	return 0;
}
