/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/idle.h"

#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_pause.h>

#define SPINS	     512   /* empty rounds before the first sleep: some 20 microseconds */
#define SLEEP_NS_MIN 2000  /* of the first sleep; they double */
#define SLEEP_NS_MAX 40000 /* waking up adds to it: the first packet waits less than 50 us */

void sl_idle_init(struct sl_idle *idle, enum sl_idle_mode mode)
{
	idle->mode = (uint8_t)mode;
	idle->empty = 0;
	idle->sleep_ns = SLEEP_NS_MIN;
	/* The kernel's habit of adding 50 us to short sleeps would double the wait. */
	if (mode == SL_IDLE_MODE_BACKOFF)
		prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0);
}

void sl_idle_wait(struct sl_idle *idle)
{
	struct timespec span = {0};

	rte_pause();
	if (idle->mode == SL_IDLE_MODE_POLL)
		return;
	if (idle->empty < SPINS) {
		idle->empty++;
		idle->sleep_ns = SLEEP_NS_MIN;
		return;
	}
	span.tv_nsec = idle->sleep_ns;
	nanosleep(&span, NULL);
	if (idle->sleep_ns < SLEEP_NS_MAX)
		idle->sleep_ns *= 2;
	if (idle->sleep_ns > SLEEP_NS_MAX)
		idle->sleep_ns = SLEEP_NS_MAX;
}

void sl_idle_yield(void)
{
	sched_yield();
}
