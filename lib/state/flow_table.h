/* SPDX-License-Identifier: BSD-3-Clause */

/* A receive core's flow table for one pool: remembers which node a flow was given.
 *
 * Why:     an unsettled slot has flows of several nodes; this tells them apart. It also remembers
 *          connections being opened, and every flow of a fully tracked pool.
 * Shape:   buckets of one cache line hold four entries of 16 octets: a tag of 64 bits and a word of
 *          node, kind, last use. A flow has two buckets by its tag; the second one is looked at when
 *          the first does not know it. Entries age where they stand. Room is made by expired
 *          entries, then by the oldest of flows that a single packet may have made up: begun ones
 *          and strangers. Never by a live one.
 *          The tag is a keyed hash of the whole five-tuple under a secret that no sender knows; with
 *          ten million flows two of them share a tag with a probability of 3 in a million.
 * Threads: one owner core writes. sl_flow_table_read() and _at(), the counters: any thread, at any
 *          time. A reader never takes one flow's word for another's: see flow_table.c.
 * Memory:  all at creation, for at least flow_entries flows; pages are touched when used. Buckets
 *          outlive the process where there is such memory (base/lasting.h): see flow_table.c.
 * Errors:  create: 0, -ENOMEM or -E2BIG; the rest cannot fail, what finds no room is counted.
 */

#ifndef SL_STATE_FLOW_TABLE_H
#define SL_STATE_FLOW_TABLE_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_prefetch.h>

#include "base/bytes.h"
#include "base/lasting.h"
#include "base/limit.h"
#include "state/pool_memory.h"
#include "state/snapshot.h"

#define SL_FLOW_ENTRIES_MAX (1u << 28)		  /* of one table */
#define SL_FLOW_WAYS	    4			  /* entries of a bucket */
#define SL_FLOW_SECOND	    0x9e3779b97f4a7c15ull /* the tag times it names the second bucket */

#define SL_FLOW_BEGUN_MS   8000u  /* how long a connection may take to open */
#define SL_FLOW_AGAIN_MS   64000u /* when its SYN came again: hosts wait up to 32 s in between */
#define SL_FLOW_CLOSING_MS 60000u /* how long a closed one is remembered */

/* The lower two bits say how long it counts, SL_FLOW_ODD that another rule holds. */
enum sl_flow_kind {
	SL_FLOW_FREE = 0,
	SL_FLOW_BEGUN = 1,
	SL_FLOW_LIVE = 2,
	SL_FLOW_CLOSING = 3,
	SL_FLOW_ODD = 4,
	SL_FLOW_AGAIN = SL_FLOW_ODD | SL_FLOW_BEGUN,   /* begun, and the SYN came again */
	SL_FLOW_STRANGER = SL_FLOW_ODD | SL_FLOW_LIVE, /* seen first in mid-life, not again later */
};

#define SL_FLOW_KINDS 8 /* values that fit a word */

enum sl_flow_class { SL_FLOW_OTHER = 0, SL_FLOW_TCP = 1, SL_FLOW_UDP = 2 };

/* ---- an entry's word ----------------------------------------------------------------------------
 * node 17 bits, class 2, kind 3, upper 16 bits of the sequence number (the last one's, but for
 * beginnings and ends that seem to be another connection's), tick of last use 26. */

#define SL_FLOW_CLASS_SHIFT 17
#define SL_FLOW_KIND_SHIFT  19
#define SL_FLOW_SEQ_SHIFT   22
#define SL_FLOW_LAST_SHIFT  38
#define SL_FLOW_NODE_MASK   ((1ull << SL_FLOW_CLASS_SHIFT) - 1)
#define SL_FLOW_TICK_MASK   ((1u << (64 - SL_FLOW_LAST_SHIFT)) - 1)
#define SL_FLOW_LAST_BELOW  ((1ull << SL_FLOW_LAST_SHIFT) - 1) /* all fields but the tick */

_Static_assert(SL_NODE_INDEX_MAX <= 1 << SL_FLOW_CLASS_SHIFT, "a node index fits an entry");

static inline uint64_t sl_flow_word(uint32_t node, enum sl_flow_class class, enum sl_flow_kind kind,
				    uint16_t seq, uint32_t tick)
{
	return node | (uint64_t) class << SL_FLOW_CLASS_SHIFT |
	       (uint64_t)kind << SL_FLOW_KIND_SHIFT | (uint64_t)seq << SL_FLOW_SEQ_SHIFT |
	       (uint64_t)tick << SL_FLOW_LAST_SHIFT;
}

static inline uint32_t sl_flow_node(uint64_t word)
{
	return (uint32_t)(word & SL_FLOW_NODE_MASK);
}

static inline enum sl_flow_class sl_flow_class(uint64_t word)
{
	return (enum sl_flow_class)(word >> SL_FLOW_CLASS_SHIFT & 3);
}

static inline enum sl_flow_kind sl_flow_kind(uint64_t word)
{
	return (enum sl_flow_kind)(word >> SL_FLOW_KIND_SHIFT & 7);
}

