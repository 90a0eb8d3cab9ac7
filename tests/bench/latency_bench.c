/* SPDX-License-Identifier: BSD-3-Clause */

/* What a packet waits on its way through a daemon that serves the other end of a net_memif: shared memory,
 * no kernel between. latency.py starts both.
 *
 * First the capacity: as many as go through. Then shares of it, in turns: packets leave at the times that
 * the rate gives, whether or not the ones before have come back, and each carries the time at which
 * it should have left, so that what waits here counts, too. Latency: from then until it is back.
 *
 * On a machine that others use, too, turns are short, and those in which this thread or the daemon's
 * had to wait for its CPU (schedstat) do not count; how many were left is in the figures.
 *
 * Usage: latency_bench SOCKET /proc/PID/task/TID/schedstat [--flows N] [--turns N]
 */

#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/bytes.h"
#include "bench/figure.h"
#include "pkt/csum.h"
#include "pkt/hdr.h"
#include "support/world.h"

#define BURST	    32
#define FRAME_SIZE  96 /* room for the time at its end, whatever is put in front */
#define TURN_MS	    2
#define TURNS_MAX   10001
#define SAMPLES_MAX (64u << 20)
#define LINK_MS	    10000
#define QUIET_US    500 /* after a turn: silence after which no more are coming */
#define PROBE_US    20	/* a packet that is back that soon found the daemon running */
#define FIRST_PORT  1024

static const uint32_t shares[] = {10, 50, 90}; /* % of the capacity */
#define SHARES SL_ARRAY_COUNT(shares)

static struct sl_port port;
static struct rte_mempool *pool;
static uint32_t flows = 1000, turns = 1001;
static uint8_t frame[FRAME_SIZE];
static int schedstat[2]; /* of this thread and the daemon's */

/* Latencies of one share in ticks, of all turns. */
static struct samples {
	uint32_t *ticks;
	uint64_t count;
} samples[SHARES];

static void frame_init(void)
{
	static const uint8_t to_all[] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2};
	uint8_t *ip = frame + SL_ETH_SIZE, *udp = ip + SL_IP4_SIZE;

	memcpy(frame, to_all, sizeof(to_all));
	sl_store_be16(frame + SL_ETH_TYPE, SL_ETHERTYPE_IPV4);
	ip[0] = SL_IP4_FIRST;
	sl_store_be16(ip + SL_IP4_TOTAL, FRAME_SIZE - SL_ETH_SIZE);
	ip[SL_IP4_TTL] = 64;
	ip[SL_IP4_PROTOCOL] = SL_PROTO_UDP;
	sl_store_be32(ip + SL_IP4_SRC, 0x0a000001);
	sl_store_be32(ip + SL_IP4_DST, 0x0a010000);
	sl_store16(ip + SL_IP4_SUM, sl_csum(ip, SL_IP4_SIZE));
	sl_store_be16(udp + 2, 53);
	sl_store_be16(udp + SL_UDP_LENGTH, FRAME_SIZE - SL_ETH_SIZE - SL_IP4_SIZE);
}

/* Sends count packets that should leave at `due`, `step` ticks apart; what the device does not take is
 * tried again, since its time to leave stays. */
static void send_due(uint32_t count, uint64_t due, double step)
{
	static uint32_t flow;
	struct rte_mbuf *packets[BURST];

	if (rte_pktmbuf_alloc_bulk(pool, packets, count) != 0)
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *octets = (uint8_t *)rte_pktmbuf_append(packets[i], FRAME_SIZE);

		memcpy(octets, frame, FRAME_SIZE);
		flow = flow + 1 < flows ? flow + 1 : 0;
		sl_store_be16(octets + SL_ETH_SIZE + SL_IP4_SIZE,
			      (uint16_t)(FIRST_PORT + flow % 60000));
		sl_store64(octets + FRAME_SIZE - sizeof(uint64_t), due + (uint64_t)(i * step));
	}
	for (uint32_t done = 0; done < count;)
		done += rte_eth_tx_burst(port.port_id, 0, packets + done, (uint16_t)(count - done));
}

