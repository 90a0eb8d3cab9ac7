/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

_Static_assert(sizeof(struct sl_prefix) == 18, "no octet of padding: compared as octets");

static int compare(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct sl_prefix));
}

void sl_source_sort(struct sl_prefix *sources, uint32_t count)
{
	if (count)
		qsort(sources, count, sizeof(*sources), compare);
}

static bool contains(const struct sl_prefix *a, const struct sl_prefix *b)
{
	return a->length <= b->length && sl_prefix_contains(a, &b->addr);
}

bool sl_source_shared(const struct sl_service_spec *a, const struct sl_service_spec *b)
{
	uint32_t i = 0, j = 0;

	if (!a->source_count || !b->source_count)
		return true;
	while (i < a->source_count && j < b->source_count) {
		const struct sl_prefix *left = &a->sources[i], *right = &b->sources[j];

		if (contains(left, right) || contains(right, left))
			return true;
		if (compare(left, right) < 0)
			i++;
		else
			j++;
	}
	return false;
}

bool sl_source_set_is_of(const struct sl_source_set *set, const uint32_t *members, uint32_t count)
{
	return set->member_count == count &&
	       memcmp(set->members, members, count * sizeof(*members)) == 0;
}

/* The prefixes of all members; their number. The value of a span is its service. */
static uint32_t collect(struct sl_span *spans, const struct sl_service_spec *specs,
			const uint32_t *members, uint32_t count)
{
	uint32_t total = 0;

	for (uint32_t m = 0; m < count; m++) {
		const struct sl_service_spec *spec = &specs[members[m]];

		for (uint32_t i = 0; i < spec->source_count; i++, total++) {
			sl_span_of(&spec->sources[i], &spans[total]);
			spans[total].item = members[m];
			spans[total].value = spec->index;
		}
	}
	sl_span_sort(spans, total);
	return total;
}

/* Two services that name one prefix. */
static int check(const struct sl_span *spans, uint32_t count, uint32_t *first, uint32_t *second)
{
	for (uint32_t i = 1; i < count; i++) {
		if (spans[i - 1].item == spans[i].item || !sl_span_equal(&spans[i - 1], &spans[i]))
			continue;
		*first = SL_MIN(spans[i - 1].item, spans[i].item);
		*second = SL_MAX(spans[i - 1].item, spans[i].item);
		return -EEXIST;
	}
	return 0;
}

/* The service of packets from everywhere else. */
static int find_rest(const struct sl_service_spec *specs, const uint32_t *members, uint32_t count,
		     uint32_t *rest, uint32_t *first, uint32_t *second)
{
	*rest = SL_SERVICE_NONE;
	for (uint32_t m = 0; m < count; m++) {
		if (specs[members[m]].source_count)
			continue;
		if (*rest != SL_SERVICE_NONE) {
			*second = members[m];
			return -EEXIST;
		}
		*rest = specs[members[m]].index;
		*first = members[m];
	}
	return 0;
}

static int fill(struct sl_source_set *set, struct sl_span *spans, uint32_t count, uint32_t rest)
{
	size_t size = sizeof(struct sl_stretch) * SL_STRETCHES_MAX(count);
	struct sl_stretch *cut = sl_mem_alloc(size);

	if (!cut)
		return -ENOMEM;
	set->count4 = sl_span_cut(spans, count, 0, rest, cut);
	set->source4 = sl_mem_alloc(sizeof(*set->source4) * set->count4);
	for (uint32_t i = 0; set->source4 && i < set->count4; i++)
		set->source4[i] = (struct sl_source4){(uint32_t)cut[i].start, cut[i].value};
	set->count6 = sl_span_cut(spans, count, 1, rest, cut);
	set->source6 = sl_mem_alloc(sizeof(*set->source6) * set->count6);
	if (set->source6)
		memcpy(set->source6, cut, sizeof(*cut) * set->count6);
	sl_mem_free(cut, size);
	return set->source4 && set->source6 ? 0 : -ENOMEM;
}

int sl_source_set_init(struct sl_source_set *set, const struct sl_service_spec *specs,
		       const uint32_t *members, uint32_t count, uint32_t *first, uint32_t *second)
{
	uint32_t total = 0, rest;
	struct sl_span *spans;
	size_t size;
	int rc = find_rest(specs, members, count, &rest, first, second);

	if (rc)
		return rc;
	for (uint32_t m = 0; m < count; m++)
		total += specs[members[m]].source_count;
	size = sizeof(*spans) * (total + 1);
	spans = sl_mem_alloc(size);
	if (!spans)
		return -ENOMEM;
	total = collect(spans, specs, members, count);
	*set = (struct sl_source_set){.members = sl_mem_alloc(sizeof(*members) * count),
				      .member_count = count};
	rc = set->members ? check(spans, total, first, second) : -ENOMEM;
	if (!rc) {
		memcpy(set->members, members, sizeof(*members) * count);
		rc = fill(set, spans, total, rest);
	}
	sl_mem_free(spans, size);
	if (rc)
		sl_source_set_fini(set);
	return rc;
}

void sl_source_set_fini(struct sl_source_set *set)
{
	sl_mem_free(set->source4, sizeof(*set->source4) * set->count4);
	sl_mem_free(set->source6, sizeof(*set->source6) * set->count6);
	sl_mem_free(set->members, sizeof(*set->members) * set->member_count);
	*set = (struct sl_source_set){0};
}
