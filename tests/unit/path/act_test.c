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

#include "state/decide.h"
#include "support/packet.h"
#include "unit/path/fixture.h"

#define OURS "02:00:00:00:00:aa"

/* The IP header before a packet that must not be fragmented. */
static const struct packet_ip outer = {
	.src = "192.0.2.2", .dst = "192.0.2.11", .protocol = 4, .fragment = 0x4000};

static void assert_sent(const uint8_t *wanted, uint32_t size)
{
	struct rte_mbuf *frame = fixture_taken();
	uint8_t octets[PACKET_SIZE_MAX];

	assert_non_null(frame);
	world_octets(frame, octets);
	assert_true(packet_equal(wanted, size, octets, frame->pkt_len));
	rte_pktmbuf_free(frame);
}

static void a_worker_gets_the_frame_as_it_came_and_the_index_of_its_node(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_WORKER, .worker = 3};
	struct fixture made = fixture_make(&node, 1, 0, false);
	struct rte_mbuf *frame;
	struct packet packet;
	uint8_t octets[PACKET_SIZE_MAX];

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 100);
	fixture_give_packet(&packet);
	fixture_run(&made);
	assert_int_equal(sl_worker_ring_pop(sl_worker_rings_get(made.rings, 0, 3), &frame, 1), 1);
	assert_int_equal(frame->hash.usr, 1);
	world_octets(frame, octets);
	assert_true(packet_equal(packet.octets, packet.size, octets, frame->pkt_len));
	assert_int_equal(made.stats->nodes[1].packets, 1);
	assert_int_equal(made.stats->nodes[1].bytes, packet.size);
	assert_int_equal(made.stats->services[0].packets, 1);
	fixture_assert_balance(&made, 1, 1);
	rte_pktmbuf_free(frame);
	fixture_end(&made);
}

static void a_remote_node_gets_the_packet_without_tags_and_padding_in_new_headers(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, 0, false);
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
	fixture_give_packet(&packet);
	fixture_run(&made);
	assert_sent(wanted.octets, wanted.size);
	assert_int_equal(made.stats->forwarded, 1);
	assert_int_equal(made.stats->ports[1].tx_packets, 1);
	assert_int_equal(made.stats->ports[1].tx_bytes, wanted.size);
	assert_int_equal(made.stats->ports[0].rx_bytes, 64);
	fixture_assert_balance(&made, 1, 0);
	fixture_end(&made);
}

static void a_frame_of_several_buffers_is_encapsulated_whole(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, 0, false);
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
		fixture_give(world_frame(fixture_pool, packet.octets, packet.size, room));
		packet.size -= 7;
		fixture_run(&made);
		assert_sent(wanted.octets, wanted.size);
	}
	fixture_end(&made);
}

static void a_chain_has_the_udp_checksum_of_its_octets_wherever_buffers_end(void **state)
{
	struct sl_encap_spec spec = {.type = SL_ENCAP_GUE, .port = 6080, .udp6_sum = true};
	struct sl_node_view node = {.kind = SL_NODE_REMOTE, .port = 1, .l3_size_max = 1448};
	uint8_t octets[PACKET_SIZE_MAX];
	struct packet packet;
	struct fixture made;

	(void)state;
	sl_addr_parse("2001:db8::2", &spec.src);
	sl_addr_parse("2001:db8::11", &spec.dst);
	assert_int_equal(sl_encap_build(&spec, &node.encap), 0);
	sl_node_view_seal(&node);
	made = fixture_make(&node, 1, 0, false);
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 1400);
	for (uint32_t room = 1; room <= packet.size; room += room < 70 ? 1 : 63) {
		struct rte_mbuf *frame;

		packet.size += 7; /* octets beyond the IP packet count for nothing */
		fixture_give(world_frame(fixture_pool, packet.octets, packet.size, room));
		packet.size -= 7;
		fixture_run(&made);
		frame = fixture_taken();
		assert_non_null(frame);
		world_octets(frame, octets);
		assert_int_not_equal(sl_load16(octets + 14 + 40 + 6), 0);
		assert_int_equal(
			sl_csum_transport(octets + 14, 17, octets + 54, frame->pkt_len - 54), 0);
		rte_pktmbuf_free(frame);
	}
	fixture_end(&made);
}

