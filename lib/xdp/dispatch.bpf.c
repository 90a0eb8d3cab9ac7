/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel's side: hands services' packets to the daemon's sockets, and serves remote nodes by itself
 * while no daemon is there. Parsing, hash and encapsulation are the packet path's own. */

#include "pkt/encap.h"
#include "pkt/left.h"
#include "pkt/mss.h"
#include "state/hash.h"
#include "state/judge.h"
#include "xdp/head.bpf.h"
#include "xdp/maps.bpf.h"
#include "xdp/service.bpf.h"

#define CHUNKS_MAX 40 /* of the largest frame */

/* ---- which node ------------------------------------------------------------------------------ */

static __always_inline bool begins(const struct sl_pkt *pkt)
{
	bool syn = (pkt->tcp_flags & (SL_TCP_SYN | SL_TCP_ACK | SL_TCP_RST | SL_TCP_FIN)) ==
		   SL_TCP_SYN;

	return (syn || (pkt->flags & SL_PKT_QUIC_INITIAL)) && !(pkt->flags & SL_PKT_ICMP_ERROR);
}

/* The prior node of an open slot, or SL_NODE_NOBODY. */
static __always_inline uint32_t prior_of(uint32_t word)
{
	const uint64_t *found;

	if (!(word >> SL_XDP_SLOT_PRIOR_SHIFT))
		return SL_NODE_NOBODY;
	found = at(&prior, word >> SL_XDP_SLOT_PRIOR_SHIFT);
	return found ? (uint32_t)*found : SL_NODE_NOBODY;
}

static __always_inline uint32_t slot_of(const struct sl_xdp_pool *pool, uint64_t hash)
{
	uint64_t index = pool->slots + (hash >> (pool->shift & 63));
	const uint64_t *pair = at(&slot, (uint32_t)(index / 2));

	return pair ? (uint32_t)(*pair >> (index & 1) * 32) : SL_NODE_NOBODY;
}

/* In a slot that is open: a new connection goes to the slot's node and is remembered, what is
 * remembered to its node, all else to the prior. */
static __always_inline uint32_t open_node(const struct sl_xdp_state *now,
					  const struct sl_xdp_pool *pool, const struct sl_pkt *pkt,
					  uint32_t word)
{
	const struct sl_key_mask whole = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	uint32_t node_index = word & SL_XDP_SLOT_NODE, before = prior_of(word);
	const uint32_t *known;
	uint64_t tag;

	if (before == SL_NODE_NOBODY)
		return node_index;
	tag = sl_hash_any(&now->flow_key, pkt, &whole, pool->flags & SL_POOL_SYMMETRIC);
	if (begins(pkt)) {
		bpf_map_update_elem(&flow, &tag, &node_index, BPF_ANY);
		return node_index;
	}
	known = bpf_map_lookup_elem(&flow, &tag);
	return known ? *known : before;
}

static __always_inline uint32_t pool_node(const struct sl_xdp_state *now,
					  const struct sl_xdp_pool *pool, struct scratch *it)
{
	uint32_t word;

	it->hash =
		sl_hash_any(&now->hash_key, &it->pkt, &pool->mask, pool->flags & SL_POOL_SYMMETRIC);
	word = slot_of(pool, it->hash);
	if (!(word >> SL_XDP_SLOT_PRIOR_SHIFT))
		return word;
	return open_node(now, pool, &it->pkt, word);
}

/* ---- out ------------------------------------------------------------------------------------- */

/* Verified by itself. */
__noinline uint64_t sum_chunk(const struct scratch *it)
{
	return it ? sl_csum_inline(it->chunk, FRAME_CHUNK) : 0;
}

/* Over size octets of the frame from off on. */
static __always_inline bool sum_frame(struct xdp_md *ctx, struct scratch *it, uint32_t off,
				      uint32_t left, uint64_t *sum)
{
	*sum = 0;
	for (uint32_t i = 0; i < CHUNKS_MAX && left > 0; i++) {
		uint64_t size = left < FRAME_CHUNK ? left : FRAME_CHUNK;

		if (size < FRAME_CHUNK)
			memset(it->chunk, 0, FRAME_CHUNK);
		if (size == 0 || bpf_xdp_load_bytes(ctx, off, it->chunk, (uint32_t)size) != 0)
			return false;
		*sum += sum_chunk(it);
		off += (uint32_t)size;
		left -= (uint32_t)size;
	}
	return left == 0;
}

/* Verified by itself. */
__noinline int is_sum_left(const struct scratch *it)
{
	return it && it->pkt.protocol != SL_PROTO_SCTP && sl_sum_is_left(it->head, &it->pkt);
}

