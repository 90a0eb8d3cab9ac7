/* SPDX-License-Identifier: BSD-3-Clause */

/* What cores remember about a pool outlives the pool's changes. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state/flow_table.h"
#include "state/pool_memory.h"

#define CORES	2
#define SLOTS	8
#define ENTRIES 64

static struct sl_pool_memory *create(uint32_t flow_entries)
{
	struct sl_pool_memory *memory;

	assert_int_equal(sl_pool_memory_create(CORES, SLOTS, flow_entries, &memory), 0);
	return memory;
}

static struct sl_pool_memory *derive(const struct sl_pool_memory *before, uint32_t slot_count,
				     uint32_t flow_entries)
{
	struct sl_pool_memory *memory;

	assert_int_equal(sl_pool_memory_derive(before, slot_count, flow_entries, &memory), 0);
	return memory;
}

/* Enters a flow of a node into a core's table. */
static void enter(struct sl_pool_memory *memory, uint32_t core, uint64_t tag, uint32_t node,
		  enum sl_flow_kind kind)
{
	struct sl_flow_table *table = memory->flow_tables[core];
	struct sl_flow_clock clock = {.now = 100};

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(clock.life); i++)
		clock.life[i] = 1000;
	assert_true(sl_flow_table_enter(table, &clock, tag,
					sl_flow_word(node, SL_FLOW_TCP, kind, 0, clock.now)));
}

static void every_core_has_a_table_and_stamps_of_its_own(void **state)
{
	struct sl_pool_memory *memory = create(ENTRIES);

	assert_int_equal(memory->table_count, CORES);
	assert_ptr_not_equal(memory->flow_tables[0], memory->flow_tables[1]);
	assert_ptr_not_equal(memory->stamps[0], memory->stamps[1]);
	for (uint32_t core = 0; core < CORES; core++) {
		assert_true(sl_flow_table_capacity(memory->flow_tables[core]) >= ENTRIES);
		assert_ptr_equal(memory->node_load[core], memory->flow_tables[core]->node_load);
		for (uint32_t slot = 0; slot < SLOTS; slot++)
			assert_int_equal(memory->stamps[core][slot].away |
						 memory->stamps[core][slot].refused,
					 0);
	}
	sl_pool_memory_put(memory);
}

static void without_tracking_there_are_stamps_and_no_tables(void **state)
{
	struct sl_pool_memory *memory = create(0);

	assert_int_equal(memory->table_count, 0);
	assert_non_null(memory->stamps[1]);
	sl_pool_memory_put(memory);
}

static void one_core_or_entry_past_the_most_is_refused(void **state)
{
	struct sl_pool_memory *memory = NULL;

	assert_int_equal(sl_pool_memory_create(SL_RX_CORES_MAX + 1, SLOTS, 0, &memory), -E2BIG);
	assert_int_equal(sl_pool_memory_create(1, SLOTS, SL_FLOW_ENTRIES_MAX + 1, &memory), -E2BIG);
	assert_null(memory);
	assert_int_equal(sl_pool_memory_create(SL_RX_CORES_MAX, SLOTS, 0, &memory), 0);
	sl_pool_memory_put(memory);
}

static void as_many_entries_are_the_same_tables_and_as_many_slots_the_same_stamps(void **state)
{
	struct sl_pool_memory *before = create(ENTRIES), *after = derive(before, SLOTS, ENTRIES);

	assert_int_equal(after->table_count, CORES);
	assert_ptr_equal(after->flow_tables[1], before->flow_tables[1]);
	assert_ptr_equal(after->stamps[1], before->stamps[1]);
	sl_pool_memory_put(before);
	enter(after, 1, 77, 3, SL_FLOW_LIVE);
	assert_int_equal(sl_pool_memory_node_flows(after, 3), 1);
	sl_pool_memory_put(after);
}

static void other_slots_have_stamps_of_their_own(void **state)
{
	struct sl_pool_memory *before = create(ENTRIES),
			      *after = derive(before, 2 * SLOTS, ENTRIES);

	assert_int_equal(after->slot_count, 2 * SLOTS);
	assert_ptr_not_equal(after->stamps[0], before->stamps[0]);
	assert_int_equal(sl_pool_memory_stamp_shift(before, 2 * SLOTS), 1);
	assert_int_equal(sl_pool_memory_stamp_shift(after, 2 * SLOTS), 0);
	assert_int_equal(sl_pool_memory_stamp_shift(after, SLOTS), 0);
	sl_pool_memory_put(before);
	sl_pool_memory_put(after);
}

