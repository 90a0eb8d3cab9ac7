/* SPDX-License-Identifier: BSD-3-Clause */

/* A server's program: takes the tunnel off packets that dispatchers send to this host, and leaves all else
 * to the kernel as it came. Who may be opened, and why: layout.h. */

#include <stdbool.h>

#include "decap/ecn.h"
#include "decap/known.bpf.h"
#include "decap/maps.bpf.h"
#include "pkt/csum.h"
#include "pkt/encap.h"
#include "pkt/gue.h"

#define TAGS_MAX	2
#define ETH_SIZE_MAX	(SL_ETH_SIZE + TAGS_MAX * SL_VLAN_SIZE)
#define GRE_KEY		0x2000
#define GRE_SEQUENCE	0x1000
#define GUE_LENGTH	0x1f /* in words; above: control, version */
#define VXLAN_HAS_VNI	0x08
#define IP6_FRAGMENT_MF 0x0001
#define IP6_OFFSET_MASK 0xfff8

/* What is in hand of a frame. */
struct walk {
	uint8_t *at, *end; /* the header in hand; the frame's end */
	uint64_t left;	   /* octets that the headers before say there are from `at` on */
	uint32_t off;	   /* of `at` in the frame */
};

struct tunnel {
	uint8_t type, protocol, tos;
	bool v6;       /* outside */
	bool inner_v6; /* inside */
	bool fragment, later;
	bool field;  /* GUE names another node */
	bool passes; /* and it may be passed on to that */
};

/* What becomes of a packet: a counter of why, and the program's verdict. */
struct verdict {
	enum sl_decap_counter counter;
	int action;
};

static const struct verdict none = {SL_DECAP_COUNTER_COUNT, XDP_PASS};

#define VERDICT(counter, action) ((struct verdict){SL_DECAP_##counter, (action)})

static __always_inline bool has(const struct walk *walk, uint32_t size)
{
	return walk->at + size <= walk->end && size <= walk->left;
}

static __always_inline void step(struct walk *walk, uint32_t size)
{
	walk->at += size;
	walk->left -= size;
	walk->off += size;
}

/* ---- outside --------------------------------------------------------------------------------- */

/* The type behind the tags; 0: the frame ends before. */
static __always_inline uint16_t read_eth(struct walk *walk)
{
	uint16_t type;

	if (!has(walk, SL_ETH_SIZE))
		return 0;
	type = sl_load_be16(walk->at + SL_ETH_TYPE);
	step(walk, SL_ETH_SIZE);
	for (uint32_t i = 0; i < TAGS_MAX; i++) {
		if (type != SL_ETHERTYPE_VLAN && type != SL_ETHERTYPE_QINQ)
			break;
		if (!has(walk, SL_VLAN_SIZE))
			return 0;
		type = sl_load_be16(walk->at + 2);
		step(walk, SL_VLAN_SIZE);
	}
	return type;
}

static __always_inline bool read_ip4(const struct walk *walk, struct tunnel *tunnel)
{
	uint16_t fragment;

	if (!has(walk, SL_IP4_SIZE) || walk->at[0] != SL_IP4_FIRST)
		return false;
	fragment = sl_load_be16(walk->at + SL_IP4_FRAGMENT);
	tunnel->tos = walk->at[SL_IP4_TOS];
	tunnel->protocol = walk->at[SL_IP4_PROTOCOL];
	tunnel->later = fragment & SL_IP4_FRAGMENT_MASK;
	tunnel->fragment = tunnel->later || (fragment & SL_IP4_MF);
	return true;
}

/* A fragment's header is walked over; there is no more of the packet than it says. */
static __always_inline bool read_ip6(const struct walk *walk, struct tunnel *tunnel)
{
	uint16_t fragment;

	if (!has(walk, SL_IP6_SIZE) || walk->at[0] >> 4 != 6)
		return false;
	tunnel->v6 = true;
	tunnel->tos = (uint8_t)(sl_load_be16(walk->at) >> 4);
	tunnel->protocol = walk->at[SL_IP6_NEXT];
	if (tunnel->protocol != SL_PROTO_FRAGMENT)
		return true;
	if (!has(walk, SL_IP6_SIZE + SL_IP6_FRAGMENT_SIZE))
		return false;
	fragment = sl_load_be16(walk->at + SL_IP6_SIZE + 2);
	tunnel->protocol = walk->at[SL_IP6_SIZE];
	tunnel->later = fragment & IP6_OFFSET_MASK;
	tunnel->fragment = tunnel->later || (fragment & IP6_FRAGMENT_MF);
	return tunnel->fragment;
}