/* The checksum that a virtual device left to do: its field holds the pseudo header's sum. */
static __always_inline bool complete_sum(struct xdp_md *ctx, struct scratch *it)
{
	uint32_t at_sum = it->pkt.l4_off + sl_sum_offset(it->pkt.protocol);
	uint16_t field;
	uint64_t sum;

	if (!sum_frame(ctx, it, it->pkt.l4_off, it->pkt.l3_off + it->pkt.l3_size - it->pkt.l4_off,
		       &sum))
		return false;
	field = (uint16_t)~sl_csum_fold(sum);
	if (it->pkt.protocol == SL_PROTO_UDP && field == 0)
		field = UINT16_MAX;
	return bpf_xdp_store_bytes(ctx, at_sum, &field, sizeof(field)) == 0;
}

/* Limits the segment size of a SYN: octets of the TCP header, which are others now; 0: they are not.
 * Verified by itself. */
__noinline uint32_t clamp_head(struct scratch *it, uint32_t mss)
{
	uint32_t size;

	if (!it || !sl_mss_clamp(sl_put_at(it->head, it->pkt.l3_off),
				 SL_XDP_HEAD_SIZE - it->pkt.l3_off, &it->pkt, (uint16_t)mss))
		return 0;
	size = (sl_at(it->head, it->pkt.l4_off)[SL_TCP_OFFSET] >> 4) * 4u;
	return size;
}

static __always_inline bool clamp(struct xdp_md *ctx, struct scratch *it, uint16_t mss)
{
	uint64_t size = clamp_head(it, mss);

	/* No header is larger; the verifier sees it so. */
	__asm__("%0 &= 63" : "+r"(size));
	if (size < SL_TCP_SIZE)
		return true;
	return bpf_xdp_store_bytes(ctx, it->pkt.l4_off, (void *)sl_at(it->head, it->pkt.l4_off),
				   (uint32_t)size) == 0;
}

/* Changes the frame's ends: delta octets less in front, and its end where the IP packet's is. */
static __always_inline bool resize(struct xdp_md *ctx, const struct scratch *it, uint32_t front)
{
	int32_t head = (int32_t)it->pkt.l3_off - (int32_t)front;
	int32_t tail = (int32_t)(it->pkt.l3_off + it->pkt.l3_size) - (int32_t)it->frame_size;

	if (tail != 0 && bpf_xdp_adjust_tail(ctx, tail) != 0)
		return false;
	return head == 0 || bpf_xdp_adjust_head(ctx, head) == 0;
}

/* New addresses and one TTL less. */
static __always_inline bool forward(struct xdp_md *ctx, struct scratch *it,
				    const struct sl_encap *encap)
{
	uint8_t *l3 = it->head + (it->pkt.l3_off & 31);
	uint32_t size = it->pkt.flags & SL_PKT_IPV6 ? SL_IP6_SIZE : SL_IP4_SIZE;

	sl_encap_forward(encap, l3, &it->pkt);
	return resize(ctx, it, SL_ETH_SIZE) &&
	       bpf_xdp_store_bytes(ctx, 0, l3 - SL_ETH_SIZE, SL_ETH_SIZE + size) == 0;
}

/* Writes a tunnel's headers. */
static __always_inline bool encapsulate(struct xdp_md *ctx, struct scratch *it,
					const struct sl_encap *encap)
{
	uint32_t size = sl_encap_size(encap);
	uint8_t *start = it->front, *l3 = start + size;
	uint64_t sum;

	sl_encap_put(encap, start, l3, &it->pkt, it->hash, ++it->outer_id);
	if (!resize(ctx, it, size))
		return false;
	if (sl_encap_sums(encap)) {
		if (!sum_frame(ctx, it, size, it->pkt.l3_size, &sum))
			return false;
		sl_encap_finish_udp6(start, l3, sum);
	}
	return bpf_xdp_store_bytes(ctx, 0, start, size) == 0;
}

static __always_inline int drop_it(struct sl_xdp_count *counts)
{
	if (counts)
		counts->dropped++;
	return XDP_DROP;
}

/* What the program has no way for: the kernel's where the port punts to it. */
static __always_inline int refuse(const struct sl_xdp_port *own, struct sl_xdp_count *counts)
{
	if (!own->punts)
		return drop_it(counts);
	if (counts)
		counts->passed++;
	return XDP_PASS;
}

