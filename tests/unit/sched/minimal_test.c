/* SPDX-License-Identifier: BSD-3-Clause */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/order.h"
#include "world.h"

/* Quotas exact, and exactly the least moved. */
static void build_and_check(struct world *world)
{
	uint32_t *quotas = calloc(world->node_count + 1, sizeof(*quotas));
	uint32_t least;

	assert_non_null(quotas);
	assert_int_equal(sl_sched_least(world->nodes, world->node_count, world->slots,
					world->slot_count, &least),
			 0);
	world_build(world, SL_SCHED_MINIMAL);
	assert_int_equal(sl_sched_moved(world->before, world->slots, world->slot_count), least);
	assert_int_equal(sl_sched_quota(world->nodes, world->node_count, world->slot_count, quotas),
			 0);
	world_count(world, world->slots);
	for (uint32_t i = 0; i < world->node_count; i++)
		assert_int_equal(world->counts[world->nodes[i].index], quotas[i]);
	free(quotas);
}

/* Adds, removes, changes of weight to and fro, weight zero, several at once. */
static void change(struct world *world)
{
	uint32_t place = sl_prng_below(&world->prng, world->node_count);

	switch (sl_prng_below(&world->prng, 6)) {
	case 0:
		world_add(world, 1 + sl_prng_below(&world->prng, 100));
		break;
	case 1:
		if (world->node_count > 2)
			world_remove(world, place);
		break;
	case 2:
		world->nodes[place].weight = 0;
		world->nodes[(place + 1) % world->node_count].weight = 50 * WORLD_UNIT;
		break;
	case 3:
		world->nodes[place].weight += world->nodes[place].weight / 10 + 1;
		break;
	case 4:
		world->nodes[place].weight = world->nodes[place].weight / 2 + 1;
		break;
	default:
		world->nodes[place].weight = (1 + sl_prng_below(&world->prng, 100)) * WORLD_UNIT;
		break;
	}
	if (world_weight_sum(world) == 0)
		world_add(world, 1);
}

static void random_histories_move_the_least_and_keep_quotas(void **state)
{
	static const uint32_t pools[][2] = {{3, 256}, {20, 4096}, {100, 1024}, {200, 16384}};

	(void)state;
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		struct world world;

		world_init(&world, pools[i][0], pools[i][1]);
		world_weigh(&world, 100);
		world_build_first(&world, SL_SCHED_MINIMAL);
		for (int step = 0; step < 300; step++) {
			change(&world);
			build_and_check(&world);
		}
		world_fini(&world);
	}
}

/* Pairs of neighbours that one node has, against what shares alone would give. */
static void check_neighbours(struct world *world)
{
	double expected = 0;
	uint32_t pairs = 0, mask = world->slot_count - 1;

	world_count(world, world->slots);
	for (uint32_t index = 1; index < world->next_index; index++)
		expected += pow(world->counts[index], 2) / world->slot_count;
	for (uint32_t slot = 0; slot < world->slot_count; slot++)
		pairs += world->slots[slot] == world->slots[(slot + 1) & mask];
	assert_true(pairs < expected + 5 * sqrt(expected) + 5);
}

/* The longest run of a node of share p among n slots is about log(n) / log(1/p). */
static void check_runs(struct world *world)
{
	uint32_t run = 1, longest = 1, most = 0;
	double p;

	for (uint32_t index = 1; index < world->next_index; index++)
		most = world->counts[index] > most ? world->counts[index] : most;
	p = (double)most / world->slot_count;
	if (p > 0.9)
		return;
	for (uint32_t slot = 1; slot < world->slot_count; slot++) {
		run = world->slots[slot] == world->slots[slot - 1] ? run + 1 : 1;
		longest = run > longest ? run : longest;
	}
	assert_true(longest < 2 + 1.6 * log(world->slot_count) / -log(p));
}

static void no_node_has_a_run_of_neighbours_beyond_chance(void **state)
{
	static const uint32_t pools[][2] = {{2, 65536}, {5, 65536}, {30, 4096}, {1000, 65536}};

	(void)state;
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		struct world world;

		world_init(&world, pools[i][0], pools[i][1]);
		world_weigh(&world, 3);
		world_build_first(&world, SL_SCHED_MINIMAL);
		check_neighbours(&world);
		check_runs(&world);
		for (int step = 0; step < 60; step++) {
			change(&world);
			world_build(&world, SL_SCHED_MINIMAL);
		}
		check_neighbours(&world);
		check_runs(&world);
		world_fini(&world);
	}
}

