/* SPDX-License-Identifier: BSD-3-Clause */

/* Encapsulation by template: what goes in front of a packet is prepared once a node; each packet
 * costs one copy and a few patches.
 *
 * Shape:   struct sl_encap holds the new octets from the Ethernet header up to where the inner IP
 *          packet starts (VXLAN: up to its inner Ethernet header's end), checksums pre-summed over
 *          all that does not change from packet to packet. What depends on the inner packet's
 *          family stands in pairs, [0] for IPv4 and [1] for IPv6 inside, so that writing does not
 *          ask which tunnel it is. Over IPv4 UDP checksums are zero: the inner packet brings its
 *          own. Over IPv6 they are there unless both ends agreed on zero (RFC 6935, 6936); then
 *          the template's field holds the sum of all that does not change, which is never zero.
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
#include "base/wide.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "pkt/parsed.h"

/* id, word of the configuration, value. NONE: new MAC addresses and one TTL less; the packet stays
 * as it is. From GUE on: over UDP. */
#define SL_ENCAPS(X)                                                                               \
	X(NONE, "none", 0)                                                                         \
	X(IPIP, "ipip", 1)                                                                         \
	X(GRE, "gre", 2)                                                                           \
	X(GUE, "gue", 3)                                                                           \
	X(VXLAN, "vxlan", 4)

enum sl_encap_type {
#define X(id, name, value) SL_ENCAP_##id = (value),
	SL_ENCAPS(X)
#undef X
};

static inline const char *sl_encap_name(enum sl_encap_type type)
{
	static const char *const names[] = {
#define X(id, name, value) [value] = (name),
		SL_ENCAPS(X)
#undef X
	};

	return names[type];
}

/* The outer IPv4 header's don't-fragment bit. */
enum sl_encap_df {
	SL_ENCAP_DF_COPY = 0, /* the inner packet's; set for IPv6 inside */
	SL_ENCAP_DF_SET = 1,
	SL_ENCAP_DF_CLEAR = 2,
};

#define SL_ENCAP_TEMPLATE_SIZE	84 /* Ethernet, IPv6, UDP, VXLAN, Ethernet */
#define SL_ENCAP_TEMPLATE4_SIZE 64 /* Ethernet, IPv4, UDP, VXLAN, Ethernet */
#define SL_GUE_PORT		6080
#define SL_VXLAN_PORT		4789
#define SL_VNI_MAX		0xffffff
#define SL_ENCAP_TTL		64
#define SL_GRE_SIZE		4
#define SL_GUE_SIZE		4
#define SL_VXLAN_SIZE		8

struct sl_encap_spec {
	enum sl_encap_type type;
	enum sl_encap_df outer_df;
	struct sl_mac src_mac, dst_mac;		    /* our port's, the next hop's */
	struct sl_addr src, dst;		    /* outer, of one family; not for NONE */
	uint16_t port;				    /* UDP destination port of GUE and VXLAN */
	uint32_t vni;				    /* VXLAN */
	struct sl_mac inner_src_mac, inner_dst_mac; /* VXLAN */
	bool udp6_sum;				    /* GUE, VXLAN over IPv6: with a checksum */
};

/* A word that is aligned to half of its size. */
typedef uint64_t sl_encap_word __attribute__((aligned(4)));

/* What an outer IPv4 header is made of beside its addresses; see sl_encap_write4(). */
struct sl_encap4 {
	uint8_t octets[SL_ENCAP_TEMPLATE4_SIZE]; /* the template */
	uint16_t sum[2];			 /* of all that no packet changes */
	sl_encap_word keep; /* what stays of the inner header's first eight octets */
	sl_encap_word add;  /* what is added to them then: overhead, don't fragment */
};

struct sl_encap {
	uint8_t type;	  /* enum sl_encap_type */
	uint8_t size;	  /* octets of template in use; 14 for NONE */
	uint8_t family;	  /* outer enum sl_family, 0 for NONE */
	uint8_t overhead; /* octets the outer IP packet is larger than the inner one */
	uint32_t last[2]; /* TTL, protocol, 16 ones: octets 8..11 of an outer IPv4 header */
	uint32_t tail[2]; /* the last four octets before the inner IP header */
	union {
		uint8_t octets[SL_ENCAP_TEMPLATE_SIZE]; /* as for an IPv4 packet inside */
		struct sl_encap4 ipv4;			/* outer */
	};
};

_Static_assert(sizeof(struct sl_encap) == 104, "fits a node's two cache lines");

int sl_encap_build(const struct sl_encap_spec *spec, struct sl_encap *encap);

