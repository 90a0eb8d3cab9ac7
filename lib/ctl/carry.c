/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/carry.h"

#include <errno.h>

#include "base/clock.h"
#include "ctl/body.h"
#include "state/flow_table.h"

/* Ticks and milliseconds that have passed since the octets were written. */
struct gap {
	uint64_t now_ms, ms;
};

/* ---- writing ------------------------------------------------------------------------------------
 */

/* Of the pool at hand: node index -> number in the list that stands before its slots and flows; 0:
 * none of the list. All zero between calls. */
static uint32_t number_of[SL_NODE_INDEX_MAX];

static void number_nodes(const struct sl_image_pool *pool, bool begin)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		number_of[pool->nodes[n].index] = begin && !pool->nodes[n].leaving ? n + 1 : 0;
}

static void write_names(struct sl_pack *pack, const struct sl_image_pool *pool)
{
	sl_pack_text(pack, pool->name);
	sl_pack_number(pack, pool->node_count);
	for (uint32_t n = 0; n < pool->node_count; n++)
		sl_pack_text(pack, pool->nodes[n].name);
}

static void write_open(struct sl_pack *pack, const struct sl_slot_table *slots, uint64_t now_ms)
{
	sl_pack_number(pack, slots->count);
	sl_pack_number(pack, slots->open_count);
	for (uint32_t i = 0; i < slots->open_count; i++) {
		const struct sl_open_slot *open = &slots->open[i];

		sl_pack_number(pack, open->slot);
		sl_pack_number(pack, number_of[open->node]);
		sl_pack_number(pack, number_of[open->prior]);
		sl_pack_number(pack,
			       open->open_until_ms > now_ms ? open->open_until_ms - now_ms : 0);
		sl_pack_number(pack, now_ms > open->moved_at_ms ? now_ms - open->moved_at_ms : 0);
	}
}

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
		sl_pack_number(pack, sl_flow_class(entry.word));
		sl_pack_number(pack, sl_flow_kind(entry.word));
		sl_pack_number(pack, sl_flow_seq(entry.word));
		sl_pack_number(pack, sl_flow_age(clock, entry.word));
	}
	sl_pack_number(pack, 0);
}

