/* SPDX-License-Identifier: BSD-3-Clause */

/* What a packet or two that anybody may have made up can do to flow tables, and to connections whose
 * addresses and ports are known: no more than to make room for others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "flow_world.h"
#include "state/follow.h"

#define SYN SL_TCP_SYN
#define ACK SL_TCP_ACK
#define FIN (SL_TCP_FIN | SL_TCP_ACK)
#define RST SL_TCP_RST

#define FAR   0x40000000u
#define OTHER 1000000u /* the first of flows that are nobody's */

static struct world world;

static int start(void **state)
{
	world_init(&world, 1, 256, 64, 5);
	return 0;
}

static int start_full(void **state)
{
	start(state);
	world_track(&world, 0, SL_TRACKING_FULL, NULL, 0, NULL);
	for (uint32_t s = 0; s < WORLD_IDLE_S + 2; s++) {
		world.now_ms += 1000;
		world_settle(&world);
	}
	return 0;
}

static int end(void **state)
{
	world_fini(&world);
	return 0;
}

static struct sl_flow_counts counts(void)
{
	struct sl_flow_counts counted;

	sl_pool_memory_count(world.snapshot->pools[0].memory, &counted);
	return counted;
}

static uint32_t give(struct sl_pkt pkt)
{
	return world_send(&world, 0, pkt, NULL);
}

static uint32_t count_kind(enum sl_flow_kind kind)
{
	const struct sl_flow_table *table = world.snapshot->pools[0].flow_tables[0];
	struct sl_flow_entry entry;
	uint32_t count = 0;

	for (uint32_t i = 0; i < sl_flow_table_capacity(table); i++)
		count += sl_flow_table_at(table, i, &entry) && sl_flow_kind(entry.word) == kind;
	return count;
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void an_end_far_from_its_connection_is_not_believed(void **state)
{
	static const uint8_t ends[] = {RST, FIN};

	world_move_all(&world, 0, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(give(world_tcp(i, ACK, 5)), 1);
		assert_int_equal(give(world_tcp(i, ends[i], FAR)), 1);
	}
	assert_int_equal(count_kind(SL_FLOW_LIVE), 2);
	world.now_ms += SL_FLOW_CLOSING_MS + 1000;
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(give(world_tcp(i, SYN, FAR)), 1); /* its ports are in use */
		assert_int_equal(give(world_tcp(i, RST, FAR + 1)), 1);
		assert_int_equal(give(world_tcp(i, ACK, 6)), 1);
	}
	assert_int_equal(count_kind(SL_FLOW_LIVE), 2);
}

static void an_end_close_to_the_last_packet_is_believed(void **state)
{
	const uint32_t reach = SL_FOLLOW_END_REACH << 16;

	world_move_all(&world, 0, 2);
	for (uint32_t i = 0; i < 4; i++)
		give(world_tcp(i, ACK, FAR));
	give(world_tcp(0, RST, FAR + reach));
	give(world_tcp(1, FIN, FAR - reach));
	assert_int_equal(count_kind(SL_FLOW_CLOSING), 2);
	give(world_tcp(2, RST, FAR + reach + 0x10000));
	give(world_tcp(3, FIN, FAR - reach - 0x10000));
	assert_int_equal(count_kind(SL_FLOW_CLOSING), 2);
}

static void an_end_that_came_first_is_taken_back_by_another_sequence_number(void **state)
{
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_tcp(1, RST, FAR)), 1);
	assert_int_equal(count_kind(SL_FLOW_CLOSING), 1);
	assert_int_equal(give(world_tcp(1, ACK, 5)), 1);
	assert_int_equal(count_kind(SL_FLOW_LIVE), 1);
	assert_int_equal(give(world_tcp(1, FIN, 6)), 1);
	assert_int_equal(give(world_tcp(1, ACK, 7)), 1); /* of the other side's end */
	assert_int_equal(count_kind(SL_FLOW_CLOSING), 1);
}

/* One direction's numbers say nothing of the other's. */
static void where_a_pool_is_symmetric_ends_are_believed(void **state)
{
	struct sl_snapshot *copy = world_edit(&world);

	copy->pools[0].flags |= SL_POOL_SYMMETRIC;
	world_commit(&world, copy);
	world_move_all(&world, 0, 2);
	give(world_tcp(1, ACK, 5));
	give(world_tcp(1, FIN, FAR));
	assert_int_equal(count_kind(SL_FLOW_CLOSING), 1);
}

/* The client comes again with the same ports: to a node that takes new connections, whether it ended the
 * one before by FIN or RST; without an end, where that one is. */