static __always_inline int send(struct xdp_md *ctx, struct scratch *it,
				const struct sl_node_view *view, uint16_t mss,
				struct sl_xdp_count *counts)
{
	const struct sl_xdp_port *out = at(&port, view->port);
	uint32_t bytes = it->frame_size, room;

	if (!out || !out->interface)
		return drop_it(counts);
	room = FRONT_SIZE / 2 + it->pkt.l3_off;
	if (sl_judge_remote(view, &it->pkt, it->head + (it->pkt.l3_off & 31), room, out->mtu) !=
		    SL_DROP_COUNT ||
	    (it->pkt.l3_size > view->l3_size_max &&
	     !sl_judge_is_for_routers(view, &it->pkt, out->mtu)))
		return drop_it(counts);
	if (mss && (it->pkt.tcp_flags & SL_TCP_SYN) && !clamp(ctx, it, mss))
		return drop_it(counts);
	if (is_sum_left(it) && !complete_sum(ctx, it))
		return drop_it(counts);
	if (!(view->encap.type == SL_ENCAP_NONE ? forward(ctx, it, &view->encap)
						: encapsulate(ctx, it, &view->encap)))
		return drop_it(counts);
	if (counts) {
		counts->packets++;
		counts->bytes += bytes;
	}
	return out->interface == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(out->interface, 0);
}

/* The daemon's work, in its absence. */
static __always_inline int serve(struct xdp_md *ctx, struct scratch *it, struct sl_xdp_state *now,
				 const struct sl_xdp_port *own, uint32_t half)
{
	struct sl_xdp_count *counts = at(&count, 0);
	const struct sl_xdp_service *its = at(&service, half * now->room.service + it->service);
	const struct sl_xdp_pool *its_pool;
	const struct sl_node_view *view;

	if (!own->understudy)
		return XDP_PASS;
	if (sl_service_is_set(it->service))
		return refuse(own, counts); /* the daemon alone knows sources */
	if (!its)
		return XDP_PASS;
	if (!now->since_ns)
		now->since_ns = bpf_ktime_get_ns();
	its_pool = at(&pool, half * now->room.pool + its->pool);
	if (!its_pool)
		return drop_it(counts);
	view = at(&node, pool_node(now, its_pool, it));
	if (!view || view->kind == SL_NODE_NONE)
		return its_pool->no_node == SL_NO_NODE_PUNT ? refuse(own, counts) : drop_it(counts);
	if (view->kind != SL_NODE_REMOTE)
		return refuse(own, counts);
	return send(ctx, it, view, its->mss_clamp, counts);
}

/* ---- whose ----------------------------------------------------------------------------------- */

/* The port that a frame came in by. */
static __always_inline const struct sl_xdp_port *port_of(const struct xdp_md *ctx, uint32_t *index)
{
	for (uint32_t i = 0; i < SL_PORTS_MAX; i++) {
		const struct sl_xdp_port *one = at(&port, i);

		*index = i;
		if (one && one->interface == ctx->ingress_ifindex)
			return one;
	}
	return NULL;
}

static __always_inline bool is_foreign(const struct sl_xdp_port *own, const uint8_t *frame)
{
	uint64_t mac = 0;

	if (own->promiscuous)
		return false;
	memcpy(&mac, own->mac.octets, SL_MAC_SIZE);
	return sl_judge_is_foreign(frame, SL_ETH_SIZE, mac);
}

static __always_inline bool is_there(const struct sl_xdp_state *now, uint32_t queue)
{
	if (!bpf_map_lookup_elem(&xsks_map, &queue))
		return false;
	if (!(now->alive[0] & SL_XDP_ALIVE_MASK))
		return false;
	return (int64_t)(bpf_ktime_get_coarse_ns() - now->heartbeat_ns) < (int64_t)SL_XDP_STALE_NS;
}

/* Whether an address is the port's own. */
static __always_inline bool is_own(const struct sl_xdp_port *own, uint8_t family,
				   const uint8_t *octets)
{
	for (uint32_t i = 0; i < SL_PORT_ADDRESSES_MAX && i < own->address_count; i++) {
		const struct sl_addr *one = &own->addresses[i];

		if (one->family != family || sl_load32(one->octets) != sl_load32(octets))
			continue;
		if (family == SL_FAMILY_IPV4 ||
		    (sl_load64(one->octets) == sl_load64(octets) &&
		     sl_load64(one->octets + 8) == sl_load64(octets + 8)))
			return true;
	}
	return false;
}

