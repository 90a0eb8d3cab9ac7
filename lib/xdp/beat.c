/* SPDX-License-Identifier: BSD-3-Clause */

#include "xdp/beat.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#define BEAT_NS	  20000000
#define SETTLE_NS 1000000 /* between two looks at the other thread */

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(((struct sl_xdp_state *)0)->alive),
	       "the mutex has room");

uint64_t sl_xdp_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static pthread_mutex_t *alive_of(struct sl_xdp_state *state)
{
	return (pthread_mutex_t *)(void *)state->alive;
}

static void hold(struct sl_xdp_state *state)
{
	pthread_mutexattr_t kind;

	pthread_mutexattr_init(&kind);
	pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(alive_of(state), &kind);
	pthread_mutexattr_destroy(&kind);
	(void)pthread_mutex_lock(alive_of(state));
}

void sl_xdp_stretch_end(struct sl_xdp_state *state, uint64_t now_ns)
{
	uint64_t since = __atomic_load_n(&state->since_ns, __ATOMIC_RELAXED);

	if (since == 0)
		return;
	__atomic_store_n(&state->since_ns, 0, __ATOMIC_RELAXED);
	state->carried.ns += now_ns > since ? now_ns - since : 0;
	state->carried.times++;
}

/* Its first look comes before it says that it holds the mutex: whoever waits for that has a heartbeat. */
static void *run(void *argument)
{
	const struct timespec nap = {.tv_nsec = BEAT_NS};
	const struct sched_param soon = {.sched_priority = 1};
	struct sl_xdp_beat *beat = argument;
	struct sl_xdp_state *held = NULL;

	/* So that it dies first when all threads are killed; without the privilege it may be later. */
	(void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &soon);
	while (!__atomic_load_n(&beat->ends, __ATOMIC_ACQUIRE)) {
		struct sl_xdp_state *wanted = __atomic_load_n(&beat->wanted, __ATOMIC_ACQUIRE);

		struct sl_xdp_state *left = __atomic_load_n(&beat->left, __ATOMIC_ACQUIRE);

		if (left) {
			(void)pthread_mutex_unlock(alive_of(left));
			__atomic_store_n(&beat->left, NULL, __ATOMIC_RELEASE);
		}
		if (!(wanted->alive[0] & SL_XDP_ALIVE_MASK))
			hold(wanted);
		__atomic_store_n(&wanted->heartbeat_ns, sl_xdp_now_ns(), __ATOMIC_RELEASE);
		if (held == wanted)
			sl_xdp_stretch_end(wanted, sl_xdp_now_ns());
		held = wanted;
		__atomic_store_n(&beat->held, held, __ATOMIC_RELEASE);
		nanosleep(&nap, NULL);
	}
	if (held) {
		__atomic_store_n(&held->heartbeat_ns, 0, __ATOMIC_RELEASE);
		(void)pthread_mutex_unlock(alive_of(held));
	}
	return NULL;
}

int sl_xdp_beat_for(struct sl_xdp_beat *beat, struct sl_xdp_state *state, struct sl_err *err)
{
	const struct timespec nap = {.tv_nsec = SETTLE_NS};
	int status = 0;

	__atomic_store_n(&beat->wanted, state, __ATOMIC_RELEASE);
	if (!beat->runs) {
		status = pthread_create(&beat->thread, NULL, run, beat);
		beat->runs = status == 0;
	}
	if (status != 0)
		return sl_err_set(err, -status, "cannot start a thread: %s", strerror(status));
	while (__atomic_load_n(&beat->held, __ATOMIC_ACQUIRE) != state)
		nanosleep(&nap, NULL);
	return 0;
}

void sl_xdp_beat_leave(struct sl_xdp_beat *beat, struct sl_xdp_state *state)
{
	const struct timespec nap = {.tv_nsec = SETTLE_NS};

	if (!beat->runs || !(state->alive[0] & SL_XDP_ALIVE_MASK))
		return;
	__atomic_store_n(&beat->left, state, __ATOMIC_RELEASE);
	while (__atomic_load_n(&beat->left, __ATOMIC_ACQUIRE))
		nanosleep(&nap, NULL);
}

void sl_xdp_beat_end(struct sl_xdp_beat *beat)
{
	if (!beat->runs)
		return;
	__atomic_store_n(&beat->ends, true, __ATOMIC_RELEASE);
	pthread_join(beat->thread, NULL);
	beat->runs = false;
}
