/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/lookup.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TURNS 4 /* times that the whole list may be searched before a table pays */

void sl_lookup_init(struct sl_lookup *lookup, const void *list, uint32_t count,
		    const char *(*name)(const void *list, uint32_t place))
{
	*lookup = (struct sl_lookup){.list = list, .count = count, .name = name};
}

void sl_lookup_fini(struct sl_lookup *lookup)
{
	free(lookup->table);
	lookup->table = NULL;
}

static uint32_t hash_of(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3ull;
	return (uint32_t)(hash >> 32);
}

static bool is_at(const struct sl_lookup *lookup, uint32_t place, const char *name)
{
	const char *there = lookup->name(lookup->list, place);

	return there && strcmp(there, name) == 0;
}

static void build(struct sl_lookup *lookup)
{
	uint64_t size = 16;

	while (size < 2 * (uint64_t)lookup->count)
		size *= 2;
	lookup->table = calloc(size, sizeof(*lookup->table));
	lookup->mask = (uint32_t)(size - 1);
	for (uint32_t place = 0; lookup->table && place < lookup->count; place++) {
		const char *name = lookup->name(lookup->list, place);
		uint32_t at = name ? hash_of(name) & lookup->mask : 0;

		while (name && lookup->table[at])
			at = (at + 1) & lookup->mask;
		if (name)
			lookup->table[at] = place + 1;
	}
	lookup->searched = 0;
}

static int find_in_table(const struct sl_lookup *lookup, const char *name)
{
	for (uint32_t at = hash_of(name) & lookup->mask; lookup->table[at];
	     at = (at + 1) & lookup->mask)
		if (is_at(lookup, lookup->table[at] - 1, name))
			return (int)lookup->table[at] - 1;
	return -1;
}

static int search(struct sl_lookup *lookup, const char *name)
{
	uint32_t place = lookup->cursor;

	for (uint32_t i = 0; i < lookup->count; i++, place++) {
		if (place >= lookup->count)
			place = 0;
		if (is_at(lookup, place, name)) {
			lookup->searched += i;
			return (int)place;
		}
	}
	lookup->searched += lookup->count;
	return -1;
}

int sl_lookup_find(struct sl_lookup *lookup, const char *name)
{
	int place;

	if (!lookup->table && lookup->searched > TURNS * (uint64_t)lookup->count)
		build(lookup);
	place = lookup->table ? find_in_table(lookup, name) : search(lookup, name);
	if (place >= 0)
		lookup->cursor = (uint32_t)place + 1;
	return place;
}
