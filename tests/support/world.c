/* SPDX-License-Identifier: BSD-3-Clause */

#include "support/world.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "base/limit.h"

#define THREADS_MAX 32

static void fail(const char *what, const struct sl_err *err)
{
	fprintf(stderr, "%s: %s\n", what, err == NULL ? "no memory" : err->text);
	exit(99);
}

/* The last CPU this process may use. */
static int last_cpu(void)
{
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (int cpu = CPU_SETSIZE - 1; cpu > 0; cpu--)
		if (CPU_ISSET(cpu, &allowed))
			return cpu;
	return 0;
}

static int first_cpu(void)
{
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			return cpu;
	return 0;
}

struct rte_mempool *world_start(const char *instance, uint32_t rx_count, uint32_t worker_count,
				uint32_t memory_mb, uint32_t buffers)
{
	int cpus[THREADS_MAX];
	char name[SL_NAME_SIZE];
	struct sl_eal_spec spec = {
		.instance = name,
		.control_cpu = first_cpu(),
		.rx_cpus = cpus,
		.rx_cpu_count = rx_count,
		.worker_cpus = cpus + rx_count,
		.worker_cpu_count = worker_count,
		.hugepages = SL_EAL_HUGEPAGES_OFF,
		.memory_mb = memory_mb,
	};
	struct sl_eal eal;
	struct sl_err err;
	struct rte_mempool *pool;

	snprintf(name, sizeof(name), "%s.%d", instance, (int)getpid());
	for (uint32_t i = 0; i < THREADS_MAX; i++)
		cpus[i] = first_cpu();
	cpus[rx_count + worker_count - 1] = last_cpu();
	if (sl_eal_start(&spec, &eal, &err) != 0)
		fail("EAL", &err);
	(void)atexit(sl_eal_leave);
	if (sl_port_pool_create("world", buffers, SL_PORT_ROOM, &pool, &err) != 0)
		fail("buffers", &err);
	return pool;
}

void world_port(struct rte_mempool *pool, const char *name, const char *device, uint32_t rx_queues,
		uint32_t tx_queues, struct sl_port *port)
{
	struct sl_port_spec spec = {
		.name = name,
		.device = device,
		.mtu = 1500,
		.promiscuous = true,
		.rx_queues = (uint16_t)rx_queues,
		.tx_queues = (uint16_t)tx_queues,
	};
	struct sl_err err;

	if (sl_port_open(&spec, pool, port, &err) != 0)
		fail(device, &err);
}

struct rte_mbuf *world_frame(struct rte_mempool *pool, const void *octets, uint32_t size,
			     uint32_t room)
{
	struct rte_mbuf *first = NULL;

	for (uint32_t at = 0; at < size;) {
		uint32_t part = room == 0 || size - at < room ? size - at : room;
		struct rte_mbuf *packet = rte_pktmbuf_alloc(pool);
		char *to = packet == NULL ? NULL : rte_pktmbuf_append(packet, (uint16_t)part);

		if (to == NULL)
			fail("frame", NULL);
		memcpy(to, (const uint8_t *)octets + at, part);
		at += part;
		if (first == NULL)
			first = packet;
		else if (rte_pktmbuf_chain(first, packet) != 0)
			fail("frame", NULL);
	}
	return first;
}

void world_octets(const struct rte_mbuf *packet, uint8_t *into)
{
	const void *at = rte_pktmbuf_read(packet, 0, packet->pkt_len, into);

	if (at != into)
		memcpy(into, at, packet->pkt_len);
}
