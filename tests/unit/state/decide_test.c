/* SPDX-License-Identifier: BSD-3-Clause */

/* A verdict for every packet, and what is counted and written with it. The rules of unsettled slots
 * are follow_test.c's. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow_world.h"

#define SYN SL_TCP_SYN
#define ACK SL_TCP_ACK

static struct world world;
static struct sl_burst burst;

static int start(void **state)
{
	world_init(&world, 1, 256, 4096, 5);
	memset(&burst, 0, sizeof(burst));
	return 0;
}

static int start_untracked(void **state)
{
	world_init(&world, 1, 256, 0, 5);
	memset(&burst, 0, sizeof(burst));
	return 0;
}

static int end(void **state)
{
	world_fini(&world);
	return 0;
}

static void add(struct sl_pkt pkt)
{
	burst.verdict[burst.count] = SL_VERDICT_NODE;
	burst.pkt[burst.count++] = pkt;
}

static void decide(void)
{
	sl_decide(world.snapshot, &world.cores[0], &burst, world.now_ms);
}

static struct sl_pool_view *edit_pool(struct sl_snapshot **copy)
{
	*copy = world_edit(&world);
	return &(*copy)->pools[0];
}

static uint64_t started(uint32_t node)
{
	return world.cores[0].stats->nodes[node].flows_started;
}

static void a_packet_goes_to_its_slots_node(void **state)
{
	add(world_udp(1));
	add(world_tcp(2, ACK, 5));
	decide();
	for (uint32_t i = 0; i < burst.count; i++) {
		assert_int_equal(burst.verdict[i], SL_VERDICT_NODE);
		assert_int_equal(burst.service[i], 0);
		assert_int_equal(burst.node[i], 1);
		assert_int_equal(burst.why[i], SL_WHY_SLOT);
	}
	assert_int_not_equal(burst.hash[0], burst.hash[1]);
}

static void what_no_service_takes_is_punted_or_counts_as_no_service(void **state)
{
	struct sl_pkt pkt = world_udp(1);

	pkt.key.dst4 = sl_be32(0xc6336401);
	add(pkt);
	decide();
	assert_int_equal(burst.service[0], SL_SERVICE_NONE);
	assert_int_equal(burst.verdict[0], SL_VERDICT_PUNT);
	assert_int_equal(burst.reason[0], SL_DROP_NO_SERVICE);
}

static void a_pool_without_nodes_drops_or_punts_as_it_is_told(void **state)
{
	struct sl_snapshot *copy;

	world_move_all(&world, 1, SL_NODE_NOBODY);
	world_node_flags(&world, 1, 0);
	world_move_all(&world, 0, SL_NODE_NOBODY);
	add(world_udp(1));
	decide();
	assert_int_equal(burst.verdict[0], SL_VERDICT_DROP);
	assert_int_equal(burst.reason[0], SL_DROP_NO_NODE);
	edit_pool(&copy)->no_node = SL_NO_NODE_PUNT;
	world_commit(&world, copy);
	burst.verdict[0] = SL_VERDICT_NODE;
	decide();
	assert_int_equal(burst.verdict[0], SL_VERDICT_PUNT);
	assert_int_equal(burst.reason[0], SL_DROP_NO_NODE);
}

static void what_was_decided_before_stays(void **state)
{
	static const uint8_t verdicts[] = {SL_VERDICT_DROP, SL_VERDICT_PUNT, SL_VERDICT_OWN,
					   SL_VERDICT_HELD};

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(verdicts); i++) {
		add(world_udp(i));
		burst.verdict[i] = verdicts[i];
		burst.reason[i] = SL_DROP_TRUNCATED;
	}
	add(world_udp(9));
	decide();
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(verdicts); i++) {
		assert_int_equal(burst.verdict[i], verdicts[i]);
		assert_int_equal(burst.reason[i], SL_DROP_TRUNCATED);
	}
	assert_int_equal(burst.node[SL_ARRAY_COUNT(verdicts)], 1);
}

static void lent_slots_say_so(void **state)
{
	uint32_t words[256];

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(words); i++)
		words[i] = 1 | SL_SLOT_LENT;
	world_move(&world, 0, words);
	add(world_udp(1));
	decide();
	assert_int_equal(burst.node[0], 1);
	assert_int_equal(burst.why[0], SL_WHY_LENT);
}

static void without_tracking_packets_go_to_the_new_node_at_once(void **state)
{
	world_move_all(&world, 0, 2);
	add(world_tcp(1, ACK, 5));
	add(world_tcp(2, SYN, 5));
	decide();
	assert_int_equal(burst.node[0], 2);
	assert_int_equal(burst.node[1], 2);
	assert_int_equal(started(2), 1);
}

static void beginnings_are_counted_once(void **state)
{
	add(world_tcp(1, SYN, 5));
	add(world_tcp(1, SYN, 5));
	add(world_tcp(1, SYN | ACK, 5));
	add(world_tcp(2, ACK, 5));
	decide();
	assert_int_equal(started(1), 1);
}

static void packets_of_a_burst_are_decided_in_their_order(void **state)
{
	world_move_all(&world, 0, 2);
	add(world_tcp(1, ACK, 5)); /* unknown: to the node before */
	add(world_tcp(2, SYN, 5)); /* new: to the new one */
	add(world_tcp(1, ACK, 6));
	add(world_tcp(2, ACK, 6));
	decide();
	assert_int_equal(burst.node[0], 1);
	assert_int_equal(burst.node[1], 2);
	assert_int_equal(burst.node[2], 1);
	assert_int_equal(burst.node[3], 2);
	assert_int_equal(burst.why[2], SL_WHY_TRACKED);
}

