/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/frag_table.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/mem.h"

#define WAYS	       8
#define SECRET_TWIST   0x9216d5d98979fb1bull /* tags and slots must not be told from one another */
#define FOLLOWED_FLAGS (SL_PKT_ICMP_ERROR | SL_PKT_ICMP_STRANGE)

struct entry {
	struct sl_key key; /* of the flow */
	uint64_t seen_ms;
	uint16_t flags; /* FOLLOWED_FLAGS of the first fragment */
	uint16_t spare[7];
};

_Static_assert(sizeof(struct entry) == SL_CACHE_LINE, "one cache line an entry");

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

static struct entry *find(struct bucket *bucket, uint64_t tag)
{
	for (uint32_t way = 0; way < WAYS; way++)
		if (bucket->tag[way] == tag)
			return &bucket->entry[way];
	return NULL;
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

static bool is_live(const struct entry *entry, uint64_t now_ms)
{
	return now_ms - entry->seen_ms < SL_FRAG_LIFE_MS;
}

static bool same_key(const struct sl_key *a, const struct sl_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static enum sl_frag_answer learn(struct bucket *bucket, struct entry *known, uint64_t tag,
				 const struct sl_pkt *pkt, uint64_t now_ms)
{
	uint32_t way;

	if (known && now_ms - known->seen_ms < SL_FRAG_OVERLAP_MS &&
	    !same_key(&known->key, &pkt->key))
		return SL_FRAG_REFUSED;
	way = known ? (uint32_t)(known - bucket->entry) : oldest(bucket);
	bucket->tag[way] = tag;
	bucket->entry[way].key = pkt->key;
	bucket->entry[way].seen_ms = now_ms;
	bucket->entry[way].flags = pkt->flags & FOLLOWED_FLAGS;
	return SL_FRAG_KNOWN;
}

enum sl_frag_answer sl_frag_table_follow(struct sl_frag_table *table, uint64_t tag,
					 struct sl_pkt *pkt, uint64_t now_ms)
{
	struct bucket *bucket = &table->buckets[tag >> 32 & table->mask];
	struct entry *known = find(bucket, tag);

	if (!(pkt->fragment & SL_FRAGMENT_OFFSET))
		return learn(bucket, known, tag, pkt, now_ms);
	if (!(pkt->flags & SL_PKT_NO_PORTS))
		return SL_FRAG_KNOWN;
	if (!known || !is_live(known, now_ms))
		return SL_FRAG_EARLY;
	pkt->key = known->key;
	pkt->flags = (uint16_t)((pkt->flags & ~SL_PKT_NO_PORTS) | known->flags);
	return SL_FRAG_KNOWN;
}
