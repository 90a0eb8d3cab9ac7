/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "base/bytes.h"
#include "path/count.h"
#include "path/stage.h"
#include "pkt/encap.h"
#include "pkt/gue.h"
#include "pkt/hdr.h"
#include "pkt/mss.h"
#include "state/judge.h"

/* Packet i, with its service where one took it. */
static void count_drop(struct sl_path_core *core, uint32_t i, enum sl_drop reason)
{
	const struct sl_burst *burst = &core->burst;
	bool taken = burst->verdict[i] == SL_VERDICT_NODE || burst->reason[i] == SL_DROP_NO_NODE;

	sl_stats_drop(core->stats, core->port, taken ? burst->service[i] : SL_SERVICE_NONE, reason);
}

static void drop(struct sl_path_core *core, uint32_t i, enum sl_drop reason)
{
	count_drop(core, i, reason);
	rte_pktmbuf_free(core->packets[i]);
}

/* ---- ports ----------------------------------------------------------------------------------- */

static inline struct sl_txbuf *out(struct sl_path_core *core, uint32_t port, enum sl_tx_class class)
{
	return &core->out[port * SL_TX_CLASS_COUNT + class];
}

/* Frames of several buffers: one buffer where the device sends no others. */
bool sl_path_is_sendable(const struct sl_path_core *core, uint32_t port, struct rte_mbuf *packet)
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

/* What the packet's sender can mend it is told; the packet is gone either way. mtu: what would have
 * fitted. */
static __attribute__((noinline, cold)) void refuse(struct sl_path_core *core,
						   const struct sl_snapshot *snapshot,
						   uint32_t port, uint32_t i, enum sl_drop reason,
						   uint32_t mtu)
{
	const struct sl_pkt *pkt = &core->burst.pkt[i];

	if (sl_unlikely(sl_path_is_traced(core)))
		sl_path_trace_drop(core, snapshot, core->packets[i], reason);
	if (pkt->flags & SL_PKT_IPV6)
		mtu = SL_MAX(mtu, (uint32_t)SL_IP6_MTU_MIN);
	if (reason == SL_DROP_TOO_BIG && (pkt->flags & SL_PKT_DF) && pkt->l3_size > mtu) {
		count_drop(core, i, reason);
		sl_path_tell(core, snapshot, port, i, SL_ICMP_ERROR_TOO_BIG, mtu);
	} else if (reason == SL_DROP_TTL_EXPIRED) {
		count_drop(core, i, reason);
		sl_path_tell(core, snapshot, port, i, SL_ICMP_ERROR_TTL, 0);
	} else {
		drop(core, i, reason);
	}
}

/* The UDP checksum of a tunnel over IPv6, of the packet that was just encapsulated. */
static void finish_udp6(const struct sl_node_view *view, struct rte_mbuf *packet)
{
	uint32_t front = view->encap.size;

	sl_encap_finish_udp6(rte_pktmbuf_mtod(packet, uint8_t *),
			     rte_pktmbuf_mtod_offset(packet, uint8_t *, front),
			     sl_path_sum(packet, front, packet->pkt_len - front));
}

/* The headers in front of a packet, and its end where the IP packet's is. */
static void rewrite(struct sl_path_core *core, const struct sl_node_view *view,
		    struct rte_mbuf *packet, uint32_t i)
{
	const struct sl_pkt *pkt = &core->burst.pkt[i];
	uint32_t front = (uint32_t)pkt->l3_off - view->encap.size;

	sl_encap_write(&view->encap, rte_pktmbuf_mtod_offset(packet, uint8_t *, pkt->l3_off), pkt,
		       core->burst.hash[i], core->outer_id);
	packet->data_off = (uint16_t)(packet->data_off + front);
	packet->data_len = (uint16_t)(packet->data_len - front);
	cut(packet, pkt->l3_size + view->encap.size);
	if (sl_encap_sums(&view->encap))
		finish_udp6(view, packet);
}

