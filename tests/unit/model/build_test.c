/* SPDX-License-Identifier: BSD-3-Clause */

/* From changes and time to snapshots: open slots, settling, nodes that leave, indices. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "pkt/gue.h"
#include "sched/pick.h"
#include "state/flow_table.h"
#include "state/pool_memory.h"
#include "state/slots.h"
#include "unit/model/fixture.h"

#define IDLE_MS 900000 /* of TCP, the longest */
#define HEAD                                                                                       \
	"dataplane: {worker_cpus: [0, 0]}\n"                                                       \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: "                       \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"
#define TO(pool) "services: [{name: rest, address: any, pool: " pool "}]\n"
#define NODE(name, last, weight)                                                                   \
	"{name: " name ", address: 10.0.0." last ", encap: ipip, port: p0, weight: " weight "}"
#define POOL(name, rest, nodes)                                                                    \
	"  - {name: " name ", slots: 256, flow_entries: 1024, " rest " nodes: [" nodes "]}\n"
#define AB	NODE("a", "1", "1") "," NODE("b", "2", "1")
#define TWO	HEAD TO("web") "pools:\n" POOL("web", "", AB)
#define UNTRACK HEAD TO("web") "pools:\n" POOL("web", "tracking: none,", AB)

/* Of those that say whom it keeps and takes. */
static int life_flags(const struct sl_snapshot *snapshot, uint32_t index)
{
	return sl_snapshot_node_flags(snapshot, index) & (SL_NODE_KEEPS | SL_NODE_TAKES);
}

static const struct sl_pool_view *view(const struct fixture *f, uint32_t pool)
{
	return &sl_model_snapshot(f->model)->pools[pool];
}

static void pass(struct fixture *f, uint64_t ms)
{
	fixture_now_ms += ms;
	sl_model_tick(f->model);
	assert_int_equal(sl_model_flush(f->model, NULL), 0);
}

/* Every table of the pool was swept so often. */
static void sweep(struct fixture *f, uint32_t pool, uint32_t passes)
{
	for (uint32_t i = 0; i < passes; i++) {
		struct sl_pool_memory *memory = view(f, pool)->memory;

		for (uint32_t t = 0; t < memory->table_count; t++)
			memory->flow_tables[t]->passes++;
		pass(f, 1000);
	}
}

static void test_moved_slots_open_and_settle_after_the_idle_timeout(void **state)
{
	const struct sl_open_slot *open;
	struct fixture f;
	uint32_t a, b;

	(void)state;
	fixture_open(&f, TWO, NULL);
	a = fixture_index(&f, "web", "a");
	b = fixture_index(&f, "web", "b");
	assert_int_equal(fixture_weight(&f, "web", "a", 3), 0);
	assert_int_equal(view(&f, 0)->slots->open_count, 64);
	open = &view(&f, 0)->open[0];
	assert_int_equal(open->node, a);
	assert_int_equal(open->prior, b);
	assert_int_equal(open->open_until_ms, fixture_now_ms + IDLE_MS + SL_SETTLE_MARGIN_MS);
	pass(&f, IDLE_MS - 1);
	assert_int_equal(view(&f, 0)->slots->open_count, 64);
	pass(&f, 2001);
	assert_int_equal(view(&f, 0)->slots->open_count, 0);
	assert_int_equal(fixture_slots(&f, "web", "a"), 192);
	fixture_close(&f);
}

static void test_slots_do_not_settle_before_every_core_has_come_so_far(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, TWO, NULL);
	assert_int_equal(fixture_weight(&f, "web", "a", 3), 0);
	f.core->clock_ms = fixture_now_ms + 10;
	pass(&f, 10 * IDLE_MS);
	assert_int_equal(view(&f, 0)->slots->open_count, 64);
	f.core->clock_ms = fixture_now_ms;
	pass(&f, 1000);
	assert_int_equal(view(&f, 0)->slots->open_count, 0);
	fixture_close(&f);
}

