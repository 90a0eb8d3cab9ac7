/* SPDX-License-Identifier: BSD-3-Clause */

/* The maps of a server's program: what it opens, for whom, and what became of it.
 *
 * Why:     a server needs no tunnel device and no module for what dispatchers send in tunnels; and a
 *          program that opens whatever comes would let anybody who reaches the server put packets with
 *          any source behind the filters in front of it. So a packet is opened where its outer
 *          destination is one of OWN (addresses of the interface, or named ones: a service's address
 *          on lo is none, what is tunnelled to it came from strangers), its outer source one of FROM
 *          where that is given, and its inner destination one of LOCAL: addresses of this host, but of
 *          the loopback's. One tunnel is opened, not tunnels in tunnels.
 * Shape:   IPv4 addresses stand as ::ffff:a.b.c.d.
 * Threads: the command writes before the program is on the interface; the program writes counters.
 * Memory:  of the kernel; it lasts as long as the program or a pin.
 */

#ifndef SL_DECAP_LAYOUT_H
#define SL_DECAP_LAYOUT_H

#include <stdint.h>

#include "base/addr.h"

#define SL_DECAP_NAME_SIZE   16 /* of an interface: IFNAMSIZ */
#define SL_DECAP_OWN_MAX     256
#define SL_DECAP_LOCAL_MAX   65536
#define SL_DECAP_FROM_MAX    1024
#define SL_DECAP_MAPPED_BITS 96 /* before an IPv4 address */

/* The packet goes on as the kernel's own packets do: from its outer headers on nothing is changed, so it
 * keeps its TTL; the outer congestion mark is copied inside (RFC 6040). */
struct sl_decap_config {
	uint32_t tunnels; /* bits: enum sl_encap_type */
	uint32_t from;	  /* FROM is asked */
	uint16_t gue_port_be;
	uint16_t second_chance; /* segments without a socket are passed on: pass.bpf.c */
	uint32_t index;		/* of the interface */
	char interface[SL_DECAP_NAME_SIZE];
};

/* What the driver's program writes in front of a packet for pass.bpf.c: nothing that comes by the wire
 * can have it. */
#define SL_DECAP_PASS_ON 0x5350

/* A key of LPM tries. */
struct sl_decap_prefix {
	uint32_t length;
	uint8_t octets[SL_ADDR6_SIZE];
};

/* id, group and name in `status`. The first are in the order of enum sl_encap_type. */
#define SL_DECAP_COUNTERS(X)                                                                       \
	X(IPIP, "decapsulated", "ipip")                                                            \
	X(GRE, "decapsulated", "gre")                                                              \
	X(GUE, "decapsulated", "gue")                                                              \
	X(VXLAN, "decapsulated", "vxlan")                                                          \
	X(BYTES, "decapsulated", "bytes")      /* of inner packets */                              \
	X(FRAGMENT, "dropped", "fragment")     /* of a tunnel's packet */                          \
	X(BAD_HEADER, "dropped", "bad_header") /* lengths, versions, checksums */                  \
	X(ECN, "dropped", "ecn")	       /* congestion that the inner packet cannot tell */  \
	X(SOURCE, "dropped", "source")	       /* not one of FROM */                               \
	X(NO_ROOM, "dropped", "no_room")       /* the driver cannot move the frame's start */      \
	X(NOT_OURS, "left", "not_ours")	       /* outside or inside for another address */         \
	X(OTHER, "left", "other")	       /* what sluice does not write */                    \
	X(PASSED_ON, "segments", "passed_on")  /* no socket here: to the other node */             \
	X(UNKNOWN, "segments", "unknown")      /* no socket, and nobody to pass it to */

enum sl_decap_counter {
#define X(id, group, name) SL_DECAP_##id,
	SL_DECAP_COUNTERS(X)
#undef X
		SL_DECAP_COUNTER_COUNT
};

struct sl_decap_count {
	uint64_t value[SL_DECAP_COUNTER_COUNT];
};

/* id, name, type, key, value, elements, flags */
#define SL_DECAP_MAPS(X)                                                                           \
	X(CONFIG, config, BPF_MAP_TYPE_ARRAY, uint32_t, struct sl_decap_config, 1, 0)              \
	X(COUNTS, count, BPF_MAP_TYPE_PERCPU_ARRAY, uint32_t, struct sl_decap_count, 1, 0)         \
	X(OWN, own, BPF_MAP_TYPE_HASH, struct sl_decap_prefix, uint32_t, SL_DECAP_OWN_MAX, 0)      \
	X(LOCAL, local, BPF_MAP_TYPE_LPM_TRIE, struct sl_decap_prefix, uint32_t,                   \
	  SL_DECAP_LOCAL_MAX, BPF_F_NO_PREALLOC)                                                   \
	X(FROM, from, BPF_MAP_TYPE_LPM_TRIE, struct sl_decap_prefix, uint32_t, SL_DECAP_FROM_MAX,  \
	  BPF_F_NO_PREALLOC)

enum sl_decap_map {
#define X(id, name, type, key, value, count, flags) SL_DECAP_MAP_##id,
	SL_DECAP_MAPS(X)
#undef X
		SL_DECAP_MAP_COUNT
};

#endif
