/* SPDX-License-Identifier: BSD-3-Clause */

/* Many models on one log come to the same slots, at every generation.
 *
 * Members of a cluster make random changes, several at once; their sessions with the store end and begin,
 * with and without their leases, they leave and come back with nothing; each has health of its own, and
 * forgets removed nodes when it likes. Whatever a generation is at one member, it is at all.
 *
 * Usage: cluster_test [--members N] [--seeds N] [SEED]. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "cluster/record.h"
#include "support/crew.h"

#define STEPS	    1200
#define NODES	    6
#define TEXT	    4096
#define GENERATIONS (STEPS * 4)

static struct sl_prng prng;
static uint32_t members = 4;
static uint64_t digests[GENERATIONS];
static uint32_t changes, refused, restarts, cuts, rollbacks;
static struct sl_model_listener listeners[CREW_MAX];

static uint32_t below(uint32_t bound)
{
	return sl_prng_below(&prng, bound);
}

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "cluster_test: %s\n", what);
	abort();
}

/* ---- what holds ------------------------------------------------------------------------------ */

static void on_event(void *context, const struct sl_model_event *event)
{
	uint64_t digest;

	(void)context;
	/* a member that has not joined has what it likes */
	if (event->kind != SL_EVENT_CHANGE)
		return;
	must(event->generation < GENERATIONS, "more generations than the test has room for");
	digest = sl_record_digest(event->after);
	if (!digests[event->generation])
		digests[event->generation] = digest;
	if (digests[event->generation] != digest) {
		fprintf(stderr, "generation %" PRIu64 " (%s) differs\n", event->generation,
			sl_change_name(event->change->kind));
		abort();
	}
}

/* ---- changes --------------------------------------------------------------------------------- */

static const char *const schedulers[] = {"minimal", "ring", "maglev", "rendezvous", "wrr"};

static const char *text_of(uint32_t number)
{
	static char text[TEXT];
	int at = snprintf(text, sizeof(text),
			  "dataplane: {worker_cpus: [0]}\n"
			  "ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: {mac: "
			  "\"02:00:00:00:00:01\"}}]\n"
			  "cluster: {name: c, member: m%u, store: {endpoints: [\"http://h:1\"]}}\n"
			  "services: [{name: all, address: any, pool: web}]\npools:\n",
			  number);

	for (uint32_t p = 0; p < 1 + below(2); p++) {
		at += snprintf(text + at, sizeof(text) - (size_t)at,
			       "  - {name: %s, slots: %u, scheduler: %s, nodes: [",
			       p ? "other" : "web", 256u << below(2), schedulers[below(5)]);
		for (uint32_t n = 0; n < NODES; n++)
			if (below(2))
				at += snprintf(text + at, sizeof(text) - (size_t)at,
					       "{name: n%u, address: 192.0.2.%u, port: p0, encap: "
					       "ipip, weight: %u}, ",
					       n, 10 + n, below(100));
		at += snprintf(text + at, sizeof(text) - (size_t)at, "]}\n");
	}
	return text;
}

static void submit(uint32_t member, const struct sl_change *change)
{
	changes++;
	refused += crew_submit(member, change) != 0;
}

static void apply(uint32_t member)
{
	struct sl_conf *conf = fixture_conf(text_of(member));
	const struct sl_change change = {.kind = SL_CHANGE_APPLY, .conf = conf, .force = true};

	submit(member, &change);
	sl_conf_destroy(conf);
}

static void add(uint32_t member, const char *pool, const char *name, uint32_t n)
{
	char address[32], weight[16];
	const char *pairs[] = {address, weight, "encap=ipip", "port=p0"};
	struct sl_conf_errors errors;
	struct sl_conf_node node;
	const struct sl_change change = {
		.kind = SL_CHANGE_ADD_NODE, .pool = pool, .node = name, .add = &node};

	(void)snprintf(address, sizeof(address), "address=192.0.2.%u", 10 + n);
	(void)snprintf(weight, sizeof(weight), "weight=%u", below(100));
	must(sl_conf_node_parse(sl_model_image(crew[member].f.model)->conf, NULL, name, pairs, 4,
				&node, &errors) == 0,
	     "a node");
	submit(member, &change);
	sl_conf_node_fini(&node);
	sl_conf_errors_fini(&errors);
}

static void roll_back(uint32_t member)
{
	uint32_t count = sl_history_count(crew[member].history);
	uint64_t generation = sl_history_record(crew[member].history, below(count))->generation;
	struct sl_change change = {.kind = SL_CHANGE_ROLLBACK, .force = true};
	struct sl_past past;
	struct sl_err err;

	must(sl_history_state(crew[member].history, generation, &past, &err) == 0, "a past");
	change.image = past.image;
	change.hash_key = &past.hash_key;
	submit(member, &change);
	rollbacks++;
	sl_past_fini(&past);
}

