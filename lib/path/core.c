/* SPDX-License-Identifier: BSD-3-Clause */

#include "path/core.h"

#include <errno.h>
#include <string.h>

#include <rte_cpuflags.h>
#include <rte_cycles.h>

#include "base/clock.h"
#include "base/mem.h"
#include "path/address.h"
#include "path/stage.h"
#include "path/virtual.h"
#include "state/decide.h"

/* Busy rounds after which buffers go out anyway, and stages that had no full one meanwhile; so none
 * waits longer than twice that. 16 bursts of 32 fill the stages of 16 workers twice, and last some 20
 * microseconds. */
#define FLUSH_ROUNDS 16

#define TICKS_A_SECOND 1000

/* Buckets of a flow table swept with each round of the loop: beside packets, between short sleeps,
 * between long ones. A million a second when idle, at a percent or two of a CPU. */
#define SWEEP_BUSY 16 /* every so many rounds */
#define SWEEP_IDLE 64
#define SWEEP_LONG 1024

/* ---- creation -------------------------------------------------------------------------------- */

static int queues_find(struct sl_path_core *core)
{
	const struct sl_path_spec *spec = &core->spec;
	int rc = 0;

	for (uint32_t p = 0; p < spec->port_count; p++) {
		const struct sl_port *port = &spec->ports[p];

		for (uint32_t q = 0; q < port->rx_queue_count; q++) {
			struct sl_path_queue *queue = &core->queues[core->queue_count];

			if (sl_port_rx_core(p, q, spec->core_count) != spec->core)
				continue;
			if (core->queue_count == SL_PATH_CORE_QUEUES_MAX)
				return -E2BIG;
			core->queue_count++;
			queue->port_id = port->port_id;
			queue->queue = (uint16_t)q;
			queue->port = (uint8_t)p;
			queue->checksum = port->rx_checksum;
			queue->filter = !port->promiscuous;
			queue->bridge = port->bridge;
			queue->pool = port->pool;
			queue->lengths = port->is_capture;
			if (port->is_capture && spec->wait)
				queue->frame_buffers =
					(uint8_t)SL_MIN(port->frame_buffers, UINT8_MAX);
			memcpy(&queue->mac, port->mac.octets, sizeof(port->mac.octets));
			if (port->is_virtual && queue->bridge == 0)
				rc = sl_path_virtual_create(port, q, &queue->virtual);
			if (rc != 0)
				return rc;
		}
	}
	return 0;
}

static void queues_free(struct sl_path_core *core)
{
	for (uint32_t i = 0; i < core->queue_count; i++)
		sl_path_virtual_destroy(core->queues[i].virtual);
}

static void buffers_init(struct sl_path_core *core)
{
	const struct sl_path_spec *spec = &core->spec;
	struct sl_core_stats *stats = core->stats;
	uint64_t *lost = &stats->dropped[SL_DROP_TX_FAILED];

	for (uint32_t p = 0; p < spec->port_count; p++) {
		struct sl_port_stats *port = &stats->ports[p];

		for (uint32_t class = 0; class < SL_TX_CLASS_COUNT; class ++) {
			struct sl_txbuf *buf = &core->out[p * SL_TX_CLASS_COUNT + class];
			struct sl_tx_counters counters = {&port->tx_packets, &port->tx_bytes,
							  &port->tx_failed, &core->nowhere,
							  &core->nowhere};

			if (class == SL_TX_FORWARDED)
				counters.done = &stats->forwarded;
			if (class == SL_TX_PUNTED)
				counters.done = &stats->punted;
			if (class != SL_TX_OWN)
				counters.lost = lost;
			sl_txbuf_init(buf, spec->plan, p, spec->core, class, spec->wait, &counters);
			buf->relax = sl_path_relax;
			buf->context = core;
		}
	}
	sl_tx_owner_init(&core->owner, spec->plan, spec->core);
}

/* Whether all that the core polls are captures: those that gave nothing have ended. */
static bool only_captures(const struct sl_path_core *core)
{
	for (uint32_t i = 0; i < core->queue_count; i++)
		if (!core->spec.ports[core->queues[i].port].is_capture)
			return false;
	return true;
}

/* Whether the CPU has what the wide variants are compiled for (wide_args in lib/meson.build). */
static bool is_wide(void)
{
	static const enum rte_cpu_flag_t flags[] = {RTE_CPUFLAG_AVX2, RTE_CPUFLAG_BMI1,
						    RTE_CPUFLAG_BMI2, RTE_CPUFLAG_MOVBE,
						    RTE_CPUFLAG_FMA,  RTE_CPUFLAG_F16C};

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(flags); i++)
		if (rte_cpu_get_flag_enabled(flags[i]) <= 0)
			return false;
	return true;
}

