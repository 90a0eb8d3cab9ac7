/* SPDX-License-Identifier: BSD-3-Clause */

/* Cycles per packet of one receive core over net_null, beside the floor of the same process.
 *
 * floor:    receive a burst, write the headers of every packet, transmit it.
 * path:     the same, and between receiving and transmitting the whole journey: parse with checksum,
 *           services, hash, slot, decision, encapsulation, all counters.
 * dispatch: the same to local workers (--workers N) by their rings, which the same thread empties
 *           and transmits.
 * changes:  (--changes) what a new snapshot costs the core: turns with one published before them, its
 *           parts flushed from all caches as if another CPU had written them, beside turns without.
 * beginnings: (--beginnings) the path with a TCP SYN of a new connection in every packet, and a flow
 *           table full of others (--entries N).
 * traces:   (--traces) what a trace costs the core: stretches of turns with one, whose records are taken as
 *           control takes them, beside stretches without.
 * stages:   (--stages) the parts of the journey one by one, with a clock between them, and the
 *           floor's two halves.
 *
 * --lasting: flow tables in memory that outlives the process (base/lasting.h), as the daemon's are.
 *
 * Frames come from source.h. Floor and path take turns; the figures are medians over
 * the turns with the least and most, one JSON object a line.
 */

#include <emmintrin.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/lasting.h"
#include "bench/figure.h"
#include "bench/source.h"
#include "path/stage.h"
#include "path/trace.h"
#include "pkt/hdr.h"
#include "state/decide.h"
#include "state/flow_table.h"
#include "state/pool_memory.h"
#include "state/service.h"
#include "support/scene.h"
#include "support/world.h"

#define BURST	     32
#define TURNS_MAX    10001
#define TURN_PACKETS 8192u /* short: a turn that is not preempted on a shared machine */
#define FLOW_ENTRIES 1048576
#define RING_SIZE    2048
#define BEGINNINGS   2000000000u /* addresses and ports of connections: hardly any comes again */

struct options {
	uint32_t flows, nodes, services, encap, tracking, turns, workers, entries;
	bool v6, stages, changes, traces, beginnings;
};

static const uint8_t ADDRESS6[4] = {0x20, 0x01, 0x0d, 0xb8}; /* 2001:db8::, the last octets count */

static const char *const encap_names[] = {"none", "ipip", "gre", "gue", "vxlan"};
static const char *const tracking_names[] = {"none", "transition", "full"};

/* UDP port 53 on 2001:db8::, 2001:db8::1, ... */
static void services6_make(struct sl_snapshot *snapshot, uint32_t count)
{
	static const struct sl_port_range dns = {53, 53};
	struct sl_service_spec *specs = calloc(count, sizeof(*specs));
	struct sl_service_table *table;
	uint32_t first, second;

	if (specs == NULL)
		exit(1);
	for (uint32_t i = 0; i < count; i++) {
		specs[i].index = i;
		specs[i].prefix.addr.family = SL_FAMILY_IPV6;
		specs[i].prefix.length = 128;
		memcpy(specs[i].prefix.addr.octets, ADDRESS6, sizeof(ADDRESS6));
		sl_store_be32(specs[i].prefix.addr.octets + 12, i);
		specs[i].protocol = SL_PROTO_UDP;
		specs[i].ports = &dns;
		specs[i].port_count = 1;
	}
	if (sl_service_table_build(specs, count, &table, &first, &second) != 0)
		exit(1);
	sl_snapshot_set_services(snapshot, table);
	free(specs);
}

static struct sl_snapshot *snapshot_make(const struct options *options)
{
	struct sl_node_view *nodes = calloc(options->nodes, sizeof(*nodes));
	struct sl_encap_spec spec = {.type = options->encap, .port = 6080};
	struct sl_snapshot *snapshot;

