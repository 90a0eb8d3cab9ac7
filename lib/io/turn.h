/* SPDX-License-Identifier: BSD-3-Clause */

/* How long a thread's turns are on a CPU that others want, too.
 *
 * Why:     a thread that polls never waits, so whoever else needed its CPU for a moment (control, the
 *          kernel's threads that write the state file) waited for a tick of the scheduler, 4 ms and
 *          more, at each step of a change. Linux lets a thread that wakes go at once before one with
 *          longer turns; over time each gets the same share as before.
 * Threads: the one whose turns they are.
 * Errors:  none: kernels before 6.12 have one length for all, and leave it so.
 * Source:  sched_setattr(2), sched_runtime of SCHED_OTHER.
 */

#ifndef SL_IO_TURN_H
#define SL_IO_TURN_H

/* For a thread that polls. Two of these on one CPU wait for each other a tenth of a second. */
void sl_turn_long(void);
/* For a thread that sleeps and has little to do when it wakes. */
void sl_turn_short(void);

#endif
