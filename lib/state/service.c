/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/service.h"

#include <rte_prefetch.h>

#include "base/bytes.h"
#include "state/service_table.h"

/* ---- the common packet: one probe ------------------------------------------------------------ */

/* Whether the exact tables speak for the packet. */
static inline bool is_plain(const struct sl_service_table *table, const struct sl_pkt *pkt)
{
	return pkt->status == SL_PKT_OK &&
	       !(pkt->flags & (SL_PKT_ICMP_STRANGE | SL_PKT_GROUP | SL_PKT_NO_PORTS)) &&
	       !(table->vlans && pkt->vlan);
}

static inline void prefetch_exact(const struct sl_service_table *table, const struct sl_pkt *pkt)
{
	const struct sl_key *key = &pkt->key;
	uint64_t misc = sl_service_misc(key->dport_be, key->protocol);

	if (key->family == SL_FAMILY_IPV4)
		rte_prefetch0(&table->bucket4[sl_service_hash4(sl_service_exact4(key->dst4, misc),
							       table->bits4)]);
	else
		rte_prefetch0(&table->entry6[2 * sl_service_hash6(key->word[3], key->word[4], misc,
								  table->bits6)]);
}

static inline bool find_exact(const struct sl_service_table *table, const struct sl_key *key,
			      uint64_t misc, uint32_t *value)
{
	if (key->family == SL_FAMILY_IPV4)
		return sl_service_probe4(table, sl_service_exact4(key->dst4, misc), value);
	return sl_service_probe6(table, key->word[3], key->word[4], misc, value);
}

/* ---- the second way -------------------------------------------------------------------------- */

static uint32_t locate(const struct sl_service_table *table, uint8_t family, const uint8_t *octets)
{
	uint32_t f = family == SL_FAMILY_IPV6;

	return sl_stretch_find(table->interval[f], table->interval_count[f], sl_wide_of(f, octets));
}

/* What a value says of the packet: where services differ in sources, who takes its own. */
static inline uint32_t resolve(const struct sl_service_table *table, uint32_t value,
			       const struct sl_pkt *pkt)
{
	if (sl_likely(!sl_service_is_set(value)))
		return value;
	return sl_source_find(&table->sets[value - SL_SERVICE_SET], &pkt->key);
}

/* The groups of a protocol in a place that speak for the packet: its VLAN's, and that of none. */
static inline void find_groups(const struct sl_service_table *table, uint32_t place,
			       uint32_t protocol, const struct sl_pkt *pkt,
			       const struct sl_service_group *group[2])
{
	uint32_t key = protocol << 16;

	group[0] = pkt->vlan ? sl_service_find_group(table, &table->place[place], key | pkt->vlan)
			     : NULL;
	group[1] = sl_service_find_group(table, &table->place[place], key);
}

/* The first port of a group, whatever the packet's is. */
static uint32_t first_port(const struct sl_service_table *table,
			   const struct sl_service_group *group)
{
	return group->single_count + group->range_count ? table->port[group->single_at].service
							: SL_SERVICE_NONE;
}

/* Best of up to two groups that differ in their VLAN: one port, then a range, then all; the VLAN
 * decides last. A later fragment has no port: it follows the service of all ports, else the first
 * one. */
static uint32_t match_groups(const struct sl_service_table *table,
			     const struct sl_service_group *const group[2],
			     const struct sl_pkt *pkt)
{
	bool no_ports = pkt->flags & SL_PKT_NO_PORTS;
	uint16_t port = sl_be16(pkt->key.dport_be);
	uint32_t service = SL_SERVICE_NONE;

	for (int g = 0; g < 2 && service == SL_SERVICE_NONE && !no_ports; g++)
		if (group[g])
			service = resolve(table,
					  sl_service_find_port(&table->port[group[g]->single_at],
							       group[g]->single_count, port),
					  pkt);
	for (int g = 0; g < 2 && service == SL_SERVICE_NONE && !no_ports; g++)
		if (group[g])
			service = resolve(table,
					  sl_service_find_port(&table->port[group[g]->range_at],
							       group[g]->range_count, port),
					  pkt);
	for (int g = 0; g < 2 && service == SL_SERVICE_NONE; g++)
		if (group[g])
			service = resolve(table, group[g]->whole, pkt);
	for (int g = 0; g < 2 && service == SL_SERVICE_NONE && no_ports; g++)
		if (group[g])
			service = resolve(table, first_port(table, group[g]), pkt);
	return service;
}

