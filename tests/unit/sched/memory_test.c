/* SPDX-License-Identifier: BSD-3-Clause */

/* Every allocation fails in turn: the answer is -ENOMEM, the outputs are as they were, and nothing leaks. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sched/pick.h"
#include "world.h"

#define SLOTS 1024

static int allowed; /* allocations before the one that fails; negative: none fails */
static int live;    /* allocations not yet freed */

void *__real_sl_mem_alloc(size_t size);
void __real_sl_mem_free(void *memory, size_t size);
void *__wrap_sl_mem_alloc(size_t size);
void __wrap_sl_mem_free(void *memory, size_t size);

void *__wrap_sl_mem_alloc(size_t size)
{
	if (allowed == 0)
		return NULL;
	allowed -= allowed > 0;
	live++;
	return __real_sl_mem_alloc(size);
}

void __wrap_sl_mem_free(void *memory, size_t size)
{
	live -= memory != NULL;
	__real_sl_mem_free(memory, size);
}

struct job {
	struct world world;
	enum sl_scheduler scheduler;
	bool absent[20];
	uint32_t output[SLOTS];
	struct sl_pick_view *view;
};

static int job_build(struct job *job)
{
	struct sl_sched_input input = {job->world.nodes, 20, SLOTS, job->world.slots, NULL, NULL};

	return sl_sched_build(job->scheduler, &input, job->output);
}

static int job_quota(struct job *job)
{
	return sl_sched_quota(job->world.nodes, 20, SLOTS, job->output);
}

static int job_least(struct job *job)
{
	return sl_sched_least(job->world.nodes, 20, job->world.slots, SLOTS, job->output);
}

static int job_lend(struct job *job)
{
	return sl_sched_lend(job->world.nodes, 20, job->absent, job->world.slots, SLOTS,
			     job->output);
}

static int job_pick(struct job *job)
{
	return sl_pick_build(job->scheduler, job->world.nodes, 20, NULL, &job->view);
}

static void fail_in_turn(int (*run)(struct job *), enum sl_scheduler scheduler)
{
	struct job job = {.scheduler = scheduler, .absent = {[3] = true, [5] = true}};
	uint32_t untouched[SLOTS];
	int rc = -ENOMEM, failures = -1;

	allowed = -1;
	world_init(&job.world, 20, SLOTS);
	world_build_first(&job.world, SL_SCHED_MINIMAL);
	memset(job.output, 0x5a, sizeof(job.output));
	memcpy(untouched, job.output, sizeof(untouched));
	for (int before = 0; rc == -ENOMEM && before < 100; before++) {
		assert_memory_equal(job.output, untouched, sizeof(untouched));
		assert_null(job.view);
		allowed = before;
		rc = run(&job);
		failures++;
		assert_int_equal(live, rc == 0 && job.view);
	}
	allowed = -1;
	assert_int_equal(rc, 0);
	assert_true(failures > 0);
	sl_pick_destroy(job.view);
	assert_int_equal(live, 0);
	world_fini(&job.world);
}

static void tables_that_cannot_be_built_stay_as_they_were(void **state)
{
	(void)state;
	for (int scheduler = SL_SCHED_MINIMAL; scheduler <= SL_SCHED_RENDEZVOUS; scheduler++)
		fail_in_turn(job_build, (enum sl_scheduler)scheduler);
	fail_in_turn(job_lend, SL_SCHED_MINIMAL);
}

static void quotas_and_the_least_say_so(void **state)
{
	(void)state;
	fail_in_turn(job_quota, SL_SCHED_MINIMAL);
	fail_in_turn(job_least, SL_SCHED_MINIMAL);
}

static void views_that_cannot_be_built_are_not_there(void **state)
{
	(void)state;
	for (int scheduler = SL_SCHED_WRR; scheduler <= SL_SCHED_P2C; scheduler++)
		fail_in_turn(job_pick, (enum sl_scheduler)scheduler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_that_cannot_be_built_stay_as_they_were),
		cmocka_unit_test(quotas_and_the_least_say_so),
		cmocka_unit_test(views_that_cannot_be_built_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
