/* SPDX-License-Identifier: BSD-3-Clause */

/* The decision on a burst of plain packets, in half the instructions.
 *
 * Why:     nearly every burst has TCP and UDP packets alone, to whole addresses and single ports of
 *          pools that hash simply; often all to one service.
 * Shape:   two passes: service, hash, the slot's word, and the flow's bucket where the pool tracks
 *          every flow; then the slot's node or the known flow's (known.h). What a service and its
 *          pool have to say is kept from packet to packet as long as the service stays the same.
 * Threads: the core that owns the burst.
 * Errors:  none; what is not plain enough is left to decide.c.
 */

#ifndef SL_STATE_DECIDE_PLAIN_H
#define SL_STATE_DECIDE_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "lcore/burst.h"
#include "state/core.h"
#include "state/snapshot.h"

/* What a burst is decided by. */
struct sl_plain {
	const struct sl_snapshot *snapshot;
	struct sl_core *core;
	uint64_t now_ms;
};

/* False: some packet is not that plain, and nothing that is written counts. True: all have their
 * service, hash, and node as a settled slot says it, or as the entry of a known flow does where the
 * pool tracks every flow; the places of those that go further (unsettled slots, beginnings, flows
 * that are not simply known) are in list, *left of them. Last uses of entries are written, nothing
 * else but the burst. */
bool sl_decide_plain(const struct sl_plain *plain, struct sl_burst *burst, uint8_t *list,
		     uint32_t *left);

/* The same for CPUs with AVX2. */
bool sl_decide_plain_wide(const struct sl_plain *plain, struct sl_burst *burst, uint8_t *list,
			  uint32_t *left);

#endif
