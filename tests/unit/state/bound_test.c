/* SPDX-License-Identifier: BSD-3-Clause */

/* Bounded loads: no node beyond its bound, flows that stay, and the slot's own order. */

#include "state/bound.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limit.h"
#include "base/prng.h"
#include "flow_world.h"

#define SLOTS	1024u
#define ENTRIES 65536u
#define NODES	8u

/* Pool 0 with bounds: slots by weight, at random. */
static void bound(struct world *world, const uint32_t *weights, uint32_t count, uint64_t max_load)
{
	struct sl_sched_node nodes[64];
	struct sl_prng prng = {.state = 7};
	struct sl_pick_view *picks;
	struct sl_pool_pick *owner;
	struct sl_snapshot *copy;
	uint32_t *words = calloc(SLOTS, sizeof(*words)), total = 0;

	assert_non_null(words);
	for (uint32_t n = 0; n < count; n++) {
		nodes[n] = (struct sl_sched_node){.index = n + 1, .weight = weights[n]};
		total += weights[n];
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		uint32_t left = sl_prng_below(&prng, total);

		for (words[slot] = 1; left >= weights[words[slot] - 1]; words[slot]++)
			left -= weights[words[slot] - 1];
	}
	world_track(world, 0, SL_TRACKING_FULL, NULL, 0, words);
	free(words);
	copy = world_edit(world);
	assert_int_equal(sl_pick_build(SL_SCHED_WLEAST, nodes, count, NULL, &picks), 0);
	assert_int_equal(sl_pool_pick_create(picks, &owner), 0);
	sl_pool_view_set_pick(&copy->pools[0], owner);
	copy->pools[0].flags = SL_POOL_BOUNDED;
	for (uint32_t n = 0; n < count; n++)
		sl_snapshot_node_edit(copy, n + 1)->bound =
			sl_bound_of(max_load, weights[n], total);
	world_commit(world, copy);
	/* what was open when the slots moved has settled */
	for (uint32_t i = 0; i < 2; i++) {
		world->now_ms += 2 * WORLD_IDLE_S * 1000;
		world_settle(world);
	}
	assert_int_equal(world_open_slots(world, 0), 0);
}

static uint32_t load_of(const struct world *world, uint32_t node)
{
	uint32_t load = 0;

	for (uint32_t core = 0; core < world->core_count; core++)
		load += world->snapshot->pools[0].memory->node_load[core][node];
	return load;
}

/* The load that the node may have: max_load times its share of all, upwards. */
static uint32_t most(uint64_t max_load, uint32_t weight, uint32_t total, uint32_t flows)
{
	uint64_t part = max_load * weight * flows, whole = (uint64_t)total * SL_WEIGHT_UNIT;

	return (uint32_t)((part + whole - 1) / whole);
}

static void no_node_has_more_flows_than_its_bound(void **state)
{
	static const uint32_t weights[NODES] = {1, 1, 1, 1, 2, 3, 5, 10};
	static const uint64_t loads[] = {SL_WEIGHT_UNIT, 1050000, 1250000, 2 * SL_WEIGHT_UNIT};
	uint32_t total = 0;

	for (uint32_t n = 0; n < NODES; n++)
		total += weights[n];
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(loads); i++) {
		uint32_t elsewhere = 0;
		struct world world;

		world_init(&world, 1, SLOTS, ENTRIES, NODES);
		bound(&world, weights, NODES, loads[i]);
		for (uint32_t flow = 0; flow < 2000; flow++) {
			uint32_t why, node = world_send(&world, 0, world_udp(flow), &why);

			elsewhere += why == SL_WHY_FULL;
			/* as the node's bound is kept in binary places it may be one more */
			assert_in_range(load_of(&world, node), 1,
					most(loads[i], weights[node - 1], total, flow + 1) + 1);
			assert_int_equal(load_of(&world, SL_NODE_NOBODY), flow + 1);
		}
		assert_in_range(elsewhere, i == 3 ? 0 : 1, 1000);
		world_fini(&world);
	}
}

/* Whether with or without a bound, where nobody is full the slot decides. */
/* As many nodes as are looked at in turn, one of them a hundred times the others: the least loaded of a
 * few would not do. */
static void with_some_nodes_the_bound_is_exact_however_near_to_one(void **state)
{
	uint32_t weights[SL_BOUND_TURNS], total = SL_BOUND_TURNS - 1 + 100;
	struct world world;

	for (uint32_t n = 0; n < SL_BOUND_TURNS; n++)
		weights[n] = n ? 1 : 100;
	world_init(&world, 1, SLOTS, ENTRIES, SL_BOUND_TURNS);
	bound(&world, weights, SL_BOUND_TURNS, SL_WEIGHT_UNIT);
	for (uint32_t flow = 0; flow < 3000; flow++) {
		uint32_t node = world_send(&world, 0, world_udp(flow), NULL);

		assert_in_range(load_of(&world, node), 1,
				most(SL_WEIGHT_UNIT, weights[node - 1], total, flow + 1) + 1);
	}
	world_fini(&world);
}

/* A flow of five is as much as the five that go elsewhere after it; a light one is the first of both again. */
static void a_heavy_flow_is_as_much_as_several(void **state)
{
	static const uint32_t weights[2] = {1, 1};
	struct world world;
	uint32_t heavy;

	world_init(&world, 1, SLOTS, ENTRIES, 2);
	bound(&world, weights, 2, SL_WEIGHT_UNIT);
	world.snapshot->services[0].flow_extra = 4;
	heavy = world_send(&world, 0, world_udp(0), NULL);
	world.snapshot->services[0].flow_extra = 0;
	for (uint32_t flow = 1; flow <= 5; flow++)
		assert_int_not_equal(world_send(&world, 0, world_udp(flow), NULL), heavy);
	assert_int_equal(load_of(&world, heavy), 5);
	assert_int_equal(load_of(&world, 3 - heavy), 5);
	for (uint32_t flow = 6; flow < 8; flow++)
		(void)world_send(&world, 0, world_udp(flow), NULL);
	assert_int_equal(load_of(&world, heavy), 6);
	world_fini(&world);
}

