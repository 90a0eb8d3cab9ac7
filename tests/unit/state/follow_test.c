/* SPDX-License-Identifier: BSD-3-Clause */

/* Which node a packet follows while slots are unsettled: a case is a rule. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "flow_world.h"

#define SYN SL_TCP_SYN
#define ACK SL_TCP_ACK
#define FIN (SL_TCP_FIN | SL_TCP_ACK)
#define RST SL_TCP_RST

#define TCP_IDLE_MS (WORLD_IDLE_S * 1000)

static struct world world;

static int start(void **state)
{
	world_init(&world, 2, 256, 4096, 5);
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

/* Lets time pass in steps of a second, settling as control does. */
static void pass(uint64_t seconds)
{
	while (seconds--) {
		world.now_ms += 1000;
		world_settle(&world);
	}
}

static void settled_slots_enter_beginnings_alone(void **state)
{
	assert_int_equal(give(world_udp(1)), 1);
	assert_int_equal(give(world_tcp(2, ACK, 5)), 1);
	assert_int_equal(counts().begun, 0);
	assert_int_equal(give(world_tcp(3, SYN, 5)), 1);
	assert_int_equal(counts().begun, 1);
	assert_int_equal(give(world_tcp(3, ACK, 6)), 1);
	assert_int_equal(counts().begun, 1);
	assert_int_equal(counts().tracked, 0);
	assert_int_equal(world.cores[0].stats->nodes[1].flows_started, 1);
	assert_int_equal(world.cores[0].stats->extras[0].flows_started, 1);
}

static void an_unknown_flow_in_an_open_slot_goes_to_the_node_before_and_stays(void **state)
{
	uint32_t why;

	world_move_all(&world, 0, 2);
	assert_int_equal(world_send(&world, 0, world_tcp(1, ACK, 5), &why), 1);
	assert_int_equal(why, SL_WHY_PRIOR);
	assert_int_equal(counts().tracked, 1);
	world.now_ms += TCP_IDLE_MS - 1;
	assert_int_equal(world_send(&world, 0, world_tcp(1, ACK, 5), &why), 1);
	assert_int_equal(why, SL_WHY_TRACKED);
	world.now_ms += TCP_IDLE_MS - 1;
	assert_int_equal(give(world_tcp(1, ACK, 5)), 1);
	assert_int_equal(give(world_tcp(2, ACK, 5)), 2);
}

static void a_beginning_in_an_open_slot_goes_to_the_new_node_and_stays(void **state)
{
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_tcp(1, SYN, 1000)), 2);
	assert_int_equal(give(world_tcp(1, SYN, 1000)), 2);
	assert_int_equal(give(world_tcp(1, ACK, 1001)), 2);
	assert_int_equal(counts().tracked, 1);
	assert_int_equal(counts().begun, 0);
	world.now_ms += 100000;
	assert_int_equal(give(world_tcp(1, ACK, 1001)), 2);
	assert_int_equal(world.cores[0].stats->nodes[2].flows_started, 1);
}

static void a_beginning_in_a_slot_that_nobody_takes_goes_to_nobody(void **state)
{
	uint32_t why;

	world_move_all(&world, 0, 0);
	assert_int_equal(give(world_tcp(1, ACK, 5)), 1);
	assert_int_equal(world_look(&world, 0, world_tcp(2, SYN, 1000), &why), 0);
	assert_int_equal(give(world_tcp(2, SYN, 1000)), 0);
	assert_int_equal(counts().begun, 0);
	assert_int_equal(counts().refused, 0);
	assert_int_equal(world.cores[0].stats->nodes[1].flows_started, 0);
}

static void a_handshake_that_straddles_a_change_ends_where_it_began(void **state)
{
	assert_int_equal(give(world_tcp(1, SYN, 1000)), 1);
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_tcp(1, SYN, 1000)), 1);
	assert_int_equal(give(world_tcp(1, ACK, 1001)), 1);
}

static void a_spoofed_syn_does_not_pull_a_live_connection_over(void **state)
{
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_tcp(1, SYN, 0x70000000)), 2);
	assert_int_equal(give(world_tcp(1, ACK, 5)), 1);
	assert_int_equal(counts().begun, 1);
	assert_int_equal(counts().tracked, 1);
	world.now_ms += TCP_IDLE_MS - 1000;
	assert_int_equal(give(world_tcp(1, ACK, 5)), 1);
	world.now_ms += 2000;
	assert_int_equal(give(world_tcp(1, SYN, 0x70000000)), 2);
	assert_int_equal(give(world_tcp(1, ACK, 5)), 1);
	assert_int_equal(give(world_tcp(1, ACK, 0x70000001)), 2);
	assert_int_equal(counts().tracked, 2);
}

