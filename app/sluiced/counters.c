/* SPDX-License-Identifier: BSD-3-Clause */

#include "counters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "io/telemetry.h"

#define NAME_SIZE 48

static void read_balance(const struct wire *wire, struct sl_balance *balance)
{
	sl_stats_balance(wire->core_stats, wire->eal.rx_count, wire->worker_stats,
			 wire->eal.worker_count, balance);
}

static int fill_balance(void *context, const char *params, struct sl_telemetry *out)
{
	struct sl_balance balance;

	(void)params;
	read_balance(context, &balance);
	sl_telemetry_number(out, "received", balance.received);
	sl_telemetry_number(out, "delivered", balance.delivered);
	sl_telemetry_number(out, "forwarded", balance.forwarded);
	sl_telemetry_number(out, "punted", balance.punted);
	sl_telemetry_number(out, "dropped", balance.dropped);
	sl_telemetry_number(out, "in_flight", balance.in_flight);
	return 0;
}

static int fill_dropped(void *context, const char *params, struct sl_telemetry *out)
{
	struct sl_balance balance;

	(void)params;
	read_balance(context, &balance);
	for (uint32_t d = 0; d < SL_DROP_COUNT; d++)
		sl_telemetry_number(out, sl_drop_name((enum sl_drop)d), balance.drops[d]);
	return 0;
}

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void add_port(struct sl_port_stats *sum, const struct sl_port_stats *part)
{
	sum->rx_packets += load(&part->rx_packets);
	sum->rx_bytes += load(&part->rx_bytes);
	sum->tx_packets += load(&part->tx_packets);
	sum->tx_bytes += load(&part->tx_bytes);
	sum->tx_failed += load(&part->tx_failed);
}

static void read_port(const struct wire *wire, uint32_t port, struct sl_port_stats *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint32_t c = 0; c < wire->eal.rx_count; c++)
		add_port(sum, &wire->core_stats[c]->ports[port]);
	for (uint32_t w = 0; w < wire->eal.worker_count; w++)
		add_port(sum, &wire->worker_stats[w]->ports[port]);
}

/* Names with the packets received. */
static int fill_ports(void *context, const char *params, struct sl_telemetry *out)
{
	const struct wire *wire = context;
	struct sl_port_stats sum;

	(void)params;
	for (uint32_t p = 0; p < wire->port_count; p++) {
		read_port(wire, p, &sum);
		sl_telemetry_number(out, wire->conf->ports[p].name, sum.rx_packets);
	}
	return 0;
}

static int fill_port(void *context, const char *params, struct sl_telemetry *out)
{
	const struct wire *wire = context;
	struct sl_port_stats sum;

	for (uint32_t p = 0; p < wire->port_count; p++) {
		if (strcmp(wire->conf->ports[p].name, params) != 0)
			continue;
		read_port(wire, p, &sum);
		sl_telemetry_number(out, "rx_packets", sum.rx_packets);
		sl_telemetry_number(out, "rx_bytes", sum.rx_bytes);
		sl_telemetry_number(out, "tx_packets", sum.tx_packets);
		sl_telemetry_number(out, "tx_bytes", sum.tx_bytes);
		sl_telemetry_number(out, "tx_failed", sum.tx_failed);
		return 0;
	}
	return -ENOENT;
}

static void add_core(struct sl_telemetry *out, const char *kind, uint32_t number,
		     const uint64_t *busy, const uint64_t *all)
{
	char name[NAME_SIZE];

	(void)snprintf(name, sizeof(name), "%s%" PRIu32 "_busy_cycles", kind, number);
	sl_telemetry_number(out, name, load(busy));
	(void)snprintf(name, sizeof(name), "%s%" PRIu32 "_all_cycles", kind, number);
	sl_telemetry_number(out, name, load(all));
}

static int fill_cores(void *context, const char *params, struct sl_telemetry *out)
{
	const struct wire *wire = context;

	(void)params;
	for (uint32_t c = 0; c < wire->eal.rx_count; c++)
		add_core(out, "rx", c, &wire->core_stats[c]->busy_cycles,
			 &wire->core_stats[c]->all_cycles);
	for (uint32_t w = 0; w < wire->eal.worker_count; w++)
		add_core(out, "worker", w, &wire->worker_stats[w]->busy_cycles,
			 &wire->worker_stats[w]->all_cycles);
	return 0;
}

int counters_offer(struct wire *wire)
{
	static const struct {
		const char *name, *help;
		sl_telemetry_fill *fill;
	} commands[] = {
		{"/sluice/balance", "What became of all packets received", fill_balance},
		{"/sluice/dropped", "Packets dropped, by reason", fill_dropped},
		{"/sluice/ports", "Ports, with the packets each received", fill_ports},
		{"/sluice/port", "Counters of a port. Parameter: its name", fill_port},
		{"/sluice/cores", "Cycles of each core, and those that did work", fill_cores},
	};
	int status = 0;

	for (size_t i = 0; i < SL_ARRAY_COUNT(commands) && status == 0; i++)
		status = sl_telemetry_add(commands[i].name, commands[i].help, commands[i].fill,
					  wire);
	return status;
}

void counters_end(void)
{
	sl_telemetry_end();
}
