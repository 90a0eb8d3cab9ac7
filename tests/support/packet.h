/* SPDX-License-Identifier: BSD-3-Clause */

/* Packets for tests: built header by header, compared with the name of the field that differs.
 *
 * Shape:   each packet_ call appends a header or octets; packet_finish() fills in lengths and
 *          checksums that were left zero, innermost first. What a test wants wrong it sets after
 *          that, in octets.
 * Threads: any; the packet is the caller's.
 * Errors:  a packet that grows beyond PACKET_SIZE_MAX ends the program.
 */

#ifndef TESTS_SUPPORT_PACKET_H
#define TESTS_SUPPORT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_SIZE_MAX	  12288
#define PACKET_LAYERS_MAX 24

enum packet_layer_kind {
	PACKET_ETH,
	PACKET_VLAN,
	PACKET_IPV4,
	PACKET_IPV6,
	PACKET_EXTENSION,
	PACKET_TCP,
	PACKET_UDP,
	PACKET_ICMP,
	PACKET_ICMPV6,
	PACKET_GRE,
	PACKET_GUE,
	PACKET_VXLAN,
	PACKET_ARP,
	PACKET_OCTETS,
};

struct packet_layer {
	enum packet_layer_kind kind;
	uint32_t off;
	bool keep; /* lengths and checksums stay as they are */
};

struct packet {
	uint8_t octets[PACKET_SIZE_MAX];
	uint32_t size;
	struct packet_layer layers[PACKET_LAYERS_MAX];
	uint32_t layer_count;
};

struct packet_ip {
	const char *src, *dst; /* text of either family: it chooses the header */
	uint8_t protocol;
	uint8_t tos;
	uint8_t ttl;	     /* 0: 64 */
	uint16_t id;	     /* IPv4 */
	uint16_t fragment;   /* IPv4: the flags and offset field */
	uint32_t flow_label; /* IPv6 */
	const char *options; /* IPv4, hexadecimal, a multiple of four octets */
	bool zero_sum;	     /* IPv4: leave the checksum zero */
};

struct packet_tcp {
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	const char *options; /* hexadecimal, a multiple of four octets */
};

void packet_init(struct packet *packet);

/* Octets in hexadecimal; blanks are skipped. */
void packet_hex(struct packet *packet, const char *hex);
void packet_octets(struct packet *packet, const void *octets, uint32_t size);

/* size octets of a pattern that shows displacement: 0, 1, 2, ... */
void packet_pattern(struct packet *packet, uint32_t size);

/* From 02:00:00:00:00:01 to 02:00:00:00:00:02, or the given ones. */
void packet_eth(struct packet *packet, uint16_t type);
void packet_eth_macs(struct packet *packet, const char *dst, const char *src, uint16_t type);
void packet_vlan(struct packet *packet, uint16_t tag, uint16_t type);
void packet_ip(struct packet *packet, const struct packet_ip *ip);
void packet_tcp(struct packet *packet, const struct packet_tcp *tcp);

/* Without a checksum when zero_sum. */
void packet_udp(struct packet *packet, uint16_t sport, uint16_t dport);
void packet_udp_zero_sum(struct packet *packet, uint16_t sport, uint16_t dport);

/* The 8 octets before the body; family 4 or 6 says which ICMP. */
void packet_icmp(struct packet *packet, int family, uint8_t type, uint8_t code, uint32_t rest);
void packet_gre(struct packet *packet, uint16_t type);
void packet_gue(struct packet *packet, uint8_t protocol);
void packet_vxlan(struct packet *packet, uint32_t vni);

void packet_finish(struct packet *packet);

/* Ethernet, one IP header (the family follows from the text), UDP or TCP (SYN unless flags say else) with
 * body octets of pattern; finished. */
void packet_make_udp(struct packet *packet, const char *src, uint16_t sport, const char *dst,
		     uint16_t dport, uint32_t body);
void packet_make_tcp(struct packet *packet, const char *src, uint16_t sport, const char *dst,
		     uint16_t dport, uint8_t flags, uint32_t body);

/* Internet checksum in the plainest way, for comparison: the field's value in host order. */
uint16_t packet_sum(const uint8_t *octets, uint32_t size, uint32_t start);

/* Name of the field that octet `off` of an Ethernet frame belongs to, as "outer IPv4 TTL"; text has 64
 * octets. */
void packet_field(const uint8_t *frame, uint32_t size, uint32_t off, char *text);

/* Prints where two frames differ, by field, and both in hexadecimal. True when they are equal. */
bool packet_equal(const uint8_t *wanted, uint32_t wanted_size, const uint8_t *got,
		  uint32_t got_size);

#endif
