/* SPDX-License-Identifier: BSD-3-Clause */

/* Which beginnings go the straight way, a case a condition; and that it leads where the rules of
 * follow.h do. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "flow_world.h"
#include "state/begin.h"
#include "state/follow.h"
#include "state/hash.h"

#define SYN    SL_TCP_SYN
#define ACK    SL_TCP_ACK
#define ROUNDS 400
#define FLOWS                                                                                      \
	3000 /* no more than the tables hold: whom a beginning puts out depends on the order */

static struct world world;
static struct sl_burst burst;
static uint8_t list[SL_BURST_MAX];

static void start_with(uint32_t cores, enum sl_tracking tracking)
{
	world_init(&world, cores, 256, 4096, 5);
	world.snapshot->pools[0].tracking = (uint8_t)tracking;
	memset(&burst, 0, sizeof(burst));
}

static int start(void **state)
{
	start_with(2, SL_TRACKING_TRANSITION);
	return 0;
}

static int start_full(void **state)
{
	start_with(1, SL_TRACKING_FULL);
	return 0;
}

static int start_full_on_two_cores(void **state)
{
	start_with(2, SL_TRACKING_FULL);
	return 0;
}

static int end(void **state)
{
	world_fini(&world);
	return 0;
}

static void add(struct sl_pkt pkt)
{
	uint32_t i = burst.count++;

	burst.pkt[i] = pkt;
	burst.hash[i] = sl_hash_slot(world.snapshot, &world.snapshot->pools[0], &pkt);
	burst.service[i] = 0;
	burst.node[i] = 77; /* nobody's: to see whether it is written */
	list[i] = (uint8_t)i;
}

static uint32_t begin(void)
{
	return sl_begin(world.snapshot, &world.cores[0], &burst, world.now_ms, list, burst.count);
}

static uint64_t word_of(const struct sl_pkt *pkt)
{
	const struct sl_pool_view *pool = &world.snapshot->pools[0];

	return sl_flow_table_read(pool->flow_tables[0], sl_hash_flow(world.snapshot, pool, pkt));
}

static void assert_stays(struct sl_pkt pkt)
{
	uint64_t before = word_of(&pkt);

	add(pkt);
	assert_int_equal(begin(), 1);
	assert_int_equal(list[0], 0);
	assert_int_equal(burst.node[0], 77);
	assert_int_equal(word_of(&pkt), before);
	assert_int_equal(world.cores[0].stats->nodes[1].flows_started, 0);
	assert_int_equal(world.cores[0].stats->extras[0].flows_started, 0);
}

static void an_unknown_beginning_goes_to_its_slots_node_and_is_entered(void **state)
{
	add(world_tcp(1, SYN, 0x12345678));
	assert_int_equal(begin(), 0);
	assert_int_equal(burst.node[0], 1);
	assert_int_equal(word_of(&burst.pkt[0]),
			 sl_flow_word(1, SL_FLOW_TCP, SL_FLOW_BEGUN, 0x1234,
				      sl_tick(world.now_ms) & SL_FLOW_TICK_MASK));
	assert_int_equal(world.cores[0].stats->nodes[1].flows_started, 1);
	assert_int_equal(world.cores[0].stats->extras[0].flows_started, 1);
	assert_int_equal(world.snapshot->pools[0].flow_tables[0]->begun, 1);
}

static void the_second_one_of_a_connection_in_a_burst_stays(void **state)
{
	add(world_tcp(1, SYN, 5));
	add(world_tcp(2, SYN, 5));
	add(world_tcp(1, SYN, 5));
	assert_int_equal(begin(), 1);
	assert_int_equal(list[0], 2);
	assert_int_equal(world.cores[0].stats->nodes[1].flows_started, 2);
	assert_int_equal(world.cores[0].stats->extras[0].flows_started, 2);
}

static void one_in_an_open_slot_stays(void **state)
{
	world_move_all(&world, 0, 2);
	assert_stays(world_tcp(1, SYN, 5));
}

static void one_of_an_unsettled_service_stays(void **state)
{
	world_point(&world, 0, 1);
	world_point(&world, 0, 0);
	assert_stays(world_tcp(1, SYN, 5));
}

static void one_for_nobody_stays(void **state)
{
	struct sl_snapshot *copy = world_edit(&world);
	struct sl_slot_table *slots;

	assert_int_equal(sl_slot_table_create(256, 0, &slots), 0);
	sl_pool_view_set_slots(&copy->pools[0], slots);
	world_commit(&world, copy);
	assert_stays(world_tcp(1, SYN, 5));
}

static void one_for_whom_a_scheduler_chooses_stays(void **state)
{
	struct sl_snapshot *copy = world_edit(&world);

	copy->pools[0].flags |= SL_POOL_PICKS;
	world_commit(&world, copy);
	assert_stays(world_tcp(1, SYN, 5));
}

static void one_that_another_core_may_know_stays(void **state)
{
	assert_stays(world_tcp(1, SYN, 5));
}

