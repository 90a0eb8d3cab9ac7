/* SPDX-License-Identifier: BSD-3-Clause */

/* What acting on packets counts. Private to path.
 *
 * Shape:   nodes at once, services by a tally: they repeat themselves within a burst, nodes do not.
 * Threads: the core.
 * Memory:  the core's counters.
 * Errors:  none.
 */

#ifndef SL_PATH_COUNT_H
#define SL_PATH_COUNT_H

#include <stdint.h>

#include "base/bytes.h"
#include "path/stage.h"

/* Two plain additions in memory, four instructions a packet less than sl_stats_add(): control may read them
 * late, and never in halves. */
static inline void sl_path_count_node(struct sl_path_core *core, uint32_t index, uint32_t size)
{
	struct sl_node_stats *node = &core->stats->nodes[index];

	node->packets++;
	node->bytes += size;
}

/* What a burst counts of one service before it is added up. */
struct sl_tally {
	uint32_t service, packets;
	uint64_t bytes;
};

static inline void sl_tally_add(struct sl_path_core *core, const struct sl_tally *tally)
{
	struct sl_service_stats *service = &core->stats->services[tally->service];

	sl_stats_add(&service->packets, tally->packets);
	sl_stats_add(&service->bytes, tally->bytes);
}

static inline void sl_tally_packet(struct sl_path_core *core, uint32_t service, uint32_t size,
				   struct sl_tally *tally)
{
	if (sl_unlikely(service != tally->service)) {
		if (tally->packets > 0)
			sl_tally_add(core, tally);
		*tally = (struct sl_tally){.service = service};
	}
	tally->packets++;
	tally->bytes += size;
}

#endif
