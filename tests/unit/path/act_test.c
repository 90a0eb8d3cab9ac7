/* SPDX-License-Identifier: BSD-3-Clause */

/* Where packets of a burst go, octet by octet, and under which counter. Stages are called one by
 * one, without threads: p0 is a loop that the test fills, p1 a loop that the test empties. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "path/stage.h"
#include "state/decide.h"
#include "support/packet.h"
#include "support/scene.h"
#include "support/world.h"

#define WORKERS	  16
#define RING_SIZE 64
#define OURS	  "02:00:00:00:00:aa"

static struct rte_mempool *pool;
static struct sl_port ports[2];
static struct sl_tx_plan *plan;

/* The IP header before a packet that must not be fragmented. */
static const struct packet_ip outer = {
	.src = "192.0.2.2", .dst = "192.0.2.11", .protocol = 4, .fragment = 0x4000};

/* One core and what it is wired to. */
struct fixture {
	struct sl_path_core *core;
	struct sl_snapshot *snapshot;
	struct sl_publish *publish;
	struct sl_core_stats *stats;
	struct sl_worker_rings *rings;
};

static struct fixture fixture_make(const struct sl_node_view *nodes, uint32_t node_count, bool wait)
{
	struct fixture made = {.snapshot = scene_snapshot(nodes, node_count, 0, 2)};
	struct sl_path_spec spec = {
		.core_count = 1,
		.ports = ports,
		.port_count = 2,
		.plan = plan,
		.burst = 32,
		.wait = wait,
	};

	assert_int_equal(sl_publish_create(&made.publish), 0);
	assert_int_equal(sl_core_stats_create(&made.stats), 0);
	assert_int_equal(sl_worker_rings_create(1, WORKERS, RING_SIZE, &made.rings), 0);
	spec.publish = made.publish;
	spec.stats = made.stats;
	spec.rings = made.rings;
	assert_int_equal(sl_path_core_create(&spec, &made.core), 0);
	return made;
}

static void fixture_end(struct fixture *made)
{
	sl_path_core_destroy(made->core);
	sl_worker_rings_destroy(made->rings);
	sl_core_stats_destroy(made->stats);
	sl_publish_destroy(made->publish);
	sl_snapshot_release(made->snapshot);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void give(struct rte_mbuf *frame)
{
	assert_int_equal(rte_eth_tx_burst(ports[0].port_id, 0, &frame, 1), 1);
}

static void give_packet(const struct packet *packet)
{
	give(world_frame(pool, packet->octets, packet->size, 0));
}

static void run(struct fixture *made)
{
	struct sl_path_core *core = made->core;
	const struct sl_path_queue *queue = &core->queues[0];

	while (sl_path_receive(core, queue) > 0) {
		sl_decide(made->snapshot, &core->core, &core->burst, 0);
		sl_path_act(core, made->snapshot, queue->port);
	}
	sl_path_flush(core);
}

/* The next frame that left by p1; NULL: none. */
static struct rte_mbuf *taken(void)
{
	struct rte_mbuf *frame;

	return rte_eth_rx_burst(ports[1].port_id, 0, &frame, 1) == 1 ? frame : NULL;
}

static void assert_sent(const uint8_t *wanted, uint32_t size)
{
	struct rte_mbuf *frame = taken();
	uint8_t octets[PACKET_SIZE_MAX];

	assert_non_null(frame);
	world_octets(frame, octets);
	assert_true(packet_equal(wanted, size, octets, frame->pkt_len));
	rte_pktmbuf_free(frame);
}

static void assert_balance(const struct fixture *made, uint64_t received, uint64_t delivered)
{
	struct sl_worker_stats worker = {.delivered = delivered};
	struct sl_worker_stats *workers[] = {&worker};
	struct sl_core_stats *cores[] = {made->stats};
	struct sl_balance balance;

	sl_stats_balance(cores, 1, workers, 1, &balance);
	assert_int_equal(balance.received, received);
	assert_int_equal(balance.in_flight, 0);
}

static struct sl_node_view remote(enum sl_encap_type type)
{
	struct sl_encap_spec spec = {.type = type};
	struct sl_node_view view = {.kind = SL_NODE_REMOTE,
				    .port = 1,
				    .l3_size_max = type == SL_ENCAP_NONE ? 1500 : 1480};

	assert_int_equal(sl_mac_parse(OURS, &spec.src_mac), 0);
	assert_int_equal(sl_mac_parse("02:00:00:00:00:bb", &spec.dst_mac), 0);
	assert_int_equal(sl_addr_parse("192.0.2.2", &spec.src), 0);
	assert_int_equal(sl_addr_parse("192.0.2.11", &spec.dst), 0);
	assert_int_equal(sl_encap_build(&spec, &view.encap), 0);
	return view;
}

static void a_worker_gets_the_frame_as_it_came_and_the_index_of_its_node(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_WORKER, .worker = 3};
	struct fixture made = fixture_make(&node, 1, false);
	struct rte_mbuf *frame;
	struct packet packet;
	uint8_t octets[PACKET_SIZE_MAX];

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 100);
	give_packet(&packet);
	run(&made);
	assert_int_equal(sl_worker_ring_pop(sl_worker_rings_get(made.rings, 0, 3), &frame, 1), 1);
	assert_int_equal(frame->hash.usr, 1);
	world_octets(frame, octets);
	assert_true(packet_equal(packet.octets, packet.size, octets, frame->pkt_len));
	assert_int_equal(made.stats->nodes[1].packets, 1);
	assert_int_equal(made.stats->nodes[1].bytes, packet.size);
	assert_int_equal(made.stats->services[0].packets, 1);
	assert_balance(&made, 1, 1);
	rte_pktmbuf_free(frame);
	fixture_end(&made);
}

