/* SPDX-License-Identifier: BSD-3-Clause */

/* How many entries flow tables have while nodes come and go, beside full tracking of the same packets:
 * one node in 24 is drained every ten seconds, and the one before comes back. The real decisions, a
 * clock that the program moves.
 *
 * Flows: 500 begin each second. How long they last is heavy-tailed, P(longer than t) = (1 + t/2s)^-1.2
 * up to an hour: half of them less than 1.6 s, one in sixty more than a minute, 8 s on average. They
 * send every second or so, one time in twenty after up to half a minute. 85 % are TCP, of which 5 % end
 * without a word.
 *
 * Usage: churn_bench [--check]. With --check a short run, and what must hold: no entries on settled
 * slots but for connections being opened; with churn at most as many as flows were active within one
 * idle timeout in slots that were unsettled meanwhile. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "flow_world.h"
#include "sched/sched.h"
#include "state/hash.h"

#define NODES	   24
#define SLOTS	   16384
#define ENTRIES	   (1u << 20)
#define STEP_MS	   100
#define CHURN_MS   10000
#define BIRTHS	   50 /* a step */
#define FLOWS	   (1u << 20)
#define WHEEL	   16384 /* steps: more than anything is waited for */
#define UDP_MS	   60000
#define ALLOWED_MS 1200 /* ticks, and a look once a second */

struct flow {
	uint32_t tuple, next; /* next: in the wheel, index + 1; or of the free ones */
	uint32_t slot;
	uint64_t end_ms, last_ms;
	bool tcp, begun, ended;
};

static struct world part, whole; /* transition tracking, full tracking */
static struct sl_prng prng = {1};
static struct flow *flows;
static uint32_t wheel[WHEEL], unused, used, step, tuples, alive;
static uint64_t idle_ms, unsettled_ms[SLOTS];
static struct sl_sched_node nodes[NODES];
static uint32_t home[SLOTS], words[SLOTS];
static uint32_t away = NODES;

static double uniform(void)
{
	return (double)(sl_prng_next(&prng) >> 11) / 9007199254740992.0;
}

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "churn_bench: %s\n", what);
	exit(1);
}

static void schedule(uint32_t index, uint64_t after_ms)
{
	uint64_t steps = after_ms / STEP_MS;
	uint32_t at = (step + (steps < 1 ? 1 : (uint32_t)steps)) % WHEEL;

	must(steps < WHEEL, "too long a wait");
	flows[index].next = wheel[at];
	wheel[at] = index + 1;
}

/* ---- flows ----------------------------------------------------------------------------------- */

static void be_born(void)
{
	uint32_t index = unused ? unused - 1 : used++;
	double length = 2.0 * (pow(1.0 - uniform(), -1 / 1.2) - 1.0);

	must(index < FLOWS, "too many flows");
	unused = unused == index + 1 ? flows[index].next : unused;
	flows[index] = (struct flow){.tuple = ++tuples, .tcp = uniform() < 0.85};
	flows[index].end_ms = part.now_ms + (uint64_t)(1000 * fmin(length, 3600));
	schedule(index, sl_prng_below(&prng, STEP_MS));
}

static void send_both(struct flow *flow, uint8_t flags)
{
	struct sl_pkt pkt = flow->tcp ? world_tcp(flow->tuple, flags, 1) : world_udp(flow->tuple);
	const struct sl_pool_view *pool = &part.snapshot->pools[0];

	flow->slot = (uint32_t)(sl_hash_slot(part.snapshot, pool, &pkt) >> pool->shift);
	flow->last_ms = part.now_ms;
	world_send(&part, 0, pkt, NULL);
	world_send(&whole, 0, pkt, NULL);
}

/* Its last packet; then it is remembered here as long as a table may. */
static void end(uint32_t index)
{
	struct flow *flow = &flows[index];
	bool says = flow->tcp && uniform() < 0.95;

	if (says)
		send_both(flow, SL_TCP_FIN | SL_TCP_ACK);
	flow->ended = true;
	alive--;
	schedule(index, ALLOWED_MS + (says	  ? SL_MIN(idle_ms, (uint64_t)SL_FLOW_CLOSING_MS)
				      : flow->tcp ? idle_ms
						  : SL_MIN(idle_ms, (uint64_t)UDP_MS)));
}

