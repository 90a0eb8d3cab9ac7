/* SPDX-License-Identifier: BSD-3-Clause */

/* Why a reader on another core never takes one flow's word for another's.
 *
 * The owner replaces an entry in three stores, each with release order: word = 0, the new tag, the
 * new word. A reader loads tag, word and tag again, the first two with acquire order, and believes
 * the word only when both tags are the one it looks for. If the word it loaded is the new one, the
 * new tag was stored before it, so the second load of the tag finds the new tag (or a later one). If
 * the first tag it loaded is the new one, word = 0 was stored before it, so the word is 0 or the new
 * one. A mix of one flow's tag and another's word would need the entry to be given to another flow
 * and back to the first between two loads; the flow that came last is the last that makes room.
 * Changes of the word alone (last use, kind, node) are single stores. The owner reads what it has
 * written itself.
 *
 * Why a process may die at any instruction. Whoever reads the buckets afterwards is such a reader,
 * with the owner stopped for good between two of its stores: it finds the entry before, none (word
 * 0), or the new one. An entry that was on its way to its second bucket is there twice, with one
 * word. Counts are not read from what is left: they are made again from entries. Words name nodes by
 * index, which mean what the last snapshot's list says (carry/estate.h): it is written before packets
 * see the snapshot, and an index is given to another node only when no table names it.
 */

#include "state/flow_table.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define BITS_MIN    4
#define GATHER_SIZE (1u << 20) /* octets a flow: twice as many as there are huge pages */
#define ROOM_MORE                                                                                  \
	4 /* one in so many more entries than flows, so that both buckets are rarely full */

/* ---- age ------------------------------------------------------------------------------------- */

/* In whole ticks, rounded up: never a moment too short. */
static uint32_t ticks_of(uint64_t ms)
{
	uint64_t ticks = (ms >> SL_TICK_SHIFT) + 1;

	return (uint32_t)SL_MIN(ticks, SL_FLOW_TICK_MASK / 2);
}

/* No idle timeout is longer, and no use since which entries count longer ago. */
static uint64_t longest_of(const struct sl_pool_view *pool, uint64_t now_ms)
{
	uint64_t idle_ms =
		SL_MAX(SL_MAX(pool->idle_ms_other, pool->idle_ms_tcp), pool->idle_ms_udp);

	return SL_MIN(idle_ms, now_ms - SL_MIN(now_ms, pool->entries_since_ms));
}

static uint64_t idle_of(const struct sl_pool_view *pool, enum sl_flow_class class)
{
	if (class == SL_FLOW_TCP)
		return pool->idle_ms_tcp;
	return class == SL_FLOW_UDP ? pool->idle_ms_udp : pool->idle_ms_other;
}

uint32_t sl_flow_life(const struct sl_pool_view *pool, enum sl_flow_class class, uint64_t now_ms)
{
	return ticks_of(SL_MIN(idle_of(pool, class), longest_of(pool, now_ms)));
}

void sl_flow_clock_init(struct sl_flow_clock *clock, const struct sl_pool_view *pool,
			uint64_t now_ms)
{
	uint64_t longest = longest_of(pool, now_ms);

	clock->now = sl_tick(now_ms) & SL_FLOW_TICK_MASK;
	memset(clock->life, 0, sizeof(clock->life));
	for (uint32_t class = 0; class < 4; class ++) {
		uint32_t *life = &clock->life[class];

		life[SL_FLOW_BEGUN << 2] = ticks_of(SL_MIN(SL_FLOW_BEGUN_MS, longest));
		life[SL_FLOW_AGAIN << 2] = ticks_of(SL_MIN(SL_FLOW_AGAIN_MS, longest));
		life[SL_FLOW_LIVE << 2] = sl_flow_life(pool, class, now_ms);
		life[SL_FLOW_STRANGER << 2] = life[SL_FLOW_LIVE << 2];
		life[SL_FLOW_CLOSING << 2] = ticks_of(SL_MIN(SL_FLOW_CLOSING_MS, longest));
	}
}

