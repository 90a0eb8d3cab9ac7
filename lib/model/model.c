/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/inside.h"
#include "model/schedule.h"
#include "state/pool_memory.h"

#define STARVED_WARNINGS_MAX 16 /* of one change; then their number */

/* ---- listeners ------------------------------------------------------------------------------- */

void sl_model_listen(struct sl_model *model, struct sl_model_listener *listener)
{
	struct sl_model_listener **end = &model->listeners;

	while (*end)
		end = &(*end)->next;
	listener->next = NULL;
	*end = listener;
}

/* ---- finishing a change ---------------------------------------------------------------------- */

static int warn_starved(struct sl_edit *edit, const struct sl_image_pool *pool)
{
	uint64_t total = 0;
	uint32_t starved = 0;
	int status = 0;

	for (uint32_t n = 0; n < pool->listed_count; n++)
		total += pool->nodes[n].conf->weight;
	for (uint32_t n = 0; status == 0 && n < pool->listed_count; n++) {
		const struct sl_conf_node *node = pool->nodes[n].conf;
		uint32_t least = sl_conf_slots_least(node->weight, total);
		char remedy[64] = "no number of slots serves it";

		if (node->weight == 0 || (least && least <= pool->conf.slots) ||
		    ++starved > STARVED_WARNINGS_MAX)
			continue;
		if (least)
			snprintf(remedy, sizeof(remedy), "slots: %" PRIu32 " would serve it",
				 least);
		status = sl_change_warn(
			edit->result,
			"pool %s: the weight of node %s is less than one of %" PRIu32 " slots; %s",
			pool->name, node->name, pool->conf.slots, remedy);
	}
	if (status == 0 && starved > STARVED_WARNINGS_MAX)
		status = sl_change_warn(edit->result, "pool %s: so are %" PRIu32 " more nodes",
					pool->name, starved - STARVED_WARNINGS_MAX);
	return status;
}

static bool serves(const struct sl_image_pool *pool)
{
	for (uint32_t n = 0; n < pool->listed_count; n++)
		if (pool->nodes[n].conf->weight > 0 && sl_image_node_takes(&pool->nodes[n]))
			return true;
	return false;
}

/* An operator's change took the last node away. */
static int warn_nobody(struct sl_edit *edit, const struct sl_image_pool *old,
		       const struct sl_image_pool *pool)
{
	if (!old || !sl_change_is_operators(edit->change->kind) || serves(pool) || !serves(old))
		return 0;
	return sl_change_warn(edit->result, "pool %s: no node is left for new connections",
			      pool->name);
}

static int finish_pool(struct sl_edit *edit, uint32_t place)
{
	struct sl_image_pool *pool = edit->image->pools[place];
	const struct sl_image_pool *old = sl_image_pool_at(edit->before, pool->index);
	struct sl_change_pool *row = &edit->result->pools[edit->result->pool_count];
	int status = 0;

	if (old == pool)
		return 0;
	if (edit->rebuild[place])
		status = sl_schedule_home(pool);
	if (status == 0)
		status = sl_schedule_target(pool);
	if (status == 0)
		status = sl_schedule_measure(old, pool, &row->moved_slots, &row->least_slots);
	if (status == 0 && edit->rebuild[place] &&
	    !(edit->change->kind == SL_CHANGE_APPLY && edit->change->conf_warnings) &&
	    sl_sched_fills_slots(pool->conf.scheduler))
		status = warn_starved(edit, pool);
	if (status == 0)
		status = warn_nobody(edit, old, pool);
	if (status < 0)
		return sl_err_set(edit->err, status, "pool %s: cannot build its slots: %s",
				  pool->name, strerror(-status));
	memcpy(row->name, pool->name, sizeof(row->name));
	edit->result->pool_count++;
	return 0;
}

