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
#include "pkt/hdr.h"
#include "pkt/parse.h"
#include "state/burst.h"
#include "state/snapshot.h"
#include "state/stats.h"

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

/* True for what a narrower path than the port cuts by itself: it fits the port and has no DF outside. */
bool sl_judge_is_for_routers(const struct sl_node_view *view, const struct sl_pkt *pkt,
			     uint32_t mtu);

/* Why a remote node cannot be sent the packet whose IP header is at l3, with so many octets in front of
 * it for more headers, by a port of that MTU; SL_DROP_COUNT: it can, perhaps in fragments of the tunnel. Too big is also what
 * has no room: frames that went round a loop device gather headers. */
enum sl_drop sl_judge_remote(const struct sl_node_view *view, const struct sl_pkt *pkt,
			     const uint8_t *l3, uint32_t room, uint32_t mtu);

#endif
