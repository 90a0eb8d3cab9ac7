/* SPDX-License-Identifier: BSD-3-Clause */

#include "carry/carry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "carry/carried.h"
#include "keep/record_op.h"
#include "model/schedule.h"
#include "sched/sched.h"
#include "state/slots.h"

#define TOLD_TIMES 4u /* so many idle timeouts of records are looked at */

/* A slot as the records tell it; nodes by their index in the past. */
struct slot {
	uint32_t owner, prior; /* prior 0: settled */
	uint64_t opened_ms;    /* wall clock */
};

/* A pool that may have open slots. */
struct told_pool {
	char name[SL_NAME_SIZE];
	struct slot *slots;
	uint32_t count; /* 0: not met */
	bool moves;	/* in the records that are looked at */
};

/* A node of the past. */
struct told_node {
	const struct sl_conf_node *conf; /* a reference; NULL: not met */
	uint32_t number;		 /* in what is carried; 0: none */
	uint32_t asked;			 /* the visit in which keeps was found out */
	bool keeps;			 /* live flows stay with it */
};

struct tale {
	const struct sl_model *model;
	const struct sl_history *history;
	uint32_t place;		 /* of the record that is told next */
	struct told_pool *pools; /* pool_count, as listed in the model's image */
	uint32_t pool_count;
	struct sl_told_services *services;
	uint32_t index_next;	 /* of the past: goes back when it is numbered anew */
	struct told_node *nodes; /* SL_NODE_INDEX_MAX, by index */
	uint32_t visit;		 /* of a pool at a record */
	uint64_t wall_ms;	 /* now */
	bool failed;		 /* no memory */
};

/* ---- what the records tell ------------------------------------------------------------------- */

static void forget_pool(struct told_pool *pool)
{
	free(pool->slots);
	pool->slots = NULL;
	pool->count = 0;
}

/* Indices mean other nodes from now on: what was told before is lost. */
static void forget(struct tale *tale)
{
	for (uint32_t p = 0; p < tale->pool_count; p++)
		forget_pool(&tale->pools[p]);
	for (uint32_t i = 0; i < SL_NODE_INDEX_MAX; i++) {
		sl_node_conf_put(tale->nodes[i].conf);
		tale->nodes[i].conf = NULL;
	}
}

static void meet_nodes(struct tale *tale, const struct sl_image_pool *pool)
{
	tale->visit++;
	for (uint32_t n = 0; n < pool->node_count; n++) {
		struct told_node *node = &tale->nodes[pool->nodes[n].index];

		if (!node->conf)
			node->conf = sl_node_conf_get(pool->nodes[n].conf);
		node->asked = tale->visit;
		node->keeps = sl_image_node_keeps(&pool->nodes[n]);
	}
}

/* Whether live flows stay with a node of the pool that is visited. */
static bool keeps(struct tale *tale, const struct sl_past *past, const char *pool, uint32_t index)
{
	struct told_node *node = &tale->nodes[index];

	if (node->asked != tale->visit) {
		node->asked = tale->visit;
		node->keeps =
			node->conf && sl_gone_keeps(&past->gone, pool, node->conf->name, index);
	}
	return node->keeps;
}

/* Room for count slots; of more than there were, each is several. */
static bool resize(struct told_pool *told, uint32_t count)
{
	uint32_t before = count >= told->count ? told->count : 0;
	struct slot *slots = calloc(count, sizeof(*slots));

	for (uint32_t s = 0; slots && before && s < count; s++)
		slots[s] = told->slots[(uint64_t)s * before / count];
	forget_pool(told);
	told->slots = slots;
	told->count = slots ? count : 0;
	return slots;
}

static uint64_t age_ms(const struct tale *tale, uint64_t at_ms)
{
	return tale->wall_ms > at_ms ? tale->wall_ms - at_ms : 0;
}

static uint64_t open_ms(const struct sl_conf_pool *conf)
{
	return sl_build_idle_ms(conf) + SL_SETTLE_MARGIN_MS;
}

static bool is_open(const struct slot *slot, uint64_t wall_ms, uint64_t open_for_ms)
{
	return slot->prior && wall_ms < slot->opened_ms + open_for_ms;
}

/* As next_state() of state/slots.c: one that moves while it is open keeps the node before, and its time;
 * where it comes back to it, or that one has lost its flows, nothing is open. */
