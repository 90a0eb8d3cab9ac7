/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/claim.h"

#include <string.h>

#include "base/bytes.h"
#include "pkt/hdr.h"
#include "pkt/host.h"
#include "pkt/icmp.h"
#include "state/others.h"
#include "state/service.h"

#define HOST_BITS_OF_A_NETWORK 2 /* with fewer, no address is the network's or a broadcast */

/* ---- whose an address is ------------------------------------------------------------------------
 */

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

static bool is_self(const struct sl_snapshot *snapshot, const struct sl_addr *addr)
{
	for (uint32_t p = 0; p < snapshot->port_count; p++)
		if (has_port(&snapshot->ports[p], addr))
			return true;
	return sl_service_table_owns(snapshot->service_table, addr) == SL_SERVICE_OWNED_WHOLE;
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

/* ---- packets ------------------------------------------------------------------------------------
 */

static bool read_neighbor(const struct sl_pkt *pkt, const uint8_t *l3, uint32_t readable,
			  struct sl_neigh *neigh)
{
	if (pkt->status == SL_PKT_NOT_IP)
		return sl_arp_parse(l3, readable, neigh);
	return (pkt->flags & SL_PKT_IPV6) && pkt->l3_size <= readable &&
	       sl_nd_parse(l3, pkt, neigh);
}

/* Whoever probes (RFC 5227) asks for an address that it wants: it may have it, unless it is ours by
 * name. Whoever asks for its own address announces it. */
static enum sl_claim claim_neighbor(const struct sl_snapshot *snapshot, uint32_t port,
				    const struct sl_neigh *neigh, const uint8_t *frame)
{
	enum sl_service_owned owned = answered(snapshot, port, &neigh->target);
	const uint8_t *mac = neigh->has_mac ? neigh->mac.octets : frame + SL_ETH_SRC;

	if (!neigh->request || owned == SL_SERVICE_OWNED_NOT)
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
