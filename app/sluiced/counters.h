/* SPDX-License-Identifier: BSD-3-Clause */

/* What `stats` says as telemetry commands: /sluice/status, balance, dropped, ports, port, services,
 * service, pools, pool, nodes, node, cores.
 *
 * Why:     who watches DPDK programs finds ours where they look for them, with the same figures.
 * Shape:   commands run in a thread of DPDK's; each asks the control thread, which answers from the
 *          model's report. Lists go by pages of COUNTERS_PAGE: a parameter says where to begin.
 * Threads: counters_offer() and counters_end(): control.
 * Errors:  0 or negative errno.
 */

#ifndef SLUICED_COUNTERS_H
#define SLUICED_COUNTERS_H

#include "ctl/loop.h"
#include "wire.h"

#define COUNTERS_PAGE 128 /* an answer of DPDK's telemetry has 16 KiB and 256 names at most */

/* All three live until counters_end(), which comes when the loop has ended. */
int counters_offer(const struct wire *wire, struct sl_model *model, struct sl_loop *loop);
void counters_end(void);

#endif
