/* SPDX-License-Identifier: BSD-3-Clause */

/* What every scheduler that fills slots promises, asked of each in the same words. */

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limit.h"
#include "world.h"

/* What a scheduler promises beside what all do. */
struct promise {
	enum sl_scheduler scheduler;
	bool exact;		/* shares within one slot; otherwise within chance */
	bool still;		/* no bystander moves on add, remove, change of weight */
	double bystanders_most; /* otherwise, of all slots */
};

static struct promise ring = {SL_SCHED_RING, false, false, 0.004};
static struct promise maglev = {SL_SCHED_MAGLEV, true, false, 0.03};
static struct promise rendezvous = {SL_SCHED_RENDEZVOUS, false, true, 0};
static struct promise minimal = {SL_SCHED_MINIMAL, true, false, 0.002};

static void check_shares(struct world *world, const struct promise *promise)
{
	double sum = world_weight_sum(world);

	world_count(world, world->slots);
	for (uint32_t i = 0; i < world->node_count; i++) {
		double due = (double)world->nodes[i].weight / sum * world->slot_count;
		double off = fabs(world->counts[world->nodes[i].index] - due);

		if (world->nodes[i].weight == 0)
			assert_int_equal(world->counts[world->nodes[i].index], 0);
		else if (promise->exact)
			assert_true(off < 1);
		else
			assert_true(off < 6 * sqrt(due) + 6);
	}
}

static void shares_follow_weights(void **state)
{
	static const uint32_t pools[][3] = {
		{1, 256, 5},	  {2, 256, 100},     {3, 4096, 9},
		{10, 65536, 100}, {256, 256, 1},     {1000, 65536, 100},
		{1000, 256, 10},  {10000, 65536, 3}, {10000, 4096, 1000}};

	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		struct world world;

		world_init(&world, pools[i][0], pools[i][1]);
		world_weigh(&world, pools[i][2]);
		world_build_first(&world, ((struct promise *)*state)->scheduler);
		check_shares(&world, *state);
		world_fini(&world);
	}
}

static void weight_zero_takes_nothing(void **state)
{
	struct world world;

	world_init(&world, 20, 4096);
	for (uint32_t i = 0; i < world.node_count; i += 2)
		world.nodes[i].weight = 0;
	world_build_first(&world, ((struct promise *)*state)->scheduler);
	check_shares(&world, *state);
	world_fini(&world);
}

static void one_node_takes_all(void **state)
{
	static const uint64_t weights[] = {1, WORLD_UNIT, SL_WEIGHT_MAX};
	struct world world;

	world_init(&world, 1, 65536);
	for (size_t i = 0; i < 3; i++) {
		world.nodes[0].weight = weights[i];
		world_build_first(&world, ((struct promise *)*state)->scheduler);
		world_count(&world, world.slots);
		assert_int_equal(world.counts[1], 65536);
	}
	world_fini(&world);
}

static void without_nodes_or_weights_nobody_serves(void **state)
{
	struct world world;

	world_init(&world, 5, 1024);
	for (int round = 0; round < 2; round++) {
		memset(world.slots, 0xff, 1024 * sizeof(*world.slots));
		for (uint32_t i = 0; i < world.node_count; i++)
			world.nodes[i].weight = 0;
		world_build_first(&world, ((struct promise *)*state)->scheduler);
		for (uint32_t slot = 0; slot < 1024; slot++)
			assert_int_equal(world.slots[slot], SL_SCHED_NOBODY);
		world.node_count = 0;
	}
	world_fini(&world);
}

static void extreme_weights_stand_side_by_side(void **state)
{
	const struct promise *promise = *state;
	struct world world;

	world_init(&world, 40, 4096);
	for (uint32_t i = 0; i < world.node_count; i++)
		world.nodes[i].weight = i % 4 == 0 ? SL_WEIGHT_MAX : 1;
	world_build_first(&world, promise->scheduler);
	check_shares(&world, promise);
	for (uint32_t i = 0; i < world.node_count; i++)
		assert_true(world.nodes[i].weight > 1 || world.counts[world.nodes[i].index] == 0);
	for (uint32_t i = 0; i < world.node_count; i++)
		world.nodes[i].weight = 1;
	world_build_first(&world, promise->scheduler);
	check_shares(&world, promise);
	world_fini(&world);
}

