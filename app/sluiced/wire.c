/* SPDX-License-Identifier: BSD-3-Clause */

#include "wire.h"
#include "watch.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <rte_mempool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "handlers.h"
#include "io/interface.h"
#include "links.h"
#include "signals.h"
#include "understudy.h"
#include "xdp/kernel.h"

#define STAGE_MS_MAX	   1000 /* until what a core holds back has surely left */
#define PORT_LINE_SIZE	   512
#define KERNEL_DEVICE_SIZE 80
#define POOL_NAME_FORMAT   "sluice_buffers"

/* ---- opening --------------------------------------------------------------------------------- */

static int open_eal(struct wire *wire, struct sl_err *err)
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

static struct sl_port_spec port_spec(const struct wire *wire, uint32_t port)
{
	const struct sl_conf_port *conf = &wire->conf->ports[port];

	return (struct sl_port_spec){
		.name = conf->name,
		.device = conf->device,
		.mtu = conf->mtu,
		.promiscuous = conf->promiscuous,
		.rx_queues = (uint16_t)wire->eal.rx_count,
		.tx_queues = (uint16_t)(wire->eal.rx_count + wire->eal.worker_count),
		.rx_waits = wire->conf->dataplane.idle == (int)SL_IDLE_MODE_BACKOFF,
		.spoken = sl_conf_resolver(conf) == SL_NEIGHBORS_OWN || sl_conf_announces(conf) ||
			  sl_conf_is_heard(conf),
		.program = wire->xdp && sl_conf_xdp_interface(conf) ? sl_xdp_program_path(wire->xdp)
								    : NULL,
	};
}

/* Octets of a frame in one buffer: what the ports want, that wants most. */
static uint32_t room(const struct wire *wire)
{
	uint32_t most = SL_PORT_ROOM;

	for (uint32_t p = 0; p < wire->conf->port_count; p++) {
		struct sl_port_spec spec = port_spec(wire, p);

		most = SL_MAX(most, sl_port_room(&spec));
	}
	return most;
}

static int open_ports(struct wire *wire, struct sl_err *err)
{
	const struct sl_conf *conf = wire->conf;

	for (uint32_t p = 0; p < conf->port_count; p++) {
		struct sl_port_spec spec = port_spec(wire, p);
		char line[PORT_LINE_SIZE];
		int status = signals_ask_for_the_end()
				     ? -ECANCELED
				     : sl_port_open(&spec, wire->buffers, &wire->ports[p], err);

		if (status < 0)
			return status;
		wire->port_count++;
		sl_link_read(&wire->ports[p], &wire->links[p]);
		sl_log(SL_LOG_INFO, "%s", sl_port_describe(&wire->ports[p], line, sizeof(line)));
		if (wire->ports[p].note[0])
			sl_log(SL_LOG_WARNING, "port %s: %s", conf->ports[p].name,
			       wire->ports[p].note);
	}
	return 0;
}

/* The interface is there: another port's of this file, or nobody knows whose. */
static int refuse_kernel(const struct wire *wire, const char *port, const char *interface,
			 struct sl_err *err)
{
	for (uint32_t p = 0; p < wire->port_count; p++)
		if (wire->ports[p].interface == if_nametoindex(interface))
			return sl_err_set(err, -EINVAL,
					  "port %s: punt: kernel makes an interface %s, which is "
					  "that of port %s: name one of them otherwise",
					  port, interface, wire->ports[p].name);
	return sl_err_set(
		err, -EEXIST,
		"port %s: punt: kernel makes an interface %s, but one of that name is "
		"there and is not ours: remove it (`ip link delete %s`), or name the port "
		"otherwise",
		port, interface, interface);
}

/* Beside a port that punts to the kernel: a TAP interface of its own, with the port's MAC address.
 * What the kernel sends there leaves by the port. */
