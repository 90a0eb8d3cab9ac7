/* SPDX-License-Identifier: BSD-3-Clause */

/* Publication with real threads: one writer swaps snapshots as fast as it can, readers come, read, rest
 * and go. A reader must see whole snapshots, never an older one after a newer one, never one that was
 * released; and in the end everything retired was released. Run under the thread and address
 * sanitizers, too. */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "state/publish.h"

#define READERS	  3
#define SWAPS	  20000
#define READS	  8 /* of one snapshot, within a burst */
#define YIELD_ALL 8
#define HOLD_ALL  5
#define REST_ALL  64 /* bursts after which a reader sleeps, then goes and comes again */

/* Going online stores a reader's word relaxed, with a fence behind it. The thread sanitizer knows no
 * fences, so under it readers stay. */
#ifdef __SANITIZE_THREAD__
#define RESTS false
#else
#define RESTS true
#endif

static struct sl_publish *publish;
static uint32_t released; /* control's */
static atomic_bool over;
static atomic_uint started;

struct reader {
	pthread_t thread;
	uint32_t index;
	uint64_t bursts, broken;
};

static void release(void *object)
{
	struct sl_snapshot *snapshot = object;

	snapshot->number = 0;
	snapshot->generation = 1;
	free(snapshot);
	released++;
}

static struct sl_snapshot *snapshot_make(uint64_t number)
{
	struct sl_snapshot *snapshot = calloc(1, sizeof(*snapshot));

	assert_non_null(snapshot);
	snapshot->number = number;
	snapshot->generation = number;
	snapshot->pool_count = (uint32_t)number;
	return snapshot;
}

static void burst(struct reader *reader, uint64_t *last)
{
	const struct sl_snapshot *snapshot = sl_publish_get(publish);

	for (int i = 0; i < READS; i++) {
		if (i == READS / 2 && reader->bursts % HOLD_ALL == 0)
			sched_yield(); /* holds what it got */
		if (snapshot->number < *last || snapshot->generation != snapshot->number ||
		    snapshot->pool_count != (uint32_t)snapshot->number)
			reader->broken++;
	}
	*last = snapshot->number;
	sl_publish_quiescent(publish, reader->index);
	reader->bursts++;
}

static void *read_on(void *argument)
{
	struct reader *reader = argument;
	uint64_t last = 1;

	if (sl_publish_reader_add(publish, reader->index) != 0)
		reader->broken++;
	atomic_fetch_add(&started, 1);
	while (!atomic_load(&over)) {
		burst(reader, &last);
		if (RESTS && reader->bursts % REST_ALL == 0) {
			sl_publish_reader_offline(publish, reader->index);
			sched_yield();
			sl_publish_reader_online(publish, reader->index);
		}
		if (RESTS && reader->bursts % (REST_ALL * REST_ALL) == 0) {
			sl_publish_reader_remove(publish, reader->index);
			if (sl_publish_reader_add(publish, reader->index) != 0)
				reader->broken++;
		}
	}
	sl_publish_reader_remove(publish, reader->index);
	return NULL;
}

static void readers_see_whole_snapshots_in_order_and_none_that_was_released(void **state)
{
	struct reader readers[READERS] = {0};
	uint64_t waited = 0;

	(void)state;
	assert_int_equal(sl_publish_create(&publish), 0);
	assert_null(sl_publish_swap(publish, snapshot_make(1)));
	for (uint32_t r = 0; r < READERS; r++) {
		readers[r].index = r * 7;
		assert_int_equal(pthread_create(&readers[r].thread, NULL, read_on, &readers[r]), 0);
	}
	while (atomic_load(&started) < READERS)
		sched_yield();
	for (uint64_t number = 2; number <= SWAPS; number++) {
		struct sl_snapshot *before = sl_publish_swap(publish, snapshot_make(number));

		assert_int_equal(before->number, number - 1);
		assert_int_equal(sl_publish_retire(publish, release, before), 0);
		waited += sl_publish_reclaim(publish);
		if (number % YIELD_ALL == 0)
			sched_yield(); /* there may be fewer CPUs than threads */
	}
	atomic_store(&over, true);
	for (uint32_t r = 0; r < READERS; r++) {
		assert_int_equal(pthread_join(readers[r].thread, NULL), 0);
		assert_true(readers[r].bursts > 0);
		assert_int_equal(readers[r].broken, 0);
	}
	assert_true(waited > 0); /* readers were in the way, as they should be */
	assert_int_equal(sl_publish_reclaim(publish), 0);
	assert_int_equal(released, SWAPS - 1);
	release(sl_publish_swap(publish, NULL));
	sl_publish_destroy(publish);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_whole_snapshots_in_order_and_none_that_was_released),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