/* ---- creation -------------------------------------------------------------------------------- */

size_t sl_flow_memory_size(uint32_t bits)
{
	return sl_flow_extra_at(bits) + ((size_t)SL_FLOW_WAYS << bits);
}

int sl_flow_table_create(uint32_t flow_entries, struct sl_flow_table **table)
{
	struct sl_flow_table *made;
	uint64_t entries = (uint64_t)flow_entries + flow_entries / ROOM_MORE;
	uint32_t bits = BITS_MIN;

	if (flow_entries > SL_FLOW_ENTRIES_MAX)
		return -E2BIG;
	while (((uint64_t)SL_FLOW_WAYS << bits) < entries)
		bits++;
	made = sl_mem_alloc(sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->size = sl_flow_memory_size(bits);
	made->buckets = sl_lasting_alloc(made->size, &made->mark);
	if (!made->buckets)
		made->buckets = sl_mem_alloc(made->size);
	if (!made->buckets) {
		sl_mem_free(made, sizeof(*made));
		return -ENOMEM;
	}
	made->node_flows =
		(uint32_t *)(void *)((uint8_t *)made->buckets + sl_flow_buckets_size(bits));
	made->node_load = made->node_flows + SL_NODE_INDEX_MAX;
	made->extra = (uint8_t *)made->buckets + sl_flow_extra_at(bits);
	made->bits = bits;
	made->references = 1;
	*table = made;
	return 0;
}

struct sl_flow_table *sl_flow_table_get(struct sl_flow_table *table)
{
	table->references++;
	return table;
}

void sl_flow_table_put(struct sl_flow_table *table)
{
	if (!table || --table->references > 0)
		return;
	sl_mem_free(table->addresses, sizeof(*table->addresses) * sl_flow_table_capacity(table));
	if (table->mark.number)
		sl_lasting_free(table->buckets, table->size, &table->mark);
	else
		sl_mem_free(table->buckets, table->size);
	sl_mem_free(table, sizeof(*table));
}

/* Early, so that it is like the first touch of a huge page: there is hardly anything to copy. */
void sl_flow_table_gather(struct sl_flow_table *table)
{
	uint64_t entries = __atomic_load_n(&table->tracked, __ATOMIC_RELAXED) +
			   __atomic_load_n(&table->begun, __ATOMIC_RELAXED);
	size_t size = sl_flow_buckets_size(table->bits);

	if (!table->mark.number || table->gathered || entries <= size / GATHER_SIZE)
		return;
	table->gathered = true;
	sl_lasting_gather(table->buckets, size);
}

/* ---- the owner ------------------------------------------------------------------------------- */

static inline void add64(uint64_t *counter, uint64_t count)
{
	__atomic_store_n(counter, *counter + count, __ATOMIC_RELAXED);
}

static inline void add32(uint32_t *counter, int32_t count)
{
	__atomic_store_n(counter, *counter + (uint32_t)count, __ATOMIC_RELAXED);
}

static inline uint8_t *extra_at(const struct sl_flow_table *table,
				const struct sl_flow_entry *entry)
{
	return &table->extra[entry - (const struct sl_flow_entry *)table->buckets];
}

/* What an entry's flow counts for. */
static inline int32_t units_of(const struct sl_flow_table *table, const struct sl_flow_entry *entry)
{
	return sl_unlikely(table->weighs) ? 1 + *extra_at(table, entry) : 1;
}

/* Counts an entry in (by 1) or out (by -1), of so many units. */
static void count_word(struct sl_flow_table *table, uint64_t word, int32_t by, int32_t units)
{
	enum sl_flow_kind kind = sl_flow_kind(word);
	uint32_t node = sl_flow_node(word);

	if (kind == SL_FLOW_FREE)
		return;
	if (sl_flow_is_begun(word)) {
		add64(&table->begun, (uint64_t)(int64_t)by);
	} else {
		add64(&table->tracked, (uint64_t)(int64_t)by);
		add32(&table->node_flows[node], by);
	}
	if (kind == SL_FLOW_CLOSING)
		return;
	add32(&table->node_load[node], by * units);
	add32(&table->node_load[SL_NODE_NOBODY], by * units);
}

/* Counts what an entry was out and what it is in. */
static inline void recount(struct sl_flow_table *table, uint64_t was, uint64_t is, int32_t units)
{
	if (sl_flow_is_begun(was) && sl_flow_is_begun(is)) {
		add32(&table->node_load[sl_flow_node(was)], -units);
		add32(&table->node_load[sl_flow_node(is)], units);
		return;
	}
	count_word(table, was, -1, units);
	count_word(table, is, 1, units);
}

static void weigh(struct sl_flow_table *table, struct sl_flow_entry *entry, uint32_t extra)
{
	int32_t more = (int32_t)extra - *extra_at(table, entry);

	table->weighs |= extra > 0;
	__atomic_store_n(extra_at(table, entry), (uint8_t)extra, __ATOMIC_RELAXED);
	if (sl_flow_kind(entry->word) == SL_FLOW_CLOSING)
		return;
	add32(&table->node_load[sl_flow_node(entry->word)], more);
	add32(&table->node_load[SL_NODE_NOBODY], more);
}

void sl_flow_table_weigh(struct sl_flow_table *table, uint64_t tag, uint32_t extra)
{
	struct sl_flow_entry *entry = sl_flow_table_find(table, tag);

	if (entry)
		weigh(table, entry, extra);
}

static inline void write_entry(struct sl_flow_table *table, struct sl_flow_entry *entry,
			       uint64_t tag, uint64_t word)
{
	if (sl_unlikely(table->weighs) && entry->word && (entry->tag != tag || !word))
		weigh(table, entry, 0); /* the next flow there has its own */
	if (sl_flow_node(entry->word) != sl_flow_node(word) ||
	    sl_flow_kind(entry->word) != sl_flow_kind(word))
		recount(table, entry->word, word, units_of(table, entry));
	if (!word)
		tag = 0;
	if (entry->tag != tag) {
		__atomic_store_n(&entry->word, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&entry->tag, tag, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&entry->word, word, __ATOMIC_RELEASE);
}

void sl_flow_table_write(struct sl_flow_table *table, struct sl_flow_entry *entry, uint64_t tag,
			 uint64_t word)
{
	write_entry(table, entry, tag, word);
}

/* ---- room ------------------------------------------------------------------------------------ */

/* A bucket's ways, one a lane of 32 bits. */
struct ways {
	uint32_t free; /* bits: no entry, or an expired one */
	__m128i made;  /* age and one more of those that a packet may have made up; 0: another */
};

static inline __m128i lanes(uint32_t value)
{
	return _mm_set1_epi32((int32_t)value);
}

static inline __m128i lives(const struct sl_flow_clock *clock, enum sl_flow_kind kind)
{
	return _mm_loadu_si128((const __m128i *)(const void *)&clock->life[kind << 2]);
}

/* As sl_flow_age() says. */
static inline __m128i ages_of(__m128i high, const struct sl_flow_clock *clock)
{
	__m128i last = _mm_srli_epi32(high, SL_FLOW_LAST_SHIFT - 32);
	__m128i age =
		_mm_and_si128(_mm_sub_epi32(lanes(clock->now), last), lanes(SL_FLOW_TICK_MASK));

	return _mm_andnot_si128(_mm_cmpgt_epi32(age, lanes(SL_FLOW_TICK_MASK / 2)), age);
}

/* All ways at once: which of them has room cannot be foretold, and of eight the oldest is wanted
 * (by branches and one by one 120 instructions, so 60). */
static inline struct ways ways_of(const struct sl_flow_bucket *bucket,
				  const struct sl_flow_clock *clock)
{
	const __m128i *entry = (const __m128i *)(const void *)bucket->entry;
	__m128 front = _mm_castsi128_ps(
		_mm_unpackhi_epi64(_mm_load_si128(entry), _mm_load_si128(entry + 1)));
	__m128 back = _mm_castsi128_ps(
		_mm_unpackhi_epi64(_mm_load_si128(entry + 2), _mm_load_si128(entry + 3)));
	__m128i low = _mm_castps_si128(_mm_shuffle_ps(front, back, 0x88)); /* of the words */
	__m128i age = ages_of(_mm_castps_si128(_mm_shuffle_ps(front, back, 0xdd)), clock);
	__m128i kind = _mm_and_si128(low, lanes(3u << SL_FLOW_KIND_SHIFT));
	__m128i odd = _mm_and_si128(low, lanes(SL_FLOW_ODD << SL_FLOW_KIND_SHIFT));
	__m128i begun = _mm_cmpeq_epi32(kind, lanes(SL_FLOW_BEGUN << SL_FLOW_KIND_SHIFT));
	__m128i closing = _mm_cmpeq_epi32(kind, lanes(SL_FLOW_CLOSING << SL_FLOW_KIND_SHIFT));
	__m128i class = _mm_and_si128(_mm_srli_epi32(low, SL_FLOW_CLASS_SHIFT), lanes(3));
	/* octets of the class's life in those of four classes */
	__m128i at = _mm_add_epi32(_mm_mullo_epi32(class, lanes(0x04040404)), lanes(0x03020100));
	__m128i life = _mm_shuffle_epi8(lives(clock, SL_FLOW_LIVE), at);
	__m128i free = _mm_cmpeq_epi32(kind, _mm_setzero_si128());

	odd = _mm_cmpgt_epi32(odd, _mm_setzero_si128());
	life = _mm_blendv_epi8(life, lives(clock, SL_FLOW_BEGUN), begun);
	life = _mm_blendv_epi8(life, lives(clock, SL_FLOW_AGAIN), _mm_and_si128(begun, odd));
	life = _mm_blendv_epi8(life, lives(clock, SL_FLOW_CLOSING), closing);
	free = _mm_or_si128(free, _mm_cmpgt_epi32(age, life));
	return (struct ways){(uint32_t)_mm_movemask_ps(_mm_castsi128_ps(free)),
			     _mm_and_si128(_mm_or_si128(begun, odd), _mm_add_epi32(age, lanes(1)))};
}

_Static_assert(SL_FLOW_FREE == 0 && SL_FLOW_KIND_SHIFT + 3 < 32, "kinds are in the low half");

/* A free or expired entry of the two buckets, the first before the second; else the oldest that a packet
 * may have made up, which is counted; else NULL. */
static inline struct sl_flow_entry *room_in(struct sl_flow_table *table,
					    const struct sl_flow_clock *clock,
					    struct sl_flow_bucket *first,
					    struct sl_flow_bucket *second)
{
	struct ways ways = ways_of(first, clock), more;
	__m128i youth;
	uint32_t least, way;

	if (ways.free)
		return &first->entry[__builtin_ctz(ways.free)];
	more = ways_of(second, clock);
	if (more.free)
		return &second->entry[__builtin_ctz(more.free)];
	/* The least of what is missing to the oldest there can be, and the first that has it. */
	youth = _mm_minpos_epu16(
		_mm_xor_si128(_mm_packus_epi32(ways.made, more.made), lanes(UINT32_MAX)));
	least = (uint32_t)_mm_cvtsi128_si32(youth);
	if ((least & 0xffff) == 0xffff)
		return NULL;
	add64(&table->evicted, 1);
	way = least >> 16;
	return way < SL_FLOW_WAYS ? &first->entry[way] : &second->entry[way - SL_FLOW_WAYS];
}

/* An entry of the bucket whose flow is in its first one and has room in its second, or may put out another
 * there: moves there. Readers look at the second bucket last, so they find it in one or
 * the other. */
static struct sl_flow_entry *make_room(struct sl_flow_table *table, struct sl_flow_bucket *bucket,
				       const struct sl_flow_clock *clock)
{
	for (uint32_t i = 0; i < SL_FLOW_WAYS; i++) {
		struct sl_flow_entry *entry = &bucket->entry[i], *room;
		struct sl_flow_bucket *second = sl_flow_table_second(table, entry->tag);
		uint32_t extra;

		if (sl_flow_table_first(table, entry->tag) != bucket)
			continue;
		room = room_in(table, clock, second, second);
		if (!room)
			continue;
		extra = *extra_at(table, entry);
		write_entry(table, room, entry->tag, entry->word);
		if (sl_unlikely(extra))
			weigh(table, room, extra);
		write_entry(table, entry, entry->tag, 0);
		return entry;
	}
	return NULL;
}

bool sl_flow_table_enter(struct sl_flow_table *table, const struct sl_flow_clock *clock,
			 uint64_t tag, uint64_t word)
{
	struct sl_flow_bucket *first = sl_flow_table_first(table, tag);
	struct sl_flow_bucket *second = sl_flow_table_second(table, tag);
	struct sl_flow_entry *room = room_in(table, clock, first, second);

	if (sl_unlikely(!room))
		room = make_room(table, first, clock);
	if (sl_unlikely(!room))
		room = make_room(table, second, clock);
	if (sl_unlikely(!room)) {
		add64(&table->refused, 1);
		return false;
	}
	write_entry(table, room, tag, word);
	return true;
}

bool sl_flow_table_sweep(struct sl_flow_table *table, const struct sl_snapshot *snapshot,
			 const struct sl_flow_clock *clock, uint32_t buckets)
{
	if (!table->tracked && !table->begun) {
		__atomic_store_n(&table->passes, table->passes + 1, __ATOMIC_RELEASE);
		return false;
	}
	for (; buckets > 0; buckets--) {
		struct sl_flow_bucket *bucket = &table->buckets[table->sweep_at];

		for (uint32_t i = 0; i < SL_FLOW_WAYS; i++) {
			uint64_t word = bucket->entry[i].word;

			if (word && (!sl_flow_counts(clock, word) ||
				     !sl_snapshot_has_node(snapshot, sl_flow_node(word))))
				write_entry(table, &bucket->entry[i], bucket->entry[i].tag, 0);
		}
		if (++table->sweep_at >> table->bits) {
			table->sweep_at = 0;
			__atomic_store_n(&table->passes, table->passes + 1, __ATOMIC_RELEASE);
		}
	}
	rte_prefetch0(&table->buckets[table->sweep_at]);
	return true;
}

/* ---- readers --------------------------------------------------------------------------------- */

static uint64_t read_in(const struct sl_flow_bucket *bucket, uint64_t tag)
{
	for (uint32_t i = 0; i < SL_FLOW_WAYS; i++) {
		const struct sl_flow_entry *entry = &bucket->entry[i];
		uint64_t word;

		if (__atomic_load_n(&entry->tag, __ATOMIC_ACQUIRE) != tag)
			continue;
		word = __atomic_load_n(&entry->word, __ATOMIC_ACQUIRE);
		if (word && __atomic_load_n(&entry->tag, __ATOMIC_RELAXED) == tag)
			return word;
	}
	return 0;
}

uint64_t sl_flow_table_read(const struct sl_flow_table *table, uint64_t tag)
{
	uint64_t word = read_in(sl_flow_table_first(table, tag), tag);

	return word ? word : read_in(sl_flow_table_second(table, tag), tag);
}

bool sl_flow_entry_at(const struct sl_flow_bucket *buckets, uint32_t index,
		      struct sl_flow_entry *entry)
{
	const struct sl_flow_entry *at = &buckets[index / SL_FLOW_WAYS].entry[index % SL_FLOW_WAYS];
	struct sl_flow_entry found;

	found.tag = __atomic_load_n(&at->tag, __ATOMIC_ACQUIRE);
	found.word = __atomic_load_n(&at->word, __ATOMIC_ACQUIRE);
	if (!found.word || __atomic_load_n(&at->tag, __ATOMIC_RELAXED) != found.tag)
		return false;
	*entry = found;
	return true;
}

bool sl_flow_table_at(const struct sl_flow_table *table, uint32_t index,
		      struct sl_flow_entry *entry)
{
	return sl_flow_entry_at(table->buckets, index, entry);
}
