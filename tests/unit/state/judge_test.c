/* SPDX-License-Identifier: BSD-3-Clause */

/* What a parse status, a port's filter and a node say of a packet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "state/judge.h"

#define ROOM 142u /* in front of the IP header of a frame as it came */

static void a_parse_status_is_a_verdict_with_one_reason(void **state)
{
	static const struct {
		uint8_t status, verdict, reason;
	} cases[] = {
		{SL_PKT_OK, SL_VERDICT_NODE, SL_DROP_NO_SERVICE},
		{SL_PKT_NOT_IP, SL_VERDICT_PUNT, SL_DROP_NO_SERVICE},
		{SL_PKT_TRUNCATED, SL_VERDICT_DROP, SL_DROP_TRUNCATED},
		{SL_PKT_BAD_HEADER, SL_VERDICT_DROP, SL_DROP_BAD_HEADER},
		{SL_PKT_TINY, SL_VERDICT_DROP, SL_DROP_FRAGMENT},
	};
	static struct sl_burst burst;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		burst.pkt[3].status = cases[i].status;
		sl_judge_parse(&burst, 3);
		assert_int_equal(burst.verdict[3], cases[i].verdict);
		assert_int_equal(burst.reason[3], cases[i].reason);
	}
}

static void a_frame_for_another_mac_is_foreign(void **state)
{
	uint8_t frame[16] = {2, 0, 0, 0, 0, 1, 0xff, 0xff}, own[8] = {2, 0, 0, 0, 0, 1};

	(void)state;
	assert_false(sl_judge_is_foreign(frame, sizeof(frame), sl_load64(own)));
	frame[5] = 2;
	assert_true(sl_judge_is_foreign(frame, sizeof(frame), sl_load64(own)));
	assert_false(sl_judge_is_foreign(frame, 7, sl_load64(own)));
	frame[0] |= 1;
	assert_false(sl_judge_is_foreign(frame, sizeof(frame), sl_load64(own)));
}

static void a_remote_node_refuses_with_one_reason(void **state)
{
	static const struct {
		uint32_t view_flags, pkt_flags, l3_size, room;
		uint8_t encap, ttl;
		int reason;
	} cases[] = {
		{0, 0, 1480, ROOM, SL_ENCAP_IPIP, 1, SL_DROP_COUNT},
		{0, 0, 1481, ROOM, SL_ENCAP_IPIP, 64, SL_DROP_TOO_BIG},
		{SL_NODE_SPLITS, 0, 1481, ROOM, SL_ENCAP_IPIP, 64, SL_DROP_COUNT},
		{SL_NODE_SPLITS, SL_PKT_DF, 1481, ROOM, SL_ENCAP_IPIP, 64, SL_DROP_TOO_BIG},
		{SL_NODE_SPLITS, 0, 1481, ROOM, SL_ENCAP_NONE, 64, SL_DROP_TOO_BIG},
		{SL_NODE_SPLITS, SL_PKT_IPV6, 1481, ROOM, SL_ENCAP_IPIP, 64, SL_DROP_TOO_BIG},
		{0, 0, 100, 33, SL_ENCAP_IPIP, 64, SL_DROP_TOO_BIG},
		{0, 0, 100, 34, SL_ENCAP_IPIP, 64, SL_DROP_COUNT},
		{SL_NODE_NO_NEIGHBOR, 0, 9000, 0, SL_ENCAP_IPIP, 0, SL_DROP_NO_NEIGHBOR},
		{0, 0, 100, ROOM, SL_ENCAP_NONE, 1, SL_DROP_TTL_EXPIRED},
		{0, SL_PKT_IPV6, 100, ROOM, SL_ENCAP_NONE, 1, SL_DROP_TTL_EXPIRED},
		{0, 0, 100, ROOM, SL_ENCAP_NONE, 2, SL_DROP_COUNT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_node_view view = {.l3_size_max = 1480};
		struct sl_pkt pkt = {0};
		uint8_t l3[64] = {0};

		view.flags = (uint8_t)cases[i].view_flags;
		view.encap.type = cases[i].encap;
		view.encap.size = 34;
		pkt.flags = (uint16_t)cases[i].pkt_flags;
		pkt.l3_size = (uint16_t)cases[i].l3_size;
		l3[(cases[i].pkt_flags & SL_PKT_IPV6) ? SL_IP6_HOPS : SL_IP4_TTL] = cases[i].ttl;
		if ((int)sl_judge_remote(&view, &pkt, l3, cases[i].room, 1500) != cases[i].reason)
			fail_msg("case %zu", i);
	}
}

/* Every link takes 1,280 octets, so no sender makes smaller ones: they go in fragments of the tunnel. */
static void small_ip6_packets_are_split(void **state)
{
	struct sl_node_view view = {.l3_size_max = 1240};
	struct sl_pkt pkt = {.flags = SL_PKT_IPV6, .l3_size = SL_IP6_MTU_MIN};
	uint8_t l3[64] = {0};

	(void)state;
	view.encap.type = SL_ENCAP_GUE;
	assert_int_equal(sl_judge_remote(&view, &pkt, l3, ROOM, 1500), SL_DROP_COUNT);
	pkt.l3_size++;
	assert_int_equal(sl_judge_remote(&view, &pkt, l3, ROOM, 1500), SL_DROP_TOO_BIG);
}

/* A narrower path than the port's cuts what has no DF outside; the port's own MTU does not. */
static void what_routers_may_cut_goes_above_the_path_mtu(void **state)
{
	static const struct {
		uint32_t family, flags, l3_size, set;
		bool goes;
	} cases[] = {
		{SL_FAMILY_IPV4, 0, 1480, 0, true},
		{SL_FAMILY_IPV4, 0, 1481, 0, false},
		{SL_FAMILY_IPV4, SL_PKT_DF, 1480, 0, false},
		{SL_FAMILY_IPV4, 0, 1480, SL_IP4_DF, false},
		{SL_FAMILY_IPV6, 0, 1400, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_node_view view = {.l3_size_max = 1280};
		struct sl_pkt pkt = {.flags = (uint16_t)cases[i].flags,
				     .l3_size = cases[i].l3_size};
		uint8_t l3[64] = {0};

		view.encap.type = SL_ENCAP_IPIP;
		view.encap.family = (uint8_t)cases[i].family;
		view.encap.overhead = 20;
		if (cases[i].family == SL_FAMILY_IPV4)
			view.encap.ipv4.add = cases[i].set;
		assert_int_equal(sl_judge_remote(&view, &pkt, l3, ROOM, 1500),
				 cases[i].goes ? SL_DROP_COUNT : SL_DROP_TOO_BIG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parse_status_is_a_verdict_with_one_reason),
		cmocka_unit_test(a_frame_for_another_mac_is_foreign),
		cmocka_unit_test(a_remote_node_refuses_with_one_reason),
		cmocka_unit_test(small_ip6_packets_are_split),
		cmocka_unit_test(what_routers_may_cut_goes_above_the_path_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
