/* SPDX-License-Identifier: BSD-3-Clause */

/* Encapsulation by template: what goes in front of a packet is prepared once a node; each packet
 * costs one copy and a few patches.
 *
 * Shape:   struct sl_encap holds the new octets from the Ethernet header up to where the inner IP
 *          packet starts (VXLAN: up to its inner Ethernet header's end), checksums pre-summed over
 *          all that does not change from packet to packet. What depends on the inner packet's
 *          family stands in pairs, [0] for IPv4 and [1] for IPv6 inside, so that writing does not
 *          ask which tunnel it is. UDP checksums are zero, over IPv6 too, which RFC 6935 and 6936
 *          allow to tunnels and both GUE's draft (section 5.7) and RFC 7348 (section 5) take up:
 *          the inner packet brings its own checksum.
 * Threads: building: any; a built template is immutable.
 * Errors:  sl_encap_build() returns 0 or -EINVAL and writes only on success.
 * Source:  RFC 2003, 2473, 4213 (IP in IP), 2784 (GRE), draft-ietf-intarea-gue variant 0, RFC 7348
 *          (VXLAN), RFC 6040 (ECN, normal mode), RFC 6864 (IPv4 identification), RFC 6438 (flow
 *          label), RFC 6935, 6936 (zero UDP checksum in IPv6).
 */

#ifndef SL_PKT_ENCAP_H
#define SL_PKT_ENCAP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "pkt/parse.h"

enum sl_encap_type {
	SL_ENCAP_NONE = 0, /* new MAC addresses and one TTL less; the packet stays as it is */
	SL_ENCAP_IPIP = 1,
	SL_ENCAP_GRE = 2,
	SL_ENCAP_GUE = 3, /* from here on: over UDP */
	SL_ENCAP_VXLAN = 4,
};

/* The outer IPv4 header's don't-fragment bit. */
enum sl_encap_df {
	SL_ENCAP_DF_COPY = 0, /* the inner packet's; set for IPv6 inside */
	SL_ENCAP_DF_SET = 1,
	SL_ENCAP_DF_CLEAR = 2,
};

#define SL_ENCAP_TEMPLATE_SIZE 84 /* Ethernet, IPv6, UDP, VXLAN, Ethernet */
#define SL_GUE_PORT	       6080
#define SL_VXLAN_PORT	       4789
#define SL_VNI_MAX	       0xffffff
#define SL_ENCAP_TTL	       64
#define SL_GRE_SIZE	       4
#define SL_GUE_SIZE	       4
#define SL_VXLAN_SIZE	       8

struct sl_encap_spec {
	enum sl_encap_type type;
	enum sl_encap_df outer_df;
	struct sl_mac src_mac, dst_mac;		    /* our port's, the next hop's */
	struct sl_addr src, dst;		    /* outer, of one family; not for NONE */
	uint16_t port;				    /* UDP destination port of GUE and VXLAN */
	uint32_t vni;				    /* VXLAN */
	struct sl_mac inner_src_mac, inner_dst_mac; /* VXLAN */
};

struct sl_encap {
	uint8_t type;	     /* enum sl_encap_type */
	uint8_t size;	     /* octets of template in use; 14 for NONE */
	uint8_t family;	     /* outer enum sl_family, 0 for NONE */
	uint8_t overhead;    /* octets the outer IP packet is larger than the inner one */
	uint8_t protocol[2]; /* of the outer IP header */
	uint8_t df_copy;     /* the octet of DF: kept of the inner packet's ... */
	uint8_t df_set;	     /* ... and set in any case */
	uint16_t sum[2];     /* of all of the outer IPv4 header that no packet changes */
	uint32_t tail[2];    /* the last four octets before the inner IP header */
	uint8_t octets[SL_ENCAP_TEMPLATE_SIZE];
};

_Static_assert(sizeof(struct sl_encap) == 104, "fits a node's two cache lines");

int sl_encap_build(const struct sl_encap_spec *spec, struct sl_encap *encap);

/* Bits of the hash that neither the lowest nor the highest 20 bits are, of which slots are made:
 * flows of one slot still differ here. */
#define SL_ENCAP_HASH_SHIFT 24

/* UDP source port of a flow in the dynamic range, 49152 to 65535, in host order. */
static inline uint16_t sl_encap_sport(uint64_t hash)
{
	return (uint16_t)(0xc000 | (hash >> SL_ENCAP_HASH_SHIFT & 0x3fff));
}

/* IPv6 flow label of a flow: 20 bits, never 0, which would mean that there is none. */
static inline uint32_t sl_encap_flow_label(uint64_t hash)
{
	uint32_t label = (uint32_t)(hash >> SL_ENCAP_HASH_SHIFT) & 0xfffff;

	return label + !label;
}

/* Copies of fixed size that overlap: every template has 32 octets at least and 96 at most. */
static inline void sl_encap_copy(uint8_t *to, const uint8_t *octets, uint32_t size)
{
	if (sl_unlikely(size > 64))
		memcpy(to + 32, octets + 32, 32);
	memcpy(to, octets, 32);
	memcpy(to + size - 32, octets + size - 32, 32);
}

/* The first 8 octets of the outer IPv6 header as a word. */
static inline uint64_t sl_encap_head6(const struct sl_encap *encap, const struct sl_pkt *pkt,
				      uint32_t inner, uint64_t hash)
{
	uint32_t first = 6u << 28 | (uint32_t)pkt->tos << 20 | sl_encap_flow_label(hash);
	uint16_t payload = (uint16_t)(pkt->l3_size + encap->overhead - SL_IP6_SIZE);

	return sl_be32(first) | (uint64_t)sl_be16(payload) << 32 |
	       (uint64_t)encap->protocol[inner] << 48 | (uint64_t)SL_ENCAP_TTL << 56;
}

