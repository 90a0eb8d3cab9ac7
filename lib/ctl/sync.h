/* SPDX-License-Identifier: BSD-3-Clause */

/* Bringing a file to the disk while data plane threads poll on every CPU.
 *
 * Why:     fsync() sleeps three times, and the kernel's own worker that sends the flush must get the
 *          CPU, too: beside a thread that never sleeps each of them waits for a time slice, 3 to 6 ms
 *          in all. So a thread of its own calls fsync() with real-time priority, and control yields
 *          the CPU until it is done, which lets the kernel's worker in: 0.2 ms (p99 0.5).
 * Shape:   one request at a time; the caller waits for its end.
 * Threads: control asks; the helper syncs.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno, that of fsync().
 */

#ifndef SL_CTL_SYNC_H
#define SL_CTL_SYNC_H

#include <stdbool.h>

struct sl_sync;

int sl_sync_create(struct sl_sync **sync);
void sl_sync_destroy(struct sl_sync *sync);

/* The file's data, and (whole) what else belongs to it. */
int sl_sync_file(struct sl_sync *sync, int fd, bool whole);

#endif
