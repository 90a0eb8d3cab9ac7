/* SPDX-License-Identifier: BSD-3-Clause */

#include "lcore/frag_table.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/mem.h"

#define WAYS	       8
#define SECRET_TWIST   0x9216d5d98979fb1bull /* tags and slots must not be told from one another */
#define FOLLOWED_FLAGS (SL_PKT_ICMP_ERROR | SL_PKT_ICMP_STRANGE)

#define ENTRY_WORDS 8

/* written: owner; read: any. Why others never take half of one entry and half of another: `turn` is odd
 * while the owner writes, and all words are stored with release order after it became so and loaded
 * with acquire order before it is read again. Who loaded a new word finds another turn. */
struct entry {
	union {
		uint64_t word[ENTRY_WORDS];
		struct {
			struct sl_key key; /* of the flow */
			uint64_t seen_ms;
			uint32_t ends;	/* that have no fragment beside them: see ends_of() */
			uint16_t flags; /* FOLLOWED_FLAGS of the first fragment */
			uint16_t spare;
			uint32_t turn;
			uint32_t spare_too;
		};
	};
};

_Static_assert(sizeof(struct entry) == SL_CACHE_LINE, "one cache line an entry");
_Static_assert(offsetof(struct entry, turn) == 7 * sizeof(uint64_t), "the last word");

struct bucket {
	uint64_t tag[WAYS]; /* 0: free */
	struct entry entry[WAYS];
};

struct sl_frag_table {
	struct sl_hash_key secret;
	uint32_t mask;
	size_t size;
	struct bucket *buckets;
};

int sl_frag_table_create(uint32_t entries, const struct sl_hash_key *secret,
			 struct sl_frag_table **table)
{
	struct sl_frag_table *made = sl_mem_alloc(sizeof(*made));
	uint32_t buckets = 1;

	if (!made)
		return -ENOMEM;
	while (buckets * WAYS < entries)
		buckets *= 2;
	made->secret.word[0] = secret->word[0] ^ SECRET_TWIST;
	made->secret.word[1] = secret->word[1];
	made->mask = buckets - 1;
	made->size = buckets * sizeof(struct bucket);
	made->buckets = sl_mem_alloc(made->size);
	if (!made->buckets) {
		sl_mem_free(made, sizeof(*made));
		return -ENOMEM;
	}
	*table = made;
	return 0;
}

void sl_frag_table_destroy(struct sl_frag_table *table)
{
	if (!table)
		return;
	sl_mem_free(table->buckets, table->size);
	sl_mem_free(table, sizeof(*table));
}

uint64_t sl_frag_tag(const struct sl_frag_table *table, const uint8_t *frame,
		     const struct sl_pkt *pkt)
{
	const uint8_t *ip = frame + pkt->l3_off;
	uint64_t misc = (uint64_t)sl_pkt_fragment_id(frame, pkt) << 8;
	uint64_t tag;

	/* The addresses are read from the packet: the key of an ICMP error is another flow's. IPv4
	 * tells datagrams apart by protocol, too; IPv6 does not. */
	if (pkt->flags & SL_PKT_IPV6)
		tag = sl_hash5(&table->secret, misc, sl_load64(ip + SL_IP6_SRC),
			       sl_load64(ip + SL_IP6_SRC + 8), sl_load64(ip + SL_IP6_DST),
			       sl_load64(ip + SL_IP6_DST + 8));
	else
		tag = sl_hash2(&table->secret, misc | pkt->protocol, sl_load64(ip + SL_IP4_SRC));
	return tag ? tag : 1;
}

static uint32_t find(const struct bucket *bucket, uint64_t tag)
{
	uint32_t way = 0;

	while (way < WAYS && __atomic_load_n(&bucket->tag[way], __ATOMIC_RELAXED) != tag)
		way++;
	return way;
}

/* A free way, or else the one seen longest ago. */
static uint32_t oldest(const struct bucket *bucket)
{
	uint32_t best = 0;

	for (uint32_t way = 0; way < WAYS; way++) {
		if (bucket->tag[way] == 0)
			return way;
		if (bucket->entry[way].seen_ms < bucket->entry[best].seen_ms)
			best = way;
	}
	return best;
}

/* Another core's clock may be ahead. */
static uint64_t age_of(const struct entry *entry, uint64_t now_ms)
{
	return now_ms - SL_MIN(now_ms, entry->seen_ms);
}

