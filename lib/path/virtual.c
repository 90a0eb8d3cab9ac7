/* SPDX-License-Identifier: BSD-3-Clause */

#include "path/virtual.h"

#include <errno.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "io/port.h"
#include "path/stage.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"

#define LINK_OVERHEAD (SL_ETH_SIZE + SL_PARSE_VLANS_MAX * SL_VLAN_SIZE)

int sl_path_virtual_create(const struct sl_port *port, uint32_t queue,
			   struct sl_path_virtual **virtual)
{
	struct sl_path_virtual *made = sl_mem_alloc(sizeof(*made));

	if (made == NULL)
		return -ENOMEM;
	made->ring = port->rings[queue];
	made->mtu = port->mtu;
	*virtual = made;
	return 0;
}

void sl_path_virtual_destroy(struct sl_path_virtual *virtual)
{
	if (virtual == NULL)
		return;
	rte_pktmbuf_free_bulk(&virtual->given[virtual->at], virtual->count - virtual->at);
	sl_mem_free(virtual, sizeof(*virtual));
}

/* ---- what the device gives ------------------------------------------------------------------- */

static void give(struct sl_path_virtual *virtual, const struct sl_path_queue *queue,
		 uint32_t wanted)
{
	uint32_t there = wanted;

	virtual->at = 0;
	if (virtual->ring != NULL)
		there = sl_packet_ring_look(virtual->ring, virtual->marks, wanted);
	else
		memset(virtual->marks, 0, sizeof(virtual->marks));
	virtual->count = there == 0 ? 0
				    : rte_eth_rx_burst(queue->port_id, queue->queue, virtual->given,
						       (uint16_t)there);
	if (virtual->ring == NULL || virtual->count == 0)
		return;
	if (sl_likely(sl_packet_ring_took(virtual->ring, virtual->marks, virtual->given,
					  virtual->count)))
		return;
	virtual->ring = NULL;
	memset(virtual->marks, 0, sizeof(virtual->marks));
}

/* ---- large ones ------------------------------------------------------------------------------ */

/* The whole frame of a packet in one piece, NULL: it is not to be had. */
static const uint8_t *whole(struct sl_path_virtual *virtual, struct rte_mbuf *packet,
			    const struct sl_packet_mark *mark, uint32_t *size)
{
	const uint8_t *head = rte_pktmbuf_mtod(packet, const uint8_t *);
	uint32_t tags = (packet->ol_flags & RTE_MBUF_F_RX_VLAN) ? SL_VLAN_SIZE : 0;
	uint32_t front = SL_ETH_SIZE + tags;

	*size = packet->pkt_len;
	if (packet->pkt_len > sizeof(virtual->frame))
		return NULL;
	if (!mark->is_copied)
		return rte_pktmbuf_read(packet, 0, packet->pkt_len, virtual->frame);
	/* The driver has put the tag in, which the copy has not. */
	*size = sl_packet_read(virtual->ring, head + front, packet->data_len - front,
			       virtual->frame + tags, sizeof(virtual->frame) - tags);
	if (*size == 0)
		return NULL;
	*size += tags;
	memcpy(virtual->frame, head, front);
	return virtual->frame;
}

/* A frame that no segments are made of, in as many buffers as it takes. */
static struct rte_mbuf *chain(struct rte_mempool *pool, const uint8_t *frame, uint32_t size)
{
	struct rte_mbuf *first = rte_pktmbuf_alloc(pool), *last = first;
	uint32_t done = 0;

	while (last != NULL && done < size) {
		uint32_t part = SL_MIN(size - done, (uint32_t)rte_pktmbuf_tailroom(last));

		memcpy(rte_pktmbuf_mtod(last, uint8_t *), frame + done, part);
		last->data_len = (uint16_t)part;
		done += part;
		if (done == size)
			break;
		last->next = rte_pktmbuf_alloc(pool);
		last = last->next;
		first->nb_segs++;
	}
	if (first == NULL)
		return NULL;
	first->pkt_len = size;
	if (done == size)
		return first;
	first->nb_segs--;
	rte_pktmbuf_free(first);
	return NULL;
}

/* A frame in a slot that is too small for it is as good as one that is cut on its way: truncated. */
static void begin(struct sl_path_virtual *virtual, const struct sl_path_queue *queue)
{
	const struct sl_packet_mark *mark = &virtual->marks[virtual->at];
	struct rte_mbuf *packet = virtual->given[virtual->at], *made;
	uint32_t room = (uint32_t)rte_pktmbuf_data_room_size(queue->pool) - RTE_PKTMBUF_HEADROOM;
	uint32_t size, most;
	const uint8_t *frame = whole(virtual, packet, mark, &size);
	struct sl_pkt pkt;

	if (frame == NULL)
		return;
	sl_parse_slow(frame, size, size, 0, &pkt);
	most = SL_MIN(virtual->mtu + pkt.l3_off, room);
	virtual->is_cutting = sl_segments_init(&virtual->segments, frame, &pkt, mark->segment,
					       most);
	if (virtual->is_cutting || !mark->is_copied)
		return;
	made = chain(queue->pool, frame, size);
	if (made == NULL)
		return;
	rte_pktmbuf_free(packet);
	virtual->given[virtual->at] = made;
}