static void sequence_numbers_up_to_2_17_ahead_are_the_connections(void **state)
{
	world_move_all(&world, 0, 2);
	give(world_tcp(1, SYN, 0xffff0000));
	assert_int_equal(give(world_tcp(1, ACK, 0xfffe0000)), 1);
	assert_int_equal(give(world_tcp(1, ACK, 0xffff0000u + (3 << 16))), 1);
	assert_int_equal(give(world_tcp(1, ACK, 0xffff0000u + (2 << 16))), 2);
}

static void a_closed_connections_ports_begin_anew_at_the_new_node(void **state)
{
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_tcp(1, ACK, 5)), 1);
	assert_int_equal(give(world_tcp(1, SYN, 5)), 1);
	assert_int_equal(give(world_tcp(1, FIN, 5)), 1);
	assert_int_equal(give(world_tcp(1, ACK, 6)), 1);
	assert_int_equal(give(world_tcp(1, SYN, 900)), 2);
	assert_int_equal(give(world_tcp(1, ACK, 901)), 2);
}

static void data_after_a_fin_makes_a_connection_live_again(void **state)
{
	struct sl_pkt data = world_tcp(1, ACK | SL_TCP_PSH, 5);

	world_move_all(&world, 0, 2);
	give(world_tcp(1, FIN, 5));
	give(data);
	world.now_ms += SL_FLOW_CLOSING_MS + 1000;
	assert_int_equal(give(world_tcp(1, SYN, 5)), 1);
	give(world_tcp(1, RST, 5));
	world.now_ms += SL_FLOW_CLOSING_MS + 1000;
	assert_int_equal(give(world_tcp(1, SYN, 5)), 2);
}

static void icmp_errors_follow_the_flow_and_change_nothing(void **state)
{
	uint64_t tracked;

	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_error(world_tcp(1, 0, 0))), 1);
	assert_int_equal(counts().tracked, 0);
	give(world_tcp(2, SYN, 7));
	give(world_tcp(2, ACK, 8));
	tracked = counts().tracked;
	assert_int_equal(give(world_error(world_tcp(2, 0, 0))), 2);
	assert_int_equal(world_send(&world, 1, world_error(world_tcp(2, 0, 0)), NULL), 2);
	assert_int_equal(counts().tracked, tracked);
	world.now_ms += TCP_IDLE_MS + 1;
	assert_int_equal(give(world_error(world_tcp(1, 0, 0))), 2);
}

static void an_icmp_error_about_ports_of_two_connections_follows_the_one_used_last(void **state)
{
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_tcp(1, SYN, 0x70000000)), 2);
	world.now_ms += 200;
	assert_int_equal(give(world_tcp(1, ACK, 5)), 1);
	assert_int_equal(give(world_error(world_tcp(1, ACK, 5))), 1);
	world.now_ms += 200;
	assert_int_equal(give(world_tcp(1, SYN, 0x70000000)), 2);
	assert_int_equal(give(world_error(world_tcp(1, ACK, 5))), 2);
}

/* Control may have moved the slot again before its time was over, which a core need not know yet. */
static void for_a_second_after_a_slot_closed_new_flows_are_entered(void **state)
{
	world_move_all(&world, 0, 2);
	world.now_ms = world.snapshot->pools[0].slots->open[0].open_until_ms;
	assert_int_equal(give(world_udp(1)), 2);
	assert_int_equal(counts().tracked, 1);
	world.now_ms += SL_SETTLE_MARGIN_MS;
	assert_int_equal(give(world_udp(2)), 2);
	assert_int_equal(counts().tracked, 1);
}

static void a_flow_is_known_on_the_core_that_the_device_sends_it_to_next(void **state)
{
	world_move_all(&world, 0, 2);
	assert_int_equal(world_send(&world, 0, world_tcp(1, SYN, 7), NULL), 2);
	assert_int_equal(world_send(&world, 1, world_tcp(1, ACK, 8), NULL), 2);
	assert_int_equal(world_send(&world, 1, world_tcp(2, ACK, 8), NULL), 1);
	world.now_ms += TCP_IDLE_MS - 1000;
	world_send(&world, 1, world_tcp(2, ACK, 8), NULL);
	world.now_ms += 2000;
	assert_int_equal(world_send(&world, 0, world_tcp(2, ACK, 8), NULL), 1);
}

