/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limit.h"
#include "sched/pick.h"
#include "world.h"

#define CORES_MAX 8

/* Cores that choose from one view, with their counters of live flows by node index. */
struct crew {
	struct sl_pick_view *view;
	struct sl_pick_state states[CORES_MAX];
	uint32_t *live[CORES_MAX];
	const uint32_t *read[CORES_MAX];
	struct sl_pick_live all;
};

static void crew_init(struct crew *crew, struct world *world, enum sl_scheduler scheduler,
		      uint32_t cores)
{
	memset(crew, 0, sizeof(*crew));
	assert_int_equal(
		sl_pick_build(scheduler, world->nodes, world->node_count, NULL, &crew->view), 0);
	for (uint32_t core = 0; core < cores; core++) {
		sl_pick_state_init(&crew->states[core], sl_prng_next(&world->prng));
		crew->live[core] = calloc(world->next_index, sizeof(uint32_t));
		assert_non_null(crew->live[core]);
		crew->read[core] = crew->live[core];
	}
	crew->all = (struct sl_pick_live){.per_core = crew->read, .cores = cores};
}

static void crew_fini(struct crew *crew)
{
	sl_pick_destroy(crew->view);
	for (uint32_t core = 0; core < CORES_MAX; core++)
		free(crew->live[core]);
}

static uint32_t choose(struct crew *crew, uint32_t core)
{
	uint32_t index = sl_pick_next(crew->view, &crew->states[core], &crew->all);

	crew->live[core][index]++;
	return index;
}

static uint32_t live_of(const struct crew *crew, uint32_t index)
{
	uint32_t sum = 0;

	for (uint32_t core = 0; core < crew->all.cores; core++)
		sum += crew->live[core][index];
	return sum;
}

/* Flows begin at random cores; with `most` of them live each new one ends a random old one. Returns
 * the greatest load per unit of weight against the mean. */
static double imbalance(struct crew *crew, struct world *world, uint32_t flows, uint32_t most)
{
	uint32_t *nodes = calloc(most, sizeof(*nodes)), *cores = calloc(most, sizeof(*cores));
	double worst = 0;

	assert_true(nodes && cores);
	for (uint32_t flow = 0; flow < flows; flow++) {
		uint32_t at = flow < most ? flow : sl_prng_below(&world->prng, most);

		if (flow >= most)
			crew->live[cores[at]][nodes[at]]--;
		cores[at] = sl_prng_below(&world->prng, crew->all.cores);
		nodes[at] = choose(crew, cores[at]);
	}
	for (uint32_t i = 0; i < world->node_count; i++) {
		double due = (double)world->nodes[i].weight / world_weight_sum(world) * most;

		worst = fmax(worst, live_of(crew, world->nodes[i].index) / due);
	}
	free(nodes);
	free(cores);
	return worst;
}

/* ---- what all four promise ---- */

static const enum sl_scheduler four[] = {SL_SCHED_WRR, SL_SCHED_WRANDOM, SL_SCHED_WLEAST,
					 SL_SCHED_P2C};

static void flows_follow_weights_whatever_the_number_of_cores(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (uint32_t cores = 1; cores <= CORES_MAX; cores *= 8) {
			struct world world;
			struct crew crew;

			world_init(&world, 30, 256);
			world_weigh(&world, 20);
			crew_init(&crew, &world, four[i], cores);
			for (uint32_t flow = 0; flow < 60000; flow++)
				(void)choose(&crew, sl_prng_below(&world.prng, cores));
			for (uint32_t k = 0; k < 30; k++) {
				double due = (double)world.nodes[k].weight /
					     world_weight_sum(&world) * 60000;

				assert_true(fabs(live_of(&crew, world.nodes[k].index) - due) <
					    5 * sqrt(due));
			}
			crew_fini(&crew);
			world_fini(&world);
		}
	}
}

static void absent_nodes_and_those_without_weight_are_never_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct world world;
		struct crew crew;
		bool absent[9] = {[3] = true, [8] = true};

		world_init(&world, 9, 256);
		world.nodes[0].weight = 0;
		crew_init(&crew, &world, four[i], 1);
		sl_pick_destroy(crew.view);
		assert_int_equal(sl_pick_build(four[i], world.nodes, 9, absent, &crew.view), 0);
		for (uint32_t flow = 0; flow < 1000; flow++)
			(void)choose(&crew, 0);
		for (uint32_t k = 0; k < 9; k++)
			assert_int_equal(crew.live[0][world.nodes[k].index] > 0,
					 k != 0 && k != 3 && k != 8);
		crew_fini(&crew);
		world_fini(&world);
	}
}

static void an_empty_view_chooses_nobody(void **state)
{
	struct sl_pick_state core;
	struct sl_pick_view *view;

	(void)state;
	sl_pick_state_init(&core, 1);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(sl_pick_build(four[i], NULL, 0, NULL, &view), 0);
		assert_int_equal(sl_pick_next(view, &core, &(struct sl_pick_live){NULL, 0, 0}),
				 SL_SCHED_NOBODY);
		sl_pick_destroy(view);
	}
	sl_pick_destroy(NULL);
}

