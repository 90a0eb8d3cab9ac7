/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define BUCKETS 16384u

/* Addresses are those of the configuration: nobody can aim at a bucket. */
static const struct sl_hash_key hash_key = {{SL_HASH_C0, SL_HASH_C1}};

/* Entries of one queue come due in the order in which they were put there. */
enum queue {
	QUEUE_NOW,
	QUEUE_CHECK,
	QUEUE_RETRY,
	QUEUE_CONFIRM,
	QUEUE_FAILED,
	QUEUE_COUNT,
	QUEUE_NONE
};

TAILQ_HEAD(queue_head, sl_neigh_entry);

struct sl_neigh_table {
	struct sl_neigh_spec spec;
	struct queue_head queues[QUEUE_COUNT];
	uint64_t failed_ms; /* since then failed ones were asked for, */
	uint32_t failed;    /* so many */
	uint32_t count;
	struct sl_neigh_entry *entries[SL_NEIGH_MAX];
	struct sl_neigh_entry *buckets[BUCKETS];
};

const char *sl_neigh_state_name(enum sl_neigh_state state)
{
	static const char *const names[] = {
#define X(id, name, value) [value] = (name),
		SL_NEIGH_STATES(X)
#undef X
	};

	return names[state];
}

/* ---- queues ---------------------------------------------------------------------------------- */

static void dequeue(struct sl_neigh_table *table, struct sl_neigh_entry *entry)
{
	if (entry->queue != QUEUE_NONE)
		TAILQ_REMOVE(&table->queues[entry->queue], entry, link);
	entry->queue = QUEUE_NONE;
}

static void enqueue(struct sl_neigh_table *table, struct sl_neigh_entry *entry, enum queue queue,
		    uint64_t due_ms)
{
	dequeue(table, entry);
	entry->queue = (uint8_t)queue;
	entry->due_ms = due_ms;
	TAILQ_INSERT_TAIL(&table->queues[queue], entry, link);
}

/* At the pace of its state. */
static void enqueue_later(struct sl_neigh_table *table, struct sl_neigh_entry *entry,
			  uint64_t now_ms)
{
	if (entry->state == SL_NEIGH_RESOLVED && entry->disputed)
		enqueue(table, entry, QUEUE_CHECK, now_ms + SL_NEIGH_CHECK_MS);
	else if (entry->state == SL_NEIGH_RESOLVED && entry->tries == 0)
		enqueue(table, entry, QUEUE_CONFIRM, now_ms + SL_NEIGH_CONFIRM_MS);
	else if (entry->state == SL_NEIGH_FAILED)
		enqueue(table, entry, QUEUE_FAILED, now_ms + SL_NEIGH_FAILED_MS);
	else
		enqueue(table, entry, QUEUE_RETRY, now_ms + SL_NEIGH_RETRY_MS);
}

/* ---- entries --------------------------------------------------------------------------------- */

static uint32_t bucket_of(const struct sl_neigh_key *key)
{
	uint64_t high, low;

	memcpy(&high, key->addr.octets, sizeof(high));
	memcpy(&low, key->addr.octets + sizeof(high), sizeof(low));
	high ^= (uint64_t)key->port << 56 | key->kind;
	return (uint32_t)(sl_hash2(&hash_key, high, low) % BUCKETS);
}

static bool is_key(const struct sl_neigh_key *a, const struct sl_neigh_key *b)
{
	return a->port == b->port && a->kind == b->kind && sl_addr_equal(&a->addr, &b->addr);
}

struct sl_neigh_entry *sl_neigh_find(const struct sl_neigh_table *table,
				     const struct sl_neigh_key *key)
{
	struct sl_neigh_entry *entry = table->buckets[bucket_of(key)];

	while (entry && !is_key(&entry->key, key))
		entry = entry->chain;
	return entry;
}

