/* SPDX-License-Identifier: BSD-3-Clause */

/* From one slot table to the next: a case is what becomes of a slot. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state/slots.h"

#define COUNT	4
#define IDLE_MS 60000
#define NOW_MS	1000000

#define DEAD 9 /* a node that keeps no flows */

static struct sl_snapshot *snapshot;
static struct sl_pool_memory *memory;
static struct sl_slot_table *table;
static struct sl_slots_move move;

static int start(void **state)
{
	assert_int_equal(sl_snapshot_create(NULL, 0, 0, &snapshot), 0);
	for (uint32_t node = 1; node <= DEAD; node++) {
		struct sl_node_view *view = sl_snapshot_node_edit(snapshot, node);

		view->kind = SL_NODE_OUTPUT;
		view->flags = node == DEAD ? 0 : SL_NODE_KEEPS | SL_NODE_TAKES;
	}
	assert_int_equal(sl_pool_memory_create(2, COUNT, 0, &memory), 0);
	assert_int_equal(sl_slot_table_create(COUNT, 0, &table), 0);
	for (uint32_t slot = 0; slot < COUNT; slot++)
		table->word[slot] = 1;
	move = (struct sl_slots_move){.memory = memory,
				      .snapshot = snapshot,
				      .count = COUNT,
				      .now_ms = NOW_MS,
				      .open_ms = IDLE_MS};
	return 0;
}

static int end(void **state)
{
	sl_slot_table_put(table);
	sl_pool_memory_put(memory);
	sl_snapshot_release(snapshot);
	return 0;
}

/* All slots but slot 0 stay; that goes to a node. */
static void go(uint32_t node)
{
	uint32_t words[COUNT] = {node, 1, 1, 1};
	struct sl_slot_table *after;

	move.before = table;
	move.words = words;
	move.since_ms = move.full ? 0 : move.now_ms;
	assert_int_equal(sl_slots_move(&move, &after), 0);
	sl_slot_table_put(table);
	table = after;
}

/* Slot 0, which is unsettled. */
static const struct sl_open_slot *slot(void)
{
	assert_int_equal(table->open_count, 1);
	assert_int_equal(table->word[0], SL_SLOT_OPEN | 0);
	assert_int_equal(table->open[0].slot, 0);
	return &table->open[0];
}

static bool settles(uint64_t now_ms)
{
	struct sl_slot_table *after;

	assert_int_equal(sl_slots_settle(table, memory, now_ms, IDLE_MS, &after), 0);
	if (!after)
		return false;
	sl_slot_table_put(table);
	table = after;
	return true;
}

static void a_slot_that_moves_opens_and_its_prior_is_the_node_before(void **state)
{
	go(2);
	assert_int_equal(slot()->node, 2);
	assert_int_equal(slot()->prior, 1);
	assert_int_equal(slot()->open_until_ms, NOW_MS + IDLE_MS);
	assert_int_equal(slot()->moved_at_ms, NOW_MS);
	assert_int_equal(slot()->since_ms, NOW_MS);
	assert_int_equal(sl_slots_node(table, 0), 2);
	for (uint32_t i = 1; i < COUNT; i++)
		assert_int_equal(table->word[i], 1);
}

static void the_first_table_is_settled(void **state)
{
	uint32_t words[COUNT] = {3, 4, 5, SL_NODE_NOBODY};
	struct sl_slot_table *after;

	move.words = words;
	assert_int_equal(sl_slots_move(&move, &after), 0);
	assert_int_equal(after->open_count, 0);
	assert_memory_equal(after->word, words, sizeof(words));
	sl_slot_table_put(after);
}

static void a_slot_of_a_node_that_keeps_no_flows_moves_without_opening(void **state)
{
	table->word[0] = DEAD;
	go(2);
	assert_int_equal(table->word[0], 2);
	assert_int_equal(table->open_count, 0);
}

static void slots_do_not_open_where_there_is_no_open_time(void **state)
{
	move.open_ms = 0;
	go(2);
	assert_int_equal(table->word[0], 2);
	assert_int_equal(table->open_count, 0);
}

static void a_slot_that_moves_while_open_keeps_its_prior_and_its_time(void **state)
{
	go(2);
	move.now_ms += 1000;
	go(3);
	assert_int_equal(slot()->node, 3);
	assert_int_equal(slot()->prior, 1);
	assert_int_equal(slot()->open_until_ms, NOW_MS + IDLE_MS);
	assert_int_equal(slot()->moved_at_ms, NOW_MS + 1000);
	assert_int_equal(slot()->since_ms, NOW_MS);
}

