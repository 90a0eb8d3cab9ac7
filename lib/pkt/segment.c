/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/segment.h"

#include <nmmintrin.h>
#include <string.h>

#include "pkt/csum.h"
#include "pkt/hdr.h"

#define TCP_CWR 0x80

/* ---- checksums ------------------------------------------------------------------------------- */

uint32_t sl_crc32c(uint32_t crc, const uint8_t *octets, uint32_t size)
{
	uint64_t sum = crc;

	for (; size >= 8; size -= 8, octets += 8)
		sum = _mm_crc32_u64(sum, sl_load64(octets));
	for (; size > 0; size--, octets++)
		sum = _mm_crc32_u8((uint32_t)sum, *octets);
	return (uint32_t)sum;
}

/* ---- segments -------------------------------------------------------------------------------- */

static uint32_t header_size(const uint8_t *l4, uint8_t protocol)
{
	return protocol == SL_PROTO_TCP ? (l4[SL_TCP_OFFSET] >> 4) * 4u : SL_UDP_SIZE;
}

bool sl_segments_init(struct sl_segments *segments, const uint8_t *frame, const struct sl_pkt *pkt,
		      uint32_t size, uint32_t frame_max)
{
	uint32_t end = pkt->l3_off + pkt->l3_size, head;

	if (pkt->status != SL_PKT_OK || (pkt->flags & SL_PKT_FRAGMENT) ||
	    (pkt->protocol != SL_PROTO_TCP && pkt->protocol != SL_PROTO_UDP))
		return false;
	head = pkt->l4_off + header_size(frame + pkt->l4_off, pkt->protocol);
	if (head >= frame_max)
		return false;
	if (size == 0 || size > frame_max - head) {
		/* Datagrams are what their sender made: none may become two. */
		if (pkt->protocol == SL_PROTO_UDP)
			return false;
		size = frame_max - head;
	}
	if (head + size >= end)
		return false;
	*segments = (struct sl_segments){
		.frame = frame,
		.head = head,
		.payload = end - head,
		.size = size,
		.l3_off = pkt->l3_off,
		.l4_off = pkt->l4_off,
		.protocol = pkt->protocol,
		.v6 = (pkt->flags & SL_PKT_IPV6) != 0,
	};
	if (!segments->v6)
		segments->id = sl_load_be16(frame + pkt->l3_off + SL_IP4_ID);
	return true;
}

static void write_ip(struct sl_segments *segments, uint8_t *ip, uint32_t size)
{
	if (segments->v6) {
		sl_store_be16(ip + SL_IP6_PAYLOAD, (uint16_t)(size - SL_IP6_SIZE));
		return;
	}
	sl_store_be16(ip + SL_IP4_TOTAL, (uint16_t)size);
	sl_store_be16(ip + SL_IP4_ID, segments->id++);
	sl_store16(ip + SL_IP4_SUM, 0);
	sl_store16(ip + SL_IP4_SUM, sl_csum(ip, (ip[0] & 0xf) * 4u));
}

/* What ends something is the last segment's, what answers once the first one's. */
static void write_tcp(const struct sl_segments *segments, uint8_t *tcp, bool is_last)
{
	sl_store_be32(tcp + SL_TCP_SEQ, sl_load_be32(tcp + SL_TCP_SEQ) + segments->done);
	if (!is_last)
		tcp[SL_TCP_FLAGS] &= (uint8_t) ~(SL_TCP_FIN | SL_TCP_PSH);
	if (segments->done > 0)
		tcp[SL_TCP_FLAGS] &= (uint8_t)~TCP_CWR;
}

void sl_segments_write(struct sl_segments *segments, uint8_t *out)
{
	uint32_t data = SL_MIN(segments->size, segments->payload - segments->done);
	uint32_t l4_size = segments->head + data - segments->l4_off;
	uint8_t *l3 = out + segments->l3_off, *l4 = out + segments->l4_off;
	uint8_t *field = l4 + sl_sum_offset(segments->protocol);
	uint16_t sum;

	memcpy(out, segments->frame, segments->head);
	memcpy(out + segments->head, segments->frame + segments->head + segments->done, data);
	write_ip(segments, l3, segments->head + data - segments->l3_off);
	if (segments->protocol == SL_PROTO_TCP)
		write_tcp(segments, l4, segments->done + data == segments->payload);
	else
		sl_store_be16(l4 + SL_UDP_LENGTH, (uint16_t)l4_size);
	sl_store16(field, 0);
	sum = sl_csum_transport(l3, segments->protocol, l4, l4_size);
	sl_store16(field, sum == 0 && segments->protocol == SL_PROTO_UDP ? UINT16_MAX : sum);
	segments->done += data;
}
