/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"

#define HUGE_SIZE ((size_t)2 << 20)

static void *map_large(size_t size)
{
	/* One huge page more than asked, so that the start can be aligned to one. */
	size_t room = sl_align_up(size, HUGE_SIZE) + HUGE_SIZE;
	unsigned char *raw = mmap(NULL, room, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned char *start;
	size_t head;

	if (raw == MAP_FAILED)
		return NULL;
	head = (HUGE_SIZE - ((uintptr_t)raw & (HUGE_SIZE - 1))) & (HUGE_SIZE - 1);
	start = raw + head;
	if (head)
		(void)munmap(raw, head);
	if (HUGE_SIZE - head)
		(void)munmap(start + sl_align_up(size, HUGE_SIZE), HUGE_SIZE - head);
	(void)madvise(start, sl_align_up(size, HUGE_SIZE), MADV_HUGEPAGE);
	return start;
}

void *sl_mem_alloc(size_t size)
{
	void *memory;

	if (size >= HUGE_SIZE)
		return map_large(size);
	memory = aligned_alloc(SL_CACHE_LINE, sl_align_up(SL_MAX(size, 1), SL_CACHE_LINE));
	if (memory)
		memset(memory, 0, sl_align_up(SL_MAX(size, 1), SL_CACHE_LINE));
	return memory;
}

void sl_mem_free(void *memory, size_t size)
{
	if (memory && size >= HUGE_SIZE)
		(void)munmap(memory, sl_align_up(size, HUGE_SIZE));
	else
		free(memory);
}