#define LONGER		 HEAD TO("web") "pools:\n" POOL("web", "idle_timeout: {tcp: 1h},", AB)
#define SHORTER		 HEAD TO("web") "pools:\n" POOL("web", "idle_timeout: {tcp: 1m},", AB)
#define HELD_MS(idle_ms) ((idle_ms) + SL_SETTLE_MARGIN_MS)

static void test_open_slots_are_open_for_the_idle_timeout_that_is_now(void **state)
{
	struct fixture f;
	uint64_t from;

	(void)state;
	fixture_open(&f, TWO, NULL);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "a"), 0);
	from = fixture_now_ms;
	pass(&f, 1000);
	assert_int_equal(fixture_apply(&f, LONGER), 0);
	assert_int_equal(view(&f, 0)->slots->open_count, 128);
	assert_int_equal(view(&f, 0)->open[0].open_until_ms, from + HELD_MS(3600000));
	assert_int_equal(fixture_apply(&f, SHORTER), 0);
	assert_int_equal(view(&f, 0)->open[0].open_until_ms, from + HELD_MS(60000));
	pass(&f, 62000);
	assert_int_equal(view(&f, 0)->slots->open_count, 0);
	fixture_close(&f);
}

static void test_a_service_is_open_for_the_idle_timeouts_that_are_now(void **state)
{
	static const char pools[] = "pools:\n" POOL("web", "", AB) POOL("other", "", AB);
	static const char longer[] =
		HEAD TO("other") "pools:\n" POOL("web", "idle_timeout: {tcp: 1h},", AB)
			POOL("other", "", AB);
	char first[4096], second[4096];
	struct fixture f;
	uint64_t from;

	(void)state;
	snprintf(first, sizeof(first), "%s%s", HEAD TO("web"), pools);
	snprintf(second, sizeof(second), "%s%s", HEAD TO("other"), pools);
	fixture_open(&f, first, NULL);
	assert_int_equal(fixture_apply(&f, second), 0);
	from = fixture_now_ms;
	pass(&f, 1000);
	assert_int_equal(fixture_apply(&f, longer), 0);
	assert_int_equal(sl_model_snapshot(f.model)->services[0].open_until_ms,
			 from + HELD_MS(3600000));
	assert_int_equal(fixture_apply(&f, second), 0);
	assert_int_equal(sl_model_snapshot(f.model)->services[0].open_until_ms,
			 from + HELD_MS(IDLE_MS));
	fixture_close(&f);
}

static void test_back_and_forth_closes_the_slots(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, TWO, NULL);
	assert_int_equal(fixture_weight(&f, "web", "a", 3), 0);
	assert_int_equal(fixture_weight(&f, "web", "a", 1), 0);
	assert_int_equal(fixture_slots(&f, "web", "a"), 128);
	for (uint32_t i = 0; i < view(&f, 0)->slots->open_count; i++)
		assert_true(view(&f, 0)->open[i].open_until_ms <= fixture_now_ms);
	fixture_close(&f);
}

static void test_slots_close_when_the_node_they_had_before_dies(void **state)
{
	struct fixture f;
	uint32_t open;

	(void)state;
	fixture_open(&f, TWO, NULL);
	assert_int_equal(fixture_weight(&f, "web", "b", 0), 0);
	open = view(&f, 0)->slots->open_count;
	assert_int_equal(open, 128);
	for (uint32_t i = 0; i < open; i++)
		assert_true(view(&f, 0)->open[i].open_until_ms > fixture_now_ms);
	/* nothing of the tables moves by this */
	assert_int_equal(fixture_node(&f, SL_CHANGE_DISABLE, "web", "b"), 0);
	assert_int_equal(view(&f, 0)->slots->open_count, open);
	for (uint32_t i = 0; i < open; i++)
		assert_true(view(&f, 0)->open[i].open_until_ms <= fixture_now_ms);
	fixture_close(&f);
}

static void test_without_tracking_nothing_opens(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, UNTRACK, NULL);
	assert_null(view(&f, 0)->flow_tables);
	assert_int_equal(fixture_weight(&f, "web", "a", 3), 0);
	assert_int_equal(view(&f, 0)->slots->open_count, 0);
	assert_int_equal(fixture_slots(&f, "web", "a"), 192);
	fixture_close(&f);
}

