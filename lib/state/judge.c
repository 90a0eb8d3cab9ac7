/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/judge.h"

static const uint8_t verdict_of[] = {
	[SL_PKT_OK] = SL_VERDICT_NODE,	      [SL_PKT_NOT_IP] = SL_VERDICT_PUNT,
	[SL_PKT_TRUNCATED] = SL_VERDICT_DROP, [SL_PKT_BAD_HEADER] = SL_VERDICT_DROP,
	[SL_PKT_TINY] = SL_VERDICT_DROP,
};
static const uint8_t reason_of[] = {
	[SL_PKT_OK] = 0,
	[SL_PKT_NOT_IP] = SL_DROP_NO_SERVICE,
	[SL_PKT_TRUNCATED] = SL_DROP_TRUNCATED,
	[SL_PKT_BAD_HEADER] = SL_DROP_BAD_HEADER,
	[SL_PKT_TINY] = SL_DROP_FRAGMENT,
};

void sl_judge_parse(struct sl_burst *burst, uint32_t i)
{
	burst->verdict[i] = verdict_of[burst->pkt[i].status];
	burst->reason[i] = reason_of[burst->pkt[i].status];
}

/* True if a packet that is too big once encapsulated may go in fragments of the tunnel: as the pool
 * says for what has no DF; and IPv6 packets that every link takes, of which no sender could make
 * smaller ones (RFC 2473 section 7.1, RFC 4213 section 3.2.1). */
static bool may_split(const struct sl_node_view *view, const struct sl_pkt *pkt)
{
	if (view->encap.type == SL_ENCAP_NONE)
		return false;
	if (pkt->flags & SL_PKT_IPV6)
		return pkt->l3_size <= SL_IP6_MTU_MIN;
	return (view->flags & SL_NODE_SPLITS) && !(pkt->flags & SL_PKT_DF);
}

bool sl_judge_is_for_routers(const struct sl_node_view *view, const struct sl_pkt *pkt,
			     uint32_t mtu)
{
	return view->encap.family == SL_FAMILY_IPV4 && !(view->flags & SL_NODE_SPLITS) &&
	       !(pkt->flags & SL_PKT_DF) && !(view->encap.ipv4.add & SL_IP4_DF) &&
	       pkt->l3_size + view->encap.overhead <= mtu;
}

static bool is_too_big(const struct sl_node_view *view, const struct sl_pkt *pkt, uint32_t mtu)
{
	return pkt->l3_size > view->l3_size_max && !may_split(view, pkt) &&
	       !sl_judge_is_for_routers(view, pkt, mtu);
}

enum sl_drop sl_judge_remote(const struct sl_node_view *view, const struct sl_pkt *pkt,
			     const uint8_t *l3, uint32_t room, uint32_t mtu)
{
	if (view->flags & SL_NODE_NO_NEIGHBOR)
		return SL_DROP_NO_NEIGHBOR;
	if (room < view->encap.size || is_too_big(view, pkt, mtu))
		return SL_DROP_TOO_BIG;
	if (view->encap.type == SL_ENCAP_NONE && sl_judge_is_ttl_expired(l3, pkt))
		return SL_DROP_TTL_EXPIRED;
	return SL_DROP_COUNT;
}
