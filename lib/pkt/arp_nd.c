/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/arp_nd.h"

#include <string.h>

#include "base/bytes.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"

#define ARP_HEAD	0x0001080006040000ull /* Ethernet, IPv4, their sizes; then the operation */
#define ARP_REQUEST	1
#define ARP_REPLY	2
#define ARP_SENDER_MAC	8
#define ARP_SENDER	14
#define ARP_TARGET_MAC	18
#define ARP_TARGET	24
#define ND_TARGET	8
#define ND_SIZE		24 /* without options */
#define ND_FLAGS	4
#define ND_SOLICITED	0x40
#define ND_OVERRIDE	0x20
#define ND_HOPS		255
#define OPTION_UNIT	8
#define OPTION_SOURCE	1
#define OPTION_TARGET	2
#define GROUP_OCTET_6	0xff
#define SOLICITED_NODES 13 /* octets of ff02::1:ff00:0/104 */

static const uint8_t solicited_node[SOLICITED_NODES] = {0xff, 2, 0, 0, 0, 0,   0,
							0,    0, 0, 0, 1, 0xff};
static const uint8_t all_nodes[SL_ADDR6_SIZE] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const struct sl_mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static struct sl_addr addr4(const uint8_t *octets)
{
	struct sl_addr addr = {.family = SL_FAMILY_IPV4};

	memcpy(addr.octets, octets, SL_ADDR4_SIZE);
	return addr;
}

static struct sl_addr addr6(const uint8_t *octets)
{
	struct sl_addr addr = {.family = SL_FAMILY_IPV6};

	memcpy(addr.octets, octets, SL_ADDR6_SIZE);
	return addr;
}

bool sl_arp_parse(const uint8_t *arp, uint32_t size, struct sl_neigh *neigh)
{
	struct sl_neigh found;
	uint64_t operation;

	if (size < SL_ARP_SIZE)
		return false;
	operation = sl_be64(sl_load64(arp)) ^ ARP_HEAD;
	if (operation != ARP_REQUEST && operation != ARP_REPLY)
		return false;
	memset(&found, 0, sizeof(found));
	found.request = operation == ARP_REQUEST;
	found.group = arp[ARP_SENDER_MAC] & SL_ETH_GROUP_BIT;
	found.has_mac = !found.group;
	memcpy(found.mac.octets, arp + ARP_SENDER_MAC, SL_MAC_SIZE);
	if (sl_load32(arp + ARP_SENDER))
		found.sender = addr4(arp + ARP_SENDER);
	if (found.request) {
		found.target = addr4(arp + ARP_TARGET);
	} else {
		found.target = addr4(arp + ARP_SENDER);
		found.override = true;
	}
	*neigh = found;
	return true;
}

/* The MAC address of an option of this type, if there is one. False: options are malformed. */
static bool find_option(const uint8_t *options, uint32_t size, uint8_t type, struct sl_neigh *neigh)
{
	while (size) {
		uint32_t length;

		if (size < OPTION_UNIT)
			return false;
		length = options[1] * OPTION_UNIT;
		if (length == 0 || length > size)
			return false;
		if (options[0] == type && length == OPTION_UNIT) {
			memcpy(neigh->mac.octets, options + 2, SL_MAC_SIZE);
			neigh->group = options[2] & SL_ETH_GROUP_BIT;
			neigh->has_mac = !neigh->group;
		}
		options += length;
		size -= length;
	}
	return true;
}

/* RFC 4861 sections 7.1.1 and 7.1.2. */
static bool nd_is_valid(const uint8_t *l3, const struct sl_neigh *neigh, uint8_t flags)
{
	const uint8_t *dst = l3 + SL_IP6_DST;

	if (neigh->target.octets[0] == GROUP_OCTET_6)
		return false;
	if (!neigh->request)
		return dst[0] != GROUP_OCTET_6 || !(flags & ND_SOLICITED);
	if (neigh->sender.family != SL_FAMILY_NONE)
		return true;
	return memcmp(dst, solicited_node, SOLICITED_NODES) == 0 && !neigh->has_mac;
}