static void tell_slot(struct tale *tale, const struct sl_past *past, const char *pool,
		      struct slot *slot, uint32_t to, uint64_t wall_ms, uint64_t open_for_ms)
{
	if (slot->owner != to && !is_open(slot, wall_ms, open_for_ms)) {
		slot->prior = slot->owner;
		slot->opened_ms = wall_ms;
	} else if (slot->owner != to && slot->prior == to) {
		slot->prior = 0;
	}
	slot->owner = to;
	if (slot->prior && !keeps(tale, past, pool, slot->prior))
		slot->prior = 0;
}

static bool tell_table(struct tale *tale, struct told_pool *told, const struct sl_past *past,
		       const struct sl_image_pool *pool, uint64_t wall_ms)
{
	const struct sl_table *target = pool->target;
	bool is_first = told->count == 0 || target->count < told->count;
	uint64_t open_for_ms = open_ms(&pool->conf);

	meet_nodes(tale, pool);
	if (told->count != target->count && !resize(told, target->count))
		return false;
	for (uint32_t s = 0; s < target->count; s++)
		if (is_first)
			told->slots[s].owner = target->word[s];
		else
			tell_slot(tale, past, told->name, &told->slots[s], target->word[s], wall_ms,
				  open_for_ms);
	return true;
}

/* By the table that packets went by: slots of those that drained or were disabled are lent. */
static bool tell_pool(struct tale *tale, struct told_pool *told, const struct sl_past *past,
		      const struct sl_image_pool *pool, uint64_t wall_ms)
{
	struct sl_image_pool *lent = sl_image_pool_copy(pool);
	bool done = lent && sl_schedule_target(lent) == 0 &&
		    tell_table(tale, told, past, lent, wall_ms);

	sl_image_pool_put(lent);
	return done;
}

/* Changes of one turn of the control loop are published as one: no packet saw what was between them. */
static bool was_published(const struct tale *tale, uint32_t place,
			  const struct sl_history_line *line)
{
	struct sl_history_line next;

	if (place + 1 >= sl_history_count(tale->history))
		return true;
	sl_history_line(tale->history, place + 1, &next);
	return next.wall_ms != line->wall_ms;
}

static void on_record(void *context, const struct sl_past *past, const struct sl_history_line *line)
{
	struct tale *tale = context;
	bool published = was_published(tale, tale->place++, line);

	/* at a start ports and workers may be others */
	if (past->index_next < tale->index_next || strcmp(line->verb, "start") == 0)
		forget(tale);
	tale->index_next = past->index_next;
	if (published && sl_told_services_tell(tale->services, past->image, line->wall_ms))
		tale->failed = true;
	for (uint32_t p = 0; p < tale->pool_count && published && !tale->failed; p++) {
		struct told_pool *told = &tale->pools[p];
		int place = told->moves ? sl_image_find_pool(past->image, told->name) : -1;

		if (place < 0)
			forget_pool(told);
		else if (!tell_pool(tale, told, past, past->image->pools[place], line->wall_ms))
			tale->failed = true;
	}
}

static void mark_moved(void *context, const char *name, uint64_t slots)
{
	struct tale *tale = context;
	int place = slots ? sl_image_find_pool(tale->model->image, name) : -1;

	if (place >= 0 && (uint32_t)place < tale->pool_count)
		tale->pools[place].moves = true;
}

/* The first record to look at. Slots that were open within the longest idle timeout may have been open
 * at that for up to another one; that a slot moves back and forth for longer without a rest is rare.
 * Marks the pools that move since. */
static uint32_t first_record(struct tale *tale, const struct sl_history *history)
{
	uint32_t place = sl_history_count(history) - 1;
	struct sl_history_line line;
	uint64_t longest_ms = 0;

	for (uint32_t p = 0; p < tale->pool_count; p++)
		longest_ms = SL_MAX(longest_ms, open_ms(&tale->model->image->pools[p]->conf));
	for (; place > 0; place--) {
		sl_history_line(history, place, &line);
		if (line.wall_ms + TOLD_TIMES * longest_ms <= tale->wall_ms)
			break;
		sl_history_moved(history, place, mark_moved, tale);
	}
	return place;
}

/* ---- taking it up ---------------------------------------------------------------------------- */

static bool add_node(struct sl_carried_pool *pool, const struct sl_past *past,
		     const struct sl_conf *conf, const struct sl_conf_node *node, uint64_t since_ms)
{
	struct sl_carried_node *carried = &pool->nodes[pool->node_count++];
	struct sl_pack pack = {0};
	struct sl_unpack unpack;

	*carried = (struct sl_carried_node){.since_ms = since_ms, .why = "removed"};
	memcpy(carried->name, node->name, strnlen(node->name, SL_NAME_LENGTH_MAX));
	/* in this run's ports and workers */
	sl_past_write_node(&pack, past->image->conf, node);
	unpack = (struct sl_unpack){.at = pack.data, .end = pack.data + pack.size};
	if (!pack.failed)
		carried->is_fine =
			sl_past_read_node(&unpack, conf, carried->name, &carried->conf) == 0;
	sl_pack_fini(&pack);
	return carried->is_fine;
}

