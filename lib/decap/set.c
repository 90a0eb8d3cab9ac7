/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bytes.h"
#include "decap/address.h"
#include "decap/attach.h"
#include "xdp/program.h"

static const struct {
	const char *name;
	uint32_t type, key_size, value_size, count, flags;
} kinds[] = {
#define X(id, name, type, key, value, count, flags)                                                \
	[SL_DECAP_MAP_##id] = {#name, type, sizeof(key), sizeof(value), count, flags},
	SL_DECAP_MAPS(X)
#undef X
};

static int make(enum sl_decap_map map, struct sl_err *err)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = kinds[map].flags);
	char name[BPF_OBJ_NAME_LEN];
	int fd;

	(void)snprintf(name, sizeof(name), "sl_%s", kinds[map].name);
	fd = bpf_map_create(kinds[map].type, name, kinds[map].key_size, kinds[map].value_size,
			    kinds[map].count, &options);
	return fd >= 0 ? fd : sl_xdp_refuse(err, "the program's maps");
}

/* Adds a prefix to the map whose descriptor is the context. */
static int add(void *context, const struct sl_prefix *prefix)
{
	const int *fd = context;
	const uint32_t one = 1;
	struct sl_decap_prefix key = {.length = prefix->length};

	if (prefix->addr.family == SL_FAMILY_IPV4) {
		key.length += SL_DECAP_MAPPED_BITS;
		memset(key.octets + 10, 0xff, 2);
		memcpy(key.octets + 12, prefix->addr.octets, SL_ADDR4_SIZE);
	} else {
		memcpy(key.octets, prefix->addr.octets, SL_ADDR6_SIZE);
	}
	return bpf_map_update_elem(*fd, &key, &one, BPF_ANY) == 0 ? 0 : -errno;
}

static int fill_own(const struct sl_decap_spec *spec, int *fd, struct sl_err *err)
{
	struct sl_decap_prefix first;
	int status = sl_decap_addresses_of(spec->interface, add, fd);

	for (uint32_t i = 0; i < spec->address_count && status == 0; i++) {
		struct sl_prefix whole = {spec->addresses[i], sl_addr_bits(&spec->addresses[i])};

		status = add(fd, &whole);
	}
	if (status < 0)
		return sl_err_set(err, status, "addresses of %s cannot be taken: %s (at most %u)",
				  spec->interface, strerror(-status), SL_DECAP_OWN_MAX);
	if (bpf_map_get_next_key(*fd, NULL, &first) != 0)
		return sl_err_set(err, -EADDRNOTAVAIL,
				  "%s has no address that tunnels could end at: give it one, or "
				  "name those of this host that they come to by --address",
				  spec->interface);
	return 0;
}

static int fill(const struct sl_decap_spec *spec, struct sl_decap_set *set, struct sl_err *err)
{
	struct sl_decap_config config = {
		.tunnels = spec->tunnels,
		.from = spec->from_count > 0,
		.gue_port_be = sl_be16(spec->gue_port),
		.second_chance = spec->second_chance,
		.index = if_nametoindex(spec->interface),
	};
	const uint32_t first = 0;
	int status;

	(void)snprintf(config.interface, sizeof(config.interface), "%s", spec->interface);
	if (bpf_map_update_elem(set->map[SL_DECAP_MAP_CONFIG], &first, &config, BPF_ANY) != 0)
		return sl_xdp_refuse(err, "the program's settings");
	status = fill_own(spec, &set->map[SL_DECAP_MAP_OWN], err);
	if (status < 0)
		return status;
	status = sl_decap_addresses_local(add, &set->map[SL_DECAP_MAP_LOCAL]);
	for (uint32_t i = 0; i < spec->from_count && status == 0; i++)
		status = add(&set->map[SL_DECAP_MAP_FROM], &spec->from[i]);
	if (status < 0)
		return sl_err_set(err, status, "addresses of this host cannot be taken: %s",
				  strerror(-status));
	return 0;
}

/* Whether a map of before is of the kind that the program writes. */
static bool is_usable(int counters)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	return counters >= 0 && bpf_obj_get_info_by_fd(counters, &info, &size) == 0 &&
	       info.type == kinds[SL_DECAP_MAP_COUNTS].type &&
	       info.value_size == kinds[SL_DECAP_MAP_COUNTS].value_size && info.max_entries == 1;
}

int sl_decap_set_create(const struct sl_decap_spec *spec, int counters, struct sl_decap_set *set,
			struct sl_err *err)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct sl_decap_set made;
	int status = 0;

	memset(made.map, -1, sizeof(made.map));
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited); /* kernels before 5.11 count maps there */
	for (uint32_t m = 0; m < SL_DECAP_MAP_COUNT && status == 0; m++) {
		made.map[m] = m == SL_DECAP_MAP_COUNTS && is_usable(counters)
				      ? dup(counters)
				      : make((enum sl_decap_map)m, err);
		status = SL_MIN(made.map[m], 0);
	}
	if (status == 0)
		status = fill(spec, &made, err);
	if (status < 0) {
		sl_decap_set_close(&made);
		return status;
	}
	*set = made;
	return 0;
}

static int load(const struct sl_decap_set *set, const uint8_t *octets, uint32_t size,
		struct sl_err *err)
{
	struct sl_xdp_map_use maps[SL_DECAP_MAP_COUNT];

	for (uint32_t m = 0; m < SL_DECAP_MAP_COUNT; m++)
		maps[m] = (struct sl_xdp_map_use){kinds[m].name, set->map[m]};
	return sl_xdp_program_load(octets, size, maps, SL_DECAP_MAP_COUNT, err);
}

int sl_decap_set_load(const struct sl_decap_set *set, struct sl_err *err)
{
	return load(set, sl_decap_program, sl_decap_program_size, err);
}

int sl_decap_set_load_pass(const struct sl_decap_set *set, struct sl_err *err)
{
	return load(set, sl_decap_pass, sl_decap_pass_size, err);
}

void sl_decap_set_close(struct sl_decap_set *set)
{
	for (uint32_t m = 0; m < SL_DECAP_MAP_COUNT; m++)
		if (set->map[m] >= 0)
			close(set->map[m]);
}

int sl_decap_count_read(int map, struct sl_decap_count *sum)
{
	int cpus = libbpf_num_possible_cpus(), status;
	struct sl_decap_count *each = calloc((size_t)SL_MAX(cpus, 1), sizeof(*each));
	const uint32_t first = 0;

	memset(sum, 0, sizeof(*sum));
	if (!each)
		return -ENOMEM;
	status = bpf_map_lookup_elem(map, &first, each) == 0 ? 0 : -errno;
	for (int i = 0; i < cpus && status == 0; i++)
		for (uint32_t c = 0; c < SL_DECAP_COUNTER_COUNT; c++)
			sum->value[c] += each[i].value[c];
	free(each);
	return status;
}
