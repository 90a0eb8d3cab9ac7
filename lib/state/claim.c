/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/claim.h"

#include <string.h>

#include "base/bytes.h"
#include "lcore/others.h"
#include "pkt/hdr.h"
#include "pkt/host.h"
#include "pkt/icmp.h"
#include "state/service.h"

#define HOST_BITS_OF_A_NETWORK 2 /* with fewer, no address is the network's or a broadcast */

/* ---- whose an address is --------------------------------------------------------------------- */

static bool has_port(const struct sl_port_view *port, const struct sl_addr *addr)
{
	for (uint32_t i = 0; i < port->address_count; i++)
		if (sl_addr_equal(&port->addresses[i], addr))
			return true;
	return false;
}

/* True if all host bits of the address are those of `bit`. */
static bool host_bits_are(const struct sl_addr *addr, uint32_t length, bool bit)
{
	for (uint32_t i = length / 8; i < sl_addr_bits(addr) / 8u; i++) {
		uint8_t mask = (uint8_t)(i == length / 8 ? 0xff >> length % 8 : 0xff);

		if ((addr->octets[i] & mask) != (bit ? mask : 0))
			return false;
	}
	return true;
}

/* True if it is a network's own address (IPv6: that of its routers), or an IPv4 network's broadcast. */
static bool is_edge(const struct sl_port_view *port, const struct sl_addr *addr)
{
	for (uint32_t i = 0; i < port->address_count; i++) {
		struct sl_prefix prefix = {port->addresses[i], port->lengths[i]};

		if (prefix.length + HOST_BITS_OF_A_NETWORK > sl_addr_bits(&prefix.addr) ||
		    !sl_prefix_contains(&prefix, addr))
			continue;
		if (host_bits_are(addr, prefix.length, false) ||
		    (addr->family == SL_FAMILY_IPV4 && host_bits_are(addr, prefix.length, true)))
			return true;
	}
	return false;
}

static bool is_edge_anywhere(const struct sl_snapshot *snapshot, const struct sl_addr *addr)
{
	for (uint32_t p = 0; p < snapshot->port_count; p++)
		if (is_edge(&snapshot->ports[p], addr))
			return true;
	return false;
}

/* What services name, but for what is others'. */
static enum sl_service_owned services_own(const struct sl_snapshot *snapshot,
					  const struct sl_addr *addr)
{
	enum sl_service_owned owned = sl_service_table_owns(snapshot->service_table, addr);

	if (owned == SL_SERVICE_OWNED_NOT || sl_others_has(snapshot->others, addr) ||
	    is_edge_anywhere(snapshot, addr))
		return SL_SERVICE_OWNED_NOT;
	return owned;
}

/* What the port answers for. */
static enum sl_service_owned answered(const struct sl_snapshot *snapshot, uint32_t port,
				      const struct sl_addr *addr)
{
	const struct sl_port_view *view = &snapshot->ports[port];

	if (has_port(view, addr))
		return SL_SERVICE_OWNED_WHOLE;
	return view->answer == SL_ANSWER_SERVICES ? services_own(snapshot, addr)
						  : SL_SERVICE_OWNED_NOT;
}

static bool has_any_port(const struct sl_snapshot *snapshot, const struct sl_addr *addr)
{
	for (uint32_t p = 0; p < snapshot->port_count; p++)
		if (has_port(&snapshot->ports[p], addr))
			return true;
	return false;
}

static bool is_self(const struct sl_snapshot *snapshot, const struct sl_addr *addr)
{
	return has_any_port(snapshot, addr) ||
	       sl_service_table_owns(snapshot->service_table, addr) == SL_SERVICE_OWNED_WHOLE;
}

bool sl_claim_has(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_addr *addr)
{
	return snapshot->ports[port].answer != SL_ANSWER_OFF &&
	       answered(snapshot, port, addr) == SL_SERVICE_OWNED_WHOLE;
}

bool sl_claim_may_send(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_addr *to,
		       const uint8_t *mac)
{
	return sl_host_is_mac(mac) &&
	       memcmp(mac, snapshot->ports[port].mac.octets, SL_MAC_SIZE) != 0 &&
	       sl_host_is_single(to) && !is_edge_anywhere(snapshot, to) && !is_self(snapshot, to);
}

struct sl_addr sl_claim_speaker(const struct sl_snapshot *snapshot, uint32_t port,
				const struct sl_addr *target)
{
	const struct sl_port_view *view = &snapshot->ports[port];

	if (services_own(snapshot, target) == SL_SERVICE_OWNED_NOT)
		for (uint32_t a = 0; a < view->address_count; a++)
			if (view->addresses[a].family == target->family)
				return view->addresses[a];
	return *target;
}

