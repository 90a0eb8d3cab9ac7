/* SPDX-License-Identifier: BSD-3-Clause */

/* A packet's headers, from its first octets to what is known of it.
 *
 * Why:     copied, so that parsing is the packet path's own text; nearly all packets have them within
 *          a few words, which take no call of the kernel's.
 * Threads: any; a scratch is a CPU's.
 * Errors:  false: there is no Ethernet header.
 */

#ifndef SL_XDP_HEAD_BPF_H
#define SL_XDP_HEAD_BPF_H

#include "pkt/parse_slow.h"
#include "xdp/datagram.h"
#include "xdp/maps.bpf.h"
#include "xdp/service.bpf.h"

#define PEEK_SIZE 80 /* octets in which nearly all packets have their headers */

/* Verified by itself. */
__noinline int parse_head(struct scratch *it, uint32_t size)
{
	if (!it)
		return 0;
	sl_slow_frame(it->head, size, it->frame_size, SL_PARSE_CHECK_SUM, &it->pkt);
	return 0;
}

/* What fragments of one datagram tell each other. Verified by itself. */
__noinline int read_fragment(struct scratch *it)
{
	const struct sl_xdp_state *now = state_get();
	uint32_t ports;
	uint64_t name;

	if (!it || !now)
		return 0;
	name = sl_xdp_datagram(&now->flow_key, it->head, &it->pkt);
	if (sl_xdp_datagram_begins(&it->pkt)) {
		ports = (uint32_t)it->pkt.key.word[0];
		bpf_map_update_elem(&fragment, &name, &ports, BPF_ANY);
	} else if (sl_xdp_datagram_goes_on(&it->pkt)) {
		const uint32_t *known = bpf_map_lookup_elem(&fragment, &name);

		if (known)
			sl_xdp_datagram_know(&it->pkt, *known);
	}
	return 0;
}

/* The first octets of the frame, in words: their number. */
static __always_inline uint32_t peek(const struct xdp_md *ctx, struct scratch *it)
{
	const uint8_t *data = (const uint8_t *)(long)ctx->data;
	const uint8_t *end = (const uint8_t *)(long)ctx->data_end;
	uint32_t size = 0;

#pragma clang loop unroll(full)
	for (uint32_t i = 0; i < PEEK_SIZE; i += 8) {
		if (data + i + 8 > end)
			break;
		*(uint64_t *)(void *)(it->head + i) = *(const uint64_t *)(const void *)(data + i);
		size = i + 8;
	}
	return size;
}

/* Whether a packet's first octets say all that more of them would. */
static __always_inline bool is_plain(const struct sl_pkt *pkt, uint32_t size)
{
	if (pkt->status != SL_PKT_OK ||
	    (pkt->flags & (SL_PKT_FRAGMENT | SL_PKT_ICMP_ERROR | SL_PKT_OWN)))
		return false;
	if (pkt->protocol == SL_PROTO_TCP)
		return !(pkt->tcp_flags & SL_TCP_SYN) && pkt->l4_off + SL_TCP_SIZE <= size;
	return pkt->protocol == SL_PROTO_UDP &&
	       pkt->l4_off + SL_UDP_SIZE + SL_QUIC_HEAD_SIZE <= size;
}

static __always_inline bool read_head(struct xdp_md *ctx, struct scratch *it)
{
	uint64_t size = ctx->data_end - ctx->data;
	uint32_t peeked;

	it->frame_size = (uint32_t)size;
	peeked = peek(ctx, it);
	if (peeked >= SL_ETH_SIZE + SL_IP4_SIZE) {
		parse_head(it, peeked);
		if (is_plain(&it->pkt, peeked))
			return true;
	}
	if (size > SL_XDP_HEAD_SIZE)
		size = SL_XDP_HEAD_SIZE;
	if (size < SL_ETH_SIZE || bpf_xdp_load_bytes(ctx, 0, it->head, (uint32_t)size) != 0)
		return false;
	parse_head(it, (uint32_t)size);
	if (it->pkt.flags & SL_PKT_FRAGMENT)
		read_fragment(it);
	return true;
}

#endif
