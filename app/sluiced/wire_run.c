/* SPDX-License-Identifier: BSD-3-Clause */

/* The data plane while it runs, and its end. */

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "handlers.h"
#include "io/device.h"
#include "io/output.h"
#include "io/turn.h"
#include "signals.h"
#include "wire.h"
#include "work/handler.h"

#define DRAIN_MS_MAX  10000 /* until the threads must have ended */
#define HASTE_MS_MAX  1000  /* until cores that wait for nothing more have ended */
#define LEAST_MS      200   /* until those that nobody waits for have ended */
#define DRAIN_NAP_NS  100000
#define CONTROL_NICE  -15
#define SENTENCE_SIZE 384

/* ---- running --------------------------------------------------------------------------------- */

/* Control has little to do, but a polling core that shares its CPU would make it wait for its turn
 * each time (a thousand changes in a pipeline, beside a core that never sleeps: 312 a second with 0, 1,270
 * with -10). Only the calling thread is changed; without the privilege nothing is. */
static void prefer_control(void)
{
	(void)setpriority(PRIO_PROCESS, 0, CONTROL_NICE);
	sl_turn_short();
}

int wire_launch(struct wire *wire, struct sl_err *err)
{
	int status = 0;

	prefer_control();

	for (uint32_t w = 0; w < wire->eal.worker_count && status == 0; w++) {
		status = sl_eal_launch(wire->eal.worker_lcore + w, sl_worker_run, wire->workers[w]);
		wire->launched_workers += status == 0;
	}
	for (uint32_t c = 0; c < wire->eal.rx_count && status == 0; c++) {
		status = sl_eal_launch(wire->eal.rx_lcore + c, sl_path_core_run, wire->cores[c]);
		wire->launched_cores += status == 0;
	}
	return status < 0 ? sl_err_set(err, status, "cannot start a thread: %s", strerror(-status))
			  : 0;
}

bool wire_is_idle(const struct wire *wire, struct wire_idle *idle, uint64_t now_ms, uint64_t ms)
{
	uint64_t received = 0;
	bool polled = true;

	for (uint32_t c = 0; c < wire->eal.rx_count; c++) {
		const struct sl_core_stats *stats = wire->core_stats[c];

		received += __atomic_load_n(&stats->received, __ATOMIC_RELAXED);
		polled &= __atomic_load_n(&stats->empty_bursts, __ATOMIC_RELAXED) > idle->empty[c];
	}
	if (received != idle->received || idle->since_ms == 0) {
		idle->received = received;
		idle->since_ms = now_ms;
		for (uint32_t c = 0; c < wire->eal.rx_count; c++)
			idle->empty[c] = __atomic_load_n(&wire->core_stats[c]->empty_bursts,
							 __ATOMIC_RELAXED);
		return false;
	}
	return polled && now_ms - idle->since_ms >= ms;
}

/* ---- what is told ---------------------------------------------------------------------------- */

void wire_warn(const struct wire *wire, const char *format, ...)
{
	char sentence[SENTENCE_SIZE];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, list);
	va_end(list);
	if (wire->warn)
		wire->warn(wire->warn_context, sentence);
	else
		sl_log(SL_LOG_WARNING, "%s", sentence);
}

void wire_look_at_handler(struct wire *wire, struct sl_handler *handler)
{
	struct sl_handler_look look = {0};

	if (!handler->ops->look)
		return;
	handler->ops->look(handler->state, &look);
	if (look.passes && !look.text[0] && handler->told) {
		handler->told = false;
		wire_warn(wire, "node %s: what was wrong with it is over", handler->node);
	}
	if (!look.text[0] || handler->told)
		return;
	handler->told = true;
	wire->failed |= !look.passes;
	wire_warn(wire, "node %s: %s%s", handler->node, look.text,
		  look.passes ? "" : "; packets after that are lost");
}

