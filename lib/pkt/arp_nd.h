/* SPDX-License-Identifier: BSD-3-Clause */

/* Who has which address on a link: ARP for IPv4, neighbour discovery for IPv6.
 *
 * Shape:   both protocols are read into one struct; what we say ourselves is written as a whole
 *          Ethernet frame into the caller's buffer of SL_NEIGH_FRAME_SIZE_MAX octets.
 * Threads: any; pure.
 * Errors:  false for what is malformed or none of these messages; the output is not written.
 * Source:  RFC 826, 5227 (probes, announcements), 4861 sections 4.3, 4.4, 7.1, 7.2; 4291 section
 *          2.7.1 (solicited-node group).
 */

#ifndef SL_PKT_ARP_ND_H
#define SL_PKT_ARP_ND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "pkt/parse.h"

#define SL_NEIGH_FRAME_SIZE_MAX 86 /* Ethernet, IPv6, solicitation with its option */
#define SL_ARP_SIZE		28

struct sl_neigh {
	bool request;	       /* asks for target's MAC; else tells it */
	bool has_mac;	       /* request: the sender's is known; reply: the target's */
	bool group;	       /* mac is a group's, which nobody has: has_mac is false */
	bool override;	       /* reply: may replace what is known */
	struct sl_addr sender; /* family NONE: a probe for a duplicate address */
	struct sl_addr target; /* whose MAC is asked for or told */
	struct sl_mac mac;
};

/* An ARP message of size octets. */
bool sl_arp_parse(const uint8_t *arp, uint32_t size, struct sl_neigh *neigh);

/* The neighbour solicitation or advertisement in the packet whose IPv6 header is at l3; all of
 * pkt->l3_size octets must be readable there. Hop limit and checksum are verified. */
bool sl_nd_parse(const uint8_t *l3, const struct sl_pkt *pkt, struct sl_neigh *neigh);

/* Answers a request: own MAC has its target. frame_src is the source MAC of the frame that brought
 * it, for requests that do not name one. Returns the frame's size. */
uint32_t sl_neigh_answer(const struct sl_neigh *request, const struct sl_mac *own,
			 const struct sl_mac *frame_src, uint8_t *frame);

/* Asks for target's MAC, from our address of the same family: all on the link, or whoever has `at`.
 * Returns the frame's size. */
uint32_t sl_neigh_ask(const struct sl_mac *own, const struct sl_addr *from,
		      const struct sl_addr *target, uint8_t *frame);
uint32_t sl_neigh_ask_at(const struct sl_mac *own, const struct sl_addr *from,
			 const struct sl_addr *target, const struct sl_mac *at, uint8_t *frame);

/* Tells all on the link that own MAC has the address: a gratuitous ARP request, an unsolicited
 * advertisement. Returns the frame's size. */
uint32_t sl_neigh_announce(const struct sl_mac *own, const struct sl_addr *addr, uint8_t *frame);

#endif