/* GUE or VXLAN, by the port at off octets; NONE: another datagram, or one that does not tell. */
static __always_inline uint8_t udp_type(const struct sl_decap_config *config,
					const struct walk *walk, uint32_t off)
{
	uint16_t port_be;

	if (!has(walk, off + SL_UDP_SIZE))
		return SL_ENCAP_NONE;
	port_be = sl_load16(walk->at + off + 2);
	if (port_be == config->gue_port_be)
		return SL_ENCAP_GUE;
	return port_be == sl_be16(SL_VXLAN_PORT) ? SL_ENCAP_VXLAN : SL_ENCAP_NONE;
}

static __always_inline uint8_t type_of(const struct sl_decap_config *config,
				       const struct walk *walk, const struct tunnel *tunnel)
{
	switch (tunnel->protocol) {
	case SL_PROTO_IPIP:
	case SL_PROTO_IPV6:
		return SL_ENCAP_IPIP;
	case SL_PROTO_GRE:
		return SL_ENCAP_GRE;
	case SL_PROTO_UDP:
		break;
	default:
		return SL_ENCAP_NONE;
	}
	if (tunnel->later)
		return SL_ENCAP_NONE;
	if (!tunnel->v6)
		return udp_type(config, walk, SL_IP4_SIZE);
	return tunnel->fragment ? udp_type(config, walk, SL_IP6_SIZE + SL_IP6_FRAGMENT_SIZE)
				: udp_type(config, walk, SL_IP6_SIZE);
}

/* Whether the outer header contradicts nothing; the walk goes behind it. */
static __always_inline bool leave_outer(struct walk *walk, bool v6)
{
	uint32_t size;

	if (v6) {
		size = sl_load_be16(walk->at + SL_IP6_PAYLOAD) + SL_IP6_SIZE;
	} else {
		size = sl_load_be16(walk->at + SL_IP4_TOTAL);
		if (size < SL_IP4_SIZE ||
		    sl_csum_fold(sl_csum_inline(walk->at, SL_IP4_SIZE)) != UINT16_MAX)
			return false;
	}
	if (size > walk->left)
		return false;
	walk->left = size;
	step(walk, v6 ? SL_IP6_SIZE : SL_IP4_SIZE);
	return true;
}

/* ---- the tunnel's own header ----------------------------------------------------------------- */

static __always_inline struct verdict inner_type(uint16_t type, uint16_t v4, uint16_t v6,
						 struct tunnel *tunnel)
{
	tunnel->inner_v6 = type == v6;
	return type == v4 || type == v6 ? none : VERDICT(OTHER, XDP_PASS);
}

static __always_inline struct verdict leave_gre(struct walk *walk, struct tunnel *tunnel)
{
	uint16_t flags, type;

	if (!has(walk, SL_GRE_SIZE))
		return VERDICT(BAD_HEADER, XDP_DROP);
	flags = sl_load_be16(walk->at);
	type = sl_load_be16(walk->at + 2);
	step(walk, SL_GRE_SIZE);
	if (flags & ~(GRE_KEY | GRE_SEQUENCE))
		return VERDICT(OTHER, XDP_PASS);
	if (flags & GRE_KEY) {
		if (!has(walk, 4))
			return VERDICT(BAD_HEADER, XDP_DROP);
		step(walk, 4);
	}
	if (flags & GRE_SEQUENCE) {
		if (!has(walk, 4))
			return VERDICT(BAD_HEADER, XDP_DROP);
		step(walk, 4);
	}
	return inner_type(type, SL_ETHERTYPE_IPV4, SL_ETHERTYPE_IPV6, tunnel);
}

