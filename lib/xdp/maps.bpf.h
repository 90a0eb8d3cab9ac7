/* SPDX-License-Identifier: BSD-3-Clause */

/* The program's maps, and what it has at hand of a packet.
 *
 * Threads: one CPU at a time has a scratch.
 */

#ifndef SL_XDP_MAPS_BPF_H
#define SL_XDP_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "base/bytes.h"
#include "pkt/parsed.h"
#include "xdp/layout.h"

/* Sizes are the loader's. */
#define X(id, called, kind)                                                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, 1);                                                            \
		__type(key, uint32_t);                                                             \
		__type(value, kind);                                                               \
	} called SEC(".maps");
SL_XDP_MAPS(X)
#undef X

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 128);
	__type(key, uint32_t);
	__type(value, uint32_t);
} xsks_map SEC(".maps");

/* Connections that began while the program served, by flow tag, and their node. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SL_XDP_FLOWS);
	__type(key, uint64_t);
	__type(value, uint32_t);
} flow SEC(".maps");

/* Ports of first fragments, by datagram. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SL_XDP_DATAGRAMS);
	__type(key, uint64_t);
	__type(value, uint32_t);
} fragment SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct sl_xdp_count);
} count SEC(".maps");

#define FRONT_SIZE  256 /* for headers before the packet's */
#define FRAME_CHUNK 256 /* octets that are summed at a time */

/* Octets are read at sl_at() at most twice in a row, and a header from there on. */
struct scratch {
	uint8_t front[FRONT_SIZE];
	uint8_t head[2 * (SL_AT_MASK + 1) + 512]; /* the frame's first octets */
	uint8_t chunk[FRAME_CHUNK];		  /* of the frame, to be summed */
	struct sl_pkt pkt;
	uint64_t hash;
	uint32_t service;
	uint32_t frame_size;
	uint16_t outer_id;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct scratch);
} scratch SEC(".maps");

static __always_inline void *at(void *map, uint32_t index)
{
	return bpf_map_lookup_elem(map, &index);
}

#endif
