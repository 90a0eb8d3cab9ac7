/* SPDX-License-Identifier: BSD-3-Clause */

/* No live connection changes its node: the whole of control, from configurations to snapshots, with
 * restarts in between, and the real decisions, against a twin that remembers every flow.
 *
 * connections_test.c drives the rules hard; this one asks whether control keeps to them. Nodes get
 * weights, drain, leave, come back, die; pools change their scheduler, their slots and their flow
 * tables; services go from pool to pool, take packets from one another and leave them to others, come
 * and go under other names, as do pools; the daemon ends in good order or is killed, and starts
 * again, at times with another configuration file. Cores see snapshots late.
 * A flow is broken when a packet goes to another node than the one before, unless that node died.
 * Flows send within the idle timeout, restarts included.
 *
 * Usage: restart_test [--verbose] [--expect-broken] [--seeds N] [SEED]. --expect-broken: fine as soon as
 * one is broken, as when a rule is missing (mutants.py). */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/prng.h"
#include "carry/carry.h"
#include "carry/estate.h"
#include "flow_world.h"
#include "keep/record.h"
#include "model/model.h"

#define CORES	    3
#define STEP_MS	    100
#define STEPS	    4000
#define FLOWS	    1500
#define TCP_IDLE_MS 40000
#define UDP_IDLE_MS 20000
#define POOLS	    3
#define NODES	    7 /* of a pool at most */
#define TAKERS	    2 /* of a pool at least */
#define TEXT	    16384
#define SOURCES	    4 /* networks that flows come from: 10.0.0.0/16 and on */
#define DPORTS	    4 /* that flows are sent to */

enum hand { HAND_UP, HAND_DRAINING, HAND_DISABLED };

struct node {
	uint32_t address; /* its last two octets: what it is known by; 0: there is none */
	uint32_t weight;
	uint8_t hand;
	bool down;
};

struct pool {
	bool there;
	uint32_t scheduler, slots, entries;
	bool full, bounded;
	struct node nodes[NODES];
};

/* What services may take beside the one that takes all. */
static const char *const takings[] = {
	"address: 192.0.2.0/24",
	"address: 192.0.2.10",
	"address: 192.0.2.10, protocol: tcp",
	"address: 192.0.2.10, protocol: tcp, ports: [2, 3]",
	"address: 192.0.2.10, protocol: udp, ports: [1-2]",
	"address: 192.0.2.10, protocol: udp, ports: [2, 4]",
	"address: 192.0.2.10, protocol: udp",
	"address: any, sources: [10.1.0.0/16, 10.3.0.0/16]",
	"address: 192.0.2.10, protocol: udp, sources: [10.2.0.0/15]",
	"address: 192.0.2.10, protocol: udp, sources: [10.0.0.0/16, 10.3.0.0/16]",
};

struct service {
	bool there;
	uint32_t name, pool;
};

struct flow {
	uint32_t tuple, seq;
	uint32_t address;  /* of its node; 0: nothing sent yet */
	bool tcp, settled; /* settled: the handshake is over */
	uint64_t due_ms;
};

static const char *const schedulers[] = {"minimal",    "ring", "maglev",
					 "rendezvous", "wrr",  "wleast"};
#define HASHING 4u /* of them */

static struct sl_publish *publish;
static struct sl_core cores[CORES];
static struct sl_core_stats *stats[CORES];
static const struct sl_snapshot *seen[CORES];
static struct sl_model *model;
static struct sl_prng prng;
static struct pool pools[POOLS];
static struct service services[SL_ARRAY_COUNT(takings)];
static uint32_t service_pool, names, addresses, tuples, step, broken, packets, restarts, changes,
	births, refused, kills;
static struct sl_estate *estate;
static char folder[64], instance[32];
static struct flow flows[FLOWS];
static bool dead[1 << 16]; /* by address: nodes that do not keep their flows */
static uint64_t now_ms;
static bool verbose, expect_broken;

static uint32_t below(uint32_t bound)
{
	return sl_prng_below(&prng, bound);
}

static bool chance(uint32_t one_in)
{
	return below(one_in) == 0;
}

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "restart_test: %s failed at step %" PRIu32 "\n", what, step);
	abort();
}

/* In the place of the C library's: what a seed does is repeatable. */
ssize_t getrandom(void *octets, size_t size, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)octets)[i] = (uint8_t)below(256);
	return (ssize_t)size;
}

