/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/claim.h"

#include <string.h>

#include "pkt/hdr.h"
#include "pkt/icmp.h"
#include "state/service.h"

static bool is_ours(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_addr *addr)
{
	const struct sl_port_view *view = &snapshot->ports[port];

	for (uint32_t i = 0; i < view->address_count; i++)
		if (sl_addr_equal(&view->addresses[i], addr))
			return true;
	return view->answer == SL_ANSWER_SERVICES &&
	       sl_service_table_owns(snapshot->service_table, addr);
}

struct sl_addr sl_claim_target(const struct sl_pkt *pkt, const uint8_t *l3)
{
	struct sl_addr addr = {.family = SL_FAMILY_IPV4};

	if (pkt->flags & SL_PKT_IPV6) {
		addr.family = SL_FAMILY_IPV6;
		memcpy(addr.octets, l3 + SL_IP6_DST, SL_ADDR6_SIZE);
	} else {
		memcpy(addr.octets, l3 + SL_IP4_DST, SL_ADDR4_SIZE);
	}
	return addr;
}

static bool read_neighbor(const struct sl_pkt *pkt, const uint8_t *l3, uint32_t readable,
			  struct sl_neigh *neigh)
{
	if (pkt->status == SL_PKT_NOT_IP)
		return sl_arp_parse(l3, readable, neigh);
	return (pkt->flags & SL_PKT_IPV6) && pkt->l3_size <= readable &&
	       sl_nd_parse(l3, pkt, neigh);
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
		       const uint8_t *l3, uint32_t readable, struct sl_neigh *neigh)
{
	struct sl_addr target;

	if (snapshot->ports[port].answer == SL_ANSWER_OFF || !(pkt->flags & SL_PKT_OWN))
		return SL_CLAIM_NOTHING;
	if (read_neighbor(pkt, l3, readable, neigh))
		return neigh->request && is_ours(snapshot, port, &neigh->target) ? SL_CLAIM_NEIGHBOR
										 : SL_CLAIM_NOTHING;
	if (pkt->status != SL_PKT_OK || (pkt->flags & SL_PKT_GROUP) || !sl_icmp_is_echo(l3, pkt))
		return SL_CLAIM_NOTHING;
	target = sl_claim_target(pkt, l3);
	return is_ours(snapshot, port, &target) ? echo_policy(snapshot, pkt) : SL_CLAIM_NOTHING;
}
