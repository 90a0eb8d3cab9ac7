/* SPDX-License-Identifier: BSD-3-Clause */

#include "xdp/object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "xdp/program.h"

#define SOCKETS_MAX 128
#define PAGE_SIZE   4096u
#define ROOM_LEAST  64
#define SLOTS_LEAST 131072

static const struct {
	const char *name;
	uint32_t value_size;
} kinds[] = {
#define X(id, name, type) [SL_XDP_MAP_##id] = {#name, sizeof(type)},
	SL_XDP_MAPS(X)
#undef X
};

#define X(id, name, type) _Static_assert(sizeof(type) % 8 == 0, "elements lie without gaps");
SL_XDP_MAPS(X)
#undef X

/* ---- sizes ----------------------------------------------------------------------------------- */

static uint32_t roomy(uint32_t need, uint32_t least)
{
	uint32_t room = least;

	while (room < 2 * need)
		room *= 2;
	return room;
}

#define ROOM_COUNT (sizeof(struct sl_xdp_room) / sizeof(uint32_t))

void sl_xdp_size_for(const struct sl_xdp_size *need, struct sl_xdp_size *size)
{
	const uint32_t *wanted = (const uint32_t *)&need->room;
	uint32_t *given = (uint32_t *)&size->room;

	for (uint32_t i = 0; i < ROOM_COUNT; i++)
		given[i] = roomy(wanted[i], ROOM_LEAST);
	size->slots = roomy(need->slots, SLOTS_LEAST);
	size->nodes = SL_MIN(roomy(need->nodes, SL_NODE_CHUNK_COUNT), SL_NODE_INDEX_MAX);
}

int sl_xdp_size_fits(const struct sl_xdp_size *need, const struct sl_xdp_size *size)
{
	const uint32_t *wanted = (const uint32_t *)&need->room;
	const uint32_t *given = (const uint32_t *)&size->room;

	for (uint32_t i = 0; i < ROOM_COUNT; i++)
		if (wanted[i] > given[i])
			return 0;
	return need->slots <= size->slots && need->nodes <= size->nodes;
}

static uint32_t elements(const struct sl_xdp_size *size, enum sl_xdp_map map)
{
	switch (map) {
	case SL_XDP_MAP_PORT:
		return SL_PORTS_MAX;
	case SL_XDP_MAP_BUCKET4:
		return 2 * size->room.bucket4;
	case SL_XDP_MAP_ENTRY6:
		return 2 * size->room.entry6;
	case SL_XDP_MAP_INTERVAL:
		return 4 * size->room.interval;
	case SL_XDP_MAP_PLACE:
		return 2 * size->room.place;
	case SL_XDP_MAP_GROUP:
		return 2 * size->room.group;
	case SL_XDP_MAP_RANGE:
		return 2 * size->room.port;
	case SL_XDP_MAP_SERVICE:
		return 2 * size->room.service;
	case SL_XDP_MAP_POOL:
		return 2 * size->room.pool;
	case SL_XDP_MAP_SLOT:
		return size->slots / 2;
	case SL_XDP_MAP_PRIOR:
		return SL_XDP_PRIORS_MAX;
	case SL_XDP_MAP_NODE:
		return size->nodes;
	case SL_XDP_MAP_STATE:
	case SL_XDP_MAP_COUNT:
		break;
	}
	return 1;
}

/* ---- the set --------------------------------------------------------------------------------- */

static int map_open(struct sl_xdp_set *set, enum sl_xdp_map map, struct sl_err *err)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	uint32_t count = elements(&set->size, map);
	char what[64], name[16];
	uint64_t octets = (uint64_t)count * kinds[map].value_size;
	void *at;

	(void)snprintf(what, sizeof(what), "the map %s of %u elements", kinds[map].name, count);
	(void)snprintf(name, sizeof(name), "sl_%s", kinds[map].name);
	set->map[map] = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(uint32_t),
				       kinds[map].value_size, count, &options);
	if (set->map[map] < 0)
		return sl_xdp_refuse(err, what);
	octets = sl_align_up(octets, PAGE_SIZE);
	at = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_SHARED, set->map[map], 0);
	if (at == MAP_FAILED)
		return sl_xdp_refuse(err, what);
	set->at[map] = at;
	set->octets[map] = octets;
	return 0;
}

