/* SPDX-License-Identifier: BSD-3-Clause */

/* A receive core that floods a slow worker with one class, and a better class beside it, in two threads:
 * no packet of the better one is refused or waits for more than a burst, each class stays in order, and
 * the flood is served now and then, too. Time is counted in turns, so the machine's pace is no matter. */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/worker_ring.h"
#include "work/turns.h"

#define WORKERS	 2u
#define SIZE	 64u
#define BURST	 16u
#define VOICES	 20000u
#define BULKS	 8u /* for each voice */
#define MAX_WAIT 10u

enum { VOICE = 0, BULK = 1 };

static struct sl_worker_rings *rings;
static uint32_t heard;	/* voices that worker 1 has taken */
static uint32_t ended;	/* the core has */
static uint64_t losses; /* of bulk */

static struct rte_mbuf *packet_of(uintptr_t number)
{
	return (struct rte_mbuf *)number;
}

/* A call does not send more than its ring has room for. */
static void *produce(void *argument)
{
	struct sl_worker_stages *stages = &rings->stages[0];
	uintptr_t bulk = 1;

	(void)argument;
	for (uint32_t voice = 1; voice <= VOICES; voice++) {
		while (voice - __atomic_load_n(&heard, __ATOMIC_ACQUIRE) > SIZE / 2)
			sched_yield();
		assert_true(sl_worker_stages_put(stages, VOICE * WORKERS + 1, packet_of(voice)));
		for (uint32_t i = 0; i < BULKS; i++, bulk++)
			if (!sl_worker_stages_put(stages, BULK * WORKERS + 1, packet_of(bulk)))
				losses++;
		sl_worker_stages_show_all(stages);
	}
	__atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

static uint32_t waiting_for(void)
{
	uint32_t waiting = 0;

	for (uint32_t class = 0; class < 2; class ++)
		waiting |= (uint32_t)(sl_worker_ring_count(sl_worker_rings_get(
					      rings, 0, class * WORKERS + 1)) > 0)
			   << class;
	return waiting;
}

static void a_flood_of_one_class_takes_nothing_from_another(void **state)
{
	static const struct sl_turns_class classes[] = {{0, 0}, {7, MAX_WAIT}};
	uintptr_t last[2] = {0};
	uint64_t now = 0, since[2] = {0};
	struct sl_turns turns;
	pthread_t thread;

	(void)state;
	assert_int_equal(sl_worker_rings_create(1, WORKERS, 2, SIZE, &rings), 0);
	assert_int_equal(rings->lane_count, 2 * WORKERS);
	sl_turns_init(&turns, classes, 2);
	assert_int_equal(pthread_create(&thread, NULL, produce, NULL), 0);
	for (;;) {
		bool over = __atomic_load_n(&ended, __ATOMIC_ACQUIRE);
		uint32_t waiting = waiting_for(), turn = sl_turns_next(&turns, waiting, ++now);
		struct rte_mbuf *packets[BURST];
		uint32_t count;

		for (uint32_t c = 0; c < 2; c++) {
			if (!(waiting >> c & 1) || c == turn)
				since[c] = now;
			assert_true(now - since[c] <= (c == VOICE ? 1 : MAX_WAIT + 1));
		}
		if (turn == SL_TURNS_NOBODY) {
			if (over)
				break;
			sched_yield();
			continue;
		}
		count = sl_worker_ring_pop(sl_worker_rings_get(rings, 0, turn * WORKERS + 1),
					   packets, BURST);
		assert_true(count > 0);
		for (uint32_t i = 0; i < count; i++) {
			assert_true((uintptr_t)packets[i] > last[turn]);
			last[turn] = (uintptr_t)packets[i];
		}
		if (turn == VOICE)
			__atomic_store_n(&heard, heard + count, __ATOMIC_RELEASE);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(heard, VOICES);
	assert_true(last[BULK] > 0);
	sl_worker_rings_destroy(rings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_one_class_takes_nothing_from_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
