/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/ring.h"

#include <errno.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/mem.h"

int sl_ring_create(uint32_t size, struct rte_ring **ring)
{
	struct rte_ring *made;
	ssize_t memory;
	int rc;

	if (size < 2 || (size & (size - 1)) != 0 || size > RTE_RING_SZ_MASK)
		return -EINVAL;
	memory = rte_ring_get_memsize(size);
	if (memory < 0)
		return (int)memory;
	made = sl_mem_alloc((size_t)memory);
	if (made == NULL)
		return -ENOMEM;
	rc = rte_ring_init(made, "sluice", size, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (rc != 0) {
		sl_mem_free(made, (size_t)memory);
		return rc;
	}
	*ring = made;
	return 0;
}

void sl_ring_destroy(struct rte_ring *ring)
{
	void *packet;

	if (ring == NULL)
		return;
	while (rte_ring_sc_dequeue(ring, &packet) == 0)
		rte_pktmbuf_free(packet);
	sl_mem_free(ring, (size_t)rte_ring_get_memsize(rte_ring_get_size(ring)));
}
