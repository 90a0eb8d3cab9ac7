/* SPDX-License-Identifier: BSD-3-Clause */

/* What a packet turned out to be: its flow key, the places of its headers, and flags.
 *
 * Why:     all that comes after parsing reads this instead of untrusted octets; the kernel's program
 *          (xdp) compiles it, too, which has no SSE.
 * Threads: any; plain data.
 */

#ifndef SL_PKT_PARSED_H
#define SL_PKT_PARSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "pkt/key.h"

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
			uint8_t status;		  /* enum sl_pkt_status */
			uint8_t tcp_flags;	  /* 0 unless TCP with its header here */
			uint8_t protocol;	  /* outer transport's (ICMP for ICMP errors) */
			uint8_t tos;		  /* outer traffic class with ECN */
			uint16_t fragment;	  /* SL_FRAGMENT_; 0 unless SL_PKT_FRAGMENT */
			uint16_t fragment_id_off; /* of the identification: sl_pkt_fragment_id() */
			uint16_t flags;		  /* SL_PKT_ */
			uint16_t l3_off;	  /* of the outer IP header, in the frame */
			uint16_t l4_off;	  /* of the transport header, or fragment's data */
			uint16_t vlan;		  /* outermost VLAN identifier, 0: none */
		};
	};
};

_Static_assert(sizeof(struct sl_pkt) == 64, "one cache line a packet");

_Static_assert(offsetof(struct sl_pkt, seq) == 40 && offsetof(struct sl_pkt, status) == 48 &&
		       offsetof(struct sl_pkt, flags) == 56,
	       "words 5, 6 and 7");

/* struct sl_pkt.fragment: the offset in octets, and whether more follow. */
#define SL_FRAGMENT_MORE   0x0001
#define SL_FRAGMENT_OFFSET 0xfff8

/* sl_parse() options */
#define SL_PARSE_CHECK_SUM 0x1 /* verify the IPv4 header checksum: the NIC has not */

/* What an IPv4 packet is sent to, in a word: port, protocol and family from octet 0 on, then the
 * address; no two families' words are equal. */
static inline uint64_t sl_pkt_target(const struct sl_pkt *pkt)
{
	return (pkt->word[1] & 0xffffffff00000000ull) | (uint32_t)(pkt->word[0] >> 16);
}

/* Identification of a fragment's datagram, network order, as it lies there. */
static inline uint32_t sl_pkt_fragment_id(const uint8_t *frame, const struct sl_pkt *pkt)
{
	const uint8_t *at = sl_at(frame, pkt->fragment_id_off);

	return (pkt->flags & SL_PKT_IPV6) ? sl_load32(at) : sl_load16(at);
}

#endif
