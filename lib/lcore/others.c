/* SPDX-License-Identifier: BSD-3-Clause */

#include "lcore/others.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct sl_others {
	uint32_t references; /* control only */
	uint32_t count;
	struct sl_addr addr[]; /* count, ordered by compare(); then count, as they were given */
};

static size_t size_of(uint32_t count)
{
	return sizeof(struct sl_others) + 2 * sizeof(struct sl_addr) * count;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sl_addr));
}

int sl_others_create(const struct sl_addr *list, uint32_t count, struct sl_others **others)
{
	struct sl_others *made = sl_mem_alloc(size_of(count));

	if (!made)
		return -ENOMEM;
	made->references = 1;
	made->count = count;
	if (count) {
		memcpy(made->addr, list, sizeof(*list) * count);
		memcpy(made->addr + count, list, sizeof(*list) * count);
	}
	qsort(made->addr, count, sizeof(*made->addr), compare);
	*others = made;
	return 0;
}

struct sl_others *sl_others_get(struct sl_others *others)
{
	if (others)
		others->references++;
	return others;
}

void sl_others_put(struct sl_others *others)
{
	if (others && --others->references == 0)
		sl_mem_free(others, size_of(others->count));
}

bool sl_others_is(const struct sl_others *others, const struct sl_addr *list, uint32_t count)
{
	return others && others->count == count &&
	       memcmp(others->addr + count, list, sizeof(*list) * count) == 0;
}

bool sl_others_has(const struct sl_others *others, const struct sl_addr *addr)
{
	return others &&
	       bsearch(addr, others->addr, others->count, sizeof(*others->addr), compare) != NULL;
}