void sl_carry_write(const struct sl_model *model, struct sl_pack *pack)
{
	const struct sl_snapshot *snapshot = model->snapshot;
	uint64_t now_ms = model->options.now_ms();

	sl_pack_number(pack, model->options.wall_ms());
	sl_pack_block(pack, &snapshot->flow_key, sizeof(snapshot->flow_key));
	for (uint32_t p = 0; p < model->image->conf->pool_count; p++) {
		const struct sl_image_pool *pool = model->image->pools[p];
		const struct sl_pool_view *view = &snapshot->pools[pool->index];
		struct sl_flow_clock clock;

		if (pool->index >= snapshot->pool_count || !view->words || !view->flow_tables)
			continue;
		sl_pack_number(pack, 1);
		write_names(pack, pool);
		number_nodes(pool, true);
		write_open(pack, view->slots, now_ms);
		sl_flow_clock_init(&clock, view, now_ms);
		sl_pack_number(pack, view->memory->core_count);
		for (uint32_t c = 0; c < view->memory->core_count; c++)
			write_flows(pack, view->flow_tables[c], &clock);
		number_nodes(pool, false);
	}
	sl_pack_number(pack, 0);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

/* The list of names as indices of this run: 0 for nodes that are no more. */
static int read_names(struct sl_unpack *unpack, const struct sl_image_pool *pool,
		      uint32_t **indices, uint64_t *count)
{
	uint32_t *list;

	*count = sl_unpack_number(unpack);
	if (*count > (uint64_t)(unpack->end - unpack->at))
		return -EINVAL;
	list = calloc(*count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (uint64_t i = 0; i < *count; i++) {
		const char *name = sl_unpack_text(unpack);
		int place = pool ? sl_image_find_node(pool, name) : -1;

		list[i + 1] = place >= 0 ? pool->nodes[place].index : 0;
	}
	*indices = list;
	return 0;
}

/* The settled table with one more slot open; slots come in their order. */
static void open_slot(struct sl_slot_table *table, uint32_t slot, uint32_t prior,
		      uint64_t open_left_ms, uint64_t moved_ago_ms, uint64_t now_ms)
{
	uint32_t word = table->word[slot];
	struct sl_open_slot *open = &table->open[table->open_count];

	*open = (struct sl_open_slot){
		.node = word & SL_SLOT_NODE,
		.prior = prior,
		.open_until_ms = now_ms + open_left_ms,
		.moved_at_ms = now_ms > moved_ago_ms ? now_ms - moved_ago_ms : 0,
		.slot = slot,
		.lent = word & SL_SLOT_LENT,
	};
	table->word[slot] = SL_SLOT_OPEN | table->open_count++;
}

static int read_open(struct sl_unpack *unpack, struct sl_slot_table *table, const uint32_t *nodes,
		     uint64_t node_count, const struct gap *gap)
{
	uint64_t count = sl_unpack_number(unpack), open_count = sl_unpack_number(unpack);

	for (uint64_t i = 0; i < open_count && !unpack->failed; i++) {
		uint64_t slot = sl_unpack_number(unpack), node = sl_unpack_number(unpack);
		uint64_t prior = sl_unpack_number(unpack), left = sl_unpack_number(unpack);
		uint64_t ago = sl_unpack_number(unpack);

		if (slot >= count || node > node_count || prior > node_count)
			return -EINVAL;
		left = left > gap->ms ? left - gap->ms : 0;
		if (table && table->count == count && nodes[prior] &&
		    table->open_count < table->open_room && !(table->word[slot] & SL_SLOT_OPEN))
			open_slot(table, (uint32_t)slot, nodes[prior], left, ago + gap->ms,
				  gap->now_ms);
	}
	return unpack->failed ? -EINVAL : 0;
}

static int64_t read_flows(struct sl_unpack *unpack, const struct sl_pool_view *view, uint32_t core,
			  const uint32_t *nodes, uint64_t node_count, const struct gap *gap)
{
	struct sl_flow_clock clock;
	int64_t taken = 0;
	uint64_t number;

	if (view)
		sl_flow_clock_init(&clock, view, gap->now_ms);
	while ((number = sl_unpack_number(unpack)) > 0 && !unpack->failed) {
		uint64_t tag = sl_unpack_number(unpack), class = sl_unpack_number(unpack);
		uint64_t kind = sl_unpack_number(unpack), seq = sl_unpack_number(unpack);
		uint64_t age = sl_unpack_number(unpack) + (gap->ms >> SL_TICK_SHIFT);
		struct sl_flow_entry *entry;
		uint64_t word;

		if (number > node_count || class > SL_FLOW_UDP || kind > SL_FLOW_CLOSING ||
		    kind == SL_FLOW_FREE || seq > UINT16_MAX)
			return -EINVAL;
		if (!view || !nodes[number] || age > SL_FLOW_TICK_MASK / 2)
			continue;
		word = sl_flow_word(nodes[number], (enum sl_flow_class) class,
				    (enum sl_flow_kind)kind, (uint16_t)seq,
				    (clock.now - (uint32_t)age) & SL_FLOW_TICK_MASK);
		if (!sl_flow_counts(&clock, word))
			continue;
		entry = sl_flow_table_room(view->flow_tables[core], &clock, tag);
		if (entry)
			sl_flow_table_write(view->flow_tables[core], entry, tag, word);
		taken += entry != NULL;
	}
	return unpack->failed ? -EINVAL : taken;
}

/* A table like the pool's present one, with room for as many open slots as it has slots. */
static struct sl_slot_table *copy_table(const struct sl_slot_table *table)
{
	struct sl_slot_table *copy;

	if (table->open_count > 0 || sl_slot_table_create(table->count, table->count, &copy))
		return NULL;
	copy->open_count = 0;
	memcpy(copy->word, table->word, table->count * sizeof(*copy->word));
	return copy;
}

/* Nobody reads the snapshot yet. */
static void use_table(struct sl_model *model, struct sl_pool_view *view,
		      struct sl_slot_table *table)
{
	struct sl_body_pool *body = &model->pools[view->index];
	uint32_t now = sl_tick(model->options.now_ms());

	for (uint32_t i = 0; i < table->open_count; i++)
		for (uint32_t c = 0; c < view->memory->core_count; c++)
			view->memory->stamps[c][table->open[i].slot].away = now;
	sl_slot_table_put(body->slots);
	body->slots = sl_slot_table_get(table);
	sl_pool_view_set_slots(view, table);
}

static int64_t read_pool(struct sl_unpack *unpack, struct sl_model *model, const struct gap *gap)
{
	int p = sl_image_find_pool(model->image, sl_unpack_text(unpack));
	const struct sl_image_pool *pool = p >= 0 ? model->image->pools[p] : NULL;
	struct sl_pool_view *view = pool ? &model->snapshot->pools[pool->index] : NULL;
	struct sl_slot_table *table;
	uint64_t node_count, cores;
	uint32_t *nodes;
	int64_t taken = 0, more = 0;
	int rc = read_names(unpack, pool, &nodes, &node_count);

	if (rc)
		return rc;
	if (view && (!view->flow_tables || !view->memory))
		view = NULL;
	table = view ? copy_table(view->slots) : NULL;
	rc = read_open(unpack, table, nodes, node_count, gap);
	cores = sl_unpack_number(unpack);
	for (uint64_t c = 0; c < cores && rc == 0 && more >= 0; c++) {
		uint32_t core = view ? (uint32_t)(c % view->memory->core_count) : 0;

		more = read_flows(unpack, view, core, nodes, node_count, gap);
		taken += more;
	}
	free(nodes);
	if (table && rc == 0 && table->open_count > 0)
		use_table(model, view, table);
	else
		sl_slot_table_put(table);
	return rc ? rc : more < 0 ? more : taken;
}

int64_t sl_carry_read(struct sl_model *model, const struct sl_pack *pack)
{
	struct sl_unpack unpack = {.at = pack->data, .end = pack->data + pack->size};
	uint64_t written_ms = sl_unpack_number(&unpack), wall_ms = model->options.wall_ms();
	struct gap gap = {.now_ms = model->options.now_ms(),
			  .ms = wall_ms > written_ms ? wall_ms - written_ms : 0};
	size_t key_size;
	const uint8_t *key = sl_unpack_block(&unpack, &key_size);
	int64_t taken = 0, more = 0;

	if (!key || key_size != sizeof(model->snapshot->flow_key))
		return -EINVAL;
	memcpy(&model->snapshot->flow_key, key, key_size);
	while (more >= 0 && sl_unpack_number(&unpack) == 1) {
		more = read_pool(&unpack, model, &gap);
		taken += more;
	}
	return more < 0 ? more : unpack.failed ? -EINVAL : taken;
}