static uint32_t match_place(const struct sl_service_table *table, uint32_t place, uint8_t protocol,
			    const struct sl_pkt *pkt)
{
	for (int named = 1; named >= 0; named--) {
		const struct sl_service_group *group[2];
		uint32_t service;

		find_groups(table, place, named ? protocol : SL_SERVICE_PROTOCOL_NONE, pkt, group);
		service = match_groups(table, group, pkt);
		if (service != SL_SERVICE_NONE)
			return service;
	}
	return SL_SERVICE_NONE;
}

/* Where the search for a packet's service starts. */
static uint32_t first_place(const struct sl_service_table *table, const struct sl_pkt *pkt)
{
	const struct sl_key *key = &pkt->key;
	uint32_t place = SL_SERVICE_PLACE_ANY;

	if (!(pkt->flags & (SL_PKT_ICMP_STRANGE | SL_PKT_GROUP)) &&
	    !find_exact(table, key, SL_SERVICE_EXACT_PLACE, &place)) {
		const uint8_t *octets =
			key->family == SL_FAMILY_IPV4 ? (const uint8_t *)&key->dst4 : key->dst;

		place = locate(table, key->family, octets);
	}
	return place;
}

static uint32_t find_slowly(const struct sl_service_table *table, const struct sl_pkt *pkt)
{
	uint32_t place = first_place(table, pkt);
	uint32_t service;

	for (; place != SL_SERVICE_PLACE_NONE; place = table->place[place].parent) {
		service = match_place(table, place, pkt->key.protocol, pkt);
		if (service != SL_SERVICE_NONE)
			return service;
	}
	if (pkt->flags & SL_PKT_ICMP_ERROR)
		return match_place(table, SL_SERVICE_PLACE_ANY, pkt->protocol, pkt);
	return SL_SERVICE_NONE;
}

/* Packets whose exact rule asks for their sources; those of others go the second way. */
static void find_sources(const struct sl_service_table *table, const struct sl_pkt *pkts,
			 uint32_t count, uint32_t *services)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!sl_service_is_set(services[i]))
			continue;
		services[i] = resolve(table, services[i], &pkts[i]);
		if (services[i] == SL_SERVICE_NONE)
			services[i] = find_slowly(table, &pkts[i]);
	}
}

/* ---- for everybody --------------------------------------------------------------------------- */

void sl_service_lookup(const struct sl_service_table *table, const struct sl_pkt *pkts,
		       uint32_t count, uint32_t *services)
{
	if (table->is_large)
		for (uint32_t i = 0; i < count; i++)
			if (sl_likely(pkts[i].status == SL_PKT_OK))
				prefetch_exact(table, &pkts[i]);
	for (uint32_t i = 0; i < count; i++) {
		const struct sl_key *key = &pkts[i].key;

		if (sl_unlikely(pkts[i].status != SL_PKT_OK))
			services[i] = SL_SERVICE_NONE;
		else if (sl_unlikely(!is_plain(table, &pkts[i])) ||
			 !find_exact(table, key, sl_service_misc(key->dport_be, key->protocol),
				     &services[i]))
			services[i] = find_slowly(table, &pkts[i]);
	}
	if (sl_unlikely(table->set_count))
		find_sources(table, pkts, count, services);
}

bool sl_service_asks_ports(const struct sl_service_table *table, const struct sl_pkt *pkt)
{
	uint32_t place = first_place(table, pkt);

	for (; place != SL_SERVICE_PLACE_NONE; place = table->place[place].parent) {
		for (int named = 1; named >= 0; named--) {
			const struct sl_service_group *group[2];
			bool whole = false;

			find_groups(table, place,
				    named ? pkt->key.protocol : SL_SERVICE_PROTOCOL_NONE, pkt,
				    group);
			for (int g = 0; g < 2; g++) {
				if (group[g] && (group[g]->single_count || group[g]->range_count))
					return true;
				whole |= group[g] &&
					 resolve(table, group[g]->whole, pkt) != SL_SERVICE_NONE;
			}
			if (whole)
				return false;
		}
	}
	return false;
}

uint32_t sl_service_table_specs(const struct sl_service_table *table,
				const struct sl_service_spec **specs)
{
	*specs = table->specs;
	return table->spec_count;
}

enum sl_service_owned sl_service_table_owns(const struct sl_service_table *table,
					    const struct sl_addr *addr)
{
	uint32_t length = table->place[locate(table, addr->family, addr->octets)].length;

	if (length == 0)
		return SL_SERVICE_OWNED_NOT;
	return length == sl_addr_bits(addr) ? SL_SERVICE_OWNED_WHOLE : SL_SERVICE_OWNED_PREFIX;
}
