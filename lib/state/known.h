/* SPDX-License-Identifier: BSD-3-Clause */

/* The straight way of most packets of fully tracked pools: those of flows that live and are known.
 *
 * Why:     the rules of follow.h have nothing to say about such a packet: it goes where the entry
 *          says. What they cost is not paid then.
 * Shape:   a pool's view at one moment, made once a burst; a pass that hashes packets, with their
 *          buckets under way; a pass that looks there. A packet goes the straight way when its
 *          flow's entry is live and younger than both its life and the age at which other cores'
 *          tables are asked, its node keeps its flows, and the packet neither begins nor ends a
 *          connection, is no ICMP error, and its sequence number is the entry's but for the lower
 *          half, so that follow.c keeps the entry's up to date. That its slot and service are settled is the caller's
 *          to know.
 * Threads: the core that owns the table.
 * Errors:  none; what does not go the straight way is for follow.c, and nothing was written.
 */

#ifndef SL_STATE_KNOWN_H
#define SL_STATE_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "lcore/burst.h"
#include "pkt/parse.h"
#include "state/core.h"
#include "state/flow_table.h"
#include "state/snapshot.h"

/* Packet i of the burst was parsed: its tag, with its bucket under way. */
static inline void sl_known_ahead(const struct sl_ahead *ahead, struct sl_burst *burst, uint32_t i)
{
	const uint64_t *word = burst->pkt[i].word;
	uint64_t tag = sl_hash2(&ahead->key, word[0], word[1]);

	burst->tag[i] = tag;
	rte_prefetch0(&ahead->buckets[tag >> ahead->shift]);
}

struct sl_known {
	struct sl_flow_bucket *buckets;
	uint64_t now;	/* a word used now, but for its other fields, which are all ones */
	uint32_t shift; /* 64 - log2 of the buckets */
	uint32_t below[4 * SL_FLOW_KINDS]; /* ticks of age, by sl_flow_sort(); 0: not straight */
	uint32_t seq_mask; /* of a sequence number: what the entry's must be the same in */
};

/* The own table of a core in a fully tracked pool. */
void sl_known_init(struct sl_known *known, const struct sl_pool_view *pool, uint32_t core,
		   uint64_t now_ms);

/* Plain IPv4 packets first to end - 1 of the burst, all of the pool: writes their hashes. The burst's tags
 * are those of the snapshot's key when it is tagged. */
void sl_known_begin(const struct sl_known *known, const struct sl_snapshot *snapshot,
		    const struct sl_pool_view *pool, struct sl_burst *burst, uint32_t first,
		    uint32_t end);

/* Then, their nodes; those that do not go the straight way are added to the list of *left. False: one
 * is to a group. */
bool sl_known_end(const struct sl_known *known, const struct sl_snapshot *snapshot,
		  struct sl_burst *burst, uint32_t first, uint32_t end, uint8_t *list,
		  uint32_t *left);

/* One packet of any family that has that tag, by the first or the second bucket: its node, or
 * SL_NODE_NOBODY when it does not go the straight way. */
uint32_t sl_known_look(const struct sl_known *known, const struct sl_snapshot *snapshot,
		       const struct sl_pkt *pkt, uint64_t tag, bool second);

#endif