static void on_a_draining_node_ports_begin_anew_after_fin_and_rst(void **state)
{
	static const uint8_t ends[] = {FIN, RST, ACK};
	static const uint32_t wanted[] = {2, 2, 1};

	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(give(world_tcp(i, SYN, 5)), 1);
		assert_int_equal(give(world_tcp(i, ACK, 6)), 1);
	}
	world_node_flags(&world, 1, SL_NODE_KEEPS);
	world_move_all(&world, 0, 2);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(give(world_tcp(i, ACK, 6)), 1);
		assert_int_equal(give(world_tcp(i, ends[i], 7)), 1);
		assert_int_equal(give(world_tcp(i, SYN, FAR)), wanted[i]);
		assert_int_equal(give(world_tcp(i, ACK, FAR + 1)), wanted[i]);
	}
}

/* ---- strangers ------------------------------------------------------------------------------- */

static struct sl_pkt stranger(uint32_t flow)
{
	static const uint8_t flags[] = {ACK, FIN, RST};

	return flow % 4 == 3 ? world_udp(flow) : world_tcp(flow, flags[flow % 4], flow);
}

static void with_full_tracking_strangers_make_room_and_live_flows_do_not(void **state)
{
	for (uint32_t i = 0; i < 16; i++) {
		give(world_tcp(i, SYN, 5));
		give(world_tcp(i, ACK, 6));
	}
	for (uint32_t i = 0; i < 5000; i++)
		give(stranger(OTHER + i));
	assert_int_equal(count_kind(SL_FLOW_LIVE), 16);
	for (uint32_t i = 16; i < 32; i++) {
		give(world_tcp(i, SYN, 5));
		give(world_tcp(i, ACK, 6));
	}
	assert_int_equal(counts().refused, 0);
	world_move_all(&world, 0, 2);
	for (uint32_t i = 0; i < 32; i++)
		assert_int_equal(give(world_tcp(i, ACK, 7)), 1);
}

static void a_stranger_that_comes_again_later_is_live(void **state)
{
	give(world_udp(1));
	give(world_udp(1));
	give(world_tcp(2, ACK, 5));
	give(world_tcp(2, RST, 5));
	assert_int_equal(count_kind(SL_FLOW_STRANGER), 2);
	assert_int_equal(counts().tracked, 2);
	world.now_ms += 1 << SL_TICK_SHIFT;
	give(world_udp(1));
	give(world_tcp(2, ACK, 5));
	assert_int_equal(count_kind(SL_FLOW_LIVE), 2);
	give(world_tcp(2, RST, 5));
	assert_int_equal(count_kind(SL_FLOW_CLOSING), 1);
}

static void a_stranger_counts_for_the_idle_timeout(void **state)
{
	give(world_udp(1));
	world_move_all(&world, 0, 2);
	world.now_ms += world.snapshot->pools[0].idle_ms_udp - 1000;
	assert_int_equal(give(world_udp(1)), 1);
}

/* ---- beginnings ------------------------------------------------------------------------------ */

static void a_connection_whose_syn_came_again_may_take_longer_to_open(void **state)
{
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_tcp(1, SYN, 5)), 2);
	world.now_ms += 1000;
	assert_int_equal(give(world_tcp(1, SYN, 5)), 2);
	assert_int_equal(counts().begun, 1);
	world.now_ms += 32000; /* until the next SYN would come */
	assert_int_equal(give(world_tcp(1, ACK, 6)), 2);
	assert_int_equal(count_kind(SL_FLOW_LIVE), 1);
}

static void a_syn_that_came_once_is_forgotten_soon(void **state)
{
	give(world_tcp(1, SYN, 5));
	give(world_tcp(2, SYN, 5));
	world.now_ms += 1000;
	give(world_tcp(2, SYN, 5));
	world.now_ms += SL_FLOW_BEGUN_MS + 1000;
	sl_decide_sweep(world.snapshot, &world.cores[0], world.now_ms, 256);
	assert_int_equal(counts().begun, 1);
	world.now_ms += SL_FLOW_AGAIN_MS;
	for (uint32_t pool = 0; pool < WORLD_POOLS; pool++)
		sl_decide_sweep(world.snapshot, &world.cores[0], world.now_ms, 256);
	assert_int_equal(counts().begun, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)
#define FULL(name) cmocka_unit_test_setup_teardown(name, start_full, end)
	const struct CMUnitTest tests[] = {
		CASE(an_end_far_from_its_connection_is_not_believed),
		CASE(an_end_close_to_the_last_packet_is_believed),
		CASE(an_end_that_came_first_is_taken_back_by_another_sequence_number),
		CASE(where_a_pool_is_symmetric_ends_are_believed),
		CASE(on_a_draining_node_ports_begin_anew_after_fin_and_rst),
		FULL(with_full_tracking_strangers_make_room_and_live_flows_do_not),
		FULL(a_stranger_that_comes_again_later_is_live),
		FULL(a_stranger_counts_for_the_idle_timeout),
		CASE(a_connection_whose_syn_came_again_may_take_longer_to_open),
		CASE(a_syn_that_came_once_is_forgotten_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
