/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limit.h"
#include "sched/order.h"
#include "sched/sort.h"
#include "world.h"

typedef unsigned __int128 wide;

static uint32_t *quotas_of(const struct world *world)
{
	uint32_t *quotas = calloc(world->node_count, sizeof(*quotas));

	assert_non_null(quotas);
	assert_int_equal(sl_sched_quota(world->nodes, world->node_count, world->slot_count, quotas),
			 0);
	return quotas;
}

/* Whole parts or one more, their sum all slots, and nobody who got one more has less left over than one who
 * did not: that is largest remainder. */
static void check_largest_remainder(const struct world *world)
{
	uint32_t *quotas = quotas_of(world);
	wide sum = 0, least_up = ~(wide)0, most_down = 0;
	uint64_t total = 0;

	for (uint32_t i = 0; i < world->node_count; i++)
		sum += world->nodes[i].weight;
	for (uint32_t i = 0; i < world->node_count; i++) {
		wide product = (wide)world->nodes[i].weight * world->slot_count;
		wide rest = product % sum;

		total += quotas[i];
		if (quotas[i] == product / sum) {
			most_down = rest > most_down ? rest : most_down;
		} else {
			assert_true(quotas[i] == product / sum + 1);
			least_up = rest < least_up ? rest : least_up;
		}
	}
	assert_int_equal(total, world->slot_count);
	assert_true(least_up >= most_down);
	free(quotas);
}

static void quotas_are_the_largest_remainders(void **state)
{
	static const uint64_t mosts[] = {1, 3, 1000, 1000000, SL_WEIGHT_MAX};
	struct world world;

	(void)state;
	for (int round = 0; round < 60; round++) {
		world_init(&world, 1, SL_SLOTS_MIN << (round % 13));
		world.prng.state += (uint64_t)round;
		for (uint32_t count = sl_prng_below(&world.prng, 1000); count > 0; count--)
			world_add(&world, 1);
		for (uint32_t i = 0; i < world.node_count; i++)
			world.nodes[i].weight = sl_prng_next(&world.prng) % mosts[round % 5] + 1;
		check_largest_remainder(&world);
		world_fini(&world);
	}
}

static void quotas_are_exact_at_every_limit_at_once(void **state)
{
	struct world world;

	(void)state;
	world_init(&world, SL_NODES_MAX, SL_SLOTS_MAX);
	for (uint32_t i = 0; i < world.node_count; i++)
		world.nodes[i].weight = SL_WEIGHT_MAX - i % 3;
	check_largest_remainder(&world);
	world.nodes[7].weight = 1;
	check_largest_remainder(&world);
	world_fini(&world);
}

static void equal_remainders_go_by_seed_not_by_place(void **state)
{
	struct world world;
	uint32_t *quotas, *turned;

	(void)state;
	world_init(&world, 100, 1024);
	quotas = quotas_of(&world);
	for (uint32_t i = 0; i < 50; i++) {
		struct sl_sched_node node = world.nodes[i];

		world.nodes[i] = world.nodes[99 - i];
		world.nodes[99 - i] = node;
	}
	turned = quotas_of(&world);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(quotas[i], turned[99 - i]);
	free(quotas);
	free(turned);
	world_fini(&world);
}

static void no_weight_gives_no_quota(void **state)
{
	struct world world;
	uint32_t *quotas;

	(void)state;
	world_init(&world, 3, 256);
	for (uint32_t i = 0; i < 3; i++)
		world.nodes[i].weight = 0;
	quotas = quotas_of(&world);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(quotas[i], 0);
	free(quotas);
	world_fini(&world);
}

static void least_is_what_nodes_lack(void **state)
{
	struct world world;
	uint32_t least = 1;

	(void)state;
	world_init(&world, 4, 256);
	world_build_first(&world, SL_SCHED_MINIMAL);
	assert_int_equal(sl_sched_least(world.nodes, 4, world.slots, 256, &least), 0);
	assert_int_equal(least, 0);
	assert_int_equal(sl_sched_least(world.nodes, 2, world.slots, 256, &least), 0);
	assert_int_equal(least, 128);
	world.nodes[0].weight *= 5;
	assert_int_equal(sl_sched_least(world.nodes, 4, world.slots, 256, &least), 0);
	assert_int_equal(least, 160 - 64);
	assert_int_equal(sl_sched_least(world.nodes, 0, world.slots, 256, &least), 0);
	assert_int_equal(least, 0);
	memset(world.slots, 0xff, 256 * sizeof(*world.slots));
	assert_int_equal(sl_sched_least(world.nodes, 4, world.slots, 256, &least), 0);
	assert_int_equal(least, 256);
	assert_int_equal(sl_sched_least(world.nodes, 4, world.slots, 255, &least), -EINVAL);
	world_fini(&world);
}

static void the_order_of_slots_is_a_bijection_and_knows_its_inverse(void **state)
{
	(void)state;
	for (uint32_t bits = 8; bits <= 20; bits++)
		for (uint32_t place = 0; place < 1u << bits; place++)
			assert_int_equal(sl_order_place(sl_order_slot(place, bits), bits), place);
}

static void sorting_is_stable_and_takes_all_64_bits(void **state)
{
	struct sl_prng prng = {world_seed()};
	struct sl_sort_item items[500], spare[500];

	(void)state;
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 500; i++)
			items[i] = (struct sl_sort_item){sl_prng_next(&prng) >> (round * 3), i};
		for (uint32_t i = 0; i < 500; i += 7)
			items[i].key = items[0].key;
		sl_sort(items, spare, 500);
		for (uint32_t i = 1; i < 500; i++)
			assert_true(items[i - 1].key < items[i].key ||
				    (items[i - 1].key == items[i].key &&
				     items[i - 1].ref < items[i].ref));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotas_are_the_largest_remainders),
		cmocka_unit_test(quotas_are_exact_at_every_limit_at_once),
		cmocka_unit_test(equal_remainders_go_by_seed_not_by_place),
		cmocka_unit_test(no_weight_gives_no_quota),
		cmocka_unit_test(least_is_what_nodes_lack),
		cmocka_unit_test(the_order_of_slots_is_a_bijection_and_knows_its_inverse),
		cmocka_unit_test(sorting_is_stable_and_takes_all_64_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