static void a_remote_node_gets_the_packet_without_tags_and_padding_in_new_headers(void **state)
{
	struct sl_node_view node = remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, false);
	const struct packet_ip inner = {
		.src = "10.0.0.1", .dst = "10.1.0.0", .protocol = 17, .fragment = 0x4000};
	struct packet packet, wanted;
	uint32_t l3;

	(void)state;
	packet_init(&packet);
	packet_eth(&packet, 0x8100);
	packet_vlan(&packet, 5, 0x0800);
	l3 = packet.size;
	packet_ip(&packet, &inner);
	packet_udp(&packet, 1000, 53);
	packet_finish(&packet);
	packet_init(&wanted);
	packet_eth_macs(&wanted, "02:00:00:00:00:bb", OURS, 0x0800);
	packet_ip(&wanted, &outer);
	packet_octets(&wanted, packet.octets + l3, packet.size - l3);
	packet_finish(&wanted);
	packet_pattern(&packet, 64 - packet.size); /* padding of a short frame */
	give_packet(&packet);
	run(&made);
	assert_sent(wanted.octets, wanted.size);
	assert_int_equal(made.stats->forwarded, 1);
	assert_int_equal(made.stats->ports[1].tx_packets, 1);
	assert_int_equal(made.stats->ports[1].tx_bytes, wanted.size);
	assert_int_equal(made.stats->ports[0].rx_bytes, 64);
	assert_balance(&made, 1, 0);
	fixture_end(&made);
}

static void a_frame_of_several_buffers_is_encapsulated_whole(void **state)
{
	struct sl_node_view node = remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, false);
	const struct packet_ip inner = {
		.src = "10.0.0.1", .dst = "10.1.0.0", .protocol = 17, .fragment = 0x4000};
	struct packet packet, wanted;

	(void)state;
	packet_init(&packet);
	packet_eth(&packet, 0x0800);
	packet_ip(&packet, &inner);
	packet_udp(&packet, 1000, 53);
	packet_pattern(&packet, 1400);
	packet_finish(&packet);
	packet_init(&wanted);
	packet_eth_macs(&wanted, "02:00:00:00:00:bb", OURS, 0x0800);
	packet_ip(&wanted, &outer);
	packet_octets(&wanted, packet.octets + 14, packet.size - 14);
	packet_finish(&wanted);
	for (uint32_t room = 1; room < packet.size; room += room < 70 ? 1 : 190) {
		packet.size += 7; /* octets beyond the IP packet go, wherever the buffers end */
		give(world_frame(pool, packet.octets, packet.size, room));
		packet.size -= 7;
		run(&made);
		assert_sent(wanted.octets, wanted.size);
	}
	fixture_end(&made);
}