/* Weights to and fro for hundreds of changes, in the end as at first: most slots are where they were. */
static void long_histories_leave_most_slots_where_they_were(void **state)
{
	struct world world;
	uint32_t *first = calloc(65536, sizeof(*first));
	uint64_t weights[50];

	(void)state;
	assert_non_null(first);
	world_init(&world, 50, 65536);
	world_weigh(&world, 20);
	world_build_first(&world, SL_SCHED_MINIMAL);
	memcpy(first, world.slots, 65536 * sizeof(*first));
	for (uint32_t i = 0; i < 50; i++)
		weights[i] = world.nodes[i].weight;
	for (int step = 0; step < 300; step++) {
		uint32_t place = sl_prng_below(&world.prng, 50);

		world.nodes[place].weight =
			weights[place] * (80 + sl_prng_below(&world.prng, 41)) / 100;
		world_build(&world, SL_SCHED_MINIMAL);
	}
	for (uint32_t i = 0; i < 50; i++)
		world.nodes[i].weight = weights[i];
	world_build(&world, SL_SCHED_MINIMAL);
	assert_in_range(sl_sched_moved(first, world.slots, 65536), 0, 65536 / 4);
	free(first);
	world_fini(&world);
}

static void a_change_and_its_reverse_leave_the_table_as_it_was(void **state)
{
	struct world world;
	uint32_t first[4096];

	(void)state;
	world_init(&world, 40, 4096);
	world_weigh(&world, 10);
	world_build_first(&world, SL_SCHED_MINIMAL);
	for (uint32_t place = 0; place < 40; place++) {
		struct sl_sched_node node = world.nodes[place];

		memcpy(first, world.slots, sizeof(first));
		memset(world.former, 0, sizeof(first));
		world.nodes[place].weight = place % 2 ? 0 : node.weight * 3;
		build_and_check(&world);
		world.nodes[place] = node;
		build_and_check(&world);
		assert_int_equal(sl_sched_moved(first, world.slots, 4096), 0);
	}
	world_fini(&world);
}

static void a_gainer_first_takes_back_what_it_held(void **state)
{
	struct world world;
	uint32_t index, held = 0, back = 0;

	(void)state;
	world_init(&world, 10, 4096);
	world_build_first(&world, SL_SCHED_MINIMAL);
	index = world.nodes[3].index;
	world.nodes[3].weight = WORLD_UNIT / 2;
	build_and_check(&world);
	world.nodes[5].weight = 2 * WORLD_UNIT;
	build_and_check(&world);
	for (uint32_t slot = 0; slot < 4096; slot++)
		held += world.former[slot] == index && world.slots[slot] != index;
	world.nodes[3].weight = WORLD_UNIT;
	build_and_check(&world);
	for (uint32_t slot = 0; slot < 4096; slot++)
		back += world.slots[slot] == index && world.before[slot] != index;
	/* All it takes it had before, as far as their present nodes give any away. */
	assert_in_range(held, back / 2, 4096);
	for (uint32_t slot = 0; slot < 4096; slot++)
		held -= world.former[slot] == index && world.slots[slot] != index;
	assert_true(held * 10 >= back * 7);
	world_fini(&world);
}

static void slots_of_strangers_and_of_nobody_find_a_node(void **state)
{
	struct world world;

	(void)state;
	world_init(&world, 10, 4096);
	for (uint32_t slot = 0; slot < 4096; slot++)
		world.slots[slot] = slot % 3 == 0   ? SL_SCHED_NOBODY
				    : slot % 3 == 1 ? 900 + slot
						    : UINT32_MAX;
	build_and_check(&world);
	world_fini(&world);
}

static void the_table_before_may_be_changed_in_place(void **state)
{
	struct world world;
	uint32_t table[4096];
	struct sl_sched_input input;

	(void)state;
	world_init(&world, 10, 4096);
	world_build_first(&world, SL_SCHED_MINIMAL);
	memcpy(table, world.slots, sizeof(table));
	world.nodes[4].weight *= 4;
	world_build(&world, SL_SCHED_MINIMAL);
	input = (struct sl_sched_input){world.nodes, 10, 4096, table, NULL, NULL};
	assert_int_equal(sl_sched_build(SL_SCHED_MINIMAL, &input, table), 0);
	assert_memory_equal(table, world.slots, sizeof(table));
	world_fini(&world);
}

/* ---- a slow twin ----------------------------------------------------------------------------- */

#define TWIN_NODES 40

struct twin {
	const struct world *world;
	int64_t balance[TWIN_NODES + 2]; /* by index */
	uint32_t gainers[TWIN_NODES];	 /* indices, in the order that all dispatchers share */
	uint32_t *slots;
};

static int by_seed(const void *a, const void *b)
{
	const struct sl_sched_node *left = a, *right = b;
	uint64_t x = sl_prng_mix(left->seed), y = sl_prng_mix(right->seed);

	return (x > y) - (x < y);
}

