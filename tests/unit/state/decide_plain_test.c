/* SPDX-License-Identifier: BSD-3-Clause */

/* The short way and the long way of the decision give every packet the same answer, whatever slots,
 * tracking and packets there are. The seed is printed and can be given. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "state/decide.h"
#include "state/decide_plain.h"
#include "state/known.h"
#include "state/pool_memory.h"
#include "support/packet.h"
#include "support/scene.h"

#define NODES	 7
#define SERVICES 6
#define SLOTS	 256
#define OPEN	 16
#define WORLDS	 60
#define BURSTS	 100
#define NOW_MS	 1000000

static uint64_t seed = 1;

/* One in `bound`. */
static bool seldom(struct sl_prng *prng, uint32_t bound)
{
	return sl_prng_below(prng, bound) == 0;
}

/* Slots of all kinds. */
static struct sl_slot_table *slots_make(struct sl_prng *prng)
{
	struct sl_slot_table *slots;
	uint32_t open = 0, open_max = sl_prng_below(prng, 2) * OPEN;

	assert_int_equal(sl_slot_table_create(SLOTS, OPEN, &slots), 0);
	for (uint32_t i = 0; i < SLOTS; i++) {
		uint32_t node = 1 + sl_prng_below(prng, NODES);

		slots->word[i] = node | (seldom(prng, 8) ? SL_SLOT_LENT : 0);
		if (seldom(prng, 40))
			slots->word[i] = SL_NODE_NOBODY;
		if (open == open_max || !seldom(prng, 10))
			continue;
		slots->open[open].node = node;
		slots->open[open].prior = 1 + sl_prng_below(prng, NODES);
		slots->open[open].open_until_ms = NOW_MS + (seldom(prng, 2) ? 1000 : 0);
		slots->open[open].moved_at_ms = NOW_MS - 1000;
		slots->open[open].slot = i;
		slots->word[i] = SL_SLOT_OPEN | open++;
	}
	slots->open_count = open;
	return slots;
}

/* The same snapshot for the same state of prng, with memory of its own. */
static struct sl_snapshot *snapshot_make(struct sl_prng prng)
{
	struct sl_node_view nodes[NODES];
	struct sl_snapshot *snapshot;
	struct sl_pool_memory *memory;
	struct sl_pool_view *pool;

	memset(nodes, 0, sizeof(nodes));
	for (uint32_t i = 0; i < NODES; i++)
		nodes[i].kind = SL_NODE_REMOTE;
	snapshot = scene_snapshot(nodes, NODES, SERVICES, 1);
	pool = &snapshot->pools[0];
	sl_pool_view_set_slots(pool, slots_make(&prng));
	snapshot->flow_key.word[0] = sl_prng_below(&prng, 2);
	snapshot->flow_key.word[1] = 2;
	pool->tracking = (uint8_t)sl_prng_below(&prng, 3);
	pool->flags = seldom(&prng, 6) ? SL_POOL_SYMMETRIC : 0;
	pool->no_node = (uint8_t)sl_prng_below(&prng, 2) * SL_NO_NODE_PUNT;
	pool->mask.src = seldom(&prng, 3) ? 0 : UINT64_MAX;
	pool->idle_ms_tcp = pool->idle_ms_udp = pool->idle_ms_other = 60000;
	if (pool->tracking != SL_TRACKING_NONE) {
		assert_int_equal(sl_pool_memory_create(1, SLOTS, 4096, &memory), 0);
		sl_pool_view_set_memory(pool, memory);
	}
	return snapshot;
}

static void packet_any(struct sl_prng *prng, struct packet *packet, bool only_service)
{
	static const char *const sources[] = {"10.0.0.1", "10.0.0.2", "192.0.2.77"};
	static const char *const targets[] = {"10.1.0.0", "10.1.0.1", "10.1.0.2", "10.1.0.9"};
	static const uint8_t flags[] = {SL_TCP_SYN, SL_TCP_ACK, SL_TCP_SYN | SL_TCP_ACK,
					SL_TCP_FIN | SL_TCP_ACK, SL_TCP_RST};
	const char *src = sources[sl_prng_below(prng, 3)];
	const char *dst = targets[only_service ? 0 : sl_prng_below(prng, 4)];
	uint16_t sport = (uint16_t)(1024 + sl_prng_below(prng, 300));

	if (seldom(prng, only_service ? 500 : 60)) {
		src = "2001:db8::1";
		dst = "2001:db8::2";
	}
	if (only_service ? seldom(prng, 200) : seldom(prng, 2))
		packet_make_udp(packet, src, sport, dst, seldom(prng, 30) ? 54 : 53, 30);
	else
		packet_make_tcp(packet, src, sport, dst, 80,
				flags[sl_prng_below(prng, SL_ARRAY_COUNT(flags))], 10);
	if (seldom(prng, 100))
		packet->octets[0] |= 1; /* to a group */
}

