/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_mbuf.h>

#include "pkt/parse.h"
#include "state/hash.h"
#include "state/service.h"
#include "state/snapshot.h"
#include "work/handler.h"

/* Slots in the pool of the node that the burst is for. */
static void find_slots(const struct sl_handler_burst *burst, const struct sl_handler_view *view)
{
	const struct sl_snapshot *snapshot = burst->snapshot;
	const struct sl_node_view *node = sl_snapshot_node(snapshot, burst->packets[0]->hash.usr);
	const struct sl_pool_view *pool = &snapshot->pools[node->pool];

	for (uint32_t i = 0; i < burst->count; i++) {
		const struct sl_pkt *pkt = &view->pkts[i];

		view->slots[i] =
			pkt->status == SL_PKT_OK && pool->words
				? (uint32_t)(sl_hash_slot(snapshot, pool, pkt) >> pool->shift)
				: UINT32_MAX;
	}
}

void sl_handler_parse(const struct sl_handler_burst *burst, const struct sl_handler_view *view)
{
	for (uint32_t i = 0; i < burst->count; i++) {
		const struct rte_mbuf *packet = burst->packets[i];

		sl_parse(rte_pktmbuf_mtod(packet, const uint8_t *), packet->data_len,
			 packet->pkt_len, 0, &view->pkts[i]);
	}
	if (view->services)
		sl_service_lookup(burst->snapshot->service_table, view->pkts, burst->count,
				  view->services);
	if (view->slots)
		find_slots(burst, view);
}
