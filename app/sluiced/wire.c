/* SPDX-License-Identifier: BSD-3-Clause */

#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <rte_cycles.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/turn.h"
#include "work/handler.h"

#define DRAIN_MS_MAX	   10000 /* until the threads must have ended */
#define STAGE_MS_MAX	   1000	 /* until what a core holds back has surely left */
#define DRAIN_NAP_NS	   100000
#define CONTROL_NICE	   -15
#define PORT_LINE_SIZE	   512
#define KERNEL_DEVICE_SIZE 80
#define POOL_NAME_FORMAT   "sluice_buffers"

/* ---- opening ------------------------------------------------------------------------------------
 */

static int open_eal(struct wire *wire, bool debug, struct sl_err *err)
{
	const struct sl_conf_dataplane *conf = &wire->conf->dataplane;
	const char *devices[SL_PORTS_MAX];
	struct sl_eal_spec spec = {
		.instance = conf->instance,
		.control_cpu = conf->control_cpu,
		.rx_cpus = conf->rx_cpus,
		.rx_cpu_count = conf->rx_cpu_count,
		.worker_cpus = conf->worker_cpus,
		.worker_cpu_count = conf->worker_cpu_count,
		.hugepages = (enum sl_eal_hugepages)conf->hugepages,
		.memory_mb = conf->memory_mb,
		.debug = debug,
		.devices = devices,
		.device_count = wire->conf->port_count,
		.extra = (const char *const *)conf->eal,
		.extra_count = conf->eal_count,
	};
	int status;

	for (uint32_t p = 0; p < wire->conf->port_count; p++)
		devices[p] = wire->conf->ports[p].device;
	status = sl_eal_start(&spec, &wire->eal, err);
	if (status < 0)
		return status;
	wire->eal_started = true;
	if (wire->eal.note[0])
		sl_log(SL_LOG_INFO, "%s", wire->eal.note);
	return 0;
}

static int open_ports(struct wire *wire, struct sl_err *err)
{
	const struct sl_conf *conf = wire->conf;
	uint32_t senders = wire->eal.rx_count + wire->eal.worker_count;

	for (uint32_t p = 0; p < conf->port_count; p++) {
		struct sl_port_spec spec = {
			.name = conf->ports[p].name,
			.device = conf->ports[p].device,
			.mtu = conf->ports[p].mtu,
			.promiscuous = conf->ports[p].promiscuous,
			.rx_queues = (uint16_t)wire->eal.rx_count,
			.tx_queues = (uint16_t)senders,
			.rx_waits = conf->dataplane.idle == (int)SL_IDLE_MODE_BACKOFF,
		};
		char line[PORT_LINE_SIZE];
		int status = sl_port_open(&spec, wire->buffers, &wire->ports[p], err);

		if (status < 0)
			return status;
		wire->port_count++;
		sl_log(SL_LOG_INFO, "%s", sl_port_describe(&wire->ports[p], line, sizeof(line)));
		if (wire->ports[p].note[0])
			sl_log(SL_LOG_WARNING, "port %s: %s", conf->ports[p].name,
			       wire->ports[p].note);
	}
	return 0;
}

/* Beside a port that punts to the kernel: a TAP interface of its own, with the port's MAC address.
 * What the kernel sends there leaves by the port. */
static int open_kernel(struct wire *wire, uint32_t port, struct sl_err *err)
{
	const struct sl_conf_port *conf = &wire->conf->ports[port];
	char device[KERNEL_DEVICE_SIZE], name[SL_NAME_SIZE], mac[SL_MAC_TEXT_SIZE];
	struct sl_port_spec spec = {
		.name = name,
		.device = device,
		.mtu = conf->mtu,
		.promiscuous = true,
		.rx_queues = 1,
		.tx_queues = (uint16_t)(wire->eal.rx_count + wire->eal.worker_count),
		.rx_waits = wire->conf->dataplane.idle == (int)SL_IDLE_MODE_BACKOFF,
	};
	int status;

	if (wire->port_count == SL_PORTS_MAX)
		return sl_err_set(err, -ENOSPC, "port %s: punt: kernel needs a port more than %d",
				  conf->name, SL_PORTS_MAX);
	(void)snprintf(name, sizeof(name), "%.55s-kernel", conf->name);
	(void)snprintf(device, sizeof(device), "net_tap_sl%" PRIu32 ",iface=sl-%.12s,mac=%s", port,
		       conf->name, sl_mac_format(&wire->ports[port].mac, mac));
	status = sl_port_open(&spec, wire->buffers, &wire->ports[wire->port_count], err);
	if (status < 0)
		return status;
	wire->ports[wire->port_count].bridge = (uint8_t)(1 + port);
	wire->kernel[port] = (uint8_t)wire->port_count++;
	sl_log(SL_LOG_INFO, "port %s: punts to the kernel by interface sl-%.12s", conf->name,
	       conf->name);
	return 0;
}

