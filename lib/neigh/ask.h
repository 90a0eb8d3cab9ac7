/* SPDX-License-Identifier: BSD-3-Clause */

/* Our own questions on a link, where no kernel asks: ARP and neighbour solicitations, and what receive
 * cores heard in answer.
 *
 * Why:     a NIC that the kernel does not see has no neighbours there.
 * Shape:   a question is a frame that goes out by a receive core; answers and claims come back in the
 *          cores' rings and are judged by the table.
 * Threads: control.
 * Memory:  none of its own.
 * Errors:  a question that finds no room is due again at once.
 * Source:  RFC 826; RFC 4861 section 7.2.2.
 */

#ifndef SL_NEIGH_ASK_H
#define SL_NEIGH_ASK_H

#include "conf/conf.h"
#include "lcore/stats.h"
#include "neigh/table.h"

/* How control speaks on links, and by whom it hears of them. */
struct sl_neigh_link {
	/* Sends a copy of the frame by a port, soon; false: there is no room now. */
	bool (*say)(void *context, uint32_t port, const uint8_t *frame, uint32_t size);
	/* Soon is now. */
	void (*flush)(void *context);
	void *context;
	struct sl_mac mac[SL_PORTS_MAX];    /* ours */
	struct sl_core_stats *const *cores; /* core_count; borrowed */
	uint32_t core_count;
};

/* Asks for an SL_NEIGH_OWN that is due, whose port is given. False: it was not asked. */
bool sl_neigh_ask_for(struct sl_neigh_table *table, struct sl_neigh_entry *entry,
		      const struct sl_neigh_link *link, const struct sl_conf_port *port);

/* Takes what cores heard, a part of it when that is a lot. True: there was something. */
bool sl_neigh_hear(struct sl_neigh_table *table, const struct sl_neigh_link *link, uint64_t now_ms);

#endif
