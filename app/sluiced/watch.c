/* SPDX-License-Identifier: BSD-3-Clause */

#include "watch.h"

#include <inttypes.h>
#include <string.h>

#include <rte_mempool.h>

#include "base/clock.h"
#include "handlers.h"

#define STUCK_MS    950	 /* of looks that come every 250 */
#define LOOK_MS_MAX 750	 /* a longer time between two looks: this process stood still itself */
#define SLOW_MS	    5000 /* without a drop: it keeps up again */

static void warn_stuck(const struct wire *wire, uint32_t worker)
{
	int cpu = sl_eal_cpu(wire->eal.worker_lcore + worker);
	const char *node, *handler;

	if (handlers_serving(wire, worker, &node, &handler))
		wire_warn(wire,
			  "worker%" PRIu32
			  " on CPU %d: handler %s of node %s has not come back for "
			  "a second; the worker's packets wait",
			  worker, cpu, handler, node);
	else
		wire_warn(wire,
			  "worker%" PRIu32 " on CPU %d has stood for a second; its packets wait",
			  worker, cpu);
}

/* A worker counts cycles with every round, also of those in which it has nothing to do. */
static void watch_rounds(struct wire *wire, uint32_t worker, uint64_t now_ms, bool stood)
{
	struct wire_watch *watch = &wire->watch[worker];
	uint64_t cycles = sl_stats_read(&wire->worker_stats[worker]->all_cycles);

	if (cycles != watch->cycles || stood) {
		if (watch->stuck && cycles != watch->cycles) {
			wire_warn(wire, "worker%" PRIu32 ": its handler has come back", worker);
			watch->stuck = false;
		}
		watch->cycles = cycles;
		watch->since_ms = now_ms;
	} else if (!watch->stuck && now_ms - watch->since_ms >= STUCK_MS) {
		watch->stuck = true;
		warn_stuck(wire, worker);
	}
}

static uint64_t dropped_for(const struct wire *wire, uint32_t worker)
{
	uint64_t dropped = 0;

	for (uint32_t c = 0; c < wire->eal.rx_count; c++)
		dropped += sl_stats_read(&wire->core_stats[c]->worker_dropped[worker]);
	return dropped;
}

/* Of a worker that is stuck it was said. */
static void watch_queue(struct wire *wire, uint32_t worker, uint64_t now_ms)
{
	struct wire_watch *watch = &wire->watch[worker];
	uint64_t dropped = dropped_for(wire, worker), more = dropped - watch->dropped;

	watch->dropped = dropped;
	if (more > 0) {
		watch->dropped_ms = now_ms;
		if (!watch->slow && !watch->stuck)
			wire_warn(wire,
				  "worker%" PRIu32 " on CPU %d is too slow: its queue is full, and "
				  "%" PRIu64 " packets for it were dropped",
				  worker, sl_eal_cpu(wire->eal.worker_lcore + worker), more);
		watch->slow = true;
	} else if (watch->slow && now_ms - watch->dropped_ms >= SLOW_MS) {
		wire_warn(wire, "worker%" PRIu32 " keeps up again", worker);
		watch->slow = false;
	}
}

void watch_workers(void *context)
{
	struct wire *wire = context;
	uint64_t now_ms = sl_clock_ms();
	bool stood = now_ms - wire->watched_ms > LOOK_MS_MAX;

	wire->watched_ms = now_ms;
	for (uint32_t w = 0; w < wire->launched_workers; w++) {
		watch_rounds(wire, w, now_ms, stood);
		watch_queue(wire, w, now_ms);
	}
}

static void read_depths(const struct sl_depths *of, struct sl_depths *depths)
{
	for (uint32_t n = 0; n < SL_DEPTHS; n++)
		depths->times[n] = sl_stats_read(&of->times[n]);
	depths->packets = sl_stats_read(&of->packets);
}

static void read_fill(const void *context, struct sl_fill *fill)
{
	const struct wire *wire = context;
	const struct sl_worker_rings *rings = wire->rings;

	memset(fill, 0, sizeof(*fill));
	fill->buffers.used = rte_mempool_in_use_count(wire->buffers);
	fill->buffers.capacity = wire->buffers->size;
	sl_tx_plan_fill(wire->plan, &fill->transmit.used, &fill->transmit.capacity);
	fill->worker_count = wire->eal.worker_count;
	for (uint32_t w = 0; w < fill->worker_count; w++) {
		struct sl_fill_worker *row = &fill->workers[w];

		row->queue.used = sl_worker_rings_queued(rings, w);
		row->queue.capacity =
			(uint64_t)rings->core_count * rings->class_count * rings->size;
		row->dropped = dropped_for(wire, w);
		read_depths(&wire->worker_stats[w]->depths, &row->depths);
		row->stuck = wire->watch[w].stuck;
		row->slow = wire->watch[w].slow;
	}
}

void watch_fill(const struct wire *wire, struct sl_fill_source *source)
{
	*source = (struct sl_fill_source){.context = wire, .read = read_fill};
}