static void test_a_drained_node_says_so_when_nothing_is_left(void **state)
{
	const struct sl_image_node *node;
	struct fixture f;

	(void)state;
	fixture_open(&f, TWO, NULL);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "a"), 0);
	assert_int_equal(f.result.left.slots, 128);
	assert_false(f.result.left.exact);
	pass(&f, 1000);
	node = &sl_model_image(f.model)->pools[0]->nodes[0];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_DRAINING);
	view(&f, 0)->memory->flow_tables[0]->node_flows[node->index] = 1;
	pass(&f, IDLE_MS);
	node = &sl_model_image(f.model)->pools[0]->nodes[0];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_DRAINING);
	view(&f, 0)->memory->flow_tables[0]->node_flows[node->index] = 0;
	pass(&f, 1000);
	node = &sl_model_image(f.model)->pools[0]->nodes[0];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_DRAINED);
	assert_int_equal(sl_model_generation(f.model), 2);
	fixture_close(&f);
}

static void test_a_node_is_not_drained_before_every_core_has_come_so_far(void **state)
{
	const struct sl_image_node *node;
	struct fixture f;

	(void)state;
	fixture_open(&f, TWO, NULL);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "a"), 0);
	f.core->clock_ms = fixture_now_ms + 10;
	pass(&f, 10 * IDLE_MS);
	node = &sl_model_image(f.model)->pools[0]->nodes[0];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_DRAINING);
	f.core->clock_ms = fixture_now_ms;
	pass(&f, 1000);
	node = &sl_model_image(f.model)->pools[0]->nodes[0];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_DRAINED);
	fixture_close(&f);
}

static void test_a_node_is_not_drained_while_flows_without_room_go_to_it(void **state)
{
	const struct sl_image_node *node;
	struct fixture f;

	(void)state;
	fixture_open(&f, TWO, NULL);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "a"), 0);
	pass(&f, IDLE_MS / 2);
	for (uint32_t s = 0; s < 256; s++)
		view(&f, 0)->memory->stamps[0][s].refused = sl_tick(fixture_now_ms);
	pass(&f, IDLE_MS - 1000);
	node = &sl_model_image(f.model)->pools[0]->nodes[0];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_DRAINING);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "a"), 0);
	assert_int_equal(f.result.left.slots, 128);
	assert_false(f.result.left.exact);
	pass(&f, 3000);
	node = &sl_model_image(f.model)->pools[0]->nodes[0];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_DRAINED);
	fixture_close(&f);
}

#define FULL HEAD TO("web") "pools:\n" POOL("web", "tracking: full,", AB)

static void test_a_node_is_not_drained_while_connections_begin_there(void **state)
{
	const struct sl_image_node *node;
	struct fixture f;
	uint32_t *begun;

	(void)state;
	fixture_open(&f, FULL, NULL);
	node = &sl_model_image(f.model)->pools[0]->nodes[0];
	begun = &view(&f, 0)->memory->flow_tables[0]->node_load[node->index];
	*begun = 1;
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "a"), 0);
	assert_int_equal(f.result.left.slots, 0);
	pass(&f, 2000);
	node = &sl_model_image(f.model)->pools[0]->nodes[0];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_DRAINING);
	*begun = 0;
	pass(&f, 1000);
	node = &sl_model_image(f.model)->pools[0]->nodes[0];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_DRAINED);
	fixture_close(&f);
}

/* Flows that are older than full tracking are learned like those of any open slot. */
static void test_what_is_left_is_not_exact_when_full_tracking_has_just_begun(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, TWO, NULL);
	assert_int_equal(fixture_apply(&f, FULL), 0);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "a"), 0);
	assert_int_equal(f.result.left.slots, 128);
	assert_false(f.result.left.exact);
	pass(&f, 2 * IDLE_MS);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "b"), 0);
	assert_int_equal(f.result.left.slots, 0);
	assert_true(f.result.left.exact);
	fixture_close(&f);
}