static void burst_make(struct sl_prng *prng, struct sl_burst *burst)
{
	bool only_service = sl_prng_below(prng, 2);

	memset(burst, 0, sizeof(*burst));
	burst->count = 1 + sl_prng_below(prng, 64);
	burst->plain = burst->ipv4 = burst->ipv6 = true;
	for (uint32_t i = 0; i < burst->count; i++) {
		struct packet packet;

		packet_any(prng, &packet, only_service);
		assert_true(sl_parse_plain(packet.octets, packet.size, packet.size,
					   SL_PARSE_CHECK_SUM, &burst->pkt[i]));
		burst->frame_size[i] = packet.size;
		sl_burst_note(burst, i);
	}
}

/* What receive does where flows are known: by the table and the key of the burst before. */
static void tag(const struct sl_core *core, struct sl_burst *burst)
{
	burst->tagged = core->ahead.buckets != NULL;
	for (uint32_t i = 0; i < burst->count && burst->tagged; i++)
		sl_known_ahead(&core->ahead, burst, i);
}

static void assert_same(const struct sl_burst *a, const struct sl_burst *b)
{
	for (uint32_t i = 0; i < a->count; i++) {
		assert_int_equal(a->verdict[i], b->verdict[i]);
		assert_int_equal(a->service[i], b->service[i]);
		if (a->verdict[i] != SL_VERDICT_NODE) {
			assert_int_equal(a->reason[i], b->reason[i]);
			continue;
		}
		assert_int_equal(a->node[i], b->node[i]);
		assert_int_equal(a->hash[i], b->hash[i]);
	}
}

static void assert_both_ways_agree(bool wide)
{
	static struct sl_burst plain, other, probe;
	struct sl_prng prng = {seed};
	struct sl_core cores[2] = {{.is_wide = wide}, {0}};
	uint32_t taken = 0, tagged = 0;

	for (uint32_t c = 0; c < 2; c++)
		assert_int_equal(sl_core_stats_create(&cores[c].stats), 0);
	for (uint32_t w = 0; w < WORLDS; w++) {
		struct sl_snapshot *snapshots[2] = {snapshot_make(prng), snapshot_make(prng)};

		for (uint32_t b = 0; b < BURSTS; b++) {
			const struct sl_plain by = {snapshots[0], &cores[0], NOW_MS};
			uint8_t list[SL_BURST_MAX];
			uint32_t left;

			burst_make(&prng, &plain);
			tag(&cores[0], &plain);
			tagged += plain.tagged;
			other = plain;
			probe = plain;
			sl_burst_spoil(&other);
			taken += wide ? sl_decide_plain_wide(&by, &probe, list, &left)
				      : sl_decide_plain(&by, &probe, list, &left);
			sl_decide(snapshots[0], &cores[0], &plain, NOW_MS);
			sl_decide(snapshots[1], &cores[1], &other, NOW_MS);
			assert_same(&plain, &other);
		}
		sl_snapshot_release(snapshots[0]);
		sl_snapshot_release(snapshots[1]);
	}
	/* The short way is gone, and not only tried. */
	assert_true(taken > 1000 && taken < WORLDS * BURSTS);
	assert_true(tagged > 100 && tagged < WORLDS * BURSTS);
	for (uint32_t n = 0; n <= NODES; n++)
		assert_int_equal(cores[0].stats->nodes[n].flows_started,
				 cores[1].stats->nodes[n].flows_started);
	for (uint32_t c = 0; c < 2; c++)
		sl_core_stats_destroy(cores[c].stats);
}

static void the_plain_way_gives_every_packet_the_same_answer(void **state)
{
	(void)state;
	assert_both_ways_agree(false);
}

static void the_wide_way_gives_every_packet_the_same_answer(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2"))
		skip();
	assert_both_ways_agree(true);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plain_way_gives_every_packet_the_same_answer),
		cmocka_unit_test(the_wide_way_gives_every_packet_the_same_answer),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	printf("seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