	if (nodes == NULL || sl_mac_parse("02:00:00:00:00:aa", &spec.src_mac) != 0 ||
	    sl_addr_parse("192.0.2.2", &spec.src) != 0)
		exit(1);
	spec.dst = spec.src;
	for (uint32_t i = 0; i < options->nodes; i++) {
		sl_store_be32(spec.dst.octets, 0x0a000000 + i);
		nodes[i].kind = options->workers > 0 ? SL_NODE_WORKER : SL_NODE_REMOTE;
		nodes[i].worker = options->workers > 0 ? (uint16_t)(i % options->workers) : 0;
		nodes[i].l3_size_max = 1400;
		if (sl_encap_build(&spec, &nodes[i].encap) != 0)
			exit(1);
		sl_node_view_seal(&nodes[i]);
	}
	snapshot = scene_snapshot(nodes, options->nodes, options->services, 1);
	free(nodes);
	if (options->v6 && options->services > 0)
		services6_make(snapshot, options->services);
	if (options->tracking != SL_TRACKING_NONE) {
		struct sl_pool_memory *memory;

		if (sl_pool_memory_create(1, snapshot->pools[0].slots->count,
					  options->beginnings
						  ? options->entries
						  : SL_MAX(options->entries, 2 * options->flows),
					  &memory) != 0)
			exit(1);
		sl_pool_view_set_memory(&snapshot->pools[0], memory);
		snapshot->pools[0].tracking = (uint8_t)options->tracking;
		snapshot->pools[0].idle_ms_udp = 60000;
	}
	return snapshot;
}

static double turn_floor(const struct sl_port *port)
{
	struct rte_mbuf *packets[BURST];
	uint64_t start = rte_rdtsc();

	for (uint32_t i = 0; i < TURN_PACKETS; i += BURST) {
		uint16_t count = rte_eth_rx_burst(port->port_id, 0, packets, BURST);

		rte_eth_tx_burst(port->port_id, 0, packets, count);
	}
	return (double)(rte_rdtsc() - start) / TURN_PACKETS;
}

/* What a burst of the path left in the rings goes out. */
static void rings_empty(const struct sl_path_core *core, const struct sl_port *port)
{
	for (uint32_t w = 0; w < (core->stages == NULL ? 0 : core->stages->count); w++) {
		struct rte_mbuf *packets[BURST];
		uint32_t count = sl_worker_ring_pop(&core->stages->ring[w], packets, BURST);

		if (count > 0)
			rte_eth_tx_burst(port->port_id, 0, packets, (uint16_t)count);
	}
}

/* The path's clock: with --still it moves in the pauses of the warm-up alone, so that what is counted does
 * not depend on how long counting takes. */
static uint64_t still_ms;
uint64_t __real_sl_clock_ms(void);
uint64_t __wrap_sl_clock_ms(void);

uint64_t __wrap_sl_clock_ms(void)
{
	return still_ms ? still_ms : __real_sl_clock_ms();
}

static void pause_ticks(struct sl_path_core *core)
{
	if (still_ms)
		still_ms += 2u << SL_TICK_SHIFT;
	else
		usleep(2000 << SL_TICK_SHIFT);
	core->now_ms = sl_clock_ms();
}

static double turn_path(struct sl_path_core *core, const struct sl_port *port)
{
	uint64_t start = rte_rdtsc();

	core->last_tsc = start;
	for (uint32_t i = 0; i < TURN_PACKETS; i += BURST) {
		sl_path_round(core, true);
		rings_empty(core, port);
	}
	return (double)(rte_rdtsc() - start) / TURN_PACKETS;
}

/* The same journey with a clock between its stages; what they cost beside the floor's halves. */
enum stage { STAGE_RX, STAGE_TX, STAGE_RECEIVE, STAGE_DECIDE, STAGE_ACT, STAGE_TAKE, STAGE_COUNT };

