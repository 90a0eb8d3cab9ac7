/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "base/bytes.h"
#include "path/stage.h"
#include "pkt/encap.h"
#include "pkt/hdr.h"
#include "pkt/mss.h"

static void drop(struct sl_path_core *core, struct rte_mbuf *packet, enum sl_drop reason)
{
	sl_stats_add(&core->stats->dropped[reason], 1);
	rte_pktmbuf_free(packet);
}

/* ---- workers --------------------------------------------------------------------------------- */

/* What found no room in the ring: counted with its node. */
static void queue_drop(struct sl_path_core *core, struct rte_mbuf **packets, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		core->stats->nodes[packets[i]->hash.usr].queue_dropped++;
	sl_stats_add(&core->stats->dropped[SL_DROP_QUEUE_FULL], count);
	rte_pktmbuf_free_bulk(packets, count);
}

void sl_path_stage_flush(struct sl_path_core *core, struct sl_stage *stage)
{
	uint32_t done = sl_worker_ring_push(stage->ring, stage->held, stage->count);

	while (sl_unlikely(done < stage->count) && core->spec.wait) {
		sl_path_relax(core);
		done += sl_worker_ring_push(stage->ring, &stage->held[done], stage->count - done);
	}
	if (sl_unlikely(done < stage->count))
		queue_drop(core, &stage->held[done], stage->count - done);
	stage->count = 0;
}

static inline void to_worker(struct sl_path_core *core, const struct sl_node_view *view,
			     struct rte_mbuf *packet, uint32_t node)
{
	struct sl_stage *stage = &core->stages[view->worker];

	packet->hash.usr = node;
	stage->held[stage->count++] = packet;
	if (sl_unlikely(stage->count == SL_STAGE_SIZE))
		sl_path_stage_flush(core, stage);
}

/* ---- ports ----------------------------------------------------------------------------------- */

static inline struct sl_txbuf *out(struct sl_path_core *core, uint32_t port, enum sl_tx_class class)
{
	return &core->out[port * SL_TX_CLASS_COUNT + class];
}

/* Frames of several buffers: one buffer where the device sends no others. */
static bool is_sendable(const struct sl_path_core *core, uint32_t port, struct rte_mbuf *packet)
{
	return packet->nb_segs == 1 || core->spec.ports[port].tx_segments ||
	       rte_pktmbuf_linearize(packet) == 0;
}

/* The octets of a chain from `size` on go. */
static void cut(struct rte_mbuf *packet, uint32_t size)
{
	struct rte_mbuf *part = packet;
	uint32_t left = size;

	packet->pkt_len = size;
	while (left > part->data_len) {
		left -= part->data_len;
		part = part->next;
	}
	part->data_len = (uint16_t)left;
	rte_pktmbuf_free(part->next);
	part->next = NULL;
	packet->nb_segs = 1;
	for (part = packet; part->next != NULL; part = part->next)
		packet->nb_segs++;
}

/* The frame's own headers make room for the template's; octets after the IP packet go. `front` is
 * how far the start moves, negative: into the headroom. */
static inline void reshape(struct rte_mbuf *packet, int32_t front, uint32_t size)
{
	packet->data_off = (uint16_t)(packet->data_off + front);
	if (sl_likely(packet->nb_segs == 1)) {
		packet->data_len = (uint16_t)size;
		packet->pkt_len = size;
		return;
	}
	packet->data_len = (uint16_t)(packet->data_len - front);
	cut(packet, size);
}

static bool is_ttl_expired(const uint8_t *l3, const struct sl_pkt *pkt)
{
	return l3[(pkt->flags & SL_PKT_IPV6) ? SL_IP6_HOPS : SL_IP4_TTL] <= 1;
}