static void an_entry_that_names_a_dead_node_does_not_count(void **state)
{
	uint32_t words[256];

	for (uint32_t i = 0; i < 256; i++)
		words[i] = 3;
	world_move_all(&world, 0, 2);
	give(world_tcp(1, SYN, 7));
	assert_int_equal(give(world_tcp(1, ACK, 8)), 2);
	world_node_flags(&world, 2, 0);
	world_move(&world, 0, words);
	assert_int_equal(give(world_tcp(1, ACK, 8)), 1);
	assert_int_equal(give(world_tcp(2, SYN, 8)), 3);
}

static void a_settled_slot_moves_away_from_a_dead_node_without_opening(void **state)
{
	world_node_flags(&world, 1, 0);
	world_move_all(&world, 0, 2);
	assert_int_equal(world_open_slots(&world, 0), 0);
	assert_int_equal(give(world_tcp(1, ACK, 8)), 2);
}

static void a_dead_prior_closes_the_slot(void **state)
{
	world_move_all(&world, 0, 2);
	world_node_flags(&world, 1, 0);
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_tcp(1, ACK, 8)), 2);
}

static void a_draining_node_keeps_its_flows(void **state)
{
	world_node_flags(&world, 1, SL_NODE_KEEPS);
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_tcp(1, ACK, 8)), 1);
	assert_int_equal(give(world_tcp(2, SYN, 8)), 2);
}

static void moved_again_while_open_unknown_flows_still_go_to_the_first_node(void **state)
{
	world_move_all(&world, 0, 2);
	give(world_tcp(1, SYN, 7));
	give(world_tcp(1, ACK, 8));
	world.now_ms += 5000;
	world_move_all(&world, 0, 3);
	assert_int_equal(give(world_tcp(1, ACK, 8)), 2);
	assert_int_equal(give(world_tcp(2, ACK, 8)), 1);
	assert_int_equal(give(world_tcp(3, SYN, 8)), 3);
	world_move_all(&world, 0, 1);
	assert_int_equal(give(world_tcp(1, ACK, 8)), 2);
	assert_int_equal(give(world_tcp(4, ACK, 8)), 1);
	assert_int_equal(give(world_tcp(3, ACK, 9)), 3);
	assert_int_equal(counts().tracked, 4);
	world.now_ms += SL_SETTLE_MARGIN_MS;
	assert_int_equal(give(world_tcp(5, ACK, 8)), 1);
	assert_int_equal(counts().tracked, 4);
}

static void moved_later_the_slot_opens_anew(void **state)
{
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_udp(1)), 1);
	for (int i = 0; i < WORLD_IDLE_S / 50 + 1; i++) {
		world.now_ms += 50000;
		assert_int_equal(give(world_udp(1)), 1);
	}
	assert_int_equal(give(world_udp(2)), 2);
	world_move_all(&world, 0, 3);
	assert_int_equal(give(world_udp(1)), 1);
	assert_int_equal(give(world_udp(2)), 2);
	assert_int_equal(give(world_udp(3)), 2);
}

static void a_slot_settles_when_nobody_needs_it_any_more(void **state)
{
	world_move_all(&world, 0, 2);
	give(world_tcp(1, ACK, 8));
	assert_int_equal(world_open_slots(&world, 0), 256);
	pass(WORLD_IDLE_S / 2);
	assert_int_equal(give(world_tcp(1, ACK, 8)), 1);
	pass(WORLD_IDLE_S / 2 + 2);
	assert_int_equal(world_open_slots(&world, 0), 1);
	assert_int_equal(give(world_tcp(1, ACK, 8)), 1);
	pass(WORLD_IDLE_S);
	assert_int_equal(world_open_slots(&world, 0), 1);
	pass(2);
	assert_int_equal(world_open_slots(&world, 0), 0);
	assert_int_equal(give(world_tcp(1, ACK, 8)), 2);
}