static void turn_stages(struct sl_path_core *core, const struct sl_port *port, double *cycles)
{
	const struct sl_snapshot *snapshot = sl_publish_get(core->spec.publish);
	uint64_t sum[STAGE_COUNT] = {0};

	for (uint32_t i = 0; i < TURN_PACKETS / 2; i += BURST) {
		struct rte_mbuf *packets[BURST];
		uint64_t t0 = rte_rdtsc(), t1, t2;
		uint16_t count = rte_eth_rx_burst(port->port_id, 0, packets, BURST);

		t1 = rte_rdtsc();
		rte_eth_tx_burst(port->port_id, 0, packets, count);
		t2 = rte_rdtsc();
		sum[STAGE_RX] += t1 - t0;
		sum[STAGE_TX] += t2 - t1;
	}
	for (uint32_t i = 0; i < TURN_PACKETS / 2; i += BURST) {
		uint64_t t0 = rte_rdtsc(), t1, t2, t3;

		sl_path_receive(core, &core->queues[0]);
		t1 = rte_rdtsc();
		sl_decide(snapshot, &core->core, &core->burst, core->now_ms);
		t2 = rte_rdtsc();
		sl_path_act(core, snapshot, 0);
		t3 = rte_rdtsc();
		rings_empty(core, port);
		sum[STAGE_TAKE] += rte_rdtsc() - t3;
		sum[STAGE_RECEIVE] += t1 - t0;
		sum[STAGE_DECIDE] += t2 - t1;
		sum[STAGE_ACT] += t3 - t2;
	}
	for (uint32_t i = 0; i < STAGE_COUNT; i++)
		cycles[i] = (double)sum[i] / (TURN_PACKETS / 2);
}

static void print(const char *name, const char *unit, double *values, const struct options *options)
{
	char more[256];
	struct figure_with with = {options->flows, options->nodes, options->workers, more};

	snprintf(more, sizeof(more),
		 "\"packets\": %u, \"family\": %d, \"services\": %u, \"encap\": \"%s\", "
		 "\"tracking\": \"%s\", \"burst\": %d",
		 TURN_PACKETS, options->v6 ? 6 : 4, options->services, encap_names[options->encap],
		 tracking_names[options->tracking], BURST);
	figure_print(name, unit, values, options->turns, &with);
}

/* Every flow is known before anything is measured, and caches are as random flows leave them. */
static void warm_up(struct sl_path_core *core, const struct sl_port *port,
		    const struct options *options)
{
	uint32_t flows = options->beginnings ? 4 * options->entries : options->flows;
	uint64_t turns = flows / TURN_PACKETS + 1;

	source_in_turn(true);
	for (uint32_t time = 0; time < 2; time++) {
		for (uint64_t i = 0; i < turns; i++)
			turn_path(core, port);
		pause_ticks(core); /* flows are live with a packet that comes later */
	}
	source_in_turn(false);
	for (uint64_t i = 0; i < turns; i++) {
		turn_floor(port);
		turn_path(core, port);
	}
}

static void measure_stages(struct sl_path_core *core, const struct sl_port *port,
			   const struct options *options)
{
	static const char *const names[] = {"stage receive",	   "stage transmit",
					    "stage receive+parse", "stage decide",
					    "stage act+transmit",  "stage take+transmit"};
	static double values[STAGE_COUNT][TURNS_MAX];

	for (uint32_t i = 0; i < options->turns; i++) {
		double cycles[STAGE_COUNT];

		turn_stages(core, port, cycles);
		for (uint32_t stage = 0; stage < STAGE_COUNT; stage++)
			values[stage][i] = cycles[stage];
	}
	for (uint32_t stage = 0; stage < STAGE_COUNT; stage++)
		print(names[stage], "cycles/packet", values[stage], options);
}

/* Least against least: what others on the machine do disturbs the least of many turns least. */
static void print_best(double floor_cycles, double path_cycles, const struct options *options)
{
	double best[TURNS_MAX];

	for (uint32_t i = 0; i < options->turns; i++)
		best[i] = path_cycles / floor_cycles;
	print(options->workers > 0 ? "dispatch/floor, least" : "path/floor, least", "ratio", best,
	      options);
}

