/* SPDX-License-Identifier: BSD-3-Clause */

#include "path/own.h"

#include <string.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "path/stage.h"
#include "pkt/arp_nd.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "pkt/host.h"
#include "state/claim.h"

/* ---- the rate -------------------------------------------------------------------------------- */

static bool may_say(struct sl_path_core *core, enum sl_own_kind kind)
{
	struct sl_own_rate *rate = &core->own[kind];
	uint64_t due = (core->now_ms - rate->filled_ms) * SL_OWN_RATE / 1000;

	if (due > 0) {
		rate->tokens = (uint32_t)SL_MIN(rate->tokens + due, SL_OWN_BURST);
		rate->filled_ms = core->now_ms;
	}
	if (rate->tokens == 0)
		return false;
	rate->tokens--;
	return true;
}

/* ---- sending --------------------------------------------------------------------------------- */

static void send(struct sl_path_core *core, uint32_t port, struct rte_mbuf *packet)
{
	sl_txbuf_add(&core->out[port * SL_TX_CLASS_COUNT + SL_TX_OWN], packet, packet->pkt_len);
}

/* The first buffer becomes the whole frame of size octets; false: there is no room. */
static bool resize(struct rte_mbuf *packet, uint32_t size)
{
	if (size > (uint32_t)packet->buf_len - packet->data_off)
		return false;
	rte_pktmbuf_free(packet->next);
	packet->next = NULL;
	packet->nb_segs = 1;
	packet->data_len = (uint16_t)size;
	packet->pkt_len = size;
	return true;
}

/* The frame goes back to where it came from; its tags stay. */
static void turn_macs(uint8_t *frame, const struct sl_mac *own)
{
	memcpy(frame, frame + SL_MAC_SIZE, SL_MAC_SIZE);
	memcpy(frame + SL_MAC_SIZE, own->octets, SL_MAC_SIZE);
}

/* ---- ARP and neighbour discovery ------------------------------------------------------------- */

/* An answer as one frame without tags; the tags of the question are kept in front of it. */
static void answer_neighbor(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			    uint32_t port, uint32_t i, const struct sl_neigh *neigh)
{
	uint8_t answer[SL_NEIGH_FRAME_SIZE_MAX];
	struct rte_mbuf *packet = core->packets[i];
	uint32_t l3_off = core->burst.pkt[i].l3_off;
	struct sl_mac asker;
	uint32_t size;

	memcpy(asker.octets, rte_pktmbuf_mtod(packet, uint8_t *) + SL_MAC_SIZE, SL_MAC_SIZE);
	size = sl_neigh_answer(neigh, &snapshot->ports[port].mac, &asker, answer);
	if (!may_say(core, SL_OWN_NEIGHBOR) || !resize(packet, l3_off + size - SL_ETH_SIZE)) {
		rte_pktmbuf_free(packet);
		return;
	}
	memcpy(rte_pktmbuf_mtod(packet, uint8_t *), answer, 2 * SL_MAC_SIZE);
	memcpy(rte_pktmbuf_mtod_offset(packet, uint8_t *, l3_off), answer + SL_ETH_SIZE,
	       size - SL_ETH_SIZE);
	send(core, port, packet);
}

/* ---- echo ------------------------------------------------------------------------------------ */

/* Turns headers alone, which lie in the first buffer: a chain goes back as it came where the device
 * sends chains. */
static void answer_echo(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			uint32_t port, uint32_t i)
{
	struct rte_mbuf *packet = core->packets[i];
	const struct sl_pkt *pkt = &core->burst.pkt[i];
	uint8_t *frame = rte_pktmbuf_mtod(packet, uint8_t *), *l3 = frame + pkt->l3_off;
	struct sl_addr asker = sl_host_source(l3);

	if (!sl_claim_may_send(snapshot, port, &asker, frame + SL_ETH_SRC) ||
	    !may_say(core, SL_OWN_ECHO) || !sl_path_is_sendable(core, port, packet)) {
		rte_pktmbuf_free(packet);
		return;
	}
	sl_icmp_echo_turn(l3, pkt);
	turn_macs(frame, &snapshot->ports[port].mac);
	send(core, port, packet);
}

/* ---- a burst --------------------------------------------------------------------------------- */

/* Errors about tunnel packets that we sent. Those whose sum is wrong, or whose octets do not lie together,
 * are believed by nobody. */