static bool same_key(const struct sl_key *a, const struct sl_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- whole datagrams ---------------------------------------------------------------------------- */

/* A place in a datagram where fragments meet, as a number that no sum of others is. */
static uint32_t place_of(const struct sl_frag_table *table, uint32_t octet)
{
	return (uint32_t)sl_hash2(&table->secret, octet, 0);
}

/* What a fragment adds to the sum of its datagram's open ends: where it begins, less where it ends.
 * Fragments that lie side by side without a gap take one another away, in any order; the first one's
 * beginning and the last one's end do not count. So the sum is 0 when the datagram is whole, and
 * hardly ever else: neither a fragment that was sent twice nor one that overlaps makes it so. */
static uint32_t ends_of(const struct sl_frag_table *table, const struct sl_pkt *pkt)
{
	uint32_t start = pkt->fragment & SL_FRAGMENT_OFFSET;
	uint32_t size = (uint32_t)(pkt->l3_off + pkt->l3_size - pkt->l4_off);

	return (start ? place_of(table, start) : 0) -
	       ((pkt->fragment & SL_FRAGMENT_MORE) ? place_of(table, start + size) : 0);
}

/* ---- the owner ---------------------------------------------------------------------------------- */

static void write_entry(struct bucket *bucket, uint32_t way, uint64_t tag, struct entry *entry)
{
	struct entry *to = &bucket->entry[way];

	entry->turn = to->turn + 2;
	__atomic_store_n(&to->turn, to->turn + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&bucket->tag[way], tag, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < ENTRY_WORDS - 1; i++)
		__atomic_store_n(&to->word[i], entry->word[i], __ATOMIC_RELEASE);
	__atomic_store_n(&to->turn, entry->turn, __ATOMIC_RELEASE);
}

static enum sl_frag_answer learn(const struct sl_frag_table *table, struct bucket *bucket,
				 uint64_t tag, const struct sl_pkt *pkt, uint64_t now_ms)
{
	uint32_t way = find(bucket, tag);
	const struct entry *known = way < WAYS ? &bucket->entry[way] : NULL;
	struct entry entry = {0};

	if (known && known->ends && age_of(known, now_ms) < SL_FRAG_OVERLAP_MS &&
	    !same_key(&known->key, &pkt->key))
		return SL_FRAG_REFUSED;
	entry.key = pkt->key;
	entry.seen_ms = now_ms;
	entry.ends = ends_of(table, pkt);
	entry.flags = pkt->flags & FOLLOWED_FLAGS;
	write_entry(bucket, known ? way : oldest(bucket), tag, &entry);
	return SL_FRAG_KNOWN;
}

/* Whether the entry speaks for a later fragment of its tag; it does. */
static bool give(const struct entry *entry, struct sl_pkt *pkt, uint64_t now_ms, bool whole)
{
	if ((!whole && !entry->ends) || age_of(entry, now_ms) >= SL_FRAG_LIFE_MS)
		return false;
	pkt->key = entry->key;
	pkt->flags = (uint16_t)((pkt->flags & ~SL_PKT_NO_PORTS) | entry->flags);
	return true;
}

enum sl_frag_answer sl_frag_table_follow(struct sl_frag_table *table, uint64_t tag,
					 struct sl_pkt *pkt, uint64_t now_ms)
{
	struct bucket *bucket = &table->buckets[tag >> 32 & table->mask];
	struct entry *known;
	uint32_t way;

	if (!(pkt->fragment & SL_FRAGMENT_OFFSET))
		return learn(table, bucket, tag, pkt, now_ms);
	if (!(pkt->flags & SL_PKT_NO_PORTS))
		return SL_FRAG_KNOWN;
	way = find(bucket, tag);
	if (way == WAYS)
		return SL_FRAG_EARLY;
	known = &bucket->entry[way];
	if (!give(known, pkt, now_ms, false))
		return SL_FRAG_EARLY;
	__atomic_store_n(&known->ends, known->ends + ends_of(table, pkt), __ATOMIC_RELAXED);
	return SL_FRAG_KNOWN;
}

/* ---- others ------------------------------------------------------------------------------------- */

bool sl_frag_table_ask(const struct sl_frag_table *table, uint64_t tag, struct sl_pkt *pkt,
		       uint64_t now_ms, bool whole)
{
	const struct bucket *bucket = &table->buckets[tag >> 32 & table->mask];
	uint32_t way = find(bucket, tag), turn;
	const struct entry *from = &bucket->entry[way];
	struct entry entry;

	if (way == WAYS)
		return false;
	turn = __atomic_load_n(&from->turn, __ATOMIC_ACQUIRE);
	if (turn % 2 || __atomic_load_n(&bucket->tag[way], __ATOMIC_ACQUIRE) != tag)
		return false;
	for (uint32_t i = 0; i < ENTRY_WORDS - 1; i++)
		entry.word[i] = __atomic_load_n(&from->word[i], __ATOMIC_ACQUIRE);
	return __atomic_load_n(&from->turn, __ATOMIC_RELAXED) == turn &&
	       give(&entry, pkt, now_ms, whole);
}

/* ---- those of all cores ------------------------------------------------------------------------- */

int sl_frag_tables_create(uint32_t count, uint32_t entries, struct sl_frag_tables **tables)
{
	struct sl_frag_tables *made = sl_mem_alloc(sizeof(*made));
	struct sl_hash_key secret;
	int rc = 0;

	if (!made)
		return -ENOMEM;
	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		rc = -EIO;
	for (; rc == 0 && made->count < count; made->count += rc == 0)
		rc = sl_frag_table_create(entries, &secret, &made->core[made->count]);
	if (rc < 0) {
		sl_frag_tables_destroy(made);
		return rc;
	}
	*tables = made;
	return 0;
}

void sl_frag_tables_destroy(struct sl_frag_tables *tables)
{
	if (!tables)
		return;
	for (uint32_t i = 0; i < tables->count; i++)
		sl_frag_table_destroy(tables->core[i]);
	sl_mem_free(tables, sizeof(*tables));
}
