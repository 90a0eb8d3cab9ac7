/* SPDX-License-Identifier: BSD-3-Clause */

/* From a frame's octets to its flow key and the places of its headers.
 *
 * Why:     everything after this reads struct sl_pkt instead of untrusted octets.
 * Shape:   one cache line a packet; the common packet (Ethernet, IPv4 without options or IPv6
 *          without extension headers, TCP or UDP, no fragment) takes a straight inline way of wide
 *          loads and whole words written, everything else sl_parse_slow(). Both give the same
 *          answer.
 * Threads: any; pure: reads `size` octets, writes *pkt only.
 * Errors:  none; what is wrong with a packet is pkt->status. Octets that a header or a length asks
 *          for and that are not there: truncated. A value that no packet can have: bad header.
 * Source:  RFC 791, 8200 (headers, extension header order), 792, 4443 (ICMP), 4884, IEEE 802.1Q.
 */

#ifndef SL_PKT_PARSE_H
#define SL_PKT_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "pkt/hdr.h"
#include "pkt/key.h"
#include "pkt/quic.h"

#define SL_PARSE_VLANS_MAX	2
#define SL_PARSE_EXTENSIONS_MAX 8

/* What the packet is to a dispatcher. */
enum sl_pkt_status {
	SL_PKT_OK = 0,	      /* key and offsets are valid */
	SL_PKT_NOT_IP = 1,    /* another EtherType (ARP, LLDP, ...): no key; nobody's, or our own */
	SL_PKT_TRUNCATED = 2, /* octets are missing */
	SL_PKT_BAD_HEADER = 3, /* a field contradicts itself */
	SL_PKT_TINY = 4,       /* a first fragment so small that it hides its ports */
};

/* sl_pkt.flags */
#define SL_PKT_IPV6	    0x0001 /* the family of the outer IP header, and so of the key */
#define SL_PKT_VLAN	    0x0002 /* tags stand between the addresses and the IP header */
#define SL_PKT_FRAGMENT	    0x0004 /* part of a datagram; not an atomic fragment (RFC 6946) */
#define SL_PKT_NO_PORTS	    0x0008 /* a later fragment whose flow is unknown without the first */
#define SL_PKT_ICMP_ERROR   0x0010 /* the key is the quoted packet's, turned round */
#define SL_PKT_ICMP_STRANGE 0x0020 /* see below; the key is the packet's own */
#define SL_PKT_GROUP	    0x0040 /* frame to a multicast or broadcast MAC address */
#define SL_PKT_OPTIONS	    0x0080 /* IPv4 options or IPv6 extension headers are there */
#define SL_PKT_DF	    0x0100 /* IPv4 don't fragment; always set for IPv6 */
#define SL_PKT_QUIC_INITIAL 0x0200 /* UDP whose payload starts as a QUIC Initial does */
#define SL_PKT_OWN	    0x0400 /* ARP, or ICMP that is no error: may be for ourselves */

/* NO_PORTS is not set for protocols that have no ports; it is for ICMP, whose first fragment may be
 * an error that follows a quote.
 *
 * ICMP_STRANGE marks what must not follow a quote and is no ordinary packet either: redirects,
 * errors about errors or redirects, quotes of later fragments or cut before the flow is known, and
 * ICMPv6 errors of unknown types. */

/* TCP flags as on the wire. */
#define SL_TCP_FIN 0x01
#define SL_TCP_SYN 0x02
#define SL_TCP_RST 0x04
#define SL_TCP_PSH 0x08
#define SL_TCP_ACK 0x10

/* sl_parse() writes whole words, so that wide loads of them forward. */
struct sl_pkt {
	union {
		uint64_t word[8];
		struct {
			struct sl_key key;
			uint32_t seq;		  /* TCP sequence number, host order; else 0 */
			uint32_t l3_size;	  /* octets of the IP packet; padding is beyond */
			uint16_t flags;		  /* SL_PKT_ */
			uint16_t l3_off;	  /* of the outer IP header, in the frame */
			uint16_t l4_off;	  /* of the transport header, or fragment's data */
			uint16_t vlan;		  /* outermost VLAN identifier, 0: none */
			uint8_t status;		  /* enum sl_pkt_status */
			uint8_t tcp_flags;	  /* 0 unless TCP with its header here */
			uint8_t protocol;	  /* outer transport's (ICMP for ICMP errors) */
			uint8_t tos;		  /* outer traffic class with ECN */
			uint16_t fragment;	  /* SL_FRAGMENT_; 0 unless SL_PKT_FRAGMENT */
			uint16_t fragment_id_off; /* of the identification: sl_pkt_fragment_id() */
		};
	};
};

_Static_assert(sizeof(struct sl_pkt) == 64, "one cache line a packet");