/* Frames of several buffers, and nodes without encapsulation, for which the TTL is looked at. */
static __attribute__((noinline)) bool to_remote_odd(struct sl_path_core *core,
						    const struct sl_snapshot *snapshot,
						    uint32_t port, const struct sl_node_view *view,
						    uint32_t i)
{
	struct rte_mbuf *packet = core->packets[i];
	const struct sl_pkt *pkt = &core->burst.pkt[i];

	if (view->encap.type == SL_ENCAP_NONE &&
	    sl_judge_is_ttl_expired(rte_pktmbuf_mtod_offset(packet, const uint8_t *, pkt->l3_off),
				    pkt)) {
		refuse(core, snapshot, port, i, SL_DROP_TTL_EXPIRED, 0);
		return false;
	}
	rewrite(core, view, packet, i);
	if (!sl_path_is_sendable(core, view->port, packet)) {
		drop(core, i, SL_DROP_TX_FAILED);
		return false;
	}
	sl_txbuf_add(out(core, view->port, SL_TX_FORWARDED), packet, packet->pkt_len);
	return true;
}

/* What to_remote() cannot send as it is: some may go all the same, or in fragments of the tunnel, the
 * others are dropped with the reason. True: it is sent. */
static __attribute__((noinline, cold)) bool
refuse_remote(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
	      const struct sl_node_view *view, uint32_t i)
{
	struct rte_mbuf *packet = core->packets[i];
	const struct sl_pkt *pkt = &core->burst.pkt[i];
	uint32_t mtu = snapshot->ports[view->port].mtu;
	enum sl_drop reason = sl_judge_remote(
		view, pkt, rte_pktmbuf_mtod_offset(packet, const uint8_t *, pkt->l3_off),
		(uint32_t)packet->data_off + pkt->l3_off, mtu);
	int status;

	if (reason != SL_DROP_COUNT) {
		refuse(core, snapshot, port, i, reason, view->l3_size_max);
		return false;
	}
	core->outer_id += core->outer_step;
	if (sl_judge_is_for_routers(view, pkt, mtu))
		return to_remote_odd(core, snapshot, port, view, i);
	rewrite(core, view, packet, i);
	status = sl_path_split(core, packet, view->port,
			       (uint32_t)view->l3_size_max + view->encap.overhead,
			       core->burst.hash[i]);
	if (status != 0)
		drop(core, i, status == -E2BIG ? SL_DROP_TOO_BIG : SL_DROP_TX_FAILED);
	return status == 0;
}

static inline bool to_remote(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			     uint32_t port, const struct sl_node_view *view,
			     struct rte_mbuf *packet, uint32_t i)
{
	const struct sl_pkt *pkt = &core->burst.pkt[i];
	uint32_t l3_off = packet->data_off + pkt->l3_off, l3_size = pkt->l3_size;
	uint32_t headers = view->encap.size;

	if (sl_unlikely((view->flags & SL_NODE_NO_NEIGHBOR) || l3_size > view->l3_size_max ||
			l3_off < headers))
		return refuse_remote(core, snapshot, port, view, i);
	core->outer_id += core->outer_step;
	if (sl_unlikely(packet->nb_segs != 1 || view->encap.type == SL_ENCAP_NONE))
		return to_remote_odd(core, snapshot, port, view, i);
	sl_encap_write(&view->encap, (uint8_t *)packet->buf_addr + l3_off, pkt, core->burst.hash[i],
		       core->outer_id);
	packet->data_off = (uint16_t)(l3_off - headers);
	packet->data_len = (uint16_t)(l3_size + headers);
	packet->pkt_len = l3_size + headers;
	if (sl_encap_sums(&view->encap))
		finish_udp6(view, packet);
	sl_txbuf_add(out(core, view->port, SL_TX_FORWARDED), packet, l3_size + headers);
	return true;
}

