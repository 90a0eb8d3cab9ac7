/* SPDX-License-Identifier: BSD-3-Clause */

/* Time of the machine in milliseconds that never go back.
 *
 * Threads: any.
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

#endif
