/* SPDX-License-Identifier: BSD-3-Clause */

/* The service of a packet, from copies of the service table; see state/service.c, which it answers like.
 *
 * Shape:   functions that are verified by themselves, with numbers alone as arguments, so that the
 *          verifier walks each search once.
 * Threads: any.
 * Errors:  SL_SERVICE_NONE.
 */

#ifndef SL_XDP_SERVICE_BPF_H
#define SL_XDP_SERVICE_BPF_H

#include "pkt/hdr.h"
#include "xdp/maps.bpf.h"

static __always_inline const struct sl_xdp_state *state_get(void)
{
	return at(&state, 0);
}

/* ---- exact rules ----------------------------------------------------------------------------- */

static __always_inline bool probe4(const struct sl_xdp_state *now, uint32_t half, uint64_t key,
				   uint32_t *value)
{
	uint32_t bits = now->half[half & 1].bits4, mask, b;

	if (bits > 31)
		return false;
	mask = (1u << bits) - 1;
	b = bits ? sl_service_hash4(key, bits) : 0;
	for (uint32_t i = 0; i < SL_XDP_PROBES_MAX; i++, b++) {
		const struct sl_service_bucket4 *bucket =
			at(&bucket4, half * now->room.bucket4 + (b & mask));

		if (!bucket)
			return false;
		for (uint32_t k = 0; k < 5; k++)
			if (bucket->key[k] == key) {
				*value = bucket->value[k];
				return true;
			}
		if (bucket->key[4] == 0)
			return false;
	}
	return false;
}

static __always_inline bool probe6(const struct sl_xdp_state *now, uint32_t half, uint64_t addr0,
				   uint64_t addr1, uint64_t misc, uint32_t *value)
{
	uint32_t bits = now->half[half & 1].bits6, mask, e;

	if (bits > 30)
		return false;
	mask = (2u << bits) - 1;
	e = 2 * (bits ? sl_service_hash6(addr0, addr1, misc, bits) : 0);
	for (uint32_t i = 0; i < SL_XDP_PROBES_MAX; i++, e++) {
		const struct sl_service_entry6 *entry =
			at(&entry6, half * now->room.entry6 + (e & mask));

		if (!entry)
			return false;
		if (entry->misc == misc && entry->addr[0] == addr0 && entry->addr[1] == addr1) {
			*value = entry->value;
			return true;
		}
		if (entry->misc == 0)
			return false;
	}
	return false;
}

static __always_inline bool find_exact(const struct sl_xdp_state *now, uint32_t half,
				       const struct sl_key *key, uint64_t misc, uint32_t *value)
{
	if (key->family == SL_FAMILY_IPV4)
		return probe4(now, half, sl_service_exact4(key->dst4, misc), value);
	return probe6(now, half, key->word[3], key->word[4], misc, value);
}

/* ---- the second way -------------------------------------------------------------------------- */

/* The place of an address: the last interval that does not start beyond it. */
__noinline uint32_t locate(uint64_t high, uint64_t low, uint32_t base, uint32_t count)
{
	uint32_t first = 0;
	const struct sl_xdp_interval *found;

	for (uint32_t i = 0; i < SL_XDP_SEARCH_MAX && count - first > 1; i++) {
		uint32_t middle = (first + count) / 2;
		const struct sl_xdp_interval *interval = at(&interval_map, base + middle);

		if (!interval)
			return SL_SERVICE_PLACE_ANY;
		if (interval->high < high || (interval->high == high && interval->low <= low))
			first = middle;
		else
			count = middle;
	}
	found = at(&interval_map, base + first);
	return found ? found->place : SL_SERVICE_PLACE_ANY;
}

__noinline uint32_t find_ports(uint32_t base, uint32_t count, uint32_t port)
{
	const struct sl_service_ports *found;
	uint32_t low = 0, high = count;

	for (uint32_t i = 0; i < SL_XDP_SEARCH_MAX && low < high; i++) {
		uint32_t middle = (low + high) / 2;
		const struct sl_service_ports *ports = at(&range, base + middle);

		if (!ports)
			return SL_SERVICE_NONE;
		if (ports->last < port)
			low = middle + 1;
		else
			high = middle;
	}
	found = low < count ? at(&range, base + low) : NULL;
	return found && found->first <= port ? found->service : SL_SERVICE_NONE;
}

/* Index of the group of that key, or SL_SERVICE_NONE. */
__noinline uint32_t find_group(uint32_t base, uint32_t count, uint32_t key)
{
	const struct sl_service_group *found;
	uint32_t low = 0, high = count;

	for (uint32_t i = 0; i < SL_XDP_SEARCH_MAX && low < high; i++) {
		uint32_t middle = (low + high) / 2;
		const struct sl_service_group *one = at(&group, base + middle);

		if (!one)
			return SL_SERVICE_NONE;
		if (one->key < key)
			low = middle + 1;
		else
			high = middle;
	}
	found = low < count ? at(&group, base + low) : NULL;
	return found && found->key == key ? base + low : SL_SERVICE_NONE;
}

/* One step of match_groups(): what a group says of a port, or of one that is not known. */
enum step { STEP_SINGLE, STEP_RANGE, STEP_WHOLE, STEP_FIRST };

static __always_inline uint32_t ask_group(uint32_t index, uint32_t base, uint32_t port,
					  enum step step)
{
	const struct sl_service_group *one = index == SL_SERVICE_NONE ? NULL : at(&group, index);
	const struct sl_service_ports *first;

