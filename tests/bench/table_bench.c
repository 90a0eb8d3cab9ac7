/* SPDX-License-Identifier: BSD-3-Clause */

/* Slot tables and choices: what each scheduler costs, how even it is and what changes move.
 *
 * For every scheduler, number of nodes (weights from 1 to 100 by a fixed seed) and of slots: the first
 * build; the rebuild after one weight grew by a tenth; octets of the table and of scratch; the worst
 * share (most slots per weight against the mean) and the furthest a node is from its due; slots moved
 * beyond the least by remove, add and weight +10 %; cycles of a lookup in bulk. For the schedulers that
 * choose per flow: the build of the view, its octets, the worst share after 20 flows a node and the
 * cycles of a choice. For minimal also the time to lend the slots of one absent node.
 *
 * Times are medians of the thread's processor time (other programs on the machine do not count); min
 * stands beside them. One JSON object a line with --json, else a table.
 */

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "base/bytes.h"
#include "base/limit.h"
#include "base/mem.h"
#include "base/prng.h"
#include "sched/pick.h"
#include "sched/sched.h"

#define RUNS_MAX      101
#define RUNS_MS	      40 /* builds are repeated as long as that */
#define LOOKUP_HASHES 16384
#define LOOKUP_ROUNDS 200
#define FLOWS_A_NODE  20
#define CHUNK_FLOWS   1024
#define CHANGES	      5 /* of each kind */

enum change { REMOVE, ADD, GROW, CHANGE_COUNT };

static const char *const change_names[] = {"remove", "add", "weight +10 %"};

struct figures {
	enum sl_scheduler scheduler;
	uint32_t nodes, slots;
	double build_ms, build_ms_min, rebuild_ms, rebuild_ms_min, lend_ms, lend_ms_min;
	double table_octets, scratch_octets;
	double worst_share, furthest;
	double beyond[CHANGE_COUNT]; /* slots, the mean of CHANGES changes */
	double cycles;
};

struct pool {
	struct sl_sched_node *nodes; /* one more than count, for the add */
	uint32_t count, slots;
	uint32_t *table, *after, *former;
	uint32_t *held, *held_after; /* by node index */
};

static bool json;
static size_t scratch_now, scratch_peak;

void *__real_sl_mem_alloc(size_t size);
void __real_sl_mem_free(void *memory, size_t size);
void *__wrap_sl_mem_alloc(size_t size);
void __wrap_sl_mem_free(void *memory, size_t size);

void *__wrap_sl_mem_alloc(size_t size)
{
	scratch_now += size;
	scratch_peak = SL_MAX(scratch_peak, scratch_now);
	return __real_sl_mem_alloc(size);
}

void __wrap_sl_mem_free(void *memory, size_t size)
{
	scratch_now -= memory ? size : 0;
	__real_sl_mem_free(memory, size);
}

static void *must(void *memory)
{
	if (!memory) {
		fprintf(stderr, "table_bench: no memory\n");
		exit(2);
	}
	return memory;
}

static void must_be_zero(int rc)
{
	if (rc != 0) {
		fprintf(stderr, "table_bench: %s\n", strerror(-rc));
		exit(2);
	}
}

/* ---- pools ---- */

static void pool_init(struct pool *pool, uint32_t count, uint32_t slots)
{
	struct sl_prng prng = {count};

	pool->count = count;
	pool->slots = slots;
	pool->nodes = must(calloc(count + 1, sizeof(*pool->nodes)));
	pool->table = must(__real_sl_mem_alloc(slots * sizeof(*pool->table)));
	pool->after = must(__real_sl_mem_alloc(slots * sizeof(*pool->after)));
	pool->former = must(__real_sl_mem_alloc(slots * sizeof(*pool->former)));
	pool->held = must(calloc(count + 2, sizeof(*pool->held)));
	pool->held_after = must(calloc(count + 2, sizeof(*pool->held_after)));
	for (uint32_t i = 0; i <= count; i++)
		pool->nodes[i] = (struct sl_sched_node){.index = i + 1,
							.weight = (1 + sl_prng_below(&prng, 100)) *
								  SL_WEIGHT_UNIT,
							.seed = sl_prng_next(&prng)};
}

static void pool_fini(struct pool *pool)
{
	free(pool->nodes);
	__real_sl_mem_free(pool->table, pool->slots * sizeof(*pool->table));
	__real_sl_mem_free(pool->after, pool->slots * sizeof(*pool->after));
	__real_sl_mem_free(pool->former, pool->slots * sizeof(*pool->former));
	free(pool->held);
	free(pool->held_after);
}

static double weight_sum(const struct pool *pool)
{
	double sum = 0;

	for (uint32_t i = 0; i < pool->count; i++)
		sum += (double)pool->nodes[i].weight;
	return sum;
}