static void a_look_says_the_same_and_writes_nothing(void **state)
{
	struct sl_flow_counts counts;

	world_move_all(&world, 0, 2);
	add(world_tcp(1, ACK, 5));
	add(world_tcp(2, SYN, 5));
	for (uint32_t plain = 0; plain < 2; plain++) {
		burst.plain = plain;
		sl_decide_look(world.snapshot, &world.cores[0], &burst, world.now_ms);
		assert_int_equal(burst.node[0], 1);
		assert_int_equal(burst.why[0], SL_WHY_PRIOR);
		assert_int_equal(burst.node[1], 2);
		assert_int_equal(burst.why[1], SL_WHY_SLOT);
	}
	sl_pool_memory_count(world.snapshot->pools[0].memory, &counts);
	assert_int_equal(counts.tracked + counts.begun, 0);
	assert_int_equal(started(2), 0);
}

static void both_directions_of_a_flow_go_to_one_node_where_the_pool_is_symmetric(void **state)
{
	uint32_t words[256];
	struct sl_snapshot *copy;

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(words); i++)
		words[i] = 1 + i % 5;
	world_move(&world, 0, words);
	world.now_ms += WORLD_IDLE_S * 1000 + 2000;
	world_settle(&world);
	edit_pool(&copy)->flags |= SL_POOL_SYMMETRIC;
	copy->services[1].pool = 0;
	world_commit(&world, copy);
	for (uint32_t flow = 0; flow < 20; flow++) {
		struct sl_pkt there = world_udp(flow), back;

		there.key.src4 = sl_be32(0xc000020b); /* a service, too */
		back = there;
		sl_key_reverse(&back.key);
		burst.count = 0;
		add(there);
		add(back);
		decide();
		assert_int_equal(burst.node[0], burst.node[1]);
		assert_int_equal(burst.hash[0], burst.hash[1]);
	}
}

static void later_fragments_wait_only_where_ports_matter(void **state)
{
	struct sl_pkt other = world_udp(1), pkt = world_udp(1);
	struct sl_snapshot *copy;

	other.key.dst4 = sl_be32(0xc6336401);
	assert_true(sl_decide_ignores_ports(world.snapshot, &other)); /* nobody's */
	assert_false(sl_decide_ignores_ports(world.snapshot, &pkt));  /* a service of a port */
	pkt.key.dst4 = sl_be32(0xc000020b); /* a service of all ports, but ports are hashed */
	assert_false(sl_decide_ignores_ports(world.snapshot, &pkt));
	copy = world_edit(&world);
	copy->pools[1].mask.misc = 0;
	world_commit(&world, copy);
	assert_true(sl_decide_ignores_ports(world.snapshot, &pkt));
	pkt.protocol = pkt.key.protocol = 1; /* its first may be an error that quotes a flow */
	assert_false(sl_decide_ignores_ports(world.snapshot, &pkt));
}

