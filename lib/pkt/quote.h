/* SPDX-License-Identifier: BSD-3-Clause */

/* The packet an ICMP error is about: from the quoted octets to the key of its flow.
 *
 * Why:     an error must reach the node that serves the flow it is about.
 * Shape:   the IP header and 8 octets are enough; IPv4 options and IPv6 extension headers are
 *          walked; the lengths of RFC 4884 bound the quote.
 * Threads: any; pure.
 * Errors:  false: no flow can be told from this message; the output is not written.
 * Source:  RFC 792, 1812 section 4.3.2.7, 4443 section 2.4, 4884.
 */

#ifndef SL_PKT_QUOTE_H
#define SL_PKT_QUOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "pkt/extension.h"
#include "pkt/hdr.h"
#include "pkt/key.h"

#define SL_QUOTE_LENGTH_4 5 /* offset of the length in an ICMPv4 error, in units of 4 octets */
#define SL_QUOTE_UNIT_4	  4
#define SL_QUOTE_LENGTH_6 4
#define SL_QUOTE_UNIT_6	  8

enum sl_icmp_kind {
	SL_ICMP_KIND_OTHER = 0,	  /* echo and the like, neighbour discovery: an ordinary packet */
	SL_ICMP_KIND_ERROR = 1,	  /* quotes the packet it is about */
	SL_ICMP_KIND_STRANGE = 2, /* redirect, or an error of an unknown type */
};

static inline enum sl_icmp_kind sl_icmp_kind(uint8_t family, uint8_t type)
{
	if (family == SL_FAMILY_IPV6) {
		if (type >= SL_ICMP6_UNREACHABLE && type <= SL_ICMP6_PARAMETER)
			return SL_ICMP_KIND_ERROR;
		if (type < SL_ICMP6_ERROR_LIMIT || type == SL_ICMP6_REDIRECT)
			return SL_ICMP_KIND_STRANGE;
		return SL_ICMP_KIND_OTHER;
	}
	switch (type) {
	case SL_ICMP_UNREACHABLE:
	case SL_ICMP_QUENCH:
	case SL_ICMP_TIME:
	case SL_ICMP_PARAMETER:
		return SL_ICMP_KIND_ERROR;
	case SL_ICMP_REDIRECT:
		return SL_ICMP_KIND_STRANGE;
	default:
		return SL_ICMP_KIND_OTHER;
	}
}

/* Octets of the message that are quote; 0 when it has none. */
static inline uint32_t sl_quote_size(uint8_t family, const uint8_t *icmp, uint32_t size)
{
	uint32_t left, told = 0;

	if (size < SL_ICMP_SIZE)
		return 0;
	left = size - SL_ICMP_SIZE;
	if (family == SL_FAMILY_IPV6) {
		if (icmp[0] == SL_ICMP6_UNREACHABLE || icmp[0] == SL_ICMP6_TIME)
			told = icmp[SL_QUOTE_LENGTH_6] * SL_QUOTE_UNIT_6;
	} else if (icmp[0] != SL_ICMP_QUENCH) {
		told = icmp[SL_QUOTE_LENGTH_4] * SL_QUOTE_UNIT_4;
	}
	return told ? SL_MIN(told, left) : left;
}

/* Ports of the quoted transport header at off, or what else makes it a flow. */
static inline bool sl_quote_transport(const uint8_t *quote, uint32_t size, uint32_t off,
				      struct sl_key *key)
{
	uint8_t icmp = key->family == SL_FAMILY_IPV4 ? SL_PROTO_ICMP : SL_PROTO_ICMPV6;

	switch (key->protocol) {
	case SL_PROTO_TCP:
	case SL_PROTO_UDP:
	case SL_PROTO_SCTP:
	case SL_PROTO_DCCP:
	case SL_PROTO_UDPLITE:
		if (off + SL_L4_PORTS_SIZE > size)
			return false;
		key->sport_be = sl_load16(sl_at(quote, off));
		key->dport_be = sl_load16(sl_at(quote, off) + 2);
		return true;
	default:
		if (key->protocol != icmp)
			return true;
		return off < size &&
		       sl_icmp_kind(key->family, sl_at(quote, off)[0]) == SL_ICMP_KIND_OTHER;
	}
}

static inline bool sl_quote_ipv4(const uint8_t *quote, uint32_t size, struct sl_key *key)
{
	uint32_t header;

	if (size < SL_IP4_SIZE || quote[0] >> 4 != 4)
		return false;
	header = (quote[0] & 0x0fu) * 4;
	if (header < SL_IP4_SIZE || header > size)
		return false;
	if (sl_load_be16(quote + SL_IP4_FRAGMENT) & SL_IP4_FRAGMENT_MASK)
		return false;
	key->family = SL_FAMILY_IPV4;
	key->protocol = quote[SL_IP4_PROTOCOL];
	key->word[1] = sl_load64(quote + SL_IP4_SRC);
	return sl_quote_transport(quote, size, header, key);
}

static inline bool sl_quote_ipv6(const uint8_t *quote, uint32_t size, struct sl_key *key)
{
	struct sl_extensions walk = {.off = SL_IP6_SIZE};

	if (size < SL_IP6_SIZE || quote[0] >> 4 != 6)
		return false;
	walk.protocol = quote[SL_IP6_NEXT];
	if (sl_extension_walk(SL_OCTETS(quote), size, &walk) != SL_PKT_OK ||
	    (walk.fragment & SL_FRAGMENT_OFFSET))
		return false;
	key->family = SL_FAMILY_IPV6;
	key->protocol = walk.protocol;
	memcpy(key->src, quote + SL_IP6_SRC, sizeof(key->src));
	memcpy(key->dst, quote + SL_IP6_DST, sizeof(key->dst));
	return sl_quote_transport(quote, size, walk.off, key);
}

/* icmp: size octets from the ICMP header on of a message of SL_ICMP_KIND_ERROR. Writes the quoted
 * packet's key as it was sent; sl_key_reverse() makes it that of packets towards its sender. False
 * for errors about errors and redirects, later fragments, and quotes that end before the flow is
 * known. */
static inline bool sl_quote_key(uint8_t family, const uint8_t *icmp, uint32_t size,
				struct sl_key *key)
{
	uint32_t quoted = sl_quote_size(family, icmp, size);
	struct sl_key found;

	memset(&found, 0, sizeof(found));
	if (family == SL_FAMILY_IPV4 && !sl_quote_ipv4(icmp + SL_ICMP_SIZE, quoted, &found))
		return false;
	if (family == SL_FAMILY_IPV6 && !sl_quote_ipv6(icmp + SL_ICMP_SIZE, quoted, &found))
		return false;
	*key = found;
	return true;
}

#endif
