/* SPDX-License-Identifier: BSD-3-Clause */

#include "lcore/stats.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define NODES_SIZE    (sizeof(struct sl_node_stats) * SL_NODE_INDEX_MAX)
#define SERVICES_SIZE (sizeof(struct sl_service_stats) * (SL_SERVICES_MAX + 1))
#define EXTRAS_SIZE   (sizeof(struct sl_service_extra) * SL_SERVICES_MAX)
#define STAMPS_SIZE   (sizeof(struct sl_stamp) * SL_SERVICES_MAX)

const char *sl_drop_name(enum sl_drop reason)
{
	switch (reason) {
#define X(id, name, value)                                                                         \
	case SL_DROP_##id:                                                                         \
		return name;
		SL_DROPS(X)
#undef X
	case SL_DROP_COUNT:
		break;
	}
	return "unknown";
}

int sl_core_stats_create(struct sl_core_stats **stats)
{
	struct sl_core_stats *made = sl_mem_alloc(sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->nodes = sl_mem_alloc(NODES_SIZE);
	made->services = sl_mem_alloc(SERVICES_SIZE);
	made->extras = sl_mem_alloc(EXTRAS_SIZE);
	made->service_stamps = sl_mem_alloc(STAMPS_SIZE);
	made->heard = sl_mem_alloc(sizeof(*made->heard));
	made->told = sl_mem_alloc(sizeof(*made->told));
	if (!made->nodes || !made->services || !made->extras || !made->service_stamps ||
	    !made->heard || !made->told) {
		sl_core_stats_destroy(made);
		return -ENOMEM;
	}
	*stats = made;
	return 0;
}

void sl_core_stats_destroy(struct sl_core_stats *stats)
{
	if (!stats)
		return;
	sl_mem_free(stats->nodes, NODES_SIZE);
	sl_mem_free(stats->services, SERVICES_SIZE);
	sl_mem_free(stats->extras, EXTRAS_SIZE);
	sl_mem_free(stats->service_stamps, STAMPS_SIZE);
	sl_mem_free(stats->heard, sizeof(*stats->heard));
	sl_mem_free(stats->told, sizeof(*stats->told));
	sl_mem_free(stats, sizeof(*stats));
}

uint64_t sl_stats_clock(struct sl_core_stats *const *cores, uint32_t core_count, uint64_t now_ms)
{
	uint64_t least = now_ms;

	for (uint32_t i = 0; i < core_count; i++) {
		uint64_t clock = sl_stats_read(&cores[i]->clock_ms);

		if (clock && clock < least)
			least = clock;
	}
	return least;
}

void sl_stats_balance(struct sl_core_stats *const *cores, uint32_t core_count,
		      struct sl_worker_stats *const *workers, uint32_t worker_count,
		      struct sl_balance *balance)
{
	struct sl_balance sum;

	memset(&sum, 0, sizeof(sum));
	for (uint32_t i = 0; i < worker_count; i++)
		sum.delivered += sl_stats_read(&workers[i]->delivered);
	for (uint32_t i = 0; i < core_count; i++) {
		sum.forwarded += sl_stats_read(&cores[i]->forwarded);
		sum.punted += sl_stats_read(&cores[i]->punted);
		for (uint32_t reason = 0; reason < SL_DROP_COUNT; reason++)
			sum.drops[reason] += sl_stats_read(&cores[i]->dropped[reason]);
	}
	for (uint32_t i = 0; i < core_count; i++)
		sum.received += sl_stats_read(&cores[i]->received);
	for (uint32_t reason = 0; reason < SL_DROP_COUNT; reason++)
		sum.dropped += sum.drops[reason];
	sum.in_flight = sum.received - sum.delivered - sum.forwarded - sum.punted - sum.dropped;
	*balance = sum;
}