static void one_node_takes_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct world world;
		struct crew crew;

		world_init(&world, 1, 256);
		world.nodes[0].weight = 1;
		crew_init(&crew, &world, four[i], 1);
		for (uint32_t flow = 0; flow < 100; flow++)
			assert_int_equal(choose(&crew, 0), 1);
		crew_fini(&crew);
		world_fini(&world);
	}
}

static void ten_thousand_nodes_and_extreme_weights_are_served_in_proportion(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct world world;
		struct crew crew;
		uint32_t heavy = 0;

		world_init(&world, 10000, 256);
		for (uint32_t k = 0; k < 10000; k++)
			world.nodes[k].weight = k % 100 == 0 ? SL_WEIGHT_MAX : 1 + k % 7;
		crew_init(&crew, &world, four[i], 2);
		for (uint32_t flow = 0; flow < 20000; flow++)
			heavy += choose(&crew, flow % 2) % 100 == 1;
		/* wleast has to have looked round before it knows the heavy ones. */
		assert_in_range(heavy, 19900, 20000);
		crew_fini(&crew);
		world_fini(&world);
	}
}

static void the_same_seed_chooses_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint32_t first[500];

		for (int round = 0; round < 2; round++) {
			struct world world;
			struct crew crew;

			world_init(&world, 100, 256);
			world_weigh(&world, 10);
			crew_init(&crew, &world, four[i], 1);
			for (uint32_t flow = 0; flow < 500; flow++) {
				uint32_t index = choose(&crew, 0);

				assert_true(round == 0 || first[flow] == index);
				first[flow] = index;
			}
			crew_fini(&crew);
			world_fini(&world);
		}
	}
}

static void arguments_out_of_range_are_refused(void **state)
{
	struct sl_sched_node node = {.index = 1, .weight = SL_WEIGHT_MAX + 1, .seed = 1};
	struct sl_pick_view *view = NULL;

	(void)state;
	assert_int_equal(sl_pick_build(SL_SCHED_WRR, &node, 1, NULL, &view), -EINVAL);
	node.weight = 1;
	assert_int_equal(sl_pick_build(SL_SCHED_MINIMAL, &node, 1, NULL, &view), -EINVAL);
	node.index = SL_SCHED_NOBODY;
	assert_int_equal(sl_pick_build(SL_SCHED_WLEAST, &node, 1, NULL, &view), -EINVAL);
	assert_null(view);
}

/* ---- wrr ---- */

static void wrr_is_exact_over_its_sequence(void **state)
{
	static const uint64_t weights[] = {1, 2, 3, 5, 10};
	struct world world;
	struct crew crew;

	(void)state;
	world_init(&world, 5, 256);
	for (uint32_t i = 0; i < 5; i++)
		world.nodes[i].weight = weights[i] * WORLD_UNIT / 2;
	crew_init(&crew, &world, SL_SCHED_WRR, 3);
	for (uint32_t flow = 0; flow < 21 * 3 * 7; flow++)
		(void)choose(&crew, flow % 3);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(live_of(&crew, world.nodes[i].index), weights[i] * 3 * 7);
	crew_fini(&crew);
	world_fini(&world);
}

/* Between two turns of a node of share p lie about 1/p others. */
static void wrr_turns_are_spread_evenly(void **state)
{
	struct world world;
	struct crew crew;
	uint32_t last[21] = {0};

	(void)state;
	world_init(&world, 20, 256);
	world_weigh(&world, 10);
	crew_init(&crew, &world, SL_SCHED_WRR, 1);
	for (uint32_t flow = 1; flow < 5000; flow++) {
		uint32_t index = choose(&crew, 0);
		double gap = world_weight_sum(&world) / (double)world.nodes[index - 1].weight;

		assert_true(last[index] == 0 || fabs(flow - last[index] - gap) < 20);
		last[index] = flow;
	}
	crew_fini(&crew);
	world_fini(&world);
}

/* No common measure that fits a sequence: nobody is far from its due all the same. */
static void wrr_of_awkward_weights_keeps_everyone_near_its_due(void **state)
{
	struct world world;
	struct crew crew;
	double worst = 0;

	(void)state;
	world_init(&world, 1000, 256);
	for (uint32_t i = 0; i < 1000; i++)
		world.nodes[i].weight = 1 + sl_prng_next(&world.prng) % (100 * WORLD_UNIT);
	crew_init(&crew, &world, SL_SCHED_WRR, 4);
	for (uint32_t flow = 0; flow < 8 * 65536; flow++)
		(void)choose(&crew, flow % 4);
	for (uint32_t i = 0; i < 1000; i++) {
		double due = (double)world.nodes[i].weight / world_weight_sum(&world) * 8 * 65536;

		worst = fmax(worst, fabs(live_of(&crew, world.nodes[i].index) - due));
	}
	assert_true(worst < 2 * 4);
	crew_fini(&crew);
	world_fini(&world);
}

