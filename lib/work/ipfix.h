/* SPDX-License-Identifier: BSD-3-Clause */

/* IPFIX messages: two templates, one for flows of each family, and their records.
 *
 * Why:     collectors of all makers read it.
 * Shape:   a message is composed in octets of the caller's: begin, records or templates, end. Sets of
 *          one template are one set as long as records of a family follow one another.
 * Threads: one owner.
 * Memory:  the caller's.
 * Errors:  none; what finds no room says so.
 * Source:  RFC 7011 (messages, sets, templates), RFC 7012 and IANA's registry (elements).
 */

#ifndef SL_WORK_IPFIX_H
#define SL_WORK_IPFIX_H

#include <stdbool.h>
#include <stdint.h>

#include "pkt/key.h"

#define SL_IPFIX_TEMPLATE_V4 256u
#define SL_IPFIX_TEMPLATE_V6 257u
#define SL_IPFIX_SIZE_MIN    256u /* octets of a message that both templates fit */

/* flowEndReason of RFC 5102. */
enum sl_ipfix_reason {
	SL_IPFIX_IDLE = 1,
	SL_IPFIX_ACTIVE = 2,
	SL_IPFIX_ENDED = 3,	/* by FIN or RST */
	SL_IPFIX_FORCED = 4,	/* the exporter ends */
	SL_IPFIX_RESOURCES = 5, /* another flow took its place */
};

struct sl_ipfix_record {
	struct sl_key key;
	uint64_t packets, octets;
	uint64_t start_ms, end_ms; /* wall clock */
	uint8_t tos, tcp_flags;
	uint8_t reason; /* enum sl_ipfix_reason */
};

struct sl_ipfix {
	uint32_t domain;   /* observation domain */
	uint32_t sequence; /* records in messages that were ended */
	/* the message under way */
	uint8_t *octets;
	uint32_t room, size;
	uint32_t set;	  /* offset of the set that is open; 0: none */
	uint32_t records; /* in it */
	uint64_t packets; /* of these */
};

void sl_ipfix_begin(struct sl_ipfix *ipfix, uint8_t *octets, uint32_t room);
/* False: there is no room left. */
bool sl_ipfix_add(struct sl_ipfix *ipfix, const struct sl_ipfix_record *record);
/* Both templates; the message is empty. */
void sl_ipfix_add_templates(struct sl_ipfix *ipfix);
/* Returns the octets of the message. */
uint32_t sl_ipfix_end(struct sl_ipfix *ipfix, uint64_t wall_ms);

#endif
