/* SPDX-License-Identifier: BSD-3-Clause */

/* Numbers as people write them: whole ones, weights, durations.
 *
 * Why:     files, command lines and the control socket take the same numbers; two parsers would not.
 * Shape:   decimal digits alone: no sign, blank, exponent or leading zero. A weight may have a
 *          fraction, a duration has a unit.
 * Threads: any; pure.
 * Errors:  0 or -EINVAL; outputs are written only on success.
 */

#ifndef SL_BASE_NUMBER_H
#define SL_BASE_NUMBER_H

#include <stdint.h>

#define SL_NUMBER_TEXT_SIZE 24 /* of a weight or a duration, with its final zero */
#define SL_DURATION_MS_MAX  (366ull * 86400u * 1000u)

int sl_number_parse(const char *text, uint64_t *value);

/* A decimal number of 0 to 1,000,000, in millionths. On failure *why (may be NULL) gets the rest of a
 * sentence that begins with the value. */
int sl_weight_parse(const char *text, uint64_t *weight, const char **why);
const char *sl_weight_format(uint64_t weight, char *text);

/* A whole number with a unit, as in 500ms, 60s, 15m, 2h, 7d; 366 days at most. */
int sl_duration_parse(const char *text, uint64_t *ms);
const char *sl_duration_format(uint64_t ms, char *text);

#endif
