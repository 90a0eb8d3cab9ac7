/* SPDX-License-Identifier: BSD-3-Clause */

/* The flow inside a tunnel: the key of the packet that another one carries.
 *
 * Why:     a tunnel is one flow to the network; its packets are spread over workers by what is in
 *          it (`hash: inner-5-tuple`).
 * Shape:   one tunnel is opened, not tunnels in tunnels: IPv4 or IPv6 in IP, GRE (with checksum,
 *          key and sequence number; IP or Ethernet inside), VXLAN and GTP-U over UDP. Fragments of
 *          an inner datagram share a key without ports, so that they stay together.
 * Threads: any; pure.
 * Errors:  false: no tunnel that we know, or what it carries cannot be read; the key is not
 *          written.
 * Source:  RFC 2003, 2473, 2784, 2890, 7348; 3GPP TS 29.281 section 5.
 */

#ifndef SL_PKT_INNER_H
#define SL_PKT_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "pkt/parse.h"

#define SL_GTPU_PORT 2152

/* pkt: what sl_parse() said about the frame. */
bool sl_parse_inner(const uint8_t *frame, uint32_t size, uint32_t frame_size,
		    const struct sl_pkt *pkt, struct sl_key *key);

#endif
