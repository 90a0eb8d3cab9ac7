/* SPDX-License-Identifier: BSD-3-Clause */

/* No live connection changes its node: the real decisions and the real rules of slots against a
 * naive twin that remembers every flow.
 *
 * Hundreds of thousands of flows are born, sleep, retransmit, close, come again with the same ports
 * and vanish, over three cores among which the device spreads them anew all the time, while slots
 * move back and forth, nodes drain, die and come back, a service is pointed at other pools, cores see
 * each snapshot a little late and at times stand still while packets wait for them, SYNs and ends are spoofed,
 * random ones flood, strays and late ICMP errors come.
 * A flow is broken when a packet goes to another node than the one before, unless that node died or
 * the flow was silent for longer than the idle timeout.
 *
 * Usage: connections_test [--expect-broken] [--seeds N] [SEED]. With --expect-broken it succeeds as
 * soon as something is broken: what it must say of rules that were taken out on purpose. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "flow_world.h"

#define STEP_MS	       100
#define UDP_IDLE_MS    30000
#define CORES	       3
#define SLOTS	       2048 /* few flows a slot, so that none hides what another one needs */
#define SLOTS_MAX      (4 * SLOTS)
#define POOL_NODES     6
#define FLOWS	       12000 /* at a time */
#define STEPS	       4000
#define WHEEL	       1024 /* steps; more than the longest silence */
#define SPREAD_GROUPS  16
#define STRANGER_FIRST 50000000u
#define STALL_MS_MAX   6000u

enum flow_state {
	FLOW_FREE = 0,
	FLOW_NEW,	/* nothing sent yet */
	FLOW_HANDSHAKE, /* SYN or Initial sent */
	FLOW_LIVE,
	FLOW_HALF,   /* FIN sent, data goes on */
	FLOW_CLOSED, /* FIN or RST sent, a last packet may follow */
};

enum flow_proto { PROTO_TCP, PROTO_UDP, PROTO_QUIC };

struct flow {
	uint32_t tuple;
	uint8_t state, proto;
	uint8_t retries, packets;
	bool waits;   /* its last packet waits for a core that stands still */
	bool lingers; /* its ports had a packet after the close: an entry may live */
	uint32_t seq;
	uint32_t node;
	uint64_t spoofed_ms;
	uint64_t syn_ms; /* of the connection before on these ports, which may be remembered */
	uint32_t next;	 /* in the wheel, index + 1 */
};

static struct world world;
static struct sl_prng prng;
static struct flow flows[FLOWS];
static uint32_t wheel[WHEEL];
static uint32_t spread[SPREAD_GROUPS];
static uint32_t words[WORLD_POOLS][SLOTS_MAX], undo[WORLD_POOLS][SLOTS_MAX];
static bool takes[1 + WORLD_POOLS * POOL_NODES], keeps[1 + WORLD_POOLS * POOL_NODES];
static uint32_t step, tuples, broken, births, packets;
static uint32_t modes[WORLD_POOLS]; /* see track() */
static uint32_t tcp_idle_ms;
static bool expect_broken, quiet, mixed, restless, stalls;

/* A core that stands still, what waits for it, and until which step. */
static struct {
	uint32_t until, count;
	struct {
		uint32_t index, tuple;
		struct sl_pkt pkt;
	} late[FLOWS];
} stall[CORES];

static uint32_t below(uint32_t bound)
{
	return sl_prng_below(&prng, bound);
}

static bool chance(uint32_t one_in)
{
	return below(one_in) == 0;
}

static void report(const char *what, const struct flow *flow, uint32_t node)
{
	broken++;
	if (expect_broken) {
		printf("broken, as it must be: %s\n", what);
		exit(0);
	}
	if (broken <= 20)
		printf("step %u: %s: flow %u state %u proto %u node %u -> %u\n", step, what,
		       flow ? flow->tuple : 0, flow ? flow->state : 0, flow ? flow->proto : 0,
		       flow ? flow->node : 0, node);
}

/* ---- packets --------------------------------------------------------------------------------- */

static uint32_t core_of(uint32_t tuple)
{
	return (uint32_t)(sl_prng_mix(tuple * 31ull + spread[tuple % SPREAD_GROUPS]) % CORES);
}