static void measure(struct sl_path_core *core, const struct sl_port *port,
		    const struct options *options)
{
	static double floor_cycles[TURNS_MAX], path_cycles[TURNS_MAX], ratio[TURNS_MAX];

	for (uint32_t i = 0; i < options->turns; i++) {
		floor_cycles[i] = turn_floor(port);
		path_cycles[i] = turn_path(core, port);
		ratio[i] = path_cycles[i] / floor_cycles[i];
	}
	print("floor", "cycles/packet", floor_cycles, options);
	print(options->workers > 0 ? "dispatch" : "path", "cycles/packet", path_cycles, options);
	print(options->workers > 0 ? "dispatch/floor" : "path/floor", "ratio", ratio, options);
	print_best(floor_cycles[0], path_cycles[0], options);
}

/* ---- changes --------------------------------------------------------------------------------- */

static void flush(const void *memory, size_t size)
{
	for (size_t at = 0; at < size; at += SL_CACHE_LINE)
		_mm_clflush((const uint8_t *)memory + at);
}

/* Publishes a snapshot with one node changed; returns the nanoseconds that control spent. */
static double publish_one(struct sl_path_core *core, const struct options *options, uint32_t node)
{
	struct sl_publish *publish = core->spec.publish;
	const struct sl_snapshot *base = sl_publish_get(publish);
	struct sl_snapshot *made, *before;
	uint64_t start = rte_rdtsc(), end;
	struct sl_node_view *view;

	if (sl_snapshot_create(base, base->pool_count, base->service_count, &made) != 0)
		exit(1);
	view = sl_snapshot_node_edit(made, 1 + node % options->nodes);
	if (view == NULL)
		exit(1);
	view->l3_size_max ^= 1;
	before = sl_publish_swap(publish, made);
	if (sl_publish_retire(publish, sl_snapshot_release, before) != 0)
		exit(1);
	end = rte_rdtsc();
	flush(made, sizeof(*made));
	flush(made->pools, made->pool_count * sizeof(*made->pools));
	flush(made->services, made->service_count * sizeof(*made->services));
	flush(made->chunks[(1 + node % options->nodes) / SL_NODE_CHUNK_COUNT],
	      sizeof(struct sl_node_chunk));
	return (double)(end - start) * 1e9 / (double)rte_get_tsc_hz();
}

static void measure_changes(struct sl_path_core *core, const struct sl_port *port,
			    const struct options *options)
{
	static const struct {
		const char *name;
		double changes; /* a second */
	} rates[] = {{"change: 1 a second", 1},
		     {"change: 100 a second", 100},
		     {"change: 1,000 a second", 1000}};
	static double control[TURNS_MAX], cost[TURNS_MAX], grace[TURNS_MAX];
	static double share[SL_ARRAY_COUNT(rates)][TURNS_MAX];

	turn_path(core, port);
	for (uint32_t i = 0; i < options->turns; i++) {
		double without = turn_path(core, port), with;
		uint64_t start;

		control[i] = publish_one(core, options, i);
		start = rte_rdtsc();
		sl_path_round(core, true);
		grace[i] = sl_publish_reclaim(core->spec.publish) == 0
				   ? (double)(rte_rdtsc() - start) * 1e9 / (double)rte_get_tsc_hz()
				   : 1e9;
		publish_one(core, options, i);
		with = turn_path(core, port);
		sl_publish_reclaim(core->spec.publish);
		cost[i] = (with - without) * TURN_PACKETS;
		for (uint32_t r = 0; r < SL_ARRAY_COUNT(rates); r++)
			share[r][i] = 100 * rates[r].changes * cost[i] / (double)rte_get_tsc_hz();
	}
	print("change: built and published by control", "ns", control, options);
	print("change: seen by the core and freed", "ns", grace, options);
	print("change: cost to the core", "cycles", cost, options);
	for (uint32_t r = 0; r < SL_ARRAY_COUNT(rates); r++)
		print(rates[r].name, "% of throughput", share[r], options);
}

/* ---- traces ---------------------------------------------------------------------------------- */

/* Processor time of a stretch: windows of the trace's bound, a millisecond each. The thread's own time
 * counts: others on the machine take turns that are longer than what is looked for. */
