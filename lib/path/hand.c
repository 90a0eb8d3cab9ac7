/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "path/count.h"
#include "path/stage.h"

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

	sl_bell_ring(stage->bell);
	while (sl_unlikely(done < stage->count) && core->spec.wait) {
		sl_path_relax(core);
		done += sl_worker_ring_push(stage->ring, &stage->held[done], stage->count - done);
		sl_bell_ring(stage->bell);
	}
	if (sl_unlikely(done < stage->count))
		queue_drop(core, &stage->held[done], stage->count - done);
	stage->count = 0;
}

static inline void hand(struct sl_path_core *core, const struct sl_node_view *view,
			struct rte_mbuf *packet, uint32_t node)
{
	struct sl_stage *stage = &core->stages[view->worker];

	packet->hash.usr = node;
	stage->held[stage->count++] = packet;
	if (sl_unlikely(stage->count == SL_STAGE_SIZE))
		sl_path_stage_flush(core, stage);
}

void sl_path_hand(struct sl_path_core *core, const struct sl_node_view *view,
		  struct rte_mbuf *packet, uint32_t node)
{
	hand(core, view, packet, node);
}

void sl_path_hand_all(struct sl_path_core *core, const struct sl_snapshot *snapshot)
{
	const struct sl_burst *burst = &core->burst;
	uint32_t count = burst->count;
	struct sl_tally tally = {0};

	for (uint32_t i = 0; i < count; i++) {
		uint32_t service = burst->service[i], node = burst->node[i];

		if (sl_unlikely(burst->pkt[i].tcp_flags & SL_TCP_SYN) &&
		    snapshot->services[service].mss_clamp)
			sl_path_clamp_mss(core, i, snapshot->services[service].mss_clamp);
		sl_tally_packet(core, service, burst->frame_size[i], &tally);
		sl_path_count_node(core, node, burst->frame_size[i]);
		hand(core, core->views[i], core->packets[i], node);
	}
	sl_tally_add(core, &tally);
}
