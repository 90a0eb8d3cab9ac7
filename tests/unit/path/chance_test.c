/* SPDX-License-Identifier: BSD-3-Clause */

/* Segments in open slots name the slot's other node in GUE's private field. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <rte_mbuf.h>

#include "pkt/gue.h"
#include "support/packet.h"
#include "unit/path/fixture.h"

#define SLOTS	256
#define ROOM	1400
#define CLIENT	"10.0.0.1"
#define SERVICE "10.1.0.0"

static const char *const ours[] = {"192.0.2.2", "2001:db8::2"};
static const char *const places[][2] = {{"192.0.2.11", "2001:db8::11"},
					{"192.0.2.12", "2001:db8::12"}};

static struct sl_node_view node_of(enum sl_encap_type type, uint32_t number, bool v6)
{
	struct sl_encap_spec spec = {.type = type, .port = SL_GUE_PORT, .udp6_sum = true};
	struct sl_node_view view = {.kind = SL_NODE_REMOTE, .port = 1, .l3_size_max = ROOM};

	assert_int_equal(sl_mac_parse("02:00:00:00:00:aa", &spec.src_mac), 0);
	assert_int_equal(sl_mac_parse("02:00:00:00:00:bb", &spec.dst_mac), 0);
	assert_int_equal(sl_addr_parse(ours[v6], &spec.src), 0);
	assert_int_equal(sl_addr_parse(places[number][v6], &spec.dst), 0);
	assert_int_equal(sl_encap_build(&spec, &view.encap), 0);
	sl_node_view_seal(&view);
	return view;
}

/* Every slot is open: node 1, and before it 2. */
static struct fixture open_slots(const struct sl_node_view nodes[2])
{
	struct fixture made = fixture_make(nodes, 2, 0, false);
	struct sl_slot_table *slots;

	assert_int_equal(sl_slot_table_create(SLOTS, 1, &slots), 0);
	slots->open_count = 1;
	slots->open[0] = (struct sl_open_slot){.node = 1, .prior = 2, .open_until_ms = UINT64_MAX};
	for (uint32_t i = 0; i < SLOTS; i++)
		slots->word[i] = SL_SLOT_OPEN;
	sl_pool_view_set_slots(&made.snapshot->pools[0], slots);
	made.snapshot->pools[0].flags |= SL_POOL_CHANCE;
	made.snapshot->chances = true;
	return made;
}

static void give(uint8_t flags, uint32_t body)
{
	struct packet packet;

	packet_make_tcp(&packet, CLIENT, 1000, SERVICE, 80, flags, body);
	fixture_give_packet(&packet);
}

/* The next frame is the segment, behind so many octets, and its lengths and checksums are right. */
static void assert_segment(uint8_t flags, uint32_t body, bool v6, bool named)
{
	uint32_t base = v6 ? SL_IP6_SIZE : SL_IP4_SIZE, field = named ? (v6 ? 20 : 8) : 0;
	uint32_t front = SL_ETH_SIZE + base + SL_UDP_SIZE + SL_GUE_SIZE + field;
	uint8_t octets[PACKET_SIZE_MAX], wanted[20] = {SL_GUE_FIELD_MARK, 1, v6 ? 6 : 4};
	const uint8_t *ip = octets + SL_ETH_SIZE, *udp = ip + base, *gue = udp + SL_UDP_SIZE;
	struct rte_mbuf *frame = fixture_taken();
	struct packet packet;
	struct sl_addr other;
	uint32_t size;

	assert_non_null(frame);
	world_octets(frame, octets);
	size = frame->pkt_len - SL_ETH_SIZE;
	rte_pktmbuf_free(frame);
	packet_make_tcp(&packet, CLIENT, 1000, SERVICE, 80, flags, body);
	assert_int_equal(size + SL_ETH_SIZE, front + packet.size - SL_ETH_SIZE);
	assert_memory_equal(octets + front, packet.octets + SL_ETH_SIZE, packet.size - SL_ETH_SIZE);
	assert_int_equal(gue[0], field / 4);
	assert_int_equal(gue[1], SL_PROTO_IPIP);
	assert_int_equal(sl_addr_parse(places[1][v6], &other), 0);
	memcpy(wanted + SL_GUE_FIELD_NODE, other.octets, sizeof(wanted) - SL_GUE_FIELD_NODE);
	assert_memory_equal(gue + SL_GUE_SIZE, wanted, field);
	assert_int_equal(sl_load_be16(udp + SL_UDP_LENGTH), size - base);
	if (v6) {
		assert_int_equal(sl_load_be16(ip + SL_IP6_PAYLOAD), size - base);
		assert_int_equal(sl_csum_transport(ip, SL_PROTO_UDP, udp, size - base), 0);
	} else {
		assert_int_equal(sl_load_be16(ip + SL_IP4_TOTAL), size);
		assert_int_equal(sl_csum(ip, SL_IP4_SIZE), 0);
	}
}