static uint32_t send_by(uint32_t core, struct sl_pkt pkt)
{
	uint32_t node = world_send(&world, core, pkt, NULL);

	packets++;
	if (node && !(sl_snapshot_node_flags(world.seen[core], node) & SL_NODE_KEEPS))
		report("a packet went to a dead node", NULL, node);
	return node;
}

static struct sl_pkt packet_of(const struct flow *flow, uint8_t flags)
{
	struct sl_pkt pkt = flow->proto == PROTO_TCP ? world_tcp(flow->tuple, flags, flow->seq)
						     : world_udp(flow->tuple);

	if (flow->proto == PROTO_QUIC && (flags & SL_TCP_SYN))
		pkt.flags |= SL_PKT_QUIC_INITIAL;
	return pkt;
}

static bool stands(uint32_t core)
{
	return step < stall[core].until;
}

static void wait_for(uint32_t core, struct flow *flow, uint8_t flags)
{
	uint32_t at = stall[core].count++;

	stall[core].late[at].index = (uint32_t)(flow - flows);
	stall[core].late[at].tuple = flow->tuple;
	stall[core].late[at].pkt = packet_of(flow, flags);
	flow->waits = true;
}

static bool is_behind(void)
{
	for (uint32_t core = 0; core < CORES; core++)
		if (stands(core) || world.behind_ms[core])
			return true;
	return false;
}

/* A packet of a flow that has a node: it must go there. */
static void send_on(struct flow *flow, uint8_t flags)
{
	uint32_t core = core_of(flow->tuple), node;

	if (stands(core)) {
		wait_for(core, flow, flags);
		return;
	}
	node = send_by(core, packet_of(flow, flags));
	if (node != flow->node) {
		report("a flow changed its node", flow, node);
		flow->node = node;
	}
}

/* The first packet of a flow: it may go to any node that takes new ones. False: to one that has died
 * and the core does not know yet. */
static bool send_first(struct flow *flow)
{
	uint32_t core = core_of(flow->tuple);

	births++;
	flow->node = send_by(core, packet_of(flow, SL_TCP_SYN));
	if (flow->proto != PROTO_UDP && !flow->lingers && !stalls &&
	    (!flow->syn_ms || world.now_ms > flow->syn_ms + SL_FLOW_AGAIN_MS + 1000) &&
	    (!flow->spoofed_ms || world.now_ms > flow->spoofed_ms + SL_FLOW_AGAIN_MS + 1000) &&
	    !(sl_snapshot_node_flags(world.seen[core], flow->node) & SL_NODE_TAKES))
		report("a beginning went to a node that takes none", flow, flow->node);
	flow->syn_ms = world.now_ms;
	return keeps[flow->node];
}

/* ---- lives ----------------------------------------------------------------------------------- */

static void schedule(uint32_t index, uint32_t after_ms)
{
	uint32_t at = (step + SL_MAX(1u, after_ms / STEP_MS)) % WHEEL;

	flows[index].next = wheel[at];
	wheel[at] = index + 1;
}

static uint32_t gap_of(const struct flow *flow)
{
	uint32_t idle = flow->proto == PROTO_TCP ? tcp_idle_ms : UDP_IDLE_MS;
	uint32_t least = stalls ? STALL_MS_MAX + 400 : 200; /* what waits is silent, too */

	if (below(10) < 7)
		return 100 + below(3000);
	if (below(3) < 2)
		return 3000 + below(20000);
	return idle / 2 + below(idle / 2 - least);
}

static void be_born(uint32_t index)
{
	struct flow *flow = &flows[index];

	*flow = (struct flow){.tuple = tuples++, .state = FLOW_NEW};
	flow->proto = (uint8_t)(below(10) < 6 ? PROTO_TCP : below(2) ? PROTO_UDP : PROTO_QUIC);
	schedule(index, below(20000));
}

static void die(uint32_t index)
{
	flows[index].state = FLOW_FREE;
	if (!quiet)
		be_born(index);
}

/* The same ports again, as clients do. */
static void come_again(uint32_t index)
{
	struct flow *flow = &flows[index];

	flow->state = FLOW_NEW;
	flow->retries = flow->packets = 0;
	schedule(index, 1000 + below(9000));
}

