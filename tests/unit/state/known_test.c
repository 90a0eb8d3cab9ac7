/* SPDX-License-Identifier: BSD-3-Clause */

/* Which packets of a fully tracked pool go the straight way: a case is a condition. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow_world.h"
#include "state/follow.h"
#include "state/hash.h"
#include "state/known.h"

#define ACK SL_TCP_ACK
#define TAG 0x123456789abcdef0ull

static struct world world;
static struct sl_pool_view *pool;
static struct sl_known known;

static void start_with(uint32_t cores)
{
	world_init(&world, cores, 256, 4096, 5);
	pool = &world.snapshot->pools[0];
	pool->tracking = SL_TRACKING_FULL;
	sl_known_init(&known, pool, 0, world.now_ms);
}

static int start(void **state)
{
	start_with(1);
	return 0;
}

static int start_two_cores(void **state)
{
	start_with(2);
	return 0;
}

static int end(void **state)
{
	world_fini(&world);
	return 0;
}

/* Enters TAG's flow as used so long ago. */
static struct sl_flow_entry *enter(enum sl_flow_kind kind, uint64_t ago_ms, bool second)
{
	struct sl_flow_table *table = pool->flow_tables[0];
	struct sl_flow_bucket *bucket =
		second ? sl_flow_table_second(table, TAG) : sl_flow_table_first(table, TAG);

	sl_flow_table_write(table, &bucket->entry[2], TAG,
			    sl_flow_word(3, SL_FLOW_TCP, kind, 0,
					 sl_tick(world.now_ms - ago_ms) & SL_FLOW_TICK_MASK));
	return &bucket->entry[2];
}

static uint32_t look(struct sl_pkt pkt, bool second)
{
	return sl_known_look(&known, world.snapshot, &pkt, TAG, second);
}

static void a_known_live_flow_goes_where_its_entry_says_and_the_entry_is_used_now(void **state)
{
	struct sl_flow_entry *entry = enter(SL_FLOW_LIVE, 100000, false);

	assert_int_equal(look(world_tcp(1, ACK, 5), false), 3);
	assert_int_equal(entry->word, sl_flow_word(3, SL_FLOW_TCP, SL_FLOW_LIVE, 0,
						   sl_tick(world.now_ms) & SL_FLOW_TICK_MASK));
	assert_int_equal(entry->tag, TAG);
}

static void every_64_kib_of_a_connection_its_entry_is_brought_up_to_date(void **state)
{
	enter(SL_FLOW_LIVE, 0, false);
	assert_int_equal(look(world_tcp(1, ACK, 0xffff), false), 3);
	assert_int_equal(look(world_tcp(1, ACK, 0x10000), false), SL_NODE_NOBODY);
	pool->flags |= SL_POOL_SYMMETRIC;
	sl_known_init(&known, pool, 0, world.now_ms);
	assert_int_equal(look(world_tcp(1, ACK, 0x10000), false), 3);
}

static void a_flow_in_its_second_bucket_is_found_there(void **state)
{
	enter(SL_FLOW_LIVE, 0, true);
	assert_int_equal(look(world_tcp(1, ACK, 5), false), SL_NODE_NOBODY);
	assert_int_equal(look(world_tcp(1, ACK, 5), true), 3);
}

static void packets_that_begin_or_end_a_connection_and_errors_do_not(void **state)
{
	static const uint8_t flags[] = {SL_TCP_SYN, SL_TCP_SYN | ACK, SL_TCP_FIN | ACK, SL_TCP_RST};
	struct sl_flow_entry *entry = enter(SL_FLOW_LIVE, 100000, false);
	uint64_t word = entry->word;

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(flags); i++)
		assert_int_equal(look(world_tcp(1, flags[i], 5), false), SL_NODE_NOBODY);
	assert_int_equal(look(world_error(world_tcp(1, ACK, 5)), false), SL_NODE_NOBODY);
	assert_int_equal(entry->word, word);
}

static void flows_that_begin_or_close_do_not(void **state)
{
	enter(SL_FLOW_BEGUN, 0, false);
	assert_int_equal(look(world_tcp(1, ACK, 5), false), SL_NODE_NOBODY);
	enter(SL_FLOW_CLOSING, 0, false);
	assert_int_equal(look(world_tcp(1, ACK, 5), false), SL_NODE_NOBODY);
}