static void twin_weigh(struct twin *twin)
{
	const struct world *world = twin->world;
	struct sl_sched_node sorted[TWIN_NODES];
	uint32_t quotas[TWIN_NODES];

	memset(twin->balance, 0, sizeof(twin->balance));
	for (uint32_t slot = 0; slot < world->slot_count; slot++)
		twin->balance[twin->slots[slot]]++;
	assert_int_equal(sl_sched_quota(world->nodes, world->node_count, world->slot_count, quotas),
			 0);
	for (uint32_t i = 0; i < world->node_count; i++)
		twin->balance[world->nodes[i].index] -= quotas[i];
	memcpy(sorted, world->nodes, world->node_count * sizeof(*sorted));
	qsort(sorted, world->node_count, sizeof(*sorted), by_seed);
	for (uint32_t i = 0; i < world->node_count; i++)
		twin->gainers[i] = sorted[i].index;
}

static void twin_move(struct twin *twin, uint32_t slot, uint32_t index)
{
	twin->balance[twin->slots[slot]]--;
	twin->balance[index]++;
	twin->slots[slot] = index;
}

/* Every slot in the fixed order, twice: for those who held it, then for whoever lacks one. */
static void twin_build(struct twin *twin)
{
	const struct world *world = twin->world;
	uint32_t bits = (uint32_t)__builtin_ctz(world->slot_count), gainer = 0;

	twin_weigh(twin);
	for (uint32_t place = 0; place < world->slot_count; place++) {
		uint32_t slot = sl_order_slot(place, bits), former = world->former[slot];

		if (twin->balance[twin->slots[slot]] > 0 && twin->balance[former] < 0)
			twin_move(twin, slot, former);
	}
	for (uint32_t place = 0; place < world->slot_count; place++) {
		uint32_t slot = sl_order_slot(place, bits);

		while (gainer < world->node_count && twin->balance[twin->gainers[gainer]] >= 0)
			gainer++;
		if (gainer < world->node_count && twin->balance[twin->slots[slot]] > 0)
			twin_move(twin, slot, twin->gainers[gainer]);
	}
}

/* One weight, a few of them, all of them, or a node without weight. */
static void change_weights(struct world *world)
{
	uint32_t changes = sl_prng_below(&world->prng, 4);

	if (changes == 3)
		world_weigh(world, 20);
	for (uint32_t i = 0; i < changes; i++)
		world->nodes[sl_prng_below(&world->prng, world->node_count)].weight =
			sl_prng_below(&world->prng, 20) * WORLD_UNIT;
	world->nodes[0].weight += WORLD_UNIT;
}

static void build_beside_twin(struct world *world, uint32_t *table, bool counted)
{
	struct twin twin = {.world = world, .slots = table};
	uint32_t held[TWIN_NODES];
	struct sl_sched_input input = {world->nodes,  world->node_count, world->slot_count,
				       world->before, world->former,	 counted ? held : NULL};

	memcpy(table, world->slots, world->slot_count * sizeof(*table));
	memcpy(world->before, world->slots, world->slot_count * sizeof(*table));
	memset(held, 0, sizeof(held));
	for (uint32_t slot = 0; slot < world->slot_count; slot++)
		held[world->before[slot] - 1]++;
	assert_int_equal(sl_sched_build(SL_SCHED_MINIMAL, &input, world->slots), 0);
	twin_build(&twin);
	assert_memory_equal(table, world->slots, world->slot_count * sizeof(*table));
	for (uint32_t slot = 0; slot < world->slot_count; slot++)
		if (world->slots[slot] != world->before[slot])
			world->former[slot] = world->before[slot];
}

static void tables_are_those_of_a_slow_twin_that_looks_at_every_slot(void **state)
{
	static const uint32_t slots[] = {256, 1024, 4096, 65536};
	static const uint32_t nodes[] = {1, 2, 3, 9, 10, TWIN_NODES};
	uint32_t *table = malloc(65536 * sizeof(*table));

	(void)state;
	assert_non_null(table);
	for (uint32_t i = 0; i < 24; i++) {
		struct world world;

		world_init(&world, nodes[i % 6], slots[i / 6]);
		world_build_first(&world, SL_SCHED_MINIMAL);
		for (uint32_t n = 0; n < world.node_count; n++)
			assert_int_equal(world.nodes[n].index, n + 1);
		for (uint32_t step = 0; step < 60; step++) {
			change_weights(&world);
			build_beside_twin(&world, table, step % 2);
		}
		world_fini(&world);
	}
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_histories_move_the_least_and_keep_quotas),
		cmocka_unit_test(no_node_has_a_run_of_neighbours_beyond_chance),
		cmocka_unit_test(long_histories_leave_most_slots_where_they_were),
		cmocka_unit_test(a_change_and_its_reverse_leave_the_table_as_it_was),
		cmocka_unit_test(a_gainer_first_takes_back_what_it_held),
		cmocka_unit_test(slots_of_strangers_and_of_nobody_find_a_node),
		cmocka_unit_test(the_table_before_may_be_changed_in_place),
		cmocka_unit_test(tables_are_those_of_a_slow_twin_that_looks_at_every_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