static void a_slot_that_moves_back_while_open_closes_at_once(void **state)
{
	go(2);
	move.now_ms += 1000;
	go(1);
	assert_int_equal(slot()->node, 1);
	assert_int_equal(slot()->prior, 1);
	assert_int_equal(slot()->open_until_ms, NOW_MS + 1000);
}

static void with_full_tracking_a_slot_that_moves_back_stays_open(void **state)
{
	move.full = true;
	go(2);
	move.now_ms += 1000;
	go(1);
	assert_int_equal(slot()->open_until_ms, NOW_MS + IDLE_MS);
	assert_int_equal(slot()->since_ms, 0);
}

static void an_unsettled_slot_that_is_no_more_open_opens_anew(void **state)
{
	go(2);
	move.now_ms += IDLE_MS;
	go(3);
	assert_int_equal(slot()->node, 3);
	assert_int_equal(slot()->prior, 2);
	assert_int_equal(slot()->open_until_ms, NOW_MS + 2 * IDLE_MS);
	assert_int_equal(slot()->since_ms, NOW_MS); /* unsettled since then */
}

static void a_prior_that_dies_closes_the_slot(void **state)
{
	go(2);
	sl_snapshot_node_edit(snapshot, 1)->flags = 0;
	move.now_ms += 1000;
	go(2);
	assert_int_equal(slot()->open_until_ms, NOW_MS + 1000);
}

static void an_open_slot_is_open_for_the_idle_timeout_that_is_now(void **state)
{
	go(2);
	move.now_ms += 1000;
	move.longer_ms = 5000;
	go(2);
	assert_int_equal(slot()->open_until_ms, NOW_MS + IDLE_MS + 5000);
	move.longer_ms = -IDLE_MS;
	go(2);
	assert_int_equal(slot()->open_until_ms, NOW_MS + 5000);
	go(2);
	assert_int_equal(slot()->open_until_ms, NOW_MS + 1000);
	move.longer_ms = IDLE_MS;
	go(2);
	assert_int_equal(slot()->open_until_ms, NOW_MS + 1000);
}

static void lent_slots_say_so_settled_and_open(void **state)
{
	table->word[0] = 1;
	go(1 | SL_SLOT_LENT);
	assert_int_equal(table->word[0], 1 | SL_SLOT_LENT);
	assert_int_equal(table->open_count, 0);
	go(2 | SL_SLOT_LENT);
	assert_int_equal(slot()->node, 2);
	assert_int_equal(slot()->lent, SL_SLOT_LENT);
	assert_int_equal(sl_slots_node(table, 0), 2);
	go(2);
	assert_int_equal(slot()->lent, 0);
}

static void
every_slot_is_unsettled_but_not_open_when_entries_left_behind_must_not_count(void **state)
{
	move.rest = SL_SLOTS_UNSETTLE;
	go(1);
	assert_int_equal(table->open_count, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_int_equal(table->open[i].prior, 1);
		assert_int_equal(table->open[i].open_until_ms, NOW_MS);
		assert_int_equal(table->open[i].since_ms, NOW_MS);
	}
}

static void every_slot_opens_for_a_scheduler_that_chooses_for_each_flow(void **state)
{
	move.rest = SL_SLOTS_OPEN;
	go(1);
	assert_int_equal(table->open_count, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_int_equal(table->open[i].slot, i);
		assert_int_equal(table->open[i].prior, 1);
		assert_int_equal(table->open[i].open_until_ms, NOW_MS + IDLE_MS);
	}
}

static void a_slot_settles_one_idle_timeout_and_a_margin_after_its_last_move(void **state)
{
	go(2);
	move.now_ms += 1000;
	go(3);
	assert_false(settles(move.now_ms + IDLE_MS + SL_SETTLE_MARGIN_MS - 1));
	assert_true(settles(move.now_ms + IDLE_MS + SL_SETTLE_MARGIN_MS));
	assert_int_equal(table->word[0], 3);
	assert_int_equal(table->open_count, 0);
}

