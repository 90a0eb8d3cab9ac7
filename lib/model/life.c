/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/inside.h"
#include "state/pool_memory.h"

/* ---- giving out indices ---------------------------------------------------------------------- */

int sl_life_node_take(struct sl_edit *edit, uint32_t *index)
{
	struct sl_model *model = edit->model;

	if (edit->taken_count == edit->taken_room) {
		uint32_t room = edit->taken_room * 2 + 16;
		uint32_t *taken = realloc(edit->taken, room * sizeof(*taken));

		if (!taken)
			return -ENOMEM;
		edit->taken = taken;
		edit->taken_room = room;
	}
	for (uint32_t i = SL_MAX(model->node_hint, 1u); i < SL_NODE_INDEX_MAX; i++) {
		if (model->nodes[i].use != SL_USE_FREE)
			continue;
		memset(&model->nodes[i], 0, sizeof(model->nodes[i]));
		model->nodes[i].use = SL_USE_LIVE;
		sl_count_node_all(model, i, &model->nodes[i].base);
		model->node_hint = i + 1;
		edit->taken[edit->taken_count++] = i;
		*index = i;
		return 0;
	}
	return -ENOSPC;
}

int sl_life_pool_take(struct sl_edit *edit, uint32_t *index)
{
	for (uint32_t i = 0; i < SL_POOLS_MAX; i++) {
		if (edit->model->pools[i].use != SL_USE_FREE)
			continue;
		memset(&edit->model->pools[i], 0, sizeof(edit->model->pools[i]));
		edit->model->pools[i].use = SL_USE_TAKEN;
		edit->model->pool_end = SL_MAX(edit->model->pool_end, i + 1);
		*index = i;
		return 0;
	}
	return -ENOSPC;
}

int sl_life_service_take(struct sl_edit *edit, uint32_t *index)
{
	struct sl_body_service *services = edit->model->services;
	uint32_t i = 0;

	for (; services[i].use != SL_USE_FREE; i++)
		if (i + 1 == SL_SERVICES_MAX)
			return -ENOSPC;
	services[i] = (struct sl_body_service){.use = SL_USE_TAKEN,
					       .serial = ++edit->model->service_serial};
	sl_count_service_all(edit->model, i, &services[i].base);
	*index = i;
	return 0;
}

void sl_life_handler_close(struct sl_model *model, uint32_t index)
{
	if (model->nodes[index].handler)
		model->options.hooks.handler_destroy(model->options.hooks.context,
						     model->nodes[index].handler);
	model->nodes[index].handler = NULL;
}

static void node_free(struct sl_model *model, uint32_t index)
{
	struct sl_body_node *node = &model->nodes[index];

	sl_life_handler_close(model, index);
	memset(node, 0, sizeof(*node));
	if (index < model->node_hint)
		model->node_hint = index;
}

void sl_life_undo(struct sl_edit *edit)
{
	struct sl_model *model = edit->model;

	for (uint32_t i = 0; i < edit->taken_count; i++)
		node_free(model, edit->taken[i]);
	edit->taken_count = 0;
	for (uint32_t i = 0; i < SL_POOLS_MAX; i++) {
		sl_pool_memory_put(model->pools[i].fresh);
		model->pools[i].fresh = NULL;
		if (model->pools[i].use == SL_USE_TAKEN)
			model->pools[i].use = SL_USE_FREE;
	}
	for (uint32_t i = 0; i < SL_SERVICES_MAX; i++)
		if (model->services[i].use == SL_USE_TAKEN)
			model->services[i].use = SL_USE_FREE;
}

/* ---- what a new image needs ------------------------------------------------------------------ */

static int pool_begin(struct sl_edit *edit, uint32_t place)
{
	const struct sl_conf_pool *conf = &edit->image->pools[place]->conf;
	struct sl_body_pool *pool = &edit->model->pools[edit->image->pools[place]->index];
	bool tracks =
		conf->tracking != SL_CONF_TRACKING_NONE || !sl_sched_fills_slots(conf->scheduler);
	uint32_t entries = tracks ? conf->flow_entries : 0;
	int status = 0;

	if (!pool->memory)
		status = sl_pool_memory_create(edit->model->options.core_count, conf->slots,
					       entries, &pool->fresh);
	else if (pool->memory->flow_entries != entries)
		status = sl_pool_memory_derive(pool->memory, pool->memory->slot_count, entries,
					       &pool->fresh);
	if (status == 0 && conf->flow_addresses)
		status = sl_pool_memory_keep_addresses(pool->fresh ? pool->fresh : pool->memory);
	if (status < 0)
		return sl_err_set(edit->err, status,
				  "pool %s: no memory for flow_entries: %u on each receive core",
				  conf->name, conf->flow_entries);
	return 0;
}