static void segments_in_open_slots_name_the_other_node(void **state)
{
	(void)state;
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		const struct sl_node_view nodes[] = {node_of(SL_ENCAP_GUE, 0, v6),
						     node_of(SL_ENCAP_GUE, 1, v6)};
		struct fixture made = open_slots(nodes);

		give(SL_TCP_ACK, 5);
		give(SL_TCP_ACK, 0);
		fixture_run(&made);
		assert_segment(SL_TCP_ACK, 5, v6, true);
		assert_segment(SL_TCP_ACK, 0, v6, true);
		assert_int_equal(made.stats->nodes[1].packets, 2);
		assert_int_equal(made.stats->services[0].packets, 2);
		fixture_assert_balance(&made, 2, 0);
		fixture_end(&made);
	}
}

static void what_needs_no_other_node_goes_as_ever_beside_what_does(void **state)
{
	const struct sl_node_view nodes[] = {node_of(SL_ENCAP_GUE, 0, false),
					     node_of(SL_ENCAP_GUE, 1, false)};
	struct fixture made = open_slots(nodes);

	(void)state;
	give(SL_TCP_SYN, 0);
	give(SL_TCP_ACK, 7);
	give(SL_TCP_ACK, ROOM - 40);
	give(SL_TCP_ACK, ROOM - 39);
	fixture_run(&made);
	assert_segment(SL_TCP_ACK, 7, false, true);
	assert_segment(SL_TCP_ACK, ROOM - 40, false, true);
	assert_segment(SL_TCP_SYN, 0, false, false);
	assert_segment(SL_TCP_ACK, ROOM - 39, false, false);
	assert_null(fixture_taken());
	fixture_assert_balance(&made, 4, 0);
	fixture_end(&made);
}

static void nodes_that_no_field_leads_to_are_not_named(void **state)
{
	const struct sl_node_view own = node_of(SL_ENCAP_GUE, 0, false);
	const struct sl_node_view others[] = {node_of(SL_ENCAP_GUE, 1, true),
					      node_of(SL_ENCAP_IPIP, 1, false),
					      {.kind = SL_NODE_WORKER},
					      {.kind = SL_NODE_NONE}};

	(void)state;
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(others); i++) {
		const struct sl_node_view nodes[] = {own, others[i]};
		struct fixture made = open_slots(nodes);

		give(SL_TCP_ACK, 5);
		fixture_run(&made);
		assert_segment(SL_TCP_ACK, 5, false, false);
		fixture_end(&made);
	}
}

static void settled_slots_and_pools_without_it_name_nobody(void **state)
{
	const struct sl_node_view nodes[] = {node_of(SL_ENCAP_GUE, 0, false),
					     node_of(SL_ENCAP_GUE, 1, false)};
	struct fixture made = open_slots(nodes);

	(void)state;
	made.snapshot->pools[0].flags &= (uint8_t)~SL_POOL_CHANCE;
	give(SL_TCP_ACK, 5);
	fixture_run(&made);
	assert_segment(SL_TCP_ACK, 5, false, false);
	made.snapshot->pools[0].flags |= SL_POOL_CHANCE;
	for (uint32_t i = 0; i < SLOTS; i++)
		made.snapshot->pools[0].slots->word[i] = 1;
	give(SL_TCP_ACK, 5);
	fixture_run(&made);
	assert_segment(SL_TCP_ACK, 5, false, false);
	fixture_end(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_in_open_slots_name_the_other_node),
		cmocka_unit_test(what_needs_no_other_node_goes_as_ever_beside_what_does),
		cmocka_unit_test(nodes_that_no_field_leads_to_are_not_named),
		cmocka_unit_test(settled_slots_and_pools_without_it_name_nobody),
	};
	int failed;

	fixture_start("path_chance_test");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return fixture_stop(failed);
}
