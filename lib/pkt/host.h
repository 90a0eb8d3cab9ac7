/* SPDX-License-Identifier: BSD-3-Clause */

/* Whom something of our own may be sent to: a single host, at a single MAC address.
 *
 * Why:     an answer to a group, to a broadcast or to nobody multiplies itself or comes back to us;
 *          one check serves ARP, neighbour discovery, echo replies, ICMP errors and handlers.
 * Shape:   what the octets alone can tell; which addresses are our own, or broadcast on a port's
 *          networks, is state's to say (state/claim.h).
 * Threads: any; pure.
 * Errors:  none.
 * Source:  RFC 1122 sections 3.2.1.3 and 3.2.2, RFC 4291 sections 2.5 and 2.7, RFC 4443 section 2.4.
 */

#ifndef SL_PKT_HOST_H
#define SL_PKT_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* True if the address can be one host's other than ourselves: not unspecified, loopback, multicast,
 * reserved, broadcast, nor an IPv4 address mapped into IPv6. */
bool sl_host_is_single(const struct sl_addr *addr);

/* True if the MAC address can be one host's: neither a group's nor zero. */
bool sl_host_is_mac(const uint8_t *mac);

/* Source and destination address of the IP packet at l3. */
struct sl_addr sl_host_source(const uint8_t *l3);
struct sl_addr sl_host_target(const uint8_t *l3);

/* True if an answer to the packet at l3 may be sent: its source, and that of the frame, are single
 * hosts, and it was not sent by its own destination. */
bool sl_host_may_answer(const uint8_t *frame, const uint8_t *l3);

#endif
