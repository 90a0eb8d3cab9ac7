/* SPDX-License-Identifier: BSD-3-Clause */

/* Cycles per packet of the decision alone: services, settled slots with and without tracking, full
 * tracking, beginnings.
 *
 * Each figure is the time stamp counter around one call for a burst of 32 that was just parsed (it
 * lies in the first cache); what fills the burst is not in it. Variants that are compared take turns in one process, so that a machine that is shared
 * disturbs them alike; a figure is the median over short turns, with the least and the most beside.
 * One JSON object a line.
 *
 * Usage: state_bench [--turns N] [--flows N | --floods] (flows: only full tracking, with so many;
 * floods: only what ten million SYNs cost packets of established flows).
 */

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "state/decide.h"
#include "state/flow_table.h"
#include "state/pool_memory.h"
#include "state/service.h"

#define BURST	     32
#define TURN_BURSTS  16 /* short: a turn that is not preempted on a shared machine */
#define TURNS_MAX    100001
#define NODES	     1000
#define SLOTS	     65536
#define PROTOCOL_TCP 6

static struct sl_burst burst;
static struct sl_prng prng = {.state = 42};
static uint32_t turns = 4001;
static uint64_t clock_ms = 1000000;

/* ---- worlds ---------------------------------------------------------------------------------- */

static void must(bool fine)
{
	if (fine)
		return;
	fprintf(stderr, "state_bench: no memory\n");
	exit(1);
}

/* Services of TCP port 80 on 10.1.0.0, 10.1.0.1, ... */
static struct sl_service_table *services_of(uint32_t count)
{
	static const struct sl_port_range http = {80, 80};
	struct sl_service_spec *specs = calloc(count, sizeof(*specs));
	struct sl_service_table *table = NULL;
	uint32_t first, second;

	must(specs);
	for (uint32_t i = 0; i < count; i++) {
		specs[i].index = i;
		specs[i].prefix.addr.family = SL_FAMILY_IPV4;
		specs[i].prefix.length = 32;
		sl_store_be32(specs[i].prefix.addr.octets, 0x0a010000 + i);
		specs[i].protocol = PROTOCOL_TCP;
		specs[i].ports = &http;
		specs[i].port_count = 1;
	}
	must(sl_service_table_build(specs, count, &table, &first, &second) == 0);
	free(specs);
	return table;
}

static struct sl_snapshot *snapshot_of(uint32_t service_count, enum sl_tracking tracking,
				       uint32_t flow_entries)
{
	struct sl_snapshot *made;
	struct sl_slot_table *slots;
	struct sl_pool_memory *memory;

	must(sl_snapshot_create(NULL, 1, service_count, &made) == 0);
	must(sl_slot_table_create(SLOTS, 0, &slots) == 0);
	must(sl_pool_memory_create(1, SLOTS, flow_entries, &memory) == 0);
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		slots->word[slot] = 1 + slot % NODES;
	sl_pool_view_set_slots(&made->pools[0], slots);
	sl_pool_view_set_memory(&made->pools[0], memory);
	made->pools[0].mask = (struct sl_key_mask){UINT64_MAX, UINT64_MAX, UINT64_MAX};
	made->pools[0].tracking = (uint8_t)tracking;
	made->pools[0].idle_ms_tcp = made->pools[0].idle_ms_udp = 900000;
	made->pools[0].idle_ms_other = 60000;
	for (uint32_t node = 1; node <= NODES; node++) {
		struct sl_node_view *view = sl_snapshot_node_edit(made, node);

		must(view);
		view->kind = SL_NODE_OUTPUT;
		view->flags = SL_NODE_KEEPS | SL_NODE_TAKES;
	}
	made->hash_key = (struct sl_hash_key){{1, 2}};
	sl_snapshot_set_services(made, services_of(service_count));
	for (uint32_t i = 0; i < service_count; i++)
		made->services[i].prior_pool = SL_SERVICE_NONE;
	return made;
}

/* ---- packets --------------------------------------------------------------------------------- */

/* What the packets of a turn are. */
struct kind {
	uint32_t service_count;
	uint32_t flows; /* drawn at random; 0: each packet is of a new one */
	uint8_t tcp_flags;
};