/* Takes what is back; into: NULL: only counts. */
static uint32_t receive(struct samples *into)
{
	struct rte_mbuf *packets[BURST];
	uint32_t count = rte_eth_rx_burst(port.port_id, 0, packets, BURST);
	uint64_t now = rte_rdtsc();

	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *end =
			rte_pktmbuf_mtod(packets[i], const uint8_t *) + packets[i]->data_len;
		uint64_t ticks = now - sl_load64(end - sizeof(uint64_t));

		if (into != NULL && into->count < SAMPLES_MAX)
			into->ticks[into->count++] = (uint32_t)SL_MIN(ticks, UINT32_MAX);
	}
	rte_pktmbuf_free_bulk(packets, count);
	return count;
}

static uint64_t ticks_of(uint32_t us)
{
	return rte_get_tsc_hz() / 1000000 * us;
}

static void quiet(struct samples *into)
{
	uint64_t last = rte_rdtsc();

	while (rte_rdtsc() - last < ticks_of(QUIET_US))
		if (receive(into) > 0)
			last = rte_rdtsc();
}

/* Nanoseconds that both threads have waited for their CPUs. */
static uint64_t waited(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(schedstat); i++) {
		unsigned long long run = 0, wait = 0;
		char text[128] = "";

		if (pread(schedstat[i], text, sizeof(text) - 1, 0) < 0 ||
		    sscanf(text, "%llu %llu", &run, &wait) != 2)
			exit(1);
		sum += wait;
	}
	return sum;
}

/* Until nothing is on the way and a packet is back at once: both threads have their CPUs, and what
 * they waited for them is known. */
static void meet(void)
{
	for (;;) {
		uint64_t start;

		quiet(NULL);
		start = rte_rdtsc();
		send_due(1, start, 0);
		while (receive(NULL) == 0 && rte_rdtsc() - start < ticks_of(QUIET_US))
			;
		if (rte_rdtsc() - start < ticks_of(PROBE_US))
			return;
	}
}

/* Packets a tick that come back when as many are on the way as rings hold without loss. */
static double capacity_turn(void)
{
	uint64_t start = rte_rdtsc(), now;
	uint32_t out = 0, back = 0, got;

	do {
		if (out < 16 * BURST) {
			send_due(BURST, 0, 0);
			out += BURST;
		}
		got = receive(NULL);
		out -= SL_MIN(got, out);
		back += got;
		now = rte_rdtsc();
	} while (now - start < ticks_of(1000 * TURN_MS));
	return (double)back / (double)(now - start);
}

