/* SPDX-License-Identifier: BSD-3-Clause */

/* What the tests of schedulers share: repeatable random pools, and the counting of tables.
 *
 * Shape:   every test starts from world_seed(), printed at the start and given by the environment variable
 *          SL_TEST_SEED, so that a failure can be repeated.
 * Threads: one.
 * Errors:  asserts of cmocka.
 */

#ifndef SL_TESTS_SCHED_WORLD_H
#define SL_TESTS_SCHED_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "sched/sched.h"

#define WORLD_UNIT 1000000ull /* weight 1 */

struct world {
	struct sl_prng prng;
	struct sl_sched_node *nodes;
	uint32_t node_count;
	uint32_t node_room;
	uint32_t next_index;
	uint32_t slot_count;
	uint32_t *slots;  /* the table after the last build */
	uint32_t *before; /* the one before */
	uint32_t *former;
	uint32_t *counts; /* by node index, of world_count() */
};

uint64_t world_seed(void);
void world_init(struct world *world, uint32_t node_count, uint32_t slot_count);
void world_fini(struct world *world);

/* A node of this weight (in units of 1), with the next index. */
void world_add(struct world *world, uint64_t weight);
void world_remove(struct world *world, uint32_t place);

/* Random weights from 1 to `most` units. */
void world_weigh(struct world *world, uint32_t most);

/* Builds slots; the table it had becomes `before`, and `former` is kept up. */
void world_build(struct world *world, enum sl_scheduler scheduler);

/* As at the very first: without a table before. */
void world_build_first(struct world *world, enum sl_scheduler scheduler);

/* Fills counts from a table. Slots of nobody and of strangers are an error. */
void world_count(struct world *world, const uint32_t *slots);

double world_weight_sum(const struct world *world);

/* Slots that moved although neither their old nor their new node is `index`. */
uint32_t world_bystanders(const struct world *world, uint32_t index);

#endif
