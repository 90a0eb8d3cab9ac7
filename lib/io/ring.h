/* SPDX-License-Identifier: BSD-3-Clause */

/* Single-producer single-consumer rings of packets in plain memory.
 *
 * Why:     rings by name live in DPDK's memory and its list of zones, of which there are few; ours
 *          are many and need no name.
 * Threads: create, destroy: control.
 * Memory:  owned; destroy frees packets left, takes NULL.
 * Errors:  0 or negative errno: -EINVAL unless size is a power of two of at least 2.
 */

#ifndef SL_IO_RING_H
#define SL_IO_RING_H

#include <stdint.h>

struct rte_ring;

/* size: entries; one of them stays free. */
int sl_ring_create(uint32_t size, struct rte_ring **ring);
void sl_ring_destroy(struct rte_ring *ring);

#endif