static void packets_that_went_elsewhere_on_any_core_keep_a_slot_unsettled(void **state)
{
	uint64_t at_ms = NOW_MS + IDLE_MS;

	go(2);
	memory->stamps[1][0].away = sl_tick(at_ms);
	at_ms = (uint64_t)sl_tick(at_ms) << SL_TICK_SHIFT;
	assert_false(settles(at_ms + IDLE_MS + SL_SETTLE_MARGIN_MS - 1));
	assert_true(settles(at_ms + IDLE_MS + SL_SETTLE_MARGIN_MS));
}

static void a_flow_without_room_holds_the_slot_open_for_one_idle_timeout_more(void **state)
{
	uint32_t tick = sl_tick(NOW_MS + IDLE_MS - 1000);
	uint64_t until_ms = ((uint64_t)tick << SL_TICK_SHIFT) + IDLE_MS;

	go(2);
	memory->stamps[0][0].refused = tick;
	assert_false(settles(until_ms - 1));
	assert_true(settles(until_ms));
}

static void a_flow_without_room_after_that_does_not(void **state)
{
	go(2);
	memory->stamps[0][0].refused = sl_tick(NOW_MS + IDLE_MS) + 1;
	assert_true(settles(NOW_MS + IDLE_MS + SL_SETTLE_MARGIN_MS));
}

static void slots_settle_one_by_one(void **state)
{
	uint32_t words[COUNT] = {2, 3, 1, 1};
	struct sl_slot_table *after;

	go(2);
	move.now_ms += 1000;
	move.before = table;
	move.words = words;
	assert_int_equal(sl_slots_move(&move, &after), 0);
	sl_slot_table_put(table);
	table = after;
	assert_int_equal(table->open_count, 2);
	assert_true(settles(NOW_MS + IDLE_MS + SL_SETTLE_MARGIN_MS));
	assert_int_equal(table->open_count, 1);
	assert_int_equal(table->word[0], 2);
	assert_int_equal(table->word[1], SL_SLOT_OPEN | 0);
	assert_int_equal(table->open[0].slot, 1);
	assert_int_equal(table->open[0].prior, 1);
}

static void slots_are_split_when_there_are_to_be_more(void **state)
{
	uint32_t words[2 * COUNT] = {2, 3, 1, 1, 1, 4, 1, 1};
	struct sl_slot_table *after;

	go(2);
	move.before = table;
	move.words = words;
	move.count = 2 * COUNT;
	move.since_ms = move.now_ms;
	assert_int_equal(sl_slots_move(&move, &after), 0);
	assert_int_equal(after->count, 2 * COUNT);
	assert_int_equal(after->open_count, 3); /* both halves of slot 0, and one that moves */
	assert_int_equal(after->open[0].node, 2);
	assert_int_equal(after->open[0].prior, 1);
	assert_int_equal(after->open[1].node, 3);
	assert_int_equal(after->open[1].prior, 1);
	assert_int_equal(after->open[1].slot, 1);
	assert_int_equal(after->open[2].node, 4);
	assert_int_equal(after->open[2].prior, 1);
	assert_int_equal(after->open[2].slot, 5);
	sl_slot_table_put(after);
}

static void
slots_that_are_alike_become_one_when_there_are_to_be_fewer_and_all_are_settled(void **state)
{
	struct sl_slot_table *after;

	table->word[2] = table->word[3] = 5;
	assert_int_equal(sl_slots_fit(table, COUNT / 2, &after), 0);
	assert_non_null(after);
	assert_int_equal(after->count, COUNT / 2);
	assert_int_equal(after->word[0], 1);
	assert_int_equal(after->word[1], 5);
	sl_slot_table_put(after);
	table->word[3] = 4;
	assert_int_equal(sl_slots_fit(table, COUNT / 2, &after), 0);
	assert_null(after); /* two that would be one differ */
	assert_int_equal(sl_slots_fit(table, COUNT, &after), 0);
	assert_null(after); /* there are as many */
}

