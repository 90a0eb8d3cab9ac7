/* SPDX-License-Identifier: BSD-3-Clause */

#include "support/packet.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

static uint8_t *grow(struct packet *packet, uint32_t size)
{
	uint8_t *at = packet->octets + packet->size;

	if (packet->size + size > PACKET_SIZE_MAX) {
		(void)fprintf(stderr, "packet: larger than %d octets\n", PACKET_SIZE_MAX);
		exit(1);
	}
	memset(at, 0, size);
	packet->size += size;
	return at;
}

static uint8_t *open_layer(struct packet *packet, enum packet_layer_kind kind, uint32_t size)
{
	if (packet->layer_count == PACKET_LAYERS_MAX) {
		(void)fprintf(stderr, "packet: more than %d layers\n", PACKET_LAYERS_MAX);
		exit(1);
	}
	packet->layers[packet->layer_count++] = (struct packet_layer){kind, packet->size, false};
	return grow(packet, size);
}

void packet_init(struct packet *packet)
{
	memset(packet, 0, sizeof(*packet));
}

static uint32_t hex_digit(char c)
{
	return isdigit((unsigned char)c) ? (uint32_t)(c - '0') : (uint32_t)(tolower(c) - 'a' + 10);
}

void packet_hex(struct packet *packet, const char *hex)
{
	while (*hex) {
		if (isspace((unsigned char)*hex)) {
			hex++;
			continue;
		}
		*grow(packet, 1) = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
		hex += 2;
	}
}

void packet_octets(struct packet *packet, const void *octets, uint32_t size)
{
	memcpy(grow(packet, size), octets, size);
}

void packet_pattern(struct packet *packet, uint32_t size)
{
	uint8_t *at = grow(packet, size);

	for (uint32_t i = 0; i < size; i++)
		at[i] = (uint8_t)i;
}

static void put_mac(uint8_t *at, const char *text)
{
	for (int i = 0; i < 6; i++)
		at[i] = (uint8_t)strtoul(text + 3 * i, NULL, 16);
}

void packet_eth_macs(struct packet *packet, const char *dst, const char *src, uint16_t type)
{
	uint8_t *at = open_layer(packet, PACKET_ETH, 14);

	put_mac(at, dst);
	put_mac(at + 6, src);
	put16(at + 12, type);
}

void packet_eth(struct packet *packet, uint16_t type)
{
	packet_eth_macs(packet, "02:00:00:00:00:02", "02:00:00:00:00:01", type);
}

void packet_vlan(struct packet *packet, uint16_t tag, uint16_t type)
{
	uint8_t *at = open_layer(packet, PACKET_VLAN, 4);

	put16(at, tag);
	put16(at + 2, type);
}

static void put_ipv6(struct packet *packet, const struct packet_ip *ip)
{
	uint8_t *at = open_layer(packet, PACKET_IPV6, 40);

	put32(at, 6u << 28 | (uint32_t)ip->tos << 20 | ip->flow_label);
	at[6] = ip->protocol;
	at[7] = ip->ttl ? ip->ttl : 64;
	(void)inet_pton(AF_INET6, ip->src, at + 8);
	(void)inet_pton(AF_INET6, ip->dst, at + 24);
}

void packet_ip(struct packet *packet, const struct packet_ip *ip)
{
	uint32_t start = packet->size;
	uint8_t *at;

	if (strchr(ip->src, ':')) {
		put_ipv6(packet, ip);
		return;
	}
	at = open_layer(packet, PACKET_IPV4, 20);
	packet->layers[packet->layer_count - 1].keep = ip->zero_sum;
	at[1] = ip->tos;
	put16(at + 4, ip->id);
	put16(at + 6, ip->fragment);
	at[8] = ip->ttl ? ip->ttl : 64;
	at[9] = ip->protocol;
	(void)inet_pton(AF_INET, ip->src, at + 12);
	(void)inet_pton(AF_INET, ip->dst, at + 16);
	if (ip->options)
		packet_hex(packet, ip->options);
	at[0] = (uint8_t)(0x40 | (packet->size - start) / 4);
}