static void say(const char *what, uint32_t pool, uint32_t node)
{
	if (verbose)
		printf("step %" PRIu32 ": %s: pool%" PRIu32 ", n%" PRIu32 "\n", step, what, pool,
		       node);
}

static uint64_t now(void)
{
	return now_ms;
}

/* ---- the configuration ----------------------------------------------------------------------- */

static struct sl_conf *configure(void)
{
	static char text[TEXT];
	struct sl_conf_errors errors;
	struct sl_conf *conf = NULL;
	int at = sprintf(text,
			 "ports: [{name: p0, device: d, addresses: [10.0.100.2/16], gateway: "
			 "{address: 10.0.100.1, mac: \"02:00:00:00:00:01\"}}]\n"
			 "services:\n  - {name: vip, address: any, pool: pool%u}\n",
			 service_pool);

	for (uint32_t s = 0; s < SL_ARRAY_COUNT(services); s++)
		if (services[s].there)
			at += sprintf(text + at, "  - {name: s%u, %s, pool: pool%u}\n",
				      services[s].name, takings[s], services[s].pool);
	at += sprintf(text + at, "pools:\n");
	for (uint32_t p = 0; p < POOLS; p++) {
		const struct pool *pool = &pools[p];
		const char *separator = "";

		if (!pool->there)
			continue;
		at += sprintf(text + at,
			      "  - {name: pool%u, slots: %u, scheduler: %s, tracking: %s, "
			      "flow_entries: %u, max_load: %s, idle_timeout: {tcp: %us, udp: %us, "
			      "other: 10s}, nodes: [",
			      p, pool->slots, schedulers[pool->scheduler],
			      pool->full ? "full" : "auto", pool->entries,
			      pool->bounded && pool->scheduler < HASHING ? "1.1" : "0",
			      TCP_IDLE_MS / 1000, UDP_IDLE_MS / 1000);
		for (uint32_t n = 0; n < NODES; n++) {
			if (!pool->nodes[n].address)
				continue;
			at += sprintf(text + at,
				      "%s{name: n%u, address: 10.0.%u.%u, encap: ipip, port: p0, "
				      "weight: %u}",
				      separator, n, pool->nodes[n].address >> 8,
				      pool->nodes[n].address & 255, pool->nodes[n].weight);
			separator = ", ";
		}
		at += sprintf(text + at, "]}\n");
	}
	must(at < TEXT && sl_conf_parse(text, strlen(text), &conf, &errors) == 0, "a text");
	sl_conf_errors_fini(&errors);
	return conf;
}

static void catch_up(uint32_t core)
{
	seen[core] = sl_publish_get(publish);
	sl_publish_quiescent(publish, core);
}

static void open_model(const struct sl_conf *conf, const struct sl_image *kept)
{
	struct sl_model_options options = {.publish = publish,
					   .cores = stats,
					   .core_count = CORES,
					   .hash_key = {{1, 2}},
					   .now_ms = now,
					   .wall_ms = now};
	struct sl_change_result result;

	must(sl_model_create(&options, conf, kept, &result, &model, NULL) == 0, "a model");
	sl_change_result_fini(&result);
	must(sl_model_flush(model, NULL) == 0, "a snapshot");
}

static void open_cores(void)
{
	must(sl_publish_create(&publish) == 0, "publish");
	for (uint32_t c = 0; c < CORES; c++) {
		memset(&cores[c], 0, sizeof(cores[c]));
		cores[c].index = c;
		must(sl_core_stats_create(&stats[c]) == 0, "counters");
		cores[c].stats = stats[c];
	}
}

/* Before anybody reads, as in the daemon. */
static void launch(void)
{
	for (uint32_t c = 0; c < CORES; c++) {
		must(sl_publish_reader_add(publish, c) == 0, "a reader");
		catch_up(c);
	}
}

static void close_all(void)
{
	for (uint32_t c = 0; c < CORES; c++)
		sl_publish_reader_remove(publish, c);
	sl_model_destroy(model);
	sl_publish_destroy(publish);
	for (uint32_t c = 0; c < CORES; c++)
		sl_core_stats_destroy(stats[c]);
}

/* ---- flows ----------------------------------------------------------------------------------- */

static uint32_t address_of(const struct sl_snapshot *snapshot, uint32_t node)
{
	/* the last two octets of the outer destination */
	return node ? sl_load_be16(sl_snapshot_node(snapshot, node)->encap.octets + 14 + 18) : 0;
}