static struct sl_neigh_entry *make(struct sl_neigh_table *table, const struct sl_neigh_key *key,
				   const struct sl_mac *mac, uint64_t now_ms)
{
	struct sl_neigh_entry **bucket = &table->buckets[bucket_of(key)], *entry;

	entry = table->count < SL_NEIGH_MAX ? calloc(1, sizeof(*entry)) : NULL;
	if (!entry)
		return NULL;
	entry->key = *key;
	entry->queue = QUEUE_NONE;
	entry->told_ms = now_ms;
	entry->place = table->count;
	entry->chain = *bucket;
	*bucket = entry;
	table->entries[table->count++] = entry;
	if (key->kind == SL_NEIGH_GIVEN) {
		entry->state = SL_NEIGH_STATIC;
		entry->mac = *mac;
		entry->has_mac = true;
	} else if (key->kind == SL_NEIGH_NOBODY) {
		entry->state = SL_NEIGH_FAILED;
	} else {
		entry->state = SL_NEIGH_RESOLVING;
		enqueue(table, entry, QUEUE_NOW, now_ms);
	}
	return entry;
}

struct sl_neigh_entry *sl_neigh_get(struct sl_neigh_table *table, const struct sl_neigh_key *key,
				    const struct sl_mac *mac, uint64_t now_ms)
{
	struct sl_neigh_entry *entry = sl_neigh_find(table, key);

	if (!entry)
		entry = make(table, key, mac, now_ms);
	if (!entry)
		return NULL;
	entry->uses++;
	if (key->kind == SL_NEIGH_GIVEN && memcmp(&entry->mac, mac, sizeof(*mac)) != 0) {
		entry->mac = *mac;
		entry->told_ms = now_ms;
	}
	return entry;
}

void sl_neigh_put(struct sl_neigh_table *table, struct sl_neigh_entry *entry)
{
	struct sl_neigh_entry **at;

	if (!entry || --entry->uses > 0)
		return;
	dequeue(table, entry);
	for (at = &table->buckets[bucket_of(&entry->key)]; *at != entry; at = &(*at)->chain)
		;
	*at = entry->chain;
	table->entries[entry->place] = table->entries[--table->count];
	table->entries[entry->place]->place = entry->place;
	sl_neigh_put(table, entry->via);
	free(entry);
}

/* ---- what is asked and told ------------------------------------------------------------------ */

static void tell(const struct sl_neigh_table *table, const struct sl_neigh_entry *entry,
		 enum sl_neigh_news news, const struct sl_mac *mac)
{
	table->spec.news(table->spec.context, entry, news, mac);
}

/* False: so many failed ones were asked for lately that this one waits. */
static bool may_ask_failed(struct sl_neigh_table *table, uint64_t now_ms)
{
	if (now_ms - table->failed_ms >= SL_NEIGH_CHECK_MS) {
		table->failed_ms = now_ms;
		table->failed = 0;
	}
	return table->failed++ < SL_NEIGH_FAILED_MAX;
}

/* Where it was it is asked some times; then it is to be found anew, and keeps its MAC until that fails,
 * too. */
static void count_try(struct sl_neigh_table *table, struct sl_neigh_entry *entry, uint64_t now_ms)
{
	if (entry->key.kind == SL_NEIGH_OWN && entry->state == SL_NEIGH_RESOLVED &&
	    entry->tries++ >= (entry->disputed ? SL_NEIGH_CHECKS : SL_NEIGH_POLLS)) {
		entry->state = SL_NEIGH_RESOLVING;
		entry->tries = 0;
	}
	if (entry->state == SL_NEIGH_RESOLVING && entry->tries++ >= SL_NEIGH_TRIES)
		sl_neigh_failed(table, entry, now_ms);
	entry->asked_ms = now_ms;
}

struct sl_neigh_entry *sl_neigh_due(struct sl_neigh_table *table, uint64_t now_ms)
{
	for (uint32_t q = 0; q < QUEUE_COUNT; q++) {
		struct sl_neigh_entry *entry = TAILQ_FIRST(&table->queues[q]);

		if (!entry || entry->due_ms > now_ms ||
		    (q == QUEUE_FAILED && !may_ask_failed(table, now_ms)))
			continue;
		count_try(table, entry, now_ms);
		enqueue_later(table, entry, now_ms);
		return entry;
	}
	return NULL;
}