static void more_nodes_than_slots_are_served_as_far_as_slots_go(void **state)
{
	struct world world;
	uint32_t served = 0;

	world_init(&world, SL_NODES_MAX, SL_SLOTS_MIN);
	world_build_first(&world, ((struct promise *)*state)->scheduler);
	world_count(&world, world.slots);
	for (uint32_t i = 0; i < world.node_count; i++)
		served += world.counts[world.nodes[i].index] > 0;
	assert_in_range(served, 150, SL_SLOTS_MIN);
	world_fini(&world);
}

/* The same names give the same table whatever the order of the nodes and their indices. */
static void table_depends_on_names_and_weights_alone(void **state)
{
	enum sl_scheduler scheduler = ((struct promise *)*state)->scheduler;
	struct world world;
	uint32_t *renamed, *table;

	world_init(&world, 300, 16384);
	world_weigh(&world, 50);
	renamed = calloc(world.next_index, sizeof(*renamed));
	table = calloc(world.slot_count, sizeof(*table));
	assert_true(renamed && table);
	world_build_first(&world, scheduler);
	memcpy(table, world.slots, world.slot_count * sizeof(*table));
	world_build_first(&world, scheduler);
	assert_memory_equal(table, world.slots, world.slot_count * sizeof(*table));
	for (uint32_t i = world.node_count; i-- > 1;) {
		uint32_t other = sl_prng_below(&world.prng, i + 1);
		struct sl_sched_node node = world.nodes[i];

		world.nodes[i] = world.nodes[other];
		world.nodes[other] = node;
	}
	for (uint32_t i = 0; i < world.node_count; i++) {
		renamed[world.nodes[i].index] = i + 1;
		world.nodes[i].index = i + 1;
	}
	world_build_first(&world, scheduler);
	for (uint32_t slot = 0; slot < world.slot_count; slot++)
		assert_int_equal(world.slots[slot], renamed[table[slot]]);
	free(renamed);
	free(table);
	world_fini(&world);
}

static void check_bystanders(struct world *world, const struct promise *promise, uint32_t index)
{
	uint32_t bystanders = world_bystanders(world, index);

	if (promise->still)
		assert_int_equal(bystanders, 0);
	else
		assert_in_range(bystanders, 0,
				(uint32_t)(promise->bystanders_most * world->slot_count));
}

static void changes_hardly_move_bystanders(void **state)
{
	const struct promise *promise = *state;
	struct world world;

	world_init(&world, 100, 16384);
	world_weigh(&world, 20);
	world_build_first(&world, promise->scheduler);
	for (int change = 0; change < 12; change++) {
		uint32_t place = sl_prng_below(&world.prng, world.node_count);
		uint32_t index = world.nodes[place].index;

		if (change % 3 == 0) {
			world_remove(&world, place);
		} else if (change % 3 == 1) {
			index = world.next_index;
			world_add(&world, 10);
		} else {
			world.nodes[place].weight += world.nodes[place].weight / 10;
		}
		world_build(&world, promise->scheduler);
		check_bystanders(&world, promise, index);
		check_shares(&world, promise);
	}
	world_fini(&world);
}

static void nothing_changed_moves_nothing(void **state)
{
	struct world world;

	world_init(&world, 777, 65536);
	world_weigh(&world, 9);
	world_build_first(&world, ((struct promise *)*state)->scheduler);
	world_build(&world, ((struct promise *)*state)->scheduler);
	assert_int_equal(sl_sched_moved(world.before, world.slots, 65536), 0);
	world_fini(&world);
}