static void packets_in_mid_life_stay_where_every_flow_is_known(void **state)
{
	add(world_tcp(1, SYN, 5));
	add(world_tcp(2, ACK, 5));
	assert_int_equal(begin(), 1);
	assert_int_equal(list[0], 1);
	assert_int_equal(burst.node[0], 1);
	assert_int_equal(word_of(&burst.pkt[1]), 0);
}

static void one_that_finds_no_room_goes_to_its_slots_node(void **state)
{
	struct sl_flow_table *table = world.snapshot->pools[0].flow_tables[0];
	struct sl_prng prng = {.state = 2};
	struct sl_flow_clock clock;

	sl_flow_clock_init(&clock, &world.snapshot->pools[0], world.now_ms);
	while (table->tracked < sl_flow_table_capacity(table))
		sl_flow_table_enter(table, &clock, sl_prng_next(&prng),
				    sl_flow_word(2, SL_FLOW_TCP, SL_FLOW_LIVE, 0, clock.now));
	add(world_tcp(1, SYN, 5));
	assert_int_equal(begin(), 0);
	assert_int_equal(burst.node[0], 1);
	assert_int_equal(word_of(&burst.pkt[0]), 0);
	assert_int_equal(table->begun, 0);
}

/* The same burst by the rules alone. */
static void follow_alone(struct world *other, const struct sl_burst *given, uint32_t *nodes)
{
	const struct sl_pool_view *pool = &other->snapshot->pools[0];
	struct sl_follow follow = {
		.snapshot = other->snapshot, .core = &other->cores[0], .now_ms = other->now_ms};
	struct sl_follow_pkt pkts[SL_BURST_MAX];

	memset(pkts, 0, sizeof(pkts));
	for (uint32_t i = 0; i < given->count; i++)
		pkts[i] = (struct sl_follow_pkt){.pkt = &given->pkt[i],
						 .pool = pool,
						 .hash = given->hash[i],
						 .i = (uint8_t)i,
						 .settled = true};
	sl_follow(&follow, pkts, given->count);
	for (uint32_t i = 0; i < given->count; i++)
		nodes[i] = pkts[i].node;
}

/* Beginnings over and over, some of connections that go on meanwhile. */
static void the_straight_way_leads_where_the_rules_do(void **state)
{
	struct sl_prng prng = {.state = 9};
	struct world twin;
	uint32_t straight = 0, stayed = 0;

	world_fini(&world);
	world_init(&world, 1, 256, 4096, 5);
	world_init(&twin, 1, 256, 4096, 5);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t nodes[SL_BURST_MAX], left;

		world.now_ms += sl_prng_below(&prng, 200);
		twin.now_ms = world.now_ms;
		memset(&burst, 0, sizeof(burst));
		while (burst.count < 32)
			add(world_tcp(sl_prng_below(&prng, FLOWS), SYN,
				      (uint32_t)sl_prng_next(&prng)));
		follow_alone(&twin, &burst, nodes);
		left = begin();
		straight += burst.count - left;
		stayed += left;
		for (uint32_t n = 0; n < left; n++)
			burst.node[list[n]] = world_send(&world, 0, burst.pkt[list[n]], NULL);
		for (uint32_t i = 0; i < burst.count; i++)
			assert_int_equal(burst.node[i], nodes[i]);
		for (uint32_t n = 0; n < left; n += 2) { /* those go on */
			struct sl_burst next = {.count = 1, .hash[0] = burst.hash[list[n]]};

			next.pkt[0] = burst.pkt[list[n]];
			next.pkt[0].tcp_flags = ACK;
			follow_alone(&twin, &next, nodes);
			follow_alone(&world, &next, nodes);
		}
	}
	assert_true(straight > ROUNDS && stayed > ROUNDS);
	assert_int_equal(world.cores[0].stats->nodes[1].flows_started,
			 twin.cores[0].stats->nodes[1].flows_started);
	assert_true(world.snapshot->pools[0].flow_tables[0]->tracked > 100);
	world_fini(&twin);
}

int main(void)
{
#define TEST(name)	     cmocka_unit_test_setup_teardown(name, start, end)
#define TEST_OF(name, setup) cmocka_unit_test_setup_teardown(name, setup, end)
	const struct CMUnitTest tests[] = {
		TEST(an_unknown_beginning_goes_to_its_slots_node_and_is_entered),
		TEST(the_second_one_of_a_connection_in_a_burst_stays),
		TEST(one_in_an_open_slot_stays),
		TEST(one_of_an_unsettled_service_stays),
		TEST(one_for_nobody_stays),
		TEST(one_for_whom_a_scheduler_chooses_stays),
		TEST_OF(one_that_another_core_may_know_stays, start_full_on_two_cores),
		TEST_OF(packets_in_mid_life_stay_where_every_flow_is_known, start_full),
		TEST(one_that_finds_no_room_goes_to_its_slots_node),
		TEST(the_straight_way_leads_where_the_rules_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
