/* SPDX-License-Identifier: BSD-3-Clause */

/* Where benchmarks' packets come from: net_null, and a receive callback that writes the headers of
 * flows drawn at random into each frame, checksums right. All that is measured has it in common.
 *
 * Threads: one.
 */

#ifndef TESTS_BENCH_SOURCE_H
#define TESTS_BENCH_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

#define SOURCE_SIZE  64 /* octets of a frame */
#define SOURCE_SIZE6 96 /* IPv6 needs more for its headers alone */

/* UDP from flows' addresses and ports to port 53 of 10.1.0.0 or 2001:db8::. */
void source_init(uint32_t flows, bool v6);
/* After that: IPv4 TCP SYNs to port 80 instead. */
void source_begin_flows(void);
/* Puts it behind a started port's queue 0; false: no memory. */
bool source_attach(uint16_t port_id);

/* Whether every flow comes in its turn instead of at random. */
void source_in_turn(bool in_turn);

/* A five-tuple as tables want it. */
struct source_tuple {
	uint32_t src, dst, ports, protocol;
};

/* That of flow 0, 1, ...; of a frame (IPv4). */
struct source_tuple source_tuple_of(uint32_t flow);
struct source_tuple source_tuple_read(const struct rte_mbuf *packet);

#endif
