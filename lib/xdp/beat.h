/* SPDX-License-Identifier: BSD-3-Clause */

/* The heartbeat: says in the maps that a daemon is there.
 *
 * Why:     the program must know at once that the daemon is gone: what it gives to the sockets of a
 *          process that was killed is lost.
 * Shape:   a thread renews the time and holds a robust mutex in the maps. The kernel lets that go when
 *          the thread dies, before the process's memory and sockets are gone, which takes it tens of
 *          milliseconds; the time is for a process that stands still.
 * Threads: control; the thread is this room's own.
 * Memory:  a struct of the caller, zero to begin with.
 * Errors:  negative errno and a sentence.
 */

#ifndef SL_XDP_BEAT_H
#define SL_XDP_BEAT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "xdp/layout.h"

struct sl_xdp_beat {
	pthread_t thread;
	bool runs;
	bool ends;		     /* written: control; read: the thread */
	struct sl_xdp_state *wanted; /* written: control; read: the thread */
	struct sl_xdp_state *held;   /* written: the thread; read: control */
	struct sl_xdp_state
		*left; /* written: control, then NULL: the thread, which has let it go */
};

/* When it returns the maps of that state have a heartbeat; those before keep their mutex. */
int sl_xdp_beat_for(struct sl_xdp_beat *beat, struct sl_xdp_state *state, struct sl_err *err);
/* No program has these maps any more: when it returns, nothing of them is held. */
void sl_xdp_beat_leave(struct sl_xdp_beat *beat, struct sl_xdp_state *state);
/* The end: from here on programs serve. */
void sl_xdp_beat_end(struct sl_xdp_beat *beat);

/* Nanoseconds of the kernel's monotonic clock, which the program reads, too. */
uint64_t sl_xdp_now_ns(void);
/* Counts a stretch in which the program served: it is over. */
void sl_xdp_stretch_end(struct sl_xdp_state *state, uint64_t now_ns);

#endif