static void a_node_without_encapsulation_costs_one_ttl_and_the_last_one_is_counted(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_NONE);
	struct fixture made = fixture_make(&node, 1, 0, false);
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
		fixture_give_packet(&packet);
	}
	packet_init(&wanted);
	packet_eth_macs(&wanted, "02:00:00:00:00:bb", OURS, 0x0800);
	ip.ttl = 1;
	packet_ip(&wanted, &ip);
	packet_udp(&wanted, 1000, 53);
	packet_finish(&wanted);
	fixture_run(&made);
	assert_sent(wanted.octets, wanted.size);
	assert_null(fixture_taken());
	assert_int_equal(made.stats->dropped[SL_DROP_TTL_EXPIRED], 1);
	fixture_assert_balance(&made, 2, 0);
	fixture_end(&made);
}

static void an_output_gets_the_frame_unchanged_unless_it_is_too_big(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_OUTPUT, .port = 1};
	struct fixture made = fixture_make(&node, 1, 0, false);
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "2001:db8::1", 1000, "2001:db8::2", 53, 1453);
	fixture_give_packet(&packet);
	packet_make_udp(&packet, "2001:db8::1", 1000, "2001:db8::2", 53, 1452);
	fixture_give_packet(&packet);
	fixture_run(&made);
	assert_sent(packet.octets, packet.size);
	assert_null(fixture_taken());
	assert_int_equal(made.stats->dropped[SL_DROP_TOO_BIG], 1);
	fixture_assert_balance(&made, 2, 0);
	fixture_end(&made);
}

static void a_remote_takes_the_largest_packet_and_refuses_one_octet_more(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, 0, false);
	struct packet packet;
	struct rte_mbuf *frame;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 1480 - 28);
	fixture_give_packet(&packet);
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 1481 - 28);
	fixture_give_packet(&packet);
	fixture_run(&made);
	frame = fixture_taken();
	assert_non_null(frame);
	assert_int_equal(frame->pkt_len, 14 + 1500);
	rte_pktmbuf_free(frame);
	assert_null(fixture_taken());
	assert_int_equal(made.stats->dropped[SL_DROP_TOO_BIG], 1);
	fixture_end(&made);
}

static void a_node_whose_neighbor_is_unknown_gets_nothing(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made;
	struct packet packet;

	(void)state;
	node.flags |= SL_NODE_NO_NEIGHBOR;
	sl_node_view_seal(&node);
	made = fixture_make(&node, 1, 0, false);
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	fixture_give_packet(&packet);
	fixture_run(&made);
	assert_null(fixture_taken());
	assert_int_equal(made.stats->dropped[SL_DROP_NO_NEIGHBOR], 1);
	assert_int_equal(made.stats->port_dropped[0][SL_DROP_NO_NEIGHBOR], 1);
	assert_int_equal(made.stats->extras[0].dropped[SL_DROP_NO_NEIGHBOR], 1);
	assert_int_equal(made.stats->nodes[1].packets, 0);
	fixture_assert_balance(&made, 1, 0);
	fixture_end(&made);
}

static void frames_without_headroom_for_more_headers_are_too_big(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, 0, false);
	struct rte_mbuf *frame;
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	frame = world_frame(fixture_pool, packet.octets, packet.size, 0);
	memmove((uint8_t *)frame->buf_addr + 19, packet.octets, packet.size);
	frame->data_off = 19;
	fixture_give(frame);
	fixture_run(&made);
	assert_int_equal(made.stats->dropped[SL_DROP_TOO_BIG], 1);
	frame = world_frame(fixture_pool, packet.octets, packet.size, 0);
	memmove((uint8_t *)frame->buf_addr + 20, packet.octets, packet.size);
	frame->data_off = 20;
	fixture_give(frame);
	fixture_run(&made);
	frame = fixture_taken();
	assert_non_null(frame);
	assert_int_equal(frame->data_off, 0);
	rte_pktmbuf_free(frame);
	fixture_end(&made);
}