static void test_at_the_deadline_the_rest_is_cut(void **state)
{
	struct sl_change change = {
		.kind = SL_CHANGE_DRAIN, .pool = "web", .node = "a", .deadline_ms = 60000};
	struct fixture f;
	uint32_t a;

	(void)state;
	fixture_open(&f, TWO, NULL);
	a = fixture_index(&f, "web", "a");
	assert_int_equal(sl_model_deadline_ms(f.model), 0);
	assert_int_equal(fixture_change(&f, &change, false), 0);
	assert_int_equal(sl_model_deadline_ms(f.model), fixture_now_ms + 60000);
	pass(&f, 59999);
	assert_int_equal(sl_model_deadline_ms(f.model), fixture_now_ms + 1);
	assert_int_equal(life_flags(sl_model_snapshot(f.model), a), SL_NODE_KEEPS);
	fixture_now_ms += 1;
	sl_model_settle(f.model);
	assert_int_equal(sl_model_flush(f.model, NULL), 0);
	assert_int_equal(sl_model_deadline_ms(f.model), 0);
	assert_int_equal(life_flags(sl_model_snapshot(f.model), a), 0);
	for (uint32_t i = 0; i < view(&f, 0)->slots->open_count; i++)
		assert_true(view(&f, 0)->open[i].open_until_ms <= fixture_now_ms);
	fixture_close(&f);
}

static void test_a_removed_node_leaves_and_its_index_is_used_again_late(void **state)
{
	static const char *const pairs[] = {"address=10.0.0.9", "encap=ipip", "port=p0",
					    "weight=1"};
	struct fixture f;
	uint32_t b;

	(void)state;
	fixture_open(&f, TWO, NULL);
	b = fixture_index(&f, "web", "b");
	assert_int_equal(fixture_node(&f, SL_CHANGE_REMOVE_NODE, "web", "b"), 0);
	assert_int_equal(f.result.left.slots, 128);
	pass(&f, IDLE_MS);
	assert_true(sl_snapshot_has_node(sl_model_snapshot(f.model), b));
	for (uint32_t i = 0; i < 6; i++)
		pass(&f, 1000);
	assert_int_equal(sl_model_image(f.model)->pools[0]->node_count, 1);
	assert_false(sl_snapshot_has_node(sl_model_snapshot(f.model), b));
	pass(&f, 1000);
	assert_int_equal(fixture_add(&f, "web", "c", pairs, 4), 0);
	assert_int_not_equal(fixture_index(&f, "web", "c"), b);
	sweep(&f, 0, 6);
	assert_int_equal(fixture_add(&f, "web", "d", pairs, 4), 0);
	assert_int_equal(fixture_index(&f, "web", "d"), b);
	fixture_close(&f);
}

static void test_a_live_flow_keeps_a_removed_node(void **state)
{
	struct fixture f;
	uint32_t b;

	(void)state;
	fixture_open(&f, TWO, NULL);
	b = fixture_index(&f, "web", "b");
	assert_int_equal(fixture_node(&f, SL_CHANGE_REMOVE_NODE, "web", "b"), 0);
	view(&f, 0)->memory->flow_tables[0]->node_flows[b] = 1;
	pass(&f, IDLE_MS);
	for (uint32_t i = 0; i < 6; i++)
		pass(&f, 1000);
	assert_int_equal(life_flags(sl_model_snapshot(f.model), b), SL_NODE_KEEPS);
	view(&f, 0)->memory->flow_tables[0]->node_flows[b] = 0;
	for (uint32_t i = 0; i < 6; i++)
		pass(&f, 1000);
	assert_false(sl_snapshot_has_node(sl_model_snapshot(f.model), b));
	fixture_close(&f);
}

