/* SPDX-License-Identifier: BSD-3-Clause */

/* Threads that wake among others which never sleep.
 *
 * Why:     a thread that wakes on a CPU where a data plane thread polls waits for a whole time slice.
 *          Control has a higher weight and short slices, but stays an ordinary thread: however much
 *          there is to do, packets get their share. Who only waits for the disk may be a real-time
 *          thread: it uses no time, but has the CPU at once.
 * Threads: each function is about the thread that calls it.
 * Errors:  none: without the privilege nothing changes but speed.
 */

#ifndef SL_CTL_URGENT_H
#define SL_CTL_URGENT_H

/* For control. Threads that it starts are ordinary ones. */
void sl_urgent_work(void);
/* For who waits for the disk. */
void sl_urgent_wait(void);

#endif
