/* SPDX-License-Identifier: BSD-3-Clause */

/* When what is retired is released. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "state/publish.h"

static int released;

static void count_release(void *object)
{
	(void)object;
	released++;
}

static void what_is_retired_is_released_after_every_reader_was_quiescent(void **state)
{
	struct sl_publish *publish;

	released = 0;
	assert_int_equal(sl_publish_create(&publish), 0);
	assert_int_equal(sl_publish_reader_add(publish, 0), 0);
	assert_int_equal(sl_publish_reader_add(publish, 5), 0);
	assert_int_equal(sl_publish_retire(publish, count_release, NULL), 0);
	assert_int_equal(sl_publish_reclaim(publish), 1);
	sl_publish_quiescent(publish, 0);
	assert_int_equal(sl_publish_reclaim(publish), 1);
	sl_publish_quiescent(publish, 5);
	assert_int_equal(sl_publish_reclaim(publish), 0);
	assert_int_equal(released, 1);
	sl_publish_destroy(publish);
}

static void a_reader_that_is_offline_or_gone_is_not_waited_for(void **state)
{
	struct sl_publish *publish;

	released = 0;
	assert_int_equal(sl_publish_create(&publish), 0);
	assert_int_equal(sl_publish_reader_add(publish, 0), 0);
	assert_int_equal(sl_publish_reader_add(publish, 1), 0);
	assert_int_equal(sl_publish_retire(publish, count_release, NULL), 0);
	sl_publish_reader_offline(publish, 0);
	assert_int_equal(sl_publish_reclaim(publish), 1);
	sl_publish_reader_remove(publish, 1);
	assert_int_equal(sl_publish_reclaim(publish), 0);
	sl_publish_reader_online(publish, 0);
	assert_int_equal(sl_publish_retire(publish, count_release, NULL), 0);
	assert_int_equal(sl_publish_reclaim(publish), 1);
	sl_publish_destroy(publish);
	assert_int_equal(released, 2);
}

static void readers_see_the_snapshot_that_was_swapped_in_last(void **state)
{
	struct sl_publish *publish;
	struct sl_snapshot *first, *second;

	assert_int_equal(sl_publish_create(&publish), 0);
	assert_int_equal(sl_snapshot_create(NULL, 0, 0, &first), 0);
	assert_int_equal(sl_snapshot_create(first, 0, 0, &second), 0);
	assert_null(sl_publish_get(publish));
	assert_null(sl_publish_swap(publish, first));
	assert_ptr_equal(sl_publish_get(publish), first);
	assert_ptr_equal(sl_publish_swap(publish, second), first);
	assert_ptr_equal(sl_publish_get(publish), second);
	assert_int_equal(sl_publish_retire(publish, sl_snapshot_release, first), 0);
	assert_int_equal(sl_publish_retire(publish, sl_snapshot_release, second), 0);
	sl_publish_destroy(publish);
}

static void one_reader_past_the_most_is_refused(void **state)
{
	struct sl_publish *publish;

	assert_int_equal(sl_publish_create(&publish), 0);
	assert_int_equal(sl_publish_reader_add(publish, SL_READERS_MAX - 1), 0);
	assert_int_equal(sl_publish_reader_add(publish, SL_READERS_MAX), -EINVAL);
	sl_publish_destroy(publish);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_retired_is_released_after_every_reader_was_quiescent),
		cmocka_unit_test(a_reader_that_is_offline_or_gone_is_not_waited_for),
		cmocka_unit_test(readers_see_the_snapshot_that_was_swapped_in_last),
		cmocka_unit_test(one_reader_past_the_most_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
