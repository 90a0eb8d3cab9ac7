/* SPDX-License-Identifier: BSD-3-Clause */

/* The data plane's counters as telemetry commands: /sluice/balance, dropped, ports, port, cores.
 *
 * Threads: counters_offer() and counters_end(): control; the commands run in a thread of DPDK's.
 * Errors:  0 or negative errno.
 */

#ifndef SLUICED_COUNTERS_H
#define SLUICED_COUNTERS_H

#include "wire.h"

/* wire lives until counters_end(). */
int counters_offer(struct wire *wire);
void counters_end(void);

#endif
