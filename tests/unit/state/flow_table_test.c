/* SPDX-License-Identifier: BSD-3-Clause */

/* Room, age and counts of a flow table. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "state/flow_table.h"

#define NOW_MS 10000000

static struct sl_flow_clock clock_at(uint64_t now_ms)
{
	struct sl_pool_view pool;
	struct sl_flow_clock clock;

	memset(&pool, 0, sizeof(pool));
	pool.idle_ms_tcp = 900000;
	pool.idle_ms_udp = pool.idle_ms_other = 60000;
	sl_flow_clock_init(&clock, &pool, now_ms);
	return clock;
}

static uint64_t word_of(const struct sl_flow_clock *clock, uint32_t node, enum sl_flow_kind kind)
{
	return sl_flow_word(node, SL_FLOW_TCP, kind, 7, clock->now);
}

static bool enter(struct sl_flow_table *table, const struct sl_flow_clock *clock, uint64_t tag,
		  enum sl_flow_kind kind)
{
	return sl_flow_table_enter(table, clock, tag,
				   word_of(clock, 1 + (uint32_t)(tag % 5), kind));
}

static void a_word_gives_back_what_was_put_in(void **state)
{
	uint64_t word = sl_flow_word(SL_NODE_INDEX_MAX - 1, SL_FLOW_UDP, SL_FLOW_CLOSING, 0xfedc,
				     SL_FLOW_TICK_MASK);

	assert_int_equal(sl_flow_node(word), SL_NODE_INDEX_MAX - 1);
	assert_int_equal(sl_flow_class(word), SL_FLOW_UDP);
	assert_int_equal(sl_flow_kind(word), SL_FLOW_CLOSING);
	assert_int_equal(sl_flow_seq(word), 0xfedc);
	assert_int_equal(sl_flow_last(word), SL_FLOW_TICK_MASK);
}

static void an_entry_counts_for_its_life_and_not_much_longer(void **state)
{
	struct sl_flow_clock start = clock_at(NOW_MS), late;
	uint64_t live = word_of(&start, 1, SL_FLOW_LIVE);
	uint64_t begun = word_of(&start, 1, SL_FLOW_BEGUN);

	late = clock_at(NOW_MS + 900000);
	assert_true(sl_flow_counts(&late, live));
	late = clock_at(NOW_MS + 900000 + 200);
	assert_false(sl_flow_counts(&late, live));
	late = clock_at(NOW_MS + SL_FLOW_BEGUN_MS);
	assert_true(sl_flow_counts(&late, begun));
	late = clock_at(NOW_MS + SL_FLOW_BEGUN_MS + 200);
	assert_false(sl_flow_counts(&late, begun));
	late = clock_at(NOW_MS - 1000);
	assert_int_equal(sl_flow_age(&late, live), 0);
}

static void a_table_holds_the_flows_it_was_made_for(void **state)
{
	struct sl_flow_clock clock = clock_at(NOW_MS);
	struct sl_prng prng = {.state = 3};
	struct sl_flow_table *table;

	assert_int_equal(sl_flow_table_create(4096, &table), 0);
	for (uint32_t i = 0; i < 4096; i++)
		assert_true(enter(table, &clock, sl_prng_next(&prng), SL_FLOW_LIVE));
	assert_int_equal(table->tracked, 4096);
	prng.state = 3;
	for (uint32_t i = 0; i < 4096; i++) {
		uint64_t tag = sl_prng_next(&prng);

		assert_int_equal(sl_flow_node(sl_flow_table_read(table, tag)), 1 + tag % 5);
		assert_non_null(sl_flow_table_find(table, tag));
	}
	assert_int_equal(sl_flow_table_read(table, 12345), 0);
	sl_flow_table_put(table);
}

static void beginnings_make_room_and_live_flows_do_not(void **state)
{
	struct sl_flow_clock clock = clock_at(NOW_MS);
	struct sl_prng prng = {.state = 5};
	struct sl_flow_table *table;
	uint64_t live;

	assert_int_equal(sl_flow_table_create(64, &table), 0);
	for (uint32_t i = 0; i < 10000; i++)
		assert_true(enter(table, &clock, sl_prng_next(&prng), SL_FLOW_BEGUN));
	assert_true(table->evicted > 9000);
	for (uint32_t i = 0; i < 10000; i++)
		enter(table, &clock, sl_prng_next(&prng), SL_FLOW_LIVE);
	live = table->tracked;
	assert_int_equal(live, sl_flow_table_capacity(table));
	assert_int_equal(table->begun, 0);
	assert_true(table->refused > 9000);
	enter(table, &clock, sl_prng_next(&prng), SL_FLOW_BEGUN);
	assert_int_equal(table->tracked, live);
	sl_flow_table_put(table);
}

static void
live_flows_find_room_among_beginnings_though_both_buckets_are_full_of_live_ones(void **state)
{
	struct sl_flow_clock clock = clock_at(NOW_MS);
	struct sl_prng prng = {.state = 7};
	struct sl_flow_table *table;

	assert_int_equal(sl_flow_table_create(4096, &table), 0);
	for (uint32_t i = 0; i < 100000; i++)
		enter(table, &clock, sl_prng_next(&prng), SL_FLOW_BEGUN);
	assert_int_equal(table->begun, sl_flow_table_capacity(table));
	for (uint32_t i = 0; i < 4096; i++)
		assert_true(enter(table, &clock, sl_prng_next(&prng), SL_FLOW_LIVE));
	assert_int_equal(table->refused, 0);
	assert_int_equal(table->tracked, 4096);
	assert_int_equal(table->begun, sl_flow_table_capacity(table) - 4096);
	sl_flow_table_put(table);
}

/* An entry of any kind and age, or none. */
static struct sl_flow_entry any_entry(struct sl_prng *prng, const struct sl_flow_clock *clock)
{
	uint32_t kind = sl_prng_below(prng, SL_FLOW_KINDS), class = sl_prng_below(prng, 3), age;
	uint32_t life = clock->life[kind << 2 | class];

