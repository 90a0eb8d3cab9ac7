/* SPDX-License-Identifier: BSD-3-Clause */

/* A receive core's stages and a worker in two threads: nothing is lost, doubled or out of order. */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/worker_ring.h"

#define WORKERS 3
#define COUNT	300000u
#define SIZE	64

static struct sl_worker_rings *rings;

/* Packets are numbers: the worker in the low digit, counted from 1 above. */
static struct rte_mbuf *packet_of(uint32_t number, uint32_t worker)
{
	return (struct rte_mbuf *)((uintptr_t)number * WORKERS + worker);
}

static void *produce(void *argument)
{
	struct sl_worker_stages *stages = &rings->stages[0];

	(void)argument;
	for (uint32_t i = 1; i <= COUNT; i++) {
		for (uint32_t worker = 0; worker < WORKERS; worker++)
			while (!sl_worker_stages_put(stages, worker, packet_of(i, worker)))
				sched_yield();
		if (i % 50 == 0)
			sl_worker_stages_show_old(stages);
	}
	sl_worker_stages_show_all(stages);
	return NULL;
}

static void workers_take_in_order_what_a_core_puts(void **state)
{
	uint32_t next[WORKERS] = {1, 1, 1}, left = WORKERS;
	pthread_t thread;

	(void)state;
	assert_int_equal(sl_worker_rings_create(1, WORKERS, 1, SIZE, &rings), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, NULL), 0);
	while (left > 0) {
		uint32_t total = 0;

		for (uint32_t worker = 0; worker < WORKERS; worker++) {
			struct rte_mbuf *packets[48];
			uint32_t count = sl_worker_ring_pop(sl_worker_rings_get(rings, 0, worker),
							    packets, 48);

			for (uint32_t i = 0; i < count; i++)
				assert_ptr_equal(packets[i], packet_of(next[worker]++, worker));
			total += count;
			left -= count > 0 && next[worker] > COUNT;
		}
		if (total == 0)
			sched_yield();
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (uint32_t worker = 0; worker < WORKERS; worker++)
		assert_int_equal(sl_worker_ring_count(sl_worker_rings_get(rings, 0, worker)), 0);
	sl_worker_rings_destroy(rings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_take_in_order_what_a_core_puts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
