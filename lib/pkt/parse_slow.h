/* SPDX-License-Identifier: BSD-3-Clause */

/* The way of any packet from octets to struct sl_pkt, header by header.
 *
 * Why:     sl_parse_slow() is this, and so is the parsing of the kernel's program (xdp): one text.
 * Shape:   sl_at() wherever the place of a header is a number out of the packet.
 * Threads: any; pure.
 * Errors:  pkt->status, see parse.h.
 */

#ifndef SL_PKT_PARSE_SLOW_H
#define SL_PKT_PARSE_SLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/extension.h"
#include "pkt/hdr.h"
#include "pkt/parsed.h"
#include "pkt/quic.h"
#include "pkt/quote.h"

/* What of the frame may be read. */
struct sl_parse_view {
	const uint8_t *frame;
	uint32_t size;	     /* octets that are contiguous */
	uint32_t frame_size; /* octets of the whole frame */
	uint32_t options;
};

static inline bool sl_slow_readable(const struct sl_parse_view *view, uint32_t off, uint32_t count)
{
	return off + count <= view->size;
}

/* Where the IP packet ends by its own header, from the frame's start. */
static inline uint32_t sl_slow_packet_end(const struct sl_pkt *pkt)
{
	return pkt->l3_off + pkt->l3_size;
}

/* Protocols whose later fragments miss something that their flow is known by. */
static inline bool sl_slow_fragment_hides(const struct sl_pkt *pkt)
{
	switch (pkt->protocol) {
	case SL_PROTO_TCP:
	case SL_PROTO_UDP:
	case SL_PROTO_SCTP:
	case SL_PROTO_DCCP:
	case SL_PROTO_UDPLITE:
		return true;
	case SL_PROTO_ICMP:
		return !(pkt->flags & SL_PKT_IPV6);
	case SL_PROTO_ICMPV6:
		return pkt->flags & SL_PKT_IPV6;
	default:
		return (pkt->flags & SL_PKT_IPV6) && sl_extension_is(pkt->protocol);
	}
}

/* Ports, when the header is there; a first fragment need not have more of it than they are. */
static inline enum sl_pkt_status sl_slow_ports(const struct sl_parse_view *view, struct sl_pkt *pkt,
					       uint32_t header)
{
	uint32_t need = (pkt->flags & SL_PKT_FRAGMENT) ? SL_L4_PORTS_SIZE : header;

	if (pkt->l4_off + need > sl_slow_packet_end(pkt))
		return (pkt->flags & SL_PKT_FRAGMENT) ? SL_PKT_TINY : SL_PKT_TRUNCATED;
	if (!sl_slow_readable(view, pkt->l4_off, need))
		return SL_PKT_TRUNCATED;
	pkt->key.sport_be = sl_load16(sl_at(view->frame, pkt->l4_off));
	pkt->key.dport_be = sl_load16(sl_at(view->frame, pkt->l4_off) + 2);
	return SL_PKT_OK;
}

static inline enum sl_pkt_status sl_slow_tcp(const struct sl_parse_view *view, struct sl_pkt *pkt)
{
	const uint8_t *tcp = sl_at(view->frame, pkt->l4_off);
	enum sl_pkt_status status = sl_slow_ports(view, pkt, SL_TCP_SIZE);
	uint32_t header;

	if (status != SL_PKT_OK)
		return status;
	if (pkt->l4_off + (uint32_t)SL_TCP_SUM > sl_slow_packet_end(pkt) ||
	    !sl_slow_readable(view, pkt->l4_off, SL_TCP_SUM))
		return SL_PKT_OK; /* a tiny first fragment: ports, no flags */
	header = (tcp[SL_TCP_OFFSET] >> 4) * 4u;
	if (header < SL_TCP_SIZE)
		return SL_PKT_BAD_HEADER;
	if (!(pkt->flags & SL_PKT_FRAGMENT) && pkt->l4_off + header > sl_slow_packet_end(pkt))
		return SL_PKT_TRUNCATED;
	pkt->seq = sl_load_be32(tcp + SL_TCP_SEQ);
	pkt->tcp_flags = tcp[SL_TCP_FLAGS];
	return SL_PKT_OK;
}

