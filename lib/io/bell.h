/* SPDX-License-Identifier: BSD-3-Clause */

/* How an idle thread sleeps until another has something for it, at no cost to either while there is
 * work.
 *
 * Why:     polling with short sleeps costs a tenth of a CPU on virtual machines; a worker knows who
 *          brings it packets, so they wake it.
 * Shape:   the sleeper says that it is asleep, makes every other core's stores seen (membarrier),
 *          and looks once more for work before it waits. So whoever stores work needs no fence: it
 *          stores, then reads one word that is in its cache as long as the worker is awake. Where
 *          the kernel has no membarrier, sleeps are so short that a missed ring does not matter. A
 *          bell that was opened has a descriptor, for threads that wait for devices, too
 *          (watch.h).
 * Threads: open, close: control; prepare, sleep, answer: the sleeper; ring, wake: all others.
 * Source:  membarrier(2), futex(2), eventfd(2).
 */

#ifndef SL_IO_BELL_H
#define SL_IO_BELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct sl_bell {
	uint32_t asleep; /* written: the sleeper, and who wakes it */
	bool is_open;
	int fd; /* of an open one: readable once it was woken */
} __attribute__((aligned(SL_CACHE_LINE)));

/* Gives a zeroed bell a descriptor: 0 or -errno. Its sleeper waits for that instead of calling
 * sl_bell_sleep(). close takes any bell. */
int sl_bell_open(struct sl_bell *bell);
void sl_bell_close(struct sl_bell *bell);

/* The longest sleep, in nanoseconds: a tenth of a second, less without membarrier. */
uint64_t sl_bell_span_ns(void);

/* Says that the caller will sleep. After this it looks whether there is work, then either sleeps
 * or answers. */
void sl_bell_prepare(struct sl_bell *bell);
/* Until it rings, or the longest sleep is over. */
void sl_bell_sleep(struct sl_bell *bell);
/* The caller is awake; an open bell's descriptor is no longer readable. */
void sl_bell_answer(struct sl_bell *bell);

/* Wakes the sleeper, whoever calls. */
void sl_bell_wake(struct sl_bell *bell);

/* After work was stored: wakes the sleeper if it sleeps. */
static inline void sl_bell_ring(struct sl_bell *bell)
{
	__atomic_signal_fence(
		__ATOMIC_SEQ_CST); /* the compiler keeps the order; membarrier the rest */
	if (sl_unlikely(__atomic_load_n(&bell->asleep, __ATOMIC_RELAXED)))
		sl_bell_wake(bell);
}

#endif
