/* SPDX-License-Identifier: BSD-3-Clause */

/* A core's sleep in the kernel until a device has packets, another core has something for it, or a
 * while has passed.
 *
 * Why:     see arrival.h.
 * Shape:   arm, look once more for work, then sleep or disarm: what came before the arming is seen by
 *          the look, what came after it ends the sleep. The bell (bell.h) is what others ring.
 * Threads: the core.
 * Memory:  the caller's struct; descriptors are the devices'.
 */

#ifndef SL_IO_WATCH_H
#define SL_IO_WATCH_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limit.h"
#include "io/bell.h"
#include "io/port.h"

#define SL_WATCH_MAX (SL_PORTS_MAX * 4) /* queues */

struct sl_watch_queue {
	uint16_t port_id, queue;
	bool interrupts, counters; /* as of struct sl_arrival */
};

struct sl_watch {
	bool armed;
	bool rung_by_others; /* while armed; else nobody hands anything over */
	struct sl_bell *bell;
	uint32_t count; /* queues */
	struct sl_watch_queue queue[SL_WATCH_MAX];
	struct pollfd fds[SL_WATCH_MAX + 1]; /* of the queues, then the bell's */
};

/* The bell is open. rung_by_others: by other threads than control, which always wakes. */
void sl_watch_init(struct sl_watch *watch, struct sl_bell *bell, bool rung_by_others);
/* False: the port cannot tell, or SL_WATCH_MAX are watched. */
bool sl_watch_add(struct sl_watch *watch, const struct sl_port *port, uint16_t queue);

/* False: a device refused its interrupt; it is not armed. */
bool sl_watch_arm(struct sl_watch *watch);
/* At most ns nanoseconds, or the bell's span if that is less. Returns whether a device rang; it is
 * no longer armed. */
bool sl_watch_sleep(struct sl_watch *watch, uint64_t ns);
void sl_watch_disarm(struct sl_watch *watch);

#endif
