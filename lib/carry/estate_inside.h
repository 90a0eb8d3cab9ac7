/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of an estate; for estate*.c only.
 *
 * Threads: control.
 */

#ifndef SL_CARRY_ESTATE_INSIDE_H
#define SL_CARRY_ESTATE_INSIDE_H

#include <limits.h>

#include "carry/estate.h"
#include "carry/estate_file.h"
#include "image/pool.h"
#include "state/pool_memory.h"

/* What a pool's file was written from: references. */
struct sl_estate_pool {
	uint64_t serial; /* 0: there is none */
	uint32_t crc;
	bool listed; /* in the index that is written */
	uint8_t tracking;
	bool picks;
	struct sl_image_pool *image;
	struct sl_slot_table *slots;
	struct sl_pool_memory *memory;
	uint64_t idle_ms, full_since_ms, entries_since_ms;
};

struct sl_estate {
	int folder;
	char path[PATH_MAX];
	char instance[SL_NAME_SIZE];
	char boot[SL_ESTATE_BOOT_SIZE];
	struct sl_model *model; /* NULL: before it began */
	uint64_t serial;	/* of the last file */
	bool failing;		/* the last time nothing could be written, and it was said */
	struct sl_estate_pool pools[SL_POOLS_MAX]; /* by index */
	uint64_t old[2 * SL_POOLS_MAX];		   /* serials that no index names any more */
	uint32_t old_count;
};

#endif
