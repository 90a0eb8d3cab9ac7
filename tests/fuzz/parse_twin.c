/* SPDX-License-Identifier: BSD-3-Clause */

#include "fuzz/parse_twin.h"

#include <stdio.h>
#include <string.h>

/* A stretch of octets that can be asked for any of them: -1 where there is none. */
struct text {
	const uint8_t *octets;
	int size;
};

static int octet(struct text text, int at)
{
	return at >= 0 && at < text.size ? text.octets[at] : -1;
}

static bool has(struct text text, int at, int count)
{
	return at + count <= text.size;
}

static int number(struct text text, int at, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++)
		value = value * 256 + octet(text, at + i);
	return value;
}

static struct text part(struct text text, int from, int to)
{
	return (struct text){text.octets + from, to - from};
}

/* One IP packet, wherever it is. */
struct reading {
	bool v6;
	int header; /* where the transport header starts, from the IP header */
	int total;  /* octets of the packet */
	int protocol;
	int tos;
	int offset; /* of a fragment, in octets */
	bool more;
	bool fragment;
	bool df;
	bool extra; /* options or extension headers */
	int id_at;
	uint8_t src[16], dst[16];
};

static bool walked(int protocol)
{
	return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 51 ||
	       protocol == 60 || protocol == 135;
}

/* 0: fine; else the status. */
static int read_chain(struct text packet, struct reading *r)
{
	int headers = 0, fragment_headers = 0;

	while (walked(r->protocol)) {
		int at = r->header, kind = r->protocol, length;

		if (++headers > 8)
			return SL_PKT_BAD_HEADER;
		if (!has(packet, at, 8))
			return SL_PKT_TRUNCATED;
		r->extra = true;
		if (kind == 44)
			length = 8;
		else if (kind == 51)
			length = 4 * (octet(packet, at + 1) + 2);
		else
			length = 8 * (octet(packet, at + 1) + 1);
		if (kind == 51 && length < 12)
			return SL_PKT_BAD_HEADER;
		if (!has(packet, at, length))
			return SL_PKT_TRUNCATED;
		r->protocol = octet(packet, at);
		r->header = at + length;
		if (kind != 44)
			continue;
		if (++fragment_headers == 2)
			return SL_PKT_BAD_HEADER;
		r->offset = number(packet, at + 2, 2) / 8 * 8;
		r->more = number(packet, at + 2, 2) % 2;
		r->fragment = r->offset != 0 || r->more;
		r->id_at = at + 4;
		if (r->offset != 0)
			break;
	}
	return 0;
}

static int read_ipv6(struct text packet, bool quoted, struct reading *r)
{
	int error;

	if (!has(packet, 0, 40))
		return SL_PKT_TRUNCATED;
	if (octet(packet, 0) / 16 != 6)
		return SL_PKT_BAD_HEADER;
	r->v6 = true;
	r->df = true;
	r->total = 40 + number(packet, 4, 2);
	if (!quoted) {
		if (r->total > packet.size)
			return SL_PKT_TRUNCATED;
		packet.size = r->total;
	}
	r->tos = number(packet, 0, 2) / 16 % 256;
	r->protocol = octet(packet, 6);
	r->header = 40;
	for (int i = 0; i < 16; i++) {
		r->src[i] = (uint8_t)octet(packet, 8 + i);
		r->dst[i] = (uint8_t)octet(packet, 24 + i);
	}
	error = read_chain(packet, r);
	if (error || quoted)
		return error;
	if (r->fragment && r->offset + r->total - r->header > 65535)
		return SL_PKT_BAD_HEADER;
	if (r->fragment && r->more && (r->total - r->header) % 8 != 0)
		return SL_PKT_BAD_HEADER;
	return 0;
}

static int read_ipv4(struct text packet, bool quoted, bool check_sum, struct reading *r)
{
	int length, sum = 0, bits;

	if (!has(packet, 0, 20))
		return SL_PKT_TRUNCATED;
	length = octet(packet, 0) % 16 * 4;
	r->total = number(packet, 2, 2);
	if (octet(packet, 0) / 16 != 4 || length < 20)
		return SL_PKT_BAD_HEADER;
	if (!quoted && r->total < length)
		return SL_PKT_BAD_HEADER;
	if (!has(packet, 0, length))
		return SL_PKT_TRUNCATED;
	for (int i = 0; i < length; i += 2)
		sum += number(packet, i, 2);
	while (sum > 65535)
		sum = sum % 65536 + sum / 65536;
	if (!quoted && check_sum && sum != 65535)
		return SL_PKT_BAD_HEADER;
	if (!quoted && r->total > packet.size)
		return SL_PKT_TRUNCATED;
	r->extra = length > 20;
	r->header = length;
	r->tos = octet(packet, 1);
	bits = number(packet, 6, 2);
	r->df = bits / 0x4000 % 2;
	r->more = bits / 0x2000 % 2;
	r->offset = bits % 0x2000 * 8;
	r->fragment = r->more || r->offset;
	r->id_at = 4;
	r->protocol = octet(packet, 9);
	for (int i = 0; i < 4; i++) {
		r->src[i] = (uint8_t)octet(packet, 12 + i);
		r->dst[i] = (uint8_t)octet(packet, 16 + i);
	}
	if (!quoted && r->fragment && r->offset + r->total - length > 65535)
		return SL_PKT_BAD_HEADER;
	return 0;
}