static void count_held(const struct pool *pool, const uint32_t *table, uint32_t *held)
{
	memset(held, 0, (pool->count + 2) * sizeof(*held));
	for (uint32_t slot = 0; slot < pool->slots; slot++)
		held[table[slot]]++;
}

static void build(const struct pool *pool, enum sl_scheduler scheduler,
		  const struct sl_sched_node *nodes, uint32_t count, bool first)
{
	struct sl_sched_input input = {.nodes = nodes,
				       .node_count = count,
				       .slot_count = pool->slots,
				       .before = first ? NULL : pool->table,
				       .former = first ? NULL : pool->former};

	must_be_zero(sl_sched_build(scheduler, &input, first ? pool->table : pool->after));
}

/* ---- time ---- */

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Calls run() for RUNS_MS; median and least milliseconds. */
static void time_runs(void (*run)(void *context), void *context, double *median, double *least)
{
	double begin = now_ms();
	double runs[RUNS_MAX];
	uint32_t count = 0;

	while (count < 3 || (count < RUNS_MAX && now_ms() - begin < RUNS_MS)) {
		double start = now_ms();

		run(context);
		runs[count++] = now_ms() - start;
	}
	qsort(runs, count, sizeof(runs[0]), by_value);
	*median = runs[count / 2];
	*least = runs[0];
}

struct run {
	struct pool *pool;
	enum sl_scheduler scheduler;
	bool first;
	bool *absent;
};

static void run_build(void *context)
{
	struct run *run = context;

	build(run->pool, run->scheduler, run->pool->nodes, run->pool->count, run->first);
}

static void run_lend(void *context)
{
	struct run *run = context;

	must_be_zero(sl_sched_lend(run->pool->nodes, run->pool->count, run->absent,
				   run->pool->table, run->pool->slots, run->pool->after));
}

static void run_pick_build(void *context)
{
	struct run *run = context;
	struct sl_pick_view *view;

	must_be_zero(
		sl_pick_build(run->scheduler, run->pool->nodes, run->pool->count, NULL, &view));
	sl_pick_destroy(view);
}

static void measure_times(struct pool *pool, struct figures *figures)
{
	struct run run = {.pool = pool, .scheduler = figures->scheduler, .first = true};
	struct sl_sched_node *node = &pool->nodes[pool->count / 2];

	scratch_peak = 0;
	time_runs(run_build, &run, &figures->build_ms, &figures->build_ms_min);
	node->weight += node->weight / 10;
	run.first = false;
	time_runs(run_build, &run, &figures->rebuild_ms, &figures->rebuild_ms_min);
	node->weight = node->weight * 10 / 11;
	figures->scratch_octets = (double)scratch_peak;
	figures->table_octets = pool->slots * (double)sizeof(uint32_t);
	if (figures->scheduler != SL_SCHED_MINIMAL)
		return;
	run.absent = must(calloc(pool->count, sizeof(*run.absent)));
	run.absent[pool->count / 2] = true;
	time_runs(run_lend, &run, &figures->lend_ms, &figures->lend_ms_min);
	free(run.absent);
}

/* Cycles of a lookup: hashes that are at hand, a slot each, 32 in flight as in a burst. */
static double measure_lookup(const struct pool *pool)
{
	uint64_t *hashes = must(calloc(LOOKUP_HASHES, sizeof(*hashes)));
	uint32_t shift = 64 - (uint32_t)__builtin_ctz(pool->slots);
	struct sl_prng prng = {1};
	double runs[LOOKUP_ROUNDS], median;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < LOOKUP_HASHES; i++)
		hashes[i] = sl_prng_next(&prng);
	for (uint32_t round = 0; round < LOOKUP_ROUNDS; round++) {
		uint64_t start = __rdtsc();

		for (uint32_t i = 0; i < LOOKUP_HASHES; i++)
			sum += pool->table[hashes[i] >> shift];
		runs[round] = (double)(__rdtsc() - start) / LOOKUP_HASHES;
		__asm__ volatile("" : "+r"(sum));
	}
	qsort(runs, LOOKUP_ROUNDS, sizeof(runs[0]), by_value);
	median = runs[LOOKUP_ROUNDS / 2];
	free(hashes);
	return median;
}

/* ---- shares and movement ---- */

static void measure_shares(const struct pool *pool, const uint32_t *held, double total,
			   struct figures *figures)
{
	double sum = weight_sum(pool);

	for (uint32_t i = 0; i < pool->count; i++) {
		double due = (double)pool->nodes[i].weight / sum * total;
		double off = held[pool->nodes[i].index] - due;

		figures->worst_share =
			SL_MAX(figures->worst_share, held[pool->nodes[i].index] / due);
		figures->furthest = SL_MAX(figures->furthest, off < 0 ? -off : off);
	}
}