int sl_life_handler_open(struct sl_edit *edit, uint32_t index, const char *pool,
			 const struct sl_conf_node *conf)
{
	const struct sl_model_hooks *hooks = &edit->model->options.hooks;
	void **handler = &edit->model->nodes[index].handler;

	if (conf->kind != SL_NODE_WORKER || *handler || !hooks->handler_create)
		return 0;
	return hooks->handler_create(hooks->context, index, pool, conf, handler, edit->err);
}

static int handlers_begin(struct sl_edit *edit, uint32_t place)
{
	const struct sl_image_pool *pool = edit->image->pools[place];

	for (uint32_t n = 0; n < pool->listed_count; n++) {
		const struct sl_image_node *node = &pool->nodes[n];
		int status = sl_life_handler_open(edit, node->index, pool->name, node->conf);

		if (status < 0) {
			sl_err_prefix(edit->err, "pool %s: node %s", pool->name, node->name);
			return status;
		}
	}
	return 0;
}

static bool is_shared(const struct sl_edit *edit, uint32_t place)
{
	return edit->image->pools[place]->references > 1;
}

int sl_life_begin(struct sl_edit *edit)
{
	int status = 0;

	for (uint32_t p = 0; p < edit->image->pool_count && status == 0; p++) {
		if (is_shared(edit, p))
			continue;
		status = pool_begin(edit, p);
		if (status == 0)
			status = handlers_begin(edit, p);
	}
	return status;
}

/* ---- what the image before had --------------------------------------------------------------- */

static void mark_nodes(struct sl_model *model, const struct sl_image *image, uint8_t mark)
{
	for (uint32_t p = 0; p < image->pool_count; p++)
		for (uint32_t n = 0; n < image->pools[p]->node_count; n++)
			model->seen[image->pools[p]->nodes[n].index] = mark;
}

static bool pool_is_in(const struct sl_image *image, uint32_t index)
{
	for (uint32_t p = 0; p < image->pool_count; p++)
		if (image->pools[p]->index == index)
			return true;
	return false;
}

static bool service_is_in(const struct sl_image *image, uint32_t index)
{
	for (uint32_t s = 0; s < image->service_count; s++)
		if (image->service_index[s] == index)
			return true;
	return false;
}

static int item_add(struct sl_model *model, struct sl_life_item **items, enum sl_life_kind kind,
		    uint32_t index)
{
	struct sl_life_item *item = calloc(1, sizeof(*item));

	if (!item)
		return -ENOMEM;
	item->model = model;
	item->kind = kind;
	item->index = index;
	item->next = *items;
	*items = item;
	return 0;
}

static int items_of_nodes(struct sl_edit *edit, struct sl_life_item **items)
{
	struct sl_model *model = edit->model;
	int status = 0;

	mark_nodes(model, edit->image, 1);
	for (uint32_t p = 0; p < edit->before->pool_count; p++) {
		const struct sl_image_pool *pool = edit->before->pools[p];

		for (uint32_t n = 0; n < pool->node_count && status == 0; n++)
			if (!model->seen[pool->nodes[n].index])
				status = item_add(model, items, SL_LIFE_NODE, pool->nodes[n].index);
	}
	mark_nodes(model, edit->image, 0);
	return status;
}

int sl_life_items(struct sl_edit *edit, struct sl_life_item **items)
{
	int status;

	*items = NULL;
	if (!edit->before)
		return 0;
	status = items_of_nodes(edit, items);
	for (uint32_t p = 0; p < edit->before->pool_count && status == 0; p++)
		if (!pool_is_in(edit->image, edit->before->pools[p]->index))
			status = item_add(edit->model, items, SL_LIFE_POOL,
					  edit->before->pools[p]->index);
	for (uint32_t s = 0; s < edit->before->service_count && status == 0; s++)
		if (!service_is_in(edit->image, edit->before->service_index[s]))
			status = item_add(edit->model, items, SL_LIFE_SERVICE,
					  edit->before->service_index[s]);
	while (status < 0 && *items) {
		struct sl_life_item *item = *items;

		*items = item->next;
		free(item);
	}
	return status;
}

static void retire(struct sl_model *model, const struct sl_life_item *item)
{
	switch (item->kind) {
	case SL_LIFE_NODE:
		model->nodes[item->index].use = SL_USE_RETIRED;
		break;
	case SL_LIFE_POOL:
		model->pools[item->index].use = SL_USE_RETIRED;
		break;
	case SL_LIFE_SERVICE:
		model->services[item->index].use = SL_USE_RETIRED;
		break;
	case SL_LIFE_IDLE:
	case SL_LIFE_SNAPSHOT:
		break;
	}
}

/* Listed nodes are not idle, whatever they were as leaving ones; their deadlines count from now on. */
static void nodes_end(struct sl_model *model, const struct sl_image_pool *pool)
{
	for (uint32_t n = 0; n < pool->listed_count; n++) {
		struct sl_body_node *node = &model->nodes[pool->nodes[n].index];

		if (node->idle) {
			node->idle = false;
			node->serial++;
		}
		sl_model_note_deadline(model, pool->nodes[n].deadline_ms);
	}
}

