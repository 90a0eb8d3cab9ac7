/* SPDX-License-Identifier: BSD-3-Clause */

/* What the kernel says of this process.
 *
 * Threads: any.
 * Errors:  0 or negative errno.
 */

#ifndef SL_BASE_PROCESS_H
#define SL_BASE_PROCESS_H

#include <stdint.h>

struct sl_process {
	double cpu_s;	   /* of all threads */
	double start_s;	   /* wall clock */
	uint64_t resident; /* octets */
	uint32_t descriptors;
};

int sl_process_look(struct sl_process *process);

#endif
