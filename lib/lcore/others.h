/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses that are others' although a service may take packets for them: gateways and remote nodes.
 *
 * Why:     a service of a prefix takes what is sent to it, but does not have its addresses; whoever
 *          answers ARP for the gateway or a node cuts off the whole link. And what comes back about
 *          tunnel packets quotes an address of a node.
 * Shape:   an ordered array, searched in halves.
 * Threads: immutable after creation; references: control.
 * Memory:  one allocation, counted references.
 * Errors:  0 or -ENOMEM.
 */

#ifndef SL_LCORE_OTHERS_H
#define SL_LCORE_OTHERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct sl_others;

/* Copies the count addresses of list, in any order, with repetitions. */
int sl_others_create(const struct sl_addr *list, uint32_t count, struct sl_others **others);
struct sl_others *sl_others_get(struct sl_others *others); /* takes NULL */
void sl_others_put(struct sl_others *others);		   /* takes NULL */

/* True if they were created from this very list. */
bool sl_others_is(const struct sl_others *others, const struct sl_addr *list, uint32_t count);

/* True if the address is one of them. others may be NULL: none. */
bool sl_others_has(const struct sl_others *others, const struct sl_addr *addr);

#endif
