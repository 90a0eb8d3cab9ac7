/* SPDX-License-Identifier: BSD-3-Clause */

#include "carry/carry.h"

#include "carry/carried.h"
#include "keep/record_op.h"
#include "state/flow_table.h"
#include "state/pool_memory.h"

/* Node index -> number, over all pools that are carried (a table may name nodes of other pools, which
 * a service was at), or the index itself; 0: none of them. All zero between calls. */
static uint32_t number_of[SL_NODE_INDEX_MAX];

bool sl_carried_takes(const struct sl_model *model, uint32_t place)
{
	uint32_t index = model->image->pools[place]->index;

	return index < model->snapshot->pool_count && model->snapshot->pools[index].words &&
	       model->snapshot->pools[index].memory;
}

void sl_carried_number(const struct sl_model *model, enum sl_carried_numbers numbers)
{
	uint32_t number = 0;

	for (uint32_t p = 0; p < model->image->pool_count; p++) {
		const struct sl_image_pool *pool = model->image->pools[p];

		for (uint32_t n = 0; sl_carried_takes(model, p) && n < pool->node_count; n++) {
			uint32_t index = pool->nodes[n].index;

			number++;
			number_of[index] = numbers == SL_CARRIED_ORDER	 ? number
					   : numbers == SL_CARRIED_INDEX ? index
									 : 0;
		}
	}
}

static uint64_t ago(uint64_t now_ms, uint64_t at_ms)
{
	return now_ms > at_ms ? now_ms - at_ms : 0;
}

void sl_carried_write_past(struct sl_pack *pack, uint64_t now_ms, uint64_t at_ms)
{
	sl_pack_number(pack, at_ms ? 1 + ago(now_ms, at_ms) : 0);
}

void sl_carried_write_until(struct sl_pack *pack, uint64_t now_ms, uint64_t until_ms)
{
	sl_pack_number(pack, ago(until_ms, now_ms));
	sl_pack_number(pack, ago(now_ms, until_ms));
}

/* ---- pools and nodes ------------------------------------------------------------------------- */

static void write_nodes(struct sl_pack *pack, const struct sl_model *model, uint32_t place)
{
	const struct sl_image_pool *pool = model->image->pools[place];

	sl_pack_number(pack, pool->node_count);
	for (uint32_t n = 0; n < pool->node_count; n++) {
		const struct sl_image_node *node = &pool->nodes[n];

		sl_pack_text(pack, node->name);
		sl_pack_number(pack, node->leaving);
		sl_pack_number(pack, node->cut || !sl_image_node_keeps(node));
		sl_pack_number(pack, node->since_ms);
		sl_pack_text(pack, node->why);
		sl_past_write_node(pack, model->image->conf, node->conf);
	}
}

static void write_pool_conf(struct sl_pack *pack, const struct sl_conf_pool *conf)
{
	sl_pack_number(pack, conf->scheduler);
	sl_pack_number(pack, conf->slots);
	sl_pack_number(pack, conf->tracking);
	sl_pack_number(pack, conf->hash);
	sl_pack_number(pack, conf->symmetric);
	sl_pack_number(pack, conf->no_node);
	sl_pack_number(pack, conf->idle_ms_tcp);
	sl_pack_number(pack, conf->idle_ms_udp);
	sl_pack_number(pack, conf->idle_ms_other);
	sl_pack_number(pack, conf->flow_entries);
	sl_pack_number(pack, conf->outer_df);
	sl_pack_number(pack, conf->oversize);
	sl_pack_number(pack, conf->udp6_checksum);
}

/* ---- slots ----------------------------------------------------------------------------------- */

/* When a core could not enter a flow last. */
static uint64_t refused_ms(const struct sl_pool_view *view, uint32_t slot)
{
	uint32_t last = 0;

	for (uint32_t c = 0; c < view->memory->core_count; c++)
		last = SL_MAX(last, view->stamps[c][slot >> view->stamp_shift].refused);
	return (uint64_t)last << SL_TICK_SHIFT;
}

static void write_open_slot(struct sl_pack *pack, const struct sl_pool_view *view,
			    const struct sl_open_slot *open, uint64_t now_ms)
{
	sl_pack_number(pack, open->slot);
	sl_pack_number(pack, number_of[open->prior]);
	sl_carried_write_until(pack, now_ms, open->open_until_ms);
	sl_pack_number(pack, ago(now_ms, open->moved_at_ms));
	sl_carried_write_past(pack, now_ms, open->since_ms);
	sl_carried_write_past(pack, now_ms, refused_ms(view, open->slot));
}