/* The outer IPv4 header but for its addresses. */
static inline void sl_encap_write4(const struct sl_encap *encap, uint8_t *ip,
				   const struct sl_pkt *pkt, uint32_t inner, uint16_t id)
{
	uint32_t df = (pkt->flags >> 2 & encap->df_copy) | encap->df_set;
	uint32_t second = df ? df << 16 : sl_be16(id);
	uint32_t first = (uint32_t)pkt->tos << 8 |
			 (uint32_t)sl_be16((uint16_t)(pkt->l3_size + encap->overhead)) << 16;
	uint32_t sum = encap->sum[inner];

	_Static_assert(SL_PKT_DF >> 2 == SL_IP4_DF >> 8, "DF is shifted into its octet");
	sl_store64(ip, SL_IP4_FIRST | first | (uint64_t)second << 32);
	sum += first >> 16;
	sum += (first & 0xffff) + (second & 0xffff) + (second >> 16);
	sum += sum << 16 | sum >> 16; /* both halves and their carry, in the upper one */
	sl_store32(ip + SL_IP4_TTL,
		   SL_ENCAP_TTL | (uint32_t)encap->protocol[inner] << 8 | (~sum & 0xffff0000));
}

static inline void sl_encap_forward(const struct sl_encap *encap, uint8_t *l3,
				    const struct sl_pkt *pkt)
{
	uint8_t *eth = l3 - SL_ETH_SIZE;

	memcpy(eth, encap->octets, 8);
	memcpy(eth + 6, encap->octets + 6, 8);
	if (pkt->flags & SL_PKT_IPV6) {
		sl_store16(eth + SL_ETH_TYPE, sl_be16(SL_ETHERTYPE_IPV6));
		l3[SL_IP6_HOPS]--;
	} else {
		uint32_t word = sl_load32(l3 + SL_IP4_TTL); /* TTL, protocol, checksum */
		uint16_t before = (uint16_t)word, after = (uint16_t)(before - 1);
		uint16_t sum = sl_csum_update16((uint16_t)(word >> 16), before, after);

		sl_store32(l3 + SL_IP4_TTL, after | (uint32_t)sum << 16);
	}
}

/* Source port and length of a UDP header at l4 in front of the packet at l3. */
static inline void sl_encap_write_udp(uint8_t *l4, const uint8_t *l3, const struct sl_pkt *pkt,
				      uint64_t hash)
{
	uint32_t length = pkt->l3_size + (uint32_t)(l3 - l4);

	sl_store16(l4, sl_be16(sl_encap_sport(hash)));
	sl_store16(l4 + SL_UDP_LENGTH, sl_be16((uint16_t)length));
}

/* Whether sl_encap_write_plain() may be used: what most tunnels are. */
static inline bool sl_encap_is_plain(const struct sl_encap *encap)
{
	return encap->family == SL_FAMILY_IPV4;
}

/* sl_encap_write() over IPv4; the hash is read only where it is needed. */
static inline void sl_encap_write_plain(const struct sl_encap *encap, uint8_t *l3,
					const struct sl_pkt *pkt, const uint64_t *hash, uint16_t id)
{
	uint32_t inner = pkt->flags & SL_PKT_IPV6;
	uint8_t *start = l3 - encap->size;

	_Static_assert(SL_PKT_IPV6 == 1, "the flag is an index");
	_Static_assert(SL_ETH_SIZE + SL_IP4_SIZE + SL_UDP_SIZE + SL_VXLAN_SIZE + SL_ETH_SIZE <= 64,
		       "four copies of 16 octets");
	memcpy(start, encap->octets, 32);
	if (encap->size > 48)
		memcpy(start + 32, encap->octets + 32, 16);
	memcpy(l3 - 16, encap->octets + encap->size - 16, 16);
	sl_encap_write4(encap, start + SL_ETH_SIZE, pkt, inner, id);
	if (encap->type >= SL_ENCAP_GUE)
		sl_encap_write_udp(start + SL_ETH_SIZE + SL_IP4_SIZE, l3, pkt, *hash);
	sl_store32(l3 - 4, encap->tail[inner]);
}

/* Writes the outer headers in front of the IP packet that starts at l3: encap->size octets before
 * it are ours to overwrite. pkt describes the packet, hash is its flow's (UDP source port, IPv6
 * flow label). id becomes the identification of an outer IPv4 header without DF (with it, the
 * identification is 0: RFC 6864, atomic datagrams): a count of the caller's that goes on with every
 * packet and is shared out among the cores that send, so that no two of 65,536 packets have the
 * same. For NONE the TTL is decremented, too; the caller has seen that it is above 1. */
static inline void sl_encap_write(const struct sl_encap *encap, uint8_t *l3,
				  const struct sl_pkt *pkt, uint64_t hash, uint16_t id)
{
	uint32_t inner = pkt->flags & SL_PKT_IPV6;
	uint8_t *start = l3 - encap->size;

	if (encap->type == SL_ENCAP_NONE) {
		sl_encap_forward(encap, l3, pkt);
		return;
	}
	if (sl_encap_is_plain(encap)) {
		sl_encap_write_plain(encap, l3, pkt, &hash, id);
		return;
	}
	sl_encap_copy(start, encap->octets, encap->size);
	sl_store64(start + SL_ETH_SIZE, sl_encap_head6(encap, pkt, inner, hash));
	if (encap->type >= SL_ENCAP_GUE)
		sl_encap_write_udp(start + SL_ETH_SIZE + SL_IP6_SIZE, l3, pkt, hash);
	sl_store32(l3 - 4, encap->tail[inner]);
}

#endif