static bool to_output(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		      const struct sl_node_view *view, struct rte_mbuf *packet, uint32_t i)
{
	uint32_t mtu = snapshot->ports[view->port].mtu;

	if (sl_unlikely(core->burst.pkt[i].l3_size > mtu)) {
		refuse(core, snapshot, port, i, SL_DROP_TOO_BIG, mtu);
		return false;
	}
	if (!sl_path_is_sendable(core, view->port, packet)) {
		drop(core, i, SL_DROP_TX_FAILED);
		return false;
	}
	sl_txbuf_add(out(core, view->port, SL_TX_FORWARDED), packet, core->burst.frame_size[i]);
	return true;
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static void count_service(struct sl_path_core *core, uint32_t i)
{
	struct sl_service_stats *service = &core->stats->services[core->burst.service[i]];

	sl_stats_add(&service->packets, 1);
	sl_stats_add(&service->bytes, core->burst.frame_size[i]);
}

static void to_punt(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		    uint32_t i)
{
	uint32_t to = snapshot->ports[port].punt_port;
	struct rte_mbuf *packet = core->packets[i];

	if (to == SL_PUNT_DROP)
		drop(core, i, core->burst.reason[i]);
	else if (packet->pkt_len > (uint32_t)core->spec.ports[to].mtu + core->burst.pkt[i].l3_off)
		drop(core, i, SL_DROP_TOO_BIG);
	else if (!sl_path_is_sendable(core, to, packet))
		drop(core, i, SL_DROP_TX_FAILED);
	else
		sl_txbuf_add(out(core, to, SL_TX_PUNTED), packet, core->burst.frame_size[i]);
}

/* Packets that no node gets. */
static void to_nobody(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		      uint32_t i)
{
	if (core->burst.verdict[i] >= SL_VERDICT_OWN)
		return;
	if (core->burst.reason[i] == SL_DROP_NO_NODE)
		count_service(core, i);
	if (core->burst.verdict[i] == SL_VERDICT_PUNT)
		to_punt(core, snapshot, port, i);
	else
		drop(core, i, core->burst.reason[i]);
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

/* Workers' packets went before. */
static inline bool to_node(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			   uint32_t port, const struct sl_node_view *view, uint32_t i)
{
	struct rte_mbuf *packet = core->packets[i];

	switch (view->kind) {
	case SL_NODE_REMOTE:
		return to_remote(core, snapshot, port, view, packet, i);
	case SL_NODE_OUTPUT:
		return to_output(core, snapshot, port, view, packet, i);
	default:
		drop(core, i, SL_DROP_NO_NODE);
		return false;
	}
}

/* One packet of any verdict and node. */
static inline void act(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		       uint32_t i, struct sl_tally *tally)
{
	const struct sl_burst *burst = &core->burst;
	const struct sl_node_view *view;

	if (sl_unlikely(burst->verdict[i] != SL_VERDICT_NODE)) {
		to_nobody(core, snapshot, port, i);
		return;
	}
	sl_tally_packet(core, burst->service[i], burst->frame_size[i], tally);
	view = sl_snapshot_node(snapshot, burst->node[i]);
	if (sl_likely(to_node(core, snapshot, port, view, i)))
		sl_path_count_node(core, burst->node[i], burst->frame_size[i]);
}

/* ---- the stage ------------------------------------------------------------------------------- */

/* SYNs of services that limit the segment size. */
static void clamp_all(struct sl_path_core *core, const struct sl_snapshot *snapshot)
{
	const struct sl_burst *burst = &core->burst;
	uint64_t bits = burst->plain ? burst->special : UINT64_MAX;

	for (; bits; bits &= bits - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(bits);

		if (i >= burst->count)
			break;
		if (burst->verdict[i] == SL_VERDICT_NODE &&
		    (burst->pkt[i].tcp_flags & SL_TCP_SYN) &&
		    snapshot->services[burst->service[i]].mss_clamp)
			clamp_mss(core, i, snapshot->services[burst->service[i]].mss_clamp);
	}
}

/* Who may have the packet's connection if its node has not: the other node of an open slot. NULL: nobody,
 * or it does not matter. */
static const struct sl_node_view *other_of(const struct sl_snapshot *snapshot,
					   const struct sl_burst *burst, uint32_t i)
{
	const struct sl_pool_view *pool =
		&snapshot->pools[snapshot->services[burst->service[i]].pool];
	const struct sl_pkt *pkt = &burst->pkt[i];
	const struct sl_open_slot *open;
	uint32_t word, other;

	if (!(pool->flags & SL_POOL_CHANCE) || pkt->key.protocol != SL_PROTO_TCP ||
	    (pkt->tcp_flags & SL_TCP_SYN) || (pkt->flags & (SL_PKT_ICMP_ERROR | SL_PKT_FRAGMENT)))
		return NULL;
	word = pool->words[burst->hash[i] >> pool->shift];
	if (!(word & SL_SLOT_OPEN))
		return NULL;
	open = &pool->open[word & ~SL_SLOT_OPEN];
	other = burst->node[i] == open->node ? open->prior : open->node;
	return other != burst->node[i] && sl_snapshot_has_node(snapshot, other)
		       ? sl_snapshot_node(snapshot, other)
		       : NULL;
}

/* Whether a field of that size can name the other node to this one. */
static bool has_room(const struct sl_node_view *view, const struct sl_node_view *other,
		     const struct rte_mbuf *packet, const struct sl_pkt *pkt, uint32_t size)
{
	return view->kind == SL_NODE_REMOTE && other->kind == SL_NODE_REMOTE &&
	       view->encap.type == SL_ENCAP_GUE && other->encap.type == SL_ENCAP_GUE &&
	       view->encap.family == other->encap.family && !(view->flags & SL_NODE_NO_NEIGHBOR) &&
	       pkt->l3_size <= view->l3_size_max && packet->data_off >= size &&
	       packet->data_off + pkt->l3_off >= view->encap.size + size;
}

/* Sends packet i in a tunnel whose header names the other node: the field becomes part of what is carried,
 * and a view of its own counts it as header. */
static void send_named(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		       uint32_t i, const struct sl_node_view *other)
{
	struct sl_node_view view = *sl_snapshot_node(snapshot, core->burst.node[i]);
	uint32_t size = sl_gue_field_size(view.encap.family), words = size / 4;
	struct rte_mbuf *packet = core->packets[i];
	struct sl_pkt *pkt = &core->burst.pkt[i];

	view.encap.octets[view.encap.size - SL_GUE_SIZE] |= (uint8_t)words;
	view.encap.tail[0] |= words;
	view.encap.tail[1] |= words;
	view.l3_size_max = (uint16_t)(view.l3_size_max + size);
	packet->data_off = (uint16_t)(packet->data_off - size);
	packet->data_len = (uint16_t)(packet->data_len + size);
	packet->pkt_len += size;
	pkt->l3_size = (uint16_t)(pkt->l3_size + size);
	sl_gue_field_write(rte_pktmbuf_mtod_offset(packet, uint8_t *, pkt->l3_off),
			   view.encap.family,
			   other->encap.octets + SL_ETH_SIZE +
				   (view.encap.family == SL_FAMILY_IPV4 ? SL_IP4_DST : SL_IP6_DST));
	if (to_remote(core, snapshot, port, &view, packet, i))
		sl_path_count_node(core, core->burst.node[i], core->burst.frame_size[i]);
	core->burst.verdict[i] = SL_VERDICT_SENT;
	core->burst.given = false;
}

/* Segments in open slots whose servers are to know of the other one. */
static __attribute__((noinline, cold)) void name_others(struct sl_path_core *core,
							const struct sl_snapshot *snapshot,
							uint32_t port, struct sl_tally *tally)
{
	const struct sl_burst *burst = &core->burst;

	for (uint32_t i = 0; i < burst->count; i++) {
		const struct sl_node_view *view, *other;

		if (burst->verdict[i] != SL_VERDICT_NODE)
			continue;
		other = other_of(snapshot, burst, i);
		view = sl_snapshot_node(snapshot, burst->node[i]);
		if (!other || !has_room(view, other, core->packets[i], &burst->pkt[i],
					sl_gue_field_size(view->encap.family)))
			continue;
		sl_tally_packet(core, burst->service[i], burst->frame_size[i], tally);
		send_named(core, snapshot, port, i, other);
	}
}

/* Counts packets of a run with their services. */
static void tally_run(struct sl_path_core *core, uint32_t from, uint32_t count,
		      struct sl_tally *tally)
{
	const struct sl_burst *burst = &core->burst;

	if (sl_likely(count == burst->count && burst->one_service)) {
		*tally = (struct sl_tally){burst->service[0], count, burst->bytes};
		return;
	}
	for (uint32_t i = from; i < from + count; i++)
		sl_tally_packet(core, burst->service[i], burst->frame_size[i], tally);
}

/* As many packets from `from` on as one way suits; 0: none, this one is of a kind of its own. */
static inline uint32_t act_run(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			       uint32_t from)
{
	uint32_t count = core->core.is_wide ? sl_path_encapsulate_wide(core, snapshot, from)
					    : sl_path_encapsulate(core, snapshot, from);

	return count > 0 ? count : sl_path_hand_run(core, snapshot, from);
}

void sl_path_act(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port)
{
	const struct sl_burst *burst = &core->burst;
	struct sl_tally tally = {0};

	core->port = port;
	if (sl_unlikely(snapshot->clamps))
		clamp_all(core, snapshot);
	if (sl_unlikely(snapshot->chances))
		name_others(core, snapshot, port, &tally);
	for (uint32_t i = 0; i < burst->count;) {
		uint32_t count = act_run(core, snapshot, i);

		if (sl_likely(count > 0))
			tally_run(core, i, count, &tally);
		else
			act(core, snapshot, port, i, &tally);
		i += SL_MAX(count, 1);
	}
	if (tally.packets > 0)
		sl_tally_add(core, &tally);
}
