/* SPDX-License-Identifier: BSD-3-Clause */

/* The second chance: passes segments on to the node that their tunnel names. They are those that the
 * program in the driver (decap.bpf.c) found no socket for, left as they came, and marked. It is a
 * program of its own, behind the driver's, since only there the kernel resolves the next hop itself.
 *
 * The packet goes to the other node's address from ours, with one hop and one TTL less. */

#include <stdbool.h>

#include <linux/pkt_cls.h>

#include "decap/maps.bpf.h"
#include "pkt/csum.h"
#include "pkt/encap.h"
#include "pkt/gue.h"

#define IP6_BASE (SL_ETH_SIZE + SL_IP6_SIZE)
#define IP4_BASE (SL_ETH_SIZE + SL_IP4_SIZE)

/* Headers up to the field's end, of the larger family; the IP header is aligned. */
struct head {
	uint8_t spare[2];
	uint8_t octets[IP6_BASE + SL_UDP_SIZE + SL_GUE_SIZE + SL_GUE_FIELD_MAX];
} __attribute__((aligned(8)));

static __always_inline bool is_field(const struct head *head, uint32_t base, uint8_t family)
{
	const uint8_t *gue = head->octets + base + SL_UDP_SIZE;

	return gue[0] == sl_gue_field_size(family) / 4 &&
	       sl_gue_field_is(gue + SL_GUE_SIZE, sl_gue_field_size(family), family) &&
	       gue[SL_GUE_SIZE + SL_GUE_FIELD_HOPS] > 0;
}

/* Takes a hop, in the UDP checksum too where there is one. sum: what else changed under it. */
static __always_inline void take_hop(struct head *head, uint32_t base, uint64_t sum)
{
	uint8_t *udp = head->octets + base, *field = udp + SL_UDP_SIZE + SL_GUE_SIZE;
	uint16_t before = sl_load16(field), sum_before = sl_load16(udp + SL_UDP_SUM), after;

	field[SL_GUE_FIELD_HOPS]--;
	if (!sum_before)
		return;
	sum += (uint16_t)~sum_before + (uint64_t)(uint16_t)~before + sl_load16(field);
	after = (uint16_t)~sl_csum_fold(sum);
	sl_store16(udp + SL_UDP_SUM, after ? after : UINT16_MAX);
}

/* What replacing the source by the destination, and that by the node, changes in a sum: the source goes,
 * the node comes. */
static __always_inline uint64_t exchange4(struct head *head)
{
	uint8_t *ip = head->octets + SL_ETH_SIZE;
	uint32_t src = sl_load32(ip + SL_IP4_SRC);
	uint32_t node =
		sl_load32(head->octets + IP4_BASE + SL_UDP_SIZE + SL_GUE_SIZE + SL_GUE_FIELD_NODE);
	uint64_t sum = (uint64_t)(uint32_t)~src + node;

	sl_store32(ip + SL_IP4_SRC, sl_load32(ip + SL_IP4_DST));
	sl_store32(ip + SL_IP4_DST, node);
	return sum;
}

static __always_inline bool pass4(struct head *head)
{
	uint8_t *ip = head->octets + SL_ETH_SIZE;
	uint16_t before = sl_load16(ip + SL_IP4_TTL);
	uint64_t sum;

	if (ip[0] != SL_IP4_FIRST || ip[SL_IP4_PROTOCOL] != SL_PROTO_UDP || ip[SL_IP4_TTL] <= 1 ||
	    !is_field(head, IP4_BASE, SL_FAMILY_IPV4) || !is_in(&own, ip + SL_IP4_DST, false))
		return false;
	sum = exchange4(head);
	ip[SL_IP4_TTL]--;
	sl_store16(ip + SL_IP4_SUM,
		   (uint16_t)~sl_csum_fold(sum + (uint16_t)~sl_load16(ip + SL_IP4_SUM) +
					   (uint16_t)~before + sl_load16(ip + SL_IP4_TTL)));
	take_hop(head, IP4_BASE, sum);
	return true;
}

static __always_inline bool pass6(struct head *head)
{
	uint8_t *ip = head->octets + SL_ETH_SIZE;
	const uint8_t *node =
		head->octets + IP6_BASE + SL_UDP_SIZE + SL_GUE_SIZE + SL_GUE_FIELD_NODE;
	uint64_t sum = 0;

	if (ip[0] >> 4 != 6 || ip[SL_IP6_NEXT] != SL_PROTO_UDP || ip[SL_IP6_HOPS] <= 1 ||
	    !is_field(head, IP6_BASE, SL_FAMILY_IPV6) || !is_in(&own, ip + SL_IP6_DST, true))
		return false;
	for (uint32_t i = 0; i < SL_ADDR6_SIZE; i += 2) {
		sum += (uint16_t)~sl_load16(ip + SL_IP6_SRC + i) + (uint64_t)sl_load16(node + i);
		sl_store16(ip + SL_IP6_SRC + i, sl_load16(ip + SL_IP6_DST + i));
		sl_store16(ip + SL_IP6_DST + i, sl_load16(node + i));
	}
	ip[SL_IP6_HOPS]--;
	take_hop(head, IP6_BASE, sum);
	return true;
}

static __always_inline bool is_marked(const struct __sk_buff *skb)
{
	const uint32_t *said = (const uint32_t *)(long)skb->data_meta;

	return (const uint8_t *)(said + 1) <= (const uint8_t *)(long)skb->data &&
	       *said == SL_DECAP_PASS_ON;
}

static __always_inline int send(struct __sk_buff *skb, const struct head *head, uint32_t size)
{
	if (bpf_skb_store_bytes(skb, 0, head->octets, size, BPF_F_RECOMPUTE_CSUM) != 0)
		return TC_ACT_SHOT;
	return (int)bpf_redirect_neigh(skb->ifindex, NULL, 0, 0);
}

SEC("tc")
int sluice_pass(struct __sk_buff *skb)
{
	const uint32_t size4 = IP4_BASE + SL_UDP_SIZE + SL_GUE_SIZE + SL_GUE_FIELD4_SIZE;
	const uint32_t size6 = IP6_BASE + SL_UDP_SIZE + SL_GUE_SIZE + SL_GUE_FIELD6_SIZE;
	struct head head;

	if (!is_marked(skb))
		return TC_ACT_UNSPEC;
	if (skb->protocol == sl_be16(SL_ETHERTYPE_IPV4)) {
		if (bpf_skb_load_bytes(skb, 0, head.octets, size4) != 0 || !pass4(&head))
			return TC_ACT_UNSPEC;
		return send(skb, &head, size4);
	}
	if (skb->protocol != sl_be16(SL_ETHERTYPE_IPV6) ||
	    bpf_skb_load_bytes(skb, 0, head.octets, size6) != 0 || !pass6(&head))
		return TC_ACT_UNSPEC;
	return send(skb, &head, size6);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
