/* SPDX-License-Identifier: BSD-3-Clause */

/* A burst between the stages: parallel arrays, one entry a packet, filled stage by stage.
 *
 * Threads: one owner core.
 */

#ifndef SL_LCORE_BURST_H
#define SL_LCORE_BURST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/limit.h"
#include "pkt/parsed.h"

/* What becomes of a packet. */
enum sl_verdict {
	SL_VERDICT_NODE = 0, /* to node[i] */
	SL_VERDICT_DROP = 1, /* reason[i], enum sl_drop */
	SL_VERDICT_PUNT = 2, /* no service takes it: the port's punt says */
	SL_VERDICT_OWN = 3,  /* ours to answer or learn from */
	SL_VERDICT_HELD = 4, /* kept back (an early fragment); in flight */
	SL_VERDICT_SENT = 5, /* act: gone before the others of the burst */
};

/* Why that node: as `explain` tells. name, value */
#define SL_WHYS(X)                                                                                 \
	X(SLOT, "slot", 0)                                                                         \
	X(LENT, "lent", 1)                                                                         \
	X(PRIOR, "prior", 2)                                                                       \
	X(TRACKED, "tracked", 3)                                                                   \
	X(SCHEDULER, "scheduler", 4)                                                               \
	X(FULL, "full", 5) /* the slot's node has its share of flows (bound.h) */

enum sl_why {
#define X(id, name, value) SL_WHY_##id = (value),
	SL_WHYS(X)
#undef X
};

struct sl_burst {
	struct sl_pkt pkt[SL_BURST_MAX];   /* parse */
	uint64_t hash[SL_BURST_MAX];	   /* decide: what the pool hashes */
	uint32_t service[SL_BURST_MAX];	   /* decide: index, or SL_SERVICE_NONE */
	uint32_t node[SL_BURST_MAX];	   /* decide: node index */
	uint32_t frame_size[SL_BURST_MAX]; /* receive: octets of the frame */
	uint8_t verdict[SL_BURST_MAX];	   /* decide: enum sl_verdict */
	uint8_t reason[SL_BURST_MAX];	   /* decide: enum sl_drop */
	uint8_t why[SL_BURST_MAX];	   /* decide: enum sl_why */
	uint64_t target[SL_BURST_MAX];	   /* receive: sl_pkt_target(); of plain packets alone */
	uint64_t tag[SL_BURST_MAX];	   /* receive: of plain IPv4 packets, when tagged */
	uint64_t special; /* receive: bit i: plain packet i is sl_burst_is_special() */
	uint32_t bytes;	  /* receive: of all frames */
	uint32_t count;
	bool plain;  /* receive: every packet is one of sl_parse_plain() and its verdict is NODE */
	bool ipv4;   /* receive: and all of IPv4 */
	bool ipv6;   /* receive: or all of IPv6 */
	bool tagged; /* receive: by sl_known_ahead() */
	bool given;  /* decide: every packet has a node */
	bool one_service; /* decide: all packets are service[0]'s */
	/* the frames that pkt was parsed from, and the octets that are contiguous there: only while
	 * the snapshot has tunnels */
	const uint8_t *frame[SL_BURST_MAX];
	uint32_t readable[SL_BURST_MAX];
} __attribute__((aligned(SL_CACHE_LINE)));

_Static_assert(SL_BURST_MAX <= 64, "a packet of a burst is a bit of a word");

/* Asks for more than its slot: a beginning or a segment size to limit (TCP SYN, QUIC Initial), or a
 * frame to a group, which services may not take. */
static inline bool sl_burst_is_special(const struct sl_pkt *pkt)
{
	return (pkt->tcp_flags & SL_TCP_SYN) || (pkt->flags & (SL_PKT_QUIC_INITIAL | SL_PKT_GROUP));
}

/* Some packet is not plain. */
static inline void sl_burst_spoil(struct sl_burst *burst)
{
	burst->plain = burst->ipv4 = burst->ipv6 = false;
}

/* What receive notes of plain packet i once it is parsed. */
static inline void sl_burst_note(struct sl_burst *burst, uint32_t i)
{
	const struct sl_pkt *pkt = &burst->pkt[i];

	burst->target[i] = sl_pkt_target(pkt);
	burst->special |= (uint64_t)sl_burst_is_special(pkt) << i;
	burst->ipv4 &= !(pkt->flags & SL_PKT_IPV6);
	burst->ipv6 &= pkt->flags & SL_PKT_IPV6;
}

#endif
