/* SPDX-License-Identifier: BSD-3-Clause */

/* Where the flow of a packet may be whose service is unsettled: the pools that its packets went by.
 *
 * Why:     a service may have been pointed at another pool, and the packet may have been another
 *          service's (former.h); follow.c and place.c ask for one answer.
 * Shape:   from the service that the packet has back through the formers: each that the packet had
 *          adds the pools it was at. Then forth again for the pool before: while one is open it
 *          stays, whatever moves meanwhile.
 * Threads: any; writes the answer alone.
 */

#ifndef SL_STATE_ORIGIN_H
#define SL_STATE_ORIGIN_H

#include <stdint.h>

#include "pkt/parse.h"
#include "state/snapshot.h"

/* Pools of a service, and of each it had before with the pool then. */
#define SL_ORIGIN_VIA_MAX (SL_SERVICE_VIA_MAX + SL_FORMERS_MAX * (SL_SERVICE_VIA_MAX + 1))

struct sl_origin {
	uint32_t pool;	    /* before: unknown flows go by it ... */
	uint64_t until_ms;  /* ... until then */
	uint64_t since_ms;  /* unsettled: as in sl_open_slot */
	uint32_t via_count; /* pools whose tables may know the flow */
	uint32_t via[SL_ORIGIN_VIA_MAX];
};

/* service: the packet's, unsettled. */
void sl_origin_find(const struct sl_snapshot *snapshot, const struct sl_service_view *service,
		    const struct sl_pkt *pkt, uint64_t now_ms, struct sl_origin *origin);

#endif
