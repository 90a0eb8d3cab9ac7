/* SPDX-License-Identifier: BSD-3-Clause */

/* A small world for tests of io and above: an EAL without hugepages, devices and NICs, and
 * packet buffers.
 *
 * Threads: the main thread.
 * Errors:  what cannot be made ends the program with a sentence.
 */

#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include <stdint.h>

#include "io/eal.h"
#include "io/port.h"

struct rte_mbuf;
struct rte_mempool;

/* Starts the EAL with that many receive cores and workers, all on the first CPU this process may
 * use but the last thread, which gets the last CPU; and a pool of buffers. The process's number joins
 * the instance's name, so that tests run beside each other. */
struct rte_mempool *world_start(const char *instance, uint32_t rx_count, uint32_t worker_count,
				uint32_t memory_mb, uint32_t buffers);

/* A port that promises its mtu of 1500 and takes frames for all. */
void world_port(struct rte_mempool *pool, const char *name, const char *device, uint32_t rx_queues,
		uint32_t tx_queues, struct sl_port *port);

/* A frame in buffers of at most `room` octets each, 0: in one. */
struct rte_mbuf *world_frame(struct rte_mempool *pool, const void *octets, uint32_t size,
			     uint32_t room);

/* The octets of a frame, all segments; into gets pkt_len octets. */
void world_octets(const struct rte_mbuf *packet, uint8_t *into);

#endif