static void tables_of_another_size_stand_before_those_that_are_still_read(void **state)
{
	struct sl_pool_memory *first = create(ENTRIES), *second, *third;

	enter(first, 0, 77, 3, SL_FLOW_LIVE);
	second = derive(first, SLOTS, 4 * ENTRIES);
	assert_int_equal(second->table_count, 2 * CORES);
	assert_ptr_equal(second->flow_tables[CORES], first->flow_tables[0]);
	assert_true(sl_flow_table_capacity(second->flow_tables[0]) >= 4 * ENTRIES);
	assert_ptr_equal(second->node_load[1], second->flow_tables[1]->node_load);
	sl_pool_memory_put(first);
	assert_int_equal(sl_flow_node(sl_flow_table_read(second->flow_tables[CORES], 77)), 3);
	third = derive(second, SLOTS, 8 * ENTRIES);
	assert_int_equal(third->table_count, 2 * CORES); /* the first ones are gone */
	assert_ptr_equal(third->flow_tables[CORES], second->flow_tables[0]);
	sl_pool_memory_put(second);
	sl_pool_memory_put(third);
}

static void tables_go_when_tracking_ends(void **state)
{
	struct sl_pool_memory *before = create(ENTRIES), *after = derive(before, SLOTS, 0);

	assert_int_equal(after->table_count, 0);
	assert_int_equal(after->flow_entries, 0);
	sl_pool_memory_put(before);
	sl_pool_memory_put(after);
}

static void counts_are_those_of_all_cores_and_not_of_former_tables(void **state)
{
	struct sl_pool_memory *before = create(ENTRIES),
			      *memory = derive(before, SLOTS, 2 * ENTRIES);
	struct sl_flow_counts counts;

	enter(before, 0, 5, 3, SL_FLOW_LIVE);
	enter(memory, 0, 1, 3, SL_FLOW_LIVE);
	enter(memory, 1, 2, 3, SL_FLOW_CLOSING);
	enter(memory, 1, 3, 4, SL_FLOW_LIVE);
	enter(memory, 0, 4, 4, SL_FLOW_BEGUN);
	memory->flow_tables[0]->refused = 10;
	memory->flow_tables[1]->refused = 1;
	memory->flow_tables[1]->evicted = 20;
	sl_pool_memory_count(memory, &counts);
	assert_int_equal(counts.tracked, 3);
	assert_int_equal(counts.begun, 1);
	assert_int_equal(counts.refused, 11);
	assert_int_equal(counts.evicted, 20);
	assert_int_equal(sl_pool_memory_node_flows(memory, 3), 2);
	assert_int_equal(sl_pool_memory_node_flows(memory, 4), 1);
	assert_int_equal(sl_pool_memory_node_flows(memory, 5), 0);
	sl_pool_memory_put(before);
	sl_pool_memory_put(memory);
}

static void a_pass_counts_when_every_core_has_made_it(void **state)
{
	struct sl_pool_memory *memory = create(ENTRIES);

	memory->flow_tables[0]->passes = 5;
	memory->flow_tables[1]->passes = 3;
	assert_int_equal(sl_pool_memory_passes(memory), 3);
	memory->flow_tables[1]->passes = 6;
	assert_int_equal(sl_pool_memory_passes(memory), 5);
	sl_pool_memory_put(memory);
}

static void the_last_put_frees(void **state)
{
	struct sl_pool_memory *memory = create(ENTRIES);

	assert_ptr_equal(sl_pool_memory_get(memory), memory);
	sl_pool_memory_put(memory);
	enter(memory, 0, 1, 3, SL_FLOW_LIVE);
	sl_pool_memory_put(memory);
	sl_pool_memory_put(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_core_has_a_table_and_stamps_of_its_own),
		cmocka_unit_test(without_tracking_there_are_stamps_and_no_tables),
		cmocka_unit_test(one_core_or_entry_past_the_most_is_refused),
		cmocka_unit_test(
			as_many_entries_are_the_same_tables_and_as_many_slots_the_same_stamps),
		cmocka_unit_test(other_slots_have_stamps_of_their_own),
		cmocka_unit_test(tables_of_another_size_stand_before_those_that_are_still_read),
		cmocka_unit_test(tables_go_when_tracking_ends),
		cmocka_unit_test(counts_are_those_of_all_cores_and_not_of_former_tables),
		cmocka_unit_test(a_pass_counts_when_every_core_has_made_it),
		cmocka_unit_test(the_last_put_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