/* A service that is pointed elsewhere again and again must settle some time. */
static int check_services(struct sl_edit *edit)
{
	struct sl_build_services services = {
		.views = calloc(SL_SERVICES_MAX, sizeof(*services.views)),
		.force = edit->change->anew}; /* what a cluster decided is not refused */
	int status = -ENOMEM;

	if (services.views)
		status = sl_build_services(edit->model, edit->image, &services);
	free(services.views);
	for (uint32_t i = 0; i < services.former_count; i++)
		sl_former_put(services.formers[i]);
	if (status != -EBUSY)
		return status ? sl_err_set(edit->err, status, "no memory") : 0;
	if (!services.refused)
		return sl_err_set(edit->err, status,
				  "packets moved between services too often: wait two idle "
				  "timeouts");
	return sl_err_set(edit->err, status,
			  "service %s was pointed at too many pools within an idle timeout: wait "
			  "until it has settled",
			  services.refused->name);
}

/* Somebody waits for the answer: what health, time and restarts change is not refused. */
static bool is_asked(const struct sl_edit *edit)
{
	return !edit->before || sl_change_is_operators(edit->change->kind);
}

static int check_limits(struct sl_edit *edit)
{
	uint32_t nodes = 0;

	for (uint32_t p = 0; p < edit->image->listed_count; p++)
		nodes += edit->image->pools[p]->listed_count;
	if (nodes > SL_NODES_MAX)
		return sl_err_set(edit->err, -ENOSPC, "%" PRIu32 " nodes are more than %d", nodes,
				  SL_NODES_MAX);
	return 0;
}

static int finish(struct sl_edit *edit)
{
	int status = check_limits(edit);

	edit->result->pools = calloc(edit->image->pool_count + 1, sizeof(*edit->result->pools));
	if (!edit->result->pools)
		return sl_err_set(edit->err, -ENOMEM, "no memory");
	for (uint32_t p = 0; p < edit->image->listed_count && status == 0; p++)
		status = finish_pool(edit, p);
	if (status == 0)
		status = sl_build_service_table(edit);
	if (status == 0 && is_asked(edit))
		status = check_services(edit);
	if (status == 0 && edit->before)
		sl_settle_left(edit, &edit->result->left);
	return status;
}

/* Expected shares changed: measuring begins anew. */
static void rebase_shares(struct sl_edit *edit)
{
	struct sl_model *model = edit->model;

	for (uint32_t p = 0; p < edit->image->pool_count; p++) {
		const struct sl_image_pool *pool = edit->image->pools[p];
		const struct sl_image_pool *old = sl_image_pool_at(edit->before, pool->index);

		if (old == pool || (old && old->target == pool->target))
			continue;
		for (uint32_t n = 0; n < pool->node_count; n++) {
			uint32_t index = pool->nodes[n].index;
			struct sl_node_stats stats;

			sl_count_node(model, index, &stats);
			model->nodes[index].share_base = stats.packets;
		}
	}
}

/* From here on nothing can fail. */
static void commit(struct sl_edit *edit, struct sl_life_item *items)
{
	struct sl_model *model = edit->model;
	struct sl_image *before = model->image;

	rebase_shares(edit);
	if (edit->change->begins_at)
		edit->image->generation = edit->change->begins_at;
	else if (is_asked(edit))
		edit->image->generation++;
	edit->result->generation = edit->image->generation;
	model->options.hash_key = edit->hash_key;
	model->image = edit->image;
	model->dirty = true;
	sl_life_end(edit, items);
	sl_tell_change(edit, before);
	sl_image_put(before);
	edit->image = NULL;
}

/* dry_run: all of it but the commit. */
static int carry_out(struct sl_edit *edit, bool dry_run, int (*make)(struct sl_edit *edit))
{
	struct sl_life_item *items = NULL;
	int status;

	edit->now_ms = edit->model->options.now_ms();
	edit->wall_ms = edit->change->wall_ms ?: edit->model->options.wall_ms();
	edit->hash_key = edit->model->options.hash_key;
	edit->rebuild = calloc(SL_POOLS_MAX, sizeof(*edit->rebuild));
	status = edit->rebuild ? make(edit) : sl_err_set(edit->err, -ENOMEM, "no memory");
	if (status == 0)
		status = finish(edit);
	if (status == 0 && !dry_run)
		status = sl_life_begin(edit);
	if (status == 0 && !dry_run && sl_life_items(edit, &items) < 0)
		status = sl_err_set(edit->err, -ENOMEM, "no memory");
	if (status == 0)
		status = sl_tell_prepare(edit, dry_run);
	if (status == 0 && !dry_run)
		commit(edit, items);
	else
		sl_life_undo(edit);
	sl_image_put(edit->image);
	free(edit->taken);
	free(edit->rebuild);
	return status;
}