static void close_flow(uint32_t index)
{
	struct flow *flow = &flows[index];
	uint32_t way = below(10);

	if (flow->proto != PROTO_TCP || way < 2) {
		die(index); /* without a word */
		return;
	}
	if (way < 4 && flow->state == FLOW_LIVE) {
		send_on(flow, SL_TCP_FIN | SL_TCP_ACK);
		flow->state = FLOW_HALF;
		flow->packets = 0;
		schedule(index, 500);
		return;
	}
	send_on(flow, way < 7 ? SL_TCP_RST : SL_TCP_FIN | SL_TCP_ACK);
	flow->state = FLOW_CLOSED;
	schedule(index, 100 + below(2000));
}

static void go_on(uint32_t index)
{
	struct flow *flow = &flows[index];

	if (chance(9) || flow->packets++ > 60) {
		close_flow(index);
		return;
	}
	flow->seq += below(chance(3) ? 200000 : 5000);
	send_on(flow, SL_TCP_ACK | (flow->state == FLOW_HALF ? SL_TCP_PSH : 0));
	schedule(index, gap_of(flow));
}

static void shake_hands(uint32_t index)
{
	struct flow *flow = &flows[index];

	if (flow->retries < 4 && chance(5)) {
		flow->retries++;
		flow->syn_ms = world.now_ms;
		send_on(flow, SL_TCP_SYN);
		schedule(index, 500 + below(1500));
		return;
	}
	flow->seq++;
	flow->state = FLOW_LIVE;
	send_on(flow, SL_TCP_ACK);
	schedule(index, gap_of(flow));
}

static void live(uint32_t index)
{
	struct flow *flow = &flows[index];

	if (flow->waits || (flow->state == FLOW_NEW && stands(core_of(flow->tuple)))) {
		schedule(index, STEP_MS);
		return;
	}
	switch ((enum flow_state)flow->state) {
	case FLOW_FREE:
		break;
	case FLOW_NEW:
		/* Soon after the connection before on these ports, or anywhere; what waits for a
		 * core that stands still cannot be told from its successor then. */
		flow->seq = !stalls && chance(3) ? flow->seq + 1 : (uint32_t)sl_prng_next(&prng);
		if (send_first(flow))
			flow->state = flow->proto == PROTO_UDP ? FLOW_LIVE : FLOW_HANDSHAKE;
		else
			*flow = (struct flow){
				.tuple = tuples++, .state = FLOW_NEW, .proto = flow->proto};
		schedule(index, 100 + below(1500));
		break;
	case FLOW_HANDSHAKE:
		shake_hands(index);
		break;
	case FLOW_LIVE:
	case FLOW_HALF:
		go_on(index);
		break;
	case FLOW_CLOSED:
		flow->lingers = chance(2);
		if (flow->lingers)
			send_on(flow, SL_TCP_ACK);
		if (chance(2) && !quiet)
			come_again(index);
		else
			die(index);
		break;
	}
}

/* Flows of a node that died have died with it: clients come again, some with the same ports. */
static void bury(uint32_t node)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct flow *flow = &flows[i];

		if (!flow->state || flow->node != node)
			continue;
		flow->state = FLOW_NEW;
		flow->lingers = true;
		flow->retries = flow->packets = 0;
		if (chance(2)) {
			flow->tuple = tuples++;
			flow->lingers = false;
			flow->syn_ms = flow->spoofed_ms = 0;
		}
	}
}

/* ---- changes --------------------------------------------------------------------------------- */

static uint32_t taker(uint32_t pool)
{
	for (;;) {
		uint32_t node = 1 + pool * POOL_NODES + below(POOL_NODES);

		if (takes[node])
			return node;
	}
}

static uint32_t taker_count(uint32_t pool)
{
	uint32_t count = 0;

	for (uint32_t node = 1 + pool * POOL_NODES; node <= (pool + 1) * POOL_NODES; node++)
		count += takes[node];
	return count;
}

static uint32_t slots_of(uint32_t pool)
{
	return world.slot_counts[pool];
}