/* Whether only beginnings of the flow have been seen. */
static inline bool sl_flow_is_begun(uint64_t word)
{
	return (sl_flow_kind(word) & ~SL_FLOW_ODD) == SL_FLOW_BEGUN;
}

/* Class and kind of a word as a number: of those below SL_FLOW_KINDS * 4. */
static inline uint32_t sl_flow_sort(uint64_t word)
{
	return (uint32_t)(word >> SL_FLOW_CLASS_SHIFT) & (4 * SL_FLOW_KINDS - 1);
}

static inline uint16_t sl_flow_seq(uint64_t word)
{
	return (uint16_t)(word >> SL_FLOW_SEQ_SHIFT);
}

static inline uint32_t sl_flow_last(uint64_t word)
{
	return (uint32_t)(word >> SL_FLOW_LAST_SHIFT);
}

/* ---- age ------------------------------------------------------------------------------------- */

/* A pool's times at one moment. */
struct sl_flow_clock {
	uint32_t now;			  /* tick, as words hold it */
	uint32_t life[4 * SL_FLOW_KINDS]; /* ticks an entry counts after its last use, by
					     sl_flow_sort(); at most SL_FLOW_TICK_MASK */
};

/* Ticks that the entry of a live flow counts after its last use. */
uint32_t sl_flow_life(const struct sl_pool_view *pool, enum sl_flow_class class, uint64_t now_ms);

/* No entry counts for longer than the pool's longest idle timeout, so that a slot which nobody has
 * stamped for that long has no entry left that names another node than its own. */
void sl_flow_clock_init(struct sl_flow_clock *clock, const struct sl_pool_view *pool,
			uint64_t now_ms);

/* Ticks since the last use; what another core has used a moment after our clock was read is new. */
static inline uint32_t sl_flow_age(const struct sl_flow_clock *clock, uint64_t word)
{
	uint32_t age = (clock->now - sl_flow_last(word)) & SL_FLOW_TICK_MASK;

	return age > SL_FLOW_TICK_MASK / 2 ? 0 : age;
}

/* Whether the entry is younger than its life. */
static inline bool sl_flow_counts(const struct sl_flow_clock *clock, uint64_t word)
{
	return sl_flow_age(clock, word) <= clock->life[sl_flow_sort(word)];
}

/* ---- the table ------------------------------------------------------------------------------- */

struct sl_flow_entry {
	uint64_t tag;  /* 0: no entry */
	uint64_t word; /* 0: no entry */
};

struct sl_flow_bucket {
	struct sl_flow_entry entry[SL_FLOW_WAYS];
};

_Static_assert(sizeof(struct sl_flow_bucket) == SL_CACHE_LINE, "one cache line a look");

/* Whose an entry is. */
struct sl_flow_address {
	uint64_t tag; /* the entry's; another one, or 0: nobody's */
	struct sl_key key;
	uint64_t spare[2];
};

_Static_assert(sizeof(struct sl_flow_address) == SL_CACHE_LINE, "one cache line an entry");

struct sl_flow_table {
	struct sl_flow_bucket *buckets;
	/* one an entry, as path/address.h has them; NULL: not kept; the pointer is written by control,
	 * once */
	struct sl_flow_address *addresses;
	uint32_t bits;		     /* log2 of the buckets */
	uint32_t references;	     /* control only */
	size_t size;		     /* of the memory of buckets and the counts by node */
	struct sl_lasting_mark mark; /* of that memory, where it lasts; control only */
	bool gathered;		     /* its huge pages were asked for; control only */
	/* by node index; written: owner; read: all */
	uint32_t *node_flows; /* entries live or closing */
	uint32_t *
		node_load; /* entries begun or live, what schedulers go by; of SL_NODE_NOBODY: all */
	uint8_t *extra;	   /* by entry: what its flow counts for in node_load beyond 1 */
	bool weighs;	   /* some entry has had such */
	/* written: owner; read: all */
	uint64_t tracked __attribute__((aligned(SL_CACHE_LINE))); /* entries live or closing */
	uint64_t begun;						  /* entries begun */
	uint64_t refused;					  /* flows that found no room */
	uint64_t evicted; /* begun entries and strangers that made room */
	uint64_t passes;  /* times the sweep has gone over the whole table */
	uint32_t sweep_at;
};

int sl_flow_table_create(uint32_t flow_entries, struct sl_flow_table **table);
struct sl_flow_table *sl_flow_table_get(struct sl_flow_table *table);
void sl_flow_table_put(struct sl_flow_table *table); /* takes NULL */

/* Control, once in a while: huge pages for a table of lasting memory, as soon as it has entries. */
void sl_flow_table_gather(struct sl_flow_table *table);

/* Octets of the buckets of a table of 2^bits of them, and of all the memory that begins with them. */
static inline size_t sl_flow_buckets_size(uint32_t bits)
{
	return sizeof(struct sl_flow_bucket) << bits;
}

size_t sl_flow_memory_size(uint32_t bits);