static void test_a_service_at_another_pool_opens_and_the_old_pool_stays(void **state)
{
	static const char second[] = HEAD TO("api") "pools:\n" POOL("api", "", NODE("c", "3", "1"));
	const struct sl_service_view *service;
	struct fixture f;

	(void)state;
	fixture_open(&f, TWO, NULL);
	assert_int_equal(fixture_apply(&f, second), 0);
	service = &sl_model_snapshot(f.model)->services[0];
	assert_int_equal(service->pool, 1);
	assert_int_equal(service->prior_pool, 0);
	assert_int_equal(sl_model_image(f.model)->pool_count, 2);
	assert_non_null(view(&f, 0)->words);
	assert_int_equal(life_flags(sl_model_snapshot(f.model),
				    sl_model_image(f.model)->pools[1]->nodes[0].index),
			 SL_NODE_KEEPS);
	pass(&f, IDLE_MS);
	for (uint32_t i = 0; i < 8; i++)
		pass(&f, 1000);
	service = &sl_model_snapshot(f.model)->services[0];
	assert_int_equal(service->prior_pool, SL_SERVICE_NONE);
	assert_int_equal(sl_model_image(f.model)->pool_count, 1);
	assert_null(view(&f, 0)->words);
	fixture_close(&f);
}

static void test_doubled_slots_keep_flow_tables_and_open_slots(void **state)
{
	static const char twice[] =
		HEAD TO("web") "pools: [{name: web, slots: 512, flow_entries: "
			       "1024, nodes: [" NODE("a", "1", "3") "," NODE("b", "2", "1") "]}]\n";
	struct sl_flow_table *table;
	struct fixture f;

	(void)state;
	fixture_open(&f, TWO, NULL);
	assert_int_equal(fixture_weight(&f, "web", "a", 3), 0);
	table = view(&f, 0)->flow_tables[0];
	assert_int_equal(fixture_apply(&f, twice), 0);
	assert_int_equal(f.result.pools[0].moved_slots, 0);
	assert_ptr_equal(view(&f, 0)->flow_tables[0], table);
	assert_int_equal(view(&f, 0)->slots->open_count, 128);
	assert_int_equal(view(&f, 0)->memory->slot_count, 256);
	assert_int_equal(view(&f, 0)->stamp_shift, 1);
	pass(&f, IDLE_MS + SL_SETTLE_MARGIN_MS);
	assert_int_equal(view(&f, 0)->slots->open_count, 0);
	assert_int_equal(view(&f, 0)->memory->slot_count, 512);
	assert_int_equal(view(&f, 0)->stamp_shift, 0);
	assert_ptr_equal(view(&f, 0)->flow_tables[0], table);
	fixture_close(&f);
}

#define SIX_NODES                                                                                  \
	AB "," NODE("c", "3", "2") "," NODE("d", "4", "1") "," NODE("e", "5",                      \
								    "3") "," NODE("g", "6", "1")
#define SIX HEAD TO("web") "pools:\n" POOL("web", "", SIX_NODES)

/* Every slot's node is the one that the tables say, and lent where that is not at home. */
static void assert_slots_are_the_tables(struct fixture *f)
{
	const struct sl_image_pool *pool = sl_model_image(f->model)->pools[0];
	const struct sl_slot_table *slots = view(f, 0)->slots;

	assert_int_equal(slots->count, pool->target->count);
	for (uint32_t s = 0; s < slots->count; s++) {
		uint32_t word = slots->word[s], lent = word & SL_SLOT_LENT;

		if (word & SL_SLOT_OPEN) {
			assert_int_equal(slots->open[word & SL_SLOT_NODE].slot, s);
			lent = slots->open[word & SL_SLOT_NODE].lent;
		}
		assert_int_equal(sl_slots_node(slots, s), pool->target->word[s]);
		assert_int_equal(lent != 0, pool->target->word[s] != pool->home->word[s]);
	}
}