	if (kind % SL_FLOW_ODD == SL_FLOW_FREE || kind > SL_FLOW_STRANGER)
		return (struct sl_flow_entry){0, 0};
	age = sl_prng_below(prng, 2) ? sl_prng_below(prng, life + 1)
				     : life - 1 + sl_prng_below(prng, 4);
	if (sl_prng_below(prng, 20) == 0)
		age = UINT32_MAX; /* used a tick after our clock was read */
	return (struct sl_flow_entry){
		sl_prng_next(prng) | 1,
		sl_flow_word(1 + sl_prng_below(prng, 5), (enum sl_flow_class) class,
			     (enum sl_flow_kind)kind, (uint16_t)sl_prng_next(prng),
			     (clock->now - age) & SL_FLOW_TICK_MASK)};
}

/* Whose place a tag is to take, looked for one by one; NULL: nobody's of these two buckets. */
static struct sl_flow_entry *naive_room(struct sl_flow_bucket *const *buckets,
					const struct sl_flow_clock *clock)
{
	struct sl_flow_entry *oldest = NULL;

	for (uint32_t i = 0; i < 2 * SL_FLOW_WAYS; i++) {
		struct sl_flow_entry *entry = &buckets[i / SL_FLOW_WAYS]->entry[i % SL_FLOW_WAYS];

		if (!entry->word || !sl_flow_counts(clock, entry->word))
			return entry;
		if ((sl_flow_is_begun(entry->word) ||
		     sl_flow_kind(entry->word) == SL_FLOW_STRANGER) &&
		    (!oldest || sl_flow_age(clock, entry->word) > sl_flow_age(clock, oldest->word)))
			oldest = entry;
	}
	return oldest;
}

static void room_is_where_a_naive_look_finds_it(void **state)
{
	struct sl_flow_clock clock = clock_at(NOW_MS);
	struct sl_prng prng = {.state = 8};
	struct sl_flow_table *table;
	uint32_t free = 0, evicted = 0;

	assert_int_equal(sl_flow_table_create(4096, &table), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		uint64_t tag = sl_prng_next(&prng), before = table->evicted;
		struct sl_flow_bucket *buckets[2] = {sl_flow_table_first(table, tag),
						     sl_flow_table_second(table, tag)};
		struct sl_flow_entry *room;

		for (uint32_t k = 0; k < 2 * SL_FLOW_WAYS; k++) {
			struct sl_flow_entry entry = any_entry(&prng, &clock);

			if (i % 2 && !entry.word) /* buckets without a free entry, too */
				entry = (struct sl_flow_entry){3, word_of(&clock, 1, SL_FLOW_LIVE)};
			sl_flow_table_write(table,
					    &buckets[k / SL_FLOW_WAYS]->entry[k % SL_FLOW_WAYS],
					    entry.tag, entry.word);
		}
		room = naive_room(buckets, &clock);
		if (!room)
			continue;
		evicted += sl_flow_counts(&clock, room->word) && room->word;
		free += !room->word;
		assert_true(enter(table, &clock, tag, SL_FLOW_BEGUN));
		assert_int_equal(room->tag, tag);
		assert_true(table->evicted - before <= 1);
	}
	assert_true(free > 1000 && evicted > 100);
	assert_int_equal(table->evicted, evicted);
	sl_flow_table_put(table);
}

