/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "path/count.h"
#include "path/stage.h"

/* The ring is full: waits for room or counts the drop with the node. */
static __attribute__((noinline, cold)) void hand_full(struct sl_path_core *core, uint32_t worker,
						      struct rte_mbuf *packet, uint32_t node)
{
	while (core->spec.wait) {
		sl_path_relax(core);
		if (sl_worker_stages_put(core->stages, worker, packet))
			return;
	}
	core->stats->nodes[node].queue_dropped++;
	sl_stats_add(&core->stats->dropped[SL_DROP_QUEUE_FULL], 1);
	rte_pktmbuf_free(packet);
}

static inline void hand(struct sl_path_core *core, uint32_t worker, struct rte_mbuf *packet,
			uint32_t node)
{
	packet->hash.usr = node;
	if (sl_unlikely(!sl_worker_stages_put(core->stages, worker, packet)))
		hand_full(core, worker, packet, node);
}

void sl_path_hand(struct sl_path_core *core, uint32_t worker, struct rte_mbuf *packet,
		  uint32_t node)
{
	hand(core, worker, packet, node);
}

uint32_t sl_path_hand_all(struct sl_path_core *core, const struct sl_snapshot *snapshot)
{
	const struct sl_burst *burst = &core->burst;
	uint32_t count = burst->count, i;
	struct sl_tally tally = {0};

	for (i = 0; i < count; i++) {
		uint32_t service = burst->service[i], node = burst->node[i];
		const struct sl_node_view *view;

		if (sl_unlikely(burst->verdict[i] != SL_VERDICT_NODE))
			break;
		view = sl_snapshot_node(snapshot, node);
		if (view->kind != SL_NODE_WORKER)
			break;
		if (sl_unlikely(burst->pkt[i].tcp_flags & SL_TCP_SYN) &&
		    snapshot->services[service].mss_clamp)
			sl_path_clamp_mss(core, i, snapshot->services[service].mss_clamp);
		sl_tally_packet(core, service, burst->frame_size[i], &tally);
		sl_path_count_node(core, node, burst->frame_size[i]);
		hand(core, view->worker, core->packets[i], node);
	}
	if (tally.packets > 0)
		sl_tally_add(core, &tally);
	return i;
}
