/* SPDX-License-Identifier: BSD-3-Clause */

/* Fragments that come before the first of their datagram: what is kept back, until when, and where it
 * goes then. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "state/decide.h"
#include "unit/path/fixture.h"

#define UDP  17
#define MORE 0x2000

static const struct sl_node_view output = {.kind = SL_NODE_OUTPUT, .port = 1};

#define SIZE 64 /* octets of a fragment */

/* A datagram of three fragments; number from 0. */
static void build(struct packet *packet, uint16_t id, uint32_t number, uint32_t size)
{
	static const uint16_t fields[] = {MORE, MORE | 8, 16};

	packet_init(packet);
	packet_eth(packet, 0x0800);
	packet_ip(packet, &(struct packet_ip){.src = "198.51.100.1",
					      .dst = "10.1.0.0",
					      .protocol = UDP,
					      .id = id,
					      .fragment = fields[number]});
	if (number == 0)
		packet_udp_zero_sum(packet, id, 53);
	packet_pattern(packet, number == 0 ? size - 8 : size);
	packet_finish(packet);
}

static void give(uint16_t id, uint32_t number)
{
	struct packet packet;

	build(&packet, id, number, SIZE);
	fixture_give_packet(&packet);
}

/* Another core gets it. */
static void give_elsewhere(const struct fixture *made, uint16_t id, uint32_t number)
{
	struct sl_frag_table *table = made->fragments->core[1];
	struct packet packet;
	struct sl_pkt pkt;

	build(&packet, id, number, SIZE);
	sl_parse(packet.octets, packet.size, packet.size, 0, &pkt);
	assert_int_equal(sl_frag_table_follow(table, sl_frag_tag(table, packet.octets, &pkt), &pkt,
					      made->core->now_ms),
			 SL_FRAG_KNOWN);
}

static struct fixture start(void)
{
	struct fixture made = fixture_make(&output, 1, 0, false);

	made.core->now_ms = 1000000;
	return made;
}

static uint32_t taken(void)
{
	struct rte_mbuf *frame;
	uint32_t count = 0;

	for (; (frame = fixture_taken()) != NULL; count++)
		rte_pktmbuf_free(frame);
	return count;
}

/* Whole milliseconds go by, a round in each. */
static void pass(struct fixture *made, uint32_t ms)
{
	for (; ms > 0; ms--) {
		made->core->now_ms++;
		fixture_run(made);
	}
}

static uint64_t dropped(const struct fixture *made)
{
	return made->stats->dropped[SL_DROP_FRAGMENT];
}

static void early_fragments_go_on_with_their_first_by_whichever_port(void **state)
{
	struct fixture made = start();

	(void)state;
	give(7, 1);
	fixture_run(&made);
	made.core->queues[0].port = 1;
	give(7, 2);
	give(8, 2);
	fixture_run(&made);
	assert_int_equal(taken(), 0);
	assert_int_equal(made.core->hold.count, 3);
	made.core->queues[0].port = 0;
	give(7, 0);
	fixture_run(&made);
	assert_int_equal(taken(), 3);
	assert_int_equal(made.core->hold.count, 1);
	give(8, 0);
	fixture_run(&made);
	assert_int_equal(taken(), 2);
	assert_int_equal(made.core->hold.buffers, 0);
	fixture_assert_balance(&made, 5, 0);
	fixture_end(&made);
}

static void what_another_core_knows_is_not_kept(void **state)
{
	struct fixture made = start();

	(void)state;
	give_elsewhere(&made, 7, 0);
	give(7, 1);
	give(7, 2);
	fixture_run(&made);
	assert_int_equal(taken(), 2);
	assert_int_equal(made.core->hold.count, 0);
	fixture_end(&made);
}

static void what_another_core_learns_goes_on_soon(void **state)
{
	struct fixture made = start();

	(void)state;
	give(7, 1);
	fixture_run(&made);
	pass(&made, 10);
	give_elsewhere(&made, 7, 0);
	pass(&made, 30);
	assert_int_equal(taken(), 1);
	give(8, 1);
	fixture_run(&made);
	pass(&made, SL_PATH_HOLD_MS - 1);
	give_elsewhere(&made, 8, 0);
	pass(&made, 1);
	assert_int_equal(taken(), 1);
	assert_int_equal(dropped(&made), 0);
	fixture_end(&made);
}

static void what_waits_in_vain_is_dropped_and_counted(void **state)
{
	struct fixture made = start();

	(void)state;
	give(7, 1);
	fixture_run(&made);
	pass(&made, SL_PATH_HOLD_MS - 1);
	assert_int_equal(made.core->hold.count, 1);
	pass(&made, 1);
	assert_int_equal(made.core->hold.count, 0);
	assert_int_equal(dropped(&made), 1);
	assert_int_equal(taken(), 0);
	fixture_assert_balance(&made, 1, 0);
	fixture_end(&made);
}

