/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/span.h"

#include <stdlib.h>

#define CHAIN_MAX 130 /* prefixes of one address, and the end */

void sl_span_of(const struct sl_prefix *prefix, struct sl_span *span)
{
	uint32_t host = sl_addr_bits(&prefix->addr) - (uint32_t)prefix->length;

	span->family = prefix->addr.family == SL_FAMILY_IPV6;
	span->start = sl_wide_of(span->family, prefix->addr.octets);
	span->end = span->start | (host == 128 ? ~(sl_wide)0 : (((sl_wide)1 << host) - 1));
}

/* By family, start, then the shorter prefix first: parents before their children. */
static int compare(const void *left, const void *right)
{
	const struct sl_span *a = left, *b = right;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return 0;
}

bool sl_span_equal(const struct sl_span *a, const struct sl_span *b)
{
	return compare(a, b) == 0;
}

void sl_span_sort(struct sl_span *spans, uint32_t count)
{
	if (count)
		qsort(spans, count, sizeof(*spans), compare);
}

/* What starts where the last one does takes its place. */
static uint32_t put(struct sl_stretch *stretches, uint32_t count, sl_wide start, uint32_t value)
{
	if (count && stretches[count - 1].start == start)
		count--;
	stretches[count] = (struct sl_stretch){start, value};
	return count + 1;
}

uint32_t sl_span_cut(struct sl_span *spans, uint32_t count, uint32_t family, uint32_t outside,
		     struct sl_stretch *stretches)
{
	sl_wide last = family ? ~(sl_wide)0 : UINT32_MAX;
	const struct sl_span *chain[CHAIN_MAX];
	uint32_t depth = 0, cut = put(stretches, 0, 0, outside);

	for (uint32_t i = 0; i <= count; i++) {
		struct sl_span *span = i < count ? &spans[i] : NULL;

		if (span && span->family != family)
			continue;
		while (depth && (!span || chain[depth - 1]->end < span->start)) {
			sl_wide end = chain[--depth]->end;

			if (end != last)
				cut = put(stretches, cut, end + 1,
					  depth ? chain[depth - 1]->value : outside);
		}
		if (!span)
			break;
		if (depth && sl_span_equal(chain[depth - 1], span)) {
			span->parent = chain[depth - 1]->parent;
			continue;
		}
		span->parent = depth ? chain[depth - 1]->value : outside;
		cut = put(stretches, cut, span->start, span->value);
		chain[depth++] = span;
	}
	return cut;
}
