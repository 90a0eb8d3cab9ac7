/* SPDX-License-Identifier: BSD-3-Clause */

/* How long a change takes to reach a packet core under load: control and a core as two threads, the core
 * deciding on bursts all the time, control publishing snapshots with another node each.
 *
 * A figure is the time from the call that swaps the pointer to the first burst that saw the new number;
 * snapshots that the core never saw because the next one came first count with the burst that passed
 * them. One JSON object a line.
 *
 * Usage: publish_bench [changes].
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/prng.h"
#include "state/decide.h"
#include "state/publish.h"
#include "support/scene.h"

#define BURST	     32
#define NODES	     1000
#define SERVICES     512
#define CHANGES_MAX  1000000
#define PAUSE_NS     50000
#define PROTOCOL_TCP 6

static struct sl_publish *publish;
static uint64_t *published_ns, *seen_ns; /* by number of the change */
static uint64_t first_number;
static atomic_bool done;
static uint64_t packets;

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "publish_bench: %s\n", what);
	exit(1);
}

static void fill(struct sl_burst *burst, struct sl_prng *prng)
{
	burst->count = BURST;
	for (uint32_t i = 0; i < BURST; i++) {
		struct sl_pkt *pkt = &burst->pkt[i];

		*pkt = (struct sl_pkt){.status = SL_PKT_OK, .protocol = PROTOCOL_TCP};
		pkt->key.family = SL_FAMILY_IPV4;
		pkt->key.protocol = PROTOCOL_TCP;
		pkt->key.sport_be = (uint16_t)sl_prng_next(prng);
		pkt->key.dport_be = sl_be16(80);
		pkt->key.src4 = (uint32_t)sl_prng_next(prng);
		pkt->key.dst4 = sl_be32(0x0a010000u + sl_prng_below(prng, SERVICES));
		burst->verdict[i] = SL_VERDICT_NODE;
	}
}

static void *receive_core(void *argument)
{
	static struct sl_burst burst;
	struct sl_core core = {0};
	struct sl_prng prng = {.state = 7};
	uint64_t last = first_number;

	(void)argument;
	must(sl_core_stats_create(&core.stats) == 0, "no memory");
	sl_publish_reader_online(publish, 0);
	while (!atomic_load_explicit(&done, memory_order_acquire)) {
		const struct sl_snapshot *snapshot = sl_publish_get(publish);

		for (; last < snapshot->number; last++)
			seen_ns[last - first_number] = sl_clock_ns();
		fill(&burst, &prng);
		sl_decide(snapshot, &core, &burst, 1000);
		packets += burst.count;
		sl_publish_quiescent(publish, 0);
	}
	sl_publish_reader_offline(publish, 0);
	sl_core_stats_destroy(core.stats);
	return NULL;
}

static void publish_all(uint32_t changes)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	for (uint32_t i = 0; i < changes; i++) {
		struct sl_snapshot *made, *before;
		const struct sl_snapshot *base = sl_publish_get(publish);

		must(sl_snapshot_create(base, base->pool_count, base->service_count, &made) == 0,
		     "no memory");
		sl_snapshot_node_edit(made, 1 + i % NODES)->l3_size_max ^= 1;
		published_ns[i] = sl_clock_ns();
		before = sl_publish_swap(publish, made);
		must(sl_publish_retire(publish, sl_snapshot_release, before) == 0, "no memory");
		sl_publish_reclaim(publish);
		nanosleep(&pause, NULL);
	}
	while (sl_publish_reclaim(publish) > 0)
		nanosleep(&pause, NULL);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

static void print(const char *name, uint64_t value, uint32_t changes)
{
	printf("{\"name\": \"publication, %s\", \"unit\": \"ns\", \"value\": %llu, \"changes\": "
	       "%u, "
	       "\"nodes\": %u, \"services\": %u, \"packets\": %llu}\n",
	       name, (unsigned long long)value, changes, NODES, SERVICES,
	       (unsigned long long)packets);
}

int main(int argc, char **argv)
{
	uint32_t changes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000;
	static struct sl_node_view nodes[NODES];
	struct sl_snapshot *first;
	pthread_t thread;

	must(changes > 0 && changes <= CHANGES_MAX, "changes are 1 to 1,000,000");
	for (uint32_t i = 0; i < NODES; i++)
		nodes[i] = (struct sl_node_view){.kind = SL_NODE_OUTPUT,
						 .flags = SL_NODE_KEEPS | SL_NODE_TAKES};
	published_ns = calloc(changes, sizeof(*published_ns));
	seen_ns = calloc(changes, sizeof(*seen_ns));
	must(published_ns && seen_ns && sl_publish_create(&publish) == 0, "no memory");
	first = scene_snapshot(nodes, NODES, SERVICES, 1);
	first_number = first->number;
	sl_publish_swap(publish, first);
	must(sl_publish_reader_add(publish, 0) == 0, "no reader");
	sl_publish_reader_offline(publish, 0);
	must(pthread_create(&thread, NULL, receive_core, NULL) == 0, "no thread");
	publish_all(changes);
	atomic_store_explicit(&done, true, memory_order_release);
	pthread_join(thread, NULL);
	for (uint32_t i = 0; i < changes; i++) {
		must(seen_ns[i] >= published_ns[i], "a snapshot was not seen");
		seen_ns[i] -= published_ns[i];
	}
	qsort(seen_ns, changes, sizeof(*seen_ns), compare);
	print("median", seen_ns[changes / 2], changes);
	print("p99", seen_ns[(uint64_t)changes * 99 / 100], changes);
	print("longest", seen_ns[changes - 1], changes);
	sl_publish_reader_remove(publish, 0);
	sl_publish_destroy(publish);
	return 0;
}
