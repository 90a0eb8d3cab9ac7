/* SPDX-License-Identifier: BSD-3-Clause */

/* A packet's two hashes: the one that names its slot in a pool, and the one that names its flow.
 *
 * Threads: any; pure.
 */

#ifndef SL_STATE_HASH_H
#define SL_STATE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "pkt/parsed.h"
#include "state/snapshot.h"

#define SL_HASH_MISC_PORTS 0xffffffffull /* ports in word 0 of a key */

/* Orders the two ends of a key as their octets lie, so that both directions of a flow are one key. */
static inline void sl_hash_order_ends(struct sl_key *key)
{
	uint64_t src = sl_be64(key->word[1]), dst = sl_be64(key->word[3]);

	if (key->family == SL_FAMILY_IPV4) {
		src = sl_be32(key->src4);
		dst = sl_be32(key->dst4);
	} else if (src == dst) {
		src = sl_be64(key->word[2]);
		dst = sl_be64(key->word[4]);
	}
	if (src > dst || (src == dst && key->sport_be > key->dport_be))
		sl_key_reverse(key);
}

/* Of any packet: also of fragments without ports, and of symmetric pools. */
static inline uint64_t sl_hash_any(const struct sl_hash_key *secret, const struct sl_pkt *pkt,
				   const struct sl_key_mask *mask, bool symmetric)
{
	struct sl_key_mask what = *mask;
	struct sl_key key = pkt->key;

	if (pkt->flags & SL_PKT_NO_PORTS)
		what.misc &= ~SL_HASH_MISC_PORTS;
	if (symmetric)
		sl_hash_order_ends(&key);
	return sl_key_hash(secret, &key, &what);
}

/* The slow ones: fragments, symmetric pools. */
uint64_t sl_hash_slot_odd(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			  const struct sl_pkt *pkt);
uint64_t sl_hash_flow_odd(const struct sl_snapshot *snapshot, const struct sl_pool_view *pool,
			  const struct sl_pkt *pkt);

static inline int sl_hash_is_odd(const struct sl_pool_view *pool, const struct sl_pkt *pkt)
{
	return (pool->flags & SL_POOL_SYMMETRIC) || (pkt->flags & SL_PKT_NO_PORTS);
}

/* What the pool hashes of the packet: its slot is the result >> pool->shift. A fragment whose ports
 * are not known (nobody asked the fragment table) hashes without ports. Symmetric pools order the
 * two ends. */
static inline uint64_t sl_hash_slot(const struct sl_snapshot *snapshot,
				    const struct sl_pool_view *pool, const struct sl_pkt *pkt)
{
	if (sl_unlikely(sl_hash_is_odd(pool, pkt)))
		return sl_hash_slot_odd(snapshot, pool, pkt);
	return sl_key_hash(&snapshot->hash_key, &pkt->key, &pool->mask);
}

/* The flow's tag: of the whole five-tuple whatever the pool hashes, under a secret of its own.
 * Fragments without ports are the flow of their addresses and protocol; both directions are one flow
 * where the pool is symmetric. */
static inline uint64_t sl_hash_flow(const struct sl_snapshot *snapshot,
				    const struct sl_pool_view *pool, const struct sl_pkt *pkt)
{
	const struct sl_key *key = &pkt->key;

	if (sl_unlikely(sl_hash_is_odd(pool, pkt)))
		return sl_hash_flow_odd(snapshot, pool, pkt);
	if (key->family == SL_FAMILY_IPV4)
		return sl_hash2(&snapshot->flow_key, key->word[0], key->word[1]);
	return sl_hash5(&snapshot->flow_key, key->word[0], key->word[1], key->word[2], key->word[3],
			key->word[4]);
}

#endif