static void test_slots_follow_weights_and_nodes_that_are_away(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "g"};
	struct sl_prng prng = {.state = 4};
	struct fixture f;
	uint32_t lent = 0;

	(void)state;
	fixture_open(&f, SIX, NULL);
	for (uint32_t i = 0; i < 400; i++) {
		const char *node = names[sl_prng_below(&prng, 6)];
		uint32_t what = sl_prng_below(&prng, 5);

		if (what < 2)
			assert_int_equal(fixture_weight(&f, "web", node, sl_prng_below(&prng, 5)),
					 0);
		else
			(void)fixture_node(&f,
					   what == 2   ? SL_CHANGE_DRAIN
					   : what == 3 ? SL_CHANGE_DISABLE
						       : SL_CHANGE_ENABLE,
					   "web", node);
		if (sl_prng_below(&prng, 20) == 0)
			pass(&f, 2 * IDLE_MS);
		assert_slots_are_the_tables(&f);
		lent += sl_model_image(f.model)->pools[0]->target !=
			sl_model_image(f.model)->pools[0]->home;
	}
	assert_in_range(lent, 100, 399);
	fixture_close(&f);
}

static void test_halved_slots_are_made_one_when_all_have_settled(void **state)
{
	static const char many[] = HEAD TO("web") "pools: [{name: web, slots: 512, flow_entries: "
						  "1024, nodes: [" AB "]}]\n";
	uint32_t before[512], moved = 0;
	struct fixture f;

	(void)state;
	fixture_open(&f, many, NULL);
	memcpy(before, view(&f, 0)->words, sizeof(before));
	assert_int_equal(fixture_apply(&f, TWO), 0);
	assert_int_equal(view(&f, 0)->slots->count, 512);
	for (uint32_t s = 0; s < 512; s++) {
		uint32_t word = view(&f, 0)->words[s];

		if (!(word & SL_SLOT_OPEN)) {
			assert_int_equal(word, before[s]);
			continue;
		}
		moved++;
		assert_int_equal(view(&f, 0)->open[word & SL_SLOT_NODE].prior, before[s]);
		assert_int_not_equal(view(&f, 0)->open[word & SL_SLOT_NODE].node, before[s]);
	}
	assert_true(moved > 0);
	pass(&f, IDLE_MS);
	assert_int_equal(view(&f, 0)->slots->count, 512);
	view(&f, 0)->stamps[0][view(&f, 0)->open[0].slot].away = sl_tick(fixture_now_ms);
	pass(&f, SL_SETTLE_MARGIN_MS);
	assert_int_equal(view(&f, 0)->slots->open_count, 1);
	assert_int_equal(view(&f, 0)->slots->count, 512);
	pass(&f, IDLE_MS);
	assert_int_equal(view(&f, 0)->slots->count, 256);
	assert_int_equal(view(&f, 0)->memory->slot_count, 256);
	assert_int_equal(fixture_slots(&f, "web", "a"), 128);
	fixture_close(&f);
}

static void test_schedulers_that_choose_get_a_view_of_who_takes(void **state)
{
	static const char text[] = HEAD TO("web") "pools:\n" POOL("web", "scheduler: wrr,", AB);
	struct sl_pick_state pick;
	struct fixture f;
	uint32_t a, b;

	(void)state;
	fixture_open(&f, text, NULL);
	a = fixture_index(&f, "web", "a");
	b = fixture_index(&f, "web", "b");
	assert_int_equal(view(&f, 0)->tracking, SL_TRACKING_FULL);
	assert_int_equal(view(&f, 0)->flags, SL_POOL_PICKS);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "a"), 0);
	assert_int_equal(f.result.left.slots, 0);
	sl_pick_state_init(&pick, 1);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(sl_pick_next(view(&f, 0)->pick, &pick, NULL), b);
	assert_int_equal(life_flags(sl_model_snapshot(f.model), a), SL_NODE_KEEPS);
	fixture_close(&f);
}

static void test_what_did_not_change_is_shared(void **state)
{
	static const char both[] =
		HEAD TO("web") "pools:\n" POOL("web", "", AB) POOL("api", "", NODE("c", "3", "1"));
	const struct sl_slot_table *slots;
	const struct sl_service_table *services;
	struct fixture f;

	(void)state;
	fixture_open(&f, both, NULL);
	slots = view(&f, 1)->slots;
	services = sl_model_snapshot(f.model)->service_table;
	assert_int_equal(fixture_weight(&f, "web", "a", 3), 0);
	assert_ptr_equal(view(&f, 1)->slots, slots);
	assert_ptr_equal(sl_model_snapshot(f.model)->service_table, services);
	fixture_close(&f);
}

