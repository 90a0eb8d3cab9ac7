/* SPDX-License-Identifier: BSD-3-Clause */

/* The program's maps, as programs see them.
 *
 * Threads: any CPU.
 */

#ifndef SL_DECAP_MAPS_BPF_H
#define SL_DECAP_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "base/bytes.h"
#include "decap/layout.h"
#include "pkt/hdr.h"

#define X(id, called, kind, key_type, value_type, count, flags)                                    \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(map_flags, flags);                                                          \
		__uint(max_entries, count);                                                        \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} called SEC(".maps");
SL_DECAP_MAPS(X)
#undef X

static __always_inline void *first_of(void *map)
{
	uint32_t index = 0;

	return bpf_map_lookup_elem(map, &index);
}

/* A key whose octets are aligned, as the verifier wants what is on the stack to be. */
struct aligned_key {
	uint32_t spare;
	struct sl_decap_prefix key;
} __attribute__((aligned(8)));

/* An address as a key. */
static __always_inline void key_of(struct sl_decap_prefix *key, const uint8_t *octets, bool v6)
{
	key->length = 8 * SL_ADDR6_SIZE;
	if (v6) {
		sl_store64(key->octets, sl_load64(octets));
		sl_store64(key->octets + 8, sl_load64(octets + 8));
		return;
	}
	sl_store64(key->octets, 0);
	sl_store32(key->octets + 8, 0xffff0000);
	sl_store32(key->octets + 12, sl_load32(octets));
}

static __always_inline bool is_in(void *map, const uint8_t *octets, bool v6)
{
	struct aligned_key aligned;

	key_of(&aligned.key, octets, v6);
	return bpf_map_lookup_elem(map, &aligned.key) != NULL;
}

#endif