/* Why a remote node cannot get the packet; SL_DROP_COUNT: it can. */
static inline enum sl_drop remote_refusal(const struct sl_node_view *view, const struct sl_pkt *pkt,
					  const struct rte_mbuf *packet, const uint8_t *l3,
					  int32_t front)
{
	if (sl_unlikely(view->flags & SL_NODE_NO_NEIGHBOR))
		return SL_DROP_NO_NEIGHBOR;
	/* No room: frames that went round a loop device gather headers. */
	if (sl_unlikely(pkt->l3_size > view->l3_size_max || packet->data_off + front < 0))
		return SL_DROP_TOO_BIG;
	if (view->encap.type == SL_ENCAP_NONE && is_ttl_expired(l3, pkt))
		return SL_DROP_TTL_EXPIRED;
	return SL_DROP_COUNT;
}

/* What the packet's sender can mend it is told; the packet is gone either way. mtu: what would have
 * fitted. */
static __attribute__((noinline, cold)) void refuse(struct sl_path_core *core,
						   const struct sl_snapshot *snapshot,
						   uint32_t port, uint32_t i, enum sl_drop reason,
						   uint32_t mtu)
{
	const struct sl_pkt *pkt = &core->burst.pkt[i];

	if (reason == SL_DROP_TOO_BIG && (pkt->flags & SL_PKT_DF) && pkt->l3_size > mtu) {
		sl_stats_add(&core->stats->dropped[reason], 1);
		sl_path_tell(core, snapshot, port, i, SL_ICMP_ERROR_TOO_BIG, mtu);
	} else if (reason == SL_DROP_TTL_EXPIRED) {
		sl_stats_add(&core->stats->dropped[reason], 1);
		sl_path_tell(core, snapshot, port, i, SL_ICMP_ERROR_TTL, 0);
	} else {
		drop(core, core->packets[i], reason);
	}
}

/* A packet that may be sent in fragments of the tunnel. */
static __attribute__((noinline, cold)) bool in_pieces(struct sl_path_core *core,
						      const struct sl_snapshot *snapshot,
						      const struct sl_node_view *view,
						      struct rte_mbuf *packet, uint32_t i)
{
	const struct sl_pkt *pkt = &core->burst.pkt[i];
	uint8_t *l3 = rte_pktmbuf_mtod_offset(packet, uint8_t *, pkt->l3_off);
	int32_t front = (int32_t)pkt->l3_off - view->encap.size;

	if (!(view->flags & SL_NODE_SPLITS) || (pkt->flags & SL_PKT_DF) ||
	    packet->data_off + front < 0)
		return false;
	core->outer_id += (uint16_t)core->spec.core_count;
	sl_encap_write(&view->encap, l3, pkt, core->burst.hash[i], core->outer_id);
	reshape(packet, front, pkt->l3_size + view->encap.size);
	if (!sl_path_split(core, packet, view->port, snapshot->ports[view->port].mtu,
			   core->burst.hash[i]))
		drop(core, packet, SL_DROP_TOO_BIG);
	return true;
}

static inline bool to_remote(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			     uint32_t port, const struct sl_node_view *view,
			     struct rte_mbuf *packet, uint32_t i)
{
	const struct sl_pkt *pkt = &core->burst.pkt[i];
	uint8_t *l3 = rte_pktmbuf_mtod_offset(packet, uint8_t *, pkt->l3_off);
	int32_t front = (int32_t)pkt->l3_off - view->encap.size;
	uint32_t size = pkt->l3_size + view->encap.size;
	enum sl_drop refusal = remote_refusal(view, pkt, packet, l3, front);

	if (sl_likely(refusal == SL_DROP_COUNT)) {
		core->outer_id += (uint16_t)core->spec.core_count;
		sl_encap_write(&view->encap, l3, pkt, core->burst.hash[i], core->outer_id);
		reshape(packet, front, size);
		if (sl_likely(packet->nb_segs == 1) || is_sendable(core, view->port, packet)) {
			sl_txbuf_add(out(core, view->port, SL_TX_FORWARDED), packet, size);
			return true;
		}
		refusal = SL_DROP_TX_FAILED;
	}
	if (refusal == SL_DROP_TOO_BIG && in_pieces(core, snapshot, view, packet, i))
		return true;
	refuse(core, snapshot, port, i, refusal, view->l3_size_max);
	return false;
}

