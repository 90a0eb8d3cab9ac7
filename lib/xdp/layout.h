/* SPDX-License-Identifier: BSD-3-Clause */

/* The maps of the kernel's program: what control writes into them and the program reads.
 *
 * Why:     the program serves packets by itself from them while no daemon is there.
 * Shape:   arrays, mapped into control's memory. Services and pools are there in two halves: a change
 *          is written into the one that is not in force, which one store then puts in force. Slots and
 *          nodes are changed where they are: each is one word, or of an index that no slot names yet.
 *          It answers as the packet path does (unit/xdp/dispatch_test.c), but: headers beyond the first
 *          SL_XDP_HEAD_SIZE octets are truncated; it tells senders nothing, makes no fragments, and keeps no early
 *          ones: they go by their addresses and protocol; the CRC of SCTP is not completed; pools that hash inside tunnels go by what is outside, schedulers that choose per flow by
 *          their slots; it names no other node in GUE (pkt/gue.h); connections that begin while slots are open are remembered by it alone.
 * Threads: control writes, the program reads; the program writes counters, its flows, and when it
 *          began to serve.
 * Memory:  of the kernel; it lasts as long as the program or a pin.
 */

#ifndef SL_XDP_LAYOUT_H
#define SL_XDP_LAYOUT_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/limit.h"
#include "pkt/key.h"
#include "state/service_rule.h"
#include "state/snapshot.h"

/* Of all that is below: maps of another one are never served from by this program, nor read. */
#define SL_XDP_VERSION 1

#define SL_XDP_STALE_NS	   1000000000ull /* a heartbeat of before is none */
#define SL_XDP_HEAD_SIZE   512		 /* octets of a frame in which headers are looked for */
#define SL_XDP_PROBES_MAX  32		 /* buckets or entries of exact tables that are looked at */
#define SL_XDP_PARENTS_MAX 130		 /* places on the way to `any` */
#define SL_XDP_SEARCH_MAX  20		 /* steps of a binary search: of a million */
#define SL_XDP_DATAGRAMS   65536	 /* in fragments */
#define SL_XDP_FLOWS	   262144	 /* connections that began while the program served */

/* Of the first word of `alive`: the thread that has it. */
#define SL_XDP_ALIVE_MASK 0x3fffffffu

/* Services and pools, one of two. */
struct sl_xdp_half {
	uint32_t bits4, bits6;	    /* log2 of the buckets of exact tables */
	uint32_t interval_count[2]; /* IPv4, IPv6 */
	uint32_t vlans;		    /* some rule names a VLAN */
	uint32_t spare[3];
};

/* Of what there is room for in one half. */
struct sl_xdp_room {
	uint32_t bucket4, entry6, interval, place, group, port;
	uint32_t service, pool;
};

/* What the program did while it served. */
struct sl_xdp_count {
	uint64_t packets, bytes; /* sent to nodes; octets of frames as they came */
	uint64_t dropped;	 /* services' packets that no remote node could have */
	uint64_t passed;	 /* those that were the kernel's instead */
};

/* The same of programs before, and when. */
struct sl_xdp_served {
	struct sl_xdp_count count;
	uint64_t ns, times; /* all stretches, and their number */
};

struct sl_xdp_state {
	uint32_t version;      /* SL_XDP_VERSION */
	uint32_t active;       /* the half in force */
	uint64_t heartbeat_ns; /* CLOCK_MONOTONIC; 0: nobody is there */
	uint64_t since_ns;     /* the program's: when it began to serve; 0: it does not */
	struct sl_hash_key hash_key, flow_key;
	struct sl_xdp_served carried; /* of sets of maps before this one */
	struct sl_xdp_half half[2];
	struct sl_xdp_room room;
	uint64_t alive[5]; /* a robust mutex of the daemon's; the kernel frees it at once when its
			      owner dies */
};

struct sl_xdp_service {
	uint32_t pool;
	uint32_t prior_pool; /* SL_SERVICE_NONE: settled */
	uint16_t mss_clamp;
	uint16_t flags; /* SL_SERVICE_ */
	uint32_t spare;
};

struct sl_xdp_pool {
	struct sl_key_mask mask;
	uint32_t slots; /* where its slots begin */
	uint8_t shift, flags, no_node, tracking;
};

/* Two slots to an element of their array, the even one in the lower half. A slot is the index of its
 * node, and of an open one which prior node there is, from 1. */
#define SL_XDP_SLOT_NODE	0x1ffffu
#define SL_XDP_SLOT_PRIOR_SHIFT 17
#define SL_XDP_PRIORS_MAX	32768u

_Static_assert(SL_NODE_INDEX_MAX <= SL_XDP_SLOT_NODE + 1, "a node index fits a slot");
_Static_assert((uint64_t)SL_XDP_PRIORS_MAX << SL_XDP_SLOT_PRIOR_SHIFT == 1ull << 32, "and a prior");

/* An address as two words in host order, compared like a number. */
struct sl_xdp_interval {
	uint64_t high, low;
	uint32_t place;
	uint32_t spare;
};

/* By index as in snapshots. */
struct sl_xdp_port {
	uint32_t interface; /* 0: none of the kernel's */
	uint32_t mtu;
	struct sl_mac mac;
	uint8_t takes_all;   /* `take: all` */
	uint8_t understudy;  /* serves while no daemon is there */
	uint8_t promiscuous; /* frames for any MAC address */
	uint8_t punts;	     /* what it cannot serve is the kernel's: `punt: kernel` */
	uint8_t answers;     /* enum sl_answer: to which ARP, ND and echo the daemon answers */
	uint8_t learns;	     /* the daemon resolves neighbours: it hears their answers, too */
	uint32_t address_count;
	struct sl_addr addresses[SL_PORT_ADDRESSES_MAX]; /* its own */
};

/* The maps: name, type, value, elements as struct sl_xdp_room and the sizes of a set say. */
#define SL_XDP_MAPS(X)                                                                             \
	X(STATE, state, struct sl_xdp_state)                                                       \
	X(PORT, port, struct sl_xdp_port)                                                          \
	X(BUCKET4, bucket4, struct sl_service_bucket4)                                             \
	X(ENTRY6, entry6, struct sl_service_entry6)                                                \
	X(INTERVAL, interval_map, struct sl_xdp_interval)                                          \
	X(PLACE, place_map, struct sl_service_place)                                               \
	X(GROUP, group, struct sl_service_group)                                                   \
	X(RANGE, range, struct sl_service_ports)                                                   \
	X(SERVICE, service, struct sl_xdp_service)                                                 \
	X(POOL, pool, struct sl_xdp_pool)                                                          \
	X(SLOT, slot, uint64_t)                                                                    \
	X(PRIOR, prior, uint64_t)                                                                  \
	X(NODE, node, struct sl_node_view)

enum sl_xdp_map {
#define X(id, name, type) SL_XDP_MAP_##id,
	SL_XDP_MAPS(X)
#undef X
		SL_XDP_MAP_COUNT
};

#endif
