/* SPDX-License-Identifier: BSD-3-Clause */

/* How long the calling thread's turns on a CPU are, as the kernel says.
 *
 * Source: sched_getattr(2).
 */

#ifndef TESTS_SUPPORT_TURN_H
#define TESTS_SUPPORT_TURN_H

#include <stdint.h>
#include <unistd.h>

#include <sys/syscall.h>

/* Nanoseconds; 0: this kernel knows no such thing. */
static inline uint64_t turn_ns(void)
{
	uint64_t words[6] = {0}; /* the fourth is sched_runtime */

	return syscall(SYS_sched_getattr, 0, words, sizeof(words), 0) == 0 ? words[3] : 0;
}

#endif