static void live(uint32_t index)
{
	struct flow *flow = &flows[index];
	double gap = uniform() < 0.05 ? 30 * uniform() : 0.1 - log(1 - uniform());

	if (flow->ended) {
		flow->next = unused;
		unused = index + 1;
		flow->last_ms = 0;
		return;
	}
	if (flow->begun && part.now_ms >= flow->end_ms) {
		end(index);
		return;
	}
	alive += !flow->begun;
	send_both(flow, flow->begun ? SL_TCP_ACK : SL_TCP_SYN);
	if (!flow->begun)
		gap = 0.1; /* the handshake */
	flow->begun = true;
	schedule(index, (uint64_t)(1000 * gap));
}

/* ---- nodes, time ----------------------------------------------------------------------------- */

static void churn(void)
{
	bool absent[NODES] = {false};
	uint32_t next = sl_prng_below(&prng, NODES);

	away = next == away ? (next + 1) % NODES : next;
	absent[away] = true;
	must(sl_sched_lend(nodes, NODES, absent, home, SLOTS, words) == 0, "no memory");
	world_move(&part, 0, words);
	world_move(&whole, 0, words);
}

static void look_at_slots(void)
{
	const struct sl_slot_table *slots = part.snapshot->pools[0].slots;

	for (uint32_t i = 0; i < slots->open_count; i++)
		unsettled_ms[slots->open[i].slot] = part.now_ms;
}

static void sweep(uint32_t buckets)
{
	for (uint32_t pool = 0; pool < WORLD_POOLS; pool++) {
		sl_decide_sweep(part.snapshot, &part.cores[0], part.now_ms, buckets);
		sl_decide_sweep(whole.snapshot, &whole.cores[0], whole.now_ms, buckets);
	}
}

static void pass(uint64_t ms, bool churns)
{
	for (uint64_t end_ms = part.now_ms + ms; part.now_ms < end_ms;) {
		uint32_t due;

		step++;
		part.now_ms += STEP_MS;
		whole.now_ms += STEP_MS;
		for (uint32_t i = 0; i < BIRTHS; i++)
			be_born();
		due = wheel[step % WHEEL];
		wheel[step % WHEEL] = 0;
		while (due) {
			uint32_t index = due - 1;

			due = flows[index].next;
			live(index);
		}
		if (churns && step % (CHURN_MS / STEP_MS) == 0)
			churn();
		if (step % (1000 / STEP_MS) == 0) {
			world_settle(&part);
			world_settle(&whole);
			look_at_slots();
			sweep(ENTRIES / 64);
		}
	}
}

/* The times, and the slots as they are in the beginning. */
static void set_pool(struct world *world)
{
	struct sl_snapshot *copy = world_edit(world);

	memcpy(copy->pools[0].slots->word, home, sizeof(home));

	copy->pools[0].idle_ms_tcp = (uint32_t)idle_ms;
	copy->pools[0].idle_ms_udp = (uint32_t)SL_MIN(idle_ms, (uint64_t)UDP_MS);
	copy->pools[0].idle_ms_other = copy->pools[0].idle_ms_udp;
	world_commit(world, copy);
}

static void set_up(uint32_t idle_s)
{
	struct sl_sched_input input = {.nodes = nodes, .node_count = NODES, .slot_count = SLOTS};

	idle_ms = idle_s * 1000ull;
	for (uint32_t n = 0; n < NODES; n++)
		nodes[n] = (struct sl_sched_node){n + 1, 1000000, sl_prng_mix(n + 1)};
	must(sl_sched_build(SL_SCHED_MINIMAL, &input, home) == 0, "no memory");
	memset(wheel, 0, sizeof(wheel));
	memset(unsettled_ms, 0, sizeof(unsettled_ms));
	unused = used = alive = 0;
	world_init(&part, 1, SLOTS, ENTRIES, NODES);
	world_init(&whole, 1, SLOTS, ENTRIES, NODES);
	set_pool(&part);
	set_pool(&whole);
	world_track(&whole, 0, SL_TRACKING_FULL, NULL, 0, NULL);
}