	if (!one)
		return SL_SERVICE_NONE;
	switch (step) {
	case STEP_SINGLE:
		return find_ports(base + one->single_at, one->single_count, port);
	case STEP_RANGE:
		return find_ports(base + one->range_at, one->range_count, port);
	case STEP_WHOLE:
		return one->whole;
	case STEP_FIRST:
		first = at(&range, base + one->single_at);
		return first ? first->service : SL_SERVICE_NONE;
	}
	return SL_SERVICE_NONE;
}

/* Best of two groups that differ in their VLAN. ports: 1 << 16 where they are not known. */
__noinline uint32_t match_groups(uint32_t with_vlan, uint32_t without, uint32_t base, uint32_t port)
{
	bool no_ports = port >> 16;
	uint32_t service = SL_SERVICE_NONE;

	if (!no_ports) {
		service = ask_group(with_vlan, base, port, STEP_SINGLE);
		if (service == SL_SERVICE_NONE)
			service = ask_group(without, base, port, STEP_SINGLE);
		if (service == SL_SERVICE_NONE)
			service = ask_group(with_vlan, base, port, STEP_RANGE);
		if (service == SL_SERVICE_NONE)
			service = ask_group(without, base, port, STEP_RANGE);
	}
	if (service == SL_SERVICE_NONE)
		service = ask_group(with_vlan, base, port, STEP_WHOLE);
	if (service == SL_SERVICE_NONE)
		service = ask_group(without, base, port, STEP_WHOLE);
	if (service == SL_SERVICE_NONE && no_ports)
		service = ask_group(with_vlan, base, port, STEP_FIRST);
	if (service == SL_SERVICE_NONE && no_ports)
		service = ask_group(without, base, port, STEP_FIRST);
	return service;
}

/* key: protocol << 16 | VLAN. */
__noinline uint32_t match_place(uint32_t place, uint32_t half, uint32_t key, uint32_t port)
{
	const struct sl_xdp_state *now = state_get();
	const struct sl_service_place *here;
	uint32_t service = SL_SERVICE_NONE;

	if (!now)
		return SL_SERVICE_NONE;
	here = at(&place_map, half * now->room.place + place);
	if (!here)
		return SL_SERVICE_NONE;
	for (uint32_t named = 0; named < 2 && service == SL_SERVICE_NONE; named++) {
		uint32_t protocol =
			named ? (uint32_t)SL_SERVICE_PROTOCOL_NONE << 16 : key & 0xffff0000u;
		uint32_t at_group = half * now->room.group + here->group_at;
		uint32_t with = SL_SERVICE_NONE, without;

		if (key & 0xffff)
			with = find_group(at_group, here->group_count, protocol | (key & 0xffff));
		without = find_group(at_group, here->group_count, protocol);
		service = match_groups(with, without, half * now->room.port, port);
	}
	return service;
}

__noinline uint32_t match_places(uint32_t place, uint32_t half, uint32_t key, uint32_t port)
{
	const struct sl_xdp_state *now = state_get();

	if (!now)
		return SL_SERVICE_NONE;
	for (uint32_t i = 0; i < SL_XDP_PARENTS_MAX && place != SL_SERVICE_PLACE_NONE; i++) {
		const struct sl_service_place *here;
		uint32_t service = match_place(place, half, key, port);

		if (service != SL_SERVICE_NONE)
			return service;
		here = at(&place_map, half * now->room.place + place);
		if (!here)
			return SL_SERVICE_NONE;
		place = here->parent;
	}
	return SL_SERVICE_NONE;
}

static __always_inline uint32_t first_place(const struct sl_xdp_state *now, uint32_t half,
					    const struct sl_pkt *pkt)
{
	const struct sl_key *key = &pkt->key;
	uint32_t place = SL_SERVICE_PLACE_ANY;

	if ((pkt->flags & (SL_PKT_ICMP_STRANGE | SL_PKT_GROUP)) ||
	    find_exact(now, half, key, SL_SERVICE_EXACT_PLACE, &place))
		return place;
	if (key->family == SL_FAMILY_IPV4)
		return locate(0, sl_be32(key->dst4), 2 * half * now->room.interval,
			      now->half[half & 1].interval_count[0]);
	return locate(sl_be64(key->word[3]), sl_be64(key->word[4]),
		      (2 * half + 1) * now->room.interval, now->half[half & 1].interval_count[1]);
}

static __always_inline uint32_t find_slowly(const struct sl_xdp_state *now, uint32_t half,
					    const struct sl_pkt *pkt)
{
	uint32_t port = sl_be16(pkt->key.dport_be), service;

	if (pkt->flags & SL_PKT_NO_PORTS)
		port |= 1u << 16;
	service = match_places(first_place(now, half, pkt), half,
			       (uint32_t)pkt->key.protocol << 16 | pkt->vlan, port);
	if (service == SL_SERVICE_NONE && (pkt->flags & SL_PKT_ICMP_ERROR))
		service = match_place(SL_SERVICE_PLACE_ANY, half,
				      (uint32_t)pkt->protocol << 16 | pkt->vlan, port);
	return service;
}

static __always_inline uint32_t find_service(const struct sl_xdp_state *now, uint32_t half,
					     const struct sl_pkt *pkt)
{
	bool plain = !(pkt->flags & (SL_PKT_ICMP_STRANGE | SL_PKT_GROUP | SL_PKT_NO_PORTS)) &&
		     !(now->half[half & 1].vlans && pkt->vlan);
	uint32_t service;

	if (plain && find_exact(now, half, &pkt->key,
				sl_service_misc(pkt->key.dport_be, pkt->key.protocol), &service))
		return service;
	return find_slowly(now, half, pkt);
}

#endif
