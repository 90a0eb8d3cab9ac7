/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "base/bytes.h"
#include "path/stage.h"
#include "pkt/parse.h"
#include "state/judge.h"

/* Moves octets of later buffers into the first one until all headers lie together; every later
 * reader and writer may then rely on it. False: there is no room (a foreign pool's buffers). */
static bool gather(struct rte_mbuf *packet)
{
	uint32_t wanted = SL_MIN(packet->pkt_len, SL_PATH_HEAD_SIZE);

	while (packet->data_len < wanted) {
		struct rte_mbuf *next = packet->next;
		uint32_t count = SL_MIN(wanted - packet->data_len, next->data_len);

		if (count > rte_pktmbuf_tailroom(packet))
			return false;
		memcpy(rte_pktmbuf_mtod_offset(packet, uint8_t *, packet->data_len),
		       rte_pktmbuf_mtod(next, const uint8_t *), count);
		packet->data_len = (uint16_t)(packet->data_len + count);
		next->data_len = (uint16_t)(next->data_len - count);
		next->data_off = (uint16_t)(next->data_off + count);
		if (next->data_len > 0)
			continue;
		packet->next = next->next;
		packet->nb_segs--;
		rte_pktmbuf_free_seg(next);
	}
	return true;
}

void sl_path_parse_odd(struct sl_path_core *core, uint32_t i, uint32_t options)
{
	struct rte_mbuf *packet = core->packets[i];
	struct sl_burst *burst = &core->burst;
	struct sl_pkt *pkt = &burst->pkt[i];

	if (packet->data_len == packet->pkt_len || gather(packet)) {
		sl_parse_slow(rte_pktmbuf_mtod(packet, const uint8_t *), packet->data_len,
			      packet->pkt_len, options, pkt);
	} else {
		memset(pkt, 0, sizeof(*pkt));
		pkt->status = SL_PKT_TRUNCATED;
	}
	sl_judge_parse(burst, i);
	sl_burst_spoil(burst);
	core->burst_flags |= pkt->flags;
}

static void filter(struct sl_path_core *core, const struct sl_path_queue *queue)
{
	struct sl_burst *burst = &core->burst;

	for (uint32_t i = 0; i < burst->count; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(core->packets[i], const uint8_t *);

		if (!sl_judge_is_foreign(frame, core->packets[i]->data_len, queue->mac))
			continue;
		burst->verdict[i] = SL_VERDICT_DROP;
		burst->reason[i] = SL_DROP_NO_SERVICE;
		sl_burst_spoil(burst);
	}
}

uint32_t sl_path_bridge(struct sl_path_core *core, const struct sl_path_queue *queue)
{
	struct sl_txbuf *out = &core->out[(queue->bridge - 1u) * SL_TX_CLASS_COUNT + SL_TX_OWN];
	uint32_t count = rte_eth_rx_burst(queue->port_id, queue->queue, core->packets,
					  (uint16_t)core->spec.burst);

	for (uint32_t i = 0; i < count; i++)
		sl_txbuf_add(out, core->packets[i], core->packets[i]->pkt_len);
	return count;
}

void sl_path_show_frames(struct sl_path_core *core)
{
	for (uint32_t i = 0; i < core->burst.count; i++) {
		core->burst.frame[i] = rte_pktmbuf_mtod(core->packets[i], const uint8_t *);
		core->burst.readable[i] = core->packets[i]->data_len;
	}
}

/* Buffers that this core can get: those in other cores' stocks it cannot. */
static uint32_t obtainable(struct rte_mempool *pool)
{
	uint32_t count = rte_mempool_avail_count(pool), own = rte_lcore_id(), lcore;

	RTE_LCORE_FOREACH(lcore)
	{
		const struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, lcore);

		uint32_t there = cache == NULL || lcore == own ? 0 : cache->len;

		count -= SL_MIN(there, count);
	}
	return count;
}

/* How many frames of a capture there are buffers for: the driver reads a frame, then looks for one. */
static uint32_t affordable(struct sl_path_core *core, const struct sl_path_queue *queue)
{
	const struct rte_mempool_cache *cache =
		rte_mempool_default_cache(queue->pool, rte_lcore_id());
	uint32_t burst = core->spec.burst, count;

	if (sl_likely(cache != NULL && cache->len >= burst * queue->frame_buffers))
		return burst;
	count = obtainable(queue->pool) / queue->frame_buffers;
	count = SL_MIN(count, burst);
	core->starved |= count == 0;
	return count;
}

/* Drops frames whose length the driver keeps in 16 bits here and in 32 there: octets are missing. */
static uint32_t shorten(struct sl_path_core *core, uint32_t port, uint32_t count)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (sl_likely(core->packets[i]->pkt_len <= UINT16_MAX)) {
			core->packets[left++] = core->packets[i];
			continue;
		}
		sl_stats_drop(core->stats, port, SL_SERVICE_NONE, SL_DROP_TRUNCATED);
		rte_pktmbuf_free(core->packets[i]);
	}
	return left;
}

uint32_t sl_path_receive(struct sl_path_core *core, const struct sl_path_queue *queue)
{
	struct sl_port_stats *port = &core->stats->ports[queue->port];
	uint32_t wanted = core->spec.burst, count;

	if (queue->frame_buffers > 0)
		wanted = affordable(core, queue);
	if (sl_unlikely(wanted == 0))
		return 0;
	count = sl_unlikely(queue->virtual != NULL)
			? sl_path_receive_virtual(core, queue, wanted)
			: rte_eth_rx_burst(queue->port_id, queue->queue, core->packets,
					   (uint16_t)wanted);
	if (count == 0)
		return 0;
	sl_stats_add(&core->stats->received, count);
	sl_stats_add(&port->rx_packets, count);
	if (queue->lengths) {
		count = shorten(core, queue->port, count);
		if (sl_unlikely(count == 0))
			return 0;
	}
	if (core->core.is_wide)
		sl_path_parse_wide(core, count, queue->checksum);
	else
		sl_path_parse(core, count, queue->checksum);
	sl_stats_add(&port->rx_bytes, core->burst.bytes);
	if (sl_unlikely(queue->filter))
		filter(core, queue);
	return count;
}