/* Slots that moved less those that had to, since nodes have more than before. */
static double beyond_least(const struct pool *pool)
{
	uint32_t gained = 0;

	count_held(pool, pool->after, pool->held_after);
	for (uint32_t index = 1; index <= pool->count + 1; index++)
		if (pool->held_after[index] > pool->held[index])
			gained += pool->held_after[index] - pool->held[index];
	return sl_sched_moved(pool->table, pool->after, pool->slots) - (double)gained;
}

static double change(struct pool *pool, enum sl_scheduler scheduler, enum change what,
		     uint32_t place)
{
	struct sl_sched_node node = pool->nodes[place], last = pool->nodes[pool->count - 1];
	uint32_t count = pool->count;

	if (what == REMOVE)
		pool->nodes[place] = pool->nodes[--count];
	else if (what == ADD)
		count++;
	else
		pool->nodes[place].weight += node.weight / 10;
	build(pool, scheduler, pool->nodes, count, false);
	pool->nodes[pool->count - 1] = last;
	pool->nodes[place] = node;
	return beyond_least(pool);
}

static void measure_movement(struct pool *pool, struct figures *figures)
{
	for (uint32_t i = 0; i < CHANGES; i++) {
		uint32_t place = (uint32_t)((uint64_t)pool->count * i / CHANGES);

		for (enum change what = REMOVE; what < CHANGE_COUNT; what++)
			if (what != ADD || i == 0)
				figures->beyond[what] +=
					change(pool, figures->scheduler, what, place) /
					(what == ADD ? 1 : CHANGES);
	}
}

/* ---- choices ---- */

static void measure_choices(struct pool *pool, struct figures *figures)
{
	const uint32_t *const counters[] = {pool->held};
	struct sl_pick_live live = {.per_core = counters, .cores = 1};
	uint32_t chunks = SL_MAX(pool->count * FLOWS_A_NODE, 65536) / CHUNK_FLOWS;
	double *runs = must(calloc(chunks, sizeof(*runs)));
	struct sl_pick_state state;
	struct sl_pick_view *view;

	must_be_zero(sl_pick_build(figures->scheduler, pool->nodes, pool->count, NULL, &view));
	sl_pick_state_init(&state, 1);
	memset(pool->held, 0, (pool->count + 2) * sizeof(*pool->held));
	for (uint32_t chunk = 0; chunk < chunks; chunk++) {
		uint64_t start = __rdtsc();

		for (uint32_t flow = 0; flow < CHUNK_FLOWS; flow++)
			pool->held[sl_pick_next(view, &state, &live)]++;
		runs[chunk] = (double)(__rdtsc() - start) / CHUNK_FLOWS;
	}
	qsort(runs, chunks, sizeof(runs[0]), by_value);
	figures->cycles = runs[chunks / 2];
	measure_shares(pool, pool->held, (double)chunks * CHUNK_FLOWS, figures);
	figures->table_octets = (double)sl_pick_size(view);
	sl_pick_destroy(view);
	free(runs);
}

/* ---- output ---- */

static void print_value(const struct figures *figures, const char *name, const char *unit,
			double value, double least)
{
	printf("{\"name\": \"table %s\", \"unit\": \"%s\", \"value\": %.6g", name, unit, value);
	if (least >= 0)
		printf(", \"min\": %.6g", least);
	printf(", \"scheduler\": \"%s\", \"nodes\": %u", sl_sched_name(figures->scheduler),
	       figures->nodes);
	if (figures->slots > 0)
		printf(", \"slots\": %u", figures->slots);
	printf("}\n");
}

static void print_json(const struct figures *figures)
{
	bool fills = figures->slots > 0;

	print_value(figures, "build", "ms", figures->build_ms, figures->build_ms_min);
	if (fills)
		print_value(figures, "rebuild", "ms", figures->rebuild_ms, figures->rebuild_ms_min);
	if (figures->lend_ms > 0)
		print_value(figures, "lend", "ms", figures->lend_ms, figures->lend_ms_min);
	print_value(figures, "memory", "octets", figures->table_octets, -1);
	print_value(figures, "scratch", "octets", figures->scratch_octets, -1);
	print_value(figures, "worst share", "max/mean", figures->worst_share, -1);
	print_value(figures, fills ? "furthest share" : "furthest flows", fills ? "slots" : "flows",
		    figures->furthest, -1);
	for (enum change what = REMOVE; fills && what < CHANGE_COUNT; what++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "moved beyond the least: %s",
			       change_names[what]);
		print_value(figures, name, "% of slots",
			    figures->beyond[what] * 100 / figures->slots, -1);
	}
	print_value(figures, fills ? "lookup" : "choice", "cycles", figures->cycles, -1);
}

static void print_head(void)
{
	printf("%-10s %6s %8s %10s %10s %9s %10s %11s %9s %9s  %-26s %7s\n", "scheduler", "nodes",
	       "slots", "build ms", "rebuild ms", "lend ms", "memory KiB", "scratch KiB",
	       "max/mean", "off by", "beyond least % (-, +, 10%)", "cycles");
}