static void tear_down(void)
{
	world_fini(&part);
	world_fini(&whole);
}

/* ---- figures --------------------------------------------------------------------------------- */

static struct sl_flow_counts count(const struct world *world)
{
	struct sl_flow_counts counts;

	sl_pool_memory_count(world->snapshot->pools[0].memory, &counts);
	return counts;
}

/* Flows that sent within the time that they are remembered for, in slots unsettled meanwhile. */
static uint64_t count_in_moved(void)
{
	uint64_t in_moved = 0;

	for (uint32_t i = 0; i < used; i++)
		in_moved += flows[i].last_ms &&
			    part.now_ms <= unsettled_ms[flows[i].slot] + idle_ms + ALLOWED_MS;
	return in_moved;
}

static void say(uint32_t idle_s, const char *what, const char *unit, double value)
{
	printf("{\"name\": \"churn: %s, idle timeout %u s\", \"unit\": \"%s\", \"value\": %.4g}\n",
	       what, idle_s, unit, value);
}

static void measure(uint32_t idle_s)
{
	uint32_t samples = 30;
	double few = 0, begun = 0, many = 0, moved = 0, lives = 0;

	set_up(idle_s);
	pass(idle_ms + 20000, false);
	pass(2 * idle_ms, true);
	for (uint32_t i = 0; i < samples; i++) {
		struct sl_flow_counts one, all;

		pass(CHURN_MS, true);
		sweep(ENTRIES);
		one = count(&part);
		all = count(&whole);
		few += (double)(one.tracked + one.begun) / samples;
		begun += (double)one.begun / samples;
		many += (double)(all.tracked + all.begun) / samples;
		moved += (double)count_in_moved() / samples;
		lives += (double)alive / samples;
	}
	say(idle_s, "flows under way", "flows", lives);
	say(idle_s, "full tracking", "entries", many);
	say(idle_s, "transition tracking", "entries", few);
	say(idle_s, "of which connections being opened", "entries", begun);
	say(idle_s, "flows remembered in unsettled slots", "flows", moved);
	say(idle_s, "entries beside full tracking", "%", 100 * few / many);
	tear_down();
}

static void check(void)
{
	struct sl_flow_counts counts;

	set_up(30);
	pass(2 * idle_ms + 20000, false);
	sweep(ENTRIES);
	counts = count(&part);
	printf("settled: %llu tracked, %llu begun\n", (unsigned long long)counts.tracked,
	       (unsigned long long)counts.begun);
	must(part.snapshot->pools[0].slots->open_count == 0, "slots do not settle");
	must(counts.tracked == 0, "flows are tracked on settled slots");
	must(counts.begun <= BIRTHS * (SL_FLOW_BEGUN_MS + ALLOWED_MS) / STEP_MS,
	     "more connections are begun than began");
	for (uint32_t i = 0; i < 30; i++) {
		uint64_t in_moved;

		pass(CHURN_MS, true);
		sweep(ENTRIES);
		counts = count(&part);
		in_moved = count_in_moved();
		must(counts.refused == 0, "an entry found no room");
		must(counts.tracked <= in_moved, "more entries than flows in moved slots");
		must(i < 3 || counts.tracked > 0, "nothing is tracked");
	}
	printf("churn: %llu tracked\n", (unsigned long long)counts.tracked);
	tear_down();
}

int main(int argc, char **argv)
{
	flows = calloc(FLOWS, sizeof(*flows));
	must(flows, "no memory");
	if (argc > 1 && !strcmp(argv[1], "--check")) {
		check();
	} else {
		measure(60);
		measure(300);
		measure(900);
	}
	free(flows);
	return 0;
}
