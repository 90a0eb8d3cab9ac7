/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory that outlives the process: who starts next finds it, however this one ended.
 *
 * Why:     what is touched of a file in memory beyond the room of its file system ends the process, so
 *          all of it would have to be there from the first day on. Segments of System V have no
 *          such bound, cost the pages that are touched, and stay until somebody removes them.
 * Shape:   a segment starts at a huge page and is of our user alone. Its last octets say whose it is:
 *          an instance, and a random number that tells it from another which got its id later.
 * Threads: control.
 * Memory:  zeroed. Without segments, or before sl_lasting_begin(): none; callers use sl_mem_alloc().
 * Errors:  NULL, and the first reason is said once.
 */

#ifndef SL_BASE_LASTING_H
#define SL_BASE_LASTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By what a segment is found again. */
struct sl_lasting_mark {
	uint64_t number; /* 0: none */
	int32_t id;
};

/* From now on there is memory that lasts, of this instance; NULL: no more of it. */
void sl_lasting_begin(const char *instance);

/* Freed memory is not removed any more: the process ends and leaves it behind. */
void sl_lasting_leave(void);

/* Memory of at least size octets and its mark, or NULL. */
void *sl_lasting_alloc(size_t size, struct sl_lasting_mark *mark);
/* Takes NULL. size is that of sl_lasting_alloc(). */
void sl_lasting_free(void *memory, size_t size, const struct sl_lasting_mark *mark);

/* Makes huge pages of the memory where the kernel can (6.1 and later); what is in it stays. */
void sl_lasting_gather(void *memory, size_t size);

/* What another process of this user had, for reading; NULL: it is not there, or something else.
 * died_s: wall clock when the last process let go of it. */
const void *sl_lasting_open(const char *instance, const struct sl_lasting_mark *mark, size_t size,
			    uint64_t *died_s);
void sl_lasting_close(const void *memory);

/* Removes all segments of the instance that no process has. Returns how many. */
uint32_t sl_lasting_remove(const char *instance);

#endif
