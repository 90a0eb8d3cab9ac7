/* SPDX-License-Identifier: BSD-3-Clause */

#include "work/flow_cache.h"

#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "pkt/parse.h"

#define SLOTS	    64u /* of the wheel */
#define IDLE_SLOTS  32u /* idle_ms is so many of them */
#define SLOT_MS_MIN 10u

/* Entries are numbered from 1; 0: none. */
struct entry {
	struct sl_ipfix_record flow; /* packets 0: free */
	uint32_t chain;		     /* next of the bucket, or next free one */
	uint32_t next;		     /* in the wheel's slot */
	bool closing;
};

struct sl_flow_cache {
	struct sl_flow_cache_spec spec;
	struct sl_hash_key secret;
	uint32_t free, count, mask; /* of buckets */
	uint64_t slot_ms;
	uint64_t turn; /* the slot that is looked at next, counted from the epoch */
	uint32_t wheel[SLOTS];
	uint32_t *buckets;
	struct entry *entries;
};

/* ---- memory ---------------------------------------------------------------------------------- */

static size_t buckets_size(const struct sl_flow_cache *cache)
{
	return ((size_t)cache->mask + 1) * sizeof(*cache->buckets);
}

static size_t entries_size(const struct sl_flow_cache *cache)
{
	return ((size_t)cache->spec.entries + 1) * sizeof(*cache->entries);
}

struct sl_flow_cache *sl_flow_cache_create(const struct sl_flow_cache_spec *spec)
{
	struct sl_flow_cache *cache = sl_mem_alloc(sizeof(*cache));
	uint32_t buckets = 1;

	if (!cache)
		return NULL;
	while (buckets < spec->entries)
		buckets *= 2;
	cache->spec = *spec;
	cache->mask = buckets - 1;
	cache->slot_ms = SL_MAX(spec->idle_ms / IDLE_SLOTS, (uint64_t)SLOT_MS_MIN);
	cache->buckets = sl_mem_alloc(buckets_size(cache));
	cache->entries = sl_mem_alloc(entries_size(cache));
	if (!cache->buckets || !cache->entries ||
	    getrandom(&cache->secret, sizeof(cache->secret), 0) < 0) {
		sl_flow_cache_destroy(cache);
		return NULL;
	}
	for (uint32_t i = spec->entries; i > 0; i--) {
		cache->entries[i].chain = cache->free;
		cache->free = i;
	}
	return cache;
}

void sl_flow_cache_destroy(struct sl_flow_cache *cache)
{
	if (!cache)
		return;
	sl_mem_free(cache->buckets, buckets_size(cache));
	sl_mem_free(cache->entries, entries_size(cache));
	sl_mem_free(cache, sizeof(*cache));
}

/* ---- the wheel ------------------------------------------------------------------------------- */

/* Into the first slot all of which is later than the time at which the flow is idle. The clock may go
 * back: never behind the slot that is next. */
static void wait_for_idle(struct sl_flow_cache *cache, uint32_t number)
{
	struct entry *entry = &cache->entries[number];
	uint64_t turn = (entry->flow.end_ms + cache->spec.idle_ms) / cache->slot_ms + 1;
	uint32_t *slot;

	turn = SL_MIN(SL_MAX(turn, cache->turn), cache->turn + SLOTS - 1);
	slot = &cache->wheel[turn % SLOTS];
	entry->next = *slot;
	*slot = number;
}

static uint32_t take(struct sl_flow_cache *cache, uint64_t turn)
{
	uint32_t *slot = &cache->wheel[turn % SLOTS], number = *slot;

	if (number)
		*slot = cache->entries[number].next;
	return number;
}

/* ---- flows ----------------------------------------------------------------------------------- */

static uint32_t *bucket_of(struct sl_flow_cache *cache, const struct sl_key *key)
{
	uint64_t hash = sl_hash5(&cache->secret, key->word[0], key->word[1], key->word[2],
				 key->word[3], key->word[4]);

	return &cache->buckets[hash & cache->mask];
}

static void tell(const struct sl_flow_cache *cache, struct entry *entry,
		 enum sl_ipfix_reason reason)
{
	entry->flow.reason = (uint8_t)reason;
	cache->spec.ended(cache->spec.context, &entry->flow);
}

