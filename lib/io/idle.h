/* SPDX-License-Identifier: BSD-3-Clause */

/* What a polling thread does when nothing came: spins, then sleeps a little longer each time.
 *
 * Why:     an idle dispatcher must not heat a CPU, and its first packet must not wait long.
 * Shape:   SL_IDLE_SPINS empty rounds of pauses, then sleeps that double up to the longest one. A
 *          thread that others can wake sleeps on a bell (bell.h) or a watch (watch.h) instead, once
 *          it has spun. Its turns on the CPU are short as long as it sleeps now and then, so that it
 *          wakes at once, and long when it does not, so that others do (turn.h). Threads that share
 *          a CPU have turns as anybody and offer it to each other while they have nothing.
 * Threads: one a state.
 */

#ifndef SL_IO_IDLE_H
#define SL_IO_IDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum sl_idle_mode {
	SL_IDLE_MODE_BACKOFF = 0,
	SL_IDLE_MODE_POLL = 1, /* never sleeps */
};

#define SL_IDLE_SPINS		 512 /* empty rounds before the first sleep: some 20 us */
#define SL_IDLE_SLEEP_NS	 40000 /* a first packet waits half of it on average, and the waking */
#define SL_IDLE_SLEEP_NS_DEAR	 80000	 /* where sleeping itself costs much (virtual machines) */
#define SL_IDLE_SLEEP_NS_CAPTURE 1000000 /* a capture that gave nothing has ended */

struct sl_idle {
	uint8_t mode;	   /* enum sl_idle_mode */
	bool has_mates;	   /* other receive cores or workers on its CPU */
	uint32_t offers;   /* empty rounds, of one that has mates */
	uint32_t empty;	   /* rounds without work in a row */
	uint32_t sleep_ns; /* of the next sleep */
	uint32_t sleep_ns_max;
	uint32_t sleeps;       /* since the cost was looked at */
	uint64_t cost_ns;      /* the thread's CPU time then */
	uint64_t patient_tsc;  /* when its turns become long; UINT64_MAX: they are, or never */
	uint64_t patient_wait; /* cycles without a sleep until then; 0: never */
};

/* By the thread itself: also asks the kernel for exact short sleeps. sleep_ns_max: the longest one;
 * where rounds cost more than a twentieth of it, it grows up to SL_IDLE_SLEEP_NS_DEAR. */
void sl_idle_init(struct sl_idle *idle, enum sl_idle_mode mode, uint32_t sleep_ns_max);

/* Whether it has spun enough: the next wait would sleep. */
static inline bool sl_idle_is_spun(const struct sl_idle *idle)
{
	return idle->mode != SL_IDLE_MODE_POLL && idle->empty >= SL_IDLE_SPINS;
}

/* After a round without work. */
void sl_idle_wait(struct sl_idle *idle);

/* Around a sleep that is not its own. */
void sl_idle_sleep(struct sl_idle *idle);
void sl_idle_wake(struct sl_idle *idle);

/* Makes turns long: sl_idle_round() knows when. */
void sl_idle_poll(struct sl_idle *idle);

/* Each round, with the time: turns become long. */
static inline void sl_idle_round(struct sl_idle *idle, uint64_t tsc)
{
	if (sl_unlikely(tsc >= idle->patient_tsc))
		sl_idle_poll(idle);
}

/* After a round with work. */
static inline void sl_idle_reset(struct sl_idle *idle)
{
	idle->empty = 0;
}

/* While it waits for another thread's progress (a full ring), which may need this CPU. */
void sl_idle_yield(void);

#endif