/* ---- packets --------------------------------------------------------------------------------- */

static bool read_neighbor(const struct sl_pkt *pkt, const uint8_t *l3, uint32_t readable,
			  struct sl_neigh *neigh)
{
	if (pkt->status == SL_PKT_NOT_IP)
		return sl_arp_parse(l3, readable, neigh);
	return (pkt->flags & SL_PKT_IPV6) && pkt->l3_size <= readable &&
	       sl_nd_parse(l3, pkt, neigh);
}

static bool is_our_mac(const struct sl_snapshot *snapshot, const struct sl_mac *mac)
{
	for (uint32_t p = 0; p < snapshot->port_count; p++)
		if (memcmp(&snapshot->ports[p].mac, mac, sizeof(*mac)) == 0)
			return true;
	return false;
}

/* Whose MAC address the message tells. */
static const struct sl_addr *told_of(const struct sl_neigh *neigh)
{
	return neigh->request ? &neigh->sender : &neigh->target;
}

static bool is_conflict(const struct sl_snapshot *snapshot, uint32_t port,
			const struct sl_neigh *neigh)
{
	return neigh->has_mac && told_of(neigh)->family != SL_FAMILY_NONE &&
	       answered(snapshot, port, told_of(neigh)) == SL_SERVICE_OWNED_WHOLE &&
	       !is_our_mac(snapshot, &neigh->mac);
}

/* Whoever probes (RFC 5227) asks for an address that it wants: it may have it, unless it is ours by
 * name. Whoever asks for its own address announces it. */
static enum sl_claim claim_neighbor(const struct sl_snapshot *snapshot, uint32_t port,
				    const struct sl_neigh *neigh, const uint8_t *frame)
{
	enum sl_service_owned owned = answered(snapshot, port, &neigh->target);
	const uint8_t *mac = neigh->has_mac ? neigh->mac.octets : frame + SL_ETH_SRC;

	if (is_conflict(snapshot, port, neigh))
		return SL_CLAIM_CONFLICT;
	if (!neigh->request || owned == SL_SERVICE_OWNED_NOT || neigh->group)
		return SL_CLAIM_NOTHING;
	if (neigh->sender.family == SL_FAMILY_NONE)
		return owned == SL_SERVICE_OWNED_WHOLE && sl_host_is_mac(mac) ? SL_CLAIM_NEIGHBOR
									      : SL_CLAIM_NOTHING;
	if (sl_addr_equal(&neigh->sender, &neigh->target) || !sl_host_is_mac(mac))
		return SL_CLAIM_NOTHING;
	return sl_claim_may_send(snapshot, port, &neigh->sender, frame + SL_ETH_SRC)
		       ? SL_CLAIM_NEIGHBOR
		       : SL_CLAIM_NOTHING;
}

/* What the service of the address wants done with echo requests; without one that takes them we
 * answer. */
static enum sl_claim echo_policy(const struct sl_snapshot *snapshot, const struct sl_pkt *pkt)
{
	static const uint8_t claims[] = {
		[SL_SERVICE_ECHO_ANSWER] = SL_CLAIM_ECHO,
		[SL_SERVICE_ECHO_FORWARD] = SL_CLAIM_NOTHING,
		[SL_SERVICE_ECHO_PUNT] = SL_CLAIM_PUNT,
	};
	uint32_t service;

	sl_service_lookup(snapshot->service_table, pkt, 1, &service);
	if (service == SL_SERVICE_NONE ||
	    !(snapshot->services[service].flags & SL_SERVICE_NAMES_ADDRESS))
		return SL_CLAIM_ECHO;
	return (enum sl_claim)claims[snapshot->services[service].echo];
}

enum sl_claim sl_claim(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_pkt *pkt,
		       const uint8_t *frame, uint32_t size, struct sl_neigh *neigh)
{
	const uint8_t *l3 = frame + pkt->l3_off;
	struct sl_addr target;

	if (snapshot->ports[port].answer == SL_ANSWER_OFF || !(pkt->flags & SL_PKT_OWN))
		return SL_CLAIM_NOTHING;
	if (read_neighbor(pkt, l3, size - pkt->l3_off, neigh))
		return claim_neighbor(snapshot, port, neigh, frame);
	if (pkt->status != SL_PKT_OK || (pkt->flags & SL_PKT_GROUP) || !sl_icmp_is_echo(l3, pkt))
		return SL_CLAIM_NOTHING;
	target = sl_host_target(l3);
	return answered(snapshot, port, &target) ? echo_policy(snapshot, pkt) : SL_CLAIM_NOTHING;
}

