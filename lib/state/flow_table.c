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
 */

#include "state/flow_table.h"

#include <errno.h>

#include "base/mem.h"

#define BITS_MIN 4
#define ROOM_MORE                                                                                  \
	4 /* one in so many more entries than flows, so that both buckets are rarely full */

/* ---- age ----------------------------------------------------------------------------------------
 */

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
	for (uint32_t class = 0; class < 4; class ++) {
		clock->life[SL_FLOW_FREE << 2 | class] = 0;
		clock->life[SL_FLOW_BEGUN << 2 | class] =
			ticks_of(SL_MIN(SL_FLOW_BEGUN_MS, longest));
		clock->life[SL_FLOW_LIVE << 2 | class] = sl_flow_life(pool, class, now_ms);
		clock->life[SL_FLOW_CLOSING << 2 | class] =
			ticks_of(SL_MIN(SL_FLOW_CLOSING_MS, longest));
	}
}

/* ---- creation -----------------------------------------------------------------------------------
 */

int sl_flow_table_create(uint32_t flow_entries, struct sl_flow_table **table)
{
	struct sl_flow_table *made;
	uint64_t entries = (uint64_t)flow_entries + flow_entries / ROOM_MORE;
	uint32_t bits = BITS_MIN;
	size_t buckets_size;

	if (flow_entries > SL_FLOW_ENTRIES_MAX)
		return -E2BIG;
	while (((uint64_t)SL_FLOW_WAYS << bits) < entries)
		bits++;
	buckets_size = sizeof(struct sl_flow_bucket) << bits;
	made = sl_mem_alloc(sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->size = buckets_size + 2 * sizeof(*made->node_flows) * SL_NODE_INDEX_MAX;
	made->buckets = sl_mem_alloc(made->size);
	if (!made->buckets) {
		sl_mem_free(made, sizeof(*made));
		return -ENOMEM;
	}
	made->node_flows = (uint32_t *)(void *)((uint8_t *)made->buckets + buckets_size);
	made->node_load = made->node_flows + SL_NODE_INDEX_MAX;
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
	sl_mem_free(table->buckets, table->size);
	sl_mem_free(table, sizeof(*table));
}

/* ---- the owner ----------------------------------------------------------------------------------
 */

static inline void add64(uint64_t *counter, uint64_t count)
{
	__atomic_store_n(counter, *counter + count, __ATOMIC_RELAXED);
}

static inline void add32(uint32_t *counter, int32_t count)
{
	__atomic_store_n(counter, *counter + (uint32_t)count, __ATOMIC_RELAXED);
}

/* Counts an entry in (+1) or out (-1). */
static void count_word(struct sl_flow_table *table, uint64_t word, int32_t by)
{
	enum sl_flow_kind kind = sl_flow_kind(word);
	uint32_t node = sl_flow_node(word);

	if (kind == SL_FLOW_FREE)
		return;
	if (kind == SL_FLOW_BEGUN) {
		add64(&table->begun, (uint64_t)(int64_t)by);
	} else {
		add64(&table->tracked, (uint64_t)(int64_t)by);
		add32(&table->node_flows[node], by);
	}
	if (kind != SL_FLOW_CLOSING)
		add32(&table->node_load[node], by);
}

void sl_flow_table_write(struct sl_flow_table *table, struct sl_flow_entry *entry, uint64_t tag,
			 uint64_t word)
{
	if (sl_flow_node(entry->word) != sl_flow_node(word) ||
	    sl_flow_kind(entry->word) != sl_flow_kind(word)) {
		count_word(table, entry->word, -1);
		count_word(table, word, 1);
	}
	if (!word)
		tag = 0;
	if (entry->tag != tag) {
		__atomic_store_n(&entry->word, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&entry->tag, tag, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&entry->word, word, __ATOMIC_RELEASE);
}

/* The oldest begun entry of those that were looked at. */
struct oldest {
	struct sl_flow_entry *entry; /* NULL: none */
	uint32_t age;		     /* and one more; 0: none */
};

/* A free or expired entry; else the oldest begun one is noted. Which it is cannot be foretold: by
 * arithmetic instead of branches. */
static inline struct sl_flow_entry *room_in(struct sl_flow_bucket *bucket,
					    const struct sl_flow_clock *clock, struct oldest *begun)
{
	for (uint32_t i = 0; i < SL_FLOW_WAYS; i++) {
		struct sl_flow_entry *entry = &bucket->entry[i];
		uint64_t word = entry->word;
		uint32_t age = sl_flow_age(clock, word);
		uint32_t score = sl_flow_kind(word) == SL_FLOW_BEGUN ? age + 1 : 0;
		bool older = score > begun->age;

		if (!word || age > clock->life[word >> SL_FLOW_CLASS_SHIFT & 15])
			return entry;
		begun->entry = older ? entry : begun->entry;
		begun->age = older ? score : begun->age;
	}
	return NULL;
}

/* An entry of the bucket whose flow is in its first one and has room in its second, or may put out the
 * oldest begun one there: moves there. Readers look at the second bucket last, so they find it in one or
 * the other. */
static struct sl_flow_entry *make_room(struct sl_flow_table *table, struct sl_flow_bucket *bucket,
				       const struct sl_flow_clock *clock)
{
	for (uint32_t i = 0; i < SL_FLOW_WAYS; i++) {
		struct sl_flow_entry *entry = &bucket->entry[i], *room;
		struct oldest begun = {NULL, 0};

		if (sl_flow_table_first(table, entry->tag) != bucket)
			continue;
		room = room_in(sl_flow_table_second(table, entry->tag), clock, &begun);
		if (!room && begun.entry) {
			add64(&table->evicted, 1);
			room = begun.entry;
		}
		if (!room)
			continue;
		sl_flow_table_write(table, room, entry->tag, entry->word);
		sl_flow_table_write(table, entry, entry->tag, 0);
		return entry;
	}
	return NULL;
}

struct sl_flow_entry *sl_flow_table_room(struct sl_flow_table *table,
					 const struct sl_flow_clock *clock, uint64_t tag)
{
	struct sl_flow_bucket *first = sl_flow_table_first(table, tag);
	struct sl_flow_bucket *second = sl_flow_table_second(table, tag);
	struct oldest begun = {NULL, 0};
	struct sl_flow_entry *room = room_in(first, clock, &begun);

	if (!room)
		room = room_in(second, clock, &begun);
	if (room)
		return room;
	if (begun.entry) {
		add64(&table->evicted, 1);
		return begun.entry;
	}
	room = make_room(table, first, clock);
	if (!room)
		room = make_room(table, second, clock);
	if (!room)
		add64(&table->refused, 1);
	return room;
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
				sl_flow_table_write(table, &bucket->entry[i], bucket->entry[i].tag,
						    0);
		}
		if (++table->sweep_at >> table->bits) {
			table->sweep_at = 0;
			__atomic_store_n(&table->passes, table->passes + 1, __ATOMIC_RELEASE);
		}
	}
	rte_prefetch0(&table->buckets[table->sweep_at]);
	return true;
}

/* ---- readers ------------------------------------------------------------------------------------
 */

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

bool sl_flow_table_at(const struct sl_flow_table *table, uint32_t index,
		      struct sl_flow_entry *entry)
{
	const struct sl_flow_entry *at =
		&table->buckets[index / SL_FLOW_WAYS].entry[index % SL_FLOW_WAYS];
	struct sl_flow_entry found;

	found.tag = __atomic_load_n(&at->tag, __ATOMIC_ACQUIRE);
	found.word = __atomic_load_n(&at->word, __ATOMIC_ACQUIRE);
	if (!found.word || __atomic_load_n(&at->tag, __ATOMIC_RELAXED) != found.tag)
		return false;
	*entry = found;
	return true;
}
