/* SPDX-License-Identifier: BSD-3-Clause */

/* What one operator's change costs control: the model's work, its snapshot, its record of history.
 *
 * A pool of equal nodes; each change gives a random node a random weight from half to the whole of what
 * it began with, while all are up and while one in ten is drained; or drains a node and enables the one
 * before. It is published before the next one comes, as when one client changes and waits. Slots
 * open as they do while packets flow. What the socket and the disk cost comes on top
 * (tests/system/control_load_test.py). One JSON object a line.
 *
 * Usage: change_bench [changes].
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/prng.h"
#include "keep/history.h"
#include "unit/model/fixture.h"

#define SLOTS	      65536
#define FULL	      100 /* of a node's weight */
#define WARM_UP	      200
#define TEXT_PER_NODE 128

struct cost {
	double change, history, flush; /* microseconds in all */
	uint64_t moved;
};

static struct fixture f;
static struct sl_history *history;
static struct cost cost;

static double now_us(void)
{
	struct timespec at;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return 1e6 * (double)at.tv_sec + 1e-3 * (double)at.tv_nsec;
}

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "change_bench: %s\n", what);
	exit(1);
}

static char *text_of(uint32_t nodes)
{
	char *text = malloc(1024 + (size_t)nodes * TEXT_PER_NODE);
	int used;

	must(text, "no memory");
	used = sprintf(text,
		       "dataplane: {worker_cpus: [0, 0]}\n"
		       "ports: [{name: p0, device: d, addresses: [10.0.100.2/16], "
		       "gateway: {address: 10.0.100.1, mac: \"02:00:00:00:00:01\"}}]\n"
		       "services: [{name: rest, address: any, pool: web}]\n"
		       "pools: [{name: web, slots: %d, nodes: [\n",
		       SLOTS);
	for (uint32_t n = 0; n < nodes; n++)
		used += sprintf(
			text + used,
			"{name: n%u, address: 10.1.%u.%u, encap: ipip, port: p0, weight: %d},\n", n,
			n / 250, n % 250 + 1, FULL);
	sprintf(text + used, "]}]\n");
	return text;
}

static void on_event(void *context, const struct sl_model_event *event)
{
	struct sl_history_line line = {.generation = event->generation, .verb = "set-weight"};
	double start = now_us();

	(void)context;
	if (event->kind != SL_EVENT_CHANGE)
		return;
	must(sl_history_add(history, &line, event, sl_model_hash_key(f.model)) == 0, "history");
	(void)sl_history_fold(history);
	cost.history += now_us() - start;
}

static void change_one(enum sl_change_kind kind, uint32_t node, uint64_t weight)
{
	char name[SL_NAME_SIZE];
	struct sl_change change = {.kind = kind, .pool = "web", .node = name, .weight = weight};
	struct sl_change_result result;
	double before = cost.history, start, middle;

	snprintf(name, sizeof(name), "n%u", node);
	fixture_now_ms += 10;
	start = now_us();
	must(sl_model_change(f.model, &change, false, &result, NULL) == 0, "change");
	middle = now_us();
	must(sl_model_flush(f.model, NULL) == 0, "flush");
	cost.flush += now_us() - middle;
	cost.change += middle - start - (cost.history - before);
	cost.moved += result.pool_count ? result.pools[0].moved_slots : 0;
	sl_change_result_fini(&result);
}

/* What is measured. */
enum scene { ALL_UP, SOME_DRAINED, DRAINS, SCENES };

static void change_any(enum scene scene, struct sl_prng *prng, uint32_t nodes)
{
	static uint32_t drained;

	if (scene != DRAINS) {
		change_one(SL_CHANGE_SET_WEIGHT, sl_prng_below(prng, nodes),
			   (FULL / 2 + sl_prng_below(prng, FULL / 2)) * SL_WEIGHT_UNIT);
		return;
	}
	change_one(SL_CHANGE_ENABLE, drained, 0);
	drained = sl_prng_below(prng, nodes);
	change_one(SL_CHANGE_DRAIN, drained, 0);
}

static void report(enum scene scene, uint32_t nodes, uint32_t changes)
{
	static const char *const names[SCENES] = {"change",
						  "change while one node in ten is drained",
						  "drain one, enable the one before"};

	printf("{\"name\": \"%s\", \"unit\": \"us\", \"value\": %.1f, \"nodes\": %u, "
	       "\"slots\": %d, "
	       "\"model\": %.1f, \"history\": %.1f, \"snapshot\": %.1f, \"moved_slots\": %.1f}\n",
	       names[scene], (cost.change + cost.history + cost.flush) / changes, nodes, SLOTS,
	       cost.change / changes, cost.history / changes, cost.flush / changes,
	       (double)cost.moved / changes);
	fflush(stdout);
}

static void measure(enum scene scene, uint32_t nodes, uint32_t changes)
{
	struct sl_model_listener listener = {.event = on_event};
	struct sl_history_line line = {.verb = "start"};
	struct sl_prng prng = {nodes};
	char *text = text_of(nodes);

	fixture_open(&f, text, NULL);
	free(text);
	must(sl_history_create(&history) == 0, "history");
	line.generation = sl_model_generation(f.model);
	must(sl_history_begin(history, &line, sl_model_image(f.model),
			      sl_model_hash_key(f.model)) == 0,
	     "history");
	sl_model_listen(f.model, &listener);
	for (uint32_t i = 0; scene == SOME_DRAINED && i < nodes; i += 10)
		change_one(SL_CHANGE_DRAIN, i, 0);
	for (uint32_t i = 0; i < WARM_UP; i++)
		change_any(scene, &prng, nodes);
	cost = (struct cost){0};
	for (uint32_t i = 0; i < changes; i++)
		change_any(scene, &prng, nodes);
	report(scene, nodes, scene == DRAINS ? 2 * changes : changes);
	sl_history_destroy(history);
	fixture_close(&f);
}

int main(int argc, char **argv)
{
	static const uint32_t nodes[] = {3, 30, 1000};
	uint32_t changes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;

	must(changes > 0, "usage: change_bench [changes]");
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
		for (uint32_t scene = ALL_UP; scene < SCENES; scene++)
			measure((enum scene)scene, nodes[i], changes);
	return 0;
}
