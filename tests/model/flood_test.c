/* SPDX-License-Identifier: BSD-3-Clause */

/* Ten million SYNs of strangers cost established flows nothing, nor do other packets that anybody can
 * make up, and stray packets do not keep slots open: the real decisions, in bursts of which a few
 * packets are of established flows.
 *
 * Strangers' SYNs have addresses and ports of their own each and fill a table that is much smaller
 * than they are many. Beside them every established flow sends again and again, gets a spoofed SYN, RST
 * or FIN on its own addresses and ports, and must stay where it is. What is counted must add up to what was
 * sent. The time that all takes is less than a connection has to open, so no entry expires.
 *
 * Usage: flood_test [SYNS] (of each of the three floods; ten million). */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "flow_world.h"

#define BURST	       32
#define FRIENDS	       60000 /* established flows */
#define FLOW_ENTRIES   131072
#define SLOTS	       16384
#define NODES	       4
#define STRANGER_FIRST 100000000u
#define FLOOD_MS       5000

static struct world world;
static struct sl_burst burst;
static struct sl_prng prng;
static uint32_t nodes[FRIENDS]; /* where each established flow is; 0: not begun */
static uint32_t kinds[BURST];	/* of each packet of the burst: index of its flow, or STRANGER */
static uint32_t strangers, failures;

#define STRANGER UINT32_MAX

static void check(bool fine, const char *where, const char *what)
{
	if (fine)
		return;
	failures++;
	printf("%s: %s\n", where, what);
}

static struct sl_flow_counts counts(void)
{
	struct sl_flow_counts counted;

	sl_pool_memory_count(world.snapshot->pools[0].memory, &counted);
	return counted;
}

/* ---- bursts ---------------------------------------------------------------------------------- */

static void add(uint32_t flow, struct sl_pkt pkt)
{
	kinds[burst.count] = flow;
	burst.verdict[burst.count] = SL_VERDICT_NODE;
	burst.pkt[burst.count++] = pkt;
}

static uint32_t seq_of(uint32_t flow)
{
	return flow * 0x9e3779b1u;
}

/* Where it is shall be where it was. Returns how many were elsewhere. */
static uint32_t send(void)
{
	uint32_t broken = 0;

	burst.plain = burst.ipv4 = burst.ipv6 = true;
	burst.special = 0;
	for (uint32_t i = 0; i < burst.count; i++)
		sl_burst_note(&burst, i);
	sl_decide(world.snapshot, &world.cores[0], &burst, world.now_ms);
	for (uint32_t i = 0; i < burst.count; i++) {
		uint32_t flow = kinds[i];

		if (flow == STRANGER)
			continue;
		if (!nodes[flow])
			nodes[flow] = burst.node[i];
		broken += burst.node[i] != nodes[flow];
	}
	burst.count = 0;
	return broken;
}

/* All established flows send once. */
static uint32_t send_all(uint8_t flags)
{
	uint32_t broken = 0;

	for (uint32_t flow = 0; flow < FRIENDS; flow++) {
		add(flow, world_tcp(flow, flags, seq_of(flow) + !(flags & SL_TCP_SYN)));
		if (burst.count == BURST)
			broken += send();
	}
	return broken + send();
}

enum flood { FLOOD_SYN, FLOOD_ACK, FLOOD_FIN, FLOOD_RST, FLOOD_UDP, FLOOD_FRAGMENT, FLOOD_COUNT };

static const char *const flood_names[FLOOD_COUNT] = {"SYN", "ACK", "FIN", "RST", "UDP", "fragment"};

/* A packet of a flow that is nobody's, and never comes again. */
static void add_stranger(enum flood kind)
{
	static const uint8_t flags[] = {[FLOOD_SYN] = SL_TCP_SYN,
					[FLOOD_ACK] = SL_TCP_ACK,
					[FLOOD_FIN] = SL_TCP_FIN | SL_TCP_ACK,
					[FLOOD_RST] = SL_TCP_RST};
	uint32_t flow = STRANGER_FIRST + strangers++;
	struct sl_pkt pkt;

	if (kind < FLOOD_UDP) {
		add(STRANGER, world_tcp(flow, flags[kind], (uint32_t)sl_prng_next(&prng)));
		return;
	}
	pkt = world_udp(flow);
	if (kind == FLOOD_FRAGMENT) {
		pkt.flags |= SL_PKT_FRAGMENT;
		pkt.fragment = 8; /* one whose first came */
	}
	add(STRANGER, pkt);
}

/* ---- floods ---------------------------------------------------------------------------------- */

/* Packets of strangers with a spoofed one of an established flow, and two packets of its own, in every
 * burst. Returns how many of those went elsewhere. */
