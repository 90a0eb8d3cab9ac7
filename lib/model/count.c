/* SPDX-License-Identifier: BSD-3-Clause */

/* What nodes and services have counted since they have their indices: others may have had them before. */

#include "model/inside.h"

static uint64_t read_word(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

void sl_count_node_all(const struct sl_model *model, uint32_t index, struct sl_node_stats *sum)
{
	*sum = (struct sl_node_stats){0};
	for (uint32_t c = 0; c < model->options.core_count; c++) {
		const struct sl_node_stats *node = &model->options.cores[c]->nodes[index];

		sum->packets += read_word(&node->packets);
		sum->bytes += read_word(&node->bytes);
		sum->flows_started += read_word(&node->flows_started);
		sum->queue_dropped += read_word(&node->queue_dropped);
	}
}

void sl_count_node(const struct sl_model *model, uint32_t index, struct sl_node_stats *stats)
{
	const struct sl_node_stats *base = &model->nodes[index].base;

	sl_count_node_all(model, index, stats);
	stats->packets -= base->packets;
	stats->bytes -= base->bytes;
	stats->flows_started -= base->flows_started;
	stats->queue_dropped -= base->queue_dropped;
}

void sl_count_service_all(const struct sl_model *model, uint32_t index,
			  struct sl_service_counts *sum)
{
	*sum = (struct sl_service_counts){0};
	for (uint32_t c = 0; c < model->options.core_count; c++) {
		const struct sl_service_stats *one = &model->options.cores[c]->services[index];
		const struct sl_service_extra *extra = &model->options.cores[c]->extras[index];

		sum->stats.packets += read_word(&one->packets);
		sum->stats.bytes += read_word(&one->bytes);
		sum->extra.flows_started += read_word(&extra->flows_started);
		for (uint32_t d = 0; d < SL_DROP_COUNT; d++)
			sum->extra.dropped[d] += read_word(&extra->dropped[d]);
	}
}

void sl_count_service(const struct sl_model *model, uint32_t index,
		      struct sl_service_counts *counts)
{
	const struct sl_service_counts *base = &model->services[index].base;

	sl_count_service_all(model, index, counts);
	counts->stats.packets -= base->stats.packets;
	counts->stats.bytes -= base->stats.bytes;
	counts->extra.flows_started -= base->extra.flows_started;
	for (uint32_t d = 0; d < SL_DROP_COUNT; d++)
		counts->extra.dropped[d] -= base->extra.dropped[d];
}
