/* SPDX-License-Identifier: BSD-3-Clause */

#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint64_t world_seed(void)
{
	static uint64_t seed;
	const char *given = getenv("SL_TEST_SEED");

	if (seed != 0)
		return seed;
	seed = given ? strtoull(given, NULL, 0) : 20240229;
	seed += seed == 0;
	printf("# SL_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

void world_init(struct world *world, uint32_t node_count, uint32_t slot_count)
{
	memset(world, 0, sizeof(*world));
	world->prng.state = world_seed();
	world->slot_count = slot_count;
	world->node_room = node_count + 1024;
	world->next_index = 1;
	world->nodes = calloc(world->node_room, sizeof(*world->nodes));
	world->slots = calloc(slot_count, sizeof(*world->slots));
	world->before = calloc(slot_count, sizeof(*world->before));
	world->former = calloc(slot_count, sizeof(*world->former));
	world->counts = calloc(world->node_room + 1, sizeof(*world->counts));
	assert_true(world->nodes && world->slots && world->before && world->former &&
		    world->counts);
	for (uint32_t i = 0; i < node_count; i++)
		world_add(world, 1);
}

void world_fini(struct world *world)
{
	free(world->nodes);
	free(world->slots);
	free(world->before);
	free(world->former);
	free(world->counts);
}

void world_add(struct world *world, uint64_t weight)
{
	assert_true(world->next_index <= world->node_room);
	world->nodes[world->node_count++] =
		(struct sl_sched_node){.index = world->next_index++,
				       .weight = weight * WORLD_UNIT,
				       .seed = sl_prng_next(&world->prng)};
}

void world_remove(struct world *world, uint32_t place)
{
	world->nodes[place] = world->nodes[--world->node_count];
}

void world_weigh(struct world *world, uint32_t most)
{
	for (uint32_t i = 0; i < world->node_count; i++)
		world->nodes[i].weight = (1 + sl_prng_below(&world->prng, most)) * WORLD_UNIT;
}

static void build(struct world *world, enum sl_scheduler scheduler, const uint32_t *before)
{
	struct sl_sched_input input = {.nodes = world->nodes,
				       .node_count = world->node_count,
				       .slot_count = world->slot_count,
				       .before = before,
				       .former = before ? world->former : NULL};

	assert_int_equal(sl_sched_build(scheduler, &input, world->slots), 0);
}

void world_build(struct world *world, enum sl_scheduler scheduler)
{
	memcpy(world->before, world->slots, world->slot_count * sizeof(*world->slots));
	build(world, scheduler, world->before);
	for (uint32_t slot = 0; slot < world->slot_count; slot++)
		if (world->slots[slot] != world->before[slot])
			world->former[slot] = world->before[slot];
}

void world_build_first(struct world *world, enum sl_scheduler scheduler)
{
	build(world, scheduler, NULL);
}

void world_count(struct world *world, const uint32_t *slots)
{
	memset(world->counts, 0, world->next_index * sizeof(*world->counts));
	for (uint32_t slot = 0; slot < world->slot_count; slot++) {
		assert_in_range(slots[slot], 1, world->next_index - 1);
		world->counts[slots[slot]]++;
	}
}

double world_weight_sum(const struct world *world)
{
	double sum = 0;

	for (uint32_t i = 0; i < world->node_count; i++)
		sum += (double)world->nodes[i].weight;
	return sum;
}

uint32_t world_bystanders(const struct world *world, uint32_t index)
{
	uint32_t bystanders = 0;

	for (uint32_t slot = 0; slot < world->slot_count; slot++)
		bystanders += world->slots[slot] != world->before[slot] &&
			      world->slots[slot] != index && world->before[slot] != index;
	return bystanders;
}
