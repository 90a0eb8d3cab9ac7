/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/hash.h"

/* Orders the two ends of a key, so that both directions of a flow are one key. */
static void order_ends(struct sl_key *key)
{
	int order;

	if (key->family == SL_FAMILY_IPV4)
		order = memcmp(&key->src4, &key->dst4, sizeof(key->src4));
	else
		order = memcmp(key->src, key->dst, sizeof(key->src));
	if (order > 0 || (order == 0 && key->sport_be > key->dport_be))
		sl_key_reverse(key);
}

static uint64_t hash_odd(const struct sl_hash_key *secret, const struct sl_pool_view *pool,
			 const struct sl_pkt *pkt, struct sl_key_mask mask)
{
	struct sl_key key = pkt->key;

	if (pkt->flags & SL_PKT_NO_PORTS)
		mask.misc &= ~SL_HASH_MISC_PORTS;
	if (pool->flags & SL_POOL_SYMMETRIC)
		order_ends(&key);
	return sl_key_hash(secret, &key, &mask);
}

uint64_t sl_hash_slot_odd(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			  const struct sl_pkt *pkt)
{
	return hash_odd(&snapshot->hash_key, pool, pkt, pool->mask);
}

uint64_t sl_hash_flow_odd(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			  const struct sl_pkt *pkt)
{
	const struct sl_key_mask whole = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

	return hash_odd(&snapshot->flow_key, pool, pkt, whole);
}