/* Slots leave the nodes that take nothing, and some move as weights would have it. */
static void shuffle(uint32_t pool, uint32_t one_in)
{
	memcpy(undo[pool], words[pool], sizeof(undo[pool]));
	for (uint32_t slot = 0; slot < slots_of(pool); slot++)
		if (!takes[words[pool][slot]] || (one_in && chance(one_in)))
			words[pool][slot] = taker(pool);
}

static void shuffle_back(uint32_t pool)
{
	uint32_t now[SLOTS_MAX];

	memcpy(now, words[pool], sizeof(now));
	memcpy(words[pool], undo[pool], sizeof(now));
	memcpy(undo[pool], now, sizeof(now));
	for (uint32_t slot = 0; slot < slots_of(pool); slot++)
		if (!takes[words[pool][slot]])
			words[pool][slot] = taker(pool);
}

static void rescale(uint32_t *table, uint32_t before, uint32_t after)
{
	uint32_t from[SLOTS_MAX];

	memcpy(from, table, sizeof(from));
	for (uint32_t slot = 0; slot < after; slot++)
		table[slot] = from[(uint64_t)slot * before / after];
}

/* More slots or fewer, with the nodes of those before or with others. */
static void resize(uint32_t pool)
{
	uint32_t before = slots_of(pool), after = (SLOTS / 4) << below(5);

	rescale(words[pool], before, after);
	rescale(undo[pool], before, after);
	world.slot_counts[pool] = after;
	if (chance(2))
		shuffle(pool, 2 + below(10));
	world_resize(&world, pool, after, words[pool]);
}

static void move(uint32_t pool, uint32_t one_in)
{
	shuffle(pool, one_in);
	world_move(&world, pool, words[pool]);
}

static void track(uint32_t pool);

static void set_node(uint32_t pool, uint32_t node, bool take, bool keep)
{
	takes[node] = take;
	keeps[node] = keep;
	world_node_flags(&world, node,
			 (uint8_t)((take ? SL_NODE_TAKES : 0) | (keep ? SL_NODE_KEEPS : 0)));
	move(pool, 0);
	if (modes[pool] == 2)
		track(pool);
	if (!keep)
		bury(node);
}

/* By slots with transition tracking, by slots with full tracking, or node by node in turn. */
static void track(uint32_t pool)
{
	struct sl_sched_node nodes[POOL_NODES];
	uint32_t count = 0;

	for (uint32_t node = 1 + pool * POOL_NODES; node <= (pool + 1) * POOL_NODES; node++)
		if (takes[node])
			nodes[count++] = (struct sl_sched_node){
				.index = node, .weight = SL_WEIGHT_UNIT, .seed = node};
	world_track(&world, pool, modes[pool] ? SL_TRACKING_FULL : SL_TRACKING_TRANSITION,
		    modes[pool] == 2 ? nodes : NULL, count, words[pool]);
}

/* Another way to choose, and the slots that its scheduler would fill in the same snapshot: others,
 * or those from before. */
static void switch_over(uint32_t pool, uint32_t mode)
{
	modes[pool] = mode;
	if (chance(2))
		shuffle_back(pool);
	else if (chance(2))
		shuffle(pool, 2 + below(10));
	track(pool);
}

static void change(void)
{
	uint32_t pool = below(WORLD_POOLS);
	uint32_t node = 1 + pool * POOL_NODES + below(POOL_NODES);
	uint32_t kind = below(10);

	if (kind < 3) {
		move(pool, 2 + below(10));
	} else if (kind < 5) {
		shuffle_back(pool);
		world_move(&world, pool, words[pool]);
	} else if (kind < 7) {
		if (!takes[node])
			set_node(pool, node, true, true);
		else if (taker_count(pool) > 2)
			set_node(pool, node, false, true);
	} else if (kind < 8) {
		if (takes[node] && taker_count(pool) > 2)
			set_node(pool, node, false, false);
	} else if (mixed && kind < 9) {
		if (chance(2))
			switch_over(pool, below(3));
		else
			resize(pool);
	} else if (world.snapshot->services[0].via_count < SL_SERVICE_VIA_MAX) {
		world_point(&world, 0, pool);
	}
}

/* ---- hazards --------------------------------------------------------------------------------- */