int sl_path_core_create(const struct sl_path_spec *spec, struct sl_path_core **core)
{
	struct sl_path_core *made;
	int rc;

	if (spec->burst == 0 || spec->burst > SL_BURST_MAX || spec->port_count > SL_PORTS_MAX ||
	    spec->core >= spec->core_count)
		return -EINVAL;
	made = sl_mem_alloc(sizeof(*made));
	if (made == NULL)
		return -ENOMEM;
	made->spec = *spec;
	made->stats = spec->stats;
	made->core.index = spec->core;
	made->core.is_wide = is_wide();
	made->fragments = spec->fragments->core[spec->core];
	made->hold.buffers_max = spec->buffers / (SL_PATH_HOLD_SHARE * spec->core_count);
	made->outer_id = (uint16_t)spec->core;
	made->outer_step = sl_path_outer_step(spec->core_count);
	made->core.stats = spec->stats;
	rc = queues_find(made);
	if (rc != 0)
		goto queues;
	buffers_init(made);
	made->has_classes = spec->rings != NULL && spec->rings->class_count > 1;
	made->stages = spec->rings == NULL ? NULL : &spec->rings->stages[spec->core];
	rc = sl_publish_reader_add(spec->publish, spec->reader);
	if (rc != 0)
		goto queues;
	sl_publish_reader_offline(spec->publish, spec->reader);
	*core = made;
	return 0;
queues:
	queues_free(made);
	sl_mem_free(made, sizeof(*made));
	return rc;
}