static void a_node_without_encapsulation_costs_one_ttl_and_the_last_one_is_counted(void **state)
{
	struct sl_node_view node = remote(SL_ENCAP_NONE);
	struct fixture made = fixture_make(&node, 1, false);
	struct packet_ip ip = {.src = "10.0.0.1", .dst = "10.1.0.0", .protocol = 17, .ttl = 2};
	struct packet packet, wanted;

	(void)state;
	for (int last = 0; last < 2; last++) {
		packet_init(&packet);
		packet_eth(&packet, 0x0800);
		ip.ttl = last ? 1 : 2;
		packet_ip(&packet, &ip);
		packet_udp(&packet, 1000, 53);
		packet_finish(&packet);
		give_packet(&packet);
	}
	packet_init(&wanted);
	packet_eth_macs(&wanted, "02:00:00:00:00:bb", OURS, 0x0800);
	ip.ttl = 1;
	packet_ip(&wanted, &ip);
	packet_udp(&wanted, 1000, 53);
	packet_finish(&wanted);
	run(&made);
	assert_sent(wanted.octets, wanted.size);
	assert_null(taken());
	assert_int_equal(made.stats->dropped[SL_DROP_TTL_EXPIRED], 1);
	assert_balance(&made, 2, 0);
	fixture_end(&made);
}

static void an_output_gets_the_frame_unchanged_unless_it_is_too_big(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_OUTPUT, .port = 1};
	struct fixture made = fixture_make(&node, 1, false);
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "2001:db8::1", 1000, "2001:db8::2", 53, 1453);
	give_packet(&packet);
	packet_make_udp(&packet, "2001:db8::1", 1000, "2001:db8::2", 53, 1452);
	give_packet(&packet);
	run(&made);
	assert_sent(packet.octets, packet.size);
	assert_null(taken());
	assert_int_equal(made.stats->dropped[SL_DROP_TOO_BIG], 1);
	assert_balance(&made, 2, 0);
	fixture_end(&made);
}

static void a_remote_takes_the_largest_packet_and_refuses_one_octet_more(void **state)
{
	struct sl_node_view node = remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, false);
	struct packet packet;
	struct rte_mbuf *frame;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 1480 - 28);
	give_packet(&packet);
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 1481 - 28);
	give_packet(&packet);
	run(&made);
	frame = taken();
	assert_non_null(frame);
	assert_int_equal(frame->pkt_len, 14 + 1500);
	rte_pktmbuf_free(frame);
	assert_null(taken());
	assert_int_equal(made.stats->dropped[SL_DROP_TOO_BIG], 1);
	fixture_end(&made);
}

static void a_node_whose_neighbor_is_unknown_gets_nothing(void **state)
{
	struct sl_node_view node = remote(SL_ENCAP_IPIP);
	struct fixture made;
	struct packet packet;

	(void)state;
	node.flags = SL_NODE_NO_NEIGHBOR;
	made = fixture_make(&node, 1, false);
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	give_packet(&packet);
	run(&made);
	assert_null(taken());
	assert_int_equal(made.stats->dropped[SL_DROP_NO_NEIGHBOR], 1);
	assert_int_equal(made.stats->nodes[1].packets, 0);
	assert_balance(&made, 1, 0);
	fixture_end(&made);
}

