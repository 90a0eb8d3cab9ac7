/* SPDX-License-Identifier: BSD-3-Clause */

/* One receive core as the decision sees it.
 *
 * Why:     what a core remembers about a pool is the pool's (pool_memory.h), what it counts is in
 *          its stats; this tells which of them are its own.
 * Threads: its core; for `explain` a struct of control's own.
 */

#ifndef SL_STATE_CORE_H
#define SL_STATE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "lcore/stats.h"

struct sl_flow_bucket;

/* Where the flows of a core's last burst were looked for, when its pool tracks them all. Those of the
 * next burst are most likely there, too: receive makes their tags and asks for their buckets while it
 * parses, which hides a third of what memory takes (a million flows: 17 cycles a packet, so 12). */
struct sl_ahead {
	const struct sl_flow_bucket *buckets; /* only to prefetch: it may be gone; NULL: nowhere */
	uint32_t shift;
	struct sl_hash_key key; /* of the tags */
};

struct sl_core {
	uint32_t index;		     /* of its flow tables and stamps */
	struct sl_core_stats *stats; /* its own */
	bool is_wide;		     /* the CPU has what the wide variants need (base/wide.h) */
	struct sl_ahead ahead;
	uint32_t sweep_pool; /* whose flow table is swept next; starts at 0 */
};

#endif