static bool to_output(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		      const struct sl_node_view *view, struct rte_mbuf *packet, uint32_t i)
{
	uint32_t mtu = snapshot->ports[view->port].mtu;

	if (sl_unlikely(core->burst.pkt[i].l3_size > mtu)) {
		refuse(core, snapshot, port, i, SL_DROP_TOO_BIG, mtu);
		return false;
	}
	if (!is_sendable(core, view->port, packet)) {
		drop(core, packet, SL_DROP_TX_FAILED);
		return false;
	}
	sl_txbuf_add(out(core, view->port, SL_TX_FORWARDED), packet, core->burst.frame_size[i]);
	return true;
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static void count_service(struct sl_path_core *core, uint32_t i)
{
	struct sl_service_stats *service = &core->stats->services[core->burst.service[i]];

	service->packets++;
	service->bytes += core->burst.frame_size[i];
}

static void to_punt(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		    uint32_t i)
{
	uint32_t to = snapshot->ports[port].punt_port;
	struct rte_mbuf *packet = core->packets[i];

	if (to == SL_PUNT_DROP)
		drop(core, packet, core->burst.reason[i]);
	else if (!is_sendable(core, to, packet))
		drop(core, packet, SL_DROP_TX_FAILED);
	else
		sl_txbuf_add(out(core, to, SL_TX_PUNTED), packet, core->burst.frame_size[i]);
}

/* Packets that no node gets. */
static void to_nobody(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		      uint32_t i)
{
	if (core->burst.verdict[i] == SL_VERDICT_HELD || core->burst.verdict[i] == SL_VERDICT_OWN)
		return;
	if (core->burst.reason[i] == SL_DROP_NO_NODE)
		count_service(core, i);
	if (core->burst.verdict[i] == SL_VERDICT_PUNT)
		to_punt(core, snapshot, port, i);
	else
		drop(core, core->packets[i], core->burst.reason[i]);
}

/* A SYN of a service that limits the segment size. */
static __attribute__((noinline, cold)) void clamp_mss(struct sl_path_core *core, uint32_t i,
						      uint16_t mss)
{
	struct rte_mbuf *packet = core->packets[i];
	const struct sl_pkt *pkt = &core->burst.pkt[i];

	(void)sl_mss_clamp(rte_pktmbuf_mtod_offset(packet, uint8_t *, pkt->l3_off),
			   packet->data_len - pkt->l3_off, pkt, mss);
}

static inline bool to_node(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			   uint32_t port, const struct sl_node_view *view, uint32_t i)
{
	struct rte_mbuf *packet = core->packets[i];

	switch (view->kind) {
	case SL_NODE_REMOTE:
		return to_remote(core, snapshot, port, view, packet, i);
	case SL_NODE_WORKER:
		to_worker(core, view, packet, core->burst.node[i]);
		return true;
	case SL_NODE_OUTPUT:
		return to_output(core, snapshot, port, view, packet, i);
	default:
		drop(core, packet, SL_DROP_NO_NODE);
		return false;
	}
}

void sl_path_act(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port)
{
	struct sl_burst *burst = &core->burst;
	struct sl_node_stats *nodes = core->stats->nodes;

	for (uint32_t i = 0; i < burst->count; i++) {
		if (sl_unlikely(burst->verdict[i] != SL_VERDICT_NODE))
			continue;
		core->views[i] = sl_snapshot_node(snapshot, burst->node[i]);
		rte_prefetch0(core->views[i]);
		rte_prefetch0(&nodes[burst->node[i]]);
	}
	for (uint32_t i = 0; i < burst->count; i++) {
		if (sl_unlikely(burst->verdict[i] != SL_VERDICT_NODE)) {
			to_nobody(core, snapshot, port, i);
			continue;
		}
		count_service(core, i);
		if (sl_unlikely(burst->pkt[i].tcp_flags & SL_TCP_SYN) &&
		    snapshot->services[burst->service[i]].mss_clamp)
			clamp_mss(core, i, snapshot->services[burst->service[i]].mss_clamp);
		if (sl_likely(to_node(core, snapshot, port, core->views[i], i))) {
			nodes[burst->node[i]].packets++;
			nodes[burst->node[i]].bytes += burst->frame_size[i];
		}
	}
}