/* Returns the share of packets that did not come back. */
static double turn(double per_tick, struct samples *into)
{
	uint64_t start = rte_rdtsc(), end = start + ticks_of(1000 * TURN_MS), now, sent = 0;
	uint64_t before = into->count;

	while ((now = rte_rdtsc()) < end) {
		uint64_t due = (uint64_t)((double)(now - start) * per_tick);

		if (due > sent) {
			uint32_t count = (uint32_t)SL_MIN(due - sent, (uint64_t)BURST);

			send_due(count, start + (uint64_t)((double)sent / per_tick), 1 / per_tick);
			sent += count;
		}
		receive(into);
	}
	quiet(into);
	return sent == 0 ? 0 : 1 - (double)(into->count - before) / (double)sent;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_share(uint32_t s, double per_second, double *lost, uint32_t kept)
{
	static const struct {
		const char *name;
		double part;
	} points[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
	struct samples *all = &samples[s];
	char more[160], name[64];
	struct figure_with with = {flows, 1, 0, more};

	qsort(all->ticks, all->count, sizeof(*all->ticks), compare);
	snprintf(more, sizeof(more),
		 "\"load\": %u, \"turns_kept\": %u, \"packets_per_second\": %.0f, \"packets\": "
		 "%lu, \"turns_all\": %u, "
		 "\"turn_ms\": %u",
		 shares[s], kept, per_second * shares[s] / 100, (unsigned long)all->count, turns,
		 TURN_MS);
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(points) && all->count > 0; i++) {
		uint64_t at = (uint64_t)(points[i].part * (double)(all->count - 1));
		double us = all->ticks[at] * 1e6 / (double)rte_get_tsc_hz();

		snprintf(name, sizeof(name), "latency %s at %u %%", points[i].name, shares[s]);
		figure_print(name, "us", &us, 1, &with);
	}
	if (kept > 0)
		figure_print("latency: not come back", "%", lost, kept, &with);
}

static void measure(void)
{
	static double capacity[TURNS_MAX], lost[SHARES][TURNS_MAX];
	struct figure_with with = {flows, 1, 0, NULL};
	uint32_t kept[SHARES] = {0}, capacities = 0;
	double per_tick;

	for (uint32_t i = 0; i < turns || (capacities == 0 && i < TURNS_MAX); i++) {
		uint64_t before;

		meet();
		before = waited();
		capacity[capacities] = capacity_turn() * (double)rte_get_tsc_hz();
		meet();
		capacities += waited() == before;
	}
	if (capacities == 0)
		return;
	figure_print("latency: capacity", "packets/s", capacity, capacities, &with);
	per_tick = capacity[capacities / 2] / (double)rte_get_tsc_hz();
	for (uint32_t i = 0; i < turns; i++)
		for (uint32_t s = 0; s < SHARES; s++) {
			uint64_t count = samples[s].count, before;

			meet();
			before = waited();
			lost[s][kept[s]] = 100 * turn(per_tick * shares[s] / 100, &samples[s]);
			meet();
			if (waited() == before)
				kept[s]++;
			else
				samples[s].count = count;
		}
	for (uint32_t s = 0; s < SHARES; s++)
		print_share(s, capacity[capacities / 2], lost[s], kept[s]);
}

static bool wait_for_link(void)
{
	struct rte_eth_link link = {0};

	for (uint32_t i = 0; i < LINK_MS / 10; i++) {
		if (rte_eth_link_get_nowait(port.port_id, &link) == 0 && link.link_status)
			return true;
		usleep(10000);
	}
	return false;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {{"turns", required_argument, NULL, 't'},
					      {"flows", required_argument, NULL, 'f'},
					      {NULL, 0, NULL, 0}};
	char device[256];
	cpu_set_t cpu;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		uint32_t number = option == '?' ? 0 : (uint32_t)strtoul(optarg, NULL, 10);

		if (option == 'f' && number > 0)
			flows = number;
		else if (option == 't' && number > 0 && number <= TURNS_MAX)
			turns = number;
		else
			return 1;
	}
	if (optind + 2 != argc)
		return 1;
	schedstat[0] = open("/proc/thread-self/schedstat", O_RDONLY);
	schedstat[1] = open(argv[optind + 1], O_RDONLY);
	pool = world_start("latency_bench", 1, 0, 128, 8192);
	snprintf(device, sizeof(device), "net_memif0,role=client,id=0,socket-abstract=no,socket=%s",
		 argv[optind]);
	world_port(pool, "p0", device, 1, 1, &port);
	CPU_ZERO(&cpu);
	CPU_SET((int)sysconf(_SC_NPROCESSORS_ONLN) - 1, &cpu);
	for (uint32_t s = 0; s < SHARES; s++)
		samples[s].ticks = malloc((size_t)SAMPLES_MAX * sizeof(uint32_t));
	if (sched_setaffinity(0, sizeof(cpu), &cpu) != 0 || !wait_for_link()) {
		fprintf(stderr, "latency_bench: no daemon at %s\n", argv[optind]);
		return 1;
	}
	frame_init();
	measure();
	return 0;
}