static void a_fragment_that_was_sent_twice_goes_on_later(void **state)
{
	struct fixture made = start();

	(void)state;
	for (uint32_t number = 0; number < 3; number++)
		give(7, number);
	give(7, 1);
	fixture_run(&made);
	assert_int_equal(taken(), 3);
	pass(&made, SL_PATH_HOLD_MS);
	assert_int_equal(taken(), 1);
	assert_int_equal(dropped(&made), 0);
	fixture_end(&made);
}

static void at_the_end_nothing_is_held(void **state)
{
	struct fixture made = start();

	(void)state;
	give(7, 1);
	fixture_run(&made);
	give_elsewhere(&made, 8, 0);
	give(8, 1);
	give(9, 1);
	fixture_run(&made);
	give_elsewhere(&made, 9, 0);
	sl_path_retry_fragments(made.core, made.snapshot, true);
	sl_path_flush(made.core);
	assert_int_equal(made.core->hold.count, 0);
	assert_int_equal(taken(), 2);
	assert_int_equal(dropped(&made), 1);
	fixture_end(&made);
}

static void buffers_are_bounded_whatever_packets_have_of_them(void **state)
{
	struct fixture made = start();
	struct packet packet;
	uint32_t held_segs = 0;

	(void)state;
	assert_int_equal(made.core->hold.buffers_max, FIXTURE_BUFFERS / SL_PATH_HOLD_SHARE);
	made.core->hold.buffers_max = 10;
	for (uint16_t id = 1; id <= 5; id++) {
		struct rte_mbuf *frame;

		build(&packet, id, 1, 1200);
		frame = world_frame(fixture_pool, packet.octets, packet.size, 300);
		held_segs = frame->nb_segs;
		assert_true(held_segs > 2);
		fixture_give(frame);
	}
	fixture_run(&made);
	assert_int_equal(made.core->hold.count, 10 / held_segs);
	assert_int_equal(made.core->hold.buffers, 10 / held_segs * held_segs);
	assert_int_equal(dropped(&made), 5 - 10 / held_segs);
	pass(&made, SL_PATH_HOLD_MS);
	assert_int_equal(made.core->hold.buffers, 0);
	assert_int_equal(dropped(&made), 5);
	fixture_end(&made);
}

static void more_than_the_most_are_refused(void **state)
{
	struct fixture made = start();

	(void)state;
	for (uint16_t id = 1; id <= SL_PATH_HOLD_MAX + 3; id++) {
		give(id, 1);
		fixture_run(&made);
	}
	assert_int_equal(made.core->hold.count, SL_PATH_HOLD_MAX);
	assert_int_equal(dropped(&made), 3);
	for (uint16_t id = 1; id <= SL_PATH_HOLD_MAX; id++) {
		give(id, 0);
		fixture_run(&made);
		assert_int_equal(taken(), 2);
	}
	assert_int_equal(made.core->hold.count, 0);
	for (uint32_t i = 0; i < SL_PATH_HOLD_MARKS; i++)
		assert_int_equal(made.core->hold.marks[i], 0);
	fixture_end(&made);
}

/* The cost of a first fragment does not grow with what others let wait. */
static void what_is_held_is_looked_through_only_for_a_first_one_of_it(void **state)
{
	struct fixture made = start();
	struct sl_path_core *core = made.core;
	uint32_t looked = 0;

	(void)state;
	for (uint16_t id = 1; id <= 100; id++)
		give(id, 1);
	fixture_run(&made);
	for (uint16_t id = 1000; id < 1200; id++) {
		give(id, 0);
		assert_int_equal(sl_path_receive(core, &core->queues[0]), 1);
		sl_path_follow_fragments(core, made.snapshot, 0);
		looked += core->hold.learned_count;
		core->hold.learned_count = 0;
		sl_decide(made.snapshot, &core->core, &core->burst, core->now_ms);
		sl_path_act(core, made.snapshot, 0);
		sl_path_flush(core);
	}
	assert_in_range(looked, 0, 60); /* 20 of 200 are taken for one by their lowest bits */
	assert_int_equal(taken(), 200);
	pass(&made, SL_PATH_HOLD_MS);
	fixture_end(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(early_fragments_go_on_with_their_first_by_whichever_port),
		cmocka_unit_test(what_another_core_knows_is_not_kept),
		cmocka_unit_test(what_another_core_learns_goes_on_soon),
		cmocka_unit_test(what_waits_in_vain_is_dropped_and_counted),
		cmocka_unit_test(a_fragment_that_was_sent_twice_goes_on_later),
		cmocka_unit_test(at_the_end_nothing_is_held),
		cmocka_unit_test(buffers_are_bounded_whatever_packets_have_of_them),
		cmocka_unit_test(more_than_the_most_are_refused),
		cmocka_unit_test(what_is_held_is_looked_through_only_for_a_first_one_of_it),
	};

	fixture_start("sl-test-hold");
	return fixture_stop(cmocka_run_group_tests(tests, NULL, NULL));
}
