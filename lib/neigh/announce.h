/* SPDX-License-Identifier: BSD-3-Clause */

/* Announcements: gratuitous ARP and unsolicited neighbour advertisements for what ports answer for.
 *
 * Why:     routers and switches that knew another machine at our addresses learn of us at once, not when
 *          their tables age.
 * Shape:   each address is announced twice, two seconds apart: at the start, when its port's link comes
 *          up, and when a service brings it. What a port does not answer for by then is left out.
 * Threads: control.
 * Memory:  create and destroy (takes NULL).
 * Errors:  what finds no memory is not announced.
 * Source:  RFC 5227 section 2.3; RFC 4861 section 7.2.6.
 */

#ifndef SL_NEIGH_ANNOUNCE_H
#define SL_NEIGH_ANNOUNCE_H

#include "model/model.h"
#include "neigh/ask.h"

#define SL_ANNOUNCE_TIMES   2
#define SL_ANNOUNCE_WAIT_MS 2000

struct sl_announcer;

/* Both outlive it. NULL: no memory. */
struct sl_announcer *sl_announcer_create(const struct sl_model *model,
					 const struct sl_neigh_link *link);
void sl_announcer_destroy(struct sl_announcer *announcer);

/* Everything that the port answers for is due. */
void sl_announcer_port(struct sl_announcer *announcer, uint32_t port, uint64_t now_ms);
/* The model's services changed: what is new is due. */
void sl_announcer_follow(struct sl_announcer *announcer, uint64_t now_ms);

/* Says what is due, a part of it when that is a lot. True: more is due. */
bool sl_announcer_step(struct sl_announcer *announcer, uint64_t now_ms);

#endif
