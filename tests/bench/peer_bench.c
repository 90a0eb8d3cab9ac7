/* SPDX-License-Identifier: BSD-3-Clause */

/* What DPDK itself brings to find a flow's worker, on top of the floor of path_bench: cycles per packet.
 *
 * floor:    receive, headers written each packet, transmit.
 * ring:     and through an SPSC ring, burst by burst.
 * rte_hash: and a bulk lookup of the packet's five-tuple (16 octets) among all flows.
 * EFD:      the same with rte_efd, whose answers need a SIMD limit on this DPDK (see --list).
 * All take turns in one process; medians with least and most, one JSON object a line.
 *
 * Usage: peer_bench [--flows N] [--turns N]
 */

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_efd.h>
#include <rte_ethdev.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/bytes.h"
#include "pkt/hdr.h"

#define BURST	     32
#define FRAME_SIZE   64
#define TURN_PACKETS 8192
#define TURNS_MAX    10001
#define WORKERS	     16
#define BUFFERS	     8192

enum peer { FLOOR, RING, HASH, EFD, PEER_COUNT };

static const char *const names[] = {"floor", "ring", "rte_hash", "efd"};

/* A five-tuple as rte_hash and EFD want it. */
struct tuple {
	uint32_t src, dst, ports, protocol;
};

static struct {
	uint64_t random;
	uint32_t flows;
	uint8_t octets[FRAME_SIZE] __attribute__((aligned(FRAME_SIZE)));
} generator;

static struct rte_hash *hash;
static struct rte_efd_table *efd;
static struct rte_ring *ring;
static uint64_t given[WORKERS];

static struct tuple tuple_of(uint32_t flow)
{
	uint32_t low = flow & 0xffff;

	return (struct tuple){.src = low | (~low << 16),
			      .dst = 0x0000010a,
			      .ports = (uint32_t)sl_be16((uint16_t)(1024 + (flow >> 16))) |
				       (uint32_t)sl_be16(53) << 16,
			      .protocol = SL_PROTO_UDP};
}

static uint16_t write_headers(uint16_t port, uint16_t queue, struct rte_mbuf **packets,
			      uint16_t count, uint16_t room, void *context)
{
	(void)port;
	(void)queue;
	(void)room;
	(void)context;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *frame = rte_pktmbuf_mtod(packets[i], uint8_t *);
		struct tuple tuple;

		generator.random =
			generator.random * 6364136223846793005ull + 1442695040888963407ull;
		tuple = tuple_of((uint32_t)(((generator.random >> 32) * generator.flows) >> 32));
		memcpy(frame, generator.octets, FRAME_SIZE);
		sl_store32(frame + SL_ETH_SIZE + SL_IP4_SRC, tuple.src);
		sl_store32(frame + SL_ETH_SIZE + SL_IP4_SIZE, tuple.ports);
	}
	return count;
}

static void generator_make(uint32_t flows)
{
	uint8_t *ip = generator.octets + SL_ETH_SIZE;

	generator.random = 1;
	generator.flows = flows;
	sl_store_be16(generator.octets + SL_ETH_TYPE, SL_ETHERTYPE_IPV4);
	ip[0] = SL_IP4_FIRST;
	sl_store_be16(ip + SL_IP4_TOTAL, FRAME_SIZE - SL_ETH_SIZE);
	ip[SL_IP4_TTL] = 64;
	ip[SL_IP4_PROTOCOL] = SL_PROTO_UDP;
	sl_store32(ip + SL_IP4_DST, tuple_of(0).dst);
}

static inline void tuples_read(struct rte_mbuf **packets, uint32_t count, struct tuple *tuples,
			       const void **keys)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *ip = rte_pktmbuf_mtod_offset(packets[i], uint8_t *, SL_ETH_SIZE);

		tuples[i].src = sl_load32(ip + SL_IP4_SRC);
		tuples[i].dst = sl_load32(ip + SL_IP4_DST);
		tuples[i].ports = sl_load32(ip + SL_IP4_SIZE);
		tuples[i].protocol = ip[SL_IP4_PROTOCOL];
		keys[i] = &tuples[i];
	}
}

static inline void find(enum peer peer, struct rte_mbuf **packets, uint16_t count)
{
	struct tuple tuples[BURST];
	const void *keys[BURST];
	uint64_t mask;

	tuples_read(packets, count, tuples, keys);
	if (peer == HASH) {
		void *data[BURST];

		(void)rte_hash_lookup_bulk_data(hash, keys, count, &mask, data);
		for (uint32_t i = 0; i < count; i++)
			given[(uintptr_t)data[i] % WORKERS]++;
	} else {
		efd_value_t values[BURST];

		rte_efd_lookup_bulk(efd, 0, count, keys, values);
		for (uint32_t i = 0; i < count; i++)
			given[values[i] % WORKERS]++;
	}
}