static struct rte_mbuf *next_segment(struct sl_path_virtual *virtual,
				     const struct sl_path_queue *queue)
{
	uint32_t size = sl_segments_size(&virtual->segments);
	struct rte_mbuf *packet = rte_pktmbuf_alloc(queue->pool);

	if (packet == NULL)
		return NULL;
	sl_segments_write(&virtual->segments, rte_pktmbuf_mtod(packet, uint8_t *));
	packet->data_len = (uint16_t)size;
	packet->pkt_len = size;
	if (sl_segments_size(&virtual->segments) == 0) {
		rte_pktmbuf_free(virtual->given[virtual->at++]);
		virtual->is_cutting = false;
	}
	return packet;
}

static bool is_large(const struct sl_path_virtual *virtual)
{
	const struct sl_packet_mark *mark = &virtual->marks[virtual->at];

	return mark->segment > 0 || mark->is_copied ||
	       virtual->given[virtual->at]->pkt_len > virtual->mtu + LINK_OVERHEAD;
}

uint32_t sl_path_receive_virtual(struct sl_path_core *core, const struct sl_path_queue *queue,
				 uint32_t wanted)
{
	struct sl_path_virtual *virtual = queue->virtual;
	uint32_t count = 0;

	if (virtual->at == virtual->count)
		give(virtual, queue, wanted);
	while (count < wanted && virtual->at < virtual->count) {
		struct rte_mbuf *packet;

		if (!virtual->is_cutting && sl_unlikely(is_large(virtual)))
			begin(virtual, queue);
		virtual->sums[count].partial = false;
		if (virtual->is_cutting) {
			packet = next_segment(virtual, queue);
			if (packet == NULL)
				break;
		} else {
			virtual->sums[count] = virtual->marks[virtual->at];
			packet = virtual->given[virtual->at++];
		}
		core->packets[count++] = packet;
	}
	core->starved |= count == 0 && virtual->at < virtual->count;
	return count;
}

/* ---- checksums ------------------------------------------------------------------------------- */

uint64_t sl_path_sum(const struct rte_mbuf *packet, uint32_t off, uint32_t size)
{
	uint32_t at = 0;
	uint64_t sum = 0;

	for (; size > 0 && packet != NULL; packet = packet->next) {
		uint32_t skipped = SL_MIN(off, (uint32_t)packet->data_len);
		uint32_t part = SL_MIN(packet->data_len - skipped, size);
		uint64_t one;

		off -= skipped;
		one = sl_csum_partial(rte_pktmbuf_mtod_offset(packet, const uint8_t *, skipped),
				      part);
		/* An odd buffer shifts what follows it by an octet. */
		sum += at & 1 ? sl_be16(sl_csum_fold(one)) : one;
		at += part;
		size -= part;
	}
	return sum;
}

static uint32_t crc(const struct rte_mbuf *packet, uint32_t off, uint32_t size)
{
	uint32_t sum = UINT32_MAX;

	for (; size > 0 && packet != NULL; packet = packet->next) {
		uint32_t skipped = SL_MIN(off, (uint32_t)packet->data_len);
		uint32_t part = SL_MIN(packet->data_len - skipped, size);

		off -= skipped;
		sum = sl_crc32c(sum, rte_pktmbuf_mtod_offset(packet, const uint8_t *, skipped),
				part);
		size -= part;
	}
	return ~sum;
}

/* Completes the checksum of what starts at offset `start`, whose field is `offset` octets behind. */
static void complete(struct rte_mbuf *packet, const struct sl_pkt *pkt, uint32_t start,
		     uint32_t offset)
{
	uint32_t end = pkt->l3_off + pkt->l3_size;
	uint32_t width = pkt->protocol == SL_PROTO_SCTP ? sizeof(uint32_t) : sizeof(uint16_t);
	uint8_t *field = rte_pktmbuf_mtod_offset(packet, uint8_t *, start + offset);
	uint16_t sum;

	if (start + offset + width > packet->data_len || start >= end)
		return;
	if (pkt->protocol == SL_PROTO_SCTP) {
		sl_store32(field, 0);
		sl_store32(field, crc(packet, start, end - start));
		return;
	}
	sum = (uint16_t)~sl_csum_fold(sl_path_sum(packet, start, end - start));
	sl_store16(field, sum ? sum : UINT16_MAX);
}

void sl_path_complete(struct sl_path_core *core, const struct sl_path_queue *queue)
{
	const struct sl_path_virtual *virtual = queue->virtual;
	const struct sl_burst *burst = &core->burst;

	for (uint32_t i = 0; i < burst->count; i++) {
		const struct sl_pkt *pkt = &burst->pkt[i];
		const struct sl_packet_mark *sum = &virtual->sums[i];
		struct rte_mbuf *packet = core->packets[i];

		if (pkt->status != SL_PKT_OK ||
		    (burst->verdict[i] != SL_VERDICT_NODE && burst->verdict[i] != SL_VERDICT_PUNT))
			continue;
		if (sum->partial)
			complete(packet, pkt, sum->sum_start, sum->sum_offset);
		else if (virtual->ring == NULL &&
			 sl_sum_is_left(rte_pktmbuf_mtod(packet, const uint8_t *), pkt))
			complete(packet, pkt, pkt->l4_off, sl_sum_offset(pkt->protocol));
	}
}
