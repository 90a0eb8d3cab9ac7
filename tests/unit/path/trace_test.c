/* SPDX-License-Identifier: BSD-3-Clause */

/* What a trace keeps of packets and their decisions, what it leaves out, and that it counts that. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <rte_mbuf.h>

#include "support/packet.h"
#include "unit/path/fixture.h"

#define AMPLE 1000000000ull /* cycles of a millisecond, however slow the machine is */

static struct sl_path_trace trace;
static struct sl_trace_spec spec;

static void begin(struct fixture *made)
{
	memset(&trace, 0, sizeof(trace));
	spec = (struct sl_trace_spec){.service = SL_TRACE_ANY,
				      .pool = SL_TRACE_ANY,
				      .reason = SL_DROP_COUNT,
				      .sample = 1,
				      .rate = 1000000};
	trace.spec = &spec;
	made->core->tick_cycles = AMPLE;
	made->core->now_ms = 1000;
	sl_path_core_trace(made->core, &trace);
}

/* As a core does it. */
static void run(struct fixture *made)
{
	struct sl_path_core *core = made->core;

	while (sl_path_receive(core, &core->queues[0]) > 0) {
		sl_path_decide_traced(core, made->snapshot, 0);
		sl_path_act(core, made->snapshot, 0);
	}
	sl_path_flush(core);
}

static void give(uint16_t port, uint32_t size)
{
	struct packet packet;

	packet_make_udp(&packet, "10.0.0.1", port, "10.1.0.0", 53, size);
	fixture_give_packet(&packet);
}

static void drain(struct fixture *made)
{
	struct rte_mbuf *frame;

	while (sl_worker_ring_pop(sl_worker_rings_get(made->rings, 0, 0), &frame, 1) == 1)
		rte_pktmbuf_free(frame);
	while ((frame = fixture_taken()) != NULL)
		rte_pktmbuf_free(frame);
}

static void a_packet_is_kept_with_its_decision(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_WORKER};
	struct fixture made = fixture_make(&node, 1, 0, false);
	struct sl_trace_record record = {0};
	struct packet packet;

	(void)state;
	begin(&made);
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 400);
	fixture_give_packet(&packet);
	run(&made);
	assert_true(sl_trace_take(&trace.ring, &record));
	assert_int_equal(record.verdict, SL_VERDICT_NODE);
	assert_int_equal(record.node, 1);
	assert_int_equal(record.service, 0);
	assert_int_equal(record.why, SL_WHY_SLOT);
	assert_true(record.slot != SL_TRACE_ANY);
	assert_int_equal(record.size, packet.size);
	assert_int_equal(record.kept, SL_TRACE_OCTETS);
	assert_memory_equal(record.octets, packet.octets, SL_TRACE_OCTETS);
	assert_false(record.late);
	assert_false(sl_trace_take(&trace.ring, &record));
	drain(&made);
	fixture_end(&made);
}

static void a_packet_that_is_dropped_on_its_way_is_told_of_twice(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made;
	struct sl_trace_record record = {0};

	(void)state;
	node.flags |= SL_NODE_NO_NEIGHBOR;
	sl_node_view_seal(&node);
	made = fixture_make(&node, 1, 0, false);
	begin(&made);
	give(1000, 100);
	run(&made);
	assert_true(sl_trace_take(&trace.ring, &record));
	assert_int_equal(record.verdict, SL_VERDICT_NODE);
	assert_true(sl_trace_take(&trace.ring, &record));
	assert_int_equal(record.verdict, SL_VERDICT_DROP);
	assert_int_equal(record.reason, SL_DROP_NO_NEIGHBOR);
	assert_true(record.late);
	spec.dropped = true;
	give(1001, 100);
	run(&made);
	assert_true(sl_trace_take(&trace.ring, &record));
	assert_true(record.late);
	spec.reason = SL_DROP_TOO_BIG;
	give(1002, 100);
	run(&made);
	assert_false(sl_trace_take(&trace.ring, &record));
	fixture_end(&made);
}

static bool odd_port(const void *program, const uint8_t *octets, uint32_t size, uint32_t readable)
{
	(void)program;
	return size == readable && (octets[35] & 1);
}

static void what_is_asked_for_is_kept_and_all_is_counted(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_WORKER};
	struct fixture made = fixture_make(&node, 1, 0, true);
	struct sl_trace_record record = {0};
	uint32_t kept = 0;

	(void)state;
	begin(&made);
	spec.match = odd_port;
	spec.sample = 4;
	for (uint16_t i = 0; i < 32; i++)
		give(1000 + i, 60);
	run(&made);
	drain(&made);
	while (sl_trace_take(&trace.ring, &record)) {
		assert_true(record.octets[35] & 1);
		kept++;
	}
	assert_int_equal(kept, 4);
	assert_int_equal(trace.ring.counts.seen, 32);
	assert_int_equal(trace.ring.counts.matched, 16);
	spec.node_count = 1;
	spec.nodes[0] = 7;
	give(1001, 60);
	run(&made);
	drain(&made);
	assert_int_equal(trace.ring.counts.matched, 16);
	assert_int_equal(trace.ring.counts.seen, 33);
	fixture_end(&made);
}

static void beyond_the_rate_or_the_time_packets_are_counted_alone(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_WORKER};
	struct fixture made = fixture_make(&node, 1, 0, true);

	(void)state;
	begin(&made);
	spec.rate = 10;
	for (uint16_t i = 0; i < 32; i++)
		give(1000 + i, 60);
	run(&made);
	drain(&made);
	assert_int_equal(trace.ring.head, 2); /* a tenth of a second's, and one */
	assert_int_equal(trace.ring.counts.lost, 30);
	assert_int_equal(trace.ring.counts.left_out, 0);
	made.core->tick_cycles = 0; /* no time at all, once some was spent */
	for (uint16_t i = 0; i < 8; i++)
		give(1000 + i, 60);
	run(&made);
	drain(&made);
	assert_int_equal(trace.ring.counts.left_out, 8);
	assert_int_equal(trace.ring.counts.seen, 32);
	made.core->tick_tsc++; /* the next millisecond */
	give(1000, 60);
	run(&made);
	drain(&made);
	assert_int_equal(trace.ring.counts.seen, 33);
	fixture_end(&made);
}

static void a_full_ring_loses_what_comes_then(void **state)
{
	struct sl_trace_record record = {0};

	(void)state;
	memset(&trace, 0, sizeof(trace));
	for (uint32_t i = 0; i < SL_TRACE_ROOM; i++) {
		assert_non_null(sl_trace_next(&trace.ring));
		sl_trace_next(&trace.ring)->slot = i;
		sl_trace_put(&trace.ring);
	}
	assert_null(sl_trace_next(&trace.ring));
	assert_true(sl_trace_take(&trace.ring, &record));
	assert_int_equal(record.slot, 0);
	assert_non_null(sl_trace_next(&trace.ring));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_kept_with_its_decision),
		cmocka_unit_test(a_packet_that_is_dropped_on_its_way_is_told_of_twice),
		cmocka_unit_test(what_is_asked_for_is_kept_and_all_is_counted),
		cmocka_unit_test(beyond_the_rate_or_the_time_packets_are_counted_alone),
		cmocka_unit_test(a_full_ring_loses_what_comes_then),
	};

	fixture_start("trace_test");
	return fixture_stop(cmocka_run_group_tests_name("path trace", tests, NULL, NULL));
}