/* Open slots come in the order of slots. */
static void write_slots(struct sl_pack *pack, const struct sl_pool_view *view, uint64_t now_ms)
{
	const struct sl_slot_table *slots = view->slots;

	sl_pack_number(pack, slots->count);
	for (uint32_t s = 0; s < slots->count; s++) {
		uint32_t word = slots->word[s];

		if (word & SL_SLOT_OPEN) {
			const struct sl_open_slot *open = &slots->open[word & SL_SLOT_NODE];

			word = open->node | open->lent;
		}
		sl_pack_number(pack, (uint64_t)number_of[word & SL_SLOT_NODE] * 2 +
					     ((word & SL_SLOT_LENT) != 0));
	}
	sl_pack_number(pack, slots->open_count);
	for (uint32_t s = 0; s < slots->count; s++)
		if (slots->word[s] & SL_SLOT_OPEN)
			write_open_slot(pack, view, &slots->open[slots->word[s] & SL_SLOT_NODE],
					now_ms);
}

void sl_carried_write_pool(struct sl_pack *pack, const struct sl_model *model, uint32_t place,
			   uint64_t now_ms)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	const struct sl_body_pool *body = &model->pools[pool->index];
	const struct sl_pool_view *view = &model->snapshot->pools[pool->index];
	struct sl_flow_clock clock;

	sl_pack_text(pack, pool->name);
	sl_pack_number(pack, pool->leaving);
	write_pool_conf(pack, &pool->conf);
	write_nodes(pack, model, place);
	sl_pack_number(pack, body->tracking);
	sl_pack_number(pack, body->picks);
	sl_pack_number(pack, body->idle_ms);
	sl_carried_write_past(pack, now_ms, body->full_since_ms);
	sl_carried_write_past(pack, now_ms, view->entries_since_ms);
	sl_flow_clock_init(&clock, view, now_ms);
	for (uint32_t i = 0; i < SL_CARRIED_LIVES; i++)
		sl_pack_number(pack, clock.life[i]);
	write_slots(pack, view, now_ms);
}

/* ---- flows ----------------------------------------------------------------------------------- */

static void write_flows(struct sl_pack *pack, const struct sl_flow_table *table,
			const struct sl_flow_clock *clock)
{
	uint32_t capacity = sl_flow_table_capacity(table);
	struct sl_flow_entry entry;

	for (uint32_t i = 0; i < capacity; i++) {
		uint32_t node;

		if (!sl_flow_table_at(table, i, &entry) || !sl_flow_counts(clock, entry.word))
			continue;
		node = number_of[sl_flow_node(entry.word)];
		if (!node)
			continue;
		sl_pack_number(pack, node);
		sl_pack_number(pack, entry.tag);
		sl_pack_number(pack, sl_flow_class(entry.word) | sl_flow_table_extra(table, i)
									 << SL_CARRIED_EXTRA);
		sl_pack_number(pack, sl_flow_kind(entry.word));
		sl_pack_number(pack, sl_flow_seq(entry.word));
		sl_pack_number(pack, sl_flow_age(clock, entry.word));
	}
	sl_pack_number(pack, 0);
}

/* The cores' tables, and those before them that are still read. */
static void write_tables(struct sl_pack *pack, const struct sl_pool_view *view, uint64_t now_ms)
{
	uint32_t count = view->flow_tables ? view->memory->table_count : 0;
	struct sl_flow_clock clock;

	sl_flow_clock_init(&clock, view, now_ms);
	sl_pack_number(pack, count);
	for (uint32_t t = 0; t < count; t++) {
		sl_pack_number(pack, t % view->memory->core_count);
		write_flows(pack, view->flow_tables[t], &clock);
	}
}

void sl_carry_write(const struct sl_model *model, struct sl_pack *pack)
{
	const struct sl_snapshot *snapshot = model->snapshot;
	const struct sl_image *image = model->image;
	uint64_t now_ms = model->options.now_ms();

	sl_carried_number(model, SL_CARRIED_ORDER);
	sl_pack_number(pack, SL_REST_FORM);
	sl_pack_number(pack, model->options.wall_ms());
	sl_pack_block(pack, &snapshot->flow_key, sizeof(snapshot->flow_key));
	for (uint32_t p = 0; p < image->pool_count; p++)
		if (sl_carried_takes(model, p)) {
			sl_pack_number(pack, 1);
			sl_carried_write_pool(pack, model, p, now_ms);
		}
	sl_pack_number(pack, 0);
	sl_carried_write_services(pack, model, now_ms);
	for (uint32_t p = 0; p < image->pool_count; p++)
		if (sl_carried_takes(model, p))
			write_tables(pack, &snapshot->pools[image->pools[p]->index], now_ms);
	sl_carried_number(model, SL_CARRIED_NONE);
}
