/* SPDX-License-Identifier: BSD-3-Clause */

/* Time of the machine in milliseconds that never go back.
 *
 * Threads: any; a struct sl_pace is one thread's.
 */

#ifndef SL_BASE_CLOCK_H
#define SL_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t sl_clock_ms(void);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t sl_clock_ns(void);

/* Milliseconds since 1970-01-01 UTC, for what people and files read. */
uint64_t sl_clock_wall_ms(void);

/* A clock that stands still while its thread does (the machine took its CPU away), and then runs a
 * quarter faster until it is right again: packets that waited meanwhile came when it stood. */
struct sl_pace {
	uint64_t now_ms;
	uint64_t real_ms; /* when it was looked at last */
};

/* Longer between two looks than any thread that runs takes. */
#define SL_PACE_STALL_MS 100

static inline uint64_t sl_pace(struct sl_pace *pace, uint64_t real_ms)
{
	uint64_t passed = real_ms - pace->real_ms;

	if (passed <= SL_PACE_STALL_MS)
		pace->now_ms += passed + (real_ms >> 2) - (pace->real_ms >> 2);
	if (pace->now_ms > real_ms)
		pace->now_ms = real_ms;
	pace->real_ms = real_ms;
	return pace->now_ms;
}

#endif
