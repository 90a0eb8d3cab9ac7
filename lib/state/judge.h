/* SPDX-License-Identifier: BSD-3-Clause */

/* What a parse status, a port's filter and a node say of a packet.
 *
 * Why:     the packet path acts on it, and `explain` must say the same of the same packet.
 * Threads: any; pure.
 * Memory:  none.
 * Errors:  none.
 */

#ifndef SL_STATE_JUDGE_H
#define SL_STATE_JUDGE_H

#include "base/bytes.h"
#include "lcore/burst.h"
#include "lcore/stats.h"
#include "pkt/hdr.h"
#include "pkt/parsed.h"
#include "state/snapshot.h"

#define SL_JUDGE_MAC_MASK 0xffffffffffffull

/* Verdict and reason of packet i, from its parse status, before services are looked up. */
void sl_judge_parse(struct sl_burst *burst, uint32_t i);

/* True if a frame is for another MAC address than this one, as eight octets of a frame begin with it:
 * virtual devices give every frame, also with promiscuous off. Group addresses are no other's. */
static inline bool sl_judge_is_foreign(const uint8_t *frame, uint32_t readable, uint64_t mac)
{
	return readable >= sizeof(uint64_t) && (frame[0] & SL_ETH_GROUP_BIT) == 0 &&
	       (sl_load64(frame) & SL_JUDGE_MAC_MASK) != mac;
}

/* True if a router would let it go no further. */
static inline bool sl_judge_is_ttl_expired(const uint8_t *l3, const struct sl_pkt *pkt)
{
	return l3[(pkt->flags & SL_PKT_IPV6) ? SL_IP6_HOPS : SL_IP4_TTL] <= 1;
}

/* True if a packet that is too big once encapsulated may go in fragments of the tunnel: as the pool
 * says for what has no DF; and IPv6 packets that every link takes, of which no sender could make
 * smaller ones (RFC 2473 section 7.1, RFC 4213 section 3.2.1). */
static inline bool sl_judge_may_split(const struct sl_node_view *view, const struct sl_pkt *pkt)
{
	if (view->encap.type == SL_ENCAP_NONE)
		return false;
	if (pkt->flags & SL_PKT_IPV6)
		return pkt->l3_size <= SL_IP6_MTU_MIN;
	return (view->flags & SL_NODE_SPLITS) && !(pkt->flags & SL_PKT_DF);
}

/* True for what a narrower path than the port cuts by itself: it fits the port and has no DF outside. */
static inline bool sl_judge_is_for_routers(const struct sl_node_view *view,
					   const struct sl_pkt *pkt, uint32_t mtu)
{
	return view->encap.family == SL_FAMILY_IPV4 && !(view->flags & SL_NODE_SPLITS) &&
	       !(pkt->flags & SL_PKT_DF) && !(view->encap.ipv4.add & SL_IP4_DF) &&
	       pkt->l3_size + view->encap.overhead <= mtu;
}

static inline bool sl_judge_is_too_big(const struct sl_node_view *view, const struct sl_pkt *pkt,
				       uint32_t mtu)
{
	return pkt->l3_size > view->l3_size_max && !sl_judge_may_split(view, pkt) &&
	       !sl_judge_is_for_routers(view, pkt, mtu);
}

/* Why a remote node cannot be sent the packet whose IP header is at l3, with so many octets in front of
 * it for more headers, by a port of that MTU; SL_DROP_COUNT: it can, perhaps in fragments of the tunnel. Too big is also what
 * has no room: frames that went round a loop device gather headers. */
static inline enum sl_drop sl_judge_remote(const struct sl_node_view *view,
					   const struct sl_pkt *pkt, const uint8_t *l3,
					   uint32_t room, uint32_t mtu)
{
	if (view->flags & SL_NODE_NO_NEIGHBOR)
		return SL_DROP_NO_NEIGHBOR;
	if (room < view->encap.size || sl_judge_is_too_big(view, pkt, mtu))
		return SL_DROP_TOO_BIG;
	if (view->encap.type == SL_ENCAP_NONE && sl_judge_is_ttl_expired(l3, pkt))
		return SL_DROP_TTL_EXPIRED;
	return SL_DROP_COUNT;
}

#endif
