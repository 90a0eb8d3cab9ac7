/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/inner.h"

#include <string.h>

#include "base/bytes.h"
#include "pkt/encap.h"
#include "pkt/hdr.h"

#define GRE_CHECKSUM	 0x8000
#define GRE_KEY		 0x2000
#define GRE_SEQUENCE	 0x1000
#define GRE_REFUSED	 0x4fff /* routing (RFC 1701), reserved bits, other versions */
#define GRE_FIELD_SIZE	 4
#define VXLAN_HAS_VNI	 0x08
#define GTPU_HEAD	 0x30 /* version 1, GTP and not GTP' */
#define GTPU_HEAD_MASK	 0xf0
#define GTPU_EXTENDED	 0x07 /* any of extension, sequence number, N-PDU number */
#define GTPU_EXTENSION	 0x04
#define GTPU_SIZE	 8
#define GTPU_LONG_SIZE	 12
#define GTPU_G_PDU	 0xff
#define GTPU_UNIT	 4
#define GTPU_HEADERS_MAX 8

/* What a tunnel carries, and where. */
enum cargo { CARGO_NONE, CARGO_IP, CARGO_ETHERNET };

struct found {
	enum cargo cargo;
	uint32_t off; /* from the outer frame's start */
};

static const struct found nothing = {CARGO_NONE, 0};

static struct found open_gre(const uint8_t *frame, uint32_t off, uint32_t end)
{
	uint32_t flags, next = off + SL_GRE_SIZE;

	if (next > end)
		return nothing;
	flags = sl_load_be16(frame + off);
	if (flags & GRE_REFUSED)
		return nothing;
	next += (flags & GRE_CHECKSUM) ? GRE_FIELD_SIZE : 0;
	next += (flags & GRE_KEY) ? GRE_FIELD_SIZE : 0;
	next += (flags & GRE_SEQUENCE) ? GRE_FIELD_SIZE : 0;
	switch (sl_load_be16(frame + off + 2)) {
	case SL_ETHERTYPE_IPV4:
	case SL_ETHERTYPE_IPV6:
		return (struct found){CARGO_IP, next};
	case SL_ETHERTYPE_TEB:
		return (struct found){CARGO_ETHERNET, next};
	default:
		return nothing;
	}
}

static struct found open_vxlan(const uint8_t *frame, uint32_t off, uint32_t end)
{
	if (off + SL_VXLAN_SIZE > end || !(frame[off] & VXLAN_HAS_VNI))
		return nothing;
	return (struct found){CARGO_ETHERNET, off + SL_VXLAN_SIZE};
}

static struct found open_gtpu(const uint8_t *frame, uint32_t off, uint32_t end)
{
	uint32_t next = off + GTPU_SIZE;
	uint8_t type;

	if (next > end || (frame[off] & GTPU_HEAD_MASK) != GTPU_HEAD ||
	    frame[off + 1] != GTPU_G_PDU)
		return nothing;
	if (!(frame[off] & GTPU_EXTENDED))
		return (struct found){CARGO_IP, next};
	next = off + GTPU_LONG_SIZE;
	if (next > end)
		return nothing;
	type = (frame[off] & GTPU_EXTENSION) ? frame[next - 1] : 0;
	for (uint32_t headers = 0; type != 0; headers++) {
		uint32_t length;

		if (headers == GTPU_HEADERS_MAX || next >= end)
			return nothing;
		length = frame[next] * GTPU_UNIT;
		if (length == 0 || next + length > end)
			return nothing;
		next += length;
		type = frame[next - 1];
	}
	return (struct found){CARGO_IP, next};
}

static struct found open_tunnel(const uint8_t *frame, uint32_t end, const struct sl_pkt *pkt)
{
	switch (pkt->protocol) {
	case SL_PROTO_IPIP:
	case SL_PROTO_IPV6:
		return (struct found){CARGO_IP, pkt->l4_off};
	case SL_PROTO_GRE:
		return open_gre(frame, pkt->l4_off, end);
	case SL_PROTO_UDP:
		if (pkt->key.dport_be == sl_be16(SL_VXLAN_PORT))
			return open_vxlan(frame, pkt->l4_off + SL_UDP_SIZE, end);
		if (pkt->key.dport_be == sl_be16(SL_GTPU_PORT))
			return open_gtpu(frame, pkt->l4_off + SL_UDP_SIZE, end);
		return nothing;
	default:
		return nothing;
	}
}

bool sl_parse_inner(const uint8_t *frame, uint32_t size, uint32_t frame_size,
		    const struct sl_pkt *pkt, struct sl_key *key)
{
	uint32_t whole = SL_MIN(pkt->l3_off + pkt->l3_size, frame_size);
	uint32_t end = SL_MIN(whole, size);
	struct sl_pkt inner;
	struct found found;

	if (pkt->status != SL_PKT_OK || (pkt->flags & SL_PKT_FRAGMENT))
		return false;
	found = open_tunnel(frame, end, pkt);
	if (found.cargo == CARGO_NONE || found.off >= end)
		return false;
	if (found.cargo == CARGO_IP)
		sl_parse_ip(frame, end, whole, found.off, 0, &inner);
	else
		sl_parse(frame + found.off, end - found.off, whole - found.off, 0, &inner);
	if (inner.status != SL_PKT_OK)
		return false;
	if (inner.flags & SL_PKT_FRAGMENT) {
		inner.key.sport_be = 0;
		inner.key.dport_be = 0;
	}
	*key = inner.key;
	return true;
}
