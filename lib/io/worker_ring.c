/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/worker_ring.h"

#include <errno.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/mem.h"
#include "io/ring.h"

int sl_worker_rings_create(uint32_t core_count, uint32_t worker_count, uint32_t size,
			   struct sl_worker_rings **rings)
{
	struct sl_worker_rings *made;

	if (core_count > SL_RX_CORES_MAX || worker_count > SL_WORKERS_MAX)
		return -EINVAL;
	made = sl_mem_alloc(sizeof(*made));
	if (made == NULL)
		return -ENOMEM;
	made->core_count = core_count;
	made->worker_count = worker_count;
	made->size = size;
	for (uint32_t i = 0; i < core_count * worker_count; i++) {
		int rc = sl_ring_create(size, &made->ring[i]);

		if (rc != 0) {
			sl_worker_rings_destroy(made);
			return rc;
		}
	}
	*rings = made;
	return 0;
}

void sl_worker_rings_destroy(struct sl_worker_rings *rings)
{
	if (rings == NULL)
		return;
	for (uint32_t i = 0; i < rings->core_count * rings->worker_count; i++)
		sl_ring_destroy(rings->ring[i]);
	sl_mem_free(rings, sizeof(*rings));
}

uint32_t sl_worker_ring_push(struct rte_ring *ring, struct rte_mbuf *const *packets, uint32_t count)
{
	return rte_ring_sp_enqueue_burst(ring, (void *const *)packets, count, NULL);
}

uint32_t sl_worker_ring_pop(struct rte_ring *ring, struct rte_mbuf **packets, uint32_t count)
{
	return rte_ring_sc_dequeue_burst(ring, (void **)packets, count, NULL);
}

uint32_t sl_worker_ring_count(const struct rte_ring *ring)
{
	return rte_ring_count(ring);
}

uint32_t sl_worker_ring_mark(const struct rte_ring *ring)
{
	return __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE);
}

bool sl_worker_ring_passed(const struct rte_ring *ring, uint32_t mark)
{
	uint32_t taken = __atomic_load_n(&ring->cons.tail, __ATOMIC_ACQUIRE);

	return (int32_t)(taken - mark) >= 0;
}