int sl_xdp_set_create(const struct sl_xdp_size *size, struct sl_xdp_set **set, struct sl_err *err)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct sl_xdp_set *made = calloc(1, sizeof(*made));
	int status = 0;

	if (!made)
		return sl_err_set(err, -ENOMEM, "no memory for the kernel's maps");
	made->size = *size;
	made->flow = made->count = made->fragment = -1;
	memset(made->map, -1, sizeof(made->map));
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited); /* kernels before 5.11 count maps there */
	for (uint32_t m = 0; m < SL_XDP_MAP_COUNT && status == 0; m++)
		status = map_open(made, (enum sl_xdp_map)m, err);
	if (status == 0) {
		made->flow = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "sl_flow", sizeof(uint64_t),
					    sizeof(uint32_t), SL_XDP_FLOWS, NULL);
		made->count =
			bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "sl_count", sizeof(uint32_t),
				       sizeof(struct sl_xdp_count), 1, NULL);
		made->fragment =
			bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "sl_fragment", sizeof(uint64_t),
				       sizeof(uint32_t), SL_XDP_DATAGRAMS, NULL);
		if (made->flow < 0 || made->count < 0 || made->fragment < 0)
			status = sl_xdp_refuse(err, "the maps of flows and counters");
	}
	if (status < 0) {
		sl_xdp_set_destroy(made);
		return status;
	}
	sl_xdp_set_state(made)->room = size->room;
	sl_xdp_set_state(made)->version = SL_XDP_VERSION;
	*set = made;
	return 0;
}

static void shut(int fd)
{
	if (fd >= 0)
		close(fd);
}

void sl_xdp_set_destroy(struct sl_xdp_set *set)
{
	if (!set)
		return;
	for (uint32_t m = 0; m < SL_XDP_MAP_COUNT; m++) {
		if (set->at[m])
			munmap(set->at[m], set->octets[m]);
		shut(set->map[m]);
	}
	shut(set->flow);
	shut(set->count);
	shut(set->fragment);
	free(set);
}

/* ---- programs -------------------------------------------------------------------------------- */

int sl_xdp_set_load(const struct sl_xdp_set *set, int sockets, struct sl_err *err)
{
	struct sl_xdp_map_use maps[SL_XDP_MAP_COUNT + 4];
	uint32_t count = 0;

	for (uint32_t m = 0; m < SL_XDP_MAP_COUNT; m++)
		maps[count++] = (struct sl_xdp_map_use){kinds[m].name, set->map[m]};
	maps[count++] = (struct sl_xdp_map_use){"flow", set->flow};
	maps[count++] = (struct sl_xdp_map_use){"count", set->count};
	maps[count++] = (struct sl_xdp_map_use){"fragment", set->fragment};
	if (sockets >= 0)
		maps[count++] = (struct sl_xdp_map_use){"xsks_map", sockets};
	return sl_xdp_program_load(sl_xdp_dispatch, sl_xdp_dispatch_size, maps, count, err);
}

int sl_xdp_count_read(int count, struct sl_xdp_count *sum)
{
	int cpus = libbpf_num_possible_cpus(), status;
	struct sl_xdp_count *each = calloc((size_t)SL_MAX(cpus, 1), sizeof(*each));
	const uint32_t first = 0;

	memset(sum, 0, sizeof(*sum));
	if (!each)
		return -ENOMEM;
	status = bpf_map_lookup_elem(count, &first, each) == 0 ? 0 : -errno;
	for (int i = 0; i < cpus && status == 0; i++) {
		sum->packets += each[i].packets;
		sum->bytes += each[i].bytes;
		sum->dropped += each[i].dropped;
		sum->passed += each[i].passed;
	}
	free(each);
	return status;
}
