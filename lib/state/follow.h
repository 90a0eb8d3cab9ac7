/* SPDX-License-Identifier: BSD-3-Clause */

/* Which node a packet follows where its slot's node alone does not say: in unsettled slots, in fully
 * tracked pools, and for beginnings.
 *
 * Why:     no live connection changes its node; these are the rules, packet by packet. Those by
 *          which slots open and settle are in slots.h.
 * Shape:   passes over those packets of a burst: tags with their first buckets prefetched, the straight
 *          way (known.h) with the second buckets of the others prefetched, then packet by packet.
 *          Beginnings nearly always go another way before (begin.h).
 *          Miss in an open slot: a beginning goes to the slot's node and is entered *begun*,
 *          anything else goes to the prior and is entered live. Miss in a slot that is unsettled but
 *          no more open, or settled: to the node; only beginnings are entered, and with full
 *          tracking strangers, who are live with a second packet later. Hit: to the entry's
 *          node. An entry counts while it is younger than its life and its node keeps its flows.
 *          What goes elsewhere than to the slot's node stamps the slot, so that it does not settle.
 * Threads: sl_follow: the core that owns the tables; sl_follow_look: any, and it writes nothing.
 */

#ifndef SL_STATE_FOLLOW_H
#define SL_STATE_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "pkt/parse.h"
#include "state/core.h"
#include "state/flow_table.h"
#include "state/known.h"
#include "state/origin.h"
#include "state/snapshot.h"

/* How far behind the SYN's sequence number a packet may be that is taken for its connection's, in
 * units of 2^16. */
#define SL_FOLLOW_SEQ_REACH 2

/* How far from its flow's last sequence number a FIN or RST may be that is believed, in units of 2^16:
 * who does not see the connection has to send some 500 of them. */
#define SL_FOLLOW_END_REACH 64

/* An entry of one's own that was not used for so many ticks, or does not fit the packet, is compared
 * with those of other cores: the device may have sent the flow elsewhere and back. */
#define SL_FOLLOW_FRESH_TICKS 8

/* What the second tag of a flow differs in from the first: that of a connection which seems to begin on the
 * ports of a live one. */
#define SL_FOLLOW_BESIDE 0x9b05688c2b3e6c1full

/* The surroundings of a burst. */
struct sl_follow {
	const struct sl_snapshot *snapshot;
	struct sl_core *core;
	uint64_t now_ms;
	const struct sl_pool_view *clock_pool; /* whose clock it is; NULL: none yet */
	struct sl_flow_clock clock;
	struct sl_known known; /* where that pool tracks every flow */
	struct sl_origin
		*origin; /* room for that of the packet at hand, if its service is unsettled */
};

/* One packet, and what becomes of it. */
struct sl_follow_pkt {
	const struct sl_pkt *pkt;
	const struct sl_pool_view *pool; /* has flow tables */
	uint64_t hash;			 /* in the pool */
	uint32_t service;		 /* index */
	uint8_t i;			 /* the caller's: its place in the burst */
	bool settled;			 /* slot and service */
	bool orphan; /* what passes find: an entry says that its node died; that node may come back */
	uint64_t tag; /* what passes find: sl_hash_flow() */
	/* the answer */
	uint32_t node;
	uint32_t why; /* enum sl_why */
};

/* The first packet of a connection, as far as a packet can tell. */
static inline bool sl_follow_begins(const struct sl_pkt *pkt)
{
	bool syn = (pkt->tcp_flags & (SL_TCP_SYN | SL_TCP_ACK | SL_TCP_RST | SL_TCP_FIN)) ==
		   SL_TCP_SYN;

	return (syn || (pkt->flags & SL_PKT_QUIC_INITIAL)) && !(pkt->flags & SL_PKT_ICMP_ERROR);
}

/* A new connection of ports whose entry says that they were used before. */
static inline bool sl_follow_begins_anew(const struct sl_pkt *pkt, uint64_t word)
{
	return sl_flow_kind(word) == SL_FLOW_CLOSING && pkt->key.protocol == SL_PROTO_TCP &&
	       sl_follow_begins(pkt);
}

static inline enum sl_flow_class sl_follow_class(const struct sl_pkt *pkt)
{
	if (pkt->key.protocol == SL_PROTO_TCP)
		return SL_FLOW_TCP;
	return pkt->key.protocol == SL_PROTO_UDP ? SL_FLOW_UDP : SL_FLOW_OTHER;
}

/* Finds node and why of each packet: one to SL_BURST_MAX. */
void sl_follow(struct sl_follow *follow, struct sl_follow_pkt *pkts, uint32_t count);
/* The same and nothing else is written. */
void sl_follow_look(struct sl_follow *follow, struct sl_follow_pkt *pkts, uint32_t count);

#endif