void sl_path_core_destroy(struct sl_path_core *core)
{
	if (core == NULL)
		return;
	sl_publish_reader_remove(core->spec.publish, core->spec.reader);
	queues_free(core);
	sl_mem_free(core, sizeof(*core));
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void buffers_flush(struct sl_path_core *core)
{
	for (uint32_t i = 0; i < core->spec.port_count * SL_TX_CLASS_COUNT; i++)
		sl_txbuf_flush(&core->out[i]);
	core->rounds = 0;
}

void sl_path_flush(struct sl_path_core *core)
{
	if (core->stages != NULL)
		sl_worker_stages_show_all(core->stages);
	buffers_flush(core);
	core->held = false;
}

/* Hand-overs go to queues of its own, which never wait, so this does not come back here. */
void sl_path_relax(void *context)
{
	struct sl_path_core *core = context;

	if (sl_tx_drain(&core->owner, core->out) == 0)
		sl_idle_yield();
	else
		core->held = true;
}

/* The clock of expiry: a look at the machine's once a millisecond. Control hears of it when all that
 * was decided by the one before has left its stamps. */
static inline void tick(struct sl_path_core *core, uint64_t tsc)
{
	if (sl_likely(tsc - core->tick_tsc < core->tick_cycles))
		return;
	core->tick_tsc = tsc;
	__atomic_store_n(&core->stats->clock_ms, core->now_ms, __ATOMIC_RELEASE);
	core->now_ms = sl_clock_ms();
}

static inline void fetch(const struct sl_path_core *core, uint32_t quarter)
{
	if (core->fetches)
		sl_path_fetch(core, quarter);
}

static uint32_t receive_all(struct sl_path_core *core)
{
	uint32_t total = 0, bridged = 0;

	core->starved = false;
	for (uint32_t i = 0; i < core->queue_count; i++) {
		const struct sl_path_queue *queue = &core->queues[i];
		const struct sl_snapshot *snapshot;
		uint32_t count;

		if (sl_unlikely(queue->bridge)) {
			bridged += sl_path_bridge(core, queue);
			continue;
		}
		count = sl_path_receive(core, queue);
		if (count == 0)
			continue;
		if (core->stages != NULL)
			sl_path_fetch_begin(core);
		fetch(core, 0);
		snapshot = sl_publish_get(core->spec.publish);
		if (sl_unlikely(core->burst_flags & SL_PKT_FRAGMENT))
			sl_path_follow_fragments(core, snapshot, queue->port);
		if (sl_unlikely(core->burst_flags & (SL_PKT_OWN | SL_PKT_ICMP_ERROR)))
			sl_path_own(core, snapshot, queue->port);
		if (sl_unlikely(snapshot->tunnels))
			sl_path_show_frames(core);
		if (sl_unlikely(sl_path_is_traced(core)))
			sl_path_decide_traced(core, snapshot, queue->port);
		else
			sl_decide(snapshot, &core->core, &core->burst, core->now_ms);
		if (sl_unlikely(snapshot->addresses))
			sl_address_note(snapshot, &core->core, &core->burst);
		if (sl_unlikely(queue->virtual != NULL))
			sl_path_complete(core, queue);
		fetch(core, 1);
		sl_path_act(core, snapshot, queue->port);
		fetch(core, 2);
		if (sl_unlikely(core->hold.learned_count > 0))
			sl_path_release_fragments(core, snapshot);
		sl_stats_add(&core->stats->bursts, 1);
		core->held = true;
		total += count;
		fetch(core, 3);
	}
	if (sl_unlikely(bridged > 0)) {
		core->held = true;
		sl_path_stir(core);
	}
	return total;
}

/* What is held goes out when nothing more comes, or when it waited long enough. */
static void flush_due(struct sl_path_core *core, uint32_t work)
{
	if (work == 0 && core->held) {
		sl_path_flush(core);
	} else if (++core->rounds >= FLUSH_ROUNDS) {
		if (core->stages != NULL)
			sl_worker_stages_show_old(core->stages);
		buffers_flush(core);
	}
}

/* Ages flow tables: a little beside packets, more when there is nothing else to do. */
static void sweep(struct sl_path_core *core, uint32_t received)
{
	const struct sl_snapshot *snapshot = sl_publish_get(core->spec.publish);
	uint32_t idle = core->idle.sleep_ns > SL_IDLE_SLEEP_NS ? SWEEP_LONG : SWEEP_IDLE;

	if (received && ++core->unswept < SWEEP_BUSY)
		return;
	core->unswept = 0;
	sl_decide_sweep(snapshot, &core->core, core->now_ms, received ? SWEEP_BUSY : idle);
}

static void account(struct sl_path_core *core, uint32_t work, uint32_t received)
{
	uint64_t now = rte_rdtsc();

	sl_stats_add(&core->stats->all_cycles, now - core->last_tsc);
	if (work > 0)
		sl_stats_add(&core->stats->busy_cycles, now - core->last_tsc);
	if (received > 0) {
		if (core->stats->first_packet_tsc == 0)
			sl_stats_add(&core->stats->first_packet_tsc, core->last_tsc);
		__atomic_store_n(&core->stats->last_packet_tsc, now, __ATOMIC_RELEASE);
	}
	core->last_tsc = now;
	sl_idle_round(&core->idle, now);
}

uint32_t sl_path_round(struct sl_path_core *core, bool receives)
{
	uint32_t received = 0, work;

	tick(core, core->last_tsc);
	if (sl_likely(receives))
		received = receive_all(core);
	if (sl_unlikely(core->hold.count > 0))
		sl_path_retry_fragments(core, sl_publish_get(core->spec.publish), !receives);
	work = received + sl_tx_drain(&core->owner, core->out);
	core->held |= work > 0;
	flush_due(core, work);
	sweep(core, received);
	sl_publish_quiescent(core->spec.publish, core->spec.reader);
	if (sl_likely(work > 0))
		sl_path_stir(core);
	else if (sl_unlikely(core->starved))
		sl_path_relax(core);
	else
		sl_path_rest(core, receives);
	account(core, work, received);
	return work;
}

void sl_path_begin(struct sl_path_core *core)
{
	core->tick_cycles = rte_get_tsc_hz() / TICKS_A_SECOND;
	core->last_tsc = rte_rdtsc();
	core->tick_tsc = core->last_tsc;
	core->now_ms = sl_clock_ms();
	sl_idle_init(&core->idle, core->spec.idle,
		     only_captures(core) ? SL_IDLE_SLEEP_NS_CAPTURE : SL_IDLE_SLEEP_NS);
	sl_path_watch(core);
	sl_publish_reader_online(core->spec.publish, core->spec.reader);
}

int sl_path_core_run(void *argument)
{
	struct sl_path_core *core = argument;

	sl_path_begin(core);
	for (;;) {
		int phase = atomic_load_explicit(&core->phase, memory_order_acquire);
		uint32_t work = sl_path_round(core, phase == SL_PATH_RUN);

		if (sl_likely(phase == SL_PATH_RUN))
			continue;
		if (!core->held)
			atomic_store_explicit(&core->quiet, true, memory_order_release);
		if (phase == SL_PATH_FINISH && work == 0)
			break;
	}
	sl_publish_reader_offline(core->spec.publish, core->spec.reader);
	return 0;
}

/* ---- control --------------------------------------------------------------------------------- */

void sl_path_core_stop(struct sl_path_core *core)
{
	atomic_store_explicit(&core->phase, SL_PATH_STOP, memory_order_release);
	sl_bell_wake(&core->spec.plan->bell[core->spec.core]);
}

void sl_path_core_hasten(struct sl_path_core *core)
{
	atomic_store_explicit(&core->phase, SL_PATH_HASTE, memory_order_release);
	sl_bell_wake(&core->spec.plan->bell[core->spec.core]);
}

bool sl_path_core_is_quiet(const struct sl_path_core *core)
{
	return atomic_load_explicit(&core->quiet, memory_order_acquire);
}

void sl_path_core_finish(struct sl_path_core *core)
{
	atomic_store_explicit(&core->phase, SL_PATH_FINISH, memory_order_release);
	sl_bell_wake(&core->spec.plan->bell[core->spec.core]);
}