static int open_kernels(struct wire *wire, struct sl_err *err)
{
	int status = 0;

	for (uint32_t p = 0; p < wire->conf->port_count && status == 0; p++)
		if (wire->conf->ports[p].punt == SL_CONF_PUNT_KERNEL)
			status = open_kernel(wire, p, err);
	return status;
}

/* Captures may wait for full rings; live traffic is dropped and counted. */
static bool waits(const struct wire *wire)
{
	if (wire->conf->dataplane.queue_full != SL_QUEUE_FULL_AUTO)
		return wire->conf->dataplane.queue_full == SL_QUEUE_FULL_WAIT;
	for (uint32_t p = 0; p < wire->conf->port_count; p++)
		if (!wire->ports[p].is_capture && wire->ports[p].rx_queue_count > 0)
			return false;
	return true;
}

static int open_stats(struct wire *wire)
{
	for (uint32_t c = 0; c < wire->eal.rx_count; c++)
		if (sl_core_stats_create(&wire->core_stats[c]) < 0)
			return -ENOMEM;
	for (uint32_t w = 0; w < wire->eal.worker_count; w++) {
		wire->worker_stats[w] = sl_mem_alloc(sizeof(*wire->worker_stats[w]));
		if (!wire->worker_stats[w])
			return -ENOMEM;
	}
	return 0;
}

static int open_cores(struct wire *wire)
{
	const struct sl_conf_dataplane *conf = &wire->conf->dataplane;

	for (uint32_t c = 0; c < wire->eal.rx_count; c++) {
		struct sl_path_spec spec = {
			.core = c,
			.core_count = wire->eal.rx_count,
			.reader = c,
			.publish = wire->publish,
			.stats = wire->core_stats[c],
			.ports = wire->ports,
			.port_count = wire->port_count,
			.plan = wire->plan,
			.rings = wire->rings,
			.fragments = wire->fragments,
			.buffers = conf->packet_buffers,
			.burst = conf->burst,
			.idle = (enum sl_idle_mode)conf->idle,
			.wait = wire->wait,
		};
		int status = sl_path_core_create(&spec, &wire->cores[c]);

		if (status < 0)
			return status;
	}
	return 0;
}

static int open_workers(struct wire *wire)
{
	const struct sl_conf_dataplane *conf = &wire->conf->dataplane;

	for (uint32_t w = 0; w < wire->eal.worker_count; w++) {
		struct sl_worker_spec spec = {
			.worker = w,
			.reader = wire->eal.rx_count + w,
			.publish = wire->publish,
			.stats = wire->worker_stats[w],
			.ports = wire->ports,
			.port_count = wire->port_count,
			.plan = wire->plan,
			.rings = wire->rings,
			.burst = conf->burst,
			.idle = (enum sl_idle_mode)conf->idle,
			.wait = wire->wait,
		};
		int status = sl_worker_create(&spec, &wire->workers[w]);

		if (status < 0)
			return status;
	}
	return 0;
}

static int open_threads(struct wire *wire)
{
	const struct sl_conf_dataplane *conf = &wire->conf->dataplane;
	int status = sl_publish_create(&wire->publish);

	if (status == 0)
		status = open_stats(wire);
	if (status == 0)
		status = sl_tx_plan_create(wire->ports, wire->port_count, wire->eal.rx_count,
					   wire->eal.worker_count, conf->ring_size, &wire->plan);
	if (status == 0 && wire->eal.worker_count > 0)
		status = sl_worker_rings_create(wire->eal.rx_count, wire->eal.worker_count,
						conf->ring_size, &wire->rings);
	if (status == 0)
		status = sl_frag_tables_create(wire->eal.rx_count, SL_FRAG_ENTRIES,
					       &wire->fragments);
	if (status == 0)
		status = open_cores(wire);
	if (status == 0)
		status = open_workers(wire);
	return status;
}

int wire_open(struct wire *wire, const struct sl_conf *conf, bool debug, struct sl_err *err)
{
	int status;

	memset(wire, 0, sizeof(*wire));
	wire->conf = conf;
	status = open_eal(wire, debug, err);
	if (status < 0)
		return status;
	status = sl_port_pool_create(POOL_NAME_FORMAT, conf->dataplane.packet_buffers,
				     &wire->buffers, err);
	if (status == 0)
		status = open_ports(wire, err);
	if (status == 0)
		status = open_kernels(wire, err);
	if (status < 0)
		return status;
	wire->wait = waits(wire);
	status = open_threads(wire);
	if (status < 0)
		return sl_err_set(err, -ENOMEM,
				  "no memory for rings and cores: %s; raise dataplane.memory_mb or "
				  "lower ring_size",
				  strerror(-status));
	return 0;
}

/* ---- what the model asks ------------------------------------------------------------------------
 */

static int handler_create(void *context, uint32_t node_index, const struct sl_conf_node *node,
			  void **handler, struct sl_err *err)
{
	struct sl_handler_args args = {.node = node->name, .file = node->file};
	struct sl_handler *opened;
	int status = sl_handler_open(node->handler, &args, &opened, err);

	(void)context;
	(void)node_index;
	if (status == 0)
		*handler = opened;
	return status;
}