void sl_neigh_unasked(struct sl_neigh_table *table, struct sl_neigh_entry *entry)
{
	if (entry->tries > 0)
		entry->tries--;
	entry->asked_ms = 0;
	enqueue(table, entry, QUEUE_NOW, 0);
}

bool sl_neigh_is_polled(const struct sl_neigh_entry *entry)
{
	return entry->state == SL_NEIGH_RESOLVED && entry->has_mac;
}

/* Of a group, nobody's, or our own. */
static bool is_no_neighbors(const struct sl_neigh_table *table, const struct sl_mac *mac)
{
	static const struct sl_mac nobody;

	if ((mac->octets[0] & 1) || memcmp(mac, &nobody, sizeof(nobody)) == 0)
		return true;
	for (uint32_t p = 0; p < SL_PORTS_MAX; p++)
		if (memcmp(&table->spec.own[p], mac, sizeof(*mac)) == 0)
			return true;
	return false;
}

/* True if mac is none that a neighbour has; that is said once. */
static bool refuse(const struct sl_neigh_table *table, struct sl_neigh_entry *entry,
		   const struct sl_mac *mac)
{
	if (!is_no_neighbors(table, mac))
		return false;
	if (!entry->refused)
		tell(table, entry, SL_NEIGH_NEWS_REFUSED, mac);
	entry->refused = true;
	return true;
}

void sl_neigh_told(struct sl_neigh_table *table, struct sl_neigh_entry *entry,
		   const struct sl_mac *mac, uint64_t now_ms)
{
	bool changed = !entry->has_mac || memcmp(&entry->mac, mac, sizeof(*mac)) != 0;
	bool had = entry->has_mac;

	if (refuse(table, entry, mac))
		return;
	entry->mac = *mac;
	entry->has_mac = true;
	entry->refused = false;
	entry->disputed = false;
	entry->tries = 0;
	entry->told_ms = now_ms;
	entry->state = SL_NEIGH_RESOLVED;
	enqueue_later(table, entry, now_ms);
	if (changed)
		tell(table, entry, had ? SL_NEIGH_NEWS_CHANGED : SL_NEIGH_NEWS_KNOWN, NULL);
}

/* It is in use, and asked for nothing but whether it is still there: whoever has the address answers
 * that where it was. */
static void dispute(struct sl_neigh_table *table, struct sl_neigh_entry *entry,
		    const struct sl_mac *mac, uint64_t now_ms)
{
	if (entry->disputed)
		return;
	entry->disputed = true;
	entry->claimed = *mac;
	entry->tries = 0;
	if (now_ms < entry->quiet_ms)
		enqueue(table, entry, QUEUE_RETRY, now_ms + SL_NEIGH_RETRY_MS);
	else
		enqueue(table, entry, QUEUE_NOW, now_ms);
}

static void confirm(struct sl_neigh_table *table, struct sl_neigh_entry *entry, uint64_t now_ms)
{
	struct sl_mac mac = entry->mac;

	if (entry->disputed) {
		entry->quiet_ms = now_ms + SL_NEIGH_QUIET_MS;
		tell(table, entry, SL_NEIGH_NEWS_KEPT, &entry->claimed);
	}
	sl_neigh_told(table, entry, &mac, now_ms);
}

void sl_neigh_claimed(struct sl_neigh_table *table, struct sl_neigh_entry *entry,
		      const struct sl_mac *mac, uint64_t now_ms)
{
	bool same = entry->has_mac && memcmp(&entry->mac, mac, sizeof(*mac)) == 0;
	bool asked = entry->asked_ms && now_ms - entry->asked_ms < SL_NEIGH_ANSWER_MS;

	if (refuse(table, entry, mac))
		return;
	if (entry->state == SL_NEIGH_RESOLVED && !same)
		dispute(table, entry, mac, now_ms);
	else if (entry->state == SL_NEIGH_RESOLVED && entry->tries > 0)
		confirm(table, entry, now_ms);
	else if (entry->state != SL_NEIGH_RESOLVED && asked)
		sl_neigh_told(table, entry, mac, now_ms);
	else if (entry->state != SL_NEIGH_RESOLVED)
		enqueue(table, entry, QUEUE_NOW, now_ms);
}

