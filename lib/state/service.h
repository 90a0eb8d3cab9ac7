/* SPDX-License-Identifier: BSD-3-Clause */

/* The service table: destination address, protocol, port -> service, most specific first.
 *
 * Why:     512 services must cost a packet no more than 8.
 * Shape:   immutable, built aside; a packet's common case (whole address, one port) is one probe
 *          of a hash table without collisions beyond a bucket; prefixes, ranges and bare protocols
 *          go a bounded second way. Among services that match, the longest prefix wins, then a
 *          named protocol over none, then one port over a range over none, then the longest prefix
 *          of the packet's source over none: services that differ in sources alone share an entry,
 *          behind which a set of sources is asked (source.h).
 * Threads: building: control; lookup: any.
 * Errors:  0 or negative errno; -EEXIST when two services are equal, *first and *second say which;
 *          -E2BIG: more services, or more stretches of sources, than there may be.
 */

#ifndef SL_STATE_SERVICE_H
#define SL_STATE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "pkt/parsed.h"
#include "state/snapshot.h"

#define SL_SERVICE_PORTS_MAX 64 /* ports and ranges of one service */

/* Stretches of sources in one table: those of each set of services that take the same packets. */
#define SL_SERVICE_STRETCHES_MAX 1048576u

struct sl_port_range {
	uint16_t first, last; /* host order, inclusive; first == last: one port */
};

struct sl_service_spec {
	uint32_t index; /* what lookups answer */
	bool any;	/* every IP packet, both families; prefix is not read */
	struct sl_prefix prefix;
	int16_t protocol;		   /* IP protocol number, -1: all */
	uint16_t vlan;			   /* 0: any */
	const struct sl_port_range *ports; /* port_count; 0: all */
	uint32_t port_count;
	const struct sl_prefix *sources; /* source_count; 0: all */
	uint32_t source_count;
};

int sl_service_table_build(const struct sl_service_spec *specs, uint32_t count,
			   struct sl_service_table **table, uint32_t *first, uint32_t *second);
struct sl_service_table *sl_service_table_get(struct sl_service_table *table);
void sl_service_table_put(struct sl_service_table *table); /* takes NULL */

/* What the table was built from: its services, and their number; sources of each in order. */
uint32_t sl_service_table_specs(const struct sl_service_table *table,
				const struct sl_service_spec **specs);

/* For each packet with status OK its service or SL_SERVICE_NONE; ICMP errors by the flow they are
 * about. */
void sl_service_lookup(const struct sl_service_table *table, const struct sl_pkt *pkts,
		       uint32_t count, uint32_t *services);

/* Whether the packet's ports could matter: some service that its address and protocol lead to asks for
 * ports before one that takes all. */
bool sl_service_asks_ports(const struct sl_service_table *table, const struct sl_pkt *pkt);

/* How services name an address. */
enum sl_service_owned {
	SL_SERVICE_OWNED_NOT = 0, /* none does, or by a prefix of all addresses, which names none */
	SL_SERVICE_OWNED_PREFIX = 1, /* by a prefix, in which others' addresses may be, too */
	SL_SERVICE_OWNED_WHOLE = 2,  /* by itself */
};

/* ARP, ND and echo are answered for what services name (state/claim.h has the exceptions). */
enum sl_service_owned sl_service_table_owns(const struct sl_service_table *table,
					    const struct sl_addr *addr);

#endif
