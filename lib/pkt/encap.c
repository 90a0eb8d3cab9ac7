/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/encap.h"

#include <errno.h>
#include <stdbool.h>

#define VXLAN_HAS_VNI 0x08 /* the I flag */

/* A template being written; tunnels have no more than its octets. */
struct writer {
	struct sl_encap *encap;
	uint32_t size;
};

static uint8_t *put(struct writer *writer, uint32_t size)
{
	uint8_t *at = writer->encap->octets + writer->size;

	writer->size += size;
	return at;
}

static void put_eth(struct writer *writer, const struct sl_mac *dst, const struct sl_mac *src,
		    uint16_t type)
{
	uint8_t *eth = put(writer, SL_ETH_SIZE);

	memcpy(eth, dst->octets, SL_MAC_SIZE);
	memcpy(eth + SL_ETH_SRC, src->octets, SL_MAC_SIZE);
	sl_store_be16(eth + SL_ETH_TYPE, type);
}

static void put_ip(struct writer *writer, const struct sl_encap_spec *spec)
{
	if (spec->src.family == SL_FAMILY_IPV4) {
		uint8_t *ip = put(writer, SL_IP4_SIZE);

		memcpy(ip + SL_IP4_SRC, spec->src.octets, SL_ADDR4_SIZE);
		memcpy(ip + SL_IP4_DST, spec->dst.octets, SL_ADDR4_SIZE);
	} else {
		uint8_t *ip = put(writer, SL_IP6_SIZE);

		memcpy(ip + SL_IP6_SRC, spec->src.octets, SL_ADDR6_SIZE);
		memcpy(ip + SL_IP6_DST, spec->dst.octets, SL_ADDR6_SIZE);
	}
}

static void put_tunnel(struct writer *writer, const struct sl_encap_spec *spec)
{
	if (spec->type == SL_ENCAP_GRE)
		(void)put(writer, SL_GRE_SIZE);
	if (spec->type >= SL_ENCAP_GUE)
		sl_store_be16(put(writer, SL_UDP_SIZE) + 2, spec->port);
	if (spec->type == SL_ENCAP_GUE)
		(void)put(writer, SL_GUE_SIZE);
	if (spec->type == SL_ENCAP_VXLAN) {
		uint8_t *vxlan = put(writer, SL_VXLAN_SIZE);

		vxlan[0] = VXLAN_HAS_VNI;
		sl_store_be32(vxlan + 4, spec->vni << 8);
		put_eth(writer, &spec->inner_dst_mac, &spec->inner_src_mac, 0);
	}
}

static uint8_t outer_protocol(enum sl_encap_type type, uint8_t inner)
{
	switch (type) {
	case SL_ENCAP_IPIP:
		return inner;
	case SL_ENCAP_GRE:
		return SL_PROTO_GRE;
	default:
		return SL_PROTO_UDP;
	}
}

/* What depends on the inner packet's family: index 1 for IPv6. */
static void set_inner(struct sl_encap *encap, uint32_t inner)
{
	uint8_t inside = inner ? SL_PROTO_IPV6 : SL_PROTO_IPIP;
	uint8_t tail[4];

	memcpy(tail, encap->octets + encap->size - sizeof(tail), sizeof(tail));
	if (encap->type == SL_ENCAP_GRE || encap->type == SL_ENCAP_VXLAN)
		sl_store_be16(tail + 2, inner ? SL_ETHERTYPE_IPV6 : SL_ETHERTYPE_IPV4);
	if (encap->type == SL_ENCAP_GUE)
		tail[1] = inside;
	encap->tail[inner] = sl_load32(tail);
	encap->last[inner] = SL_ENCAP_TTL << 24 | UINT16_MAX;
	encap->last[inner] |= (uint32_t)outer_protocol(encap->type, inside) << 16;
	if (encap->family == SL_FAMILY_IPV4) {
		uint64_t sum = sl_csum_partial(encap->octets + SL_ETH_SIZE + SL_IP4_SRC, 8);

		encap->ipv4.sum[inner] =
			sl_csum_fold(sl_be16(sl_csum_fold(sum)) + (encap->last[inner] >> 16));
	}
}

/* Over all that packets do not change: addresses, protocol, destination port, the tunnel's header but
 * for its last four octets. */
static void set_udp6_sum(struct sl_encap *encap)
{
	uint8_t *l4 = encap->octets + SL_ETH_SIZE + SL_IP6_SIZE;
	uint32_t size = encap->size - 4u - SL_ETH_SIZE - SL_IP6_SIZE;
	uint64_t sum = sl_csum_partial(encap->octets + SL_ETH_SIZE + SL_IP6_SRC, 32);

	sum += sl_csum_partial(l4, size) + sl_be16(SL_PROTO_UDP);
	sl_store16(l4 + SL_UDP_SUM, sl_csum_fold(sum));
}

/* First eight octets: all but the identification and what is not don't-fragment. */
static void set_ipv4(struct sl_encap *encap, enum sl_encap_df df)
{
	encap->ipv4.keep = UINT64_MAX << 32 | (df == SL_ENCAP_DF_COPY ? SL_IP4_DF : 0);
	encap->ipv4.add = (uint64_t)encap->overhead << 32 | (df == SL_ENCAP_DF_SET ? SL_IP4_DF : 0);
}

static bool valid(const struct sl_encap_spec *spec)
{
	if (spec->type > SL_ENCAP_VXLAN || spec->outer_df > SL_ENCAP_DF_CLEAR)
		return false;
	if (spec->type == SL_ENCAP_NONE)
		return true;
	if (spec->src.family != SL_FAMILY_IPV4 && spec->src.family != SL_FAMILY_IPV6)
		return false;
	if (spec->src.family != spec->dst.family)
		return false;
	if (spec->type >= SL_ENCAP_GUE && spec->port == 0)
		return false;
	return spec->type != SL_ENCAP_VXLAN || spec->vni <= SL_VNI_MAX;
}

int sl_encap_build(const struct sl_encap_spec *spec, struct sl_encap *encap)
{
	struct sl_encap built;
	struct writer writer = {.encap = &built};
	bool v6;

	if (!valid(spec))
		return -EINVAL;
	memset(&built, 0, sizeof(built));
	v6 = spec->type != SL_ENCAP_NONE && spec->src.family == SL_FAMILY_IPV6;
	built.type = (uint8_t)spec->type;
	put_eth(&writer, &spec->dst_mac, &spec->src_mac,
		v6 ? SL_ETHERTYPE_IPV6 : SL_ETHERTYPE_IPV4);
	if (spec->type != SL_ENCAP_NONE) {
		built.family = spec->src.family;
		put_ip(&writer, spec);
		put_tunnel(&writer, spec);
		built.size = (uint8_t)writer.size;
		set_inner(&built, 1);
		set_inner(&built, 0);
		sl_store32(built.octets + built.size - 4, built.tail[0]);
		if (v6 && spec->udp6_sum && spec->type >= SL_ENCAP_GUE)
			set_udp6_sum(&built);
	}
	built.size = (uint8_t)writer.size;
	built.overhead = (uint8_t)(writer.size - SL_ETH_SIZE);
	if (built.family == SL_FAMILY_IPV4)
		set_ipv4(&built, spec->outer_df);
	*encap = built;
	return 0;
}