/* Bits of the hash that neither the lowest nor the highest 20 bits are, of which slots are made:
 * flows of one slot still differ here. */
#define SL_ENCAP_HASH_SHIFT 24

#define SL_ENCAP_SPORT_MIN 0xc000

/* UDP source port of a flow in the dynamic range, 49152 to 65535, in host order. */
static inline uint16_t sl_encap_sport(uint64_t hash)
{
	return (uint16_t)(SL_ENCAP_SPORT_MIN | (hash >> SL_ENCAP_HASH_SHIFT & 0x3fff));
}

/* IPv6 flow label of a flow: 20 bits, never 0, which would mean that there is none. */
static inline uint32_t sl_encap_flow_label(uint64_t hash)
{
	uint32_t label = (uint32_t)(hash >> SL_ENCAP_HASH_SHIFT) & 0xfffff;

	return label + !label;
}

/* Octets of the template in use. Of a tunnel's the kernel's verifier wants to see the bounds. */
static inline uint32_t sl_encap_size(const struct sl_encap *encap)
{
	uint32_t size = encap->size;

#ifdef __bpf__
	__asm__("" : "+r"(size));
	size = SL_MAX(size, 32u);
	size = SL_MIN(size, (uint32_t)SL_ENCAP_TEMPLATE_SIZE);
	__asm__("" : "+r"(size));
#endif
	return size;
}

/* Copies of fixed size that overlap: every template has 32 octets at least and 96 at most. */
static inline void sl_encap_copy(uint8_t *to, const uint8_t *octets, uint32_t size)
{
	if (sl_unlikely(size > 64))
		memcpy(to + 32, octets + 32, 32);
	memcpy(to, octets, 32);
	memcpy(to + size - 32, octets + size - 32, 32);
}

/* Of the outer IP header. */
static inline uint8_t sl_encap_protocol(const struct sl_encap *encap, uint32_t inner)
{
	return (uint8_t)(encap->last[inner] >> 16);
}

/* The first 8 octets of the outer IPv6 header as a word. */
static inline uint64_t sl_encap_head6(const struct sl_encap *encap, const struct sl_pkt *pkt,
				      uint32_t inner, uint64_t hash)
{
	uint32_t first = 6u << 28 | (uint32_t)pkt->tos << 20 | sl_encap_flow_label(hash);
	uint16_t payload = (uint16_t)(pkt->l3_size + encap->overhead - SL_IP6_SIZE);

	return sl_be32(first) | (uint64_t)sl_be16(payload) << 32 |
	       (uint64_t)sl_encap_protocol(encap, inner) << 48 | (uint64_t)SL_ENCAP_TTL << 56;
}

/* What the first eight octets of an IPv4 header without options around the packet would be, but for
 * its identification, in host order; of an IPv4 packet without options they are its own. */
static inline uint64_t sl_encap_first(const struct sl_pkt *pkt)
{
	_Static_assert(SL_PKT_DF << 6 == SL_IP4_DF, "DF is shifted into its place");
	return (uint64_t)(SL_IP4_FIRST << 24 | (uint32_t)pkt->tos << 16 | pkt->l3_size) << 32 |
	       (pkt->flags & SL_PKT_DF) << 6;
}

/* The same for a packet that is known to be IPv6. */
static inline uint64_t sl_encap_first6(const struct sl_pkt *pkt)
{
	return ((uint64_t)((uint32_t)pkt->tos << 16 | pkt->l3_size) << 32) +
	       ((uint64_t)SL_IP4_FIRST << 56 | SL_IP4_DF);
}

/* The outer IPv4 header but for its addresses. first: sl_encap_first(), or the octets of the inner
 * header; id: in the upper half of the word. Sums are of words in host order; 2^32 counts as one in
 * them, so halves of a word add up by themselves. */
static inline void sl_encap_write4(const struct sl_encap *encap, uint8_t *ip, uint64_t first,
				   uint32_t inner, uint32_t id)
{
	uint64_t sum;
	uint32_t word;

	first = (first & encap->ipv4.keep) + encap->ipv4.add;
	first |= first & SL_IP4_DF ? 0 : id;
	sum = first + encap->ipv4.sum[inner];
	word = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32); /* both halves and their carry */
	word = (word + (word << 16 | word >> 16)) >> 16;	  /* and again */
	sl_store64(ip, sl_be64(first));
	sl_store32(ip + SL_IP4_TTL, sl_be32(word ^ encap->last[inner]));
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

