/* SPDX-License-Identifier: BSD-3-Clause */

/* Publication: the one pointer, the grace period, and what waits for it.
 *
 * Why:     control swaps the snapshot; a core that read the old pointer may use it until its burst
 *          ends. The memory-order argument stands in publish.c.
 * Threads: publish, retire, reclaim: control. get, quiescent: each registered reader (receive
 *          cores and workers). Nobody ever waits for anybody.
 * Memory:  rte_rcu_qsbr for SL_READERS_MAX readers, owned.
 * Errors:  0 or negative errno.
 */

#ifndef SL_STATE_PUBLISH_H
#define SL_STATE_PUBLISH_H

#include <stdint.h>

#include "state/snapshot.h"

#define SL_READERS_MAX (SL_RX_CORES_MAX + SL_WORKERS_MAX)

struct sl_publish;

int sl_publish_create(struct sl_publish **publish);
/* When every reader has ended: frees what is still retired. Takes NULL. */
void sl_publish_destroy(struct sl_publish *publish);

/* A reader comes (before its first get) and goes. A reader that sleeps long or ends goes offline.
 */
int sl_publish_reader_add(struct sl_publish *publish, uint32_t reader);
void sl_publish_reader_remove(struct sl_publish *publish, uint32_t reader);
void sl_publish_reader_online(struct sl_publish *publish, uint32_t reader);
void sl_publish_reader_offline(struct sl_publish *publish, uint32_t reader);

/* The present snapshot; valid until this reader's next quiescent or offline. */
const struct sl_snapshot *sl_publish_get(const struct sl_publish *publish);
/* This reader holds nothing it got. */
void sl_publish_quiescent(struct sl_publish *publish, uint32_t reader);

/* Swaps the pointer; returns the snapshot before (NULL at first), to be retired by the caller. */
struct sl_snapshot *sl_publish_swap(struct sl_publish *publish, struct sl_snapshot *snapshot);

/* Calls release(object) in control once every reader has been quiescent since now. -ENOMEM: nothing
 * was queued. */
int sl_publish_retire(struct sl_publish *publish, void (*release)(void *object), void *object);
/* Releases what may be released; returns how many still wait. Never blocks. */
uint32_t sl_publish_reclaim(struct sl_publish *publish);

#endif