/* Least header of a protocol that has ports; 0: it has none. */
static int ports_header(int protocol)
{
	switch (protocol) {
	case 6:
		return 20;
	case 17:
	case 136:
		return 8;
	case 33:
	case 132:
		return 12;
	default:
		return 0;
	}
}

static void fill_key(struct sl_key *key, const struct reading *r, int sport, int dport)
{
	memset(key, 0, sizeof(*key));
	key->sport_be = (uint16_t)(sport / 256 | sport % 256 << 8);
	key->dport_be = (uint16_t)(dport / 256 | dport % 256 << 8);
	key->protocol = (uint8_t)r->protocol;
	key->family = r->v6 ? 6 : 4;
	if (r->v6) {
		memcpy(key->src, r->src, 16);
		memcpy(key->dst, r->dst, 16);
	} else {
		memcpy(&key->src4, r->src, 4);
		memcpy(&key->dst4, r->dst, 4);
	}
}

static void swap_ends(struct reading *r)
{
	uint8_t keep[16];

	memcpy(keep, r->src, 16);
	memcpy(r->src, r->dst, 16);
	memcpy(r->dst, keep, 16);
}

/* Whether the ICMP error's quote tells a flow; its key, turned round. */
static bool read_quote(struct text icmp, bool v6, struct sl_key *key)
{
	int type = octet(icmp, 0), length = 0, sport = 0, dport = 0, inner;
	struct text quote;
	struct reading r;

	if (icmp.size < 8)
		return false;
	quote = part(icmp, 8, icmp.size);
	if (v6 && (type == 1 || type == 3))
		length = octet(icmp, 4) * 8;
	if (!v6 && type != 4)
		length = octet(icmp, 5) * 4;
	if (length != 0 && length < quote.size)
		quote.size = length;
	memset(&r, 0, sizeof(r));
	if (v6 ? read_ipv6(quote, true, &r) : read_ipv4(quote, true, false, &r))
		return false;
	if (r.offset != 0)
		return false;
	if (ports_header(r.protocol)) {
		if (!has(quote, r.header, 4))
			return false;
		sport = number(quote, r.header, 2);
		dport = number(quote, r.header + 2, 2);
	}
	inner = octet(quote, r.header);
	if (!v6 && r.protocol == 1 &&
	    (inner < 0 || inner == 3 || inner == 4 || inner == 5 || inner == 11 || inner == 12))
		return false;
	if (v6 && r.protocol == 58 && (inner < 128 || inner == 137))
		return false;
	swap_ends(&r);
	fill_key(key, &r, dport, sport);
	return true;
}

static int read_icmp(struct text icmp, bool v6, struct sl_pkt *pkt)
{
	int type = octet(icmp, 0);

	if (!has(icmp, 0, v6 ? 4 : 8))
		return SL_PKT_TRUNCATED;
	if (v6 ? type >= 128 && type != 137
	       : type != 3 && type != 4 && type != 5 && type != 11 && type != 12) {
		pkt->flags |= SL_PKT_OWN;
		return 0;
	}
	if ((v6 ? type >= 1 && type <= 4 : type != 5) && read_quote(icmp, v6, &pkt->key))
		pkt->flags |= SL_PKT_ICMP_ERROR;
	else
		pkt->flags |= SL_PKT_ICMP_STRANGE;
	return 0;
}

static bool is_quic(struct text payload)
{
	int first = octet(payload, 0), dcid = octet(payload, 5);
	uint32_t version;

	if (!has(payload, 0, 6) || dcid < 8 || dcid > 20)
		return false;
	version = (uint32_t)number(payload, 1, 2) * 65536u + (uint32_t)number(payload, 3, 2);
	if (first / 16 == 0xc)
		return version == 1 || version / 256 == 0xff0000;
	return first / 16 == 0xd && version == 0x6b3343cf;
}