static void frames_without_headroom_for_more_headers_are_too_big(void **state)
{
	struct sl_node_view node = remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, false);
	struct rte_mbuf *frame;
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	frame = world_frame(pool, packet.octets, packet.size, 0);
	memmove((uint8_t *)frame->buf_addr + 19, packet.octets, packet.size);
	frame->data_off = 19;
	give(frame);
	run(&made);
	assert_int_equal(made.stats->dropped[SL_DROP_TOO_BIG], 1);
	frame = world_frame(pool, packet.octets, packet.size, 0);
	memmove((uint8_t *)frame->buf_addr + 20, packet.octets, packet.size);
	frame->data_off = 20;
	give(frame);
	run(&made);
	frame = taken();
	assert_non_null(frame);
	assert_int_equal(frame->data_off, 0);
	rte_pktmbuf_free(frame);
	fixture_end(&made);
}

static void what_no_service_takes_is_dropped_or_goes_to_the_punt_port(void **state)
{
	struct fixture made = fixture_make(NULL, 0, false);
	struct packet arp;

	(void)state;
	packet_init(&arp);
	packet_eth(&arp, 0x0806);
	packet_pattern(&arp, 46);
	give_packet(&arp);
	run(&made);
	assert_int_equal(made.stats->dropped[SL_DROP_NO_SERVICE], 1);
	made.snapshot->ports[0].punt_port = 1;
	give_packet(&arp);
	run(&made);
	assert_sent(arp.octets, arp.size);
	assert_int_equal(made.stats->punted, 1);
	assert_int_equal(made.stats->forwarded, 0);
	assert_balance(&made, 2, 0);
	fixture_end(&made);
}

static void a_pool_that_has_nobody_drops_with_its_reason_and_counts_the_service(void **state)
{
	struct fixture made = fixture_make(NULL, 0, false);
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	give_packet(&packet);
	run(&made);
	assert_int_equal(made.stats->dropped[SL_DROP_NO_NODE], 1);
	assert_int_equal(made.stats->services[0].packets, 1);
	assert_balance(&made, 1, 0);
	fixture_end(&made);
}

static void damaged_packets_are_counted_by_reason(void **state)
{
	struct sl_node_view node = remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, false);
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	packet.octets[14 + 10] ^= 1; /* header checksum */
	give_packet(&packet);
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	packet.size -= 3;
	give_packet(&packet);
	packet.size = 5;
	give_packet(&packet);
	run(&made);
	assert_int_equal(made.stats->dropped[SL_DROP_BAD_HEADER], 1);
	assert_int_equal(made.stats->dropped[SL_DROP_TRUNCATED], 2);
	assert_balance(&made, 3, 0);
	fixture_end(&made);
}

static void without_promiscuous_only_our_frames_and_those_to_groups_are_taken(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_OUTPUT, .port = 1};
	static const char *const macs[] = {OURS, "02:00:00:00:00:ab", "ff:ff:ff:ff:ff:ff",
					   "01:00:5e:00:00:01", "03:00:00:00:00:aa"};
	struct fixture made;
	struct packet packet;
	struct rte_mbuf *frame;
	uint32_t count = 0;

	(void)state;
	assert_int_equal(sl_mac_parse(OURS, &ports[0].mac), 0);
	ports[0].promiscuous = false;
	made = fixture_make(&node, 1, false);
	ports[0].promiscuous = true;
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(macs); i++) {
		packet_init(&packet);
		packet_eth_macs(&packet, macs[i], "02:00:00:00:00:01", 0x0800);
		packet_ip(&packet, &(struct packet_ip){
					   .src = "10.0.0.1", .dst = "10.1.0.0", .protocol = 17});
		packet_udp(&packet, 1000, 53);
		packet_finish(&packet);
		give_packet(&packet);
	}
	run(&made);
	while ((frame = taken()) != NULL) {
		count++;
		rte_pktmbuf_free(frame);
	}
	assert_int_equal(count, 4);
	assert_int_equal(made.stats->dropped[SL_DROP_NO_SERVICE], 1);
	assert_balance(&made, 5, 0);
	fixture_end(&made);
}