static void spoof(void)
{
	static const uint8_t ends[] = {SL_TCP_RST, SL_TCP_FIN | SL_TCP_ACK};
	struct flow *flow = &flows[below(FLOWS)];
	uint32_t core, seq = flow->seq + 0x40000000u + below(0x80000000u);

	if (flow->proto != PROTO_TCP || flow->state != FLOW_LIVE || flow->waits)
		return;
	core = below(CORES);
	if (stands(core))
		return;
	flow->spoofed_ms = world.now_ms;
	if (chance(3))
		send_by(core, world_tcp(flow->tuple, ends[below(2)], seq));
	send_by(core, world_tcp(flow->tuple, SL_TCP_SYN, seq));
}

static void err(void)
{
	struct flow *flow = &flows[below(FLOWS)];
	uint32_t node, core;

	if (flow->state < FLOW_HANDSHAKE || flow->state > FLOW_HALF ||
	    (flow->spoofed_ms && world.now_ms < flow->spoofed_ms + 2 * SL_FLOW_AGAIN_MS))
		return;
	core = below(CORES);
	if (world.seen[core] != world.snapshot || stands(core) || is_behind())
		return; /* it may not know yet in whose tables to look */
	node = send_by(core, world_error(packet_of(flow, 0)));
	if (node != flow->node)
		report("an ICMP error went elsewhere than its flow", flow, node);
}

static void flood(uint32_t count)
{
	while (count--) {
		uint32_t tuple = STRANGER_FIRST + below(1u << 30);
		uint32_t kind = below(20), core = below(CORES);

		if (stands(core))
			continue;
		send_by(core, kind == 0	  ? world_udp(tuple)
			      : kind == 1 ? world_tcp(tuple, SL_TCP_ACK, tuple)
					  : world_tcp(tuple, SL_TCP_SYN, tuple));
	}
}

static void harass(void)
{
	for (uint32_t i = 0; i < 6; i++)
		spoof();
	for (uint32_t i = 0; i < 12; i++)
		err();
	if (chance(60))
		flood(below(1500));
}