static void fill(const struct kind *kind)
{
	static uint32_t fresh;

	burst.count = BURST;
	burst.plain = burst.ipv4 = burst.ipv6 = true;
	burst.special = 0;
	for (uint32_t i = 0; i < BURST; i++) {
		struct sl_pkt *pkt = &burst.pkt[i];
		uint32_t flow = kind->flows ? sl_prng_below(&prng, kind->flows) : fresh++;

		memset(pkt, 0, sizeof(*pkt));
		burst.verdict[i] = SL_VERDICT_NODE;
		pkt->key.family = SL_FAMILY_IPV4;
		pkt->key.protocol = PROTOCOL_TCP;
		pkt->key.src4 = flow;
		pkt->key.dst4 = sl_be32(0x0a010000 + flow % kind->service_count);
		pkt->key.dport_be = sl_be16(80);
		pkt->key.sport_be = (uint16_t)(flow >> 16);
		pkt->tcp_flags = kind->tcp_flags;
		pkt->protocol = PROTOCOL_TCP;
		sl_burst_note(&burst, i);
	}
}

/* ---- figures --------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static void say(const char *name, double *cycles, const char *with, uint64_t number)
{
	qsort(cycles, turns, sizeof(*cycles), compare);
	printf("{\"name\": \"%s\", \"unit\": \"cycles/packet\", \"value\": %.2f, \"min\": %.2f, "
	       "\"max\": %.2f, \"%s\": %llu}\n",
	       name, cycles[turns / 2], cycles[0], cycles[turns - 1], with,
	       (unsigned long long)number);
	fflush(stdout);
}

static double turn_lookup(const struct sl_service_table *table, const struct kind *kind)
{
	uint64_t sum = 0;

	for (uint32_t b = 0; b < TURN_BURSTS; b++) {
		uint64_t start;

		fill(kind);
		start = __rdtsc();
		sl_service_lookup(table, burst.pkt, BURST, burst.service);
		sum += __rdtsc() - start;
	}
	return (double)sum / (TURN_BURSTS * BURST);
}

static double turn_decide(const struct sl_snapshot *snapshot, struct sl_core *core,
			  const struct kind *kind)
{
	uint64_t sum = 0;

	for (uint32_t b = 0; b < TURN_BURSTS; b++) {
		uint64_t start;

		fill(kind);
		start = __rdtsc();
		sl_decide(snapshot, core, &burst, clock_ms);
		sum += __rdtsc() - start;
	}
	return (double)sum / (TURN_BURSTS * BURST);
}

/* The same for bursts of which each comes after one of another kind. */
static double turn_after(const struct sl_snapshot *snapshot, struct sl_core *core,
			 const struct kind *other, const struct kind *kind)
{
	uint64_t sum = 0;

	for (uint32_t b = 0; b < TURN_BURSTS; b++) {
		uint64_t start;

		fill(other);
		sl_decide(snapshot, core, &burst, clock_ms);
		fill(kind);
		start = __rdtsc();
		sl_decide(snapshot, core, &burst, clock_ms);
		sum += __rdtsc() - start;
	}
	return (double)sum / (TURN_BURSTS * BURST);
}

static void bench_services(void)
{
	static const uint32_t counts[] = {8, 512, 4096};
	static double cycles[SL_ARRAY_COUNT(counts)][TURNS_MAX];
	struct sl_service_table *tables[SL_ARRAY_COUNT(counts)];

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(counts); i++)
		tables[i] = services_of(counts[i]);
	for (uint32_t turn = 0; turn < turns; turn++)
		for (uint32_t i = 0; i < SL_ARRAY_COUNT(counts); i++) {
			const struct kind kind = {counts[i], 1000000, SL_TCP_ACK};

			turn_lookup(tables[i], &kind);
			cycles[i][turn] = turn_lookup(tables[i], &kind);
		}
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(counts); i++) {
		say("service lookup", cycles[i], "services", counts[i]);
		sl_service_table_put(tables[i]);
	}
}

static void bench_settled(struct sl_core *core)
{
	static double cycles[2][TURNS_MAX];
	const struct kind kind = {512, 1000000, SL_TCP_ACK};
	struct sl_snapshot *snapshot[2] = {snapshot_of(512, SL_TRACKING_NONE, 0),
					   snapshot_of(512, SL_TRACKING_TRANSITION, 1 << 20)};

	for (uint32_t turn = 0; turn < turns; turn++) {
		for (uint32_t n = 0; n < 2; n++) {
			uint32_t i = (n + turn) % 2; /* each is first as often as the other */

			turn_decide(snapshot[i], core, &kind);
			cycles[i][turn] = turn_decide(snapshot[i], core, &kind);
		}
	}
	say("decide, settled, tracking none", cycles[0], "flows", 1000000);
	say("decide, settled, tracking transition", cycles[1], "flows", 1000000);
	sl_snapshot_release(snapshot[0]);
	sl_snapshot_release(snapshot[1]);
}