static void handler_destroy(void *context, void *handler)
{
	(void)context;
	sl_handler_close(handler);
}

static void port_device(void *context, uint32_t port, struct sl_model_port_device *device)
{
	const struct wire *wire = context;
	struct sl_port_counters counters = {0};

	sl_port_counters_read(&wire->ports[port], &counters);
	device->rx_missed = counters.rx_missed;
}

static bool queues_passed(void *context, uint64_t *token)
{
	const struct wire *wire = context;

	if (*token == 0)
		*token = sl_clock_ms() + STAGE_MS_MAX;
	return wire->rings == NULL ? sl_clock_ms() >= *token : wire->passed_ms >= *token;
}

void wire_model_options(struct wire *wire, struct sl_model_options *options)
{
	memset(options, 0, sizeof(*options));
	options->publish = wire->publish;
	options->cores = wire->core_stats;
	options->core_count = wire->eal.rx_count;
	options->workers = wire->worker_stats;
	options->worker_count = wire->eal.worker_count;
	options->tsc_hz = rte_get_tsc_hz();
	for (uint32_t p = 0; p < wire->port_count; p++) {
		options->ports[p].mac = wire->ports[p].mac;
		options->ports[p].kernel = wire->kernel[p];
	}
	options->hooks = (struct sl_model_hooks){
		.context = wire,
		.handler_create = handler_create,
		.handler_destroy = handler_destroy,
		.port_device = port_device,
		.queues_passed = queues_passed,
	};
}

static void add_core(struct sl_control_spec *spec, const char *kind, uint32_t number, int cpu,
		     const uint64_t *busy_cycles, const uint64_t *all_cycles)
{
	struct sl_control_core *core = &spec->cores[spec->core_count++];

	(void)snprintf(core->name, sizeof(core->name), "%s%" PRIu32, kind, number);
	core->cpu = cpu;
	core->busy_cycles = busy_cycles;
	core->all_cycles = all_cycles;
}

void wire_control_cores(const struct wire *wire, struct sl_control_spec *spec)
{
	for (uint32_t c = 0; c < wire->eal.rx_count; c++)
		add_core(spec, "rx", c, sl_eal_cpu(wire->eal.rx_lcore + c),
			 &wire->core_stats[c]->busy_cycles, &wire->core_stats[c]->all_cycles);
	for (uint32_t w = 0; w < wire->eal.worker_count; w++)
		add_core(spec, "worker", w, sl_eal_cpu(wire->eal.worker_lcore + w),
			 &wire->worker_stats[w]->busy_cycles, &wire->worker_stats[w]->all_cycles);
}

/* ---- running ------------------------------------------------------------------------------------
 */

/* Control has little to do, but a polling core that shares its CPU would make it wait for its turn
 * each time. Only the calling thread is changed; without the privilege nothing is. */
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

void wire_tick(struct wire *wire, uint64_t now_ms)
{
	uint32_t count = wire->eal.rx_count * wire->eal.worker_count;

	for (uint32_t i = 0; i < count; i++)
		if (!sl_worker_ring_passed(&wire->rings->ring[i], wire->marks[i]))
			return;
	wire->passed_ms = wire->mark_ms;
	wire->mark_ms = now_ms;
	for (uint32_t i = 0; i < count; i++)
		wire->marks[i] = sl_worker_ring_mark(&wire->rings->ring[i]);
}

static bool all_quiet(const struct wire *wire)
{
	for (uint32_t c = 0; c < wire->launched_cores; c++)
		if (!sl_path_core_is_quiet(wire->cores[c]))
			return false;
	return true;
}

void wire_drain(struct wire *wire)
{
	uint64_t deadline = sl_clock_ms() + DRAIN_MS_MAX;
	struct timespec nap = {.tv_nsec = DRAIN_NAP_NS};

	for (uint32_t c = 0; c < wire->launched_cores; c++)
		sl_path_core_stop(wire->cores[c]);
	while (!all_quiet(wire) && sl_clock_ms() < deadline)
		nanosleep(&nap, NULL);
	if (!all_quiet(wire))
		sl_log(SL_LOG_WARNING, "receive cores still hold packets after %d s",
		       DRAIN_MS_MAX / 1000);
	for (uint32_t w = 0; w < wire->launched_workers; w++)
		sl_worker_stop(wire->workers[w]);
	for (uint32_t w = 0; w < wire->launched_workers; w++)
		sl_eal_wait(wire->eal.worker_lcore + w);
	for (uint32_t c = 0; c < wire->launched_cores; c++)
		sl_path_core_finish(wire->cores[c]);
	for (uint32_t c = 0; c < wire->launched_cores; c++)
		sl_eal_wait(wire->eal.rx_lcore + c);
	wire->launched_workers = 0;
	wire->launched_cores = 0;
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
	if (wire->eal_started)
		sl_eal_stop();
}