static void nodes_of_one_seed_are_told_apart(void **state)
{
	const struct promise *promise = *state;
	struct world world;

	world_init(&world, 30, 4096);
	for (uint32_t i = 0; i < world.node_count; i++)
		world.nodes[i].seed = 7;
	world_build_first(&world, promise->scheduler);
	check_shares(&world, promise);
	world_fini(&world);
}

static void limits_are_kept_and_one_past_them_is_refused(void **state)
{
	enum sl_scheduler scheduler = ((struct promise *)*state)->scheduler;
	struct sl_sched_node node = {
		.index = SL_NODE_INDEX_MAX - 1, .weight = SL_WEIGHT_MAX, .seed = 1};
	struct sl_sched_input input = {.nodes = &node, .node_count = 1, .slot_count = SL_SLOTS_MIN};
	uint32_t *slots = calloc(SL_SLOTS_MAX, sizeof(*slots));

	assert_non_null(slots);
	assert_int_equal(sl_sched_build(scheduler, &input, slots), 0);
	input.slot_count = SL_SLOTS_MAX;
	assert_int_equal(sl_sched_build(scheduler, &input, slots), 0);
	memset(slots, 0xab, SL_SLOTS_MAX * sizeof(*slots));
	input.slot_count = SL_SLOTS_MIN / 2;
	assert_int_equal(sl_sched_build(scheduler, &input, slots), -EINVAL);
	input.slot_count = SL_SLOTS_MIN + 1;
	assert_int_equal(sl_sched_build(scheduler, &input, slots), -EINVAL);
	input.slot_count = SL_SLOTS_MAX * 2;
	assert_int_equal(sl_sched_build(scheduler, &input, slots), -EINVAL);
	input.slot_count = SL_SLOTS_MIN;
	node.index = SL_NODE_INDEX_MAX;
	assert_int_equal(sl_sched_build(scheduler, &input, slots), -EINVAL);
	node.index = SL_SCHED_NOBODY;
	assert_int_equal(sl_sched_build(scheduler, &input, slots), -EINVAL);
	node.index = 1;
	node.weight = SL_WEIGHT_MAX + 1;
	assert_int_equal(sl_sched_build(scheduler, &input, slots), -EINVAL);
	input.node_count = SL_NODES_MAX + 1;
	assert_int_equal(sl_sched_build(scheduler, &input, slots), -EINVAL);
	assert_int_equal(slots[0], 0xabababab);
	assert_memory_equal(slots, slots + 1, (SL_SLOTS_MAX - 1) * sizeof(*slots));
	free(slots);
}

