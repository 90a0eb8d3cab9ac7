/* SPDX-License-Identifier: BSD-3-Clause */

/* Fuzz target: the parser against its twin, and what follows from its answer.
 *
 * Input:   the first octet holds options and whether the frame goes on beyond the buffer, the rest
 *          is the frame.
 * Checks:  both answers are equal, all offsets lie inside the frame, every function that takes the
 *          answer stays inside it, too (the address sanitizer sees to that).
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/parse_twin.h"
#include "pkt/arp_nd.h"
#include "pkt/encap.h"
#include "pkt/icmp.h"
#include "pkt/inner.h"
#include "pkt/mss.h"

#define MORE	  700 /* octets of the frame beyond the readable ones, when there are */
#define MORE_FROM 512 /* readable ones at least */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* What other rooms do with a packet that is fine. */
static void follow(uint8_t *frame, uint32_t size, const struct sl_pkt *pkt)
{
	static const struct sl_mac mac = {{2, 0, 0, 0, 0, 1}};
	static uint8_t out[SL_ICMP_ERROR_SIZE_MAX];
	struct sl_icmp_error_spec spec = {.mtu = 1400};
	struct sl_neigh neigh;
	struct sl_key key;
	uint8_t *l3 = frame + pkt->l3_off;
	uint32_t readable = size - pkt->l3_off;

	if ((pkt->flags & SL_PKT_FRAGMENT) && sl_pkt_fragment_id(frame, pkt) == 1)
		memset(out, 0, sizeof(out));
	(void)sl_parse_inner(frame, size, size, pkt, &key);
	spec.src.family = pkt->key.family;
	(void)sl_icmp_error_build(&spec, l3, readable, pkt, out);
	if (sl_nd_parse(l3, pkt, &neigh) && neigh.request)
		(void)sl_neigh_answer(&neigh, &mac, &mac, out);
	if (sl_icmp_is_echo(l3, pkt))
		sl_icmp_echo_turn(l3, pkt);
	(void)sl_mss_clamp(l3, readable, pkt, 1200);
}

/* What holds for any answer; frame_size may be more than what was readable. */
static void check(const struct sl_pkt *pkt, uint32_t frame_size)
{
	require(pkt->status <= SL_PKT_TINY);
	if (pkt->status != SL_PKT_OK)
		return;
	require(pkt->key.family == (pkt->flags & SL_PKT_IPV6 ? SL_FAMILY_IPV6 : SL_FAMILY_IPV4));
	require(pkt->l3_off + pkt->l3_size <= frame_size);
	require(pkt->l4_off > pkt->l3_off && pkt->l4_off <= pkt->l3_off + pkt->l3_size);
	require(!(pkt->flags & SL_PKT_NO_PORTS) || (pkt->flags & SL_PKT_FRAGMENT));
	require(!(pkt->flags & SL_PKT_ICMP_ERROR) || !(pkt->flags & SL_PKT_ICMP_STRANGE));
	require(pkt->tcp_flags == 0 || pkt->protocol == SL_PROTO_TCP);
}

static void run(uint8_t *frame, uint32_t size, uint32_t frame_size, uint32_t options)
{
	struct sl_pkt got, slow, twin;
	struct sl_neigh neigh;

	memset(&got, 0xa5, sizeof(got));
	memset(&slow, 0x5a, sizeof(slow));
	sl_parse(frame, size, frame_size, options, &got);
	sl_parse_slow(frame, size, frame_size, options, &slow);
	require(parse_twin_same(&slow, &got));
	check(&got, frame_size);
	if (frame_size != size)
		return;
	parse_twin(frame, size, options & SL_PARSE_CHECK_SUM, &twin);
	require(parse_twin_same(&twin, &got));
	if (got.status == SL_PKT_OK)
		follow(frame, size, &got);
	else if (got.status == SL_PKT_NOT_IP)
		(void)sl_arp_parse(frame + got.l3_off, size - got.l3_off, &neigh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t options, count, more;
	uint8_t *frame;

	if (size == 0 || size > 4096)
		return 0;
	options = data[0] & SL_PARSE_CHECK_SUM;
	more = (data[0] & 2) && size >= MORE_FROM ? MORE : 0;
	count = (uint32_t)size - 1;
	frame = malloc(count ? count : 1); /* of this size, so that the sanitizer sees its end */
	if (frame == NULL)
		return 0;
	memcpy(frame, data + 1, count);
	run(frame, count, count + more, options);
	free(frame);
	return 0;
}
