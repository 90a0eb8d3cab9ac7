/* SPDX-License-Identifier: BSD-3-Clause */

/* Parts that snapshots share, and those that they do not. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "state/pool_memory.h"
#include "state/service.h"
#include "state/snapshot.h"

static void a_copy_shares_what_did_not_change(void **state)
{
	struct sl_snapshot *first, *second;
	struct sl_slot_table *slots;
	struct sl_pool_memory *memory;
	struct sl_node_view *node;

	assert_int_equal(sl_snapshot_create(NULL, 1, 2, &first), 0);
	assert_int_equal(sl_slot_table_create(256, 3, &slots), 0);
	assert_int_equal(sl_pool_memory_create(2, 256, 0, &memory), 0);
	sl_pool_view_set_slots(&first->pools[0], slots);
	sl_pool_view_set_memory(&first->pools[0], memory);
	node = sl_snapshot_node_edit(first, 300);
	node->flags = SL_NODE_KEEPS;
	assert_int_equal(sl_snapshot_create(first, 2, 1, &second), 0);
	assert_int_equal(second->number, first->number + 1);
	assert_ptr_equal(second->pools[0].slots, slots);
	assert_int_equal(second->pools[0].shift, 56);
	assert_int_equal(slots->references, 2);
	assert_int_equal(memory->references, 2);
	assert_ptr_equal(second->chunks[1], first->chunks[1]);
	assert_memory_equal(&second->flow_key, &first->flow_key, sizeof(first->flow_key));
	sl_snapshot_release(first);
	assert_int_equal(slots->references, 1);
	assert_int_equal(sl_snapshot_node_flags(second, 300), SL_NODE_KEEPS);
	assert_int_equal(sl_snapshot_node_flags(second, 3), 0);
	sl_snapshot_release(second);
}

static void editing_a_node_leaves_the_snapshot_before_as_it_was(void **state)
{
	struct sl_snapshot *first, *second;

	assert_int_equal(sl_snapshot_create(NULL, 0, 0, &first), 0);
	sl_snapshot_node_edit(first, 5)->state = SL_NODE_STATE_UP;
	sl_snapshot_node_edit(first, 6)->state = SL_NODE_STATE_DRAINING;
	assert_int_equal(sl_snapshot_create(first, 0, 0, &second), 0);
	sl_snapshot_node_edit(second, 5)->state = SL_NODE_STATE_DOWN;
	assert_int_equal(sl_snapshot_node(first, 5)->state, SL_NODE_STATE_UP);
	assert_int_equal(sl_snapshot_node(second, 5)->state, SL_NODE_STATE_DOWN);
	assert_int_equal(sl_snapshot_node(second, 6)->state, SL_NODE_STATE_DRAINING);
	sl_snapshot_release(second);
	sl_snapshot_release(first);
}

static void a_snapshot_holds_the_most_pools_and_services_and_no_more(void **state)
{
	struct sl_snapshot *snapshot = NULL;

	assert_int_equal(sl_snapshot_create(NULL, SL_POOLS_MAX + 1, 0, &snapshot), -E2BIG);
	assert_int_equal(sl_snapshot_create(NULL, 0, SL_SERVICES_MAX + 1, &snapshot), -E2BIG);
	assert_null(snapshot);
	assert_int_equal(sl_snapshot_create(NULL, SL_POOLS_MAX, SL_SERVICES_MAX, &snapshot), 0);
	sl_snapshot_release(snapshot);
	sl_snapshot_release(NULL);
}

static void a_pool_lets_go_of_the_slots_it_had(void **state)
{
	struct sl_snapshot *snapshot;
	struct sl_slot_table *slots, *others;

	assert_int_equal(sl_snapshot_create(NULL, 1, 0, &snapshot), 0);
	assert_int_equal(sl_slot_table_create(256, 0, &slots), 0);
	assert_int_equal(sl_slot_table_create(512, 0, &others), 0);
	sl_pool_view_set_slots(&snapshot->pools[0], sl_slot_table_get(slots));
	assert_int_equal(slots->references, 2);
	sl_pool_view_set_slots(&snapshot->pools[0], others);
	assert_int_equal(slots->references, 1);
	assert_int_equal(snapshot->pools[0].shift, 55);
	sl_pool_view_clear(&snapshot->pools[0]);
	assert_null(snapshot->pools[0].words);
	sl_slot_table_put(slots);
	sl_snapshot_release(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_shares_what_did_not_change),
		cmocka_unit_test(editing_a_node_leaves_the_snapshot_before_as_it_was),
		cmocka_unit_test(a_snapshot_holds_the_most_pools_and_services_and_no_more),
		cmocka_unit_test(a_pool_lets_go_of_the_slots_it_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
