/* SPDX-License-Identifier: BSD-3-Clause */

/* What it takes to find out where many next hops are, by our own ARP over a link that answers at once.
 *
 * Nodes of one pool, none with a MAC address; the loop turns until snapshots reach all of them. The time is
 * by the wall, as users wait; a turn's is control's processor time, with the snapshot at its end. The
 * same for the turns of ten seconds after: what it takes to keep them. One JSON object a line.
 *
 * Usage: neigh_bench [nodes].
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>

#include "unit/model/fixture.h"
#include "unit/neigh/fake_link.h"

#define NODES	      10000
#define NODES_MAX     65000
#define TEXT_PER_NODE 96
#define KEPT_S	      10

static struct fixture f;
static struct fake_link fake;
static struct event_base *base;
static double worst_ms, all_ms;

static double seconds(clockid_t clock)
{
	struct timespec at;

	clock_gettime(clock, &at);
	return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "neigh_bench: %s\n", what);
	exit(1);
}

static void open_model(uint32_t nodes)
{
	char *text = malloc(4096 + (size_t)nodes * TEXT_PER_NODE);
	int used;

	must(text, "no memory");
	used = sprintf(text, "dataplane: {worker_cpus: []}\n"
			     "ports: [{name: p0, device: \"tap:t0\", addresses: [10.0.0.2/8]}]\n"
			     "services: [{name: rest, address: any, pool: web}]\n"
			     "pools: [{name: web, nodes: [\n");
	for (uint32_t n = 0; n < nodes; n++)
		used += sprintf(text + used,
				"{name: n%u, address: 10.1.%u.%u, encap: ipip, weight: 100},\n", n,
				n / 250, n % 250 + 1);
	sprintf(text + used, "]}]\n");
	fixture_open(&f, text, NULL);
	free(text);
}

static void turn(void)
{
	double begun = seconds(CLOCK_THREAD_CPUTIME_ID), ms;

	must(event_base_loop(base, EVLOOP_ONCE) >= 0 && sl_model_flush(f.model, NULL) == 0,
	     "a turn failed");
	ms = 1e3 * (seconds(CLOCK_THREAD_CPUTIME_ID) - begun);
	worst_ms = ms > worst_ms ? ms : worst_ms;
	all_ms += ms;
}

static bool all_are_reached(void)
{
	const struct sl_image_pool *pool = sl_model_image(f.model)->pools[0];
	const struct sl_snapshot *snapshot = sl_model_snapshot(f.model);

	for (uint32_t n = 0; n < pool->node_count; n++)
		if (sl_snapshot_node_flags(snapshot, pool->nodes[n].index) & SL_NODE_NO_NEIGHBOR)
			return false;
	return true;
}

static void say(const char *name, const char *unit, double value, uint32_t nodes)
{
	printf("{\"name\": \"%s\", \"unit\": \"%s\", \"value\": %.3f, \"nodes\": %u}\n", name, unit,
	       value, nodes);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uint32_t nodes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : NODES;
	struct sl_neighbors_spec spec = {0};
	struct sl_neighbors *neighbors;
	struct sl_err err = {0};
	double begun;

	must(nodes > 0 && nodes <= NODES_MAX, "1 to 65000 nodes");
	open_model(nodes);
	base = event_base_new();
	must(base, "no loop");
	spec.base = base;
	spec.model = f.model;
	fake_link_open(&fake, &f.core, &spec.link);
	begun = seconds(CLOCK_MONOTONIC);
	must(sl_neighbors_create(&spec, &neighbors, &err) == 0, err.text);
	while (!all_are_reached())
		turn();
	say("neighbors resolved", "s", seconds(CLOCK_MONOTONIC) - begun, nodes);
	say("neighbors, questions", "questions", fake.asked, nodes);
	say("neighbors, longest turn while they are resolved", "ms", worst_ms, nodes);
	worst_ms = all_ms = 0;
	for (begun = seconds(CLOCK_MONOTONIC); seconds(CLOCK_MONOTONIC) - begun < KEPT_S;)
		turn();
	say("neighbors, longest turn while they are kept", "ms", worst_ms, nodes);
	say("neighbors, control's share of a CPU while they are kept", "%", all_ms / KEPT_S / 10,
	    nodes);
	sl_neighbors_destroy(neighbors);
	event_base_free(base);
	fixture_close(&f);
	return 0;
}