static void a_full_ring_drops_at_once_and_the_node_is_told(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_WORKER, .worker = 0};
	struct fixture made = fixture_make(&node, 1, false);
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	for (uint32_t i = 0; i < RING_SIZE + 36; i++)
		give_packet(&packet);
	run(&made);
	assert_int_equal(sl_worker_ring_count(sl_worker_rings_get(made.rings, 0, 0)),
			 RING_SIZE);
	assert_int_equal(made.stats->dropped[SL_DROP_QUEUE_FULL], 36);
	assert_int_equal(made.stats->nodes[1].queue_dropped, 36);
	assert_balance(&made, RING_SIZE + 36, RING_SIZE);
	fixture_end(&made);
}

static void a_burst_over_many_workers_is_staged_until_the_flush(void **state)
{
	struct sl_node_view nodes[WORKERS];
	struct fixture made;
	struct packet packet;
	uint32_t total = 0;

	(void)state;
	memset(nodes, 0, sizeof(nodes));
	for (uint32_t i = 0; i < WORKERS; i++) {
		nodes[i].kind = SL_NODE_WORKER;
		nodes[i].worker = (uint16_t)i;
	}
	made = fixture_make(nodes, WORKERS, false);
	for (uint16_t i = 0; i < 32; i++) {
		packet_make_udp(&packet, "10.0.0.1", (uint16_t)(1000 + i), "10.1.0.0", 53, 10);
		give_packet(&packet);
	}
	assert_int_equal(sl_path_receive(made.core, &made.core->queues[0]), 32);
	sl_decide(made.snapshot, &made.core->core, &made.core->burst, 0);
	sl_path_act(made.core, made.snapshot, 0);
	for (uint32_t i = 0; i < WORKERS; i++)
		assert_int_equal(sl_worker_ring_count(sl_worker_rings_get(made.rings, 0, i)), 0);
	sl_path_flush(made.core);
	for (uint32_t i = 0; i < WORKERS; i++)
		total += sl_worker_ring_count(sl_worker_rings_get(made.rings, 0, i));
	assert_int_equal(total, 32);
	fixture_end(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_gets_the_frame_as_it_came_and_the_index_of_its_node),
		cmocka_unit_test(
			a_remote_node_gets_the_packet_without_tags_and_padding_in_new_headers),
		cmocka_unit_test(a_frame_of_several_buffers_is_encapsulated_whole),
		cmocka_unit_test(
			a_node_without_encapsulation_costs_one_ttl_and_the_last_one_is_counted),
		cmocka_unit_test(an_output_gets_the_frame_unchanged_unless_it_is_too_big),
		cmocka_unit_test(a_remote_takes_the_largest_packet_and_refuses_one_octet_more),
		cmocka_unit_test(a_node_whose_neighbor_is_unknown_gets_nothing),
		cmocka_unit_test(frames_without_headroom_for_more_headers_are_too_big),
		cmocka_unit_test(what_no_service_takes_is_dropped_or_goes_to_the_punt_port),
		cmocka_unit_test(
			a_pool_that_has_nobody_drops_with_its_reason_and_counts_the_service),
		cmocka_unit_test(damaged_packets_are_counted_by_reason),
		cmocka_unit_test(without_promiscuous_only_our_frames_and_those_to_groups_are_taken),
		cmocka_unit_test(a_full_ring_drops_at_once_and_the_node_is_told),
		cmocka_unit_test(a_burst_over_many_workers_is_staged_until_the_flush),
	};
	int failed;

	pool = world_start("path_act_test", 1, 1, 64, 4096);
	world_port(pool, "p0", "net_ring0", 1, 1, &ports[0]);
	world_port(pool, "p1", "net_ring1", 1, 1, &ports[1]);
	if (sl_tx_plan_create(ports, 2, 1, WORKERS, RING_SIZE, &plan) != 0)
		return 99;
	ports[1].rx_queue_count = 0; /* what leaves by p1 is the test's */
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	sl_tx_plan_destroy(plan);
	sl_port_close(&ports[0]);
	sl_port_close(&ports[1]);
	sl_eal_stop();
	return failed;
}
