/* SPDX-License-Identifier: BSD-3-Clause */

/* Where a packet stands: what its slot and its service say of nodes now and before, and the stamps by
 * which cores keep slots unsettled.
 *
 * Why:     follow.c asks for one answer, whether a slot moved, a service was pointed elsewhere, or
 *          both.
 * Threads: the owner core; those that write nothing: any.
 */

#ifndef SL_STATE_PLACE_H
#define SL_STATE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/follow.h"

/* A node before, for unknown flows until a time. */
struct sl_prior {
	uint32_t node; /* SL_NODE_NOBODY: nobody before keeps flows, or settled */
	uint64_t until_ms;
};

#define SL_PLACE_SETTLED UINT64_MAX

/* What the packet's slot and service say. */
struct sl_place {
	uint32_t node;	/* for new flows */
	uint32_t lent;	/* SL_SLOT_LENT or 0 */
	uint32_t stamp; /* number of the slot's */
	bool unsettled;
	uint64_t since_ms; /* entries used since then count; SETTLED: those that name node */
	uint32_t before;   /* what settled packets used last: older beginnings that name it count */
	struct sl_prior of_slot, of_service;
	uint32_t prior; /* for unknown flows while open; else where they may have been before */
	bool open;
	bool held;    /* open beyond its time */
	bool closing; /* closed so lately that control may not have known when it moved the slot
			 again: flows that are new now are entered, too */
};

/* Whether live flows of the node stay with it. */
static inline bool sl_place_keeps(const struct sl_follow *follow, uint32_t node)
{
	return sl_snapshot_node_flags(follow->snapshot, node) & SL_NODE_KEEPS;
}

/* Whether the packet's service is unsettled. */
static inline bool sl_place_is_pointed(const struct sl_follow *follow,
				       const struct sl_follow_pkt *pkt)
{
	return follow->snapshot->services[pkt->service].prior_pool != SL_SERVICE_NONE;
}

/* The slot of a hash in any pool, without the service. */
void sl_place_find_slot(const struct sl_follow *follow, const struct sl_pool_view *pool,
			uint64_t hash, struct sl_place *place);

/* An unsettled service's origin goes to *follow->origin. */
void sl_place_find(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		   struct sl_place *place);

/* For a packet of an unknown flow: opens the place, beyond its time, when some core could not enter a
 * live flow while it was open. The service's prior goes before the slot's. */
void sl_place_hold(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
		   struct sl_place *place);

/* The packet goes to pkt->node: stamps slot and service when that is not the slot's node. Full
 * tracking needs no stamps: it knows every flow. */
void sl_place_stamp_away(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			 const struct sl_place *place);

/* A live flow could not be entered while the place was open. What is held open already is not
 * prolonged. */
void sl_place_stamp_refused(const struct sl_follow *follow, const struct sl_follow_pkt *pkt,
			    const struct sl_place *place);

#endif