static void spread_anew(void)
{
	uint32_t *group;

	group = &spread[below(SPREAD_GROUPS)];
	*group = *group ? 0 : 1 + below(5);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void advance(void)
{
	uint32_t due = wheel[step % WHEEL];

	wheel[step % WHEEL] = 0;
	while (due) {
		uint32_t index = due - 1;

		due = flows[index].next;
		live(index);
	}
}

/* It goes on: first with what waited. */
static void wake(uint32_t core)
{
	world_catch_up(&world, core);
	for (uint32_t i = 0; i < stall[core].count; i++) {
		struct flow *flow = &flows[stall[core].late[i].index];
		uint32_t node = send_by(core, stall[core].late[i].pkt);

		if (flow->tuple != stall[core].late[i].tuple || !flow->waits)
			continue;
		flow->waits = false;
		/* it was the last of a connection: nobody begins anew on its ports meanwhile */
		if (flow->state == FLOW_NEW) {
			flow->tuple = tuples++;
			flow->lingers = false;
			flow->syn_ms = flow->spoofed_ms = 0;
		}
		if (flow->state == FLOW_NEW || node == flow->node)
			continue;
		report("a flow changed its node while a core stood still", flow, node);
		flow->node = node;
	}
	stall[core].count = 0;
}

static void stand_still(void)
{
	uint32_t most = chance(4) ? STALL_MS_MAX : STALL_MS_MAX / 6;

	if (!is_behind())
		stall[below(CORES)].until = step + 1 + below(most / STEP_MS);
}

static void pass_step(void)
{
	step++;
	world.now_ms += STEP_MS;
	for (uint32_t core = 0; core < CORES; core++) {
		if (stands(core)) {
			world.behind_ms[core] += STEP_MS;
			continue;
		}
		world.behind_ms[core] = 0;
		if (stall[core].count)
			wake(core);
		if (world.seen[core] != world.snapshot && (chance(3) || step % 4 == 0))
			world_catch_up(&world, core);
		sl_decide_sweep(world.seen[core], &world.cores[core],
				world.now_ms - world.behind_ms[core], 256);
	}
	advance();
	if (step % 10 == 0)
		world_settle(&world);
}

static void set_up(uint64_t seed, uint32_t flow_entries)
{
	struct sl_snapshot *copy;

	prng.state = seed;
	memset(wheel, 0, sizeof(wheel));
	memset(spread, 0, sizeof(spread));
	memset(stall, 0, sizeof(stall));
	quiet = false;
	step = 0;
	tuples = 1;
	world_init(&world, CORES, SLOTS, flow_entries, WORLD_POOLS * POOL_NODES);
	world.lags = true;
	copy = world_edit(&world);
	for (uint32_t pool = 0; pool < WORLD_POOLS; pool++) {
		copy->pools[pool].idle_ms_tcp = tcp_idle_ms;
		copy->pools[pool].idle_ms_udp = copy->pools[pool].idle_ms_other = UDP_IDLE_MS;
		for (uint32_t slot = 0; slot < SLOTS; slot++)
			copy->pools[pool].slots->word[slot] = words[pool][slot] =
				1 + pool * POOL_NODES + slot % POOL_NODES;
		memcpy(undo[pool], words[pool], sizeof(undo[pool]));
	}
	world_commit(&world, copy);
	for (uint32_t node = 1; node <= WORLD_POOLS * POOL_NODES; node++)
		takes[node] = keeps[node] = true;
	memset(modes, 0, sizeof(modes));
	for (uint32_t i = 0; i < FLOWS; i++)
		be_born(i);
}

/* ---- what holds in the end ------------------------------------------------------------------- */

/* The counts by node are those of the entries. */
static void check_counts(void)
{
	for (uint32_t pool = 0; pool < WORLD_POOLS; pool++) {
		const struct sl_pool_memory *memory = world.snapshot->pools[pool].memory;
		uint64_t by_node[1 + WORLD_POOLS * POOL_NODES] = {0};
		struct sl_flow_entry entry;

		for (uint32_t core = 0; core < CORES; core++)
			for (uint32_t i = 0; i < sl_flow_table_capacity(memory->flow_tables[core]);
			     i++)
				if (sl_flow_table_at(memory->flow_tables[core], i, &entry) &&
				    !sl_flow_is_begun(entry.word))
					by_node[sl_flow_node(entry.word)]++;
		for (uint32_t node = 1; node <= WORLD_POOLS * POOL_NODES; node++)
			if (by_node[node] != sl_pool_memory_node_flows(memory, node))
				report("flows of a node are counted wrong", NULL, node);
	}
}

static void check_settled(void)
{
	for (uint32_t pool = 0; pool < WORLD_POOLS; pool++) {
		if (world_open_slots(&world, pool))
			report("slots do not settle", NULL, world_open_slots(&world, pool));
		if (world.snapshot->pools[pool].slots->count != slots_of(pool) ||
		    world.snapshot->pools[pool].memory->slot_count != slots_of(pool))
			report("slots are not as many as wanted", NULL, slots_of(pool));
	}
	if (world.snapshot->services[0].prior_pool != SL_SERVICE_NONE)
		report("a service does not settle", NULL, 0);
}

static void check_forgotten(void)
{
	struct sl_flow_counts counts;

	for (uint32_t pool = 0; pool < WORLD_POOLS; pool++) {
		sl_pool_memory_count(world.snapshot->pools[pool].memory, &counts);
		if (counts.tracked)
			report("flows are remembered for ever", NULL, (uint32_t)counts.tracked);
	}
}

/* Strangers, and errors about flows that are gone, go on as long as they like: slots settle all the
 * same. */
static void fall_quiet(void)
{
	struct flow late[512];

	quiet = true;
	memcpy(late, flows, sizeof(late));
	for (uint32_t i = 0; i < FLOWS; i++)
		flows[i].state = FLOW_FREE;
	for (uint32_t end = step + (2 * tcp_idle_ms + 4000) / STEP_MS; step < end;) {
		pass_step();
		flood(3);
		for (uint32_t i = 0; i < SL_ARRAY_COUNT(late); i++)
			if (step % 7 == 0 && late[i].node)
				send_by(below(CORES), world_error(packet_of(&late[i], 0)));
	}
	check_settled();
	for (uint32_t end = step + 2000; step < end;)
		pass_step();
	check_forgotten();
}

enum tracking_is { TRACKING_TRANSITION, TRACKING_CHANGING, TRACKING_RESTLESS, TRACKING_STALLED };

static void run(uint64_t seed, uint32_t flow_entries, enum tracking_is tracking)
{
	static const char *const names[] = {"transition", "changing", "restless",
					    "changing, cores stand still"};
	uint32_t before = broken;

	mixed = tracking != TRACKING_TRANSITION;
	restless = tracking == TRACKING_RESTLESS;
	stalls = tracking == TRACKING_STALLED;
	/* an open slot of a silent flow is what is wanted: none is shorter than the other */
	tcp_idle_ms = restless ? UDP_IDLE_MS : 3 * UDP_IDLE_MS;
	births = packets = 0;
	set_up(seed, flow_entries);
	while (step < STEPS) {
		pass_step();
		harass();
		if (chance(60))
			change();
		if (restless && chance(10))
			switch_over(below(WORLD_POOLS), below(3));
		if (chance(12))
			spread_anew();
		if (stalls && chance(50))
			stand_still();
	}
	check_counts();
	fall_quiet();
	check_counts();
	world_fini(&world);
	printf("seed %llu: %u flows, %u packets, tracking %s, %u broken\n",
	       (unsigned long long)seed, births, packets, names[tracking], broken - before);
}

/* ---- tables that are too small for a while --------------------------------------------------- */

#define SMALL_FLOWS 60

/* Strangers fill the tables when slots have just opened; who found no room then is learned when the
 * strangers are forgotten: the slot stays open for one idle timeout more. */
static void run_small(uint64_t seed)
{
	uint32_t before = broken;

	tcp_idle_ms = 3 * UDP_IDLE_MS;
	set_up(seed, 64);
	world.lags = false;
	for (uint32_t core = 0; core < CORES; core++)
		world_catch_up(&world, core);
	quiet = true;
	memset(wheel, 0, sizeof(wheel));
	for (uint32_t i = 0; i < SMALL_FLOWS; i++) {
		flows[i] = (struct flow){.tuple = i, .proto = PROTO_TCP, .state = FLOW_LIVE};
		send_first(&flows[i]);
	}
	for (uint32_t round = 0; round < 6; round++) {
		for (uint32_t end = step + 100; step < end;)
			pass_step();
		move(0, 2);
		for (uint32_t i = 0; i < 3000; i++)
			send_by(i % CORES, world_udp(STRANGER_FIRST + round * 10000 + i));
		for (uint32_t end = step + 50; step < end;)
			pass_step();
		for (uint32_t i = 0; i < SMALL_FLOWS; i++)
			send_on(&flows[i], SL_TCP_ACK);
		for (uint32_t time = 0; time < 3; time++) {
			for (uint32_t end = step + (tcp_idle_ms - 300) / STEP_MS; step < end;)
				pass_step();
			for (uint32_t i = 0; i < SMALL_FLOWS; i++)
				send_on(&flows[i], SL_TCP_ACK);
		}
	}
	world_fini(&world);
	printf("seed %llu: small tables, %u broken\n", (unsigned long long)seed, broken - before);
}

/* ---- nodes that die while every flow is known ------------------------------------------------ */

/* Clients that do not know yet that their node died send on at once, while the flow's entry is as fresh
 * as can be; the others stay. */
static void run_deaths(uint64_t seed)
{
	uint32_t before = broken;

	tcp_idle_ms = 3 * UDP_IDLE_MS;
	set_up(seed, 1024);
	world.lags = false;
	for (uint32_t core = 0; core < CORES; core++)
		world_catch_up(&world, core);
	quiet = true;
	memset(wheel, 0, sizeof(wheel));
	memset(flows, 0, sizeof(flows));
	modes[0] = 1;
	track(0);
	for (uint32_t end = step + (tcp_idle_ms + 4000) / STEP_MS; step < end;)
		pass_step();
	for (uint32_t round = 0; round < POOL_NODES - 2; round++) {
		for (uint32_t i = 0; i < SMALL_FLOWS; i++) {
			flows[i] = (struct flow){.tuple = tuples++,
						 .proto = i % 2 ? PROTO_TCP : PROTO_UDP,
						 .state = FLOW_LIVE};
			send_first(&flows[i]);
			send_on(&flows[i], SL_TCP_ACK);
		}
		set_node(0, 1 + round, false, false);
		for (uint32_t i = 0; i < SMALL_FLOWS; i++) {
			if (flows[i].node == 1 + round)
				send_by(core_of(flows[i].tuple), packet_of(&flows[i], SL_TCP_ACK));
			else
				send_on(&flows[i], SL_TCP_ACK);
		}
		pass_step();
	}
	world_fini(&world);
	printf("seed %llu: deaths, %u broken\n", (unsigned long long)seed, broken - before);
}

/* ---- nodes that die and come back while flows are being learned ------------------------------ */

#define DEATH_STEPS 20 /* longer than new flows are entered after a slot closed */

/* Flows of slots that have moved are known, and so are those that have just begun; those whose node
 * dies go on elsewhere, and stay there when it is back. */
static void run_returns(uint64_t seed, bool fresh)
{
	uint32_t before = broken, home[SLOTS_MAX];

	tcp_idle_ms = 3 * UDP_IDLE_MS;
	set_up(seed, 1024);
	world.lags = false;
	for (uint32_t core = 0; core < CORES; core++)
		world_catch_up(&world, core);
	quiet = true;
	memset(wheel, 0, sizeof(wheel));
	memset(flows, 0, sizeof(flows));
	for (uint32_t node = 1; node <= POOL_NODES; node++) {
		for (uint32_t i = 0; i < SMALL_FLOWS; i++) {
			flows[i] = (struct flow){.tuple = tuples++,
						 .proto = i % 2 ? PROTO_TCP : PROTO_UDP,
						 .state = FLOW_LIVE};
			send_first(&flows[i]);
			send_on(&flows[i], SL_TCP_ACK);
		}
		for (uint32_t end = step + (SL_FLOW_BEGUN_MS + 2000) / STEP_MS;
		     !fresh && step < end;)
			pass_step();
		move(0, 2);
		for (uint32_t i = 0; i < SMALL_FLOWS; i++)
			send_on(&flows[i], SL_TCP_ACK);
		pass_step();
		memcpy(home, words[0], sizeof(home));
		set_node(0, node, false, false);
		for (uint32_t end = step + DEATH_STEPS; step < end;)
			pass_step();
		for (uint32_t i = 0; i < SMALL_FLOWS; i++) {
			struct sl_pkt pkt = packet_of(&flows[i], SL_TCP_ACK);

			if (flows[i].node == node)
				flows[i].node = send_by(core_of(flows[i].tuple), pkt);
			else
				send_on(&flows[i], SL_TCP_ACK);
		}
		pass_step();
		set_node(0, node, true, true);
		memcpy(words[0], home, sizeof(home)); /* its slots were lent */
		world_move(&world, 0, words[0]);
		for (uint32_t i = 0; i < SMALL_FLOWS; i++)
			send_on(&flows[i], SL_TCP_ACK);
		pass_step();
	}
	world_fini(&world);
	printf("seed %llu: returns%s, %u broken\n", (unsigned long long)seed,
	       fresh ? " while beginnings are known" : "", broken - before);
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, seeds = 4;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--expect-broken"))
			expect_broken = true;
		else if (!strcmp(argv[i], "--seeds") && i + 1 < argc)
			seeds = strtoull(argv[++i], NULL, 10);
		else
			seed = strtoull(argv[i], NULL, 10);
	}
	for (uint64_t n = 0; n < seeds; n++) {
		run_small(seed + n);
		run_deaths(seed + n);
		run_returns(seed + n, false);
		run_returns(seed + n, true);
		run(seed + n, 1 << 15, TRACKING_TRANSITION);
		run(seed + n, 1 << 16, TRACKING_CHANGING);
		run(seed + n, 1 << 16, TRACKING_RESTLESS);
		run(seed + n, 1 << 16, TRACKING_STALLED);
		stalls = false;
	}
	if (expect_broken)
		printf("nothing is broken, though a rule is missing\n");
	return expect_broken || broken ? 1 : 0;
}