#define STRETCH_NS 20000000ull

static uint64_t worked_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Nanoseconds a packet. */
static double stretch(struct sl_path_core *core, struct sl_path_trace *trace)
{
	uint64_t start = worked_ns(), packets = 0, last;
	struct sl_trace_record record;

	sl_path_core_trace(core, trace);
	core->last_tsc = rte_rdtsc();
	do {
		for (uint32_t i = 0; i < TURN_PACKETS; i += BURST)
			sl_path_round(core, true);
		packets += TURN_PACKETS;
		last = worked_ns();
	} while (last - start < STRETCH_NS);
	sl_path_core_trace(core, NULL);
	while (trace != NULL && sl_trace_take(&trace->ring, &record))
		;
	return (double)(last - start) / (double)packets;
}

static bool is_udp_53(const void *program, const uint8_t *octets, uint32_t size, uint32_t readable)
{
	(void)program;
	(void)size;
	return readable > 37 && octets[23] == SL_PROTO_UDP && octets[36] == 0 && octets[37] == 53;
}

static void measure_traces(struct sl_path_core *core, const struct options *options)
{
	static const struct {
		const char *name;
		uint32_t sample, rate;
	} kinds[] = {{"trace: one in 100, 1,000 a second at most", 100, 1000},
		     {"trace: all, 1,000 a second at most", 1, 1000},
		     {"trace: all, 20,000 a second at most", 1, 20000}};
	static double off[TURNS_MAX], cost[SL_ARRAY_COUNT(kinds)][TURNS_MAX];
	static struct sl_path_trace trace;
	struct sl_trace_spec spec = {.service = SL_TRACE_ANY,
				     .pool = SL_TRACE_ANY,
				     .reason = SL_DROP_COUNT,
				     .match = is_udp_53};

	trace.spec = &spec;
	for (uint32_t i = 0; i < options->turns; i++)
		for (uint32_t k = 0; k < SL_ARRAY_COUNT(kinds); k++) {
			spec.sample = kinds[k].sample;
			spec.rate = kinds[k].rate;
			off[i] = stretch(core, NULL);
			cost[k][i] = 100 * (stretch(core, &trace) / off[i] - 1);
		}
	print("path without a trace", "ns/packet", off, options);
	for (uint32_t k = 0; k < SL_ARRAY_COUNT(kinds); k++)
		print(kinds[k].name, "% of throughput", cost[k], options);
	if (trace.ring.counts.matched == 0) {
		(void)fprintf(stderr, "path_bench: the trace saw nothing\n");
		exit(1);
	}
}

static uint32_t name_find(const char *name, const char *const *names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	fprintf(stderr, "path_bench: \"%s\" is none of the names there are\n", name);
	exit(1);
}