static void stray_packets_do_not_keep_a_slot_open(void **state)
{
	world_move_all(&world, 0, 2);
	for (uint32_t i = 0; i < 2 * WORLD_IDLE_S; i++) {
		give(world_tcp(1000 + i, ACK, i));
		pass(1);
		if (i == WORLD_IDLE_S + 2)
			assert_true(world_open_slots(&world, 0) > 0);
	}
	pass(3);
	assert_int_equal(world_open_slots(&world, 0), 0);
}

static void what_finds_no_room_keeps_the_slot_open_for_one_idle_timeout_more(void **state)
{
	uint64_t open_for;

	world_fini(&world);
	world_init(&world, 1, 256, 16, 5);
	world_move_all(&world, 0, 2);
	for (uint32_t flow = 0; flow < 4000; flow++)
		assert_int_equal(give(world_tcp(flow, ACK, 1)), 1);
	assert_true(counts().refused > 3000);
	world.now_ms += TCP_IDLE_MS - 1000;
	for (uint32_t flow = 0; flow < 4000; flow++)
		assert_int_equal(give(world_tcp(flow, ACK, 1)), 1);
	world.now_ms += TCP_IDLE_MS - 1000;
	for (uint32_t flow = 0; flow < 4000; flow++)
		assert_int_equal(give(world_tcp(flow, ACK, 1)), 1);
	for (open_for = 2; world_open_slots(&world, 0) && open_for < 9; open_for++)
		pass(WORLD_IDLE_S);
	assert_true(open_for < 9);
}

static void explain_says_what_would_happen_and_changes_nothing(void **state)
{
	uint32_t why;

	assert_int_equal(world_look(&world, 0, world_tcp(9, SYN, 1), &why), 1);
	assert_int_equal(why, SL_WHY_SLOT);
	world_move_all(&world, 0, 2);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(world_look(&world, 0, world_tcp(1, SYN, 1), &why), 2);
		assert_int_equal(why, SL_WHY_SLOT);
		assert_int_equal(world_look(&world, 0, world_tcp(1, ACK, 1), &why), 1);
		assert_int_equal(why, SL_WHY_PRIOR);
	}
	assert_int_equal(counts().begun + counts().tracked, 0);
	give(world_tcp(1, SYN, 1));
	assert_int_equal(world_look(&world, 0, world_tcp(1, ACK, 2), &why), 2);
	assert_int_equal(why, SL_WHY_TRACKED);
	assert_int_equal(world_look(&world, 1, world_tcp(1, ACK, 2), &why), 2);
	assert_int_equal(counts().begun, 1);
	assert_int_equal(world.cores[0].stats->nodes[2].flows_started, 1);
}

static void a_service_that_is_pointed_elsewhere_keeps_its_flows(void **state)
{
	world_move_all(&world, 1, 3);
	pass(2 * WORLD_IDLE_S);
	assert_int_equal(give(world_tcp(5, SYN, 10)), 1);
	world_point(&world, 0, 1);
	assert_int_equal(give(world_tcp(1, ACK, 8)), 1);
	assert_int_equal(give(world_tcp(2, SYN, 8)), 3);
	assert_int_equal(give(world_tcp(5, SYN, 10)), 1);
	assert_int_equal(give(world_tcp(5, ACK, 11)), 1);
	assert_int_equal(give(world_error(world_tcp(6, 0, 0))), 1);
	world_point(&world, 0, 2);
	assert_int_equal(give(world_tcp(2, ACK, 9)), 3);
	assert_int_equal(give(world_tcp(5, ACK, 11)), 1);
	assert_int_equal(give(world_tcp(7, ACK, 11)), 1);
	pass(WORLD_IDLE_S - 1);
	assert_int_equal(give(world_tcp(7, ACK, 11)), 1);
	assert_int_equal(give(world_tcp(2, ACK, 9)), 3);
	pass(WORLD_IDLE_S);
	assert_int_not_equal(world.snapshot->services[0].prior_pool, SL_SERVICE_NONE);
	pass(3);
	assert_int_equal(world.snapshot->services[0].prior_pool, SL_SERVICE_NONE);
	assert_int_equal(give(world_tcp(8, ACK, 11)), 1);
}

static void flows_that_come_while_nobody_is_left_in_the_pool_before_stay_too(void **state)
{
	world_move_all(&world, 1, 3);
	pass(2 * WORLD_IDLE_S);
	world_node_flags(&world, 1, 0);
	world_point(&world, 0, 1);
	pass(2);
	assert_int_equal(give(world_udp(1)), 3);
	world_point(&world, 0, 2);
	assert_int_equal(give(world_udp(1)), 3);
}