bool sl_nd_parse(const uint8_t *l3, const struct sl_pkt *pkt, struct sl_neigh *neigh)
{
	uint32_t header = pkt->l4_off - pkt->l3_off, size = pkt->l3_size - header;
	const uint8_t *icmp = l3 + header;
	struct sl_neigh found;

	if (pkt->status != SL_PKT_OK || !(pkt->flags & SL_PKT_IPV6) ||
	    (pkt->flags & SL_PKT_FRAGMENT))
		return false;
	if (pkt->protocol != SL_PROTO_ICMPV6 || size < ND_SIZE || l3[SL_IP6_HOPS] != ND_HOPS)
		return false;
	if ((icmp[0] != SL_ICMP6_NS && icmp[0] != SL_ICMP6_NA) || icmp[1] != 0)
		return false;
	if (sl_csum_transport(l3, SL_PROTO_ICMPV6, icmp, size) != 0)
		return false;
	memset(&found, 0, sizeof(found));
	found.request = icmp[0] == SL_ICMP6_NS;
	found.target = addr6(icmp + ND_TARGET);
	found.override = !found.request && (icmp[ND_FLAGS] & ND_OVERRIDE);
	if (sl_load64(l3 + SL_IP6_SRC) | sl_load64(l3 + SL_IP6_SRC + 8))
		found.sender = addr6(l3 + SL_IP6_SRC);
	if (!find_option(icmp + ND_SIZE, size - ND_SIZE,
			 found.request ? OPTION_SOURCE : OPTION_TARGET, &found))
		return false;
	if (!nd_is_valid(l3, &found, icmp[ND_FLAGS]))
		return false;
	*neigh = found;
	return true;
}

static uint8_t *put_eth(uint8_t *frame, const struct sl_mac *dst, const struct sl_mac *src,
			uint16_t type)
{
	memcpy(frame, dst->octets, SL_MAC_SIZE);
	memcpy(frame + SL_ETH_SRC, src->octets, SL_MAC_SIZE);
	sl_store_be16(frame + SL_ETH_TYPE, type);
	return frame + SL_ETH_SIZE;
}

static uint32_t put_arp(uint8_t *arp, uint16_t operation, const struct sl_mac *own,
			const struct sl_addr *sender)
{
	memset(arp, 0, SL_ARP_SIZE);
	sl_store64(arp, sl_be64(ARP_HEAD | operation));
	memcpy(arp + ARP_SENDER_MAC, own->octets, SL_MAC_SIZE);
	memcpy(arp + ARP_SENDER, sender->octets, SL_ADDR4_SIZE);
	return SL_ETH_SIZE + SL_ARP_SIZE;
}

static uint32_t put_nd(uint8_t *l3, const struct sl_addr *src, const uint8_t *dst, uint8_t type,
		       uint8_t flags, const struct sl_addr *target, const struct sl_mac *own)
{
	const uint32_t size = ND_SIZE + OPTION_UNIT;
	uint8_t *icmp = l3 + SL_IP6_SIZE;

	memset(l3, 0, SL_IP6_SIZE + size);
	l3[0] = 0x60;
	sl_store_be16(l3 + SL_IP6_PAYLOAD, (uint16_t)size);
	l3[SL_IP6_NEXT] = SL_PROTO_ICMPV6;
	l3[SL_IP6_HOPS] = ND_HOPS;
	memcpy(l3 + SL_IP6_SRC, src->octets, SL_ADDR6_SIZE);
	memcpy(l3 + SL_IP6_DST, dst, SL_ADDR6_SIZE);
	icmp[0] = type;
	icmp[ND_FLAGS] = flags;
	memcpy(icmp + ND_TARGET, target->octets, SL_ADDR6_SIZE);
	icmp[ND_SIZE] = type == SL_ICMP6_NS ? OPTION_SOURCE : OPTION_TARGET;
	icmp[ND_SIZE + 1] = 1;
	memcpy(icmp + ND_SIZE + 2, own->octets, SL_MAC_SIZE);
	sl_store16(icmp + SL_ICMP_SUM, sl_csum_transport(l3, SL_PROTO_ICMPV6, icmp, size));
	return SL_ETH_SIZE + SL_IP6_SIZE + size;
}