_Static_assert(offsetof(struct sl_pkt, seq) == 40 && offsetof(struct sl_pkt, flags) == 48 &&
		       offsetof(struct sl_pkt, status) == 56,
	       "words 5, 6 and 7");

/* struct sl_pkt.fragment: the offset in octets, and whether more follow. */
#define SL_FRAGMENT_MORE   0x0001
#define SL_FRAGMENT_OFFSET 0xfff8

/* sl_parse() options */
#define SL_PARSE_CHECK_SUM 0x1 /* verify the IPv4 header checksum: the NIC has not */

/* Reads a frame. size: octets that are contiguous at frame (at least all headers where the frame
 * has them: min(frame_size, 512)); frame_size: octets of the whole frame, all segments. With
 * another status than OK, only status, l3_off, vlan and the flags GROUP, VLAN and OWN mean something;
 * the rest is zero. */
void sl_parse_slow(const uint8_t *frame, uint32_t size, uint32_t frame_size, uint32_t options,
		   struct sl_pkt *pkt);

/* The same for octets that have an IP header at l3_off, whatever stands before it: what a tunnel
 * carries. */
void sl_parse_ip(const uint8_t *frame, uint32_t size, uint32_t frame_size, uint32_t l3_off,
		 uint32_t options, struct sl_pkt *pkt);

/* Identification of a fragment's datagram, network order, as it lies there. */
static inline uint32_t sl_pkt_fragment_id(const uint8_t *frame, const struct sl_pkt *pkt)
{
	const uint8_t *at = frame + pkt->fragment_id_off;

	return (pkt->flags & SL_PKT_IPV6) ? sl_load32(at) : sl_load16(at);
}

/* Whether the 20 octets of an IPv4 header without options sum up as they should. Its words are
 * summed by 32 bits: one's complement sums do not mind, and carries gather in the upper half. head:
 * octets 0..3; middle: 4..11; addresses: 12..19. */
static inline bool sl_parse_sum_right(uint32_t head, uint64_t middle, uint64_t addresses)
{
	uint64_t sum =
		head + (uint32_t)middle + (middle >> 32) + (uint32_t)addresses + (addresses >> 32);

	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return sum == 0xffff;
}

/* What the inline way reads of a TCP or UDP header. */
struct sl_parse_l4 {
	uint32_t ports, seq;
	uint32_t need;	/* octets that the header's own length field asks for; too many when it is
			   impossible */
	uint32_t flags; /* SL_PKT_QUIC_INITIAL */
	uint8_t tcp_flags;
};

#define SL_PARSE_L4_SIZE   20	   /* octets that sl_parse_l4() may read */
#define SL_PARSE_L4_REFUSE 0x10000 /* more than any packet has */

/* Both headers are read with the same loads and told apart without a branch: real traffic mixes
 * them. */
static inline struct sl_parse_l4 sl_parse_l4(const uint8_t *l4, uint8_t protocol)
{
	uint32_t low = sl_load32(l4 + 4); /* TCP: sequence number; UDP: length, checksum */
	uint64_t high =
		sl_load64(l4 + 6); /* TCP: ..., data offset, flags; UDP: checksum, payload */
	bool tcp = protocol == SL_PROTO_TCP, udp = protocol == SL_PROTO_UDP;
	uint32_t tcp_need = (uint32_t)(high >> 50) & 0x3c, udp_need = sl_be16((uint16_t)low);
	struct sl_parse_l4 found;

	found.ports = sl_load32(l4);
	found.need = tcp ? tcp_need : udp_need;
	if (found.need < (tcp ? SL_TCP_SIZE : SL_UDP_SIZE) || !(tcp | udp))
		found.need = SL_PARSE_L4_REFUSE;
	found.seq = tcp ? sl_be32(low) : 0;
	found.tcp_flags = tcp ? (uint8_t)(high >> 56) : 0;
	found.flags =
		(udp & (udp_need >= SL_UDP_SIZE + SL_QUIC_HEAD_SIZE) & sl_quic_initial(high >> 16))
			? SL_PKT_QUIC_INITIAL
			: 0;
	return found;
}

/* The words after the key. */
static inline void sl_parse_store(struct sl_pkt *pkt, const struct sl_parse_l4 *l4,
				  uint32_t l3_size, uint32_t flags, uint32_t l4_off,
				  uint8_t protocol, uint8_t tos)
{
	pkt->word[5] = l4->seq | (uint64_t)l3_size << 32;
	pkt->word[6] = (flags | l4->flags) | SL_ETH_SIZE << 16 | (uint64_t)l4_off << 32;
	pkt->word[7] =
		(uint64_t)l4->tcp_flags << 8 | (uint64_t)protocol << 16 | (uint64_t)tos << 24;
}