static void later_fragments_wait_where_whole_flows_decide(void **state)
{
	struct sl_pkt pkt = world_udp(1);
	struct sl_snapshot *copy = world_edit(&world);

	pkt.key.dst4 = sl_be32(0xc000020b);
	copy->pools[1].mask.misc = 0;
	copy->pools[1].tracking = SL_TRACKING_FULL;
	world_commit(&world, copy);
	assert_false(sl_decide_ignores_ports(world.snapshot, &pkt));
	copy = world_edit(&world);
	copy->pools[1].tracking = SL_TRACKING_TRANSITION;
	copy->pools[1].flags |= SL_POOL_PICKS;
	world_commit(&world, copy);
	assert_false(sl_decide_ignores_ports(world.snapshot, &pkt));
	copy = world_edit(&world);
	copy->pools[1].flags &= (uint8_t)~SL_POOL_PICKS;
	world_commit(&world, copy);
	assert_true(sl_decide_ignores_ports(world.snapshot, &pkt));
	world_move_all(&world, 1, 2);
	assert_false(sl_decide_ignores_ports(world.snapshot, &pkt));
	copy = world_edit(&world);
	copy->pools[1].tracking = SL_TRACKING_NONE;
	world_commit(&world, copy);
	assert_true(sl_decide_ignores_ports(world.snapshot, &pkt));
}

static void later_fragments_wait_while_their_service_is_pointed_elsewhere(void **state)
{
	struct sl_pkt pkt = world_udp(1);
	struct sl_snapshot *copy = world_edit(&world);

	pkt.key.dst4 = sl_be32(0xc000020b);
	for (uint32_t p = 0; p < 2; p++)
		copy->pools[p].mask.misc = 0;
	world_commit(&world, copy);
	assert_true(sl_decide_ignores_ports(world.snapshot, &pkt));
	world_point(&world, 1, 0);
	assert_false(sl_decide_ignores_ports(world.snapshot, &pkt));
}

static void sweeps_go_from_pool_to_pool_and_free_what_is_expired(void **state)
{
	struct sl_pool_memory *memory = world.snapshot->pools[0].memory;
	uint32_t buckets = 1u << memory->flow_tables[0]->bits;
	struct sl_flow_counts counts;

	add(world_tcp(1, SYN, 5));
	decide();
	world.now_ms += SL_FLOW_BEGUN_MS + 1000;
	for (uint32_t i = 0; i < WORLD_POOLS; i++)
		sl_decide_sweep(world.snapshot, &world.cores[0], world.now_ms, buckets);
	sl_pool_memory_count(memory, &counts);
	assert_int_equal(counts.begun, 0);
	for (uint32_t i = 0; i < WORLD_POOLS; i++)
		assert_int_equal(sl_pool_memory_passes(world.snapshot->pools[i].memory), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_packet_goes_to_its_slots_node),
		CASE(what_no_service_takes_is_punted_or_counts_as_no_service),
		CASE(a_pool_without_nodes_drops_or_punts_as_it_is_told),
		CASE(what_was_decided_before_stays),
		CASE(lent_slots_say_so),
		cmocka_unit_test_setup_teardown(without_tracking_packets_go_to_the_new_node_at_once,
						start_untracked, end),
		CASE(beginnings_are_counted_once),
		CASE(packets_of_a_burst_are_decided_in_their_order),
		CASE(a_look_says_the_same_and_writes_nothing),
		CASE(both_directions_of_a_flow_go_to_one_node_where_the_pool_is_symmetric),
		CASE(later_fragments_wait_only_where_ports_matter),
		CASE(later_fragments_wait_where_whole_flows_decide),
		CASE(later_fragments_wait_while_their_service_is_pointed_elsewhere),
		CASE(sweeps_go_from_pool_to_pool_and_free_what_is_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
