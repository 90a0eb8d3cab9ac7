/* SPDX-License-Identifier: BSD-3-Clause */

/* Why this is safe.
 *
 * Publication. Control writes the new snapshot with plain stores and then exchanges the pointer with
 * release order; a reader loads the pointer with acquire order. So a reader that sees the pointer
 * sees all that was written into the snapshot before it. Nothing writes a snapshot after that, so
 * nothing else needs an order.
 *
 * Grace. A reader uses what it got until it reports quiescent (or goes offline), once a burst.
 * After the exchange control takes a token: rte_rcu_qsbr_start() adds one to a counter with release
 * order, so whoever reads (acquire) the new token sees the exchange too. A reader that reports
 * quiescent copies the token it reads into its own word with release order, after all its loads from
 * the old snapshot. When control finds (acquire) in every online reader's word a number that is not
 * below the token, then each reader has read the token, so what it gets from there on is the new
 * pointer or a later one, and each has finished its loads from the old snapshot before. So the old
 * snapshot has no reader, and control's release() happens after the readers' last loads.
 *
 * Coming and going. A reader that goes online stores its word and passes a full fence before it
 * loads the pointer; either control's check sees it online and waits for it, or the reader's load
 * comes after the exchange and sees the new pointer. A reader that goes offline stores zero with
 * release order, which ends its use as quiescent does.
 *
 * Nobody waits: control only checks (rte_rcu_qsbr_check() without blocking) and looks again a tick
 * later; a reader stores one word of its own.
 */

#include "state/publish.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_rcu_qsbr.h>

#include "base/bytes.h"
#include "base/mem.h"

struct retired {
	struct retired *next;
	void (*release)(void *object);
	void *object;
	uint64_t token;
};

struct sl_publish {
	struct sl_snapshot *present; /* written: control; read: cores */
	uint8_t spare[SL_CACHE_LINE - sizeof(struct sl_snapshot *)];
	struct rte_rcu_qsbr *grace;
	size_t grace_size;
	struct retired *first, **end; /* control: in the order of their tokens */
	uint32_t waiting;
} __attribute__((aligned(SL_CACHE_LINE)));

int sl_publish_create(struct sl_publish **publish)
{
	struct sl_publish *made = sl_mem_alloc(sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->grace_size = rte_rcu_qsbr_get_memsize(SL_READERS_MAX);
	made->grace = sl_mem_alloc(made->grace_size);
	if (!made->grace || rte_rcu_qsbr_init(made->grace, SL_READERS_MAX) != 0) {
		sl_mem_free(made->grace, made->grace_size);
		sl_mem_free(made, sizeof(*made));
		return -ENOMEM;
	}
	made->end = &made->first;
	*publish = made;
	return 0;
}

static void release_first(struct sl_publish *publish)
{
	struct retired *retired = publish->first;

	publish->first = retired->next;
	if (!publish->first)
		publish->end = &publish->first;
	publish->waiting--;
	retired->release(retired->object);
	sl_mem_free(retired, sizeof(*retired));
}

void sl_publish_destroy(struct sl_publish *publish)
{
	if (!publish)
		return;
	while (publish->first)
		release_first(publish);
	sl_mem_free(publish->grace, publish->grace_size);
	sl_mem_free(publish, sizeof(*publish));
}

int sl_publish_reader_add(struct sl_publish *publish, uint32_t reader)
{
	if (reader >= SL_READERS_MAX || rte_rcu_qsbr_thread_register(publish->grace, reader) != 0)
		return -EINVAL;
	rte_rcu_qsbr_thread_online(publish->grace, reader);
	return 0;
}

void sl_publish_reader_remove(struct sl_publish *publish, uint32_t reader)
{
	rte_rcu_qsbr_thread_offline(publish->grace, reader);
	(void)rte_rcu_qsbr_thread_unregister(publish->grace, reader);
}

void sl_publish_reader_online(struct sl_publish *publish, uint32_t reader)
{
	rte_rcu_qsbr_thread_online(publish->grace, reader);
}

void sl_publish_reader_offline(struct sl_publish *publish, uint32_t reader)
{
	rte_rcu_qsbr_thread_offline(publish->grace, reader);
}

const struct sl_snapshot *sl_publish_get(const struct sl_publish *publish)
{
	return __atomic_load_n(&publish->present, __ATOMIC_ACQUIRE);
}

void sl_publish_quiescent(struct sl_publish *publish, uint32_t reader)
{
	rte_rcu_qsbr_quiescent(publish->grace, reader);
}

struct sl_snapshot *sl_publish_swap(struct sl_publish *publish, struct sl_snapshot *snapshot)
{
	return __atomic_exchange_n(&publish->present, snapshot, __ATOMIC_ACQ_REL);
}

int sl_publish_retire(struct sl_publish *publish, void (*release)(void *object), void *object)
{
	struct retired *retired = sl_mem_alloc(sizeof(*retired));

	if (!retired)
		return -ENOMEM;
	retired->next = NULL;
	retired->release = release;
	retired->object = object;
	retired->token = rte_rcu_qsbr_start(publish->grace);
	*publish->end = retired;
	publish->end = &retired->next;
	publish->waiting++;
	return 0;
}

uint32_t sl_publish_reclaim(struct sl_publish *publish)
{
	while (publish->first &&
	       rte_rcu_qsbr_check(publish->grace, publish->first->token, false) == 1)
		release_first(publish);
	return publish->waiting;
}