static void flows_that_were_silent_for_longer_than_the_idle_timeout_do_not(void **state)
{
	enter(SL_FLOW_LIVE, WORLD_IDLE_S * 1000, false);
	assert_int_equal(look(world_tcp(1, ACK, 5), false), 3);
	enter(SL_FLOW_LIVE, WORLD_IDLE_S * 1000 + 2 * (1 << SL_TICK_SHIFT), false);
	assert_int_equal(look(world_tcp(1, ACK, 5), false), SL_NODE_NOBODY);
}

static void flows_of_nodes_that_keep_none_do_not(void **state)
{
	enter(SL_FLOW_LIVE, 0, false);
	sl_snapshot_node_edit(world.snapshot, 3)->flags = 0;
	assert_int_equal(look(world_tcp(1, ACK, 5), false), SL_NODE_NOBODY);
}

static void where_other_cores_may_know_better_old_entries_do_not(void **state)
{
	enter(SL_FLOW_LIVE, SL_FOLLOW_FRESH_TICKS << SL_TICK_SHIFT, false);
	assert_int_equal(look(world_tcp(1, ACK, 5), false), 3);
	enter(SL_FLOW_LIVE, (SL_FOLLOW_FRESH_TICKS + 1) << SL_TICK_SHIFT, false);
	assert_int_equal(look(world_tcp(1, ACK, 5), false), SL_NODE_NOBODY);
}

/* A burst of known flows, some in their second buckets, with a stranger and an end between. */
static void of_a_burst_those_are_left_that_do_not(void **state)
{
	const struct sl_ahead ahead = {known.buckets, known.shift, world.snapshot->flow_key};
	static struct sl_burst burst;
	uint8_t list[SL_BURST_MAX];
	uint32_t left = 0;

	burst.count = 12;
	for (uint32_t i = 0; i < burst.count; i++) {
		struct sl_flow_table *table = pool->flow_tables[0];
		uint64_t tag;

		burst.pkt[i] = world_tcp(i, i == 7 ? SL_TCP_FIN | ACK : ACK, 5);
		tag = sl_hash_flow(world.snapshot, pool, &burst.pkt[i]);
		if (i != 4)
			sl_flow_table_write(table,
					    &(i % 3 ? sl_flow_table_first(table, tag)
						    : sl_flow_table_second(table, tag))
						     ->entry[i % SL_FLOW_WAYS],
					    tag,
					    sl_flow_word(1 + i % 5, SL_FLOW_TCP, SL_FLOW_LIVE, 0,
							 sl_tick(world.now_ms)));
	}
	sl_known_begin(&known, world.snapshot, pool, &burst, 2, burst.count);
	assert_true(sl_known_end(&known, world.snapshot, &burst, 2, burst.count, list, &left));
	assert_int_equal(left, 2);
	assert_int_equal(list[0], 4);
	assert_int_equal(list[1], 7);
	for (uint32_t i = 2; i < burst.count; i++) {
		if (i != 4 && i != 7)
			assert_int_equal(burst.node[i], 1 + i % 5);
		assert_int_equal(burst.hash[i], sl_hash_slot(world.snapshot, pool, &burst.pkt[i]));
	}
	/* And the same when receive has looked ahead. */
	memset(burst.tag, 0, sizeof(burst.tag));
	for (uint32_t i = 0; i < burst.count; i++)
		sl_known_ahead(&ahead, &burst, i);
	burst.tagged = true;
	left = 0;
	sl_known_begin(&known, world.snapshot, pool, &burst, 2, burst.count);
	assert_true(sl_known_end(&known, world.snapshot, &burst, 2, burst.count, list, &left));
	assert_int_equal(left, 2);
	for (uint32_t i = 2; i < burst.count; i++)
		assert_int_equal(burst.tag[i], sl_hash_flow(world.snapshot, pool, &burst.pkt[i]));
	burst.pkt[3].flags |= SL_PKT_GROUP;
	burst.special |= 1 << 3;
	assert_false(sl_known_end(&known, world.snapshot, &burst, 2, burst.count, list, &left));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_known_live_flow_goes_where_its_entry_says_and_the_entry_is_used_now),
		CASE(every_64_kib_of_a_connection_its_entry_is_brought_up_to_date),
		CASE(a_flow_in_its_second_bucket_is_found_there),
		CASE(packets_that_begin_or_end_a_connection_and_errors_do_not),
		CASE(flows_that_begin_or_close_do_not),
		CASE(flows_that_were_silent_for_longer_than_the_idle_timeout_do_not),
		CASE(flows_of_nodes_that_keep_none_do_not),
		cmocka_unit_test_setup_teardown(
			where_other_cores_may_know_better_old_entries_do_not, start_two_cores, end),
		CASE(of_a_burst_those_are_left_that_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