static uint32_t flood(enum flood kind, uint32_t syns)
{
	static const uint8_t spoofed[FLOOD_COUNT] = {
		SL_TCP_SYN, SL_TCP_SYN, SL_TCP_FIN | SL_TCP_ACK,
		SL_TCP_RST, SL_TCP_RST, SL_TCP_SYN};
	uint64_t start_ms = world.now_ms;
	uint32_t broken = 0, next = 0;

	for (uint64_t sent = 0; sent < syns; next = (next + 1) % FRIENDS) {
		for (uint32_t i = 0; i < BURST - 3 && sent < syns; i++, sent++)
			add_stranger(kind);
		add(STRANGER, world_tcp(next, spoofed[kind], seq_of(next) + 0x40000000u));
		add(next, world_tcp(next, SL_TCP_ACK, seq_of(next) + 1));
		add(next, world_tcp(next, SL_TCP_ACK, seq_of(next) + 1));
		world.now_ms = start_ms + sent * FLOOD_MS / syns;
		broken += send();
	}
	return broken;
}

static uint64_t started(void)
{
	uint64_t sum = 0;

	for (uint32_t node = 0; node <= NODES; node++)
		sum += world.cores[0].stats->nodes[node].flows_started;
	return sum;
}

static void pass(uint64_t ms)
{
	world.now_ms += ms;
	world_settle(&world);
}

/* A flood beside flows that are at home. tracked: how many of them the table knows, before and
 * after. */
static void flood_beside(const char *where, uint32_t syns, uint64_t tracked)
{
	struct sl_flow_counts before = counts(), after;
	uint64_t begun_before = started(), sent, spoofed;

	check(before.tracked == tracked, where, "the table knows other flows than it should");
	check(flood(FLOOD_SYN, syns) == 0, where, "an established flow changed its node");
	after = counts();
	sent = started() - begun_before;
	check(after.tracked == tracked, where, "live entries are gone, or strangers are live");
	spoofed = tracked ? 0 : SL_MIN((syns + BURST - 4) / (BURST - 3), FRIENDS);
	check(sent >= syns && sent <= syns + spoofed + after.evicted, where,
	      "beginnings are counted wrong");
	check(after.evicted - before.evicted + after.refused - before.refused + after.begun -
			      before.begun ==
		      sent,
	      where, "what was entered, evicted and refused is not what was sent");
	check(after.refused == 0, where, "a flow found no room beside so many that only begin");
	printf("%s: %u SYNs, %llu entered and still there, %llu evicted, %llu refused, %llu live\n",
	       where, syns, (unsigned long long)after.begun, (unsigned long long)after.evicted,
	       (unsigned long long)after.refused, (unsigned long long)after.tracked);
}

static void begin(uint64_t seed)
{
	prng.state = seed;
	strangers = 0;
	memset(nodes, 0, sizeof(nodes));
	world_init(&world, 1, SLOTS, FLOW_ENTRIES, NODES);
}

/* Established flows are known to nobody; then, with the table full of strangers, slots move. */
static void settled_slots(uint32_t syns)
{
	begin(1);
	send_all(SL_TCP_ACK);
	flood_beside("settled slots", syns, 0);
	world_move_all(&world, 0, 2);
	check(send_all(SL_TCP_ACK) == 0, "settled slots", "a change after the flood broke flows");
	check(counts().tracked == FRIENDS, "settled slots", "flows were not learned");
	world_fini(&world);
}

/* Half of the flows are learned before the flood, the others while the table is full. */
static void open_slots(uint32_t syns)
{
	begin(2);
	send_all(SL_TCP_ACK);
	world_move_all(&world, 0, 2);
	check(send_all(SL_TCP_ACK) == 0, "open slots", "a change broke flows");
	flood_beside("open slots", syns, FRIENDS);
	world_fini(&world);
	begin(3);
	send_all(SL_TCP_ACK);
	world_move_all(&world, 0, 2);
	check(flood(FLOOD_SYN, syns / 4) == 0, "open slots",
	      "a flow learned in the flood changed its node");
	check(counts().tracked == SL_MIN(FRIENDS, (syns / 4 + BURST - 4) / (BURST - 3)),
	      "open slots", "flows were not learned in the flood");
	world_fini(&world);
}

static void full_tracking(uint32_t syns)
{
	begin(4);
	world_track(&world, 0, SL_TRACKING_FULL, NULL, 0, NULL);
	pass(WORLD_IDLE_S * 1000 + 2000);
	check(world_open_slots(&world, 0) == 0, "full tracking", "slots do not settle");
	send_all(SL_TCP_SYN);
	check(send_all(SL_TCP_ACK) == 0, "full tracking", "a handshake was torn");
	flood_beside("full tracking", syns, FRIENDS);
	world_move_all(&world, 0, 2);
	check(send_all(SL_TCP_ACK) == 0, "full tracking", "a change after the flood broke flows");
	world_fini(&world);
}