static double turn(enum peer peer, uint16_t port)
{
	struct rte_mbuf *packets[BURST];
	uint64_t start = rte_rdtsc();

	for (uint32_t i = 0; i < TURN_PACKETS; i += BURST) {
		uint16_t count = rte_eth_rx_burst(port, 0, packets, BURST);

		if (peer == RING) {
			rte_ring_sp_enqueue_burst(ring, (void **)packets, count, NULL);
			count = (uint16_t)rte_ring_sc_dequeue_burst(ring, (void **)packets, BURST,
								    NULL);
		} else if (peer == HASH || peer == EFD) {
			find(peer, packets, count);
		}
		rte_eth_tx_burst(port, 0, packets, count);
	}
	return (double)(rte_rdtsc() - start) / TURN_PACKETS;
}

static bool tables_make(uint32_t flows)
{
	struct rte_hash_parameters parameters = {.name = "peer",
						 .entries = flows + flows / 4 + 64,
						 .key_len = sizeof(struct tuple),
						 .hash_func = rte_hash_crc};

	hash = rte_hash_create(&parameters);
	efd = rte_efd_create("peer_efd", flows + flows / 4 + 64, sizeof(struct tuple), 1, 0);
	ring = rte_ring_create("peer_ring", 2048, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (hash == NULL || efd == NULL || ring == NULL)
		return false;
	for (uint32_t flow = 0; flow < flows; flow++) {
		struct tuple tuple = tuple_of(flow);

		if (rte_hash_add_key_data(hash, &tuple, (void *)(uintptr_t)(flow % WORKERS)) != 0 ||
		    rte_efd_update(efd, 0, &tuple, (efd_value_t)(flow % WORKERS)) < 0)
			return false;
	}
	return true;
}

static bool port_open(uint16_t port)
{
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create("peer", BUFFERS, 256, 0, 2176, SOCKET_ID_ANY);
	struct rte_eth_conf conf = {0};

	return pool != NULL && rte_eth_dev_configure(port, 1, 1, &conf) == 0 &&
	       rte_eth_rx_queue_setup(port, 0, 1024, SOCKET_ID_ANY, NULL, pool) == 0 &&
	       rte_eth_tx_queue_setup(port, 0, 1024, SOCKET_ID_ANY, NULL) == 0 &&
	       rte_eth_dev_start(port) == 0 &&
	       rte_eth_add_rx_callback(port, 0, write_headers, NULL) != NULL;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const char *name, const char *unit, double *values, uint32_t turns)
{
	qsort(values, turns, sizeof(*values), compare);
	printf("{\"name\": \"peer %s\", \"unit\": \"%s\", \"value\": %.2f, \"min\": %.2f, \"max\": "
	       "%.2f, \"flows\": %u, \"turns\": %u, \"tsc_mhz\": %u}\n",
	       name, unit, values[turns / 2], values[0], values[turns - 1], generator.flows, turns,
	       (unsigned int)(rte_get_tsc_hz() / 1000000));
}

static void measure(uint32_t turns)
{
	static double cycles[PEER_COUNT][TURNS_MAX], ratio[PEER_COUNT][TURNS_MAX];

	for (uint32_t i = 0; i < turns; i++)
		for (uint32_t peer = 0; peer < PEER_COUNT; peer++) {
			cycles[peer][i] = turn(peer, 0);
			ratio[peer][i] = cycles[peer][i] / cycles[FLOOR][i];
		}
	for (uint32_t peer = 0; peer < PEER_COUNT; peer++) {
		char name[32];

		print(names[peer], "cycles/packet", cycles[peer], turns);
		snprintf(name, sizeof(name), "%s/floor", names[peer]);
		if (peer != FLOOR)
			print(name, "ratio", ratio[peer], turns);
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = {{"turns", required_argument, NULL, 't'},
					      {"flows", required_argument, NULL, 'f'},
					      {NULL, 0, NULL, 0}};
	static char words[][32] = {"peer_bench",
				   "-l",
				   "0",
				   "--no-huge",
				   "--no-shconf",
				   "--no-pci",
				   "-m",
				   "2048",
				   "--file-prefix",
				   "peer_bench",
				   "--log-level",
				   "lib.*:error",
				   "--force-max-simd-bitwidth=128",
				   "--vdev",
				   "net_null0,size=64"};
	char *eal[SL_ARRAY_COUNT(words) + 1] = {NULL};
	uint32_t flows = 100000, turns = 401;
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
	generator_make(flows);
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(words); i++)
		eal[i] = words[i];
	optind = 1;
	if (rte_eal_init((int)SL_ARRAY_COUNT(words), eal) < 0 || !port_open(0) ||
	    !tables_make(flows)) {
		fprintf(stderr, "peer_bench: no memory for %u flows, or no device\n", flows);
		return 1;
	}
	measure(turns);
	return 0;
}
