/* SPDX-License-Identifier: BSD-3-Clause */

/* Rings from receive cores to workers: one single-producer single-consumer ring a pair and class.
 *
 * Why:     no line has two writers, and a flow's packets stay in order. Bursts that spread over many
 *          workers are staged, so that a worker's lines are touched once a stage: in the ring
 *          itself, whose end is told later, so that a packet is stored once.
 * Shape:   entries are packets, their node's index in mbuf.hash.usr. A core's places in all its
 *          rings lie together, and rings start at different sets of the cache: sixteen lines at the
 *          same offset of sixteen pages would throw each other out, and stall loads behind stores.
 *          Stages end where a line of entries ends. A worker has a lane for each class of service:
 *          lane class * workers + worker. Lanes of one class lie together, so with one class nothing
 *          but a multiplication is there that would not be without classes, at the start.
 * Threads: put, show, show_old, push: the receive core; pop: the worker; count, mark, passed: any;
 *          create, destroy: control while neither runs.
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

#define SL_STAGE_MIN 8	 /* packets staged for one worker at least: a line of entries */
#define SL_STAGE_MAX 32	 /* at most */
#define SL_STAGE_ALL 256 /* for all workers of a core; half of them wait at a time */

/* Entries are counted from 0, without end. */
struct sl_worker_ring {
	/* written: the receive core, once a stage; read: the worker */
	uint32_t tail;	      /* entries before it can be taken */
	struct sl_bell *bell; /* the worker's */
	/* written: the worker; read: the receive core, once a turn of the ring */
	uint32_t taken __attribute__((aligned(SL_CACHE_LINE)));
	uint32_t mask;
	uint32_t found; /* packets that were there at the last pop */
	struct rte_mbuf **entry;
} __attribute__((aligned(SL_CACHE_LINE)));

/* What a receive core knows of its rings, by lane. */
struct sl_worker_stages {
	struct {
		uint32_t head; /* where the next packet goes */
		uint32_t due;  /* head, when the stage is full or the ring may be */
	} at[SL_LANES_MAX];
	struct rte_mbuf **entry[SL_LANES_MAX];
	uint32_t end[SL_LANES_MAX];	    /* where the ring is full, as far as known */
	uint32_t tail_before[SL_LANES_MAX]; /* at the last sl_worker_stages_show_old() */
	struct sl_worker_ring *ring;	    /* one for each lane */
	uint32_t count, mask, stage;
} __attribute__((aligned(SL_CACHE_LINE)));

struct sl_worker_rings {
	uint32_t core_count, worker_count, class_count, size;
	uint32_t lane_count;		     /* worker_count times class_count */
	struct sl_bell bell[SL_WORKERS_MAX]; /* wakes the worker when it sleeps */
	struct sl_worker_stages *stages;     /* core_count */
	struct sl_worker_ring *ring;	     /* core_count times lane_count */
	struct rte_mbuf **entries;	     /* of all rings */
};

/* size: entries of each ring, a power of two. */
int sl_worker_rings_create(uint32_t core_count, uint32_t worker_count, uint32_t class_count,
			   uint32_t size, struct sl_worker_rings **rings);
void sl_worker_rings_destroy(struct sl_worker_rings *rings); /* takes NULL */

static inline struct sl_worker_ring *sl_worker_rings_get(const struct sl_worker_rings *rings,
							 uint32_t core, uint32_t lane)
{
	return &rings->ring[core * rings->lane_count + lane];
}

/* Shows a worker what is staged in a lane, wakes it if it sleeps. Returns whether there is room. */
bool sl_worker_stages_show(struct sl_worker_stages *stages, uint32_t lane);
/* All lanes. */
void sl_worker_stages_show_all(struct sl_worker_stages *stages);
/* Called now and then: only what nothing was shown of since the call before, so that stages under way
 * are left to fill. */
void sl_worker_stages_show_old(struct sl_worker_stages *stages);

/* Stages a packet, shows full stages. False: the ring is full, the packet still the caller's. */
static inline bool sl_worker_stages_put(struct sl_worker_stages *stages, uint32_t lane,
					struct rte_mbuf *packet)
{
	uint32_t head = stages->at[lane].head;

	if (sl_unlikely(head == stages->at[lane].due) && !sl_worker_stages_show(stages, lane))
		return false;
	stages->entry[lane][head & stages->mask] = packet;
	stages->at[lane].head = head + 1;
	return true;
}

/* At most count packets; returns how many. */
uint32_t sl_worker_ring_pop(struct sl_worker_ring *ring, struct rte_mbuf **packets, uint32_t count);

/* Packets that can be popped. */
static inline uint32_t sl_worker_ring_count(const struct sl_worker_ring *ring)
{
	uint32_t taken = __atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) - taken;
}

/* Packets in all rings to a worker, of rings->size each; any thread. */
uint64_t sl_worker_rings_queued(const struct sl_worker_rings *rings, uint32_t worker);

/* Where the ring's end is now, and whether the worker has taken all that was in it then; for
 * control. Marks are valid as long as the ring does not turn round 2^31 entries. */
uint32_t sl_worker_ring_mark(const struct sl_worker_ring *ring);
bool sl_worker_ring_passed(const struct sl_worker_ring *ring, uint32_t mark);

#endif
