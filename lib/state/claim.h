/* SPDX-License-Identifier: BSD-3-Clause */

/* What of the packets that come in is ours to answer: ARP, neighbour discovery and echo.
 *
 * Why:     the packet path answers it, and `explain` must say the same of the same packet.
 * Threads: any; reads a snapshot.
 * Memory:  none.
 * Errors:  none.
 */

#ifndef SL_STATE_CLAIM_H
#define SL_STATE_CLAIM_H

#include "pkt/arp_nd.h"
#include "pkt/parse.h"
#include "state/snapshot.h"

enum sl_claim {
	SL_CLAIM_NOTHING = 0,  /* goes on to services */
	SL_CLAIM_NEIGHBOR = 1, /* a question for an address of ours */
	SL_CLAIM_ECHO = 2,     /* an echo request that we answer */
	SL_CLAIM_PUNT = 3,     /* an echo request that the service wants punted */
};

/* The packet's own destination: its key may be that of a flow inside a tunnel. */
struct sl_addr sl_claim_target(const struct sl_pkt *pkt, const uint8_t *l3);

/* For a packet that was parsed without a fault or is no IP, and came in by port; readable octets
 * are at l3. neigh is written for SL_CLAIM_NEIGHBOR. */
enum sl_claim sl_claim(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_pkt *pkt,
		       const uint8_t *l3, uint32_t readable, struct sl_neigh *neigh);

#endif
