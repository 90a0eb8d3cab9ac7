/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define SLOTS 65536

/* A pool at home, and who is away. */
struct house {
	struct world world;
	bool *absent;
	struct sl_sched_node *present;
	uint32_t present_count;
	uint32_t *lent;
	uint32_t *last; /* the table before */
};

static void house_init(struct house *house, uint32_t node_count, uint32_t slot_count)
{
	world_init(&house->world, node_count, slot_count);
	world_weigh(&house->world, 100);
	for (uint32_t i = 0; i < node_count; i++)
		house->world.nodes[i].weight += 50 * WORLD_UNIT;
	world_build_first(&house->world, SL_SCHED_MINIMAL);
	house->absent = calloc(node_count, sizeof(*house->absent));
	house->present = calloc(node_count, sizeof(*house->present));
	house->lent = calloc(slot_count, sizeof(*house->lent));
	house->last = calloc(slot_count, sizeof(*house->last));
	assert_true(house->absent && house->present && house->lent && house->last);
	memcpy(house->lent, house->world.slots, slot_count * sizeof(*house->lent));
}

static void house_fini(struct house *house)
{
	free(house->absent);
	free(house->present);
	free(house->lent);
	free(house->last);
	world_fini(&house->world);
}

/* Lends anew; returns slots moved beyond the least from the table that was. */
static uint32_t lend(struct house *house)
{
	struct world *world = &house->world;
	uint32_t least = 0;

	memcpy(house->last, house->lent, world->slot_count * sizeof(*house->last));
	assert_int_equal(sl_sched_lend(world->nodes, world->node_count, house->absent, world->slots,
				       world->slot_count, house->lent),
			 0);
	house->present_count = 0;
	for (uint32_t i = 0; i < world->node_count; i++)
		if (!house->absent[i])
			house->present[house->present_count++] = world->nodes[i];
	assert_int_equal(sl_sched_least(house->present, house->present_count, house->last,
					world->slot_count, &least),
			 0);
	return sl_sched_moved(house->last, house->lent, world->slot_count) - least;
}

static void check_exact(struct house *house)
{
	uint32_t *quotas = calloc(house->present_count + 1, sizeof(*quotas));
	uint32_t total = 0;

	assert_non_null(quotas);
	assert_int_equal(sl_sched_quota(house->present, house->present_count,
					house->world.slot_count, quotas),
			 0);
	world_count(&house->world, house->lent);
	for (uint32_t i = 0; i < house->present_count; i++) {
		assert_int_equal(house->world.counts[house->present[i].index], quotas[i]);
		total += quotas[i];
	}
	assert_int_equal(total, house->world.slot_count);
	free(quotas);
}

static void check_home(const struct house *house)
{
	assert_int_equal(sl_sched_moved(house->world.slots, house->lent, house->world.slot_count),
			 0);
}

static void a_single_outage_moves_the_least_and_gives_all_back(void **state)
{
	static const uint32_t pools[][2] = {{2, 256}, {20, SLOTS}, {300, 4096}, {1000, SLOTS}};

	(void)state;
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		struct house house;

		house_init(&house, pools[i][0], pools[i][1]);
		for (uint32_t k = 0; k < 10; k++) {
			uint32_t who = sl_prng_below(&house.world.prng, pools[i][0]);

			house.absent[who] = true;
			assert_int_equal(lend(&house), 0);
			check_exact(&house);
			house.absent[who] = false;
			assert_int_equal(lend(&house), 0);
			check_home(&house);
		}
		house_fini(&house);
	}
}

static void a_rolling_outage_of_all_nodes_leaves_the_table_as_it_was(void **state)
{
	struct house house;

	(void)state;
	house_init(&house, 50, 16384);
	for (uint32_t i = 0; i < 50; i++) {
		house.absent[i] = true;
		house.absent[(i + 49) % 50] = false;
		(void)lend(&house);
		check_exact(&house);
	}
	house.absent[49] = false;
	(void)lend(&house);
	check_home(&house);
	house_fini(&house);
}

static void overlapping_outages_stay_near_the_least(void **state)
{
	static const uint32_t pools[] = {5, 20, 100, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		struct house house;
		uint32_t away = 0;

		house_init(&house, pools[i], SLOTS);
		/* A walk: nodes go away and come back, up to 3 in 10 at a time. */
		for (uint32_t step = 0; step < 25; step++) {
			uint32_t who = sl_prng_below(&house.world.prng, pools[i]);

			if (!house.absent[who] && away >= 1 + pools[i] * 3 / 10)
				continue;
			for (uint32_t k = 0; step == 0 && k < pools[i] / 5; k++)
				house.absent[k] = true;
			house.absent[who] = !house.absent[who];
			away = 0;
			for (uint32_t k = 0; k < pools[i]; k++)
				away += house.absent[k];
			if (step == 0)
				(void)lend(&house);
			else
				assert_in_range(lend(&house), 0, SLOTS / 200);
			check_exact(&house);
		}
		house_fini(&house);
	}
}

