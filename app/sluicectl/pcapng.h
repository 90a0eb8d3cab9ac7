/* SPDX-License-Identifier: BSD-3-Clause */

/* A pcapng file of Ethernet frames with a comment each.
 *
 * Threads: one.
 * Errors:  the stream's.
 * Source:  draft-ietf-opsawg-pcapng.
 */

#ifndef SL_SLUICECTL_PCAPNG_H
#define SL_SLUICECTL_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

/* The file's head: one interface, nanoseconds. */
void pcapng_begin(FILE *out);
/* A frame of size octets, of which `kept` are there. */
void pcapng_frame(FILE *out, uint64_t wall_ns, const uint8_t *octets, uint32_t kept, uint32_t size,
		  const char *comment);

#endif
