/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of a service table, shared by who builds it (service_build.c) and who looks up
 * (service.c, decide_plain.c), and former.c, which compares two of them; nobody else includes this.
 *
 * Shape:   two hash tables of (whole address, protocol, port), one a family, answer the common
 * packet in one probe; they also know each whole address's place. The rest goes a second way: the
 * place of an address is the longest prefix that holds it, found by binary search over intervals;
 * a place has groups of rules by protocol and VLAN and a parent, the next shorter prefix; the last
 * parent is `any`. Bounded: a binary search, at most 129 parents, four groups each. Where services
 * differ in their sources the value is a set of sources in place of a service, asked last.
 * Threads: immutable after the build.
 */

#ifndef SL_STATE_SERVICE_TABLE_H
#define SL_STATE_SERVICE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <smmintrin.h>

#include "base/bytes.h"
#include "base/span.h"
#include "state/service.h"
#include "state/service_rule.h"
#include "state/source.h"

/* Octets of exact tables that stay in the second cache: a pass that prefetches costs more than what
 * it hides there (16 and 18 cycles a packet with 512 and 4,096 services, 8 and 9 without). */
#define SL_SERVICE_SMALL_SIZE 262144

struct sl_service_table {
	struct sl_service_bucket4 *bucket4;
	struct sl_service_entry6 *entry6;
	uint32_t bits4, bits6; /* log2 of the buckets */
	bool vlans;	       /* some rule names a VLAN */
	bool is_large;	       /* is prefetched */
	/* the second way */
	struct sl_stretch *interval[2]; /* IPv4, IPv6: the place of an address */
	uint32_t interval_count[2];
	uint32_t place_count, group_count, port_count;
	struct sl_service_place *place;
	struct sl_service_group *group;
	struct sl_service_ports *port;
	struct sl_source_set *sets; /* set_count; set_size: what there is room for, 0: none asks */
	uint32_t set_count, set_size;
	uint32_t stretch_count;
	/* what it was built from, and what there is room for */
	uint32_t spec_count, rule_size, source_size;
	struct sl_service_spec *specs; /* spec_count */
	struct sl_port_range *ranges;  /* rule_size; of them */
	struct sl_prefix *sources;     /* source_size; of them */
	uint32_t references;	       /* control only */
};

/* What the ports, which are in order, say of one; SL_SERVICE_NONE: nothing. */
static inline uint32_t sl_service_find_port(const struct sl_service_ports *ports, uint32_t count,
					    uint16_t port)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (ports[middle].last < port)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && ports[low].first <= port ? ports[low].service : SL_SERVICE_NONE;
}

/* The group of that key; NULL: none. */
static inline const struct sl_service_group *
sl_service_find_group(const struct sl_service_table *table, const struct sl_service_place *place,
		      uint32_t key)
{
	const struct sl_service_group *group = &table->group[place->group_at];
	uint32_t low = 0, high = place->group_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (group[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < place->group_count && group[low].key == key ? &group[low] : NULL;
}

/* The service of a whole IPv4 address, protocol and port: compared with all keys of a bucket at once,
 * since which of them it is cannot be foreseen. False: no exact rule. */
static inline bool sl_service_probe4(const struct sl_service_table *table, uint64_t key,
				     uint32_t *value)
{
	uint32_t mask = (1u << table->bits4) - 1;
	__m128i wanted = _mm_set1_epi64x((long long)key);

	for (uint32_t b = sl_service_hash4(key, table->bits4);; b = (b + 1) & mask) {
		const struct sl_service_bucket4 *bucket = &table->bucket4[b];
		const __m128i *keys = (const __m128i *)bucket->key;
		__m128i first = _mm_cmpeq_epi64(_mm_load_si128(keys), wanted);
		__m128i second = _mm_cmpeq_epi64(_mm_load_si128(keys + 1), wanted);
		uint32_t found = (uint32_t)_mm_movemask_pd(_mm_castsi128_pd(first)) |
				 (uint32_t)_mm_movemask_pd(_mm_castsi128_pd(second)) << 2 |
				 (uint32_t)(bucket->key[4] == key) << 4;

		if (sl_likely(found)) {
			*value = bucket->value[__builtin_ctz(found)];
			return true;
		}
		if (bucket->key[4] == 0)
			return false; /* never filled up: nothing went on from here */
	}
}

/* The same for IPv6: addr0 and addr1 are the address, misc is sl_service_misc()'s. */
static inline bool sl_service_probe6(const struct sl_service_table *table, uint64_t addr0,
				     uint64_t addr1, uint64_t misc, uint32_t *value)
{
	uint32_t mask = (2u << table->bits6) - 1;

	for (uint32_t e = 2 * sl_service_hash6(addr0, addr1, misc, table->bits6);;
	     e = (e + 1) & mask) {
		const struct sl_service_entry6 *entry = &table->entry6[e];

		if (entry->misc == misc && entry->addr[0] == addr0 && entry->addr[1] == addr1) {
			*value = entry->value;
			return true;
		}
		if (entry->misc == 0)
			return false;
	}
}

#endif