/* The pool's nodes now, and those that are gone but to whom open slots still lead: they come back as
 * leaving ones. Numbers them by their index in the past. */
static int number_nodes(struct tale *tale, const struct sl_past *past, struct sl_carried *carried,
			struct sl_carried_pool *pool, const struct told_pool *told)
{
	const struct sl_image_pool *then =
		past->image->pools[sl_image_find_pool(past->image, told->name)];
	const struct sl_conf *conf = tale->model->image->conf;
	uint64_t open_for_ms = open_ms(&pool->conf);

	pool->nodes = calloc((size_t)then->node_count + told->count + 1, sizeof(*pool->nodes));
	if (!pool->nodes)
		return -ENOMEM;
	pool->node_first = carried->node_count;
	for (uint32_t n = 0; n < then->node_count; n++) {
		struct told_node *node = &tale->nodes[then->nodes[n].index];

		(void)add_node(pool, past, conf, then->nodes[n].conf, then->nodes[n].since_ms);
		pool->nodes[n].cut = !sl_image_node_keeps(&then->nodes[n]);
		node->number = pool->node_first + pool->node_count;
	}
	for (uint32_t s = 0; s < told->count; s++) {
		struct told_node *prior = &tale->nodes[told->slots[s].prior];

		if (!is_open(&told->slots[s], tale->wall_ms, open_for_ms) || prior->number)
			continue;
		if (add_node(pool, past, conf, prior->conf,
			     sl_carried_before(carried, age_ms(tale, told->slots[s].opened_ms))))
			prior->number = pool->node_first + pool->node_count;
	}
	carried->node_count += pool->node_count;
	return 0;
}

/* Whom live flows of a slot are at, and since when others get new ones; 0: the slot is settled. One
 * that the file took from its owner has just left it. */
static uint32_t prior_of(const struct tale *tale, const struct slot *slot,
			 const struct sl_carried_pool *pool, uint64_t *opened_ms)
{
	bool open = is_open(slot, tale->wall_ms, open_ms(&pool->conf));

	*opened_ms = open ? slot->opened_ms : tale->wall_ms;
	return tale->nodes[open ? slot->prior : slot->owner].number;
}

/* Slots of the pool whose node is not whom their flows are at, by number in carried->open. */
static int list_open(const struct tale *tale, const struct sl_carried *carried,
		     struct sl_carried_pool *pool, const struct told_pool *told)
{
	const struct sl_slot_table *table = tale->model->pools[pool->index].slots;
	uint64_t open_for_ms = open_ms(&pool->conf);

	pool->slot_count = table->count;
	pool->open = calloc(table->count, sizeof(*pool->open));
	pool->refused_ms = calloc(table->count, sizeof(*pool->refused_ms));
	if (!pool->open || !pool->refused_ms)
		return -ENOMEM;
	for (uint32_t s = 0; s < table->count; s++) {
		const struct slot *slot = &told->slots[(uint64_t)s * told->count / table->count];
		struct sl_open_slot *open = &pool->open[pool->open_count];
		uint64_t opened_ms;
		uint32_t number = prior_of(tale, slot, pool, &opened_ms);
		uint32_t prior = sl_carried_index(carried, number);

		if ((table->word[s] & SL_SLOT_OPEN) || prior == SL_NODE_NOBODY ||
		    prior == (table->word[s] & SL_SLOT_NODE) ||
		    !(sl_snapshot_node_flags(tale->model->snapshot, prior) & SL_NODE_KEEPS))
			continue;
		*open = (struct sl_open_slot){
			.node = table->word[s] & SL_SLOT_NODE,
			.lent = table->word[s] & SL_SLOT_LENT,
			.prior = prior,
			.slot = s,
			.moved_at_ms = sl_carried_before(carried, age_ms(tale, opened_ms)),
			.open_until_ms = carried->now_ms + open_for_ms - age_ms(tale, opened_ms),
			.since_ms = carried->now_ms,
		};
		pool->open_count++;
	}
	return 0;
}