static void what_no_service_takes_is_dropped_or_goes_to_the_punt_port(void **state)
{
	struct fixture made = fixture_make(NULL, 0, 0, false);
	struct packet arp;

	(void)state;
	packet_init(&arp);
	packet_eth(&arp, 0x0806);
	packet_pattern(&arp, 46);
	fixture_give_packet(&arp);
	fixture_run(&made);
	assert_int_equal(made.stats->dropped[SL_DROP_NO_SERVICE], 1);
	assert_int_equal(made.stats->port_dropped[0][SL_DROP_NO_SERVICE], 1);
	assert_int_equal(made.stats->extras[0].dropped[SL_DROP_NO_SERVICE], 0);
	made.snapshot->ports[0].punt_port = 1;
	fixture_give_packet(&arp);
	fixture_run(&made);
	assert_sent(arp.octets, arp.size);
	assert_int_equal(made.stats->punted, 1);
	assert_int_equal(made.stats->forwarded, 0);
	fixture_assert_balance(&made, 2, 0);
	fixture_end(&made);
}

static void a_pool_that_has_nobody_drops_with_its_reason_and_counts_the_service(void **state)
{
	struct fixture made = fixture_make(NULL, 0, 0, false);
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	fixture_give_packet(&packet);
	fixture_run(&made);
	assert_int_equal(made.stats->dropped[SL_DROP_NO_NODE], 1);
	assert_int_equal(made.stats->port_dropped[0][SL_DROP_NO_NODE], 1);
	assert_int_equal(made.stats->extras[0].dropped[SL_DROP_NO_NODE], 1);
	assert_int_equal(made.stats->services[0].packets, 1);
	fixture_assert_balance(&made, 1, 0);
	fixture_end(&made);
}

static void damaged_packets_are_counted_by_reason(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, 0, false);
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	packet.octets[14 + 10] ^= 1; /* header checksum */
	fixture_give_packet(&packet);
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	packet.size -= 3;
	fixture_give_packet(&packet);
	packet.size = 5;
	fixture_give_packet(&packet);
	fixture_run(&made);
	assert_int_equal(made.stats->dropped[SL_DROP_BAD_HEADER], 1);
	assert_int_equal(made.stats->dropped[SL_DROP_TRUNCATED], 2);
	fixture_assert_balance(&made, 3, 0);
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
	assert_int_equal(sl_mac_parse(OURS, &fixture_ports[0].mac), 0);
	fixture_ports[0].promiscuous = false;
	made = fixture_make(&node, 1, 0, false);
	fixture_ports[0].promiscuous = true;
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(macs); i++) {
		packet_init(&packet);
		packet_eth_macs(&packet, macs[i], "02:00:00:00:00:01", 0x0800);
		packet_ip(&packet, &(struct packet_ip){
					   .src = "10.0.0.1", .dst = "10.1.0.0", .protocol = 17});
		packet_udp(&packet, 1000, 53);
		packet_finish(&packet);
		fixture_give_packet(&packet);
	}
	fixture_run(&made);
	while ((frame = fixture_taken()) != NULL) {
		count++;
		rte_pktmbuf_free(frame);
	}
	assert_int_equal(count, 4);
	assert_int_equal(made.stats->dropped[SL_DROP_NO_SERVICE], 1);
	fixture_assert_balance(&made, 5, 0);
	fixture_end(&made);
}

static void a_full_ring_drops_at_once_and_the_node_is_told(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_WORKER, .worker = 0};
	struct fixture made = fixture_make(&node, 1, 0, false);
	struct packet packet;

	(void)state;
	packet_make_udp(&packet, "10.0.0.1", 1000, "10.1.0.0", 53, 10);
	for (uint32_t i = 0; i < FIXTURE_RING_SIZE + 36; i++)
		fixture_give_packet(&packet);
	fixture_run(&made);
	assert_int_equal(sl_worker_ring_count(sl_worker_rings_get(made.rings, 0, 0)),
			 FIXTURE_RING_SIZE);
	assert_int_equal(made.stats->dropped[SL_DROP_QUEUE_FULL], 36);
	assert_int_equal(made.stats->nodes[1].queue_dropped, 36);
	assert_int_equal(made.stats->extras[0].dropped[SL_DROP_QUEUE_FULL], 36);
	assert_int_equal(made.stats->port_dropped[0][SL_DROP_QUEUE_FULL], 36);
	fixture_assert_balance(&made, FIXTURE_RING_SIZE + 36, FIXTURE_RING_SIZE);
	fixture_end(&made);
}

