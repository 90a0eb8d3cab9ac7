/* SPDX-License-Identifier: BSD-3-Clause */

/* The parser a second time, slow and obvious: octet by octet, copied into a buffer of its own, in
 * the order of the standards, without a line of the real one.
 *
 * Threads: any; pure.
 */

#ifndef TESTS_FUZZ_PARSE_TWIN_H
#define TESTS_FUZZ_PARSE_TWIN_H

#include <stdbool.h>
#include <stdint.h>

#include "pkt/parse.h"

/* As sl_parse() with all of the frame contiguous. */
void parse_twin(const uint8_t *frame, uint32_t size, bool check_sum, struct sl_pkt *pkt);

/* Prints where two answers differ; true when they do not. */
bool parse_twin_same(const struct sl_pkt *wanted, const struct sl_pkt *got);

#endif