static uint32_t send_by(uint32_t core, const struct sl_pkt *pkt)
{
	static struct sl_burst burst;

	burst.count = 1;
	burst.pkt[0] = *pkt;
	burst.verdict[0] = SL_VERDICT_NODE;
	sl_decide(seen[core], &cores[core], &burst, now_ms);
	packets++;
	return burst.verdict[0] == SL_VERDICT_NODE ? address_of(seen[core], burst.node[0]) : 0;
}

static void be_born(struct flow *flow)
{
	*flow = (struct flow){.tuple = ++tuples,
			      .seq = (uint32_t)sl_prng_next(&prng),
			      .tcp = below(2),
			      .due_ms = now_ms + below(UDP_IDLE_MS)};
	births++;
}

static void live(struct flow *flow)
{
	uint8_t flags = !flow->address ? SL_TCP_SYN : SL_TCP_ACK;
	struct sl_pkt pkt =
		flow->tcp ? world_tcp(flow->tuple, flags, flow->seq) : world_udp(flow->tuple);
	uint32_t spread = chance(8) ? below(CORES) : flow->tuple;
	uint32_t idle = flow->tcp ? TCP_IDLE_MS : UDP_IDLE_MS;
	uint32_t address;

	pkt.key.dport_be = sl_be16((uint16_t)(1 + flow->tuple / 7 % DPORTS));
	pkt.key.src4 |= sl_be32(flow->tuple / 3 % SOURCES << 16);
	address = send_by(spread % CORES, &pkt);

	if (flow->address && address != flow->address && broken++ < 20)
		printf("step %" PRIu32 ": a flow changed its node: flow %" PRIu32 ", %s: %" PRIx32
		       " -> %" PRIx32 "\n",
		       step, flow->tuple, flow->tcp ? "TCP" : "UDP", flow->address, address);
	flow->address = address;
	flow->due_ms = now_ms + 100 + below(chance(4) ? idle - 800 : 4000);
	if (flow->tcp && !flow->settled) {
		flow->due_ms = now_ms + 100 + below(3000);
		flow->settled = flags == SL_TCP_ACK;
		flow->seq++;
	}
	/* nobody, or one that has died and the core did not know yet */
	if (!address || dead[address] || chance(25))
		be_born(flow);
}

static void bury(uint32_t address)
{
	for (uint32_t i = 0; i < FLOWS; i++)
		if (flows[i].address == address)
			be_born(&flows[i]);
}

/* ---- changes --------------------------------------------------------------------------------- */

static bool takes(const struct node *node)
{
	return node->address && node->weight && node->hand == HAND_UP && !node->down;
}

static bool can_spare(const struct pool *pool, const struct node *node)
{
	uint32_t count = 0;

	for (uint32_t n = 0; n < NODES; n++)
		count += takes(&pool->nodes[n]);
	return count > TAKERS || !takes(node);
}

static void make_node(struct node *node)
{
	*node = (struct node){.address = ++addresses, .weight = 1 + below(20)};
}

static int change(struct sl_change *change)
{
	struct sl_change_result result;
	int status = sl_model_change(model, change, false, &result, NULL);

	changes++;
	sl_change_result_fini(&result);
	must(sl_model_flush(model, NULL) == 0, "a flush");
	return status;
}

static bool apply(void)
{
	struct sl_conf *conf = configure();
	struct sl_change what = {.kind = SL_CHANGE_APPLY, .conf = conf};
	int status = change(&what);

	sl_conf_destroy(conf);
	return status == 0;
}

static void change_node(void)
{
	uint32_t p = below(POOLS), n = below(NODES);
	struct node *node = &pools[p].nodes[n];
	char pool_name[16], node_name[16];
	struct sl_change what = {.pool = pool_name, .node = node_name};
	uint32_t kind = below(12), address = node->address;
	bool gone = false;

	if (!pools[p].there || !node->address || (kind < 8 && !can_spare(&pools[p], node)))
		return;
	sprintf(pool_name, "pool%u", p);
	sprintf(node_name, "n%u", n);
	if (kind < 2) {
		node->weight = 1 + below(20);
		what.kind = SL_CHANGE_SET_WEIGHT;
		what.weight = node->weight * SL_WEIGHT_UNIT;
	} else if (kind < 4) {
		what.kind = SL_CHANGE_DRAIN;
		node->hand = HAND_DRAINING;
	} else if (kind < 6) {
		what.kind = SL_CHANGE_REMOVE_NODE;
		gone = true;
	} else if (kind < 7) {
		what.kind = SL_CHANGE_HEALTH;
		node->down = true;
	} else if (kind < 8) {
		what.kind = SL_CHANGE_DISABLE;
		node->hand = HAND_DISABLED;
	} else if (kind < 10) {
		what.kind = SL_CHANGE_HEALTH;
		what.healthy = true;
		node->down = false;
	} else {
		what.kind = SL_CHANGE_ENABLE;
		node->hand = HAND_UP;
	}
	say(sl_change_name(what.kind), p, n);
	must(change(&what) == 0, "a change");
	dead[address] = node->hand == HAND_DISABLED || node->down;
	if (dead[address])
		bury(address);
	if (gone)
		*node = (struct node){0};
}