/* Where in that memory an octet for each entry begins: what its flow counts for beyond 1. */
static inline size_t sl_flow_extra_at(uint32_t bits)
{
	return sl_flow_buckets_size(bits) + 2 * sizeof(uint32_t) * SL_NODE_INDEX_MAX;
}

static inline uint32_t sl_flow_table_capacity(const struct sl_flow_table *table)
{
	return SL_FLOW_WAYS << table->bits;
}

static inline struct sl_flow_bucket *sl_flow_table_first(const struct sl_flow_table *table,
							 uint64_t tag)
{
	return &table->buckets[tag >> (64 - table->bits)];
}

static inline struct sl_flow_bucket *sl_flow_table_second(const struct sl_flow_table *table,
							  uint64_t tag)
{
	return &table->buckets[(tag * SL_FLOW_SECOND) >> (64 - table->bits)];
}

static inline void sl_flow_table_prefetch(const struct sl_flow_table *table, uint64_t tag)
{
	rte_prefetch0(sl_flow_table_first(table, tag));
}

/* A bit for the way that has the tag, none or one. Free ways have tag 0. */
static inline uint32_t sl_flow_bucket_ways(const struct sl_flow_bucket *bucket, uint64_t tag)
{
	const __m128i *entry = (const __m128i *)(const void *)bucket->entry;
	__m128i want = _mm_set1_epi64x((int64_t)tag);
	__m128i low = _mm_unpacklo_epi64(_mm_load_si128(entry), _mm_load_si128(entry + 1));
	__m128i high = _mm_unpacklo_epi64(_mm_load_si128(entry + 2), _mm_load_si128(entry + 3));
	__m128 equal = _mm_shuffle_ps(_mm_castsi128_ps(_mm_cmpeq_epi64(low, want)),
				      _mm_castsi128_ps(_mm_cmpeq_epi64(high, want)), 0x88);

	return (uint32_t)_mm_movemask_ps(equal);
}

_Static_assert(SL_FLOW_WAYS == 4, "as sl_flow_bucket_ways() has them");

static inline struct sl_flow_entry *sl_flow_bucket_find(struct sl_flow_bucket *bucket, uint64_t tag)
{
	uint32_t ways = sl_flow_bucket_ways(bucket, tag);
	struct sl_flow_entry *entry;

	if (!ways)
		return NULL;
	entry = &bucket->entry[__builtin_ctz(ways)];
	return entry->word ? entry : NULL;
}

/* Owner: the tag's entry, whether it still counts or not; NULL: none. */
static inline struct sl_flow_entry *sl_flow_table_find(const struct sl_flow_table *table,
						       uint64_t tag)
{
	struct sl_flow_entry *entry = sl_flow_bucket_find(sl_flow_table_first(table, tag), tag);

	return entry ? entry : sl_flow_bucket_find(sl_flow_table_second(table, tag), tag);
}

/* Owner: enters a tag that has no entry: in place of none or of an expired one, else of the oldest
 * begun one or stranger, else of one that finds such room in its second bucket and moves there. False: there is
 * no room, and the refusal is counted. */
bool sl_flow_table_enter(struct sl_flow_table *table, const struct sl_flow_clock *clock,
			 uint64_t tag, uint64_t word);

/* Owner: what the tag's flow counts for in node_load, beyond 1. It is not kept when it has no entry. */
void sl_flow_table_weigh(struct sl_flow_table *table, uint64_t tag, uint32_t extra);

/* Owner: enters a tag whose flow counts for more than 1. */
static inline bool sl_flow_table_enter_heavy(struct sl_flow_table *table,
					     const struct sl_flow_clock *clock, uint64_t tag,
					     uint64_t word, uint32_t extra)
{
	if (!sl_flow_table_enter(table, clock, tag, word))
		return false;
	if (sl_unlikely(extra))
		sl_flow_table_weigh(table, tag, extra);
	return true;
}

/* Any thread: what entry number index counts for beyond 1. */
static inline uint32_t sl_flow_table_extra(const struct sl_flow_table *table, uint32_t index)
{
	return __atomic_load_n(&table->extra[index], __ATOMIC_RELAXED);
}

/* Owner: makes the entry this; keeps the counts. word 0 frees it. */
void sl_flow_table_write(struct sl_flow_table *table, struct sl_flow_entry *entry, uint64_t tag,
			 uint64_t word);

/* Owner: frees, in the next `buckets` buckets, what is expired and what names a node that is no
 * more. False: the table is empty. */
bool sl_flow_table_sweep(struct sl_flow_table *table, const struct sl_snapshot *snapshot,
			 const struct sl_flow_clock *clock, uint32_t buckets);

/* Any thread: the tag's word, or 0. */
uint64_t sl_flow_table_read(const struct sl_flow_table *table, uint64_t tag);

/* Any thread: entry number index (below the capacity), for `flows`; false: there is none. */
bool sl_flow_table_at(const struct sl_flow_table *table, uint32_t index,
		      struct sl_flow_entry *entry);

/* The same of buckets alone. */
bool sl_flow_entry_at(const struct sl_flow_bucket *buckets, uint32_t index,
		      struct sl_flow_entry *entry);

#endif
