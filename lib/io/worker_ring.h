/* SPDX-License-Identifier: BSD-3-Clause */

/* Rings from receive cores to workers: one single-producer single-consumer ring a pair.
 *
 * Why:     no line has two writers on either side, and a flow's packets stay in order. Bursts that
 *          spread over many workers are staged, so that a ring's ends are touched once a stage.
 * Shape:   entries are packets, their node's index in mbuf.hash.usr.
 * Threads: push: the receive core; pop: the worker; create, destroy: control while neither runs.
 * Memory:  owned; destroy frees packets left.
 * Errors:  0 or negative errno.
 */

#ifndef SL_IO_WORKER_RING_H
#define SL_IO_WORKER_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/limit.h"
#include "io/bell.h"

struct rte_mbuf;
struct rte_ring;

#define SL_STAGE_SIZE 32 /* packets staged for one worker */

struct sl_worker_rings {
	uint32_t core_count, worker_count, size;
	struct sl_bell bell[SL_WORKERS_MAX]; /* wakes the worker when it sleeps */
	struct rte_ring *ring[SL_RX_CORES_MAX * SL_WORKERS_MAX];
};

/* size: entries of each ring, a power of two. */
int sl_worker_rings_create(uint32_t core_count, uint32_t worker_count, uint32_t size,
			   struct sl_worker_rings **rings);
void sl_worker_rings_destroy(struct sl_worker_rings *rings); /* takes NULL */

static inline struct rte_ring *sl_worker_rings_get(const struct sl_worker_rings *rings,
						   uint32_t core, uint32_t worker)
{
	return rings->ring[core * rings->worker_count + worker];
}

/* As many of count packets, in order, as there is room for; returns how many. The caller rings the
 * worker's bell. */
uint32_t sl_worker_ring_push(struct rte_ring *ring, struct rte_mbuf *const *packets,
			     uint32_t count);
/* At most count packets; returns how many. */
uint32_t sl_worker_ring_pop(struct rte_ring *ring, struct rte_mbuf **packets, uint32_t count);
/* Packets in it. */
uint32_t sl_worker_ring_count(const struct rte_ring *ring);

/* Where the ring's end is now, and whether the worker has taken all that was in it then; for
 * control. Marks are valid as long as the ring does not turn round 2^31 entries. */
uint32_t sl_worker_ring_mark(const struct rte_ring *ring);
bool sl_worker_ring_passed(const struct rte_ring *ring, uint32_t mark);

/* What one receive core holds back for one worker. */
struct sl_stage {
	uint32_t count;
	struct rte_ring *ring;
	struct sl_bell *bell; /* the worker's */
	struct rte_mbuf *held[SL_STAGE_SIZE];
} __attribute__((aligned(SL_CACHE_LINE)));

#endif