static int open_kernel(struct wire *wire, uint32_t port, struct sl_err *err)
{
	const struct sl_conf_port *conf = &wire->conf->ports[port];
	char device[KERNEL_DEVICE_SIZE], name[SL_NAME_SIZE], mac[SL_MAC_TEXT_SIZE];
	char interface[SL_INTERFACE_NAME_SIZE];
	struct sl_port_spec spec = {
		.name = name,
		.device = device,
		.mtu = wire->ports[port].mtu,
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
	sl_interface_name("sl-", conf->name, interface);
	if (sl_interface_is_there(interface))
		return refuse_kernel(wire, conf->name, interface, err);
	(void)snprintf(device, sizeof(device), "net_tap_sl%" PRIu32 ",iface=%s,mac=%s", port,
		       interface, sl_mac_format(&wire->ports[port].mac, mac));
	status = sl_port_open(&spec, wire->buffers, &wire->ports[wire->port_count], err);
	if (status < 0)
		return status;
	wire->ports[wire->port_count].bridge = (uint8_t)(1 + port);
	wire->kernel[port] = (uint8_t)wire->port_count++;
	sl_log(SL_LOG_INFO, "port %s: punts to the kernel by interface %s", conf->name, interface);
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
	struct sl_turns_class classes[SL_CLASSES_MAX];

	for (uint32_t c = 0; c < wire->conf->class_count; c++)
		classes[c] = (struct sl_turns_class){
			.priority = wire->conf->classes[c].priority,
			.max_wait = wire->conf->classes[c].max_wait_ms * (rte_get_tsc_hz() / 1000)};

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
			.classes = classes,
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
	if (status == 0)
		sl_speaker_init(&wire->speaker, wire->plan, wire->buffers);
	if (status == 0 && wire->eal.worker_count > 0)
		status = sl_worker_rings_create(wire->eal.rx_count, wire->eal.worker_count,
						SL_MAX(wire->conf->class_count, 1u),
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

/* More receive queues than one core polls: whoever has fewer cores than that needs more. */
static int refuse_queues(const struct wire *wire, struct sl_err *err)
{
	uint32_t queues = 0;

	for (uint32_t p = 0; p < wire->port_count; p++)
		queues += wire->ports[p].rx_queue_count;
	return sl_err_set(err, -ERANGE,
			  "%" PRIu32 " receive queues for %" PRIu32 " receive cores: a core polls "
			  "%d at most; give more rx_cpus, or devices with fewer queues",
			  queues, wire->eal.rx_count, SL_PATH_CORE_QUEUES_MAX);
}

int wire_open(struct wire *wire, const struct sl_conf *conf, struct sl_err *err)
{
	int status;

	memset(wire, 0, sizeof(*wire));
	wire->conf = conf;
	status = open_eal(wire, err);
	if (status < 0)
		return status;
	status = understudy_open(wire, err);
	if (status < 0)
		return status;
	status = sl_port_pool_create(POOL_NAME_FORMAT, conf->dataplane.packet_buffers, room(wire),
				     &wire->buffers, err);
	if (status == 0)
		status = open_ports(wire, err);
	if (status == 0)
		status = open_kernels(wire, err);
	if (status < 0)
		return status;
	wire->wait = waits(wire);
	status = open_threads(wire);
	if (status == -E2BIG)
		return refuse_queues(wire, err);
	if (status < 0)
		return sl_err_set(err, -ENOMEM,
				  "no memory for rings and cores: %s; raise dataplane.memory_mb or "
				  "lower ring_size",
				  strerror(-status));
	return 0;
}

/* ---- what the model asks --------------------------------------------------------------------- */

static void port_device(void *context, uint32_t port, struct sl_model_port_device *device)
{
	struct wire *wire = context;
	struct sl_port_counters counters = {0};

	sl_port_counters_read(&wire->ports[port], &counters);
	device->rx_missed = counters.rx_missed;
	device->rx_no_buffer = counters.rx_no_buffer;
	device->link = links_state(&wire->links[port]);
	device->speed_mbps = wire->links[port].speed_mbps;
	device->rx_queues = wire->ports[port].rx_queue_count;
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
		options->ports[p].mtu = wire->links[p].mtu;
		options->ports[p].kernel = wire->kernel[p];
	}
	options->hooks = (struct sl_model_hooks){
		.context = wire,
		.published = understudy_write,
		.understudy = understudy_report,
		.port_device = port_device,
		.queues_passed = queues_passed,
	};
	handlers_hooks(&options->hooks);
}

/* Where the kernel sees what the port receives: the interface itself, or the one it punts to. */
static uint32_t seen_by_kernel(const struct wire *wire, uint32_t port)
{
	const struct sl_port *own = &wire->ports[port];

	if (wire->kernel[port] && strcmp(own->driver, "net_af_packet") != 0)
		return wire->ports[wire->kernel[port]].interface;
	return own->interface;
}

static bool say(void *context, uint32_t port, const uint8_t *frame, uint32_t size)
{
	struct wire *wire = context;

	return sl_speaker_say(&wire->speaker, port, frame, size);
}

static void flush_said(void *context)
{
	struct wire *wire = context;

	sl_speaker_flush(&wire->speaker);
}

void wire_neighbors(struct wire *wire, struct sl_neighbors_spec *spec)
{
	spec->link = (struct sl_neigh_link){.say = say,
					    .flush = flush_said,
					    .context = wire,
					    .cores = wire->core_stats,
					    .core_count = wire->eal.rx_count};
	for (uint32_t p = 0; p < wire->port_count; p++)
		spec->link.mac[p] = wire->ports[p].mac;
	for (uint32_t p = 0; p < wire->conf->port_count; p++)
		if (sl_conf_resolver(&wire->conf->ports[p]) == SL_NEIGHBORS_KERNEL)
			spec->interface[p] = seen_by_kernel(wire, p);
}

void wire_way(struct wire *wire, struct sl_way_link *way)
{
	*way = (struct sl_way_link){.say = say, .flush = flush_said, .context = wire};
	sl_interface_name("slh-", wire->conf->dataplane.instance, way->name);
	way->number = sl_interface_hash(wire->conf->dataplane.instance);
	for (uint32_t p = 0; p < wire->conf->port_count; p++)
		if (sl_conf_is_heard(&wire->conf->ports[p]))
			way->interface[p] = seen_by_kernel(wire, p);
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
	spec->rx_cores = wire->eal.rx_count;
	watch_fill(wire, &spec->fill);
	for (uint32_t c = 0; c < wire->eal.rx_count; c++)
		add_core(spec, "rx", c, sl_eal_cpu(wire->eal.rx_lcore + c),
			 &wire->core_stats[c]->busy_cycles, &wire->core_stats[c]->all_cycles);
	for (uint32_t w = 0; w < wire->eal.worker_count; w++)
		add_core(spec, "worker", w, sl_eal_cpu(wire->eal.worker_lcore + w),
			 &wire->worker_stats[w]->busy_cycles, &wire->worker_stats[w]->all_cycles);
}