static bool is_served(uint32_t pool)
{
	bool served = pool == service_pool;

	for (uint32_t s = 0; s < SL_ARRAY_COUNT(services); s++)
		served |= services[s].there && services[s].pool == pool;
	return served;
}

/* A service comes, goes, gets another name or another pool, or several of it at once. */
static void change_service(void)
{
	struct service *service = &services[below(SL_ARRAY_COUNT(services))];
	uint32_t pool = below(POOLS);

	if (service->there && chance(2)) {
		say("service gone", service->pool, service->name);
		service->there = false;
		return;
	}
	if (!service->there || chance(2))
		service->name = ++names;
	if (pools[pool].there && (!service->there || chance(2)))
		service->pool = pool;
	service->there = pools[service->pool].there;
	say("service as such", service->pool, service->name);
}

/* What a file may say anew. False: nothing. */
static bool rewrite(void)
{
	static const char *const kinds[] = {"service", "service",   "scheduler",
					    "slots",   "entries",   "tracking",
					    "a pool",  "node less", "node more"};
	uint32_t p = below(POOLS), n = below(NODES);
	struct pool *pool = &pools[p];
	struct node *node = &pool->nodes[n];
	uint32_t kind = below(SL_ARRAY_COUNT(kinds));

	say(kinds[kind], p, n);
	switch (kind) {
	case 0:
	case 1:
		if (!pool->there)
			return false;
		service_pool = p;
		return true;
	case 2:
		pool->scheduler = below(SL_ARRAY_COUNT(schedulers));
		return true;
	case 3:
		pool->slots = 256u << below(4);
		return true;
	case 4:
		pool->entries = 4096u << below(2);
		return true;
	case 5:
		if (chance(2))
			pool->full = !pool->full;
		else
			pool->bounded = !pool->bounded;
		return true;
	case 6:
		if (is_served(p))
			return false;
		pool->there = !pool->there;
		for (uint32_t i = 0; i < NODES; i++) {
			pool->nodes[i] = (struct node){0};
			if (pool->there && i < 4)
				make_node(&pool->nodes[i]);
		}
		return true;
	case 7:
		if (node->address && can_spare(pool, node) && node->hand != HAND_DISABLED &&
		    !node->down)
			*node = (struct node){0};
		return true;
	default:
		if (pool->there && !node->address)
			make_node(node);
		return true;
	}
}

static void reload(void)
{
	struct pool before[POOLS];
	struct service services_before[SL_ARRAY_COUNT(services)];
	uint32_t service_before = service_pool;
	bool fine;

	memcpy(before, pools, sizeof(before));
	memcpy(services_before, services, sizeof(services));
	if (chance(3)) {
		for (uint32_t n = below(3) + 1; n > 0; n--)
			change_service();
		fine = true;
	} else {
		fine = rewrite();
	}
	if (!fine || apply())
		return;
	/* a service that was at too many pools, or packets of too many services: refused as a whole */
	refused++;
	memcpy(pools, before, sizeof(before));
	memcpy(services, services_before, sizeof(services));
	service_pool = service_before;
}

/* ---- the end, in good order or by force, and the start after it ------------------------------ */

static void open_estate(void)
{
	must(sl_estate_create(folder, instance, &estate, NULL) == 0, "a folder");
}

