/* SPDX-License-Identifier: BSD-3-Clause */

/* A link on which every neighbour answers at once, by a core's ring: for tests of whoever asks.
 *
 * Threads: the main thread.
 */

#ifndef TESTS_UNIT_NEIGH_FAKE_LINK_H
#define TESTS_UNIT_NEIGH_FAKE_LINK_H

#include "neigh/neigh.h"

struct fake_link {
	struct sl_core_stats *core;
	bool silent;		   /* nobody answers */
	uint32_t room;		   /* frames until the next flush */
	uint32_t asked, announced; /* frames of each kind */
	uint32_t said, said_most;  /* frames since the last flush, between two */
	struct sl_addr last_announced;
};

/* How a spec's link speaks on it. */
void fake_link_open(struct fake_link *link, struct sl_core_stats **core,
		    struct sl_neigh_link *spec);

/* The MAC address that a neighbour has there. */
struct sl_mac fake_link_mac(const struct sl_addr *addr);

#endif
