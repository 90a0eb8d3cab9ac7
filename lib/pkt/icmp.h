/* SPDX-License-Identifier: BSD-3-Clause */

/* ICMP messages that we send: errors about packets we cannot forward, and echo replies.
 *
 * Why:     path MTU discovery through a tunnel works only when somebody tells the sender, and a
 *          service that answers no ping looks dead.
 * Shape:   an error is written as an IP packet into the caller's buffer; an echo request is turned
 *          round where it lies. Both are IP packets: the Ethernet header is the caller's.
 * Threads: any; pure.
 * Errors:  0 octets or false: the standards forbid to answer such a packet. How often one answers
 *          is the caller's to limit.
 * Source:  RFC 792, 1122 section 3.2.2, 1191, 1812 section 4.3, 4443 sections 2.4, 3.2, 3.3, 4.2.
 */

#ifndef SL_PKT_ICMP_H
#define SL_PKT_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "pkt/parse.h"

/* An error with its quote: IPv4 576, IPv6 1280 octets at most. */
#define SL_ICMP_ERROR_SIZE_MAX 1280

enum sl_icmp_error {
	SL_ICMP_ERROR_TOO_BIG = 0, /* IPv4: fragmentation needed and DF set */
	SL_ICMP_ERROR_TTL = 1,	   /* time exceeded in transit */
};

struct sl_icmp_error_spec {
	enum sl_icmp_error error;
	struct sl_addr src; /* who says it: of the packet's family */
	uint32_t mtu;	    /* TOO_BIG: what would have fitted; IPv6 is told 1280 at least */
};

/* Writes the error about the packet whose IP header is at l3 (readable octets there) to out, which
 * has SL_ICMP_ERROR_SIZE_MAX octets. Returns the size of the IP packet written. 0: an error about
 * an ICMP error, a later fragment, a packet to or from what is no single host. */
uint32_t sl_icmp_error_build(const struct sl_icmp_error_spec *spec, const uint8_t *l3,
			     uint32_t readable, const struct sl_pkt *pkt, uint8_t *out);

/* Whether the packet is a whole echo request of either ICMP. */
bool sl_icmp_is_echo(const uint8_t *l3, const struct sl_pkt *pkt);

/* Makes the reply out of an echo request: addresses exchanged, type, TTL and checksums set. */
void sl_icmp_echo_turn(uint8_t *l3, const struct sl_pkt *pkt);

#endif