/* Ends a flow that is in no slot of the wheel any more. */
static void end_flow(struct sl_flow_cache *cache, uint32_t number, enum sl_ipfix_reason reason)
{
	struct entry *entry = &cache->entries[number];
	uint32_t *at = bucket_of(cache, &entry->flow.key);

	tell(cache, entry, entry->closing ? SL_IPFIX_ENDED : reason);
	while (*at != number)
		at = &cache->entries[*at].chain;
	*at = entry->chain;
	entry->flow.packets = 0;
	entry->chain = cache->free;
	cache->free = number;
	cache->count--;
}

/* Makes room: of the flows that may be idle first, the one that comes to hand. */
static void evict(struct sl_flow_cache *cache)
{
	for (uint64_t turn = cache->turn; turn < cache->turn + SLOTS; turn++) {
		uint32_t number = take(cache, turn);

		if (number) {
			end_flow(cache, number, SL_IPFIX_RESOURCES);
			return;
		}
	}
}

static void begin(struct entry *entry, const struct sl_flow_packet *packet, uint64_t now_ms)
{
	entry->flow = (struct sl_ipfix_record){.key = packet->key, .start_ms = now_ms};
	entry->closing = false;
}

static struct entry *enter(struct sl_flow_cache *cache, uint32_t *bucket,
			   const struct sl_flow_packet *packet, uint64_t now_ms)
{
	struct entry *entry;
	uint32_t number;

	if (!cache->free)
		evict(cache);
	number = cache->free;
	entry = &cache->entries[number];
	cache->free = entry->chain;
	cache->count++;
	begin(entry, packet, now_ms);
	entry->flow.end_ms = now_ms;
	entry->chain = *bucket;
	*bucket = number;
	wait_for_idle(cache, number);
	return entry;
}

static bool is_key(const struct sl_key *a, const struct sl_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void sl_flow_cache_add(struct sl_flow_cache *cache, const struct sl_flow_packet *packet,
		       uint64_t now_ms)
{
	uint32_t *bucket = bucket_of(cache, &packet->key), number = *bucket;
	bool opens = (packet->tcp_flags & (SL_TCP_SYN | SL_TCP_ACK)) == SL_TCP_SYN;
	struct entry *entry;

	while (number && !is_key(&cache->entries[number].flow.key, &packet->key))
		number = cache->entries[number].chain;
	if (!number) {
		entry = enter(cache, bucket, packet, now_ms);
	} else {
		entry = &cache->entries[number];
		if (entry->closing && opens) {
			tell(cache, entry, SL_IPFIX_ENDED);
			begin(entry, packet, now_ms);
		} else if (now_ms >= entry->flow.start_ms + cache->spec.active_ms) {
			tell(cache, entry, SL_IPFIX_ACTIVE);
			begin(entry, packet, now_ms);
		}
	}
	entry->flow.packets++;
	entry->flow.octets += packet->octets;
	entry->flow.end_ms = SL_MAX(now_ms, entry->flow.start_ms);
	entry->flow.tos = packet->tos;
	entry->flow.tcp_flags |= packet->tcp_flags;
	entry->closing |= (packet->tcp_flags & (SL_TCP_FIN | SL_TCP_RST)) != 0;
}

bool sl_flow_cache_expire(struct sl_flow_cache *cache, uint64_t now_ms, uint32_t most)
{
	uint64_t now = now_ms / cache->slot_ms;

	if (cache->turn + SLOTS < now)
		cache->turn = now - SLOTS;
	while (cache->turn <= now) {
		uint32_t number = take(cache, cache->turn);

		if (!number) {
			cache->turn++;
			continue;
		}
		if (cache->entries[number].flow.end_ms + cache->spec.idle_ms <= now_ms)
			end_flow(cache, number, SL_IPFIX_IDLE);
		else
			wait_for_idle(cache, number);
		if (--most == 0)
			return true;
	}
	return false;
}

void sl_flow_cache_end(struct sl_flow_cache *cache)
{
	for (uint64_t turn = cache->turn; turn < cache->turn + SLOTS; turn++)
		for (uint32_t number; (number = take(cache, turn));)
			end_flow(cache, number, SL_IPFIX_FORCED);
}

/* ---- looking --------------------------------------------------------------------------------- */

uint32_t sl_flow_cache_count(const struct sl_flow_cache *cache)
{
	return cache->count;
}

uint32_t sl_flow_cache_places(const struct sl_flow_cache *cache)
{
	return cache->spec.entries;
}

const struct sl_ipfix_record *sl_flow_cache_at(const struct sl_flow_cache *cache, uint32_t place)
{
	const struct sl_ipfix_record *flow = &cache->entries[place + 1].flow;

	return flow->packets ? flow : NULL;
}
