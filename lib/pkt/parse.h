/* SPDX-License-Identifier: BSD-3-Clause */

/* From a frame's octets to its flow key and the places of its headers.
 *
 * Why:     everything after this reads struct sl_pkt instead of untrusted octets.
 * Shape:   one cache line a packet; the common packet (Ethernet, IPv4 without options or IPv6
 * without extension headers, TCP or UDP, no fragment) takes a straight inline way, everything else
 *          sl_parse_slow().
 * Threads: any; pure: reads `size` octets, writes *pkt only.
 * Errors:  none; what is wrong with a packet is pkt->status.
 * Source:  RFC 791, 8200 (headers, extension header order), 792, 4443 (ICMP), 4884, IEEE 802.1Q.
 */

#ifndef SL_PKT_PARSE_H
#define SL_PKT_PARSE_H

#include <stdint.h>

#include "pkt/key.h"

#define SL_PARSE_VLANS_MAX	2
#define SL_PARSE_EXTENSIONS_MAX 8

/* What the packet is to a dispatcher. */
enum sl_pkt_status {
	SL_PKT_OK = 0,	      /* key and offsets are valid */
	SL_PKT_NOT_IP = 1,    /* another EtherType (ARP, LLDP, ...): no key; nobody's, or our own */
	SL_PKT_TRUNCATED = 2, /* octets are missing */
	SL_PKT_BAD_HEADER = 3, /* a field contradicts itself */
};

/* sl_pkt.flags */
#define SL_PKT_IPV6	0x0001 /* the outer IP header's family (the key's may differ for no packet) */
#define SL_PKT_VLAN	0x0002 /* tags stand between the addresses and the IP header */
#define SL_PKT_FRAGMENT 0x0004 /* part of a datagram, first or later */
#define SL_PKT_NO_PORTS 0x0008 /* a later fragment: its flow's ports are unknown */
#define SL_PKT_ICMP_ERROR                                                                          \
	0x0010 /* key is the quoted packet's, turned round: the flow it is about */
#define SL_PKT_ICMP_STRANGE                                                                        \
	0x0020 /* ICMP error or redirect that must not follow a quote (about an error,             \
		* redirect, quote cut in its header): key is the packet's own */
#define SL_PKT_GROUP	    0x0040 /* frame to a multicast or broadcast MAC address */
#define SL_PKT_OPTIONS	    0x0080 /* IPv4 options or IPv6 extension headers are there */
#define SL_PKT_DF	    0x0100 /* IPv4 don't fragment; always set for IPv6 */
#define SL_PKT_QUIC_INITIAL 0x0200 /* UDP whose payload starts as a QUIC Initial does */

/* TCP flags as on the wire. */
#define SL_TCP_FIN 0x01
#define SL_TCP_SYN 0x02
#define SL_TCP_RST 0x04
#define SL_TCP_PSH 0x08
#define SL_TCP_ACK 0x10

struct sl_pkt {
	struct sl_key key;
	uint32_t seq;	   /* TCP sequence number, host order; 0 otherwise */
	uint32_t l3_size;  /* octets of the IP packet by its own header: padding is beyond them */
	uint16_t flags;	   /* SL_PKT_ */
	uint16_t l3_off;   /* of the outer IP header, from the frame's start */
	uint16_t l4_off;   /* of the transport header; where it would start for later fragments */
	uint16_t vlan;	   /* outermost VLAN identifier, 0: none */
	uint8_t status;	   /* enum sl_pkt_status */
	uint8_t tcp_flags; /* 0 unless TCP with its header here */
	uint8_t protocol;  /* of the outer packet's transport header (ICMP for ICMP errors) */
	uint8_t tos;	   /* outer traffic class with ECN */
	uint8_t spare[4];
};

_Static_assert(sizeof(struct sl_pkt) == 64, "one cache line a packet");

/* sl_parse() options */
#define SL_PARSE_CHECK_SUM 0x1 /* verify the IPv4 header checksum: the NIC has not */

/* Reads a frame. size: octets that are contiguous at frame (at least all headers where the frame
 * has them: min(frame_size, 512)); frame_size: octets of the whole frame, all segments. */
void sl_parse_slow(const uint8_t *frame, uint32_t size, uint32_t frame_size, uint32_t options,
		   struct sl_pkt *pkt);

static inline void sl_parse(const uint8_t *frame, uint32_t size, uint32_t frame_size,
			    uint32_t options, struct sl_pkt *pkt)
{
	sl_parse_slow(frame, size, frame_size, options, pkt);
}

#endif
