/* SPDX-License-Identifier: BSD-3-Clause */

/* The private field of our GUE headers: who else may have the flow.
 *
 * Why:     while a slot is open, a dispatcher that does not remember a connection (it was restarted,
 *          or another one had it) sends its segments to one of the slot's two nodes, and cannot know
 *          whether that is the right one. A server without the connection would reset it; with the
 *          field it passes the segment on to the other node: a second chance. So no state of any
 *          dispatcher is needed for it.
 * Shape:   private data behind the four octets of GUE's variant 0, counted by its header length, in words:
 *          octet 0     SL_GUE_FIELD_MARK
 *          octet 1     hops left: how often the packet may be passed on; sluice writes 1
 *          octet 2     family of the address: 4 or 6, as the outer packet's
 *          octet 3     0
 *          octets 4..  the other node's address, 4 or 16 octets
 *          It is the only private data there. Receivers that do not know it walk over it.
 * Threads: any; pure.
 * Source:  draft-ietf-intarea-gue section 3.2; the idea is that of GitHub's load balancer, glb-director.
 */

#ifndef SL_PKT_GUE_H
#define SL_PKT_GUE_H

#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"

#define SL_GUE_FIELD_MARK   0x53
#define SL_GUE_FIELD_HOPS   1
#define SL_GUE_FIELD_FAMILY 2
#define SL_GUE_FIELD_NODE   4
#define SL_GUE_FIELD4_SIZE  8
#define SL_GUE_FIELD6_SIZE  20
#define SL_GUE_FIELD_MAX    SL_GUE_FIELD6_SIZE
#define SL_GUE_HOPS	    1 /* what sluice writes */

static inline uint32_t sl_gue_field_size(uint8_t family)
{
	return family == SL_FAMILY_IPV4 ? SL_GUE_FIELD4_SIZE : SL_GUE_FIELD6_SIZE;
}

/* Whether the private data of that many octets begins like a field of that family. */
static inline bool sl_gue_field_is(const uint8_t *at, uint32_t size, uint8_t family)
{
	return size == sl_gue_field_size(family) && at[0] == SL_GUE_FIELD_MARK &&
	       at[SL_GUE_FIELD_FAMILY] == family;
}

/* Writes a field of sl_gue_field_size() octets. */
static inline void sl_gue_field_write(uint8_t *at, uint8_t family, const uint8_t *node)
{
	at[0] = SL_GUE_FIELD_MARK;
	at[SL_GUE_FIELD_HOPS] = SL_GUE_HOPS;
	at[SL_GUE_FIELD_FAMILY] = family;
	at[3] = 0;
	if (family == SL_FAMILY_IPV4)
		memcpy(at + SL_GUE_FIELD_NODE, node, SL_ADDR4_SIZE);
	else
		memcpy(at + SL_GUE_FIELD_NODE, node, SL_ADDR6_SIZE);
}

#endif