#define SAME_FOR_ALL(promise)                                                                      \
	{"shares follow weights: " #promise, shares_follow_weights, NULL, NULL, &(promise)},       \
		{"weight zero takes nothing: " #promise, weight_zero_takes_nothing, NULL, NULL,    \
		 &(promise)},                                                                      \
		{"one node takes all: " #promise, one_node_takes_all, NULL, NULL, &(promise)},     \
		{"without nodes or weights nobody serves: " #promise,                              \
		 without_nodes_or_weights_nobody_serves, NULL, NULL, &(promise)},                  \
		{"extreme weights stand side by side: " #promise,                                  \
		 extreme_weights_stand_side_by_side, NULL, NULL, &(promise)},                      \
		{"more nodes than slots are served as far as slots go: " #promise,                 \
		 more_nodes_than_slots_are_served_as_far_as_slots_go, NULL, NULL, &(promise)},     \
		{"the table depends on names and weights alone: " #promise,                        \
		 table_depends_on_names_and_weights_alone, NULL, NULL, &(promise)},                \
		{"changes hardly move bystanders: " #promise, changes_hardly_move_bystanders,      \
		 NULL, NULL, &(promise)},                                                          \
		{"nothing changed moves nothing: " #promise, nothing_changed_moves_nothing, NULL,  \
		 NULL, &(promise)},                                                                \
		{"nodes of one seed are told apart: " #promise, nodes_of_one_seed_are_told_apart,  \
		 NULL, NULL, &(promise)},                                                          \
	{                                                                                          \
		"limits are kept and one past them is refused: " #promise,                         \
			limits_are_kept_and_one_past_them_is_refused, NULL, NULL, &(promise)       \
	}

/* ---- what only some promise ---- */

static void ring_keeps_1000_equal_nodes_within_a_tenth_at_2_to_20(void **state)
{
	struct world world;

	(void)state;
	world_init(&world, 1000, SL_SLOTS_MAX);
	world_build_first(&world, SL_SCHED_RING);
	world_count(&world, world.slots);
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(fabs(world.counts[world.nodes[i].index] / (SL_SLOTS_MAX / 1000.0) - 1) <
			    0.1);
	world_fini(&world);
}

static void rendezvous_moves_slots_only_to_a_node_that_gains_weight(void **state)
{
	struct world world;
	uint32_t index;

	(void)state;
	world_init(&world, 50, 65536);
	world_weigh(&world, 30);
	world_build_first(&world, SL_SCHED_RENDEZVOUS);
	world.nodes[20].weight *= 2;
	index = world.nodes[20].index;
	world_build(&world, SL_SCHED_RENDEZVOUS);
	assert_true(sl_sched_moved(world.before, world.slots, 65536) > 0);
	for (uint32_t slot = 0; slot < 65536; slot++)
		assert_true(world.slots[slot] == world.before[slot] || world.slots[slot] == index);
	world_fini(&world);
}

/* Shares of a table that is drawn slot by slot scatter like a multinomial: chi-squared tells. */
static void rendezvous_scatters_as_chance_does(void **state)
{
	struct world world;
	double chi = 0;

	(void)state;
	world_init(&world, 1000, 65536);
	world_weigh(&world, 10);
	world_build_first(&world, SL_SCHED_RENDEZVOUS);
	world_count(&world, world.slots);
	for (uint32_t i = 0; i < 1000; i++) {
		double due = (double)world.nodes[i].weight / world_weight_sum(&world) * 65536;
		double off = world.counts[world.nodes[i].index] - due;

		chi += off * off / due;
	}
	assert_true(fabs(chi - 999) < 6 * sqrt(2 * 999));
	world_fini(&world);
}

static void choosing_schedulers_get_the_table_of_minimal(void **state)
{
	struct world world;
	uint32_t *table = calloc(4096, sizeof(*table));

	(void)state;
	assert_non_null(table);
	world_init(&world, 50, 4096);
	world_build_first(&world, SL_SCHED_MINIMAL);
	memcpy(table, world.slots, 4096 * sizeof(*table));
	for (int scheduler = SL_SCHED_WRR; scheduler <= SL_SCHED_P2C; scheduler++) {
		world_build_first(&world, (enum sl_scheduler)scheduler);
		assert_memory_equal(table, world.slots, 4096 * sizeof(*table));
	}
	free(table);
	world_fini(&world);
}

static void names_lead_to_schedulers_and_back(void **state)
{
	enum sl_scheduler scheduler = SL_SCHED_P2C;

	(void)state;
	for (int i = SL_SCHED_MINIMAL; i <= SL_SCHED_P2C; i++) {
		assert_int_equal(sl_sched_parse(sl_sched_name((enum sl_scheduler)i), &scheduler),
				 0);
		assert_int_equal(scheduler, i);
	}
	assert_int_equal(sl_sched_parse("maglevs", &scheduler), -EINVAL);
	assert_int_equal(scheduler, SL_SCHED_P2C);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SAME_FOR_ALL(ring),
		SAME_FOR_ALL(maglev),
		SAME_FOR_ALL(rendezvous),
		SAME_FOR_ALL(minimal),
		cmocka_unit_test(ring_keeps_1000_equal_nodes_within_a_tenth_at_2_to_20),
		cmocka_unit_test(rendezvous_moves_slots_only_to_a_node_that_gains_weight),
		cmocka_unit_test(rendezvous_scatters_as_chance_does),
		cmocka_unit_test(choosing_schedulers_get_the_table_of_minimal),
		cmocka_unit_test(names_lead_to_schedulers_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
