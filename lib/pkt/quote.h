/* SPDX-License-Identifier: BSD-3-Clause */

/* The packet an ICMP error is about: from the quoted octets to the key of its flow.
 *
 * Why:     an error must reach the node that serves the flow it is about.
 * Shape:   the IP header and 8 octets are enough; IPv4 options and IPv6 extension headers are
 *          walked; the lengths of RFC 4884 bound the quote.
 * Threads: any; pure.
 * Errors:  false: no flow can be told from this message; the output is not written.
 * Source:  RFC 792, 1812 section 4.3.2.7, 4443 section 2.4, 4884.
 */

#ifndef SL_PKT_QUOTE_H
#define SL_PKT_QUOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "pkt/key.h"

enum sl_icmp_kind {
	SL_ICMP_KIND_OTHER = 0,	  /* echo and the like, neighbour discovery: an ordinary packet */
	SL_ICMP_KIND_ERROR = 1,	  /* quotes the packet it is about */
	SL_ICMP_KIND_STRANGE = 2, /* redirect, or an error of an unknown type */
};

enum sl_icmp_kind sl_icmp_kind(uint8_t family, uint8_t type);

/* icmp: size octets from the ICMP header on of a message of SL_ICMP_KIND_ERROR. Writes the quoted
 * packet's key as it was sent; sl_key_reverse() makes it that of packets towards its sender. False
 * for errors about errors and redirects, later fragments, and quotes that end before the flow is
 * known. */
bool sl_quote_key(uint8_t family, const uint8_t *icmp, uint32_t size, struct sl_key *key);

#endif
