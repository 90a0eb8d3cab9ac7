/* SPDX-License-Identifier: BSD-3-Clause */

/* The straight way of beginnings (TCP SYN, QUIC Initial): nearly all are of connections that nobody
 * knows, in settled slots of nodes that slots choose.
 *
 * Why:     the rules of follow.h have nothing to say about such a packet but that it goes to its
 *          slot's node and is entered; what they cost is not paid then, in a flood least of all.
 * Shape:   one pass that makes tags, with both their buckets under way, and some packets later enters.
 *          Beginnings that a table knows already are for follow.c; nothing was written of them.
 * Threads: the core that owns the tables.
 * Errors:  none; a beginning that finds no room goes where its slot says all the same.
 */

#ifndef SL_STATE_BEGIN_H
#define SL_STATE_BEGIN_H

#include <stdint.h>

#include "lcore/burst.h"
#include "state/core.h"
#include "state/snapshot.h"

/* Packets of the burst by their numbers, count in list: all have a service and a hash, and more to
 * decide than a settled slot does alone. Those that go the straight way get their nodes and leave the
 * list. Returns how many stay. */
uint32_t sl_begin(const struct sl_snapshot *snapshot, struct sl_core *core, struct sl_burst *burst,
		  uint64_t now_ms, uint8_t *list, uint32_t count);

#endif
