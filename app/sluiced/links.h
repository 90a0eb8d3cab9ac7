/* SPDX-License-Identifier: BSD-3-Clause */

/* The links of ports, watched: what changes is logged, is an event, and its MTU comes into force.
 *
 * Why:     a link that is down while packets count as forwarded is found by nobody.
 * Threads: control.
 */

#ifndef SLUICED_LINKS_H
#define SLUICED_LINKS_H

#include "wire.h"

/* Once a second. */
void links_look(struct wire *wire, struct sl_model *model, struct sl_neighbors *neighbors);

enum sl_link_state links_state(const struct sl_link *link);

#endif