static void restart(void)
{
	struct sl_estate_found found = {0};
	struct sl_err err = {0};
	/* a service that was at so many pools is refused one more, unless it says so to a daemon that
	 * is only starting */
	bool free = sl_model_snapshot(model)->services[0].via_count < SL_SERVICE_VIA_MAX;
	bool room = sl_model_snapshot(model)->former_count < SL_FORMERS_MAX;
	struct sl_past_clock clock = {now_ms, now_ms};
	struct sl_pack state = {0}, rest = {0};
	struct sl_unpack unpack;
	struct sl_past past = {0};
	struct sl_conf *conf;
	bool killed = chance(2);

	sl_past_write_state(&state, sl_model_image(model), sl_model_hash_key(model), &clock);
	sl_carry_write(model, &rest);
	must(!state.failed && !rest.failed, "writing");
	sl_estate_destroy(estate, !killed);
	estate = NULL;
	close_all();
	now_ms += below(300);
	if (free && chance(2))
		rewrite();
	else if (room && chance(2))
		change_service();
	unpack = (struct sl_unpack){.at = state.data, .end = state.data + state.size};
	must(sl_past_read_state(&unpack, &clock, &past) == 0, "reading");
	conf = configure();
	open_cores();
	open_estate();
	open_model(conf, past.image);
	if (killed)
		must(sl_estate_take(estate, model, sl_model_generation(model), &found, &err) == 0,
		     err.text);
	else
		must(sl_carry_read(model, &rest) >= 0, "taking up");
	must(found.lost == 0, "finding all flow tables");
	kills += killed;
	sl_estate_begin(estate, model);
	launch();
	sl_conf_destroy(conf);
	sl_past_fini(&past);
	sl_pack_fini(&state);
	sl_pack_fini(&rest);
	/* what health said is not kept */
	for (uint32_t p = 0; p < POOLS; p++)
		for (uint32_t n = 0; n < NODES; n++) {
			struct node *node = &pools[p].nodes[n];

			node->down = false;
			dead[node->address] = node->hand == HAND_DISABLED;
		}
	restarts++;
	say("restarted", 0, 0);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void pass_step(void)
{
	now_ms += STEP_MS;
	for (uint32_t c = 0; c < CORES; c++) {
		if (chance(3) || step % 4 == 0)
			catch_up(c);
		for (uint32_t i = 0; i < POOLS; i++)
			sl_decide_sweep(seen[c], &cores[c], now_ms, 512);
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		if (flows[i].due_ms <= now_ms)
			live(&flows[i]);
	if (step % 10 == 0) {
		sl_model_tick(model);
		must(sl_model_flush(model, NULL) == 0, "a flush");
	}
}

static void set_up(uint64_t seed)
{
	struct sl_conf *conf;

	prng.state = seed;
	now_ms = 10000000;
	addresses = 0x100;
	tuples = broken = packets = restarts = changes = births = service_pool = refused = names =
		kills = 0;
	memset(services, 0, sizeof(services));
	memset(pools, 0, sizeof(pools));
	memset(dead, 0, sizeof(dead));
	for (uint32_t p = 0; p < POOLS; p++) {
		pools[p] = (struct pool){.there = true, .slots = 512, .entries = 8192};
		for (uint32_t n = 0; n < 5; n++)
			make_node(&pools[p].nodes[n]);
	}
	open_cores();
	open_estate();
	conf = configure();
	open_model(conf, NULL);
	sl_conf_destroy(conf);
	sl_estate_begin(estate, model);
	launch();
	for (uint32_t i = 0; i < FLOWS; i++)
		be_born(&flows[i]);
}

static uint32_t run(uint64_t seed)
{
	set_up(seed);
	for (step = 0; step < STEPS; step++) {
		pass_step();
		if (chance(15))
			change_node();
		if (chance(40))
			reload();
		if (chance(150))
			restart();
	}
	sl_estate_destroy(estate, true);
	close_all();
	printf("seed %" PRIu64 ": %" PRIu32 " flows, %" PRIu32 " packets, %" PRIu32
	       " changes (%" PRIu32 " refused), %" PRIu32 " restarts (%" PRIu32
	       " after a kill), %" PRIu32 " broken\n",
	       seed, births, packets, changes, refused, restarts, kills, broken);
	return broken;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, seeds = 4;
	uint32_t all = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--verbose"))
			verbose = true;
		else if (!strcmp(argv[i], "--expect-broken"))
			expect_broken = true;
		else if (!strcmp(argv[i], "--seeds") && i + 1 < argc)
			seeds = strtoull(argv[++i], NULL, 10);
		else
			seed = strtoull(argv[i], NULL, 10);
	}
	(void)snprintf(instance, sizeof(instance), "restart-%d", (int)getpid());
	(void)snprintf(folder, sizeof(folder), "/tmp/%s", instance);
	for (uint64_t n = 0; n < seeds; n++)
		if (run(seed + n) && ++all && expect_broken)
			return 0;
	return all || expect_broken ? 1 : 0;
}