#define GUE(name, last, weight)                                                                    \
	"{name: " name ", address: 10.0.0." last ", encap: gue, port: p0, weight: " weight "}"
#define CHANCE(word, weight)                                                                       \
	HEAD TO("web") "pools:\n" POOL("web", "second_chance: " word ",",                          \
				       GUE("a", "1", weight) "," GUE("b", "2", "1"))

static uint32_t largest(const struct fixture *f)
{
	return sl_snapshot_node(sl_model_snapshot(f->model), fixture_index(f, "web", "a"))
		->l3_size_max;
}

static void test_tunnels_name_the_other_node_while_slots_are_open(void **state)
{
	struct fixture f;
	uint32_t before;

	(void)state;
	fixture_open(&f, CHANCE("false", "1"), NULL);
	before = largest(&f);
	assert_int_equal(fixture_apply(&f, CHANCE("false", "3")), 0);
	assert_int_equal(view(&f, 0)->slots->open_count, 64);
	assert_false(view(&f, 0)->flags & SL_POOL_CHANCE);
	assert_false(sl_model_snapshot(f.model)->chances);
	assert_int_equal(fixture_apply(&f, CHANCE("true", "3")), 0);
	assert_int_equal(view(&f, 0)->slots->open_count, 64);
	assert_true(view(&f, 0)->flags & SL_POOL_CHANCE);
	assert_true(sl_model_snapshot(f.model)->chances);
	assert_int_equal(largest(&f), before - SL_GUE_FIELD_MAX);
	pass(&f, IDLE_MS + 2000);
	assert_int_equal(view(&f, 0)->slots->open_count, 0);
	assert_false(sl_model_snapshot(f.model)->chances);
	assert_int_equal(fixture_weight(&f, "web", "a", 1), 0);
	assert_true(sl_model_snapshot(f.model)->chances);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tunnels_name_the_other_node_while_slots_are_open),
		cmocka_unit_test(test_moved_slots_open_and_settle_after_the_idle_timeout),
		cmocka_unit_test(test_slots_do_not_settle_before_every_core_has_come_so_far),
		cmocka_unit_test(test_back_and_forth_closes_the_slots),
		cmocka_unit_test(test_slots_close_when_the_node_they_had_before_dies),
		cmocka_unit_test(test_without_tracking_nothing_opens),
		cmocka_unit_test(test_open_slots_are_open_for_the_idle_timeout_that_is_now),
		cmocka_unit_test(test_a_service_is_open_for_the_idle_timeouts_that_are_now),
		cmocka_unit_test(test_a_drained_node_says_so_when_nothing_is_left),
		cmocka_unit_test(test_a_node_is_not_drained_while_connections_begin_there),
		cmocka_unit_test(test_what_is_left_is_not_exact_when_full_tracking_has_just_begun),
		cmocka_unit_test(test_a_node_is_not_drained_before_every_core_has_come_so_far),
		cmocka_unit_test(test_a_node_is_not_drained_while_flows_without_room_go_to_it),
		cmocka_unit_test(test_at_the_deadline_the_rest_is_cut),
		cmocka_unit_test(test_a_removed_node_leaves_and_its_index_is_used_again_late),
		cmocka_unit_test(test_a_live_flow_keeps_a_removed_node),
		cmocka_unit_test(test_a_service_at_another_pool_opens_and_the_old_pool_stays),
		cmocka_unit_test(test_doubled_slots_keep_flow_tables_and_open_slots),
		cmocka_unit_test(test_halved_slots_are_made_one_when_all_have_settled),
		cmocka_unit_test(test_slots_follow_weights_and_nodes_that_are_away),
		cmocka_unit_test(test_schedulers_that_choose_get_a_view_of_who_takes),
		cmocka_unit_test(test_what_did_not_change_is_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