static void look_at_handlers(struct wire *wire)
{
	struct sl_handler *handler;

	LIST_FOREACH(handler, &wire->handlers, link)
	wire_look_at_handler(wire, handler);
}

static void watch_rings(struct wire *wire, uint64_t now_ms)
{
	uint32_t count = wire->rings ? wire->eal.rx_count * wire->rings->lane_count : 0;

	for (uint32_t i = 0; i < count; i++)
		if (!sl_worker_ring_passed(&wire->rings->ring[i], wire->marks[i]))
			return;
	wire->passed_ms = wire->mark_ms;
	wire->mark_ms = now_ms;
	for (uint32_t i = 0; i < count; i++)
		wire->marks[i] = sl_worker_ring_mark(&wire->rings->ring[i]);
}

void wire_tick(struct wire *wire, uint64_t now_ms)
{
	look_at_handlers(wire);
	watch_rings(wire, now_ms);
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool all_quiet(const struct wire *wire)
{
	for (uint32_t c = 0; c < wire->launched_cores; c++)
		if (!sl_path_core_is_quiet(wire->cores[c]))
			return false;
	return true;
}

static bool workers_ended(const struct wire *wire)
{
	for (uint32_t w = 0; w < wire->launched_workers; w++)
		if (!sl_eal_has_ended(wire->eal.worker_lcore + w))
			return false;
	return true;
}

static bool cores_ended(const struct wire *wire)
{
	for (uint32_t c = 0; c < wire->launched_cores; c++)
		if (!sl_eal_has_ended(wire->eal.rx_lcore + c))
			return false;
	return true;
}

/* Until then, or until whoever asked for the end asks again. */
static bool wait_for(bool (*done)(const struct wire *wire), const struct wire *wire,
		     uint64_t until_ms)
{
	const struct timespec nap = {.tv_nsec = DRAIN_NAP_NS};
	uint64_t least_ms = sl_clock_ms() + LEAST_MS;

	while (!done(wire)) {
		uint64_t asked_ms = signals_hurry_ms(), hurry_ms = SL_MAX(asked_ms, least_ms);

		if (sl_clock_ms() >= SL_MIN(until_ms, hurry_ms))
			return done(wire);
		nanosleep(&nap, NULL);
	}
	return true;
}

static void name_workers(const struct wire *wire)
{
	for (uint32_t w = 0; w < wire->launched_workers; w++)
		if (!sl_eal_has_ended(wire->eal.worker_lcore + w))
			sl_log(SL_LOG_ERROR,
			       "worker%" PRIu32 " on CPU %d does not end: a handler does not come "
			       "back; what waits for it is lost",
			       w, sl_eal_cpu(wire->eal.worker_lcore + w));
}

bool wire_drain(struct wire *wire)
{
	uint64_t until_ms = sl_clock_ms() + DRAIN_MS_MAX;
	bool workers, cores;

	for (uint32_t c = 0; c < wire->launched_cores; c++)
		sl_path_core_stop(wire->cores[c]);
	if (!wait_for(all_quiet, wire, until_ms)) {
		sl_log(SL_LOG_WARNING, "receive cores still hold packets, and wait no longer");
		for (uint32_t c = 0; c < wire->launched_cores; c++)
			sl_path_core_hasten(wire->cores[c]);
		(void)wait_for(all_quiet, wire, sl_clock_ms() + HASTE_MS_MAX);
	}
	for (uint32_t w = 0; w < wire->launched_workers; w++)
		sl_worker_stop(wire->workers[w]);
	workers = wait_for(workers_ended, wire, SL_MAX(until_ms, sl_clock_ms() + HASTE_MS_MAX));
	if (!workers)
		name_workers(wire);
	for (uint32_t c = 0; c < wire->launched_cores; c++)
		sl_path_core_finish(wire->cores[c]);
	cores = wait_for(cores_ended, wire, sl_clock_ms() + HASTE_MS_MAX);
	if (!cores)
		sl_log(SL_LOG_ERROR, "receive cores do not end: a device does not come back");
	look_at_handlers(wire);
	if (!workers || !cores)
		return false;
	wire->launched_workers = 0;
	wire->launched_cores = 0;
	return true;
}

/* Takes a count out of a counter of the cores, as far as it is in it; returns how much. */
static uint64_t take_back(struct wire *wire, size_t offset, uint64_t count)
{
	uint64_t left = count;

	for (uint32_t c = 0; c < wire->eal.rx_count; c++) {
		uint64_t *counter = (uint64_t *)((char *)wire->core_stats[c] + offset);
		uint64_t part = SL_MIN(*counter, left);

		*counter -= part;
		left -= part;
	}
	return count - left;
}

/* What is in no file was not sent. Whether it was forwarded or punted the file does not say. */
static void count_loss(struct wire *wire, uint32_t port, const struct sl_output_loss *loss)
{
	struct sl_core_stats *stats = wire->core_stats[0];
	size_t ports = offsetof(struct sl_core_stats, ports) + port * sizeof(stats->ports[0]);
	uint64_t done = take_back(wire, offsetof(struct sl_core_stats, forwarded), loss->packets);

	done += take_back(wire, offsetof(struct sl_core_stats, punted), loss->packets - done);
	stats->dropped[SL_DROP_TX_FAILED] += done;
	stats->ports[port].tx_failed += loss->packets;
	(void)take_back(wire, ports + offsetof(struct sl_port_stats, tx_packets), loss->packets);
	(void)take_back(wire, ports + offsetof(struct sl_port_stats, tx_bytes), loss->bytes);
}

void wire_finish_captures(struct wire *wire)
{
	for (uint32_t p = 0; p < wire->port_count; p++) {
		struct sl_output_loss loss;

		if (!sl_output_finish(&wire->ports[p], &loss))
			continue;
		sl_log(SL_LOG_ERROR,
		       "port %s: the capture %s could not be written whole: %" PRIu64
		       " packets that were sent are not in it; is the disk full?",
		       wire->ports[p].name, loss.path, loss.packets);
		count_loss(wire, p, &loss);
		wire->failed = true;
	}
}

void wire_leave(struct wire *wire)
{
	for (uint32_t p = 0; p < wire->port_count; p++)
		sl_port_stop(&wire->ports[p]);
	sl_eal_leave();
}

/* DPDK's own end would wait for answers of cards that were pulled. */
static bool is_unplugged(const struct wire *wire)
{
	for (uint32_t p = 0; p < wire->port_count; p++)
		if (sl_device_is_unplugged(wire->ports[p].device))
			return true;
	return false;
}

void wire_close(struct wire *wire)
{
	for (uint32_t c = 0; c < SL_RX_CORES_MAX; c++)
		sl_path_core_destroy(wire->cores[c]);
	sl_frag_tables_destroy(wire->fragments);
	for (uint32_t w = 0; w < SL_WORKERS_MAX; w++)
		sl_worker_destroy(wire->workers[w]);
	sl_worker_rings_destroy(wire->rings);
	sl_tx_plan_destroy(wire->plan);
	for (uint32_t p = 0; p < wire->port_count; p++)
		sl_port_close(&wire->ports[p]);
	if (wire->publish)
		sl_publish_destroy(wire->publish);
	for (uint32_t c = 0; c < SL_RX_CORES_MAX; c++)
		sl_core_stats_destroy(wire->core_stats[c]);
	for (uint32_t w = 0; w < SL_WORKERS_MAX; w++)
		sl_mem_free(wire->worker_stats[w], sizeof(*wire->worker_stats[w]));
	if (wire->buffers)
		sl_port_pool_destroy(wire->buffers);
	if (wire->eal_started && is_unplugged(wire))
		sl_eal_leave();
	else if (wire->eal_started)
		sl_eal_stop();
}
