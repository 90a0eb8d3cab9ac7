/* SPDX-License-Identifier: BSD-3-Clause */

/* Which class of service a worker serves next.
 *
 * Why:     better classes go first, and none starves: one that has waited for its max_wait has a turn
 *          before better ones.
 * Shape:   a class's wait is how long it has had packets without a turn. Of those beyond their
 *          max_wait the one that is farthest beyond has the turn; else the best that has packets, of
 *          equals the one that waits longest. So with a class that floods the worker, others wait for
 *          its burst once in its max_wait, and no more. Were it by single packets, a flood's own would all
 *          be overdue soon, and go before all better ones for as long as it lasts.
 * Threads: one owner.
 * Memory:  the caller's.
 * Errors:  none.
 */

#ifndef SL_WORK_TURNS_H
#define SL_WORK_TURNS_H

#include <stdint.h>

#include "base/limit.h"

#define SL_TURNS_NOBODY UINT32_MAX

/* A class as configured. */
struct sl_turns_class {
	uint32_t priority; /* 0: the best */
	uint64_t max_wait; /* ticks of the clock that sl_turns_next() is given */
};

struct sl_turns {
	uint32_t count;
	struct sl_turns_class classes[SL_CLASSES_MAX];
	uint64_t since[SL_CLASSES_MAX]; /* a class has waited since then */
};

void sl_turns_init(struct sl_turns *turns, const struct sl_turns_class *classes, uint32_t count);

/* The class that has the turn; it waits anew from now. waiting: a bit for each class that has packets.
 * SL_TURNS_NOBODY: none has. */
uint32_t sl_turns_next(struct sl_turns *turns, uint32_t waiting, uint64_t now);

#endif
