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
#include "bench/figure.h"
#include "bench/source.h"

#define BURST	     32
#define TURN_PACKETS 8192
#define TURNS_MAX    10001
#define WORKERS	     16
#define BUFFERS	     8192

enum peer { FLOOR, RING, HASH, EFD, PEER_COUNT };

static const char *const names[] = {"floor", "ring", "rte_hash", "efd"};

static struct rte_hash *hash;
static struct rte_efd_table *efd;
static struct rte_ring *ring;
static uint64_t given[WORKERS];

static inline void tuples_read(struct rte_mbuf **packets, uint32_t count,
			       struct source_tuple *tuples, const void **keys)
{
	for (uint32_t i = 0; i < count; i++) {
		tuples[i] = source_tuple_read(packets[i]);
		keys[i] = &tuples[i];
	}
}

static inline void find(enum peer peer, struct rte_mbuf **packets, uint16_t count)
{
	struct source_tuple tuples[BURST];
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
						 .key_len = sizeof(struct source_tuple),
						 .hash_func = rte_hash_crc};

	hash = rte_hash_create(&parameters);
	efd = rte_efd_create("peer_efd", flows + flows / 4 + 64, sizeof(struct source_tuple), 1, 0);
	ring = rte_ring_create("peer_ring", 2048, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (hash == NULL || efd == NULL || ring == NULL)
		return false;
	for (uint32_t flow = 0; flow < flows; flow++) {
		struct source_tuple tuple = source_tuple_of(flow);

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
	       rte_eth_dev_start(port) == 0 && source_attach(port);
}

static void measure(uint32_t flows, uint32_t turns)
{
	struct figure_with with = {.flows = flows, .workers = WORKERS};
	static double cycles[PEER_COUNT][TURNS_MAX], ratio[PEER_COUNT][TURNS_MAX];

	for (uint32_t i = 0; i < turns; i++)
		for (uint32_t peer = 0; peer < PEER_COUNT; peer++) {
			cycles[peer][i] = turn(peer, 0);
			ratio[peer][i] = cycles[peer][i] / cycles[FLOOR][i];
		}
	for (uint32_t peer = 0; peer < PEER_COUNT; peer++) {
		char name[32];

		snprintf(name, sizeof(name), "peer %s", names[peer]);
		figure_print(name, "cycles/packet", cycles[peer], turns, &with);
		snprintf(name, sizeof(name), "peer %s/floor", names[peer]);
		if (peer != FLOOR)
			figure_print(name, "ratio", ratio[peer], turns, &with);
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
	source_init(flows, false);
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(words); i++)
		eal[i] = words[i];
	optind = 1;
	if (rte_eal_init((int)SL_ARRAY_COUNT(words), eal) < 0 || !port_open(0) ||
	    !tables_make(flows)) {
		fprintf(stderr, "peer_bench: no memory for %u flows, or no device\n", flows);
		return 1;
	}
	measure(flows, turns);
	return 0;
}