static void weights_that_change_meanwhile_move_little_more_than_they_must(void **state)
{
	static const uint32_t pools[] = {3, 5, 20, 100, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		struct house house;
		uint32_t beyond = 0, least = 0;

		house_init(&house, pools[i], SLOTS);
		for (uint32_t k = 0; k < 1 + pools[i] / 10; k++)
			house.absent[k] = true;
		(void)lend(&house);
		for (uint32_t step = 0; step < 25; step++) {
			struct world *world = &house.world;
			struct sl_sched_node *node =
				&world->nodes[sl_prng_below(&world->prng, pools[i])];
			uint32_t more;

			node->weight = (50 + sl_prng_below(&world->prng, 100)) * WORLD_UNIT;
			world_build(world, SL_SCHED_MINIMAL);
			more = lend(&house);
			beyond += more;
			least += sl_sched_moved(house.last, house.lent, SLOTS) - more;
			check_exact(&house);
		}
		assert_in_range(beyond, 0, least + 25 * SLOTS / 400);
		house_fini(&house);
	}
}

static void any_set_away_leaves_exact_shares_and_no_trace_of_the_way_there(void **state)
{
	struct house house;
	uint32_t *directly = calloc(4096, sizeof(*directly));

	(void)state;
	assert_non_null(directly);
	house_init(&house, 64, 4096);
	for (int round = 0; round < 30; round++) {
		uint64_t away = sl_prng_next(&house.world.prng);

		away &= sl_prng_next(&house.world.prng); /* one in four */
		for (uint32_t i = 0; i < 64; i++) {
			house.absent[i] = away >> i & 1;
			if (i % 16 == 0)
				(void)lend(&house);
		}
		(void)lend(&house);
		check_exact(&house);
		assert_int_equal(sl_sched_lend(house.world.nodes, 64, house.absent,
					       house.world.slots, 4096, directly),
				 0);
		assert_int_equal(sl_sched_moved(directly, house.lent, 4096), 0);
	}
	free(directly);
	house_fini(&house);
}

/* Another dispatcher lists its nodes otherwise and has given them other indices. */
static void two_dispatchers_agree_whatever_their_indices(void **state)
{
	struct house house;
	struct sl_sched_node nodes[32];
	bool absent[32];
	uint32_t home[4096], lent[4096];

	(void)state;
	house_init(&house, 32, 4096);
	for (uint32_t i = 0; i < 32; i++) {
		nodes[i] = house.world.nodes[31 - i];
		nodes[i].index += 500;
		house.absent[i] = i % 5 == 0;
		absent[31 - i] = i % 5 == 0;
	}
	for (uint32_t slot = 0; slot < 4096; slot++)
		home[slot] = house.world.slots[slot] + 500;
	(void)lend(&house);
	assert_int_equal(sl_sched_lend(nodes, 32, absent, home, 4096, lent), 0);
	for (uint32_t slot = 0; slot < 4096; slot++)
		assert_int_equal(lent[slot], house.lent[slot] + 500);
	house_fini(&house);
}

static void with_nobody_present_nobody_serves(void **state)
{
	struct house house;

	(void)state;
	house_init(&house, 5, 256);
	memset(house.absent, true, 5);
	assert_int_equal(sl_sched_lend(house.world.nodes, 5, house.absent, house.world.slots, 256,
				       house.lent),
			 0);
	for (uint32_t slot = 0; slot < 256; slot++)
		assert_int_equal(house.lent[slot], SL_SCHED_NOBODY);
	/* One is left but has no weight. */
	house.absent[2] = false;
	house.world.nodes[2].weight = 0;
	assert_int_equal(sl_sched_lend(house.world.nodes, 5, house.absent, house.world.slots, 256,
				       house.lent),
			 0);
	for (uint32_t slot = 0; slot < 256; slot++)
		assert_int_equal(house.lent[slot], SL_SCHED_NOBODY);
	house_fini(&house);
}

/* Borrowers of one node's slots are many, in proportion to weight, and not neighbours of each other. */
static void loans_spread_over_all_nodes_by_weight(void **state)
{
	struct house house;
	uint32_t borrowed = 0;

	(void)state;
	house_init(&house, 20, SLOTS);
	house.absent[7] = true;
	(void)lend(&house);
	world_count(&house.world, house.lent);
	for (uint32_t i = 0; i < 20; i++) {
		uint32_t index = house.world.nodes[i].index, gained = 0;

		for (uint32_t slot = 0; slot < SLOTS; slot++)
			gained += house.lent[slot] == index && house.world.slots[slot] != index;
		borrowed += gained;
		assert_true(i == 7 || gained * 19 > house.world.counts[index] * 19 / 40);
	}
	assert_true(borrowed > 0);
	house_fini(&house);
}

static void arguments_out_of_range_are_refused(void **state)
{
	struct house house;

	(void)state;
	house_init(&house, 5, 256);
	house.absent[0] = true;
	assert_int_equal(sl_sched_lend(house.world.nodes, 5, house.absent, house.world.slots, 255,
				       house.lent),
			 -EINVAL);
	house_fini(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_single_outage_moves_the_least_and_gives_all_back),
		cmocka_unit_test(a_rolling_outage_of_all_nodes_leaves_the_table_as_it_was),
		cmocka_unit_test(overlapping_outages_stay_near_the_least),
		cmocka_unit_test(weights_that_change_meanwhile_move_little_more_than_they_must),
		cmocka_unit_test(any_set_away_leaves_exact_shares_and_no_trace_of_the_way_there),
		cmocka_unit_test(two_dispatchers_agree_whatever_their_indices),
		cmocka_unit_test(with_nobody_present_nobody_serves),
		cmocka_unit_test(loans_spread_over_all_nodes_by_weight),
		cmocka_unit_test(arguments_out_of_range_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
