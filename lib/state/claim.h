/* SPDX-License-Identifier: BSD-3-Clause */

/* What of the packets that come in is ours to answer: ARP, neighbour discovery and echo; and whom
 * anything of our own may be sent to.
 *
 * Why:     the packet path answers it, and `explain` must say the same of the same packet. A service
 *          that takes packets for an address need not have it: its prefix may hold the gateway,
 *          nodes, a network's broadcast and whoever asks.
 * Threads: any; reads a snapshot.
 * Memory:  none.
 * Errors:  none.
 */

#ifndef SL_STATE_CLAIM_H
#define SL_STATE_CLAIM_H

#include "lcore/heard.h"
#include "lcore/told.h"
#include "pkt/arp_nd.h"
#include "pkt/parse.h"
#include "state/snapshot.h"

enum sl_claim {
	SL_CLAIM_NOTHING = 0,  /* goes on to services */
	SL_CLAIM_NEIGHBOR = 1, /* a question for an address of ours */
	SL_CLAIM_ECHO = 2,     /* an echo request that we answer */
	SL_CLAIM_PUNT = 3,     /* an echo request that the service wants punted */
	SL_CLAIM_CONFLICT = 4, /* somebody else says that it has an address of ours; goes on */
};

/* For a packet that was parsed without a fault or is no IP, and came in by port; frame has size
 * readable octets. neigh is written for SL_CLAIM_NEIGHBOR and SL_CLAIM_CONFLICT. */
enum sl_claim sl_claim(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_pkt *pkt,
		       const uint8_t *frame, uint32_t size, struct sl_neigh *neigh);

/* True if the packet, an ICMP error that came in by port, is about a tunnel packet of ours: sent from an
 * address of a port to a node. *heard says what control must know of it. Its sum is not looked at. */
bool sl_claim_hears(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_pkt *pkt,
		    const uint8_t *frame, struct sl_heard *heard);

/* Who says in the message that it has which address of ours. */
void sl_claim_conflict(uint32_t port, const struct sl_neigh *neigh, struct sl_heard *heard);

/* True if the packet, as above, tells the MAC address of a next hop by a port that resolves them itself.
 * *ends: it is nobody else's. */
bool sl_claim_tells(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_pkt *pkt,
		    const uint8_t *frame, uint32_t size, struct sl_told *told, bool *ends);

/* True if the port answers for this very address: its own, or one that a service names by itself. */
bool sl_claim_has(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_addr *addr);

/* True if something of our own may go to this address at this MAC address by the port: a single host
 * that is not ourselves. The one check for all that we send. */
bool sl_claim_may_send(const struct sl_snapshot *snapshot, uint32_t port, const struct sl_addr *to,
		       const uint8_t *mac);

/* Our address in what we tell the sender of a packet to target: target where it is ours, else the
 * port's; target without one. */
struct sl_addr sl_claim_speaker(const struct sl_snapshot *snapshot, uint32_t port,
				const struct sl_addr *target);

#endif