static inline enum sl_pkt_status sl_slow_udp(const struct sl_parse_view *view, struct sl_pkt *pkt)
{
	const uint8_t *udp = sl_at(view->frame, pkt->l4_off);
	enum sl_pkt_status status = sl_slow_ports(view, pkt, SL_UDP_SIZE);
	uint32_t length, end, payload = pkt->l4_off + SL_UDP_SIZE;

	if (status != SL_PKT_OK)
		return status;
	if (payload > sl_slow_packet_end(pkt) || !sl_slow_readable(view, pkt->l4_off, SL_UDP_SIZE))
		return SL_PKT_OK; /* a tiny first fragment */
	length = sl_load_be16(udp + SL_UDP_LENGTH);
	if (length < SL_UDP_SIZE)
		return SL_PKT_BAD_HEADER;
	if (!(pkt->flags & SL_PKT_FRAGMENT) && pkt->l4_off + length > sl_slow_packet_end(pkt))
		return SL_PKT_TRUNCATED;
	end = SL_MIN(sl_slow_packet_end(pkt), pkt->l4_off + length);
	if (payload + SL_QUIC_HEAD_SIZE <= end &&
	    sl_slow_readable(view, payload, SL_QUIC_HEAD_SIZE)) {
		uint64_t head = sl_load32(udp + SL_UDP_SIZE) |
				(uint64_t)sl_load16(udp + SL_UDP_SIZE + 4) << 32;

		if (sl_quic_initial(head))
			pkt->flags |= SL_PKT_QUIC_INITIAL;
	}
	return SL_PKT_OK;
}

static inline enum sl_pkt_status sl_slow_icmp(const struct sl_parse_view *view, struct sl_pkt *pkt)
{
	const uint8_t *icmp = sl_at(view->frame, pkt->l4_off);
	uint8_t family = pkt->key.family;
	uint32_t header = family == SL_FAMILY_IPV4 ? SL_ICMP_SIZE : SL_ICMP6_COMMON_SIZE;
	uint32_t end = SL_MIN(sl_slow_packet_end(pkt), view->size);
	enum sl_icmp_kind kind;

	if (pkt->l4_off + header > end)
		return SL_PKT_TRUNCATED;
	kind = sl_icmp_kind(family, icmp[0]);
	if (kind == SL_ICMP_KIND_OTHER) {
		pkt->flags |= SL_PKT_OWN;
		return SL_PKT_OK;
	}
	if (kind == SL_ICMP_KIND_ERROR &&
	    sl_quote_key(family, icmp, end - pkt->l4_off, &pkt->key)) {
		sl_key_reverse(&pkt->key);
		pkt->flags |= SL_PKT_ICMP_ERROR;
	} else {
		pkt->flags |= SL_PKT_ICMP_STRANGE;
	}
	return SL_PKT_OK;
}

static inline enum sl_pkt_status sl_slow_transport(const struct sl_parse_view *view,
						   struct sl_pkt *pkt)
{
	bool v6 = pkt->flags & SL_PKT_IPV6;

	if (pkt->fragment & SL_FRAGMENT_OFFSET) {
		if (sl_slow_fragment_hides(pkt))
			pkt->flags |= SL_PKT_NO_PORTS;
		return SL_PKT_OK;
	}
	switch (pkt->protocol) {
	case SL_PROTO_TCP:
		return sl_slow_tcp(view, pkt);
	case SL_PROTO_UDP:
		return sl_slow_udp(view, pkt);
	case SL_PROTO_SCTP:
		return sl_slow_ports(view, pkt, SL_SCTP_SIZE);
	case SL_PROTO_DCCP:
		return sl_slow_ports(view, pkt, SL_DCCP_SIZE);
	case SL_PROTO_UDPLITE:
		return sl_slow_ports(view, pkt, SL_UDPLITE_SIZE);
	case SL_PROTO_ICMP:
		return v6 ? SL_PKT_OK : sl_slow_icmp(view, pkt);
	case SL_PROTO_ICMPV6:
		return v6 ? sl_slow_icmp(view, pkt) : SL_PKT_OK;
	default:
		return SL_PKT_OK;
	}
}

/* A fragment cannot reach beyond the largest datagram; IPv6 wants all but the last in units of 8
 * octets, IPv4 receivers cut what is over. */
