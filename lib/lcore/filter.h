/* SPDX-License-Identifier: BSD-3-Clause */

/* Program of a trace's filter: whether a receive core may run it.
 *
 * Why:     a client sends it. libpcap's own check lets through jumps back, which nothing bounds, and codes
 *          at which its interpreter ends the process.
 * Shape:   every code is one that the interpreter knows, every jump goes forward to a step that is
 *          there, the last step returns, a constant divisor is not 0, a memory word is there.
 * Threads: any.
 * Memory:  the caller's.
 * Errors:  -EINVAL: no program; -ELOOP: one that may not end.
 */

#ifndef SL_LCORE_FILTER_H
#define SL_LCORE_FILTER_H

#include <stdint.h>

/* A step, as libpcap compiles them: code, jump if true, if false, operand. */
struct sl_filter_step {
	uint16_t code;
	uint8_t yes, no;
	uint32_t operand;
};
#define SL_FILTER_STEPS_MAX 4096u

/* Valid ones end after at most count steps. */
int sl_filter_check(const struct sl_filter_step *steps, uint32_t count);

#endif
