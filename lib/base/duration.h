/* SPDX-License-Identifier: BSD-3-Clause */

/* Durations as people write them: 500ms, 60s, 15m, 2h, 7d.
 *
 * Threads: any; pure.
 * Errors:  0 or -EINVAL; the output is written only on success.
 */

#ifndef SL_BASE_DURATION_H
#define SL_BASE_DURATION_H

#include <stdint.h>

#define SL_DURATION_MS_MAX (366ull * 86400u * 1000u)

/* A decimal number (a fraction is fine) and a unit; 0 needs none. */
int sl_duration_parse(const char *text, uint64_t *ms);

#endif