void packet_tcp(struct packet *packet, const struct packet_tcp *tcp)
{
	uint32_t start = packet->size;
	uint8_t *at = open_layer(packet, PACKET_TCP, 20);

	put16(at, tcp->sport);
	put16(at + 2, tcp->dport);
	put32(at + 4, tcp->seq);
	put32(at + 8, tcp->ack);
	at[13] = tcp->flags;
	put16(at + 14, 0xffff);
	if (tcp->options)
		packet_hex(packet, tcp->options);
	at[12] = (uint8_t)((packet->size - start) / 4 << 4);
}

void packet_udp(struct packet *packet, uint16_t sport, uint16_t dport)
{
	uint8_t *at = open_layer(packet, PACKET_UDP, 8);

	put16(at, sport);
	put16(at + 2, dport);
}

void packet_udp_zero_sum(struct packet *packet, uint16_t sport, uint16_t dport)
{
	packet_udp(packet, sport, dport);
	packet->layers[packet->layer_count - 1].keep = true;
}

void packet_icmp(struct packet *packet, int family, uint8_t type, uint8_t code, uint32_t rest)
{
	uint8_t *at = open_layer(packet, family == 4 ? PACKET_ICMP : PACKET_ICMPV6, 8);

	at[0] = type;
	at[1] = code;
	put32(at + 4, rest);
}

void packet_gre(struct packet *packet, uint16_t type)
{
	put16(open_layer(packet, PACKET_GRE, 4) + 2, type);
}

void packet_gue(struct packet *packet, uint8_t protocol)
{
	open_layer(packet, PACKET_GUE, 4)[1] = protocol;
}

void packet_vxlan(struct packet *packet, uint32_t vni)
{
	uint8_t *at = open_layer(packet, PACKET_VXLAN, 8);

	at[0] = 0x08;
	put32(at + 4, vni << 8);
}