void sl_neigh_failed(struct sl_neigh_table *table, struct sl_neigh_entry *entry, uint64_t now_ms)
{
	if (entry->state == SL_NEIGH_FAILED)
		return;
	entry->state = SL_NEIGH_FAILED;
	entry->has_mac = false;
	entry->disputed = false;
	entry->tries = 0;
	entry->told_ms = now_ms;
	enqueue_later(table, entry, now_ms);
	tell(table, entry, SL_NEIGH_NEWS_FAILED, NULL);
}

void sl_neigh_forgotten(struct sl_neigh_table *table, struct sl_neigh_entry *entry)
{
	if (entry->state != SL_NEIGH_RESOLVED)
		return;
	entry->state = SL_NEIGH_RESOLVING;
	enqueue(table, entry, QUEUE_NOW, 0);
}

void sl_neigh_route(struct sl_neigh_table *table, struct sl_neigh_entry *entry,
		    struct sl_neigh_entry *via, uint64_t now_ms)
{
	struct sl_neigh_entry *before = entry->via;

	entry->via = via;
	entry->tries = 0;
	if (!via) {
		sl_neigh_failed(table, entry, now_ms);
	} else if (via != before) {
		entry->state = SL_NEIGH_RESOLVED;
		entry->told_ms = now_ms;
		tell(table, entry, before ? SL_NEIGH_NEWS_CHANGED : SL_NEIGH_NEWS_KNOWN, NULL);
	}
	enqueue_later(table, entry, now_ms);
	sl_neigh_put(table, before);
}

void sl_neigh_again(struct sl_neigh_table *table, bool all)
{
	for (uint32_t i = 0; i < table->count; i++) {
		struct sl_neigh_entry *entry = table->entries[i];

		if (entry->queue != QUEUE_NOW && (entry->key.kind == SL_NEIGH_ROUTE ||
						  (all && entry->key.kind == SL_NEIGH_LINK)))
			enqueue(table, entry, QUEUE_NOW, 0);
	}
}

void sl_neigh_again_on(struct sl_neigh_table *table, uint32_t port)
{
	for (uint32_t i = 0; i < table->count; i++) {
		struct sl_neigh_entry *entry = table->entries[i];

		if (entry->queue != QUEUE_NOW && entry->key.port == port &&
		    entry->key.kind == SL_NEIGH_OWN)
			enqueue(table, entry, QUEUE_NOW, 0);
	}
}

bool sl_neigh_mac(const struct sl_neigh_entry *entry, struct sl_mac *mac)
{
	if (entry && entry->key.kind == SL_NEIGH_ROUTE)
		entry = entry->via;
	if (!entry || !entry->has_mac)
		return false;
	*mac = entry->mac;
	return true;
}

uint32_t sl_neigh_count(const struct sl_neigh_table *table)
{
	return table->count;
}

const struct sl_neigh_entry *sl_neigh_at(const struct sl_neigh_table *table, uint32_t number)
{
	return table->entries[number];
}

/* ---- life ------------------------------------------------------------------------------------ */

struct sl_neigh_table *sl_neigh_table_create(const struct sl_neigh_spec *spec)
{
	struct sl_neigh_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->spec = *spec;
	for (uint32_t q = 0; q < QUEUE_COUNT; q++)
		TAILQ_INIT(&table->queues[q]);
	return table;
}

void sl_neigh_table_destroy(struct sl_neigh_table *table)
{
	for (uint32_t i = 0; table && i < table->count; i++)
		free(table->entries[i]);
	free(table);
}
