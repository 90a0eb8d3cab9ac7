/* SPDX-License-Identifier: BSD-3-Clause */

/* A source set: which of the services that take the same packets has those of a source address.
 *
 * Why:     services may differ in nothing but where packets come from, by thousands of prefixes each;
 *          that is one step more, and none for services that do not ask.
 * Shape:   all prefixes of the services that share a port are cut into stretches of addresses, each
 *          with the service of its longest prefix; a packet costs a binary search. IPv4, the common
 *          family, has eight octets a stretch.
 * Threads: immutable once built. Building: control; finding: any.
 * Memory:  sl_source_set_init() allocates, sl_source_set_fini() frees.
 * Errors:  0 or negative errno; -EEXIST when two services name the same prefix, or none.
 */

#ifndef SL_STATE_SOURCE_H
#define SL_STATE_SOURCE_H

#include "base/span.h"
#include "pkt/key.h"
#include "state/service.h"

struct sl_source4 {
	uint32_t start, service;
};

struct sl_source_set {
	struct sl_source4 *source4; /* count4, at least one */
	struct sl_stretch *source6; /* count6, at least one */
	uint32_t count4, count6;
	uint32_t *members; /* member_count: the services that it was built of */
	uint32_t member_count;
};

/* Of specs[members[i]], each another; on -EEXIST *first and *second are those that are equal. */
int sl_source_set_init(struct sl_source_set *set, const struct sl_service_spec *specs,
		       const uint32_t *members, uint32_t count, uint32_t *first, uint32_t *second);
void sl_source_set_fini(struct sl_source_set *set);

/* Whether it was built of these. */
bool sl_source_set_is_of(const struct sl_source_set *set, const uint32_t *members, uint32_t count);

/* In the order that everybody else wants: by family, address, length. */
void sl_source_sort(struct sl_prefix *sources, uint32_t count);
/* Whether some address is in both lists, which are in order. An empty one has all. */
bool sl_source_shared(const struct sl_service_spec *a, const struct sl_service_spec *b);

/* SL_SERVICE_NONE: none of the services takes packets of that source. */
static inline uint32_t sl_source_find(const struct sl_source_set *set, const struct sl_key *key)
{
	const struct sl_source4 *at = set->source4;
	uint32_t count = set->count4, addr;

	if (key->family != SL_FAMILY_IPV4)
		return sl_stretch_find(set->source6, set->count6, sl_wide_of(true, key->src));
	addr = sl_load_be32((const uint8_t *)&key->src4);
	while (count > 1) {
		uint32_t half = count / 2;

		at += at[half].start <= addr ? half : 0;
		count -= half;
	}
	return at->service;
}

#endif