int sl_model_change(struct sl_model *model, const struct sl_change *change, bool dry_run,
		    struct sl_change_result *result, struct sl_err *err)
{
	struct sl_edit edit = {
		.model = model,
		.change = change,
		.before = model->image,
		.result = result,
		.err = err,
	};

	*result = (struct sl_change_result){.generation = model->image->generation};
	if (change->if_generation_set && change->if_generation != model->image->generation)
		return sl_err_set(err, -ESTALE, "the generation is %" PRIu64 ", not %" PRIu64,
				  model->image->generation, change->if_generation);
	if (sl_change_warn_conf(result, change))
		return sl_err_set(err, -ENOMEM, "no memory");
	edit.image = sl_image_copy(model->image);
	if (!edit.image)
		return sl_err_set(err, -ENOMEM, "no memory");
	return carry_out(&edit, dry_run, sl_edit_make);
}

/* ---- life of the model ----------------------------------------------------------------------- */

static int make_first(struct sl_edit *edit)
{
	int status = sl_apply_make(edit, edit->change->conf, edit->change->image);

	if (status == 0 && edit->change->image)
		edit->image->generation = edit->change->image->generation - 1;
	for (uint32_t s = 0; s < edit->result->sentence_count; s++)
		free(edit->result->sentences[s]);
	edit->result->sentence_count = 0;
	return status;
}

static int allocate(struct sl_model *model)
{
	model->nodes = sl_mem_alloc(SL_NODE_INDEX_MAX * sizeof(*model->nodes));
	model->pools = sl_mem_alloc(SL_POOLS_MAX * sizeof(*model->pools));
	model->services = sl_mem_alloc(SL_SERVICES_MAX * sizeof(*model->services));
	model->seen = sl_mem_alloc(SL_NODE_INDEX_MAX);
	return model->nodes && model->pools && model->services && model->seen ? 0 : -ENOMEM;
}

int sl_model_create(const struct sl_model_options *options, const struct sl_conf *conf,
		    const struct sl_image *kept, struct sl_change_result *result,
		    struct sl_model **model, struct sl_err *err)
{
	struct sl_model *made = calloc(1, sizeof(*made));
	struct sl_change change = {.kind = SL_CHANGE_APPLY, .conf = conf, .image = kept};
	struct sl_edit edit = {.model = made, .change = &change, .result = result, .err = err};
	int status;

	*result = (struct sl_change_result){0};
	if (!made)
		return sl_err_set(err, -ENOMEM, "no memory");
	made->options = *options;
	if (!made->options.now_ms)
		made->options.now_ms = sl_clock_ms;
	if (!made->options.wall_ms)
		made->options.wall_ms = sl_clock_wall_ms;
	made->started_ms = made->options.now_ms();
	status = allocate(made);
	if (status < 0)
		sl_err_set(err, status, "no memory");
	else
		status = carry_out(&edit, false, make_first);
	if (status < 0) {
		sl_model_destroy(made);
		return status;
	}
	*model = made;
	return 0;
}

static void free_runtime(struct sl_model *model)
{
	for (uint32_t i = 0; i < model->former_count; i++)
		sl_former_put(model->formers[i]);
	for (uint32_t i = 0; model->nodes && i < SL_NODE_INDEX_MAX; i++)
		sl_life_handler_close(model, i);
	for (uint32_t i = 0; model->pools && i < SL_POOLS_MAX; i++) {
		sl_image_pool_put(model->pools[i].built);
		sl_pool_memory_put(model->pools[i].memory);
		sl_slot_table_put(model->pools[i].slots);
	}
	sl_mem_free(model->nodes, SL_NODE_INDEX_MAX * sizeof(*model->nodes));
	sl_mem_free(model->pools, SL_POOLS_MAX * sizeof(*model->pools));
	sl_mem_free(model->services, SL_SERVICES_MAX * sizeof(*model->services));
	sl_mem_free(model->seen, SL_NODE_INDEX_MAX);
}

