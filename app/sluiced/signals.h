/* SPDX-License-Identifier: BSD-3-Clause */

/* Signals: those that wait for the loop, those that mean nothing here, and the end in bounded time.
 *
 * Why:     what is left to default kills without report and state; and an end that waits for code of
 *          others (a handler's close, a file system) must have an end, too.
 * Shape:   TERM, INT and HUP are blocked but while the loop runs; the start looks between its steps
 *          whether one of the first two came. All others that would kill are noted and said once. From the drain on a second TERM or INT cuts waits short; from
 *          signals_guard() on it, or a timer, writes the report and ends with status 2.
 * Threads: the main thread.
 */

#ifndef SLUICED_SIGNALS_H
#define SLUICED_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

void signals_begin(void);
/* Before anything was started: TERM and INT kill while somebody else is waited for. */
void signals_wait(bool waits);
/* During the start: whether TERM or INT has come, which is taken for the end's first one. */
bool signals_ask_for_the_end(void);
void signals_loop(void);      /* the loop takes them */
void signals_loop_ends(void); /* nobody does */

/* Once a second: says which have come that mean nothing. */
void signals_say(void);

/* The end has begun, or the loop that had taken the signals is freed: takes them from now on. */
void signals_end(void);
/* When waits are to be cut short, by sl_clock_ms(); UINT64_MAX: nobody asked. */
uint64_t signals_hurry_ms(void);
/* What is left to do may hang. report goes to path; both NULL: none. */
void signals_guard(const char *path, const char *report);
/* The report is written. */
void signals_guard_end(void);

#endif