static int open_slots(struct sl_model *model, const struct sl_carried *carried,
		      const struct sl_carried_pool *pool)
{
	const struct sl_slot_table *before = model->pools[pool->index].slots;
	struct sl_slot_table *made;
	int rc = sl_slot_table_create(before->count, pool->open_count, &made);

	if (rc)
		return rc;
	memcpy(made->word, before->word, before->count * sizeof(*made->word));
	for (uint32_t i = 0; i < pool->open_count; i++) {
		made->open[i] = pool->open[i];
		made->word[pool->open[i].slot] = SL_SLOT_OPEN | i;
	}
	return sl_carried_put_slots(model, carried, pool, made);
}

/* Pools of the present that the records tell of, with their nodes. */
static int carry_pools(struct tale *tale, const struct sl_past *past, struct sl_carried *carried)
{
	const struct sl_image *image = tale->model->image;
	int rc = 0;

	carried->pools = calloc(tale->pool_count + 1, sizeof(*carried->pools));
	if (!carried->pools)
		return -ENOMEM;
	for (uint32_t p = 0; p < tale->pool_count && rc == 0; p++) {
		struct sl_carried_pool *pool = &carried->pools[carried->pool_count];
		const struct told_pool *told = &tale->pools[p];

		if (told->count == 0)
			continue;
		carried->pool_count++;
		memcpy(pool->name, told->name, strnlen(told->name, SL_NAME_LENGTH_MAX));
		pool->conf = image->pools[p]->conf;
		pool->conf.health = (struct sl_conf_health){0};
		pool->conf.nodes = NULL;
		pool->conf.node_count = 0;
		rc = number_nodes(tale, past, carried, pool, told);
	}
	return rc;
}

static const struct told_pool *told_of(const struct tale *tale, const char *name)
{
	const struct told_pool *told = tale->pools;

	while (strcmp(told->name, name) != 0)
		told++;
	return told;
}

static int64_t take_up(struct sl_model *model, struct tale *tale, const struct sl_past *past)
{
	struct sl_carried carried = {.now_ms = model->options.now_ms()};
	int64_t open = 0;
	int rc = carry_pools(tale, past, &carried);

	if (rc == 0)
		rc = sl_carry_back(model, &carried);
	for (uint32_t p = 0; p < carried.pool_count && rc == 0; p++) {
		struct sl_carried_pool *pool = &carried.pools[p];

		rc = list_open(tale, &carried, pool, told_of(tale, pool->name));
		if (rc == 0 && pool->open_count > 0)
			rc = open_slots(model, &carried, pool);
		open += pool->open_count;
	}
	sl_carried_fini(&carried);
	if (rc == 0)
		open += sl_told_services_take_up(model, tale->services, tale->wall_ms);
	if (rc == 0 && open > 0) {
		model->dirty = true;
		rc = sl_model_flush(model, NULL);
	}
	return rc ? rc : open;
}

static bool may_open(const struct sl_image_pool *pool)
{
	return sl_build_tracking(&pool->conf) != SL_TRACKING_NONE &&
	       sl_sched_fills_slots(pool->conf.scheduler);
}

int64_t sl_carry_reopen(struct sl_model *model, const struct sl_history *history)
{
	const struct sl_image *image = model->image;
	struct tale tale = {
		.model = model, .history = history, .wall_ms = model->options.wall_ms()};
	struct sl_past past;
	int64_t open = 0;
	uint32_t first;

	tale.pool_count = image->listed_count;
	tale.pools = calloc(tale.pool_count + 1, sizeof(*tale.pools));
	tale.nodes = calloc(SL_NODE_INDEX_MAX, sizeof(*tale.nodes));
	tale.services = sl_told_services_create(model);
	if (!tale.pools || !tale.nodes || !tale.services) {
		open = -ENOMEM;
		tale.pool_count = 0;
	}
	for (uint32_t p = 0; p < tale.pool_count; p++)
		memcpy(tale.pools[p].name, image->pools[p]->name, sizeof(tale.pools[p].name));
	first = open == 0 ? first_record(&tale, history) : 0;
	tale.place = first;
	for (uint32_t p = 0; p < tale.pool_count; p++)
		tale.pools[p].moves &= may_open(image->pools[p]);
	if (open == 0)
		open = sl_history_walk(history, first, on_record, &tale, &past);
	if (open == 0) {
		open = tale.failed ? -ENOMEM : take_up(model, &tale, &past);
		sl_past_fini(&past);
	}
	if (tale.pools && tale.nodes)
		forget(&tale);
	sl_told_services_destroy(tale.services);
	free(tale.pools);
	free(tale.nodes);
	return open;
}
