/* SPDX-License-Identifier: BSD-3-Clause */

/* The wide variants and their twins: the same frames come out, octet by octet, and the same counts.
 * SLUICE_SEED repeats a run. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_mbuf.h>

#include "base/prng.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "state/decide.h"
#include "unit/path/fixture.h"

#define ROUNDS	     800
#define PARSE_ROUNDS 6000
#define NODES	     7
#define FRAMES_MAX   64

static struct sl_prng prng;
static struct packet frames[FRAMES_MAX];
static uint32_t room[FRAMES_MAX]; /* octets a buffer */
static uint32_t frame_count;

static uint32_t below(uint32_t bound)
{
	return sl_prng_below(&prng, bound);
}

static bool seldom(uint32_t bound)
{
	return below(bound) == 0;
}

/* A bit of the header, and a sum that is right all the same. */
static void header_change(uint8_t *ip)
{
	ip[below(SL_IP4_SUM)] ^= (uint8_t)(1 << below(8));
	sl_store16(ip + SL_IP4_SUM, 0);
	sl_store16(ip + SL_IP4_SUM, sl_csum(ip, SL_IP4_SIZE));
}

/* What plain bursts are of, mostly; `wild`: also what they are not. */
static void frame_make(struct packet *packet, bool wild, bool v6)
{
	static const char *const targets[] = {"10.1.0.0", "10.1.0.1", "10.1.0.9"};
	static const uint8_t flags[] = {SL_TCP_ACK, SL_TCP_ACK | SL_TCP_PSH, SL_TCP_SYN,
					SL_TCP_SYN | SL_TCP_ACK, SL_TCP_FIN | SL_TCP_ACK};
	const char *src = "10.0.0.1", *dst = targets[below(wild ? 3 : 1)];
	uint16_t sport = (uint16_t)(1024 + below(5000));

	if (v6 || (wild && seldom(20))) {
		src = "2001:db8::1";
		dst = wild && seldom(20) ? "2001:db8::3" : "2001:db8::2";
	}
	if (below(2))
		packet_make_udp(packet, src, sport, dst, wild && seldom(30) ? 54 : 53,
				wild ? below(60) : 12 + below(60));
	else
		packet_make_tcp(packet, src, sport, dst, 80,
				flags[below(wild ? SL_ARRAY_COUNT(flags) : 2)], below(60));
	if (wild && seldom(40))
		packet_make_udp(packet, src, sport, dst, 53, 1440 + below(20));
	if (wild && seldom(100))
		packet->octets[0] |= 1; /* to a group */
	if (wild && seldom(40) && packet->size > 60)
		memcpy(packet->octets + (packet->size > 80 ? 62 : 42), "\xc3\x00\x00\x00\x01\x08",
		       6); /* QUIC */
	if (wild && seldom(40) && packet->octets[SL_ETH_SIZE] == SL_IP4_FIRST)
		header_change(packet->octets + SL_ETH_SIZE);
	if (wild && seldom(30))
		packet->octets[below(packet->size)] ^= (uint8_t)(1 << below(8));
	if (wild && seldom(40))
		packet->size = 1 + below(packet->size);
	if (seldom(10))
		packet_pattern(packet, below(20)); /* padding */
}

static void frames_make(void)
{
	bool wild = below(2), v6 = below(3) == 0;

	frame_count = 1 + below(FRAMES_MAX);
	for (uint32_t i = 0; i < frame_count; i++) {
		frame_make(&frames[i], wild, v6);
		room[i] = wild && seldom(40) ? 1 + below(100) : 0;
	}
}

static void frames_give(void)
{
	for (uint32_t i = 0; i < frame_count; i++)
		fixture_give(world_frame(fixture_pool, frames[i].octets, frames[i].size, room[i]));
}

static bool is_supported(void)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made = fixture_make(&node, 1, 0, false);
	bool wide = made.core->core.is_wide;

	fixture_end(&made);
	return wide;
}

static void assert_same_parse(const struct sl_burst *a, const struct sl_burst *b)
{
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->plain, b->plain);
	assert_int_equal(a->ipv4, b->ipv4);
	assert_int_equal(a->ipv6, b->ipv6);
	assert_memory_equal(a->pkt, b->pkt, a->count * sizeof(a->pkt[0]));
	assert_memory_equal(a->frame_size, b->frame_size, a->count * sizeof(a->frame_size[0]));
	assert_memory_equal(a->verdict, b->verdict, a->count);
	assert_memory_equal(a->reason, b->reason, a->count);
	if (!a->plain)
		return;
	assert_int_equal(a->special, b->special);
	for (uint32_t i = 0; i < a->count; i++)
		if (!(a->pkt[i].flags & SL_PKT_IPV6))
			assert_int_equal(a->target[i], b->target[i]);
}

static void both_parse_every_burst_alike(void **state)
{
	struct sl_node_view node = fixture_remote(SL_ENCAP_IPIP);
	struct fixture made[2];
	uint32_t plain4 = 0, plain6 = 0;

	(void)state;
	if (!is_supported())
		skip();
	for (uint32_t wide = 0; wide < 2; wide++) {
		made[wide] = fixture_make(&node, 1, 0, false);
		made[wide].core->core.is_wide = wide;
	}
	for (uint32_t round = 0; round < PARSE_ROUNDS; round++) {
		frames_make();
		for (uint32_t wide = 0; wide < 2; wide++) {
			struct sl_path_core *core = made[wide].core;

			core->spec.burst = FRAMES_MAX;
			frames_give();
			assert_int_equal(sl_path_receive(core, &core->queues[0]), frame_count);
			rte_pktmbuf_free_bulk(core->packets, frame_count);
		}
		assert_same_parse(&made[0].core->burst, &made[1].core->burst);
		plain4 += made[0].core->burst.ipv4;
		plain6 += made[0].core->burst.ipv6;
	}

	assert_true(plain4 > PARSE_ROUNDS / 4 && plain6 > PARSE_ROUNDS / 8);
	assert_true(plain4 + plain6 < PARSE_ROUNDS);
	fixture_end(&made[0]);
	fixture_end(&made[1]);
}

