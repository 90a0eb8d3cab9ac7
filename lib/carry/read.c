/* SPDX-License-Identifier: BSD-3-Clause */

#include "carry/carry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "carry/carried.h"
#include "keep/record_op.h"
#include "state/flow_table.h"
#include "state/pool_memory.h"

/* ---- times ----------------------------------------------------------------------------------- */

/* So long before now, and the time in between. */
uint64_t sl_carried_before(const struct sl_carried *carried, uint64_t ms)
{
	uint64_t past = ms + carried->gap_ms;

	return carried->now_ms > past ? carried->now_ms - past : 1;
}

uint64_t sl_carried_read_past(struct sl_unpack *unpack, const struct sl_carried *carried)
{
	uint64_t ago = sl_unpack_number(unpack);

	return ago ? sl_carried_before(carried, ago - 1) : 0;
}

uint64_t sl_carried_read_until(struct sl_unpack *unpack, const struct sl_carried *carried)
{
	uint64_t left = sl_unpack_number(unpack), over = sl_unpack_number(unpack);

	return left > carried->gap_ms ? carried->now_ms + left - carried->gap_ms
				      : sl_carried_before(carried, over) + left;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Whether it can be a node's. */
static bool is_number(const struct sl_carried *carried, uint64_t number)
{
	return carried->numbers ? number < SL_NODE_INDEX_MAX : number <= carried->node_count;
}

/* A count of things of at least one octet each; room for them, or NULL. */
static void *read_room(struct sl_unpack *unpack, uint32_t *count, size_t size)
{
	uint64_t number = sl_unpack_number(unpack);

	*count = 0;
	if (number > (uint64_t)(unpack->end - unpack->at) || number > UINT32_MAX)
		unpack->failed = true;
	if (unpack->failed)
		return NULL;
	*count = (uint32_t)number;
	return calloc(number + 1, size);
}

static int read_nodes(struct sl_unpack *unpack, const struct sl_conf *conf,
		      struct sl_carried *carried, struct sl_carried_pool *pool)
{
	uint32_t count;

	pool->nodes = read_room(unpack, &count, sizeof(*pool->nodes));
	pool->node_first = carried->node_count;
	carried->node_count += count;
	if (!pool->nodes)
		return unpack->failed ? -EINVAL : -ENOMEM;
	for (uint32_t n = 0; n < count; n++) {
		struct sl_carried_node *node = &pool->nodes[pool->node_count++];
		const char *name = sl_unpack_text(unpack);

		memcpy(node->name, name, strnlen(name, SL_NAME_LENGTH_MAX));
		node->leaving = sl_unpack_number(unpack);
		node->cut = sl_unpack_number(unpack);
		node->since_ms = sl_unpack_number(unpack);
		node->why = sl_unpack_text(unpack);
		node->is_fine = sl_past_read_node(unpack, conf, name, &node->conf) == 0;
	}
	return unpack->failed ? -EINVAL : 0;
}

static bool is_slot_count(uint64_t count)
{
	return count >= SL_SLOTS_MIN && count <= SL_SLOTS_MAX && !(count & (count - 1));
}

static int read_pool_conf(struct sl_unpack *unpack, const struct sl_carried *carried,
			  struct sl_conf_pool *conf)
{
	conf->scheduler = (enum sl_scheduler)sl_unpack_number(unpack);
	conf->slots = (uint32_t)sl_unpack_number(unpack);
	conf->tracking = (enum sl_conf_tracking)sl_unpack_number(unpack);
	conf->hash = (enum sl_conf_hash)sl_unpack_number(unpack);
	conf->symmetric = sl_unpack_number(unpack);
	conf->no_node = (enum sl_no_node)sl_unpack_number(unpack);
	conf->idle_ms_tcp = (uint32_t)sl_unpack_number(unpack);
	conf->idle_ms_udp = (uint32_t)sl_unpack_number(unpack);
	conf->idle_ms_other = (uint32_t)sl_unpack_number(unpack);
	conf->flow_entries = (uint32_t)sl_unpack_number(unpack);
	conf->outer_df = (enum sl_conf_outer_df)sl_unpack_number(unpack);
	conf->oversize = (enum sl_conf_oversize)sl_unpack_number(unpack);
	if (carried->form >= SL_REST_FORM_UDP6)
		conf->udp6_checksum = (enum sl_conf_udp6)sl_unpack_number(unpack);
	return !unpack->failed && is_slot_count(conf->slots) ? 0 : -EINVAL;
}

static int read_open(struct sl_unpack *unpack, const struct sl_carried *carried,
		     struct sl_carried_pool *pool)
{
	uint32_t count;

	pool->open = read_room(unpack, &count, sizeof(*pool->open));
	pool->refused_ms = calloc((size_t)count + 1, sizeof(*pool->refused_ms));
	if (!pool->open || !pool->refused_ms)
		return unpack->failed ? -EINVAL : -ENOMEM;
	for (uint32_t i = 0; i < count && !unpack->failed; i++) {
		struct sl_open_slot *open = &pool->open[i];
		uint64_t slot = sl_unpack_number(unpack), prior = sl_unpack_number(unpack);

		if (slot >= pool->slot_count || !is_number(carried, prior) ||
		    (i > 0 && slot <= open[-1].slot))
			return -EINVAL;
		open->slot = (uint32_t)slot;
		open->prior = (uint32_t)prior;
		open->open_until_ms = sl_carried_read_until(unpack, carried);
		open->moved_at_ms = sl_carried_before(carried, sl_unpack_number(unpack));
		open->since_ms = sl_carried_read_past(unpack, carried);
		pool->refused_ms[i] = sl_carried_read_past(unpack, carried);
	}
	pool->open_count = count;
	return unpack->failed ? -EINVAL : 0;
}

static int read_slots(struct sl_unpack *unpack, const struct sl_carried *carried,
		      struct sl_carried_pool *pool)
{
	pool->words = read_room(unpack, &pool->slot_count, sizeof(*pool->words));
	if (!pool->words)
		return unpack->failed ? -EINVAL : -ENOMEM;
	if (!is_slot_count(pool->slot_count))
		return -EINVAL;
	for (uint32_t s = 0; s < pool->slot_count; s++) {
		uint64_t word = sl_unpack_number(unpack);

		if (!is_number(carried, word / 2))
			return -EINVAL;
		pool->words[s] = (uint32_t)word;
	}
	return read_open(unpack, carried, pool);
}

static int read_pool(struct sl_unpack *unpack, const struct sl_conf *conf,
		     struct sl_carried *carried, struct sl_carried_pool *pool)
{
	const char *name = sl_unpack_text(unpack);
	int rc;

	memcpy(pool->name, name, strnlen(name, SL_NAME_LENGTH_MAX));
	memcpy(pool->conf.name, pool->name, sizeof(pool->conf.name));
	pool->leaving = sl_unpack_number(unpack);
	rc = read_pool_conf(unpack, carried, &pool->conf);
	if (rc == 0)
		rc = read_nodes(unpack, conf, carried, pool);
	if (rc)
		return rc;
	pool->tracking = (uint8_t)sl_unpack_number(unpack);
	pool->picks = sl_unpack_number(unpack);
	pool->idle_ms = sl_unpack_number(unpack);
	pool->full_since_ms = sl_carried_read_past(unpack, carried);
	pool->entries_since_ms = sl_carried_read_past(unpack, carried);
	for (uint32_t i = 0; i < SL_ARRAY_COUNT(pool->life); i++)
		pool->life[i] = (uint32_t)sl_unpack_number(unpack);
	return read_slots(unpack, carried, pool);
}

/* One more of the array that has doubled whenever it was full. */
static bool grow(void **array, uint32_t count, uint32_t *room, size_t size)
{
	void *more;

	if (count < *room)
		return true;
	more = realloc(*array, (2 * (size_t)*room + 16) * size);
	if (!more)
		return false;
	*array = more;
	*room = 2 * *room + 16;
	memset((char *)more + count * size, 0, (*room - count) * size);
	return true;
}

int sl_carried_read_pool(struct sl_unpack *unpack, const struct sl_conf *conf,
			 struct sl_carried *carried)
{
	void *pools = carried->pools;

	if (!grow(&pools, carried->pool_count, &carried->pool_room, sizeof(*carried->pools)))
		return -ENOMEM;
	carried->pools = pools;
	return read_pool(unpack, conf, carried, &carried->pools[carried->pool_count++]);
}

int sl_carried_read_services(struct sl_unpack *unpack, struct sl_carried *carried)
{
	int rc = 0;

	while (rc == 0 && sl_unpack_number(unpack) == 1) {
		void *services = carried->services;

		if (!grow(&services, carried->service_count, &carried->service_room,
			  sizeof(*carried->services)))
			return -ENOMEM;
		carried->services = services;
		rc = sl_carried_read_service(unpack, carried);
	}
	if (rc == 0 && carried->form >= SL_REST_FORM_SERVICES)
		rc = sl_carried_read_formers(unpack, carried);
	return rc ? rc : unpack->failed ? -EINVAL : 0;
}

static int read_heads(struct sl_unpack *unpack, const struct sl_conf *conf,
		      struct sl_carried *carried)
{
	int rc = 0;

	while (rc == 0 && sl_unpack_number(unpack) == 1)
		rc = sl_carried_read_pool(unpack, conf, carried);
	return rc ? rc : sl_carried_read_services(unpack, carried);
}

/* ---- taking up ------------------------------------------------------------------------------- */

/* The slots as they were, in the indices of this run. */
static int restore_slots(const struct sl_carried *carried, const struct sl_carried_pool *pool,
			 struct sl_slot_table **table)
{
	struct sl_slot_table *made;
	int rc = sl_slot_table_create(pool->slot_count, pool->open_count, &made);

	if (rc)
		return rc;
	for (uint32_t s = 0; s < pool->slot_count; s++)
		made->word[s] = sl_carried_index(carried, pool->words[s] / 2) |
				(pool->words[s] % 2 ? SL_SLOT_LENT : 0);
	for (uint32_t i = 0; i < pool->open_count; i++) {
		struct sl_open_slot *open = &made->open[i];
		uint32_t word = made->word[pool->open[i].slot];

		*open = pool->open[i];
		open->node = word & SL_SLOT_NODE;
		open->lent = word & SL_SLOT_LENT;
		open->prior = sl_carried_index(carried, pool->open[i].prior);
		made->word[open->slot] = SL_SLOT_OPEN | i;
	}
	*table = made;
	return 0;
}

/* What cores had stamped is not known: as if it had been now. */
static void restore_stamps(const struct sl_carried *carried, const struct sl_carried_pool *pool,
			   const struct sl_pool_memory *memory)
{
	uint32_t coarse = SL_MAX(pool->slot_count / memory->slot_count, 1u);
	uint32_t fine = SL_MAX(memory->slot_count / pool->slot_count, 1u);

	for (uint32_t i = 0; i < pool->open_count; i++)
		for (uint32_t part = 0; part < fine; part++) {
			uint32_t stamp = pool->open[i].slot / coarse * fine + part;

			memory->stamps[0][stamp].away = sl_tick(carried->now_ms);
			if (pool->refused_ms[i])
				memory->stamps[0][stamp].refused = sl_tick(pool->refused_ms[i]);
		}
}

int sl_carried_put_slots(struct sl_model *model, const struct sl_carried *carried,
			 const struct sl_carried_pool *pool, struct sl_slot_table *slots)
{
	struct sl_body_pool *body = &model->pools[pool->index];
	struct sl_image_pool *built = sl_image_pool_create(&pool->conf, 0);

	if (!built) {
		sl_slot_table_put(slots);
		return -ENOMEM;
	}
	built->target = sl_table_get(body->built->target);
	sl_image_pool_put(body->built);
	body->built = built;
	sl_slot_table_put(body->slots);
	body->slots = slots;
	restore_stamps(carried, pool, body->memory);
	return 0;
}

static int restore_pool(struct sl_model *model, const struct sl_carried *carried,
			const struct sl_carried_pool *pool)
{
	struct sl_body_pool *body = &model->pools[pool->index];
	struct sl_slot_table *slots = NULL;
	int rc = restore_slots(carried, pool, &slots);

	if (rc == 0)
		rc = sl_carried_put_slots(model, carried, pool, slots);
	if (rc)
		return rc;
	body->tracking = pool->tracking;
	body->picks = pool->picks;
	body->idle_ms = pool->idle_ms;
	body->full_since_ms = pool->full_since_ms;
	model->snapshot->pools[pool->index].entries_since_ms = pool->entries_since_ms;
	return 0;
}

int sl_carried_restore(struct sl_model *model, struct sl_carried *carried)
{
	int rc = sl_carry_back(model, carried);

	for (uint32_t p = 0; p < carried->pool_count && rc == 0; p++)
		if (carried->pools[p].found)
			rc = restore_pool(model, carried, &carried->pools[p]);
	if (rc == 0)
		rc = sl_carried_restore_services(model, carried);
	model->dirty = true;
	return rc ? rc : sl_model_flush(model, NULL);
}

/* ---- flows ----------------------------------------------------------------------------------- */

/* The entry that the octets say, or 0: it is too old, or its node is no more. */
static uint64_t read_word(struct sl_unpack *unpack, const struct sl_carried *carried,
			  const struct sl_carried_pool *pool, const struct sl_flow_clock *clock,
			  uint64_t number, uint32_t *extra)
{
	uint64_t head = sl_unpack_number(unpack), kind = sl_unpack_number(unpack);
	uint64_t class = head % (1u << SL_CARRIED_EXTRA);
	uint64_t seq = sl_unpack_number(unpack), age = sl_unpack_number(unpack);
	uint32_t node;
	uint64_t word;

	if (number > carried->node_count || class > SL_FLOW_UDP || kind > SL_FLOW_STRANGER ||
	    kind % SL_FLOW_ODD == SL_FLOW_FREE || seq > UINT16_MAX ||
	    head >> SL_CARRIED_EXTRA >= SL_FLOW_WEIGHT_MAX) {
		unpack->failed = true;
		return 0;
	}
	*extra = (uint32_t)(head >> SL_CARRIED_EXTRA);
	age += carried->gap_ms >> SL_TICK_SHIFT;
	node = sl_carried_index(carried, (uint32_t)number);
	if (!clock || node == SL_NODE_NOBODY || age > SL_FLOW_TICK_MASK / 2)
		return 0;
	word = sl_flow_word(node, (enum sl_flow_class) class, (enum sl_flow_kind)kind,
			    (uint16_t)seq, (clock->now - (uint32_t)age) & SL_FLOW_TICK_MASK);
	/* an idle timeout that was raised meanwhile brings nothing back */
	if ((kind != SL_FLOW_AGAIN && age > pool->life[sl_flow_sort(word) % SL_CARRIED_LIVES]) ||
	    !sl_flow_counts(clock, word))
		return 0;
	return word;
}

/* Flows of several tables may come to one: what was used last counts. */
bool sl_carried_take_flow(struct sl_flow_table *table, const struct sl_flow_clock *clock,
			  uint64_t tag, uint64_t word, uint32_t extra)
{
	struct sl_flow_entry *entry = sl_flow_table_find(table, tag);

	if (entry && sl_flow_age(clock, entry->word) <= sl_flow_age(clock, word))
		return false;
	if (!entry)
		return sl_flow_table_enter_heavy(table, clock, tag, word, extra);
	sl_flow_table_write(table, entry, tag, word);
	return true;
}

static int64_t read_flows(struct sl_unpack *unpack, const struct sl_model *model,
			  const struct sl_carried *carried, const struct sl_carried_pool *pool)
{
	const struct sl_pool_view *view = pool->found ? &model->snapshot->pools[pool->index] : NULL;
	uint64_t tables = sl_unpack_number(unpack), number;
	struct sl_flow_clock clock;
	int64_t taken = 0;

	if (view && !view->flow_tables)
		view = NULL;
	if (view)
		sl_flow_clock_init(&clock, view, carried->now_ms);
	for (uint64_t t = 0; t < tables && !unpack->failed; t++) {
		uint64_t core = sl_unpack_number(unpack);

		while ((number = sl_unpack_number(unpack)) > 0 && !unpack->failed) {
			uint64_t tag = sl_unpack_number(unpack);
			uint32_t extra = 0;
			uint64_t word = read_word(unpack, carried, pool, view ? &clock : NULL,
						  number, &extra);

			if (word && !unpack->failed)
				taken += sl_carried_take_flow(
					view->flow_tables[core % view->memory->core_count], &clock,
					tag, word, extra);
		}
	}
	return unpack->failed ? -EINVAL : taken;
}

int64_t sl_carry_read(struct sl_model *model, const struct sl_pack *pack)
{
	struct sl_unpack unpack = {.at = pack->data, .end = pack->data + pack->size};
	uint64_t form = sl_unpack_number(&unpack);
	uint64_t written_ms = sl_unpack_number(&unpack), wall_ms = model->options.wall_ms();
	struct sl_carried carried = {.form = form,
				     .now_ms = model->options.now_ms(),
				     .gap_ms = wall_ms > written_ms ? wall_ms - written_ms : 0};
	size_t key_size;
	const uint8_t *key = sl_unpack_block(&unpack, &key_size);
	int64_t taken = 0, more;

	if (!sl_rest_is_known(form) || !key || key_size != sizeof(model->snapshot->flow_key))
		return -EINVAL;
	more = read_heads(&unpack, model->image->conf, &carried);
	if (more == 0) {
		memcpy(&model->snapshot->flow_key, key, key_size);
		more = sl_carried_restore(model, &carried);
	}
	for (uint32_t p = 0; p < carried.pool_count && more >= 0; p++) {
		more = read_flows(&unpack, model, &carried, &carried.pools[p]);
		taken += more;
	}
	sl_carried_fini(&carried);
	return more < 0 ? more : taken;
}
