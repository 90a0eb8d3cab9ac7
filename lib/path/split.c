/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "path/stage.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"

/* Source: RFC 791 section 3.2 (fragmentation), RFC 8200 section 4.5. */

#define UNIT 8u /* fragments' offsets count these octets */

/* A tunnel packet being cut. */
struct cut {
	const struct rte_mbuf *packet;
	uint32_t head;	  /* octets of Ethernet and IP header */
	uint32_t payload; /* octets behind them */
	uint32_t piece;	  /* octets of each fragment but the last */
	uint32_t extra;	  /* octets of the fragment header of IPv6 */
	uint32_t id;
};

static void copy(const struct rte_mbuf *from, uint32_t off, uint32_t size, uint8_t *to)
{
	const void *at = rte_pktmbuf_read(from, off, size, to);

	if (at != to)
		memcpy(to, at, size);
}

static void write_ip4(const struct cut *cut, uint8_t *ip, uint32_t size, uint32_t off, bool more)
{
	sl_store_be16(ip + SL_IP4_TOTAL, (uint16_t)size);
	sl_store_be16(ip + SL_IP4_ID, (uint16_t)cut->id);
	sl_store_be16(ip + SL_IP4_FRAGMENT, (uint16_t)(off / UNIT | (more ? SL_IP4_MF : 0)));
	sl_store16(ip + SL_IP4_SUM, 0);
	sl_store16(ip + SL_IP4_SUM, sl_csum(ip, SL_IP4_SIZE));
}

static void write_ip6(const struct cut *cut, uint8_t *ip, uint32_t size, uint32_t off, bool more)
{
	uint8_t *fragment = ip + SL_IP6_SIZE;

	fragment[0] = ip[SL_IP6_NEXT];
	fragment[1] = 0;
	sl_store_be16(fragment + 2, (uint16_t)(off | (more ? SL_FRAGMENT_MORE : 0)));
	sl_store32(fragment + 4, cut->id);
	ip[SL_IP6_NEXT] = SL_PROTO_FRAGMENT;
	sl_store_be16(ip + SL_IP6_PAYLOAD, (uint16_t)(size - SL_IP6_SIZE));
}

/* One fragment into an empty buffer. */
static void write_piece(const struct cut *cut, struct rte_mbuf *out, uint32_t off)
{
	uint32_t data = SL_MIN(cut->piece, cut->payload - off);
	uint32_t size = cut->head + cut->extra + data;
	uint8_t *frame = rte_pktmbuf_mtod(out, uint8_t *);
	bool more = off + data < cut->payload;

	out->data_len = (uint16_t)size;
	out->pkt_len = size;
	copy(cut->packet, 0, cut->head, frame);
	copy(cut->packet, cut->head + off, data, frame + cut->head + cut->extra);
	if (cut->extra)
		write_ip6(cut, frame + SL_ETH_SIZE, size - SL_ETH_SIZE, off, more);
	else
		write_ip4(cut, frame + SL_ETH_SIZE, size - SL_ETH_SIZE, off, more);
}

int sl_path_split(struct sl_path_core *core, struct rte_mbuf *packet, uint32_t port, uint32_t mtu,
		  uint64_t hash)
{
	bool v6 = rte_pktmbuf_mtod(packet, const uint8_t *)[SL_ETH_SIZE] >> 4 == 6;
	struct cut cut = {.packet = packet,
			  .head = SL_ETH_SIZE + (v6 ? SL_IP6_SIZE : SL_IP4_SIZE),
			  .extra = v6 ? SL_IP6_FRAGMENT_SIZE : 0,
			  .id = v6 ? (uint32_t)hash ^ (uint32_t)core->outer_id << 16
				   : core->outer_id};
	struct rte_mbuf *pieces[SL_PATH_PIECES_MAX];
	uint32_t room = SL_MIN(mtu + SL_ETH_SIZE, rte_pktmbuf_data_room_size(packet->pool) -
							  (uint32_t)RTE_PKTMBUF_HEADROOM);
	uint32_t count;

	cut.payload = packet->pkt_len - cut.head;
	cut.piece = (room - cut.head - cut.extra) & ~(UNIT - 1);
	count = (cut.payload + cut.piece - 1) / cut.piece;
	if (count > SL_PATH_PIECES_MAX || cut.payload > SL_IP4_DATAGRAM_LIMIT - SL_IP4_SIZE)
		return -E2BIG;
	if (rte_pktmbuf_alloc_bulk(packet->pool, pieces, count) != 0)
		return -ENOBUFS;
	for (uint32_t i = 0; i < count; i++) {
		write_piece(&cut, pieces[i], i * cut.piece);
		/* The packet is forwarded once, however many frames it took. */
		sl_txbuf_add(&core->out[port * SL_TX_CLASS_COUNT +
					(i == 0 ? SL_TX_FORWARDED : SL_TX_OWN)],
			     pieces[i], pieces[i]->pkt_len);
	}
	rte_pktmbuf_free(packet);
	return 0;
}