static inline enum sl_pkt_status sl_slow_check_fragment(const struct sl_pkt *pkt)
{
	uint32_t data = sl_slow_packet_end(pkt) - pkt->l4_off;

	if ((pkt->fragment & SL_FRAGMENT_OFFSET) + data > SL_IP4_DATAGRAM_LIMIT)
		return SL_PKT_BAD_HEADER;
	if ((pkt->flags & SL_PKT_IPV6) && (pkt->fragment & SL_FRAGMENT_MORE) && data % 8)
		return SL_PKT_BAD_HEADER;
	return SL_PKT_OK;
}

static inline enum sl_pkt_status sl_slow_ipv4(const struct sl_parse_view *view, struct sl_pkt *pkt)
{
	const uint8_t *ip = sl_at(view->frame, pkt->l3_off);
	uint32_t header, bits;

	if (!sl_slow_readable(view, pkt->l3_off, SL_IP4_SIZE))
		return SL_PKT_TRUNCATED;
	header = (ip[0] & 0x0fu) * 4;
	pkt->l3_size = sl_load_be16(ip + SL_IP4_TOTAL);
	if (ip[0] >> 4 != 4 || header < SL_IP4_SIZE || pkt->l3_size < header)
		return SL_PKT_BAD_HEADER;
	if (!sl_slow_readable(view, pkt->l3_off, header))
		return SL_PKT_TRUNCATED;
	if ((view->options & SL_PARSE_CHECK_SUM) && !sl_csum_header_right(ip, header))
		return SL_PKT_BAD_HEADER;
	if (sl_slow_packet_end(pkt) > view->frame_size)
		return SL_PKT_TRUNCATED;
	bits = sl_load_be16(ip + SL_IP4_FRAGMENT);
	pkt->l4_off = (uint16_t)(pkt->l3_off + header);
	pkt->tos = ip[SL_IP4_TOS];
	pkt->protocol = ip[SL_IP4_PROTOCOL];
	pkt->key.protocol = pkt->protocol;
	pkt->key.family = SL_FAMILY_IPV4;
	pkt->key.word[1] = sl_load64(ip + SL_IP4_SRC);
	pkt->flags |=
		(header > SL_IP4_SIZE ? SL_PKT_OPTIONS : 0) | ((bits & SL_IP4_DF) ? SL_PKT_DF : 0);
	if (bits & (SL_IP4_MF | SL_IP4_FRAGMENT_MASK)) {
		pkt->flags |= SL_PKT_FRAGMENT;
		pkt->fragment = (uint16_t)(bits << 3) | ((bits & SL_IP4_MF) ? SL_FRAGMENT_MORE : 0);
		pkt->fragment_id_off = (uint16_t)(pkt->l3_off + SL_IP4_ID);
		return sl_slow_check_fragment(pkt);
	}
	return SL_PKT_OK;
}

static inline enum sl_pkt_status sl_slow_ipv6(const struct sl_parse_view *view, struct sl_pkt *pkt)
{
	const uint8_t *ip = sl_at(view->frame, pkt->l3_off);
	struct sl_extensions walk = {.off = pkt->l3_off + SL_IP6_SIZE};
	enum sl_pkt_status status;

	if (!sl_slow_readable(view, pkt->l3_off, SL_IP6_SIZE))
		return SL_PKT_TRUNCATED;
	if (ip[0] >> 4 != 6)
		return SL_PKT_BAD_HEADER;
	pkt->l3_size = SL_IP6_SIZE + sl_load_be16(ip + SL_IP6_PAYLOAD);
	if (sl_slow_packet_end(pkt) > view->frame_size)
		return SL_PKT_TRUNCATED;
	walk.protocol = ip[SL_IP6_NEXT];
	status = sl_extension_walk(SL_OCTETS(view->frame),
				   SL_MIN(sl_slow_packet_end(pkt), view->size), &walk);
	if (status != SL_PKT_OK)
		return status;
	pkt->l4_off = (uint16_t)walk.off;
	pkt->tos = (uint8_t)(sl_load_be16(ip) >> 4);
	pkt->protocol = walk.protocol;
	pkt->key.protocol = walk.protocol;
	pkt->key.family = SL_FAMILY_IPV6;
	memcpy(pkt->key.src, ip + SL_IP6_SRC, sizeof(pkt->key.src));
	memcpy(pkt->key.dst, ip + SL_IP6_DST, sizeof(pkt->key.dst));
	pkt->flags |= SL_PKT_IPV6 | SL_PKT_DF | (walk.count ? SL_PKT_OPTIONS : 0);
	if (walk.fragment) {
		pkt->flags |= SL_PKT_FRAGMENT;
		pkt->fragment = walk.fragment;
		pkt->fragment_id_off = (uint16_t)(walk.fragment_off + 4);
		return sl_slow_check_fragment(pkt);
	}
	return SL_PKT_OK;
}