static void a_burst_over_many_workers_is_staged_until_the_flush(void **state)
{
	struct sl_node_view nodes[FIXTURE_WORKERS];
	struct fixture made;
	struct packet packet;
	uint32_t total = 0;

	(void)state;
	memset(nodes, 0, sizeof(nodes));
	for (uint32_t i = 0; i < FIXTURE_WORKERS; i++) {
		nodes[i].kind = SL_NODE_WORKER;
		nodes[i].worker = (uint16_t)i;
	}
	made = fixture_make(nodes, FIXTURE_WORKERS, 0, false);
	for (uint16_t i = 0; i < 32; i++) {
		packet_make_udp(&packet, "10.0.0.1", (uint16_t)(1000 + i), "10.1.0.0", 53, 10);
		fixture_give_packet(&packet);
	}
	assert_int_equal(sl_path_receive(made.core, &made.core->queues[0]), 32);
	sl_decide(made.snapshot, &made.core->core, &made.core->burst, 0);
	sl_path_act(made.core, made.snapshot, 0);
	for (uint32_t i = 0; i < FIXTURE_WORKERS; i++)
		assert_int_equal(sl_worker_ring_count(sl_worker_rings_get(made.rings, 0, i)), 0);
	sl_path_flush(made.core);
	for (uint32_t i = 0; i < FIXTURE_WORKERS; i++)
		total += sl_worker_ring_count(sl_worker_rings_get(made.rings, 0, i));
	assert_int_equal(total, 32);
	fixture_end(&made);
}

static uint16_t taken_id(void)
{
	struct rte_mbuf *frame = fixture_taken();
	uint16_t id;

	assert_non_null(frame);
	id = sl_load_be16(rte_pktmbuf_mtod_offset(frame, const uint8_t *, SL_ETH_SIZE + SL_IP4_ID));
	rte_pktmbuf_free(frame);
	return id;
}

static void identifications_of_outer_headers_are_never_another_cores(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, 0, false);
	struct packet packet;

	(void)state;
	for (uint32_t cores = 1; cores <= SL_RX_CORES_MAX; cores++) {
		uint32_t step = sl_path_outer_step(cores);

		assert_in_range(step, cores, 2 * cores - 1);
		assert_int_equal(65536 % step, 0);
	}
	made.core->outer_id = 65530;
	made.core->outer_step = sl_path_outer_step(3);
	packet_init(&packet);
	packet_eth(&packet, 0x0800);
	packet_ip(&packet,
		  &(struct packet_ip){.src = "10.0.0.1", .dst = "10.1.0.0", .protocol = 17});
	packet_udp(&packet, 1000, 53);
	packet_pattern(&packet, 200);
	packet_finish(&packet);
	for (uint32_t i = 0; i < 3; i++)
		fixture_give(
			world_frame(fixture_pool, packet.octets, packet.size, i == 1 ? 100 : 0));
	fixture_run(&made);
	assert_int_equal(taken_id(), 65534);
	assert_int_equal(taken_id(), 2);
	assert_int_equal(taken_id(), 6);
	fixture_end(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identifications_of_outer_headers_are_never_another_cores),
		cmocka_unit_test(a_worker_gets_the_frame_as_it_came_and_the_index_of_its_node),
		cmocka_unit_test(
			a_remote_node_gets_the_packet_without_tags_and_padding_in_new_headers),
		cmocka_unit_test(a_frame_of_several_buffers_is_encapsulated_whole),
		cmocka_unit_test(a_chain_has_the_udp_checksum_of_its_octets_wherever_buffers_end),
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

	fixture_start("path_act_test");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return fixture_stop(failed);
}