static void print_row(const struct figures *figures)
{
	printf("%-10s %6u ", sl_sched_name(figures->scheduler), figures->nodes);
	if (figures->slots > 0)
		printf("%8u %10.3f %10.3f ", figures->slots, figures->build_ms,
		       figures->rebuild_ms);
	else
		printf("%8s %10.3f %10s ", "-", figures->build_ms, "-");
	if (figures->lend_ms > 0)
		printf("%9.3f ", figures->lend_ms);
	else
		printf("%9s ", "-");
	printf("%10.0f %11.0f %9.3f %9.1f  ", figures->table_octets / 1024,
	       figures->scratch_octets / 1024, figures->worst_share, figures->furthest);
	if (figures->slots > 0)
		printf("%8.4f %8.4f %8.4f ", figures->beyond[REMOVE] * 100 / figures->slots,
		       figures->beyond[ADD] * 100 / figures->slots,
		       figures->beyond[GROW] * 100 / figures->slots);
	else
		printf("%26s ", "-");
	printf("%7.1f\n", figures->cycles);
}

static void print(const struct figures *figures)
{
	if (json)
		print_json(figures);
	else
		print_row(figures);
	(void)fflush(stdout);
}

/* ---- runs ---- */

static void bench_table(enum sl_scheduler scheduler, uint32_t nodes, uint32_t slots)
{
	struct figures figures = {.scheduler = scheduler, .nodes = nodes, .slots = slots};
	struct pool pool;

	pool_init(&pool, nodes, slots);
	measure_times(&pool, &figures);
	count_held(&pool, pool.table, pool.held);
	measure_shares(&pool, pool.held, slots, &figures);
	measure_movement(&pool, &figures);
	figures.cycles = measure_lookup(&pool);
	print(&figures);
	pool_fini(&pool);
}

static void bench_choice(enum sl_scheduler scheduler, uint32_t nodes)
{
	struct figures figures = {.scheduler = scheduler, .nodes = nodes};
	struct pool pool;
	struct run run = {.pool = &pool, .scheduler = scheduler};

	pool_init(&pool, nodes, SL_SLOTS_MIN);
	scratch_peak = 0;
	time_runs(run_pick_build, &run, &figures.build_ms, &figures.build_ms_min);
	figures.scratch_octets = (double)scratch_peak;
	measure_choices(&pool, &figures);
	figures.scratch_octets -= figures.table_octets;
	print(&figures);
	pool_fini(&pool);
}

static void bench(int only, uint32_t nodes, uint32_t slots)
{
	for (int i = SL_SCHED_MINIMAL; i <= SL_SCHED_P2C; i++) {
		enum sl_scheduler scheduler = (enum sl_scheduler)i;

		if (only >= 0 && only != i)
			continue;
		if (sl_sched_fills_slots(scheduler))
			bench_table(scheduler, nodes, slots);
		else if (slots == 65536)
			bench_choice(scheduler, nodes);
	}
}

static int usage(FILE *out, int status)
{
	fprintf(out,
		"usage: table_bench [--json] [--scheduler NAME] [--nodes N] [--slots N]\n"
		"  without --nodes 10, 100, 1000 and 10000; without --slots 65536 and 1048576\n");
	return status;
}

static uint32_t number_of(const char *text, uint32_t least, uint32_t most)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*end != 0 || number < least || number > most)
		exit(usage(stderr, 1));
	return (uint32_t)number;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"scheduler", required_argument, NULL, 'c'},
						{"nodes", required_argument, NULL, 'n'},
						{"slots", required_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	uint32_t nodes[] = {10, 100, 1000, 10000}, slots[] = {65536, 1048576};
	uint32_t nodes_count = 4, slots_count = 2;
	enum sl_scheduler scheduler;
	int only = -1, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, 0);
		if (option == 'j') {
			json = true;
		} else if (option == 'n') {
			nodes[0] = number_of(optarg, 2, SL_NODES_MAX - 1);
			nodes_count = 1;
		} else if (option == 's') {
			slots[0] = number_of(optarg, SL_SLOTS_MIN, SL_SLOTS_MAX);
			slots_count = 1;
		} else if (option == 'c' && sl_sched_parse(optarg, &scheduler) == 0) {
			only = (int)scheduler;
		} else {
			return usage(stderr, 1);
		}
	}
	if (optind < argc || (slots[0] & (slots[0] - 1)) != 0)
		return usage(stderr, 1);
	if (!json)
		print_head();
	for (uint32_t s = 0; s < slots_count; s++)
		for (uint32_t n = 0; n < nodes_count; n++)
			bench(only, nodes[n], slots[s]);
	return 0;
}