/* Ethernet and its tags: where the network header is, and its EtherType. */
static inline enum sl_pkt_status sl_slow_ethernet(const struct sl_parse_view *view,
						  struct sl_pkt *pkt, uint16_t *type)
{
	uint32_t off = SL_ETH_SIZE;

	if (!sl_slow_readable(view, 0, SL_ETH_SIZE))
		return SL_PKT_TRUNCATED;
	if (view->frame[0] & SL_ETH_GROUP_BIT)
		pkt->flags |= SL_PKT_GROUP;
	*type = sl_load_be16(view->frame + SL_ETH_TYPE);
	for (uint32_t tags = 0; tags < SL_PARSE_VLANS_MAX; tags++) {
		if (*type != SL_ETHERTYPE_VLAN && *type != SL_ETHERTYPE_QINQ &&
		    *type != SL_ETHERTYPE_QINQ_1)
			break;
		if (!sl_slow_readable(view, off, SL_VLAN_SIZE))
			return SL_PKT_TRUNCATED;
		if (tags == 0)
			pkt->vlan = sl_load_be16(sl_at(view->frame, off)) & SL_VLAN_ID_MASK;
		pkt->flags |= SL_PKT_VLAN;
		*type = sl_load_be16(sl_at(view->frame, off) + 2);
		off += SL_VLAN_SIZE;
	}
	pkt->l3_off = (uint16_t)off;
	return SL_PKT_OK;
}

/* The IP packet at pkt->l3_off. */
static inline void sl_slow_packet(const struct sl_parse_view *view, bool v6, struct sl_pkt *pkt)
{
	uint16_t flags = pkt->flags, l3_off = pkt->l3_off, vlan = pkt->vlan;
	enum sl_pkt_status status = v6 ? sl_slow_ipv6(view, pkt) : sl_slow_ipv4(view, pkt);

	if (status == SL_PKT_OK)
		status = sl_slow_transport(view, pkt);
	if (status != SL_PKT_OK) {
		memset(pkt, 0, sizeof(*pkt));
		pkt->flags = flags;
		pkt->l3_off = l3_off;
		pkt->vlan = vlan;
	}
	pkt->status = (uint8_t)status;
}

static inline void sl_slow_frame(const uint8_t *frame, uint32_t size, uint32_t frame_size,
				 uint32_t options, struct sl_pkt *pkt)
{
	const struct sl_parse_view view = {frame, size, frame_size, options};
	enum sl_pkt_status status;
	uint16_t type = 0;

	memset(pkt, 0, sizeof(*pkt));
	status = sl_slow_ethernet(&view, pkt, &type);
	if (status != SL_PKT_OK)
		pkt->status = (uint8_t)status;
	else if (type == SL_ETHERTYPE_IPV4 || type == SL_ETHERTYPE_IPV6)
		sl_slow_packet(&view, type == SL_ETHERTYPE_IPV6, pkt);
	else
		pkt->status = SL_PKT_NOT_IP;
	if (type == SL_ETHERTYPE_ARP)
		pkt->flags |= SL_PKT_OWN;
}

static inline void sl_slow_ip(const uint8_t *frame, uint32_t size, uint32_t frame_size,
			      uint32_t l3_off, uint32_t options, struct sl_pkt *pkt)
{
	const struct sl_parse_view view = {frame, size, frame_size, options};

	memset(pkt, 0, sizeof(*pkt));
	pkt->l3_off = (uint16_t)l3_off;
	if (!sl_slow_readable(&view, l3_off, 1))
		pkt->status = SL_PKT_TRUNCATED;
	else
		sl_slow_packet(&view, sl_at(frame, l3_off)[0] >> 4 == 6, pkt);
}

#endif