static void free_items(struct sl_life_item **items)
{
	while (*items) {
		struct sl_life_item *item = *items;

		*items = item->next;
		sl_snapshot_release(item->snapshot);
		free(item);
	}
}

void sl_model_destroy(struct sl_model *model)
{
	if (!model)
		return;
	free_items(&model->retired);
	if (model->snapshot) {
		sl_publish_swap(model->options.publish, NULL);
		sl_snapshot_release(model->snapshot);
	}
	while (sl_publish_reclaim(model->options.publish) > 0)
		;
	free_items(&model->sweeping);
	sl_image_put(model->image);
	free_runtime(model);
	free(model);
}

void sl_model_touch(struct sl_model *model)
{
	model->touched = true;
	model->dirty = true;
}

void sl_model_next_hop_set(struct sl_model *model, sl_model_ask_hop *ask, void *context)
{
	model->ask_hop = ask;
	model->hop_context = context;
	sl_model_touch(model);
}

void sl_model_port_mtu_set(struct sl_model *model, uint32_t port, uint16_t mtu)
{
	if (model->options.ports[port].mtu == mtu)
		return;
	model->options.ports[port].mtu = mtu;
	sl_model_touch(model);
}

uint16_t sl_model_mtu(const struct sl_model *model, uint32_t port)
{
	if (model->options.ports[port].mtu)
		return model->options.ports[port].mtu;
	return model->image->conf->ports[port].mtu ?: SL_MTU_DEFAULT;
}

int sl_model_flush(struct sl_model *model, struct sl_err *err)
{
	struct sl_life_item *item;
	int status;

	if (!model->dirty)
		return 0;
	item = calloc(1, sizeof(*item));
	status = item ? sl_build_snapshot(model, &item->snapshot) : -ENOMEM;
	if (status < 0) {
		free(item);
		return sl_err_set(err, status, "cannot build a snapshot: %s", strerror(-status));
	}
	model->snapshot = item->snapshot;
	if (model->ahead)
		model->ahead(model->ahead_context);
	item->snapshot = sl_publish_swap(model->options.publish, model->snapshot);
	item->model = model;
	item->kind = SL_LIFE_SNAPSHOT;
	item->next = model->retired;
	model->retired = item;
	model->dirty = model->touched = false;
	if (model->options.hooks.published)
		model->options.hooks.published(model->options.hooks.context, model->snapshot);
	sl_life_published(model);
	sl_publish_reclaim(model->options.publish);
	return 0;
}

void sl_model_settle(struct sl_model *model)
{
	struct sl_change change = {.kind = SL_CHANGE_SETTLE, .why = "time"};
	struct sl_change_result result;

	/* what was changed in this turn has no open slots before it is built */
	if (sl_model_flush(model, NULL) == 0 && sl_settle_tick(model)) {
		sl_model_change(model, &change, false, &result, NULL);
		sl_change_result_fini(&result);
	}
}

void sl_model_ahead_set(struct sl_model *model, sl_model_ahead *ahead, void *context)
{
	model->ahead = ahead;
	model->ahead_context = context;
}

uint64_t sl_model_deadline_ms(const struct sl_model *model)
{
	return model->deadline_ms;
}

void sl_model_tick(struct sl_model *model)
{
	sl_publish_reclaim(model->options.publish);
	sl_model_settle(model);
	sl_life_tick(model);
	sl_hear_tick(model);
	for (uint32_t p = 0; p < model->image->pool_count; p++)
		sl_pool_memory_gather(model->pools[model->image->pools[p]->index].memory);
	if (!model->dirty)
		sl_life_published(model);
	sl_report_sample(model);
}

/* ---- reading -----------------------------------------------------------------------------------*/

struct sl_image *sl_model_image(const struct sl_model *model)
{
	return model->image;
}

uint64_t sl_model_generation(const struct sl_model *model)
{
	return model->image->generation;
}

const struct sl_snapshot *sl_model_snapshot(const struct sl_model *model)
{
	return model->snapshot;
}

const struct sl_hash_key *sl_model_hash_key(const struct sl_model *model)
{
	return &model->options.hash_key;
}
