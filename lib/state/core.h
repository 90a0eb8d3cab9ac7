/* SPDX-License-Identifier: BSD-3-Clause */

/* One receive core as the decision sees it.
 *
 * Why:     what a core remembers about a pool is the pool's (pool_memory.h), what it counts is in
 *          its stats; this tells which of them are its own.
 * Threads: its core; for `explain` a struct of control's own.
 */

#ifndef SL_STATE_CORE_H
#define SL_STATE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/stats.h"

struct sl_core {
	uint32_t index;		     /* of its flow tables and stamps */
	struct sl_core_stats *stats; /* its own */
	bool is_wide;		     /* the CPU has what the wide variants need (base/wide.h) */
	uint32_t sweep_pool;	     /* whose flow table is swept next; starts at 0 */
};

#endif