/* The Ethernet group of an IPv6 group: 33:33 and its last four octets. */
static struct sl_mac group_mac(const uint8_t *group)
{
	struct sl_mac mac = {{0x33, 0x33}};

	memcpy(mac.octets + 2, group + SL_ADDR6_SIZE - 4, 4);
	return mac;
}

uint32_t sl_neigh_answer(const struct sl_neigh *request, const struct sl_mac *own,
			 const struct sl_mac *frame_src, uint8_t *frame)
{
	const struct sl_mac *dst = request->has_mac ? &request->mac : frame_src;
	bool probe = request->sender.family == SL_FAMILY_NONE;

	if (request->target.family == SL_FAMILY_IPV4) {
		uint8_t *arp = put_eth(frame, dst, own, SL_ETHERTYPE_ARP);
		uint32_t size = put_arp(arp, ARP_REPLY, own, &request->target);

		memcpy(arp + ARP_TARGET_MAC, dst->octets, SL_MAC_SIZE);
		memcpy(arp + ARP_TARGET, request->sender.octets, SL_ADDR4_SIZE);
		return size;
	}
	if (probe) { /* whoever probes has no address yet: told to all */
		struct sl_mac group = group_mac(all_nodes);

		return put_nd(put_eth(frame, &group, own, SL_ETHERTYPE_IPV6), &request->target,
			      all_nodes, SL_ICMP6_NA, ND_OVERRIDE, &request->target, own);
	}
	return put_nd(put_eth(frame, dst, own, SL_ETHERTYPE_IPV6), &request->target,
		      request->sender.octets, SL_ICMP6_NA, ND_SOLICITED | ND_OVERRIDE,
		      &request->target, own);
}

static uint32_t ask_arp(const struct sl_mac *own, const struct sl_addr *from,
			const struct sl_addr *target, const struct sl_mac *at, uint8_t *frame)
{
	uint8_t *arp = put_eth(frame, at, own, SL_ETHERTYPE_ARP);
	uint32_t size = put_arp(arp, ARP_REQUEST, own, from);

	memcpy(arp + ARP_TARGET, target->octets, SL_ADDR4_SIZE);
	return size;
}

uint32_t sl_neigh_ask(const struct sl_mac *own, const struct sl_addr *from,
		      const struct sl_addr *target, uint8_t *frame)
{
	uint8_t group[SL_ADDR6_SIZE];
	struct sl_mac mac;

	if (target->family == SL_FAMILY_IPV4)
		return ask_arp(own, from, target, &broadcast, frame);
	memcpy(group, solicited_node, SOLICITED_NODES);
	memcpy(group + SOLICITED_NODES, target->octets + SOLICITED_NODES,
	       SL_ADDR6_SIZE - SOLICITED_NODES);
	mac = group_mac(group);
	return put_nd(put_eth(frame, &mac, own, SL_ETHERTYPE_IPV6), from, group, SL_ICMP6_NS, 0,
		      target, own);
}

uint32_t sl_neigh_ask_at(const struct sl_mac *own, const struct sl_addr *from,
			 const struct sl_addr *target, const struct sl_mac *at, uint8_t *frame)
{
	if (target->family == SL_FAMILY_IPV4)
		return ask_arp(own, from, target, at, frame);
	return put_nd(put_eth(frame, at, own, SL_ETHERTYPE_IPV6), from, target->octets, SL_ICMP6_NS,
		      0, target, own);
}

uint32_t sl_neigh_announce(const struct sl_mac *own, const struct sl_addr *addr, uint8_t *frame)
{
	const struct sl_neigh probe = {.target = *addr};

	if (addr->family == SL_FAMILY_IPV4)
		return ask_arp(own, addr, addr, &broadcast, frame);
	return sl_neigh_answer(&probe, own, own, frame);
}
