/* SPDX-License-Identifier: BSD-3-Clause */

/* What other threads ask of the control thread. */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "ctl/loop.h"
#include "unit/model/fixture.h"

#define TEXT                                                                                       \
	"dataplane: {worker_cpus: [0]}\nports: [{name: p0, device: d}]\n"                          \
	"services: [{name: rest, address: any, pool: web}]\n"                                      \
	"pools: [{name: web, slots: 256, nodes: [{name: a, worker: 0, handler: sink}]}]\n"

#define ROUNDS 2000u /* questions of each that asks at once with another */

struct world {
	struct fixture f;
	struct sl_loop *loop;
	pthread_t thread, caller;
	uint32_t calls;
	int status;
};

static void called(void *context)
{
	struct world *world = context;

	world->caller = pthread_self();
	world->calls++;
}

static void *run(void *context)
{
	struct world *world = context;

	world->status = sl_loop_run(world->loop);
	return NULL;
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct sl_loop_hooks hooks = {.context = world};

	fixture_open(&world->f, TEXT, NULL);
	assert_int_equal(sl_loop_create(world->f.model, &hooks, &world->loop), 0);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	sl_loop_destroy(world->loop);
	fixture_close(&world->f);
	free(world);
	return 0;
}

static void begin(struct world *world)
{
	assert_int_equal(pthread_create(&world->thread, NULL, run, world), 0);
}

static void end(struct world *world)
{
	sl_loop_stop(world->loop);
	assert_int_equal(pthread_join(world->thread, NULL), 0);
	assert_int_equal(world->status, 0);
}

static void a_question_is_answered_in_the_thread_of_the_loop(void **state)
{
	struct world *world = *state;

	begin(world);
	for (uint32_t i = 1; i <= 100; i++) {
		assert_int_equal(sl_loop_ask(world->loop, called, world, 10000), 0);
		assert_int_equal(world->calls, i);
		assert_true(pthread_equal(world->caller, world->thread));
	}
	end(world);
}

static void a_question_that_nobody_took_is_withdrawn(void **state)
{
	struct world *world = *state;

	assert_int_equal(sl_loop_ask(world->loop, called, world, 20), -ETIMEDOUT);
	begin(world);
	assert_int_equal(sl_loop_ask(world->loop, called, world, 10000), 0);
	assert_int_equal(world->calls, 1);
	end(world);
}

struct asker {
	struct world *world;
	uint32_t answered, busy, other;
};

static void mark(void *context)
{
	*(bool *)context = true;
}

/* Whoever is told that it was answered was, and nobody waits for another's answer. */
static void *ask_often(void *context)
{
	struct asker *asker = context;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		bool marked = false;
		int status = sl_loop_ask(asker->world->loop, mark, &marked, 600000);

		if (status == 0 && marked)
			asker->answered++;
		else if (status == -EBUSY && !marked)
			asker->busy++;
		else
			asker->other++;
	}
	return NULL;
}

static void two_that_ask_get_each_its_own_answer(void **state)
{
	struct world *world = *state;
	struct asker askers[2] = {{.world = world}, {.world = world}};
	pthread_t threads[2];

	begin(world);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &askers[i]), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(askers[i].other, 0);
		assert_int_equal(askers[i].answered + askers[i].busy, ROUNDS);
	}
	end(world);
}

static void after_the_end_nothing_is_answered(void **state)
{
	struct world *world = *state;

	begin(world);
	end(world);
	assert_int_equal(sl_loop_ask(world->loop, called, world, 10000), -ECANCELED);
	assert_int_equal(world->calls, 0);
}

static void *ask(void *context)
{
	struct world *world = context;

	world->status = sl_loop_ask(world->loop, called, world, 10000);
	return NULL;
}

static void who_waits_at_the_end_is_told(void **state)
{
	struct world *world = *state;
	struct timespec nap = {.tv_nsec = 20000000};
	pthread_t asker;

	assert_int_equal(pthread_create(&asker, NULL, ask, world), 0);
	(void)nanosleep(&nap, NULL);
	sl_loop_stop(world->loop);
	assert_int_equal(sl_loop_run(world->loop), 0);
	assert_int_equal(pthread_join(asker, NULL), 0);
	assert_int_equal(world->status, -ECANCELED);
	assert_int_equal(world->calls, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_question_is_answered_in_the_thread_of_the_loop),
		CASE(a_question_that_nobody_took_is_withdrawn),
		CASE(two_that_ask_get_each_its_own_answer),
		CASE(after_the_end_nothing_is_answered),
		CASE(who_waits_at_the_end_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
