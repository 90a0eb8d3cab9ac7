/* SPDX-License-Identifier: BSD-3-Clause */

#include "image/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/limit.h"
#include "base/mem.h"

#define GROUP 16u /* slots that are compared at once */

_Static_assert(SL_SLOTS_MIN % GROUP == 0, "a table has whole groups");

static size_t table_size(uint32_t count)
{
	return sizeof(struct sl_table) + count * sizeof(uint32_t);
}

struct sl_table *sl_table_create(uint32_t count)
{
	static uint64_t serial;
	struct sl_table *table = sl_mem_alloc(table_size(count));

	if (table) {
		table->references = 1;
		table->count = count;
		table->serial = ++serial;
	}
	return table;
}

struct sl_table *sl_table_get(struct sl_table *table)
{
	if (table)
		table->references++;
	return table;
}

void sl_table_put(struct sl_table *table)
{
	if (!table || --table->references > 0)
		return;
	free(table->moved);
	sl_mem_free(table, table_size(table->count));
}

/* Without branches: the compiler takes several slots at a time. */
static bool group_differs(const uint32_t *a, const uint32_t *b)
{
	uint32_t differs = 0;

	for (uint32_t i = 0; i < GROUP; i++)
		differs |= a[i] ^ b[i];
	return differs != 0;
}

static int list_moves(const struct sl_table *table, const struct sl_table *other, uint32_t **moved,
		      uint32_t *moved_count)
{
	const uint32_t *a = table->word, *b = other->word;
	uint32_t *slots = NULL, count = 0, room = 0;

	for (uint32_t base = 0; base < table->count; base += GROUP) {
		if (!group_differs(a + base, b + base))
			continue;
		if (count + GROUP > room) {
			uint32_t *more = realloc(slots, (2 * room + GROUP) * sizeof(*more));

			if (!more) {
				free(slots);
				return -ENOMEM;
			}
			slots = more;
			room = 2 * room + GROUP;
		}
		for (uint32_t s = base; s < base + GROUP; s++)
			if (a[s] != b[s])
				slots[count++] = s;
	}
	*moved = slots;
	*moved_count = count;
	return 0;
}

int sl_table_derive(struct sl_table *table, const struct sl_table *origin)
{
	int status = list_moves(table, origin, &table->moved, &table->moved_count);

	if (status == 0)
		table->origin = origin->serial;
	return status;
}

int sl_table_compare(const struct sl_table *table, const struct sl_table *other,
		     struct sl_table_moves *moves)
{
	int status;

	*moves = (struct sl_table_moves){.slots = table->moved, .count = table->moved_count};
	if (table->origin == other->serial)
		return 0;
	moves->count = 0;
	if (table == other)
		return 0;
	status = list_moves(table, other, &moves->own, &moves->count);
	moves->slots = moves->own;
	return status;
}
