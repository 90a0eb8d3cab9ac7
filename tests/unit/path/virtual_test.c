/* SPDX-License-Identifier: BSD-3-Clause */

/* Packets of a device whose senders leave checksums and cutting to it: p0 is one, as far as octets tell. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <rte_mbuf.h>

#include "pkt/csum.h"
#include "unit/path/fixture.h"

#define ROOM 1800 /* octets of a buffer of chains */

static struct packet packet;

static struct fixture make(const struct sl_node_view *node)
{
	struct fixture made;

	fixture_ports[0].is_virtual = true;
	made = fixture_make(node, 1, 0, false);
	fixture_ports[0].is_virtual = false;
	return made;
}

/* Leaves the sum of the pseudo header in the field at `off` of the packet without tags. */
static void leave(uint32_t off)
{
	bool v6 = packet.octets[12] == 0x86;
	uint32_t l4 = v6 ? 54 : 34;
	uint64_t sum =
		sl_csum_pseudo(packet.octets + 14, packet.octets[v6 ? 20 : 23], packet.size - l4);

	sl_store16(packet.octets + l4 + off, sl_csum_fold(sum));
}

static struct rte_mbuf *worker_got(const struct fixture *made)
{
	struct rte_mbuf *frame;

	return sl_worker_ring_pop(sl_worker_rings_get(made->rings, 0, 0), &frame, 1) == 1 ? frame
											  : NULL;
}

static void assert_worker_got(const struct fixture *made, const struct packet *wanted)
{
	struct rte_mbuf *frame = worker_got(made);
	uint8_t octets[PACKET_SIZE_MAX];

	assert_non_null(frame);
	world_octets(frame, octets);
	assert_true(packet_equal(wanted->octets, wanted->size, octets, frame->pkt_len));
	rte_pktmbuf_free(frame);
}

static void a_checksum_that_was_left_is_right_for_a_worker_wherever_buffers_end(void **state)
{
	static const char *const from[] = {"10.0.0.1", "2001:db8::1"}, *const to[] = {
									       "10.1.0.0",
									       "2001:db8::2"};
	struct sl_node_view node = {.kind = SL_NODE_WORKER};
	struct fixture made = make(&node);
	uint32_t count = 0;

	(void)state;
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		for (uint32_t size = 0; size < 30; size++) {
			struct packet wanted;

			packet_make_udp(&wanted, from[v6], 1000, to[v6], 53, size);
			packet = wanted;
			leave(6);
			fixture_give(
				world_frame(fixture_pool, packet.octets, packet.size, v6 ? 0 : 17));
			fixture_run(&made);
			assert_worker_got(&made, &wanted);
			packet_make_tcp(&wanted, from[v6], 1000, to[v6], 80, SL_TCP_ACK, size);
			packet = wanted;
			leave(16);
			fixture_give(
				world_frame(fixture_pool, packet.octets, packet.size, v6 ? 55 : 0));
			fixture_run(&made);
			assert_worker_got(&made, &wanted);
			count += 2;
		}
	}
	fixture_assert_balance(&made, count, count);
	fixture_end(&made);
}

static void a_wrong_checksum_stays_wrong_and_a_missing_one_missing(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_WORKER};
	struct fixture made = make(&node);

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 100);
	packet.octets[40] ^= 0x55;
	fixture_give_packet(&packet);
	fixture_run(&made);
	assert_worker_got(&made, &packet);
	packet.octets[40] = packet.octets[41] = 0;
	fixture_give_packet(&packet);
	fixture_run(&made);
	assert_worker_got(&made, &packet);
	fixture_assert_balance(&made, 2, 2);
	fixture_end(&made);
}