static __always_inline bool leave_udp(struct walk *walk)
{
	uint32_t size;

	if (!has(walk, SL_UDP_SIZE))
		return false;
	size = sl_load_be16(walk->at + SL_UDP_LENGTH);
	if (size < SL_UDP_SIZE || size > walk->left)
		return false;
	walk->left = size;
	step(walk, SL_UDP_SIZE);
	return true;
}

/* Whether a packet may be passed on by its field, whose octets are all there: a hop is left, and the node
 * is another one, of those that may send us packets. */
static __always_inline bool may_pass(const struct sl_decap_config *config, const uint8_t *field,
				     bool v6)
{
	const uint8_t *node = field + SL_GUE_FIELD_NODE;

	return field[SL_GUE_FIELD_HOPS] > 0 && !is_in(&own, node, v6) &&
	       (!config->from || is_in(&from, node, v6));
}

/* The private field, if it is one. */
static __always_inline void read_field(const struct sl_decap_config *config,
				       const struct walk *walk, uint32_t size,
				       struct tunnel *tunnel)
{
	if (!config->second_chance)
		return;
	if (!tunnel->v6 && has(walk, SL_GUE_FIELD4_SIZE) &&
	    sl_gue_field_is(walk->at, size, SL_FAMILY_IPV4)) {
		tunnel->field = true;
		tunnel->passes = may_pass(config, walk->at, false);
	}
	if (tunnel->v6 && has(walk, SL_GUE_FIELD6_SIZE) &&
	    sl_gue_field_is(walk->at, size, SL_FAMILY_IPV6)) {
		tunnel->field = true;
		tunnel->passes = may_pass(config, walk->at, true);
	}
}

/* Private data is walked over; what a flag would name may not be left out. */
static __always_inline struct verdict leave_gue(const struct sl_decap_config *config,
						struct walk *walk, struct tunnel *tunnel)
{
	uint32_t more;
	uint8_t first, protocol;

	if (!leave_udp(walk) || !has(walk, SL_GUE_SIZE))
		return VERDICT(BAD_HEADER, XDP_DROP);
	first = walk->at[0];
	protocol = walk->at[1];
	if (first & ~GUE_LENGTH)
		return VERDICT(OTHER, XDP_PASS);
	if (sl_load16(walk->at + 2))
		return VERDICT(BAD_HEADER, XDP_DROP);
	step(walk, SL_GUE_SIZE);
	more = (first & GUE_LENGTH) * 4u;
	if (!has(walk, more))
		return VERDICT(BAD_HEADER, XDP_DROP);
	read_field(config, walk, more, tunnel);
	step(walk, more);
	return inner_type(protocol, SL_PROTO_IPIP, SL_PROTO_IPV6, tunnel);
}

static __always_inline struct verdict leave_vxlan(struct walk *walk, struct tunnel *tunnel)
{
	uint16_t type;

	if (!leave_udp(walk) || !has(walk, SL_VXLAN_SIZE + SL_ETH_SIZE) ||
	    !(walk->at[0] & VXLAN_HAS_VNI))
		return VERDICT(BAD_HEADER, XDP_DROP);
	type = sl_load_be16(walk->at + SL_VXLAN_SIZE + SL_ETH_TYPE);
	step(walk, SL_VXLAN_SIZE + SL_ETH_SIZE);
	return inner_type(type, SL_ETHERTYPE_IPV4, SL_ETHERTYPE_IPV6, tunnel);
}

static __always_inline struct verdict leave_tunnel(const struct sl_decap_config *config,
						   struct walk *walk, struct tunnel *tunnel)
{
	switch (tunnel->type) {
	case SL_ENCAP_GRE:
		return leave_gre(walk, tunnel);
	case SL_ENCAP_GUE:
		return leave_gue(config, walk, tunnel);
	case SL_ENCAP_VXLAN:
		return leave_vxlan(walk, tunnel);
	default:
		return inner_type(tunnel->protocol, SL_PROTO_IPIP, SL_PROTO_IPV6, tunnel);
	}
}

/* ---- inside ---------------------------------------------------------------------------------- */

