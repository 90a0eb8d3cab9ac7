/* SPDX-License-Identifier: BSD-3-Clause */

/* A snapshot in the kernel's maps.
 *
 * Why:     what the program serves while no daemon is there is what cores saw last.
 * Shape:   services and pools into the half that is not in force, then one store; slots and nodes where
 *          they are, each that differs. Nobody reads slots and nodes while the daemon lives, but a
 *          packet on its way through the program when it was thought to be dead: it may meet a node's
 *          template of before and after in one, and be lost.
 * Threads: control.
 * Memory:  create and destroy; references to slot tables and service tables, to see what changed.
 * Errors:  -E2BIG: the set has no room; sl_xdp_mirror_need() says how much it takes.
 */

#ifndef SL_XDP_MIRROR_H
#define SL_XDP_MIRROR_H

#include "state/snapshot.h"
#include "xdp/object.h"

struct sl_xdp_mirror;

void sl_xdp_mirror_need(const struct sl_snapshot *snapshot, struct sl_xdp_size *need);

/* Writes into the set, which it does not own. */
int sl_xdp_mirror_create(struct sl_xdp_set *set, struct sl_xdp_mirror **mirror);
void sl_xdp_mirror_destroy(struct sl_xdp_mirror *mirror); /* takes NULL */

int sl_xdp_mirror_write(struct sl_xdp_mirror *mirror, const struct sl_snapshot *snapshot);

#endif