static void a_large_segment_is_cut_to_what_the_link_carries_and_counted_so(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_WORKER};
	struct fixture made = make(&node);
	struct packet wanted;

	(void)state;
	packet_make_tcp(&packet, "10.0.0.1", 1000, "10.1.0.0", 80, SL_TCP_ACK, 4000);
	packet_make_tcp(&wanted, "10.0.0.1", 1001, "10.1.0.0", 80, SL_TCP_ACK, 10);
	leave(16);
	fixture_give(world_frame(fixture_pool, packet.octets, packet.size, ROOM));
	fixture_give_packet(&wanted); /* behind it, and so it stays */
	fixture_run(&made);
	for (uint32_t off = 0; off < 4000; off += 1460) {
		struct rte_mbuf *frame = worker_got(&made);
		uint32_t size = SL_MIN(4000 - off, 1460u);
		uint8_t octets[PACKET_SIZE_MAX];

		assert_non_null(frame);
		world_octets(frame, octets);
		assert_int_equal(frame->pkt_len, 54 + size);
		assert_memory_equal(octets + 54, packet.octets + 54 + off, size);
		assert_int_equal(sl_csum_transport(octets + 14, 6, octets + 34, 20 + size), 0);
		assert_int_equal(sl_csum(octets + 14, 20), 0);
		rte_pktmbuf_free(frame);
	}
	assert_worker_got(&made, &wanted);
	assert_int_equal(made.stats->ports[0].rx_packets, 4);
	fixture_assert_balance(&made, 4, 4);
	fixture_end(&made);
}

static void more_segments_than_a_burst_come_in_order_by_many_bursts(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_OUTPUT, .port = 1};
	struct fixture made = make(&node);
	uint32_t next = 0, frames = 0;

	(void)state;
	packet_make_tcp(&packet, "10.0.0.1", 1000, "10.1.0.0", 80, SL_TCP_ACK, 12000);
	for (uint32_t i = 0; i < 8; i++) {
		sl_store_be32(packet.octets + 38, i * 12000);
		leave(16);
		fixture_give(world_frame(fixture_pool, packet.octets, packet.size, ROOM));
	}
	fixture_run(&made);
	for (struct rte_mbuf *frame = fixture_taken(); frame != NULL; frame = fixture_taken()) {
		assert_int_equal(sl_load_be32(rte_pktmbuf_mtod_offset(frame, uint8_t *, 38)), next);
		next += frame->pkt_len - 54;
		frames++;
		rte_pktmbuf_free(frame);
	}
	assert_int_equal(next, 8 * 12000);
	assert_int_equal(frames, 8 * 9);
	fixture_assert_balance(&made, frames, 0);
	fixture_end(&made);
}

static void large_udp_is_refused_as_ever(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made = make(&node);

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 4000);
	fixture_give(world_frame(fixture_pool, packet.octets, packet.size, ROOM));
	fixture_run(&made);
	assert_int_equal(made.stats->dropped[SL_DROP_TOO_BIG], 1);
	fixture_assert_balance(&made, 1, 0);
	fixture_end(&made);
}

static void what_a_core_has_taken_and_not_looked_at_is_freed_with_it(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_WORKER};
	struct fixture made = make(&node);

	(void)state;
	packet_make_tcp(&packet, "10.0.0.1", 1000, "10.1.0.0", 80, SL_TCP_ACK, 12000);
	for (uint32_t i = 0; i < 8; i++)
		fixture_give(world_frame(fixture_pool, packet.octets, packet.size, ROOM));
	assert_int_equal(sl_path_receive(made.core, &made.core->queues[0]), 32);
	for (uint32_t i = 0; i < 32; i++)
		rte_pktmbuf_free(made.core->packets[i]);
	fixture_end(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_checksum_that_was_left_is_right_for_a_worker_wherever_buffers_end),
		cmocka_unit_test(a_wrong_checksum_stays_wrong_and_a_missing_one_missing),
		cmocka_unit_test(a_large_segment_is_cut_to_what_the_link_carries_and_counted_so),
		cmocka_unit_test(more_segments_than_a_burst_come_in_order_by_many_bursts),
		cmocka_unit_test(large_udp_is_refused_as_ever),
		cmocka_unit_test(what_a_core_has_taken_and_not_looked_at_is_freed_with_it),
	};

	fixture_start("virtual");
	return fixture_stop(cmocka_run_group_tests(tests, NULL, NULL));
}