static bool hear(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		 uint32_t i)
{
	const struct sl_pkt *pkt = &core->burst.pkt[i];
	struct rte_mbuf *packet = core->packets[i];
	const uint8_t *frame = rte_pktmbuf_mtod(packet, const uint8_t *);
	uint32_t size = pkt->l3_off + pkt->l3_size - pkt->l4_off;
	const uint8_t *icmp = frame + pkt->l4_off;
	struct sl_heard heard;

	if (!sl_claim_hears(snapshot, port, pkt, frame, &heard))
		return false;
	if (packet->data_len >= pkt->l4_off + size &&
	    ((pkt->flags & SL_PKT_IPV6)
		     ? sl_csum_transport(frame + pkt->l3_off, SL_PROTO_ICMPV6, icmp, size)
		     : sl_csum(icmp, size)) == 0)
		sl_heard_put(core->stats->heard, &heard);
	rte_pktmbuf_free(packet);
	return true;
}

/* What is told of next hops. True: the packet is consumed. */
static bool learn(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		  uint32_t i)
{
	struct rte_mbuf *packet = core->packets[i];
	struct sl_told told;
	bool ends;

	if (!sl_claim_tells(snapshot, port, &core->burst.pkt[i],
			    rte_pktmbuf_mtod(packet, const uint8_t *), packet->data_len, &told,
			    &ends))
		return false;
	sl_told_put(core->stats->told, &told, &snapshot->flow_key, core->now_ms);
	if (ends)
		rte_pktmbuf_free(packet);
	return ends;
}

/* True: the packet is consumed. */
static bool take(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		 uint32_t i)
{
	const struct sl_pkt *pkt = &core->burst.pkt[i];
	const struct rte_mbuf *packet = core->packets[i];
	struct sl_heard heard;
	struct sl_neigh neigh;

	if (pkt->flags & SL_PKT_ICMP_ERROR)
		return hear(core, snapshot, port, i);
	if (snapshot->ports[port].asks && learn(core, snapshot, port, i))
		return true;
	switch (sl_claim(snapshot, port, pkt, rte_pktmbuf_mtod(packet, const uint8_t *),
			 packet->data_len, &neigh)) {
	case SL_CLAIM_NOTHING:
		return false;
	case SL_CLAIM_NEIGHBOR:
		answer_neighbor(core, snapshot, port, i, &neigh);
		return true;
	case SL_CLAIM_ECHO:
		if (pkt->l3_size > snapshot->ports[port].mtu) {
			core->burst.verdict[i] = SL_VERDICT_DROP;
			core->burst.reason[i] = SL_DROP_TOO_BIG;
			return false;
		}
		answer_echo(core, snapshot, port, i);
		return true;
	case SL_CLAIM_CONFLICT:
		sl_claim_conflict(port, &neigh, &heard);
		sl_heard_put(core->stats->heard, &heard);
		return false;
	case SL_CLAIM_PUNT:
		core->burst.verdict[i] = SL_VERDICT_PUNT;
		core->burst.reason[i] = SL_DROP_NO_SERVICE;
		return false;
	}
	return false;
}

void sl_path_own(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port)
{
	for (uint32_t i = 0; i < core->burst.count; i++) {
		if (core->burst.verdict[i] == SL_VERDICT_DROP || !take(core, snapshot, port, i))
			continue;
		core->burst.verdict[i] = SL_VERDICT_OWN;
		sl_stats_add(&core->stats->punted, 1);
	}
}

/* ---- errors ---------------------------------------------------------------------------------- */

void sl_path_tell(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		  uint32_t i, enum sl_icmp_error error, uint32_t mtu)
{
	struct rte_mbuf *packet = core->packets[i];
	const struct sl_pkt *pkt = &core->burst.pkt[i];
	uint8_t *frame = rte_pktmbuf_mtod(packet, uint8_t *), *l3 = frame + pkt->l3_off;
	struct sl_icmp_error_spec spec = {.error = error, .mtu = mtu};
	struct sl_addr target = sl_host_target(l3), sender = sl_host_source(l3);
	uint8_t message[SL_ICMP_ERROR_SIZE_MAX];
	uint32_t size = 0;

	spec.src = sl_claim_speaker(snapshot, port, &target);
	if (!(pkt->flags & (SL_PKT_GROUP | SL_PKT_ICMP_ERROR)) &&
	    sl_claim_may_send(snapshot, port, &sender, frame + SL_ETH_SRC) &&
	    may_say(core, SL_OWN_ERROR))
		size = sl_icmp_error_build(&spec, l3, packet->data_len - pkt->l3_off, pkt, message);
	if (size == 0 || !resize(packet, pkt->l3_off + size)) {
		rte_pktmbuf_free(packet);
		return;
	}
	memcpy(l3, message, size);
	turn_macs(frame, &snapshot->ports[port].mac);
	send(core, port, packet);
}
