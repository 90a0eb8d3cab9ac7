/* SPDX-License-Identifier: BSD-3-Clause */

/* What a service table is made of: keys, hashes, and rules in order.
 *
 * Why:     the kernel's program (xdp) looks services up in copies of these.
 * Threads: immutable after the build.
 */

#ifndef SL_STATE_SERVICE_RULE_H
#define SL_STATE_SERVICE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define SL_SERVICE_PLACE_ANY	 0	    /* place of services without an address */
#define SL_SERVICE_PLACE_NONE	 UINT32_MAX /* parent of `any` */
#define SL_SERVICE_PROTOCOL_NONE 256	    /* in a group's key: any protocol */

/* Second part of exact keys: what the entry is. */
#define SL_SERVICE_EXACT_RULE  (4u << 24) /* with protocol and port: a service */
#define SL_SERVICE_EXACT_PLACE (2u << 24) /* of the address alone: its place */

/* A value that is no service but SL_SERVICE_SET + the number of a set of services that differ in their
 * sources. */
#define SL_SERVICE_SET 0x40000000u

/* One cache line. A key is address << 32 | what | protocol << 16 | port; 0: free. That of a rule lies
 * so in the words of an IPv4 packet's flow key. */
struct sl_service_bucket4 {
	uint64_t key[5];
	uint32_t value[5];
	uint32_t spare;
};

/* Two to a cache line. misc is what | protocol << 16 | port; 0: free. */
struct sl_service_entry6 {
	uint64_t addr[2];
	uint64_t misc;
	uint32_t value;
	uint32_t spare;
};

_Static_assert(sizeof(struct sl_service_bucket4) == SL_CACHE_LINE, "one line a probe");
_Static_assert(2 * sizeof(struct sl_service_entry6) == SL_CACHE_LINE, "one line a probe");

struct sl_service_ports {
	uint16_t first, last;
	uint32_t service; /* or a set */
};

/* Rules of one place, protocol and VLAN. */
struct sl_service_group {
	uint32_t key; /* protocol << 16 | VLAN */
	uint32_t single_at, single_count;
	uint32_t range_at, range_count;
	uint32_t whole; /* service of all ports, or a set, or SL_SERVICE_NONE */
};

struct sl_service_place {
	uint32_t parent;
	uint32_t group_at, group_count; /* ordered by key */
	uint32_t length;		/* bits of its prefix; 0: none, or one of all addresses */
};

static inline bool sl_service_is_set(uint32_t value)
{
	return value >> 30 == SL_SERVICE_SET >> 30;
}

static inline uint64_t sl_service_exact4(uint32_t dst4, uint64_t misc)
{
	return (uint64_t)dst4 << 32 | misc;
}

static inline uint64_t sl_service_misc(uint32_t port_be, uint8_t protocol)
{
	return port_be | (uint32_t)protocol << 16 | SL_SERVICE_EXACT_RULE;
}

static inline uint32_t sl_service_hash4(uint64_t key, uint32_t bits)
{
	return (uint32_t)(((key ^ key >> 32) * 0x9e3779b97f4a7c15ull) >> (64 - bits));
}

static inline uint32_t sl_service_hash6(uint64_t addr0, uint64_t addr1, uint64_t misc,
					uint32_t bits)
{
	uint64_t mixed = (addr0 ^ misc) * 0xbf58476d1ce4e5b9ull ^ addr1;

	return sl_service_hash4(mixed ^ mixed << 21, bits);
}

#endif