static void without_tracking_packets_go_where_the_slot_says(void **state)
{
	world_fini(&world);
	world_init(&world, 1, 256, 0, 5);
	assert_int_equal(give(world_tcp(1, SYN, 8)), 1);
	world_move_all(&world, 0, 2);
	assert_int_equal(give(world_tcp(1, ACK, 9)), 2);
	assert_int_equal(world.cores[0].stats->nodes[1].flows_started, 1);
}

static void full_tracking_knows_every_flow(void **state)
{
	world_track(&world, 0, SL_TRACKING_FULL, NULL, 0, NULL);
	pass(WORLD_IDLE_S + 2);
	assert_int_equal(give(world_udp(1)), 1);
	assert_int_equal(give(world_tcp(2, ACK, 9)), 1);
	assert_int_equal(give(world_tcp(3, SYN, 9)), 1);
	assert_int_equal(counts().tracked, 2);
	assert_int_equal(counts().begun, 1);
	assert_int_equal(sl_pool_memory_node_flows(world.snapshot->pools[0].memory, 1), 2);
	world_move_all(&world, 0, 2);
	assert_int_equal(world_open_slots(&world, 0), 0);
	assert_int_equal(give(world_udp(1)), 1);
	assert_int_equal(give(world_tcp(2, ACK, 9)), 1);
	assert_int_equal(world_send(&world, 1, world_tcp(2, ACK, 9), NULL), 1);
	assert_int_equal(give(world_tcp(3, ACK, 10)), 1);
	assert_int_equal(give(world_udp(4)), 2);
}

static void a_flow_of_udp_is_live_at_once_and_one_of_quic_with_its_second_packet(void **state)
{
	struct sl_pkt initial = world_udp(1);

	initial.flags |= SL_PKT_QUIC_INITIAL;
	world_move_all(&world, 0, 2);
	assert_int_equal(give(initial), 2);
	assert_int_equal(counts().begun, 1);
	assert_int_equal(give(world_udp(1)), 2);
	assert_int_equal(counts().begun, 0);
	assert_int_equal(give(world_udp(2)), 1);
	assert_int_equal(counts().tracked, 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		CASE(settled_slots_enter_beginnings_alone),
		CASE(an_unknown_flow_in_an_open_slot_goes_to_the_node_before_and_stays),
		CASE(a_beginning_in_an_open_slot_goes_to_the_new_node_and_stays),
		CASE(a_beginning_in_a_slot_that_nobody_takes_goes_to_nobody),
		CASE(a_handshake_that_straddles_a_change_ends_where_it_began),
		CASE(a_spoofed_syn_does_not_pull_a_live_connection_over),
		CASE(sequence_numbers_up_to_2_17_ahead_are_the_connections),
		CASE(a_closed_connections_ports_begin_anew_at_the_new_node),
		CASE(data_after_a_fin_makes_a_connection_live_again),
		CASE(icmp_errors_follow_the_flow_and_change_nothing),
		CASE(an_icmp_error_about_ports_of_two_connections_follows_the_one_used_last),
		CASE(for_a_second_after_a_slot_closed_new_flows_are_entered),
		CASE(a_flow_is_known_on_the_core_that_the_device_sends_it_to_next),
		CASE(an_entry_that_names_a_dead_node_does_not_count),
		CASE(a_settled_slot_moves_away_from_a_dead_node_without_opening),
		CASE(a_dead_prior_closes_the_slot),
		CASE(a_draining_node_keeps_its_flows),
		CASE(moved_again_while_open_unknown_flows_still_go_to_the_first_node),
		CASE(moved_later_the_slot_opens_anew),
		CASE(a_slot_settles_when_nobody_needs_it_any_more),
		CASE(stray_packets_do_not_keep_a_slot_open),
		CASE(what_finds_no_room_keeps_the_slot_open_for_one_idle_timeout_more),
		CASE(explain_says_what_would_happen_and_changes_nothing),
		CASE(a_service_that_is_pointed_elsewhere_keeps_its_flows),
		CASE(flows_that_come_while_nobody_is_left_in_the_pool_before_stay_too),
		CASE(without_tracking_packets_go_where_the_slot_says),
		CASE(full_tracking_knows_every_flow),
		CASE(a_flow_of_udp_is_live_at_once_and_one_of_quic_with_its_second_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
