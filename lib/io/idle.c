/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/idle.h"

#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "io/eal.h"
#include "io/turn.h"

#define SLEEP_NS_MIN 2000 /* of the first sleep; they double */

#define POLLS_A_SECOND 200 /* 5 ms without a sleep: it polls */

#define OFFER_ROUNDS 32 /* empty rounds until the CPU is offered: some 2 us */

#define COST_SLEEPS 64 /* between looks at what they cost */
#define COST_SHARE  20 /* one part of so many of a CPU is what idling may cost */

static uint64_t cpu_time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* Longer sleeps where a round with one costs much: setting a timer is an exit on virtual machines. */
static void weigh(struct sl_idle *idle)
{
	uint64_t now = cpu_time_ns();
	uint64_t wanted = (now - idle->cost_ns) / COST_SLEEPS * COST_SHARE;

	if (wanted > idle->sleep_ns_max && idle->sleep_ns_max < SL_IDLE_SLEEP_NS_DEAR)
		idle->sleep_ns_max = (uint32_t)SL_MIN(wanted, SL_IDLE_SLEEP_NS_DEAR);
	idle->cost_ns = now;
	idle->sleeps = 0;
}

static void weigh_from_now(struct sl_idle *idle)
{
	idle->cost_ns = cpu_time_ns();
	idle->sleeps = 0;
}

void sl_idle_init(struct sl_idle *idle, enum sl_idle_mode mode, uint32_t sleep_ns_max)
{
	idle->mode = (uint8_t)mode;
	idle->empty = 0;
	idle->offers = 0;
	idle->sleep_ns = SLEEP_NS_MIN;
	idle->sleep_ns_max = sleep_ns_max;
	idle->sleeps = 0;
	idle->cost_ns = 0;
	idle->patient_tsc = UINT64_MAX;
	idle->has_mates = sl_eal_mates() > 0;
	idle->patient_wait = sl_eal_mates() == 0 ? rte_get_tsc_hz() / POLLS_A_SECOND : 0;
	if (idle->patient_wait > 0) {
		sl_turn_short();
		sl_idle_wake(idle);
	}
	/* The kernel's habit of adding 50 us to short sleeps would double the wait. */
	if (mode == SL_IDLE_MODE_BACKOFF)
		prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0);
}

void sl_idle_sleep(struct sl_idle *idle)
{
	if (idle->patient_wait > 0 && idle->patient_tsc == UINT64_MAX)
		sl_turn_short();
}

void sl_idle_wake(struct sl_idle *idle)
{
	if (idle->patient_wait > 0)
		idle->patient_tsc = rte_rdtsc() + idle->patient_wait;
}

void sl_idle_poll(struct sl_idle *idle)
{
	idle->patient_tsc = UINT64_MAX;
	sl_turn_long();
}

void sl_idle_wait(struct sl_idle *idle)
{
	struct timespec span = {0};

	rte_pause();
	if (idle->has_mates && ++idle->offers % OFFER_ROUNDS == 0)
		sl_idle_yield();
	if (idle->mode == SL_IDLE_MODE_POLL)
		return;
	if (idle->empty < SL_IDLE_SPINS) {
		if (++idle->empty == SL_IDLE_SPINS)
			weigh_from_now(idle);
		idle->sleep_ns = SLEEP_NS_MIN;
		return;
	}
	span.tv_nsec = idle->sleep_ns;
	sl_idle_sleep(idle);
	nanosleep(&span, NULL);
	sl_idle_wake(idle);
	idle->sleep_ns = SL_MIN(2 * idle->sleep_ns, idle->sleep_ns_max);
	if (++idle->sleeps == COST_SLEEPS)
		weigh(idle);
}

void sl_idle_yield(void)
{
	sched_yield();
}
