/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/hash.h"

uint64_t sl_hash_slot_odd(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			  const struct sl_pkt *pkt)
{
	return sl_hash_any(&snapshot->hash_key, pkt, &pool->mask, pool->flags & SL_POOL_SYMMETRIC);
}

uint64_t sl_hash_flow_odd(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			  const struct sl_pkt *pkt)
{
	const struct sl_key_mask whole = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

	return sl_hash_any(&snapshot->flow_key, pkt, &whole, pool->flags & SL_POOL_SYMMETRIC);
}