/* Every kind of flood on a pool that tracks every flow: by slots, or node by node in turn. Flows that were
 * there before stay, those that begin with the table full of strangers are entered, and none moves
 * when slots do, after a silence in which closed ones would be forgotten. */
static void strangers_in_full_tracking(uint32_t count, enum flood kind, bool picks)
{
	const struct sl_sched_node turn[] = {{.index = 1, .weight = SL_WEIGHT_UNIT, .seed = 1},
					     {.index = 2, .weight = SL_WEIGHT_UNIT, .seed = 2}};
	const char *where = flood_names[kind];

	begin(6 + kind);
	world_track(&world, 0, SL_TRACKING_FULL, picks ? turn : NULL, 2, NULL);
	pass(WORLD_IDLE_S * 1000 + 2000);
	pass(2000);
	check(world_open_slots(&world, 0) == 0, where, "slots do not settle");
	send_all(SL_TCP_SYN);
	check(send_all(SL_TCP_ACK) == 0, where, "a handshake was torn");
	pass(1000);
	check(send_all(SL_TCP_ACK) == 0, where, "a connection was torn");
	check(flood(kind, count) == 0, where, "an established flow changed its node");
	check(counts().refused == 0, where, "a flow found no room beside so many strangers");
	check(counts().evicted > 0, where, "the table held them all");
	world.now_ms += SL_FLOW_CLOSING_MS + 2000;
	world_move_all(&world, 0, 3);
	check(send_all(SL_TCP_ACK) == 0, where, "a change after the flood broke flows");
	for (uint32_t flow = 0; flow < FRIENDS / 4; flow++) {
		nodes[flow] = 0;
		add(flow, world_tcp(flow + 2 * FRIENDS, SL_TCP_SYN, 5));
		add(flow, world_tcp(flow + 2 * FRIENDS, SL_TCP_ACK, 6));
		if (burst.count == BURST)
			check(send() == 0, where, "a flow that began in the flood moved");
	}
	check(send() == 0, where, "a flow that began in the flood moved");
	check(counts().refused == 0, where, "a flow that began in the flood found no room");
	printf("%s%s: %u packets, %llu made room\n", where, picks ? " by turns" : "", count,
	       (unsigned long long)counts().evicted);
	world_fini(&world);
}

/* The same beside slots that moved: flows that were learned stay. */
static void strangers_in_open_slots(uint32_t count, enum flood kind)
{
	begin(20 + kind);
	send_all(SL_TCP_ACK);
	world_move_all(&world, 0, 2);
	check(send_all(SL_TCP_ACK) == 0, flood_names[kind], "a change broke flows");
	check(flood(kind, count) == 0, flood_names[kind], "an established flow changed its node");
	world_fini(&world);
}

/* ---- stray packets --------------------------------------------------------------------------- */

#define STRAY_IDLE_MS 20000

/* Packets of unknown flows, a new one each time and as many as the table cannot hold, never stop;
 * established flows do. Slots are open for one idle timeout, held for one more at most, and settle one
 * after. */
static void strays(uint32_t count)
{
	uint64_t end_ms, step_ms = 10;
	uint32_t each = count / (3 * STRAY_IDLE_MS / (uint32_t)step_ms) + 1;
	struct sl_snapshot *copy;

	begin(5);
	copy = world_edit(&world);
	copy->pools[0].idle_ms_tcp = copy->pools[0].idle_ms_udp = copy->pools[0].idle_ms_other =
		STRAY_IDLE_MS;
	world_commit(&world, copy);
	world_move_all(&world, 0, 2);
	end_ms = world.now_ms + 3 * STRAY_IDLE_MS + 2 * SL_SETTLE_MARGIN_MS;
	for (uint64_t tick = 0; world.now_ms < end_ms; tick++) {
		for (uint32_t i = 0; i < each; i++) {
			add_stranger(FLOOD_ACK);
			if (burst.count == BURST)
				send();
		}
		send();
		world.now_ms += step_ms;
		if (tick % 100 == 0)
			world_settle(&world);
	}
	world_settle(&world);
	printf("strays: %u packets, %llu refused, %u slots open in the end\n", strangers,
	       (unsigned long long)counts().refused, world_open_slots(&world, 0));
	check(counts().refused > 0, "strays", "the table held them all");
	check(world_open_slots(&world, 0) == 0, "strays", "they keep slots open");
	world_fini(&world);
}

int main(int argc, char **argv)
{
	uint32_t syns = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 10000000;

	settled_slots(syns);
	open_slots(syns);
	full_tracking(syns);
	for (uint32_t kind = 0; kind < FLOOD_COUNT; kind++) {
		strangers_in_full_tracking(syns / 10, (enum flood)kind, false);
		strangers_in_full_tracking(syns / 10, (enum flood)kind, true);
		strangers_in_open_slots(syns / 20, (enum flood)kind);
	}
	strays(syns);
	return failures != 0;
}