/* ---- by load ---- */

static void wleast_of_few_nodes_is_the_least_loaded(void **state)
{
	struct world world;
	struct crew crew;

	(void)state;
	world_init(&world, 16, 256);
	world_weigh(&world, 10);
	crew_init(&crew, &world, SL_SCHED_WLEAST, 4);
	for (uint32_t flow = 0; flow < 20000; flow++) {
		double least = INFINITY, load;
		uint32_t index;

		if (flow > 2000)
			for (uint32_t core = 0; core < 4; core++) {
				uint32_t *live =
					&crew.live[core][1 + sl_prng_below(&world.prng, 16)];

				*live -= *live > 0;
			}
		for (uint32_t i = 0; i < 16; i++)
			least = fmin(least, (1.0 + live_of(&crew, world.nodes[i].index)) /
						    (double)world.nodes[i].weight);
		index = choose(&crew, flow % 4);
		load = live_of(&crew, index) / (double)world.nodes[index - 1].weight;
		assert_true(load <= least * (1 + 1e-9));
	}
	crew_fini(&crew);
	world_fini(&world);
}

static void loads_stay_even_whatever_the_number_of_cores(void **state)
{
	(void)state;
	for (uint32_t cores = 1; cores <= CORES_MAX; cores *= 8) {
		struct world world;
		struct crew crew;

		world_init(&world, 1000, 256);
		world_weigh(&world, 4);
		crew_init(&crew, &world, SL_SCHED_WLEAST, cores);
		assert_true(imbalance(&crew, &world, 150000, 50000) < 1.12);
		crew_fini(&crew);
		crew_init(&crew, &world, SL_SCHED_P2C, cores);
		assert_true(imbalance(&crew, &world, 150000, 50000) < 1.35);
		crew_fini(&crew);
		crew_init(&crew, &world, SL_SCHED_WRANDOM, cores);
		assert_true(imbalance(&crew, &world, 150000, 50000) > 1.4);
		crew_fini(&crew);
		world_fini(&world);
	}
}

static void wleast_turns_to_a_node_that_was_emptied(void **state)
{
	struct world world;
	struct crew crew;
	uint32_t turned = 0;

	(void)state;
	world_init(&world, 2000, 256);
	crew_init(&crew, &world, SL_SCHED_WLEAST, 1);
	for (uint32_t flow = 0; flow < 40000; flow++)
		(void)choose(&crew, 0);
	crew.live[0][1234] = 0;
	for (uint32_t flow = 0; flow < 200; flow++)
		turned += choose(&crew, 0) == 1234;
	assert_in_range(turned, 19, 22);
	crew_fini(&crew);
	world_fini(&world);
}

/* One flow on a node of weight 1, four on one of weight 3: one of four is less there. */
static void a_heavy_flow_goes_where_it_weighs_least(void **state)
{
	static const enum sl_scheduler by_load[] = {SL_SCHED_WLEAST, SL_SCHED_P2C};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world world;
		struct crew crew;

		world_init(&world, 2, 256);
		world.nodes[0].weight = 1;
		world.nodes[1].weight = 3;
		crew_init(&crew, &world, by_load[i], 1);
		crew.live[0][world.nodes[1].index] = 3;
		for (uint32_t extra = 0; extra < 4; extra += 3) {
			uint32_t heavier = 0;

			crew.all.extra = extra;
			for (uint32_t flow = 0; flow < 100; flow++)
				heavier += sl_pick_next(crew.view, &crew.states[0], &crew.all) ==
					   world.nodes[1].index;
			/* p2c may draw one of them alone */
			assert_in_range(heavier, extra ? 60 : 0, extra ? 100 : 60);
			if (i == 0)
				assert_int_equal(heavier, extra ? 100 : 0);
		}
		crew_fini(&crew);
		world_fini(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_follow_weights_whatever_the_number_of_cores),
		cmocka_unit_test(absent_nodes_and_those_without_weight_are_never_chosen),
		cmocka_unit_test(an_empty_view_chooses_nobody),
		cmocka_unit_test(one_node_takes_all),
		cmocka_unit_test(ten_thousand_nodes_and_extreme_weights_are_served_in_proportion),
		cmocka_unit_test(the_same_seed_chooses_the_same),
		cmocka_unit_test(arguments_out_of_range_are_refused),
		cmocka_unit_test(wrr_is_exact_over_its_sequence),
		cmocka_unit_test(wrr_turns_are_spread_evenly),
		cmocka_unit_test(wrr_of_awkward_weights_keeps_everyone_near_its_due),
		cmocka_unit_test(wleast_of_few_nodes_is_the_least_loaded),
		cmocka_unit_test(loads_stay_even_whatever_the_number_of_cores),
		cmocka_unit_test(wleast_turns_to_a_node_that_was_emptied),
		cmocka_unit_test(a_heavy_flow_goes_where_it_weighs_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