/* Nodes of every kind, in slots at random. */
static void nodes_make(struct sl_node_view *nodes)
{
	static const enum sl_encap_type types[] = {SL_ENCAP_IPIP, SL_ENCAP_GUE, SL_ENCAP_VXLAN,
						   SL_ENCAP_GRE, SL_ENCAP_NONE};
	bool alike = below(2);

	memset(nodes, 0, NODES * sizeof(*nodes));
	for (uint32_t i = 0; i < NODES; i++) {
		if (!alike && seldom(8)) {
			nodes[i].kind = SL_NODE_OUTPUT;
			nodes[i].port = 1;
			continue;
		}
		if (!alike && seldom(8)) {
			nodes[i].kind = SL_NODE_WORKER;
			nodes[i].worker = (uint16_t)below(FIXTURE_WORKERS);
			continue;
		}
		nodes[i] = fixture_remote(types[alike ? 0 : below(SL_ARRAY_COUNT(types))]);
		if (!alike && seldom(8))
			nodes[i].flags |= SL_NODE_NO_NEIGHBOR;
		sl_node_view_seal(&nodes[i]);
	}
}

static void assert_same_rings(const struct fixture *made)
{
	for (uint32_t w = 0; w < FIXTURE_WORKERS; w++) {
		for (;;) {
			struct rte_mbuf *got[2];
			uint32_t counts[2];

			for (uint32_t wide = 0; wide < 2; wide++)
				counts[wide] = sl_worker_ring_pop(
					sl_worker_rings_get(made[wide].rings, 0, w), &got[wide], 1);
			assert_int_equal(counts[0], counts[1]);
			if (counts[0] == 0)
				break;
			assert_int_equal(got[0]->hash.usr, got[1]->hash.usr);
			rte_pktmbuf_free(got[0]);
			rte_pktmbuf_free(got[1]);
		}
	}
}

static void assert_same_counts(const struct sl_core_stats *a, const struct sl_core_stats *b)
{
	assert_int_equal(a->received, b->received);
	assert_int_equal(a->forwarded, b->forwarded);
	assert_memory_equal(a->dropped, b->dropped, sizeof(a->dropped));
	assert_memory_equal(a->ports, b->ports, sizeof(a->ports));
	assert_memory_equal(a->nodes, b->nodes, (NODES + 1) * sizeof(a->nodes[0]));
	assert_memory_equal(a->services, b->services, 8 * sizeof(a->services[0]));
}

/* What left by p1, one after the other. */
struct sent {
	uint32_t count, size;
	uint32_t sizes[4 * FRAMES_MAX];
	uint8_t octets[4 * FRAMES_MAX * 2048];
};

static void sent_take(struct sent *sent)
{
	struct rte_mbuf *frame;

	sent->count = sent->size = 0;
	while ((frame = fixture_taken()) != NULL) {
		sent->sizes[sent->count++] = frame->pkt_len;
		world_octets(frame, sent->octets + sent->size);
		sent->size += frame->pkt_len;
		rte_pktmbuf_free(frame);
	}
}

static void both_send_the_same_octets_and_count_alike(void **state)
{
	static struct sent sent[2];
	uint32_t total = 0;

	(void)state;
	if (!is_supported())
		skip();
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct sl_node_view nodes[NODES];
		uint32_t services = 6 * below(2);
		struct fixture made[2];

		nodes_make(nodes);
		frames_make();
		for (uint32_t wide = 0; wide < 2; wide++) {
			made[wide] = fixture_make(nodes, NODES, services, false);
			made[wide].core->core.is_wide = wide;
			made[wide].core->spec.burst = round % 2 ? 32 : FRAMES_MAX;
			made[wide].snapshot->services[0].mss_clamp = 1200;
			made[wide].snapshot->clamps = true;
			frames_give();
			fixture_run(&made[wide]);
			sl_path_retry_fragments(made[wide].core, made[wide].snapshot, true);
			sl_path_flush(made[wide].core);
			sent_take(&sent[wide]);
		}
		assert_int_equal(sent[0].count, sent[1].count);
		assert_memory_equal(sent[0].sizes, sent[1].sizes,
				    sent[0].count * sizeof(sent[0].sizes[0]));
		assert_memory_equal(sent[0].octets, sent[1].octets, sent[0].size);
		assert_same_counts(made[0].stats, made[1].stats);
		assert_same_rings(made);
		total += sent[0].count;
		for (uint32_t wide = 2; wide-- > 0;)
			fixture_end(&made[wide]);
	}
	assert_true(total > ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_parse_every_burst_alike),
		cmocka_unit_test(both_send_the_same_octets_and_count_alike),
	};
	const char *seed = getenv("SLUICE_SEED");

	prng.state = seed != NULL ? strtoull(seed, NULL, 0) : 1;
	printf("seed %llu\n", (unsigned long long)prng.state);
	fixture_start("path_wide_test");
	return fixture_stop(cmocka_run_group_tests(tests, NULL, NULL));
}