static int read_transport(struct text l4, struct reading *r, struct sl_pkt *pkt)
{
	int least = ports_header(r->protocol), length;

	if (r->offset != 0) {
		if (least || (r->protocol == 1 && !r->v6) || (r->protocol == 58 && r->v6) ||
		    (r->v6 && walked(r->protocol)))
			pkt->flags |= SL_PKT_NO_PORTS;
		return 0;
	}
	if (least) {
		if (!has(l4, 0, r->fragment ? 4 : least))
			return r->fragment ? SL_PKT_TINY : SL_PKT_TRUNCATED;
		fill_key(&pkt->key, r, number(l4, 0, 2), number(l4, 2, 2));
	}
	if (r->protocol == 6 && has(l4, 0, 16)) {
		length = octet(l4, 12) / 16 * 4;
		if (length < 20)
			return SL_PKT_BAD_HEADER;
		if (!r->fragment && length > l4.size)
			return SL_PKT_TRUNCATED;
		pkt->seq = (uint32_t)number(l4, 4, 2) * 65536u + (uint32_t)number(l4, 6, 2);
		pkt->tcp_flags = (uint8_t)octet(l4, 13);
	}
	if (r->protocol == 17 && has(l4, 0, 8)) {
		length = number(l4, 4, 2);
		if (length < 8)
			return SL_PKT_BAD_HEADER;
		if (!r->fragment && length > l4.size)
			return SL_PKT_TRUNCATED;
		if (is_quic(part(l4, 8, length < l4.size ? length : l4.size)))
			pkt->flags |= SL_PKT_QUIC_INITIAL;
	}
	if (r->protocol == (r->v6 ? 58 : 1))
		return read_icmp(l4, r->v6, pkt);
	return 0;
}

static int read_ip(struct text packet, int l3, bool check_sum, bool v6, struct sl_pkt *pkt)
{
	struct reading r;
	int error;

	memset(&r, 0, sizeof(r));
	error = v6 ? read_ipv6(packet, false, &r) : read_ipv4(packet, false, check_sum, &r);
	if (error)
		return error;
	pkt->l3_size = (uint32_t)r.total;
	pkt->l4_off = (uint16_t)(l3 + r.header);
	pkt->protocol = (uint8_t)r.protocol;
	pkt->tos = (uint8_t)r.tos;
	pkt->flags |= (r.v6 ? SL_PKT_IPV6 : 0) | (r.df ? SL_PKT_DF : 0) |
		      (r.extra ? SL_PKT_OPTIONS : 0) | (r.fragment ? SL_PKT_FRAGMENT : 0);
	if (r.fragment) {
		pkt->fragment = (uint16_t)(r.offset + (r.more ? 1 : 0));
		pkt->fragment_id_off = (uint16_t)(l3 + r.id_at);
	}
	fill_key(&pkt->key, &r, 0, 0);
	return read_transport(part(packet, r.header, r.total), &r, pkt);
}

void parse_twin(const uint8_t *frame, uint32_t size, bool check_sum, struct sl_pkt *pkt)
{
	struct text text = {frame, (int)size};
	int type, at = 14, tags = 0, error;
	struct sl_pkt before;

	memset(pkt, 0, sizeof(*pkt));
	pkt->status = SL_PKT_TRUNCATED;
	if (!has(text, 0, 14))
		return;
	if (octet(text, 0) % 2)
		pkt->flags |= SL_PKT_GROUP;
	type = number(text, 12, 2);
	while (tags < 2 && (type == 0x8100 || type == 0x88a8 || type == 0x9100)) {
		if (!has(text, at, 4))
			return;
		if (tags == 0)
			pkt->vlan = (uint16_t)(number(text, at, 2) % 4096);
		pkt->flags |= SL_PKT_VLAN;
		type = number(text, at + 2, 2);
		at += 4;
		tags++;
	}
	pkt->l3_off = (uint16_t)at;
	pkt->status = SL_PKT_NOT_IP;
	if (type == 0x0806)
		pkt->flags |= SL_PKT_OWN;
	if (type != 0x0800 && type != 0x86dd)
		return;
	pkt->status = SL_PKT_OK;
	before = *pkt;
	error = read_ip(part(text, at, text.size), at, check_sum, type == 0x86dd, pkt);
	if (error) {
		*pkt = before;
		pkt->status = (uint8_t)error;
	}
}

bool parse_twin_same(const struct sl_pkt *wanted, const struct sl_pkt *got)
{
	if (memcmp(wanted, got, sizeof(*wanted)) == 0)
		return true;
#define SHOW(field)                                                                                \
	if (wanted->field != got->field)                                                           \
	(void)fprintf(stderr, #field ": twin %#llx, parser %#llx\n",                               \
		      (unsigned long long)wanted->field, (unsigned long long)got->field)
	SHOW(status);
	SHOW(key.sport_be);
	SHOW(key.dport_be);
	SHOW(key.protocol);
	SHOW(key.family);
	SHOW(key.word[1]);
	SHOW(key.word[2]);
	SHOW(key.word[3]);
	SHOW(key.word[4]);
	SHOW(seq);
	SHOW(l3_size);
	SHOW(flags);
	SHOW(l3_off);
	SHOW(l4_off);
	SHOW(vlan);
	SHOW(tcp_flags);
	SHOW(protocol);
	SHOW(tos);
	SHOW(fragment);
	SHOW(fragment_id_off);
#undef SHOW
	return false;
}
