/* SPDX-License-Identifier: BSD-3-Clause */

/* What we say ourselves: answers to ARP, neighbour discovery and echo, errors to senders. Private to
 * path.
 *
 * Why:     without a kernel behind the port somebody must say who has a service's address, that it
 *          lives, and that a packet was too big for the tunnel.
 * Shape:   answers are made in the packet buffer that asked; each kind has its own rate, so that a
 *          flood of one silences no other.
 * Threads: the core.
 * Memory:  none of its own.
 * Errors:  none; a packet that cannot be answered is consumed all the same.
 */

#ifndef SL_PATH_OWN_H
#define SL_PATH_OWN_H

#include <stdint.h>

#include "pkt/icmp.h"
#include "state/snapshot.h"

struct rte_mbuf;
struct sl_path_core;

#define SL_OWN_RATE  1000 /* messages a second, of each kind, that one core sends */
#define SL_OWN_BURST 1000 /* that may be saved up */

enum sl_own_kind { SL_OWN_NEIGHBOR = 0, SL_OWN_ECHO = 1, SL_OWN_ERROR = 2, SL_OWN_KIND_COUNT };

/* Tokens of one kind. */
struct sl_own_rate {
	uint64_t filled_ms; /* up to when tokens were given */
	uint32_t tokens;
};

/* Looks through a burst in which something may be ours (SL_PKT_OWN, SL_PKT_ICMP_ERROR): what we answer or what is told
 * only to us gets verdict OWN, is counted as punted and is no longer in the burst's hands. */
void sl_path_own(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port);

/* Tells the sender of a packet of the burst, which came in by port, that it cannot go on as it is;
 * the packet is consumed, whether the standards and the rate allow an answer or not. mtu: of the
 * tunnel, for SL_ICMP_ERROR_TOO_BIG. */
void sl_path_tell(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		  uint32_t i, enum sl_icmp_error error, uint32_t mtu);

#endif