/* Frame octets 12..19 as a word: EtherType, then the start of the IP header. */
#define SL_PARSE_HEAD4_MASK  0xffffffull
#define SL_PARSE_HEAD4_VALUE 0x450008ull /* 08 00 45 */
#define SL_PARSE_HEAD6_MASK  0xf0ffffull
#define SL_PARSE_HEAD6_VALUE 0x60dd86ull /* 86 dd 6. */
#define SL_PARSE_SIZE4	     (SL_ETH_SIZE + SL_IP4_SIZE + SL_PARSE_L4_SIZE)
#define SL_PARSE_SIZE6	     (SL_ETH_SIZE + SL_IP6_SIZE + SL_PARSE_L4_SIZE)

/* False: not a plain packet, nothing is written. */
static inline bool sl_parse_plain4(const uint8_t *frame, uint64_t head, uint32_t frame_size,
				   uint32_t options, struct sl_pkt *pkt)
{
	const uint32_t l4_off = SL_ETH_SIZE + SL_IP4_SIZE;
	uint64_t middle =
		sl_load64(frame + 18); /* identification, fragment, TTL, protocol, checksum */
	uint64_t addresses = sl_load64(frame + 26);
	uint32_t total = sl_be16((uint16_t)(head >> 32));
	uint8_t protocol = (uint8_t)(middle >> 40);
	struct sl_parse_l4 l4 = sl_parse_l4(frame + l4_off, protocol);
	uint32_t flags = (frame[0] & SL_ETH_GROUP_BIT) ? SL_PKT_GROUP : 0;

	if ((middle & 0xff3f0000) != 0 || total > frame_size - SL_ETH_SIZE ||
	    l4.need + SL_IP4_SIZE > total)
		return false;
	if ((options & SL_PARSE_CHECK_SUM) &&
	    !sl_parse_sum_right((uint32_t)(head >> 16), middle, addresses))
		return false;
	flags |= (uint32_t)(middle >> 16 & 0x40) << 2;
	_Static_assert(SL_PKT_DF == 0x40 << 2, "DF is shifted into its flag");
	pkt->word[0] = l4.ports | (uint64_t)protocol << 32 | (uint64_t)SL_FAMILY_IPV4 << 40;
	pkt->word[1] = addresses;
	pkt->word[2] = 0;
	pkt->word[3] = 0;
	pkt->word[4] = 0;
	sl_parse_store(pkt, &l4, total, flags, l4_off, protocol, (uint8_t)(head >> 24));
	return true;
}

static inline bool sl_parse_plain6(const uint8_t *frame, uint64_t head, uint32_t frame_size,
				   struct sl_pkt *pkt)
{
	const uint32_t l4_off = SL_ETH_SIZE + SL_IP6_SIZE;
	uint32_t payload = sl_be16((uint16_t)(head >> 48));
	uint8_t protocol = frame[SL_ETH_SIZE + SL_IP6_NEXT];
	struct sl_parse_l4 l4 = sl_parse_l4(frame + l4_off, protocol);
	uint32_t flags = (frame[0] & SL_ETH_GROUP_BIT) ? SL_PKT_GROUP : 0;

	if (payload + SL_IP6_SIZE > frame_size - SL_ETH_SIZE || l4.need > payload)
		return false;
	pkt->word[0] = l4.ports | (uint64_t)protocol << 32 | (uint64_t)SL_FAMILY_IPV6 << 40;
	pkt->word[1] = sl_load64(frame + 22);
	pkt->word[2] = sl_load64(frame + 30);
	pkt->word[3] = sl_load64(frame + 38);
	pkt->word[4] = sl_load64(frame + 46);
	sl_parse_store(pkt, &l4, payload + SL_IP6_SIZE, flags | SL_PKT_IPV6 | SL_PKT_DF, l4_off,
		       protocol, (uint8_t)(sl_be16((uint16_t)(head >> 16)) >> 4));
	return true;
}

static inline void sl_parse(const uint8_t *frame, uint32_t size, uint32_t frame_size,
			    uint32_t options, struct sl_pkt *pkt)
{
	if (sl_likely(size >= SL_PARSE_SIZE4)) {
		uint64_t head = sl_load64(frame + SL_ETH_TYPE);

		if ((head & SL_PARSE_HEAD4_MASK) == SL_PARSE_HEAD4_VALUE) {
			if (sl_likely(sl_parse_plain4(frame, head, frame_size, options, pkt)))
				return;
		} else if ((head & SL_PARSE_HEAD6_MASK) == SL_PARSE_HEAD6_VALUE &&
			   size >= SL_PARSE_SIZE6) {
			if (sl_likely(sl_parse_plain6(frame, head, frame_size, pkt)))
				return;
		}
	}
	sl_parse_slow(frame, size, frame_size, options, pkt);
}

#endif