static void expired_entries_make_room_and_are_swept(void **state)
{
	struct sl_flow_clock clock = clock_at(NOW_MS);
	struct sl_prng prng = {.state = 6};
	struct sl_flow_table *table;
	struct sl_snapshot *snapshot;
	uint64_t passes;

	assert_int_equal(sl_flow_table_create(64, &table), 0);
	assert_int_equal(sl_snapshot_create(NULL, 0, 0, &snapshot), 0);
	for (uint32_t node = 1; node <= 4; node++)
		sl_snapshot_node_edit(snapshot, node)->kind = SL_NODE_OUTPUT;
	for (uint32_t i = 0; i < 60; i++)
		enter(table, &clock, sl_prng_next(&prng), SL_FLOW_LIVE);
	assert_true(table->node_flows[5] > 0);
	sl_flow_table_sweep(table, snapshot, &clock, 1u << table->bits);
	assert_int_equal(table->node_flows[5], 0); /* no node has this index */
	assert_true(table->tracked > 0);
	clock = clock_at(NOW_MS + 1000000);
	passes = table->passes;
	sl_flow_table_sweep(table, snapshot, &clock, 1u << table->bits);
	assert_int_equal(table->passes, passes + 1);
	assert_int_equal(table->tracked, 0);
	for (uint32_t node = 1; node <= 5; node++)
		assert_int_equal(table->node_flows[node] + table->node_load[node], 0);
	sl_snapshot_release(snapshot);
	sl_flow_table_put(table);
}

/* What schedulers go by is the sum of what is in the table. */
static void assert_loads(const struct sl_flow_table *table)
{
	uint32_t loads[8] = {0}, all = 0;
	struct sl_flow_entry entry;

	for (uint32_t i = 0; i < sl_flow_table_capacity(table); i++) {
		if (!sl_flow_table_at(table, i, &entry)) {
			assert_int_equal(sl_flow_table_extra(table, i), 0);
			continue;
		}
		if (sl_flow_kind(entry.word) == SL_FLOW_CLOSING)
			continue;
		loads[sl_flow_node(entry.word)] += 1 + sl_flow_table_extra(table, i);
		all += 1 + sl_flow_table_extra(table, i);
	}
	for (uint32_t node = 1; node <= 5; node++)
		assert_int_equal(table->node_load[node], loads[node]);
	assert_int_equal(table->node_load[SL_NODE_NOBODY], all);
}

/* Flows come, make room, move, go to other nodes, close and expire. */
static void flows_count_for_what_they_weigh_wherever_they_are(void **state)
{
	static const enum sl_flow_kind kinds[] = {SL_FLOW_BEGUN, SL_FLOW_LIVE, SL_FLOW_CLOSING};
	struct sl_prng prng = {.state = 11};
	struct sl_flow_table *table;
	uint64_t now_ms = NOW_MS;

	assert_int_equal(sl_flow_table_create(64, &table), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		struct sl_flow_clock clock = clock_at(now_ms += 20 + i % 64);
		uint64_t tag = 1 + sl_prng_next(&prng) % 600, dice = sl_prng_next(&prng);
		uint32_t node = 1 + (uint32_t)(dice % 5);
		struct sl_flow_entry *entry;

		tag *= 0x9e3779b97f4a7c15ull;
		entry = sl_flow_table_find(table, tag);
		if (!entry)
			(void)sl_flow_table_enter_heavy(
				table, &clock, tag, word_of(&clock, node, kinds[dice >> 8 & 1]),
				(uint32_t)(dice >> 16) % SL_FLOW_WEIGHT_MAX);
		else
			sl_flow_table_write(table, entry, tag,
					    dice >> 32 & 7 ? word_of(&clock, node, kinds[dice % 3])
							   : 0);
		assert_loads(table);
	}
	assert_true(table->evicted > 100 && table->refused > 0);
	sl_flow_table_put(table);
}

static void one_entry_past_the_most_is_refused(void **state)
{
	struct sl_flow_table *table = NULL;

	assert_int_equal(sl_flow_table_create(SL_FLOW_ENTRIES_MAX + 1, &table), -E2BIG);
	assert_null(table);
	if (sl_flow_table_create(SL_FLOW_ENTRIES_MAX, &table) == 0) /* else there is no memory */
		assert_true(sl_flow_table_capacity(table) >= SL_FLOW_ENTRIES_MAX);
	sl_flow_table_put(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_gives_back_what_was_put_in),
		cmocka_unit_test(an_entry_counts_for_its_life_and_not_much_longer),
		cmocka_unit_test(a_table_holds_the_flows_it_was_made_for),
		cmocka_unit_test(beginnings_make_room_and_live_flows_do_not),
		cmocka_unit_test(
			live_flows_find_room_among_beginnings_though_both_buckets_are_full_of_live_ones),
		cmocka_unit_test(room_is_where_a_naive_look_finds_it),
		cmocka_unit_test(expired_entries_make_room_and_are_swept),
		cmocka_unit_test(flows_count_for_what_they_weigh_wherever_they_are),
		cmocka_unit_test(one_entry_past_the_most_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