static void set_table(uint32_t member)
{
	static const char *const names[] = {"n0", "n1", "n2"};
	uint32_t words[512];
	const struct sl_change_table table = {
		.words = words, .count = 256u << below(2), .names = names, .name_count = 3};
	const struct sl_change change = {
		.kind = SL_CHANGE_TABLE_SET, .pool = "web", .table = &table};

	for (uint32_t s = 0; s < SL_ARRAY_COUNT(words); s++)
		words[s] = below(4);
	submit(member, &change);
}

static void change(uint32_t member)
{
	static const enum sl_change_kind kinds[] = {SL_CHANGE_SET_WEIGHT, SL_CHANGE_REMOVE_NODE,
						    SL_CHANGE_DRAIN, SL_CHANGE_ENABLE,
						    SL_CHANGE_DISABLE};
	uint32_t n = below(NODES), what = below(12);
	char name[8];
	struct sl_change one = {.pool = below(4) ? "web" : "*",
				.node = name,
				.weight = below(100) * SL_WEIGHT_UNIT,
				.now = below(4) == 0,
				.deadline_ms = below(2) ? 0 : 100000};

	(void)snprintf(name, sizeof(name), "n%u", n);
	if (what == 0) {
		apply(member);
	} else if (what == 1) {
		roll_back(member);
	} else if (what == 2) {
		set_table(member);
	} else if (what < 6) {
		add(member, below(4) ? "web" : "other", name, n);
	} else {
		one.kind = kinds[below(SL_ARRAY_COUNT(kinds))];
		submit(member, &one);
	}
}

/* ---- what each member has of its own --------------------------------------------------------- */

static void live(uint32_t member)
{
	struct sl_model *model = crew[member].f.model;
	char name[8];
	const struct sl_change health = {
		.kind = SL_CHANGE_HEALTH, .pool = "*", .node = name, .healthy = below(2)};
	struct sl_change_result result;

	(void)snprintf(name, sizeof(name), "n%u", below(NODES));
	(void)sl_model_change(model, &health, false, &result, NULL);
	sl_change_result_fini(&result);
	must(sl_model_flush(model, NULL) == 0, "a snapshot");
	if (below(2))
		sl_model_tick(model);
	fixture_now_ms += below(20000);
}

static void start(uint32_t member)
{
	crew_start(member, text_of(member));
	listeners[member] = (struct sl_model_listener){.event = on_event};
	sl_model_listen(crew[member].f.model, &listeners[member]);
}

static void trouble(uint32_t member)
{
	if (below(3) == 0) {
		crew_stop(member);
		start(member);
		restarts++;
		return;
	}
	cuts++;
	sim_down(crew[member].store, "cut");
	for (uint32_t i = below(20); i > 0; i--)
		crew_settle_some();
	sim_up(crew[member].store, below(2));
}

static void step(void)
{
	uint32_t member = below(members);

	if (below(40) == 0)
		trouble(member);
	if (below(4) == 0)
		live(member);
	change(member);
	for (uint32_t i = below(12); i > 0; i--)
		crew_settle_some();
	if (below(8) == 0)
		crew_settle();
}

static void run(uint64_t seed)
{
	prng.state = seed;
	changes = refused = restarts = cuts = rollbacks = 0;
	memset(digests, 0, sizeof(digests));
	crew_begin(seed);
	for (uint32_t m = 0; m < members; m++)
		start(m);
	crew_settle();
	for (uint32_t i = 0; i < STEPS; i++)
		step();
	crew_settle();
	for (uint32_t m = 0; m < members; m++) {
		must(crew_report(m).state == SL_CLUSTER_MEMBER, crew_report(m).why);
		must(crew_digest(m) == crew_digest(0), "members differ in the end");
		must(sl_model_generation(crew[m].f.model) == sl_model_generation(crew[0].f.model),
		     "generations differ in the end");
	}
	printf("seed %" PRIu64 ": %u changes asked, %u refused at once, %" PRIu64
	       " generations, %u rollbacks, %u cuts, %u restarts, %zu octets in the store\n",
	       seed, changes, refused, sl_model_generation(crew[0].f.model), rollbacks, cuts,
	       restarts, sim_size());
	crew_end();
}

int main(int argc, char **argv)
{
	uint64_t seed = (uint64_t)time(NULL), seeds = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--members") == 0 && i + 1 < argc)
			members = (uint32_t)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
			seeds = strtoull(argv[++i], NULL, 10);
		else
			seed = strtoull(argv[i], NULL, 10);
	}
	must(members >= 1 && members <= CREW_MAX, "too many members");
	for (uint64_t s = 0; s < seeds; s++)
		run(seed + s);
	return 0;
}