static struct options options_read(int argc, char **argv)
{
	static const struct option known[] = {
		{"turns", required_argument, NULL, 'r'},
		{"flows", required_argument, NULL, 'f'},
		{"nodes", required_argument, NULL, 'n'},
		{"services", required_argument, NULL, 's'},
		{"encap", required_argument, NULL, 'e'},
		{"tracking", required_argument, NULL, 't'},
		{"beginnings", no_argument, NULL, 'b'},
		{"still", no_argument, NULL, 'k'},
		{"entries", required_argument, NULL, 'E'},
		{"lasting", no_argument, NULL, 'l'},
		{"ipv6", no_argument, NULL, '6'},
		{"workers", required_argument, NULL, 'w'},
		{"changes", no_argument, NULL, 'c'},
		{"stages", no_argument, NULL, 'S'},
		{"traces", no_argument, NULL, 'T'},
		{NULL, 0, NULL, 0},
	};
	struct options options = {.flows = 100000,
				  .nodes = 100,
				  .services = 512,
				  .encap = SL_ENCAP_IPIP,
				  .turns = 401,
				  .entries = FLOW_ENTRIES};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'f')
			options.flows = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'n')
			options.nodes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			options.services = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'e')
			options.encap = name_find(optarg, encap_names, SL_ARRAY_COUNT(encap_names));
		else if (option == 't')
			options.tracking =
				name_find(optarg, tracking_names, SL_ARRAY_COUNT(tracking_names));
		else if (option == 'r')
			options.turns = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'E')
			options.entries = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'w')
			options.workers = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'c')
			options.changes = true;
		else if (option == 'S')
			options.stages = true;
		else if (option == 'T')
			options.traces = true;
		else if (option == '6')
			options.v6 = true;
		else if (option == 'l')
			sl_lasting_begin("path_bench");
		else if (option == 'b')
			options.beginnings = true;
		else if (option == 'k')
			still_ms = sl_clock_ms();
		else
			exit(1);
	}
	if (options.beginnings) {
		options.flows = BEGINNINGS;
		if (options.tracking == SL_TRACKING_NONE)
			options.tracking = SL_TRACKING_TRANSITION;
	}
	if (options.flows == 0 || (options.v6 && options.beginnings) || options.nodes == 0 ||
	    options.nodes >= SL_NODE_INDEX_MAX || options.services > SL_SERVICES_MAX ||
	    options.entries == 0 || options.entries > SL_FLOW_ENTRIES_MAX || options.turns == 0 ||
	    options.turns > TURNS_MAX || options.workers > SL_WORKERS_MAX ||
	    (options.traces && (options.v6 || options.workers > 0)))
		exit(1);
	return options;
}

static void print_resident(const struct options *options)
{
	struct options once = *options;
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long all, pages = 0;
	double octets;

	if (file == NULL)
		return;
	if (fscanf(file, "%lu %lu", &all, &pages) != 2)
		pages = 0;
	fclose(file);
	octets = (double)pages * (double)sysconf(_SC_PAGESIZE);
	once.turns = 1;
	print("memory: resident", "octets", &octets, &once);
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct rte_mempool *pool = world_start("path_bench", 1, 0, 128, 8192);
	struct sl_path_spec spec = {
		.core_count = 1, .port_count = 1, .burst = BURST, .idle = SL_IDLE_MODE_POLL};
	struct sl_frag_tables *fragments;
	struct sl_worker_rings *rings;
	struct sl_tx_plan *plan;
	struct sl_path_core *core;
	struct sl_port port;

	source_init(options.flows, options.v6);
	if (options.beginnings)
		source_begin_flows();
	world_port(pool, "p0", options.v6 ? "net_null0,size=96" : "net_null0,size=64", 1, 1, &port);
	if (!source_attach(port.port_id) || sl_tx_plan_create(&port, 1, 1, 0, 64, &plan) != 0 ||
	    sl_publish_create(&spec.publish) != 0 || sl_core_stats_create(&spec.stats) != 0)
		return 1;
	sl_publish_swap(spec.publish, snapshot_make(&options));
	if (options.workers > 0) {
		if (sl_worker_rings_create(1, options.workers, 1, RING_SIZE, &rings) != 0)
			return 1;
		spec.rings = rings;
	}
	if (sl_frag_tables_create(1, SL_FRAG_ENTRIES, &fragments) != 0)
		return 1;
	spec.ports = &port;
	spec.plan = plan;
	spec.fragments = fragments;
	if (sl_path_core_create(&spec, &core) != 0)
		return 1;
	sl_path_begin(core);
	warm_up(core, &port, &options);
	if (options.tracking != SL_TRACKING_NONE)
		sl_pool_memory_gather(sl_publish_get(spec.publish)->pools[0].memory);
	if (options.changes)
		measure_changes(core, &port, &options);
	else if (options.traces)
		measure_traces(core, &options);
	else if (options.stages)
		measure_stages(core, &port, &options);
	else
		measure(core, &port, &options);
	print_resident(&options);
	for (uint32_t reason = 0; reason < SL_DROP_COUNT; reason++)
		if (spec.stats->dropped[reason] > 0) {
			fprintf(stderr, "path_bench: packets were dropped: %s\n",
				sl_drop_name(reason));
			return 1;
		}
	return 0;
}
