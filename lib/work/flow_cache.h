/* SPDX-License-Identifier: BSD-3-Clause */

/* Live flows with what is counted of each, until they end: idle, active for too long, closed by TCP, or
 * the cache is full and another one needs the place.
 *
 * Why:     an exporter tells of flows when they end, not of packets.
 * Shape:   a hash table of chains over entries that stay where they are, and a wheel of times: an
 *          entry lies in the slot in which it might be idle, and is looked at only when that comes, so
 *          a packet touches its entry and nothing beside. Flows that are active for too long are told
 *          of with their next packet.
 * Threads: one owner.
 * Memory:  create allocates everything.
 * Errors:  create: NULL, no memory.
 */

#ifndef SL_WORK_FLOW_CACHE_H
#define SL_WORK_FLOW_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "work/ipfix.h"

#define SL_FLOW_CACHE_MIN 16u
#define SL_FLOW_CACHE_MAX (1u << 22)

struct sl_flow_cache;

struct sl_flow_cache_spec {
	uint32_t entries;
	uint64_t active_ms, idle_ms;
	/* A flow has ended, or (SL_IPFIX_ACTIVE) begins to be counted anew. */
	void (*ended)(void *context, const struct sl_ipfix_record *record);
	void *context;
};

struct sl_flow_cache *sl_flow_cache_create(const struct sl_flow_cache_spec *spec);
void sl_flow_cache_destroy(struct sl_flow_cache *cache); /* takes NULL; tells of no flow */

/* What a packet adds to its flow. */
struct sl_flow_packet {
	struct sl_key key;
	uint32_t octets;
	uint8_t tos, tcp_flags;
};
void sl_flow_cache_add(struct sl_flow_cache *cache, const struct sl_flow_packet *packet,
		       uint64_t now_ms);

/* Ends what is idle, looking at `most` entries at most. True: more are due. */
bool sl_flow_cache_expire(struct sl_flow_cache *cache, uint64_t now_ms, uint32_t most);
/* Ends all. */
void sl_flow_cache_end(struct sl_flow_cache *cache);

/* Live flows, and the one at a place from 0 on: NULL where there is none; places are
 * sl_flow_cache_places(). */
uint32_t sl_flow_cache_count(const struct sl_flow_cache *cache);
uint32_t sl_flow_cache_places(const struct sl_flow_cache *cache);
const struct sl_ipfix_record *sl_flow_cache_at(const struct sl_flow_cache *cache, uint32_t place);

#endif