/* True if sl_encap_finish_udp6() must follow sl_encap_write(). */
static inline bool sl_encap_sums(const struct sl_encap *encap)
{
	return encap->family == SL_FAMILY_IPV6 && encap->type >= SL_ENCAP_GUE &&
	       sl_load16(encap->octets + SL_ETH_SIZE + SL_IP6_SIZE + SL_UDP_SUM);
}

/* The UDP checksum of headers that were written from start up to l3, where payload is sl_csum_partial()
 * of the whole inner packet. */
static inline void sl_encap_finish_udp6(uint8_t *start, uint8_t *l3, uint64_t payload)
{
	uint8_t *l4 = start + SL_ETH_SIZE + SL_IP6_SIZE;
	uint64_t sum = payload + sl_load16(l4 + SL_UDP_SUM) + sl_load16(l4) + sl_load32(l3 - 4);
	uint16_t field;

	sum += 2 * sl_load16(l4 + SL_UDP_LENGTH); /* of the pseudo header, too */
	field = (uint16_t)~sl_csum_fold(sum);
	sl_store16(l4 + SL_UDP_SUM, field ? field : UINT16_MAX);
}

/* Whether sl_encap_write_plain() may be used: what most tunnels are. */
static inline bool sl_encap_is_plain(const struct sl_encap *encap)
{
	return encap->family == SL_FAMILY_IPV4;
}

/* sl_encap_write() over IPv4 around a packet whose sl_encap_first() is known. inner: 1 for IPv6, 0
 * for IPv4, for which the template is as it is; the hash is read only where it is needed. */
static inline void sl_encap_put_plain(const struct sl_encap *encap, uint8_t *start, uint8_t *l3,
				      const struct sl_pkt *pkt, uint64_t first,
				      const uint64_t *hash, uint32_t id, const bool udp,
				      const uint32_t inner)
{
	uint64_t size = sl_encap_size(encap);

	sl_wide_copy32(start, encap->ipv4.octets);
	sl_wide_copy32(l3 - 32, encap->ipv4.octets + size - 32);
	sl_encap_write4(encap, start + SL_ETH_SIZE, first, inner, id);
	if (udp)
		sl_encap_write_udp(start + SL_ETH_SIZE + SL_IP4_SIZE, l3, pkt, *hash);
	if (inner != 0)
		sl_store32(l3 - 4, encap->tail[inner]);
}

static inline void sl_encap_write_plain(const struct sl_encap *encap, uint8_t *l3,
					const struct sl_pkt *pkt, uint64_t first,
					const uint64_t *hash, uint32_t id, const bool udp,
					const uint32_t inner)
{
	sl_encap_put_plain(encap, l3 - encap->size, l3, pkt, first, hash, id, udp, inner);
}

/* A tunnel's headers from start, encap->size octets before l3, where the inner packet is; see
 * sl_encap_write(). */
static inline void sl_encap_put(const struct sl_encap *encap, uint8_t *start, uint8_t *l3,
				const struct sl_pkt *pkt, uint64_t hash, uint16_t id)
{
	uint32_t inner = pkt->flags & SL_PKT_IPV6;

	if (sl_encap_is_plain(encap)) {
		sl_encap_put_plain(encap, start, l3, pkt, sl_encap_first(pkt), &hash,
				   (uint32_t)id << 16, encap->type >= SL_ENCAP_GUE, inner);
		return;
	}
	sl_encap_copy(start, encap->octets, sl_encap_size(encap));
	sl_store64(start + SL_ETH_SIZE, sl_encap_head6(encap, pkt, inner, hash));
	if (encap->type >= SL_ENCAP_GUE)
		sl_encap_write_udp(start + SL_ETH_SIZE + SL_IP6_SIZE, l3, pkt, hash);
	sl_store32(l3 - 4, encap->tail[inner]);
}

/* Writes the outer headers in front of the IP packet that starts at l3: encap->size octets before
 * it are ours to overwrite. pkt describes the packet, hash is its flow's (UDP source port, IPv6
 * flow label). id becomes the identification of an outer IPv4 header without DF (with it, the
 * identification is 0: RFC 6864, atomic datagrams): a count of the caller's that goes on with every
 * packet, by numbers that no other core has. For NONE the TTL is decremented, too; the caller has seen that it is above 1. */
static inline void sl_encap_write(const struct sl_encap *encap, uint8_t *l3,
				  const struct sl_pkt *pkt, uint64_t hash, uint16_t id)
{
	if (encap->type == SL_ENCAP_NONE)
		sl_encap_forward(encap, l3, pkt);
	else
		sl_encap_put(encap, l3 - encap->size, l3, pkt, hash, id);
}

#endif