void sl_claim_conflict(uint32_t port, const struct sl_neigh *neigh, struct sl_heard *heard)
{
	*heard = (struct sl_heard){.kind = SL_HEARD_CLAIM,
				   .port = (uint8_t)port,
				   .mac = neigh->mac,
				   .ours = *told_of(neigh)};
}

/* An answer without a MAC address (RFC 4861 section 4.4: to a question that was asked of one) means that
 * of its frame. A question is its asker's, too, and what has a tag is of another network. */
bool sl_claim_tells(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_pkt *pkt,
		    const uint8_t *frame, uint32_t size, struct sl_told *told, bool *ends)
{
	const struct sl_port_view *view = &snapshot->ports[port];
	struct sl_neigh neigh;

	if (!view->asks || !(pkt->flags & SL_PKT_OWN) || pkt->l3_off != SL_ETH_SIZE ||
	    !read_neighbor(pkt, frame + pkt->l3_off, size - pkt->l3_off, &neigh) ||
	    !sl_others_has(snapshot->others, told_of(&neigh)))
		return false;
	if (neigh.request && !neigh.has_mac && !neigh.group)
		return false;
	told->port = (uint8_t)port;
	told->addr = *told_of(&neigh);
	told->mac = neigh.mac;
	if (!neigh.has_mac && !neigh.group)
		memcpy(told->mac.octets, frame + SL_ETH_SRC, SL_MAC_SIZE);
	*ends = !neigh.request && view->punt_port == SL_PUNT_DROP;
	return true;
}

/* ---- errors about what we sent --------------------------------------------------------------- */

/* What a tunnel packet of ours may have as protocol and, over UDP, as source port. The key is the quoted
 * packet's, turned round. */
static bool is_tunnel(const struct sl_key *key)
{
	switch (key->protocol) {
	case SL_PROTO_IPIP:
	case SL_PROTO_IPV6:
	case SL_PROTO_GRE:
		return true;
	case SL_PROTO_UDP:
		return sl_be16(key->dport_be) >= SL_ENCAP_SPORT_MIN;
	default:
		return false;
	}
}

static void tell_size(const uint8_t *icmp, bool v6, struct sl_heard *heard)
{
	const uint8_t *quote = icmp + SL_ICMP_SIZE;

	if (v6 && icmp[0] == SL_ICMP6_TOO_BIG) {
		heard->kind = SL_HEARD_TOO_BIG;
		heard->mtu = SL_MAX(sl_load_be32(icmp + 4), 1u);
		heard->size = SL_IP6_SIZE + sl_load_be16(quote + SL_IP6_PAYLOAD);
	} else if (!v6 && icmp[0] == SL_ICMP_UNREACHABLE && icmp[1] == SL_ICMP_CODE_FRAGMENTATION) {
		heard->kind = SL_HEARD_TOO_BIG;
		heard->mtu = sl_load_be16(icmp + 6);
		heard->size = sl_load_be16(quote + SL_IP4_TOTAL);
	}
}

bool sl_claim_hears(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_pkt *pkt,
		    const uint8_t *frame, struct sl_heard *heard)
{
	struct sl_heard found = {
		.kind = SL_HEARD_UNREACHABLE, .protocol = pkt->key.protocol, .port = (uint8_t)port};
	bool v6 = pkt->flags & SL_PKT_IPV6;

	if (!is_tunnel(&pkt->key))
		return false;
	found.ours.family = found.other.family = pkt->key.family;
	if (v6) {
		memcpy(found.ours.octets, pkt->key.dst, SL_ADDR6_SIZE);
		memcpy(found.other.octets, pkt->key.src, SL_ADDR6_SIZE);
	} else {
		memcpy(found.ours.octets, &pkt->key.dst4, SL_ADDR4_SIZE);
		memcpy(found.other.octets, &pkt->key.src4, SL_ADDR4_SIZE);
	}
	if (!has_any_port(snapshot, &found.ours) || !sl_others_has(snapshot->others, &found.other))
		return false;
	if (found.protocol == SL_PROTO_UDP)
		found.dport = sl_be16(pkt->key.sport_be);
	tell_size(frame + pkt->l4_off, v6, &found);
	*heard = found;
	return true;
}