static void a_service_that_is_pointed_elsewhere_opens_with_the_pool_before_as_prior(void **state)
{
	struct sl_service_view view = {.pool = 1, .prior_pool = SL_SERVICE_NONE};

	assert_int_equal(sl_service_view_point(&view, 1, NOW_MS, IDLE_MS), 0);
	assert_int_equal(view.prior_pool, SL_SERVICE_NONE); /* it is there already */
	assert_int_equal(sl_service_view_point(&view, 2, NOW_MS, IDLE_MS), 0);
	assert_int_equal(view.pool, 2);
	assert_int_equal(view.prior_pool, 1);
	assert_int_equal(view.open_until_ms, NOW_MS + IDLE_MS);
	assert_int_equal(view.via_count, 1);
	assert_int_equal(sl_service_view_point(&view, 3, NOW_MS + 1, IDLE_MS), 0);
	assert_int_equal(view.prior_pool, 1);
	assert_int_equal(view.open_until_ms, NOW_MS + IDLE_MS);
	assert_int_equal(sl_service_view_point(&view, 1, NOW_MS + 2, IDLE_MS), 0);
	assert_int_equal(view.open_until_ms, NOW_MS + 2); /* back: closed */
	assert_int_equal(view.via_count, 3);
}

static void a_service_is_at_so_many_pools_and_not_one_more(void **state)
{
	struct sl_service_view view = {.pool = 1, .prior_pool = SL_SERVICE_NONE};

	for (uint32_t n = 0; n < SL_SERVICE_VIA_MAX; n++)
		assert_int_equal(sl_service_view_point(&view, 2 + n, NOW_MS, IDLE_MS), 0);
	assert_int_equal(sl_service_view_point(&view, 100, NOW_MS, IDLE_MS), -EBUSY);
	assert_int_equal(view.pool, 1 + SL_SERVICE_VIA_MAX);
}

static void a_service_settles_when_no_core_needs_it(void **state)
{
	struct sl_service_view view = {.pool = 1, .prior_pool = SL_SERVICE_NONE};
	uint64_t at_ms = NOW_MS + IDLE_MS;
	struct sl_core_stats *cores[2];

	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(sl_core_stats_create(&cores[i]), 0);
	assert_int_equal(sl_service_view_point(&view, 2, NOW_MS, IDLE_MS), 0);
	cores[1]->service_stamps[7].away = sl_tick(at_ms);
	at_ms = (uint64_t)sl_tick(at_ms) << SL_TICK_SHIFT;
	assert_false(sl_service_view_settle(&view, 7, cores, 2,
					    at_ms + IDLE_MS + SL_SETTLE_MARGIN_MS - 1, IDLE_MS));
	assert_int_equal(view.prior_pool, 1);
	assert_true(sl_service_view_settle(&view, 7, cores, 2,
					   at_ms + IDLE_MS + SL_SETTLE_MARGIN_MS, IDLE_MS));
	assert_int_equal(view.prior_pool, SL_SERVICE_NONE);
	assert_int_equal(view.via_count, 0);
	for (uint32_t i = 0; i < 2; i++)
		sl_core_stats_destroy(cores[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_slot_that_moves_opens_and_its_prior_is_the_node_before),
		CASE(the_first_table_is_settled),
		CASE(a_slot_of_a_node_that_keeps_no_flows_moves_without_opening),
		CASE(slots_do_not_open_where_there_is_no_open_time),
		CASE(a_slot_that_moves_while_open_keeps_its_prior_and_its_time),
		CASE(a_slot_that_moves_back_while_open_closes_at_once),
		CASE(with_full_tracking_a_slot_that_moves_back_stays_open),
		CASE(an_unsettled_slot_that_is_no_more_open_opens_anew),
		CASE(a_prior_that_dies_closes_the_slot),
		CASE(an_open_slot_is_open_for_the_idle_timeout_that_is_now),
		CASE(lent_slots_say_so_settled_and_open),
		CASE(every_slot_is_unsettled_but_not_open_when_entries_left_behind_must_not_count),
		CASE(every_slot_opens_for_a_scheduler_that_chooses_for_each_flow),
		CASE(a_slot_settles_one_idle_timeout_and_a_margin_after_its_last_move),
		CASE(packets_that_went_elsewhere_on_any_core_keep_a_slot_unsettled),
		CASE(a_flow_without_room_holds_the_slot_open_for_one_idle_timeout_more),
		CASE(a_flow_without_room_after_that_does_not),
		CASE(slots_settle_one_by_one),
		CASE(slots_are_split_when_there_are_to_be_more),
		CASE(slots_that_are_alike_become_one_when_there_are_to_be_fewer_and_all_are_settled),
		CASE(a_service_that_is_pointed_elsewhere_opens_with_the_pool_before_as_prior),
		CASE(a_service_is_at_so_many_pools_and_not_one_more),
		CASE(a_service_settles_when_no_core_needs_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