/* Whether the daemon answers for an address: the port's own, or one that is a service's by itself. */
static __always_inline bool is_answered(const struct sl_xdp_state *now, uint32_t half,
					const struct sl_xdp_port *own, uint8_t family,
					const uint8_t *octets)
{
	uint32_t place;

	if (is_own(own, family, octets))
		return true;
	if (own->answers != SL_ANSWER_SERVICES)
		return false;
	if (family == SL_FAMILY_IPV4)
		return probe4(now, half,
			      sl_service_exact4(sl_load32(octets), SL_SERVICE_EXACT_PLACE), &place);
	return probe6(now, half, sl_load64(octets), sl_load64(octets + 8), SL_SERVICE_EXACT_PLACE,
		      &place);
}

#define ARP_OPERATION 6
#define ARP_REQUEST   1
#define ARP_TARGET    24
#define ND_TARGET     8

/* Questions for an address that the daemon answers for: ARP, neighbour solicitation, echo; and answers
 * where it asks itself. */
static __always_inline bool is_asked(const struct sl_xdp_state *now, uint32_t half,
				     const struct sl_xdp_port *own, const struct scratch *it)
{
	const struct sl_pkt *pkt = &it->pkt;
	const uint8_t *l3 = it->head + (pkt->l3_off & 31), *l4 = sl_at(it->head, pkt->l4_off);

	if (pkt->status == SL_PKT_NOT_IP)
		return (own->learns || sl_load_be16(l3 + ARP_OPERATION) == ARP_REQUEST) &&
		       is_answered(now, half, own, SL_FAMILY_IPV4, l3 + ARP_TARGET);
	if (pkt->status != SL_PKT_OK)
		return false;
	if (!(pkt->flags & SL_PKT_IPV6))
		return l4[0] == SL_ICMP_ECHO &&
		       is_answered(now, half, own, SL_FAMILY_IPV4, (const uint8_t *)&pkt->key.dst4);
	if (l4[0] == SL_ICMP6_NS)
		return is_answered(now, half, own, SL_FAMILY_IPV6, l4 + ND_TARGET);
	return l4[0] == SL_ICMP6_ECHO && is_answered(now, half, own, SL_FAMILY_IPV6, pkt->key.dst);
}

/* Errors about tunnel packets that the port sent: their key is that of the way back. */
static __always_inline bool is_heard(const struct sl_xdp_port *own, const struct sl_pkt *pkt)
{
	uint16_t port_be = pkt->key.sport_be;

	switch (pkt->key.protocol) {
	case SL_PROTO_IPIP:
	case SL_PROTO_IPV6:
	case SL_PROTO_GRE:
		break;
	case SL_PROTO_UDP:
		if (port_be != sl_be16(SL_GUE_PORT) && port_be != sl_be16(SL_VXLAN_PORT))
			return false;
		break;
	default:
		return false;
	}
	return is_own(own, pkt->key.family,
		      pkt->key.family == SL_FAMILY_IPV4 ? (const uint8_t *)&pkt->key.dst4
							: pkt->key.dst);
}

/* What is no service's and yet for the daemon. Verified by itself. */
__noinline int is_for_daemon(const struct scratch *it, uint32_t half, uint32_t index)
{
	const struct sl_xdp_state *now = state_get();
	const struct sl_xdp_port *own = at(&port, index);

	if (!it || !now || !own)
		return 0;
	if (it->pkt.flags & SL_PKT_OWN)
		return own->answers != SL_ANSWER_OFF && is_asked(now, half, own, it);
	return (it->pkt.flags & SL_PKT_ICMP_ERROR) && is_heard(own, &it->pkt);
}

SEC("xdp")
int sluice_dispatch(struct xdp_md *ctx)
{
	struct sl_xdp_state *now = at(&state, 0);
	struct scratch *it = at(&scratch, 0);
	uint32_t half, index, queue = ctx->rx_queue_index;
	const struct sl_xdp_port *own = port_of(ctx, &index);
	bool taken;

	if (!now || !it || !own || now->version != SL_XDP_VERSION)
		return XDP_PASS;
	if (!read_head(ctx, it) || is_foreign(own, it->head))
		return XDP_PASS;
	half = now->active & 1;
	it->service =
		it->pkt.status == SL_PKT_OK ? find_service(now, half, &it->pkt) : SL_SERVICE_NONE;
	taken = it->service != SL_SERVICE_NONE;
	if (!taken && !own->takes_all && !is_for_daemon(it, half, index))
		return XDP_PASS;
	if (is_there(now, queue))
		return bpf_redirect_map(&xsks_map, queue, XDP_PASS);
	return taken ? serve(ctx, it, now, own, half) : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