/* Whether an inner header is there and says no more than there is. *size: octets of the packet. */
static __always_inline bool is_inner_right(const struct walk *walk, bool v6, uint32_t *size)
{
	uint32_t header;

	if (v6) {
		if (!has(walk, SL_IP6_SIZE) || walk->at[0] >> 4 != 6)
			return false;
		*size = sl_load_be16(walk->at + SL_IP6_PAYLOAD) + SL_IP6_SIZE;
		return *size <= walk->left;
	}
	if (!has(walk, SL_IP4_SIZE) || walk->at[0] >> 4 != 4)
		return false;
	header = (walk->at[0] & 0xf) * 4u;
	*size = sl_load_be16(walk->at + SL_IP4_TOTAL);
	return header >= SL_IP4_SIZE && header <= *size && *size <= walk->left;
}

/* ---- one frame ------------------------------------------------------------------------------- */

/* Puts the frame's Ethernet header, tags and all, in front of the inner packet. */
static __always_inline bool strip(struct xdp_md *ctx, uint32_t eth_size, uint32_t tunnel_size,
				  bool v6)
{
	uint8_t eth[ETH_SIZE_MAX + 2] __attribute__((aligned(8)));
	uint8_t *start = (uint8_t *)(long)ctx->data, *end = (uint8_t *)(long)ctx->data_end;

	if (start + ETH_SIZE_MAX > end)
		return false;
	memcpy(eth, start, ETH_SIZE_MAX);
	if (bpf_xdp_adjust_head(ctx, (int)tunnel_size) != 0)
		return false;
	start = (uint8_t *)(long)ctx->data;
	end = (uint8_t *)(long)ctx->data_end;
	if (start + ETH_SIZE_MAX > end)
		return false;
	memcpy(start, eth, SL_ETH_SIZE - 2);
	if (eth_size == SL_ETH_SIZE) {
		sl_store_be16(start + SL_ETH_TYPE, v6 ? SL_ETHERTYPE_IPV6 : SL_ETHERTYPE_IPV4);
		return true;
	}
	memcpy(start + SL_ETH_TYPE, eth + SL_ETH_TYPE, SL_VLAN_SIZE);
	if (eth_size == SL_ETH_SIZE + SL_VLAN_SIZE) {
		sl_store_be16(start + SL_ETH_TYPE + SL_VLAN_SIZE,
			      v6 ? SL_ETHERTYPE_IPV6 : SL_ETHERTYPE_IPV4);
		return true;
	}
	memcpy(start + SL_ETH_TYPE + SL_VLAN_SIZE, eth + SL_ETH_TYPE + SL_VLAN_SIZE, SL_VLAN_SIZE);
	sl_store_be16(start + SL_ETH_TYPE + 2 * SL_VLAN_SIZE,
		      v6 ? SL_ETHERTYPE_IPV6 : SL_ETHERTYPE_IPV4);
	return true;
}

/* Whether the outer addresses let a packet in, and its outer header makes sense. */
static __always_inline struct verdict enter(const struct sl_decap_config *config, struct walk *walk,
					    const struct tunnel *tunnel)
{
	const uint8_t *to = walk->at + (tunnel->v6 ? SL_IP6_DST : SL_IP4_DST);
	const uint8_t *by = walk->at + (tunnel->v6 ? SL_IP6_SRC : SL_IP4_SRC);

	if (!is_in(&own, to, tunnel->v6))
		return VERDICT(NOT_OURS, XDP_PASS);
	if (config->from && !is_in(&from, by, tunnel->v6))
		return VERDICT(SOURCE, XDP_DROP);
	if (tunnel->fragment)
		return VERDICT(FRAGMENT, XDP_DROP);
	return leave_outer(walk, tunnel->v6) ? none : VERDICT(BAD_HEADER, XDP_DROP);
}

/* A segment whose connection is not here, though another node may have it. */
static __always_inline struct verdict judge_segment(struct xdp_md *ctx, const struct walk *walk,
						    const struct tunnel *tunnel)
{
	struct segment segment;

	if (!tunnel->field || !read_segment(walk->at, walk->end, tunnel->inner_v6, &segment) ||
	    is_known(ctx, &segment))
		return none;
	return tunnel->passes ? VERDICT(PASSED_ON, XDP_PASS) : VERDICT(UNKNOWN, XDP_PASS);
}

