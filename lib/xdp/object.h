/* SPDX-License-Identifier: BSD-3-Clause */

/* A set of maps, mapped into our memory, and programs that serve from it.
 *
 * Why:     maps have sizes; what outgrows them, or is of another version, is replaced as a whole: a new
 *          set is made and filled beside the old one, then the program on the link is exchanged.
 * Threads: control.
 * Memory:  create and destroy; maps stay as long as a program or a pin has them.
 * Errors:  negative errno and a sentence; -ENOSYS, -EOPNOTSUPP: the kernel lacks what it takes.
 */

#ifndef SL_XDP_OBJECT_H
#define SL_XDP_OBJECT_H

#include <stdint.h>

#include "base/err.h"
#include "xdp/layout.h"

/* The compiled programs. */
extern const uint8_t sl_xdp_dispatch[], sl_xdp_socket[];
extern const uint32_t sl_xdp_dispatch_size, sl_xdp_socket_size;

/* Elements of everything. */
struct sl_xdp_size {
	struct sl_xdp_room room; /* of a half */
	uint32_t slots, nodes;
};

struct sl_xdp_set {
	struct sl_xdp_size size;
	int map[SL_XDP_MAP_COUNT]; /* descriptors */
	int flow, count, fragment;
	void *at[SL_XDP_MAP_COUNT];
	uint64_t octets[SL_XDP_MAP_COUNT];
};

/* The room that is given to what needs `need`: twice of it at least. */
void sl_xdp_size_for(const struct sl_xdp_size *need, struct sl_xdp_size *size);
/* Whether all of `need` has room. */
int sl_xdp_size_fits(const struct sl_xdp_size *need, const struct sl_xdp_size *size);

int sl_xdp_set_create(const struct sl_xdp_size *size, struct sl_xdp_set **set, struct sl_err *err);
void sl_xdp_set_destroy(struct sl_xdp_set *set); /* takes NULL */

/* Loads a program that serves from the set and knows sockets by the map of that descriptor (-1: one of
 * its own, without any). Returns its descriptor. */
int sl_xdp_set_load(const struct sl_xdp_set *set, int sockets, struct sl_err *err);

static inline struct sl_xdp_state *sl_xdp_set_state(const struct sl_xdp_set *set)
{
	return set->at[SL_XDP_MAP_STATE];
}

/* All CPUs' counters together. */
int sl_xdp_count_read(int count, struct sl_xdp_count *sum);

#endif