void sl_life_end(struct sl_edit *edit, struct sl_life_item *items)
{
	struct sl_model *model = edit->model;

	for (uint32_t p = 0; p < edit->image->pool_count; p++) {
		struct sl_body_pool *pool = &model->pools[edit->image->pools[p]->index];

		if (pool->use == SL_USE_TAKEN)
			pool->use = SL_USE_LIVE;
		if (!is_shared(edit, p))
			nodes_end(model, edit->image->pools[p]);
		if (!pool->fresh)
			continue;
		sl_pool_memory_put(pool->memory);
		pool->memory = pool->fresh;
		pool->fresh = NULL;
		pool->sweep_mark = sl_pool_memory_passes(pool->memory);
		pool->tables_since_ms =
			pool->memory->table_count > pool->memory->core_count ? edit->now_ms : 0;
	}
	for (uint32_t s = 0; s < edit->image->service_count; s++) {
		struct sl_body_service *service = &model->services[edit->image->service_index[s]];

		if (service->use == SL_USE_TAKEN)
			service->use = SL_USE_LIVE;
	}
	while (items) {
		struct sl_life_item *item = items;

		items = item->next;
		retire(model, item);
		item->next = model->retired;
		model->retired = item;
	}
	edit->taken_count = 0;
}

static void pool_free(struct sl_body_pool *pool)
{
	sl_image_pool_put(pool->built);
	sl_pool_memory_put(pool->memory);
	sl_slot_table_put(pool->slots);
	memset(pool, 0, sizeof(*pool));
}

/* Every core has passed a burst since the snapshot without it. */
static void released(void *object)
{
	struct sl_life_item *item = object;
	struct sl_model *model = item->model;
	struct sl_body_node *node = &model->nodes[item->index];

	switch (item->kind) {
	case SL_LIFE_NODE:
		sl_life_handler_close(model, item->index);
		item->epoch = model->sweep_epoch;
		item->next = model->sweeping;
		model->sweeping = item;
		return;
	case SL_LIFE_POOL:
		pool_free(&model->pools[item->index]);
		break;
	case SL_LIFE_SERVICE:
		model->services[item->index].use = SL_USE_FREE;
		break;
	case SL_LIFE_IDLE:
		if (node->use == SL_USE_LIVE && node->idle && node->serial == item->serial)
			node->grace = true;
		break;
	case SL_LIFE_SNAPSHOT:
		sl_snapshot_release(item->snapshot);
		break;
	}
	free(item);
}

int sl_life_idle(struct sl_model *model, uint32_t index)
{
	struct sl_body_node *node = &model->nodes[index];
	struct sl_life_item *item = calloc(1, sizeof(*item));

	if (!item)
		return -ENOMEM;
	node->idle = true;
	node->grace = false;
	node->token = 0;
	*item = (struct sl_life_item){
		.model = model, .kind = SL_LIFE_IDLE, .index = index, .serial = ++node->serial};
	if (sl_publish_retire(model->options.publish, released, item) == 0)
		return 0;
	node->idle = false;
	free(item);
	return -ENOMEM;
}

void sl_life_published(struct sl_model *model)
{
	while (model->retired) {
		struct sl_life_item *item = model->retired;

		if (sl_publish_retire(model->options.publish, released, item) < 0)
			return;
		model->retired = item->next;
	}
}

/* ---- reuse ----------------------------------------------------------------------------------- */

/* An epoch ends when every table was swept twice since it began: once it may have been under way. */
static void sweep_watch(struct sl_model *model)
{
	for (uint32_t i = 0; i < model->pool_end; i++) {
		const struct sl_body_pool *pool = &model->pools[i];

		if (pool->use != SL_USE_FREE && pool->memory && pool->memory->flow_entries &&
		    sl_pool_memory_passes(pool->memory) < pool->sweep_mark + 2)
			return;
	}
	for (uint32_t i = 0; i < model->pool_end; i++)
		if (model->pools[i].memory)
			model->pools[i].sweep_mark = sl_pool_memory_passes(model->pools[i].memory);
	model->sweep_epoch++;
}

void sl_life_tick(struct sl_model *model)
{
	struct sl_life_item **at = &model->sweeping;

	sweep_watch(model);
	while (*at) {
		struct sl_life_item *item = *at;

		/* of the epoch under way when it was retired only the next one is whole */
		if (model->sweep_epoch < item->epoch + 2) {
			at = &item->next;
			continue;
		}
		*at = item->next;
		node_free(model, item->index);
		free(item);
	}
}

uint64_t sl_life_node_flows(const struct sl_model *model, uint32_t node)
{
	uint64_t flows = 0;

	for (uint32_t i = 0; i < model->pool_end; i++)
		if (model->pools[i].use != SL_USE_FREE && model->pools[i].memory)
			flows += sl_pool_memory_node_flows(model->pools[i].memory, node);
	return flows;
}