static void bench_full(struct sl_core *core, uint32_t flows)
{
	static double cycles[TURNS_MAX];
	const struct kind kind = {512, flows, SL_TCP_ACK};
	struct sl_snapshot *snapshot = snapshot_of(512, SL_TRACKING_FULL, flows);
	struct sl_flow_counts counts;

	for (uint64_t n = 0; n < 4 * (uint64_t)flows; n += (uint64_t)TURN_BURSTS * BURST)
		turn_decide(snapshot, core, &kind);
	for (uint32_t turn = 0; turn < turns; turn++) {
		clock_ms += 5;
		cycles[turn] = turn_decide(snapshot, core, &kind);
	}
	say("decide, full tracking", cycles, "flows", flows);
	sl_pool_memory_count(snapshot->pools[0].memory, &counts);
	printf("{\"name\": \"flows that found no room\", \"unit\": \"packets\", \"value\": %llu, "
	       "\"flows\": %u, \"entries\": %u, \"octets\": %zu}\n",
	       (unsigned long long)counts.refused, flows, flows,
	       snapshot->pools[0].memory->flow_tables[0]->size);
	sl_snapshot_release(snapshot);
}

static void bench_beginnings(struct sl_core *core)
{
	static double cycles[TURNS_MAX];
	const struct kind kind = {512, 0, SL_TCP_SYN};
	struct sl_snapshot *snapshot = snapshot_of(512, SL_TRACKING_TRANSITION, 1 << 20);

	for (uint32_t turn = 0; turn < 10000; turn++)
		turn_decide(snapshot, core, &kind);
	for (uint32_t turn = 0; turn < turns; turn++)
		cycles[turn] = turn_decide(snapshot, core, &kind);
	say("decide, beginnings", cycles, "flow_entries", 1 << 20);
	sl_snapshot_release(snapshot);
}

/* Packets of established flows where a flood has left its entries and goes on, a burst of SYNs before
 * each burst that is measured, beside the same without: the burst before is of established flows. */
static void bench_flood(struct sl_core *core, enum sl_tracking tracking, const char *const *names)
{
	static double cycles[3][TURNS_MAX];
	const struct kind known = {512, 500000, SL_TCP_ACK}, syns = {512, 0, SL_TCP_SYN};
	struct sl_snapshot *snapshot[2] = {snapshot_of(512, tracking, 1 << 20),
					   snapshot_of(512, tracking, 1 << 20)};

	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t n = 0; n < 10000000; n += TURN_BURSTS * BURST)
			turn_decide(snapshot[i], core, &known);
	for (uint32_t n = 0; n < 10000000; n += TURN_BURSTS * BURST)
		turn_decide(snapshot[1], core, &syns);
	for (uint32_t turn = 0; turn < turns; turn++)
		for (uint32_t n = 0; n < 3; n++) {
			uint32_t i = (n + turn) % 3;

			cycles[i][turn] =
				turn_after(snapshot[i > 0], core, i == 2 ? &syns : &known, &known);
		}
	for (uint32_t i = 0; i < 3; i++)
		say(names[i], cycles[i], "flows", known.flows);
	sl_snapshot_release(snapshot[0]);
	sl_snapshot_release(snapshot[1]);
}

static void bench_floods(struct sl_core *core)
{
	static const char *const settled[] = {"decide, settled, no flood",
					      "decide, settled, after ten million SYNs",
					      "decide, settled, between bursts of SYNs"};
	static const char *const full[] = {"decide, full tracking, no flood",
					   "decide, full tracking, after ten million SYNs",
					   "decide, full tracking, between bursts of SYNs"};

	bench_flood(core, SL_TRACKING_TRANSITION, settled);
	bench_flood(core, SL_TRACKING_FULL, full);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"turns", required_argument, NULL, 't'},
					      {"flows", required_argument, NULL, 'f'},
					      {"floods", no_argument, NULL, 'F'},
					      {NULL, 0, NULL, 0}};
	struct sl_core core = {.index = 0};
	uint32_t flows = 0;
	bool floods = false;
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;

		if (option == 't' && number > 0 && number <= TURNS_MAX)
			turns = (uint32_t)number;
		else if (option == 'f' && number > 0 && number <= SL_FLOW_ENTRIES_MAX)
			flows = (uint32_t)number;
		else if (option == 'F')
			floods = true;
		else
			return 1;
	}
	must(sl_core_stats_create(&core.stats) == 0);
	if (floods) {
		bench_floods(&core);
	} else if (!flows) {
		bench_services();
		bench_settled(&core);
		bench_beginnings(&core);
		bench_full(&core, 1000000);
		bench_full(&core, 10000000);
	} else {
		bench_full(&core, flows);
	}
	sl_core_stats_destroy(core.stats);
	return 0;
}