/* A node may have 7/8 of all: beside the four that it has one more fits, ten more do not. */
static void a_heavy_flow_goes_where_it_fits(void **state)
{
	static const uint32_t weights[2] = {1, 1};
	struct sl_pick_live live = {.cores = 1};
	struct sl_pick_state picks;
	const struct sl_pool_view *pool;
	struct world world;

	(void)state;
	world_init(&world, 1, SLOTS, ENTRIES, 2);
	bound(&world, weights, 2, SL_WEIGHT_UNIT * 7 / 4);
	pool = &world.snapshot->pools[0];
	live.per_core = (const uint32_t *const *)pool->memory->node_load;
	pool->memory->node_load[0][1] = pool->memory->node_load[0][SL_NODE_NOBODY] = 4;
	sl_pick_state_init(&picks, 1);
	assert_int_equal(sl_bound_choose(world.snapshot, pool, &picks, &live, 0, 1), 1);
	live.extra = 9;
	assert_int_equal(sl_bound_choose(world.snapshot, pool, &picks, &live, 0, 1), 2);
	world_fini(&world);
}

static void flows_stay_where_they_began(void **state)
{
	static const uint32_t weights[NODES] = {1, 1, 1, 1, 1, 1, 1, 1};
	static uint32_t nodes[1000];
	uint32_t tracked = 0;
	struct world world;

	world_init(&world, 2, SLOTS, ENTRIES, NODES);
	bound(&world, weights, NODES, SL_WEIGHT_UNIT);
	for (uint32_t flow = 0; flow < 1000; flow++)
		nodes[flow] = world_send(&world, flow % 2, world_tcp(flow, SL_TCP_SYN, 5), NULL);
	for (uint32_t flow = 0; flow < 1000; flow++) {
		uint32_t why;

		assert_int_equal(world_send(&world, flow % 2, world_tcp(flow, SL_TCP_ACK, 6), &why),
				 nodes[flow]);
		tracked += why == SL_WHY_TRACKED;
		/* and by the other core, too */
		assert_int_equal(
			world_send(&world, 1 - flow % 2, world_tcp(flow, SL_TCP_ACK, 7), NULL),
			nodes[flow]);
	}
	assert_int_equal(tracked, 1000);
	world_fini(&world);
}

static void looking_says_the_same_and_writes_nothing(void **state)
{
	static const uint32_t weights[NODES] = {1, 1, 1, 1, 1, 1, 1, 1};
	struct world world;

	world_init(&world, 1, SLOTS, ENTRIES, NODES);
	bound(&world, weights, NODES, 1100000);
	for (uint32_t flow = 0; flow < 500; flow++) {
		uint32_t said, why, node = world_look(&world, 0, world_udp(flow), &said);

		assert_int_equal(load_of(&world, SL_NODE_NOBODY), flow);
		assert_int_equal(world_send(&world, 0, world_udp(flow), &why), node);
		assert_int_equal(why, said);
	}
	world_fini(&world);
}

/* A node that takes no flows has no bound, and gets none. */
static void a_node_without_weight_is_left_out(void **state)
{
	static const uint32_t weights[] = {1, 0, 1};
	struct world world;

	world_init(&world, 1, SLOTS, ENTRIES, 3);
	bound(&world, weights, 3, SL_WEIGHT_UNIT);
	for (uint32_t flow = 0; flow < 300; flow++)
		assert_int_not_equal(world_send(&world, 0, world_udp(flow), NULL), 2);
	assert_int_equal(load_of(&world, 1), 150);
	assert_int_equal(load_of(&world, 3), 150);
	world_fini(&world);
}

static void a_bound_is_a_share_of_live_flows(void **state)
{
	assert_int_equal(sl_bound_of(SL_WEIGHT_UNIT, 1, 1), 1u << SL_BOUND_BITS);
	assert_int_equal(sl_bound_of(1250000, 1, 2), 5u << (SL_BOUND_BITS - 3));
	assert_int_equal(sl_bound_of(10 * SL_WEIGHT_UNIT, SL_WEIGHT_MAX, SL_WEIGHT_MAX),
			 10u << SL_BOUND_BITS);
	assert_int_equal(sl_bound_of(SL_WEIGHT_UNIT, 1, UINT64_MAX), 1);
	assert_int_equal(sl_bound_of(SL_WEIGHT_UNIT, 0, 0), 0);
	assert_int_equal(sl_bound_room(1u << (SL_BOUND_BITS - 1), 0), 1);
	assert_int_equal(sl_bound_room(1u << (SL_BOUND_BITS - 1), 2), 2);
	assert_int_equal(sl_bound_room(1u << (SL_BOUND_BITS - 1), 3), 2);
	assert_true(sl_bound_room(10u << SL_BOUND_BITS, UINT32_MAX) > UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_node_has_more_flows_than_its_bound),
		cmocka_unit_test(with_some_nodes_the_bound_is_exact_however_near_to_one),
		cmocka_unit_test(a_heavy_flow_is_as_much_as_several),
		cmocka_unit_test(a_heavy_flow_goes_where_it_fits),
		cmocka_unit_test(flows_stay_where_they_began),
		cmocka_unit_test(looking_says_the_same_and_writes_nothing),
		cmocka_unit_test(a_node_without_weight_is_left_out),
		cmocka_unit_test(a_bound_is_a_share_of_live_flows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
