/* SPDX-License-Identifier: BSD-3-Clause */

/* What a polling thread does when nothing came: spins, then sleeps a little longer each time.
 *
 * Why:     an idle dispatcher must not heat a CPU, and its first packet must not wait long.
 * Shape:   SL_IDLE_SPINS empty rounds of pauses, then sleeps that double up to SL_IDLE_SLEEP_NS.
 * Threads: one a state.
 */

#ifndef SL_IO_IDLE_H
#define SL_IO_IDLE_H

#include <stdint.h>

enum sl_idle_mode {
	SL_IDLE_MODE_BACKOFF = 0,
	SL_IDLE_MODE_POLL = 1, /* never sleeps */
};

struct sl_idle {
	uint8_t mode;	   /* enum sl_idle_mode */
	uint32_t empty;	   /* rounds without work in a row */
	uint32_t sleep_ns; /* of the next sleep */
};

/* By the thread itself: also asks the kernel for exact short sleeps. */
void sl_idle_init(struct sl_idle *idle, enum sl_idle_mode mode);

/* After a round without work. */
void sl_idle_wait(struct sl_idle *idle);

/* After a round with work. */
static inline void sl_idle_reset(struct sl_idle *idle)
{
	idle->empty = 0;
}

/* While it waits for another thread's progress (a full ring), which may need this CPU. */
void sl_idle_yield(void);

#endif