uint16_t packet_sum(const uint8_t *octets, uint32_t size, uint32_t start)
{
	uint32_t sum = start;

	for (uint32_t i = 0; i < size; i++) {
		sum += i % 2 ? octets[i] : (uint32_t)octets[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* Pseudo header of the IP header that stands before layer `index`. */
static uint32_t pseudo_sum(const struct packet *packet, uint32_t index, uint8_t protocol,
			   uint32_t size)
{
	while (index-- > 0) {
		const uint8_t *ip = packet->octets + packet->layers[index].off;
		uint32_t sum = protocol + size;

		if (packet->layers[index].kind == PACKET_IPV4)
			return sum + (uint16_t)~packet_sum(ip + 12, 8, 0);
		if (packet->layers[index].kind == PACKET_IPV6)
			return sum + (uint16_t)~packet_sum(ip + 8, 32, 0);
	}
	return 0;
}

static void finish_layer(struct packet *packet, uint32_t index)
{
	const struct packet_layer *layer = &packet->layers[index];
	uint8_t *at = packet->octets + layer->off;
	uint32_t size = packet->size - layer->off;
	uint32_t sum;

	switch (layer->kind) {
	case PACKET_IPV4:
		put16(at + 2, size);
		if (!layer->keep)
			put16(at + 10, packet_sum(at, (at[0] & 15u) * 4, 0));
		break;
	case PACKET_IPV6:
		put16(at + 4, size - 40);
		break;
	case PACKET_TCP:
		put16(at + 16, packet_sum(at, size, pseudo_sum(packet, index, 6, size)));
		break;
	case PACKET_UDP:
		put16(at + 4, size);
		if (layer->keep)
			break;
		sum = packet_sum(at, size, pseudo_sum(packet, index, 17, size));
		put16(at + 6, sum ? sum : 0xffff);
		break;
	case PACKET_ICMP:
		put16(at + 2, packet_sum(at, size, 0));
		break;
	case PACKET_ICMPV6:
		put16(at + 2, packet_sum(at, size, pseudo_sum(packet, index, 58, size)));
		break;
	default:
		break;
	}
}

void packet_finish(struct packet *packet)
{
	for (uint32_t index = packet->layer_count; index-- > 0;)
		finish_layer(packet, index);
	packet->layer_count = 0;
}

static void make(struct packet *packet, const char *src, const char *dst, uint8_t protocol)
{
	bool v6 = strchr(src, ':') != NULL;

	packet_init(packet);
	packet_eth(packet, v6 ? 0x86dd : 0x0800);
	packet_ip(packet, &(struct packet_ip){.src = src, .dst = dst, .protocol = protocol});
}

void packet_make_udp(struct packet *packet, const char *src, uint16_t sport, const char *dst,
		     uint16_t dport, uint32_t body)
{
	make(packet, src, dst, 17);
	packet_udp(packet, sport, dport);
	packet_pattern(packet, body);
	packet_finish(packet);
}

void packet_make_tcp(struct packet *packet, const char *src, uint16_t sport, const char *dst,
		     uint16_t dport, uint8_t flags, uint32_t body)
{
	make(packet, src, dst, 6);
	packet_tcp(packet, &(struct packet_tcp){sport, dport, 0x01020304, 0x05060708, flags, NULL});
	packet_pattern(packet, body);
	packet_finish(packet);
}

struct field {
	uint32_t end; /* the first octet after it, from the header's start */
	const char *name;
};

static const struct field eth_fields[] = {
	{6, "destination MAC"}, {12, "source MAC"}, {14, "EtherType"}, {0, NULL}};
static const struct field vlan_fields[] = {{2, "tag"}, {4, "EtherType"}, {0, NULL}};
static const struct field ipv4_fields[] = {{1, "version and header length"},
					   {2, "TOS"},
					   {4, "total length"},
					   {6, "identification"},
					   {8, "flags and fragment offset"},
					   {9, "TTL"},
					   {10, "protocol"},
					   {12, "checksum"},
					   {16, "source"},
					   {20, "destination"},
					   {60, "options"},
					   {0, NULL}};
static const struct field ipv6_fields[] = {{2, "version and traffic class"},
					   {4, "flow label"},
					   {6, "payload length"},
					   {7, "next header"},
					   {8, "hop limit"},
					   {24, "source"},
					   {40, "destination"},
					   {0, NULL}};
static const struct field tcp_fields[] = {{2, "source port"},
					  {4, "destination port"},
					  {8, "sequence number"},
					  {12, "acknowledgement"},
					  {13, "data offset"},
					  {14, "flags"},
					  {16, "window"},
					  {18, "checksum"},
					  {20, "urgent pointer"},
					  {60, "options"},
					  {0, NULL}};
static const struct field udp_fields[] = {
	{2, "source port"}, {4, "destination port"}, {6, "length"}, {8, "checksum"}, {0, NULL}};
static const struct field icmp_fields[] = {
	{1, "type"}, {2, "code"}, {4, "checksum"}, {8, "rest of header"}, {0, NULL}};
static const struct field gre_fields[] = {
	{2, "flags and version"}, {4, "protocol type"}, {0, NULL}};
static const struct field gue_fields[] = {
	{1, "version and length"}, {2, "protocol"}, {4, "flags"}, {0, NULL}};
static const struct field vxlan_fields[] = {{4, "flags"}, {7, "VNI"}, {8, "reserved"}, {0, NULL}};

/* One header on the way through a frame. */
struct place {
	const char *name;
	const struct field *fields;
	uint32_t off, size;
	uint32_t next; /* what follows: an EtherType, or NEXT_PROTOCOL | protocol, or NEXT_END */
};

#define NEXT_PROTOCOL 0x10000u
#define NEXT_PORT     0x20000u
#define NEXT_GUE      0x30000u
#define NEXT_ETH      0x40000u
#define NEXT_END      0xfffffu

static struct place place_transport(const uint8_t *at, uint32_t off, uint32_t protocol)
{
	switch (protocol) {
	case 1:
	case 58:
		return (struct place){"ICMP", icmp_fields, off, 8, NEXT_END};
	case 4:
		return (struct place){"IPv4", ipv4_fields, off, (at[0] & 15u) * 4,
				      NEXT_PROTOCOL | at[9]};
	case 6:
		return (struct place){"TCP", tcp_fields, off, (at[12] >> 4) * 4u, NEXT_END};
	case 17:
		return (struct place){"UDP", udp_fields, off, 8, NEXT_PORT | get16(at + 2)};
	case 41:
		return (struct place){"IPv6", ipv6_fields, off, 40, NEXT_PROTOCOL | at[6]};
	case 47:
		return (struct place){"GRE", gre_fields, off, 4, get16(at + 2)};
	default:
		return (struct place){"payload", NULL, off, 0, NEXT_END};
	}
}

static struct place place_next(const uint8_t *frame, uint32_t off, uint32_t next)
{
	const uint8_t *at = frame + off;

	switch (next) {
	case NEXT_ETH:
		return (struct place){"Ethernet", eth_fields, off, 14, get16(at + 12)};
	case 0x8100:
	case 0x88a8:
		return (struct place){"VLAN", vlan_fields, off, 4, get16(at + 2)};
	case 0x0800:
		return place_transport(at, off, 4);
	case 0x86dd:
		return place_transport(at, off, 41);
	case NEXT_PORT | 6080:
		return (struct place){"GUE", gue_fields, off, 4, NEXT_PROTOCOL | at[1]};
	case NEXT_PORT | 4789:
		return (struct place){"VXLAN", vxlan_fields, off, 8, NEXT_ETH};
	default:
		if ((next & ~0xffu) == NEXT_PROTOCOL)
			return place_transport(at, off, next & 0xff);
		return (struct place){"payload", NULL, off, 0, NEXT_END};
	}
}

void packet_field(const uint8_t *frame, uint32_t size, uint32_t off, char *text)
{
	uint32_t at = 0, next = NEXT_ETH, depth = 0;

	while (at + 60 <= size + 40 && next != NEXT_END) {
		struct place place = place_next(frame, at, next);

		if (!place.fields || place.size == 0)
			break;
		if (off < at + place.size) {
			const struct field *field = place.fields;

			while (field->name && off - at >= field->end)
				field++;
			(void)snprintf(text, 64, "header %u, %s %s", depth, place.name,
				       field->name ? field->name : "?");
			return;
		}
		at += place.size;
		next = place.next;
		depth++;
	}
	(void)snprintf(text, 64, "payload octet %u", off - at);
}

static void print_hex(const char *title, const uint8_t *octets, uint32_t size)
{
	(void)fprintf(stderr, "%s, %u octets:", title, size);
	for (uint32_t i = 0; i < size && i < 256; i++)
		(void)fprintf(stderr, "%s%02x", i % 16 ? " " : "\n  ", octets[i]);
	(void)fprintf(stderr, "\n");
}

bool packet_equal(const uint8_t *wanted, uint32_t wanted_size, const uint8_t *got,
		  uint32_t got_size)
{
	uint32_t size = wanted_size < got_size ? wanted_size : got_size;
	char last[64] = "", field[64];

	if (wanted_size == got_size && memcmp(wanted, got, size) == 0)
		return true;
	if (wanted_size != got_size)
		(void)fprintf(stderr, "wanted %u octets, got %u\n", wanted_size, got_size);
	for (uint32_t i = 0; i < size; i++) {
		if (wanted[i] == got[i])
			continue;
		packet_field(wanted, wanted_size, i, field);
		if (strcmp(field, last) != 0)
			(void)fprintf(stderr, "octet %u (%s): wanted %02x, got %02x\n", i, field,
				      wanted[i], got[i]);
		memcpy(last, field, sizeof(last));
	}
	print_hex("wanted", wanted, wanted_size);
	print_hex("got", got, got_size);
	return false;
}
