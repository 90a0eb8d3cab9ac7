/* SPDX-License-Identifier: BSD-3-Clause */

/* Compiled twice, see base/wide.h. */

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "base/wide.h"
#include "path/count.h"
#include "path/stage.h"
#include "pkt/encap.h"
#include "pkt/hdr.h"

/* The first four octets of a node's view. */
#define HEAD_PLAIN ((uint32_t)SL_NODE_PLAIN << 16)
#define HEAD_UDP   ((uint32_t)SL_NODE_UDP << 16)
#define HEAD_PORT  0xff000000u

_Static_assert(offsetof(struct sl_node_view, flags) == 2 &&
		       offsetof(struct sl_node_view, port) == 3,
	       "the third and the fourth octet");

static inline uint32_t head_of(const struct sl_node_view *view)
{
	return sl_load32(view);
}

/* What packets are: of a plain burst of one family, every one with a node; or any. */
enum kind { KIND_IPV4, KIND_IPV6, KIND_ANY };

/* Whether a packet of an odd burst is as simple as those of plain ones. */
static inline bool is_simple(const struct sl_path_core *core, uint32_t i)
{
	const struct sl_burst *burst = &core->burst;

	return burst->verdict[i] == SL_VERDICT_NODE && core->packets[i]->nb_segs == 1;
}

/* In a pass of its own: two packets of one node in a row would wait for each other among headers. */
static inline void count(struct sl_path_core *core, uint32_t from, uint32_t to)
{
	const struct sl_burst *burst = &core->burst;

#pragma GCC unroll 4
	for (uint32_t i = from; i < to; i++)
		sl_path_count_node(core, burst->node[i], burst->frame_size[i]);
}

/* sl_encap_first() by what is known. */
static inline uint64_t first_of(const uint8_t *l3, const struct sl_pkt *pkt, const enum kind kind)
{
	if (kind == KIND_IPV4)
		return sl_be64(sl_load64(l3));
	if (kind == KIND_IPV6)
		return sl_encap_first6(pkt);
	return sl_encap_first(pkt);
}

static inline uint32_t inner_of(const struct sl_pkt *pkt, const enum kind kind)
{
	_Static_assert(KIND_IPV4 == 0 && KIND_IPV6 == 1 && SL_PKT_IPV6 == 1, "kinds are indices");
	return kind == KIND_ANY ? pkt->flags & SL_PKT_IPV6 : (uint32_t)kind;
}

/* One copy and a few patches for each packet from `from` on, as long as their nodes are of one kind.
 * first: head_of() the first one's. */
static inline __attribute__((always_inline)) uint32_t run(struct sl_path_core *core,
							  const struct sl_snapshot *snapshot,
							  uint32_t from, uint32_t first,
							  const bool udp, const enum kind kind)
{
	const struct sl_burst *burst = &core->burst;
	const uint32_t step = (uint32_t)core->outer_step << 16, end = burst->count;
	uint32_t id = (uint32_t)core->outer_id << 16, bytes = 0, i;

	for (i = from; i < end; i++) {
		const struct sl_pkt *pkt = &burst->pkt[i];
		struct rte_mbuf *packet = core->packets[i];
		const struct sl_node_view *view;
		uint32_t size, odd;
		int32_t off, start;
		uint64_t head;
		uint8_t *l3;

		if (kind == KIND_ANY && sl_unlikely(!is_simple(core, i)))
			break;
		view = sl_snapshot_node(snapshot, burst->node[i]);
		off = packet->data_off + (kind == KIND_ANY ? pkt->l3_off : SL_ETH_SIZE);
		start = off - view->encap.size;
		size = pkt->l3_size;
		/* Of another kind; no room; too big. */
		odd = (head_of(view) ^ first) & (HEAD_PLAIN | HEAD_UDP | HEAD_PORT);
		odd |= (uint32_t)(start | (int32_t)(view->l3_size_max - size)) >> 31;
		if (sl_unlikely(odd))
			break;
		l3 = (uint8_t *)packet->buf_addr + off;
		head = first_of(l3, pkt, kind);
		size += (uint32_t)(off - start);
		packet->data_off = (uint16_t)start;
		packet->data_len = (uint16_t)size;
		packet->pkt_len = size;
		bytes += size;
		id += step;
		sl_encap_write_plain(&view->encap, l3, pkt, head, &burst->hash[i], id, udp,
				     inner_of(pkt, kind));
	}
	core->outer_id = (uint16_t)(id >> 16);
	count(core, from, i);
	sl_txbuf_add_all(&core->out[(first >> 24) * SL_TX_CLASS_COUNT + SL_TX_FORWARDED],
			 &core->packets[from], i - from, bytes);
	return i - from;
}

/* Every kind of run; not inline, since the registers are all their own. */
#define RUN(name, udp, kind)                                                                       \
	static __attribute__((noinline)) uint32_t name(struct sl_path_core *core,                  \
						       const struct sl_snapshot *snapshot,         \
						       uint32_t from, uint32_t first)              \
	{                                                                                          \
		return run(core, snapshot, from, first, udp, kind);                                \
	}

RUN(run_ip4, false, KIND_IPV4)
RUN(run_ip6, false, KIND_IPV6)
RUN(run_ip_any, false, KIND_ANY)
RUN(run_udp4, true, KIND_IPV4)
RUN(run_udp6, true, KIND_IPV6)
RUN(run_udp_any, true, KIND_ANY)

uint32_t SL_VARIANT(sl_path_encapsulate)(struct sl_path_core *core,
					 const struct sl_snapshot *snapshot, uint32_t from)
{
	const struct sl_burst *burst = &core->burst;
	uint32_t head;

	if (burst->verdict[from] != SL_VERDICT_NODE)
		return 0;
	head = head_of(sl_snapshot_node(snapshot, burst->node[from]));
	if (!(head & HEAD_PLAIN))
		return 0;
	if (burst->given && burst->ipv4)
		return head & HEAD_UDP ? run_udp4(core, snapshot, from, head)
				       : run_ip4(core, snapshot, from, head);
	if (burst->given && burst->ipv6)
		return head & HEAD_UDP ? run_udp6(core, snapshot, from, head)
				       : run_ip6(core, snapshot, from, head);
	return head & HEAD_UDP ? run_udp_any(core, snapshot, from, head)
			       : run_ip_any(core, snapshot, from, head);
}
