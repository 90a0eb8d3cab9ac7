/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/pool_memory.h"

#include <errno.h>

#include "base/mem.h"

static size_t stamps_size(const struct sl_pool_memory *memory)
{
	return sizeof(struct sl_stamp) * memory->slot_count;
}

static void free_all(struct sl_pool_memory *memory)
{
	for (uint32_t i = 0; i < memory->core_count; i++)
		sl_mem_free(memory->stamps[i], stamps_size(memory));
	sl_mem_free(memory, sizeof(*memory));
}

int sl_pool_memory_create(uint32_t core_count, uint32_t slot_count, uint32_t flow_entries,
			  struct sl_pool_memory **memory)
{
	struct sl_pool_memory *made;

	if (core_count > SL_RX_CORES_MAX)
		return -E2BIG;
	made = sl_mem_alloc(sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->references = 1;
	made->core_count = core_count;
	made->slot_count = slot_count;
	made->flow_entries = flow_entries;
	for (uint32_t i = 0; i < core_count; i++) {
		made->stamps[i] = sl_mem_alloc(stamps_size(made));
		if (!made->stamps[i]) {
			free_all(made);
			return -ENOMEM;
		}
	}
	*memory = made;
	return 0;
}

struct sl_pool_memory *sl_pool_memory_get(struct sl_pool_memory *memory)
{
	memory->references++;
	return memory;
}

void sl_pool_memory_put(struct sl_pool_memory *memory)
{
	if (memory && --memory->references == 0)
		free_all(memory);
}
