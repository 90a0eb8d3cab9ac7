/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory for tables and long-lived objects: zeroed, cache-line aligned, huge pages where they help.
 *
 * Why:     one door, so that tests can make every allocation fail in turn (they wrap these symbols
 * at link time), and tables of many megabytes get transparent huge pages without hugetlbfs.
 * Threads: any; not for the packet path.
 * Errors:  NULL when there is no memory.
 */

#ifndef SL_BASE_MEM_H
#define SL_BASE_MEM_H

#include <stddef.h>

/* Zeroed memory of at least size octets. Tables of 2 MiB and more ask for transparent huge pages
 * and cost only the pages that are touched. */
void *sl_mem_alloc(size_t size);

/* Takes NULL. size is that of sl_mem_alloc(). */
void sl_mem_free(void *memory, size_t size);

#endif
