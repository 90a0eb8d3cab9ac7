/* SPDX-License-Identifier: BSD-3-Clause */

/* The decision on a burst of plain packets, in half the instructions.
 *
 * Why:     nearly every burst has TCP and UDP packets over IPv4 alone, to whole addresses and single
 *          ports of pools that hash simply and do not track every flow.
 * Shape:   two passes: service, hash, slot under way; then the slot's node. What a service and its
 *          pool have to say is kept from packet to packet as long as the service stays the same.
 * Threads: the core that owns the burst.
 * Errors:  none; what is not plain enough is left to decide.c.
 */

#ifndef SL_STATE_DECIDE_PLAIN_H
#define SL_STATE_DECIDE_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "state/burst.h"
#include "state/snapshot.h"

/* False: some packet is not that plain, and nothing that is written counts. True: all have their
 * service, hash, and node as a settled slot says it; the places of those that go further (unsettled
 * slots, beginnings, fully tracked pools) are in list, *left of them. */
bool sl_decide_plain(const struct sl_snapshot *snapshot, struct sl_burst *burst, uint8_t *list,
		     uint32_t *left);

#endif