/* Tells pass.bpf.c of the packet, which stays as it came. False: the driver has no room for that. */
static __always_inline bool mark(struct xdp_md *ctx)
{
	uint32_t *said;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*said)) != 0)
		return false;
	said = (uint32_t *)(long)ctx->data_meta;
	if ((uint8_t *)(said + 1) > (uint8_t *)(long)ctx->data)
		return false;
	*said = SL_DECAP_PASS_ON;
	return true;
}

/* All that is read of a frame; *size: octets of its inner packet. */
static __always_inline struct verdict look(const struct sl_decap_config *config, struct walk *walk,
					   struct tunnel *tunnel, uint16_t eth_type, uint32_t *size)
{
	struct verdict verdict;

	if (eth_type != SL_ETHERTYPE_IPV4 && eth_type != SL_ETHERTYPE_IPV6)
		return none;
	if (!(eth_type == SL_ETHERTYPE_IPV6 ? read_ip6(walk, tunnel) : read_ip4(walk, tunnel)))
		return none;
	tunnel->type = type_of(config, walk, tunnel);
	if (tunnel->type == SL_ENCAP_NONE || !(config->tunnels & 1u << (tunnel->type & 31)))
		return none;
	verdict = enter(config, walk, tunnel);
	if (verdict.counter != SL_DECAP_COUNTER_COUNT)
		return verdict;
	verdict = leave_tunnel(config, walk, tunnel);
	if (verdict.counter != SL_DECAP_COUNTER_COUNT)
		return verdict;
	if (!is_inner_right(walk, tunnel->inner_v6, size))
		return VERDICT(BAD_HEADER, XDP_DROP);
	if (!is_in(&local, walk->at + (tunnel->inner_v6 ? SL_IP6_DST : SL_IP4_DST),
		   tunnel->inner_v6))
		return VERDICT(NOT_OURS, XDP_PASS);
	return none;
}

static __always_inline int add(struct sl_decap_count *counts, struct verdict verdict)
{
	if (verdict.counter < SL_DECAP_COUNTER_COUNT)
		counts->value[verdict.counter]++;
	return verdict.action;
}

SEC("xdp")
int sluice_decap(struct xdp_md *ctx)
{
	const struct sl_decap_config *settings = first_of(&config);
	struct sl_decap_count *counts = first_of(&count);
	struct walk walk = {(uint8_t *)(long)ctx->data, (uint8_t *)(long)ctx->data_end, 0, 0};
	struct tunnel tunnel = {0};
	struct verdict verdict;
	uint32_t eth_size, size = 0;
	uint16_t type;

	if (!settings || !counts)
		return XDP_PASS;
	walk.left = ctx->data_end - ctx->data;
	type = read_eth(&walk);
	eth_size = walk.off;
	verdict = look(settings, &walk, &tunnel, type, &size);
	if (tunnel.type == SL_ENCAP_NONE || verdict.counter != SL_DECAP_COUNTER_COUNT || !size)
		return add(counts, verdict);
	/* Behind tags the way back is another interface's. */
	tunnel.passes &= eth_size == SL_ETH_SIZE;
	verdict = judge_segment(ctx, &walk, &tunnel);
	if (verdict.counter == SL_DECAP_PASSED_ON)
		return add(counts, mark(ctx) ? verdict : VERDICT(NO_ROOM, XDP_DROP));
	if (verdict.counter != SL_DECAP_COUNTER_COUNT)
		counts->value[SL_DECAP_UNKNOWN]++;
	if (!sl_ecn_copy(walk.at, tunnel.inner_v6, tunnel.tos))
		return add(counts, VERDICT(ECN, XDP_DROP));
	if (!strip(ctx, eth_size, walk.off - eth_size, tunnel.inner_v6))
		return add(counts, VERDICT(NO_ROOM, XDP_DROP));
	counts->value[SL_DECAP_BYTES] += size;
	return add(counts, (struct verdict){(enum sl_decap_counter)(tunnel.type - 1), XDP_PASS});
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
