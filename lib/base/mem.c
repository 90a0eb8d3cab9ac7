/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"

#define HUGE_SIZE ((size_t)2 << 20)

#define KEPT_COUNT    4
#define KEPT_SIZE_MAX (4 * HUGE_SIZE)

/* Regions that were freed last, for the next of their size. Tables that a change replaces are of
 * one size: clearing one again costs less than the kernel's pages, and unmapping one interrupts
 * every CPU that runs a thread of ours. */
static struct {
	void *memory;
	size_t size;
} kept[KEPT_COUNT];
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

/* A kept region of the size, or NULL. */
static void *kept_take(size_t size)
{
	void *memory = NULL;

	pthread_mutex_lock(&kept_lock);
	for (size_t i = 0; i < KEPT_COUNT && !memory; i++) {
		if (kept[i].size != size)
			continue;
		memory = kept[i].memory;
		kept[i].memory = NULL;
		kept[i].size = 0;
	}
	pthread_mutex_unlock(&kept_lock);
	return memory;
}

/* Keeps the region, unless there is no room for it. */
static bool kept_put(void *memory, size_t size)
{
	bool put = false;

	if (size > KEPT_SIZE_MAX)
		return false;
	pthread_mutex_lock(&kept_lock);
	for (size_t i = 0; i < KEPT_COUNT && !put; i++) {
		if (kept[i].memory)
			continue;
		kept[i].memory = memory;
		kept[i].size = size;
		put = true;
	}
	pthread_mutex_unlock(&kept_lock);
	return put;
}

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

	if (size >= HUGE_SIZE) {
		memory = kept_take(sl_align_up(size, HUGE_SIZE));
		return memory ? memset(memory, 0, size) : map_large(size);
	}
	memory = aligned_alloc(SL_CACHE_LINE, sl_align_up(SL_MAX(size, 1), SL_CACHE_LINE));
	if (memory)
		memset(memory, 0, sl_align_up(SL_MAX(size, 1), SL_CACHE_LINE));
	return memory;
}

void sl_mem_free(void *memory, size_t size)
{
	size_t room = sl_align_up(size, HUGE_SIZE);

	if (!memory || size < HUGE_SIZE)
		free(memory);
	else if (!kept_put(memory, room))
		(void)munmap(memory, room);
}
