/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/inside.h"
#include "model/schedule.h"
#include "state/pool_memory.h"
#include "state/slots.h"

/* model->seen[index], of the pool that is looked at */
#define SEEN_UNSETTLED 1 /* an unsettled slot names the node */
#define SEEN_PRIOR     2 /* as the prior of flows that it does not know */

enum verdict { STAYS, IS_CUT, IS_DRAINED, IS_GONE };

/* Nothing settles for a core that has not come so far yet. */
static uint64_t cores_now(const struct sl_model *model)
{
	const struct sl_model_options *options = &model->options;

	return sl_stats_clock(options->cores, options->core_count, options->now_ms());
}

/* ---- slots and services ---------------------------------------------------------------------- */

/* Whether the service is unsettled and goes by the pool beside its own. */
static bool goes_by(const struct sl_service_view *view, uint32_t pool)
{
	if (view->prior_pool == SL_SERVICE_NONE)
		return false;
	for (uint32_t v = 0; v < view->via_count; v++)
		if (view->via[v] == pool)
			return true;
	return view->prior_pool == pool;
}

/* Whether a service has the pool, or an unsettled one still goes by it. */
static bool is_prior(const struct sl_model *model, uint32_t pool)
{
	for (uint32_t i = 0; i < SL_SERVICES_MAX; i++) {
		const struct sl_body_service *service = &model->services[i];

		if (service->use == SL_USE_LIVE && service->pointed &&
		    (service->view.pool == pool || goes_by(&service->view, pool)))
			return true;
	}
	return sl_build_formers_go_by(model, pool);
}

/* Whether all services that meet the pool are settled. */
static bool is_at_rest(const struct sl_model *model, uint32_t pool)
{
	for (uint32_t i = 0; i < SL_SERVICES_MAX; i++) {
		const struct sl_body_service *service = &model->services[i];

		if (service->use == SL_USE_LIVE && service->pointed &&
		    service->view.prior_pool != SL_SERVICE_NONE &&
		    (service->view.pool == pool || goes_by(&service->view, pool)))
			return false;
	}
	return !sl_build_formers_go_by(model, pool);
}

/* When nothing is unsettled any more slots are as many as the configuration says, with a stamp each. */
static void fit_slots(struct sl_model *model, uint32_t index)
{
	struct sl_body_pool *pool = &model->pools[index];
	uint32_t count = pool->built->target->count;
	struct sl_pool_memory *memory = NULL;
	struct sl_slot_table *after = NULL;

	if (pool->slots->open_count > 0 ||
	    (pool->slots->count == count && pool->memory->slot_count == count) ||
	    !is_at_rest(model, index))
		return;
	if (sl_slots_fit(pool->slots, count, &after) < 0 || (!after && pool->slots->count != count))
		return;
	if (sl_pool_memory_derive(pool->memory, count, pool->memory->flow_entries, &memory) < 0) {
		sl_slot_table_put(after);
		return;
	}
	sl_pool_memory_put(pool->memory);
	pool->memory = memory;
	if (after) {
		sl_slot_table_put(pool->slots);
		pool->slots = after;
	}
	model->dirty = true;
}

/* Tables from before are left behind when what is in them is too old to count. */
static void shed_tables(struct sl_model *model, struct sl_body_pool *pool)
{
	struct sl_pool_memory *memory;

	if (!pool->tables_since_ms ||
	    model->options.now_ms() < pool->tables_since_ms + pool->idle_ms + SL_SETTLE_MARGIN_MS ||
	    sl_pool_memory_shed(pool->memory, &memory) < 0)
		return;
	sl_pool_memory_put(pool->memory);
	pool->memory = memory;
	pool->tables_since_ms = 0;
	model->dirty = true;
}

static void settle_slots(struct sl_model *model)
{
	for (uint32_t i = 0; i < model->pool_end; i++) {
		struct sl_body_pool *pool = &model->pools[i];
		struct sl_slot_table *after = NULL;

		if (pool->use != SL_USE_LIVE || !pool->slots || !pool->built)
			continue;
		if (pool->slots->open_count > 0 &&
		    sl_slots_settle(pool->slots, pool->memory, cores_now(model), pool->idle_ms,
				    &after) == 0 &&
		    after) {
			sl_slot_table_put(pool->slots);
			pool->slots = after;
			model->dirty = true;
		}
		fit_slots(model, i);
		shed_tables(model, pool);
	}
}

/* Services from before that nobody needs to ask any more go. */
static void shed_formers(struct sl_model *model)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < model->former_count; i++) {
		if (sl_former_is_over(model->formers[i], cores_now(model)))
			sl_former_put(model->formers[i]);
		else
			model->formers[kept++] = model->formers[i];
	}
	model->dirty |= kept < model->former_count;
	model->former_count = kept;
}

/* The longest idle timeout of those whose packets the service gained. */
static uint64_t gained_idle_ms(const struct sl_model *model, const struct sl_service_view *view)
{
	uint64_t idle_ms = 0;

	for (uint32_t i = 0; i < model->former_count && (view->flags & SL_SERVICE_GAINED); i++)
		idle_ms = SL_MAX(idle_ms, model->formers[i]->idle_ms);
	return idle_ms;
}

/* Whether packets that the service gained may be open: what melts into a former opens them for longer,
 * and that must not be after they had settled. */
static bool is_gaining(const struct sl_model *model, const struct sl_service_view *view)
{
	bool open = false;

	for (uint32_t i = 0; i < model->former_count; i++)
		open |= cores_now(model) < model->formers[i]->open_until_ms;
	return open && (view->flags & SL_SERVICE_GAINED);
}

static void settle_services(struct sl_model *model)
{
	const struct sl_model_options *options = &model->options;

	for (uint32_t i = 0; i < SL_SERVICES_MAX; i++) {
		struct sl_body_service *service = &model->services[i];
		uint64_t idle_ms;

		if (service->use != SL_USE_LIVE || !service->pointed ||
		    service->view.prior_pool == SL_SERVICE_NONE)
			continue;
		idle_ms = SL_MAX(model->pools[service->view.pool].idle_ms,
				 model->pools[service->view.prior_pool].idle_ms);
		if (is_gaining(model, &service->view))
			continue;
		idle_ms = SL_MAX(idle_ms, gained_idle_ms(model, &service->view));
		if (sl_service_view_settle(&service->view, i, options->cores, options->core_count,
					   cores_now(model), idle_ms))
			model->dirty = true;
	}
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void look_at_slots(struct sl_model *model, uint32_t pool, bool clear)
{
	const struct sl_body_pool *body = &model->pools[pool];
	const struct sl_slot_table *slots = body->slots;
	uint64_t now = cores_now(model);

	for (uint32_t i = 0; slots && i < slots->open_count; i++) {
		const struct sl_open_slot *open = &slots->open[i];

		model->seen[open->node] |= SEEN_UNSETTLED;
		model->seen[open->prior] |= SEEN_UNSETTLED;
		if (now < sl_slots_open_until(open, body->memory, slots->count, body->idle_ms))
			model->seen[open->prior] |= SEEN_PRIOR;
	}
	for (uint32_t i = 0; clear && slots && i < slots->open_count; i++) {
		model->seen[slots->open[i].node] = 0;
		model->seen[slots->open[i].prior] = 0;
	}
}

/* Whether the node is marked, or nobody. */
static bool is_seen(const struct sl_model *model, uint32_t word)
{
	return (word & SL_SLOT_NODE) == SL_NODE_NOBODY || model->seen[word & SL_SLOT_NODE];
}

bool sl_settle_is_whole(struct sl_model *model, const struct sl_image_pool *pool)
{
	const struct sl_slot_table *slots = model->pools[pool->index].slots;
	bool whole = slots;

	for (uint32_t n = 0; n < pool->node_count; n++)
		model->seen[pool->nodes[n].index] = 1;
	for (uint32_t s = 0; whole && s < slots->count; s++) {
		const struct sl_open_slot *open = &slots->open[slots->word[s] & SL_SLOT_NODE];

		whole = slots->word[s] & SL_SLOT_OPEN
				? is_seen(model, open->node) && is_seen(model, open->prior)
				: is_seen(model, slots->word[s]);
	}
	for (uint32_t s = 0; whole && s < pool->home->count; s++)
		whole = is_seen(model, pool->home->word[s]);
	for (uint32_t n = 0; n < pool->node_count; n++)
		model->seen[pool->nodes[n].index] = 0;
	return whole;
}

/* Whether any entry names the node, those of connections being opened included. */
static bool is_named(const struct sl_model *model, uint32_t node)
{
	for (uint32_t i = 0; i < model->pool_end; i++)
		if (model->pools[i].use != SL_USE_FREE && model->pools[i].memory &&
		    sl_pool_memory_names(model->pools[i].memory, node))
			return true;
	return false;
}

/* Follows a leaving node through idle time, a burst of every core, and the queues. */
static bool has_passed(struct sl_model *model, uint32_t index, bool quiet)
{
	struct sl_body_node *node = &model->nodes[index];
	const struct sl_model_hooks *hooks = &model->options.hooks;

	if (!quiet) {
		node->idle = false;
		node->grace = false;
		return false;
	}
	if (!node->idle) {
		if (!model->dirty)
			sl_life_idle(model, index);
		return false;
	}
	if (!node->grace)
		return false;
	return !hooks->queues_passed || hooks->queues_passed(hooks->context, &node->token);
}

static enum verdict judge(struct sl_model *model, const struct sl_image_pool *pool,
			  const struct sl_image_node *node, bool needed)
{
	uint8_t seen = model->seen[node->index];

	if (node->leaving) {
		bool quiet = (node->cut || !is_named(model, node->index)) &&
			     (pool->leaving ? !needed : !(seen & SEEN_UNSETTLED));

		return has_passed(model, node->index, quiet) ? IS_GONE : STAYS;
	}
	if (sl_image_node_hand(node) != SL_HAND_DRAINING)
		return STAYS;
	if (node->deadline_ms && model->options.now_ms() >= node->deadline_ms && !node->drained)
		return IS_CUT;
	if (!node->drained &&
	    (node->cut || (!(seen & SEEN_PRIOR) && !is_named(model, node->index))))
		return IS_DRAINED;
	return STAYS;
}

static void carry_out(struct sl_edit *edit, struct sl_image_pool *pool, uint32_t n,
		      enum verdict verdict)
{
	struct sl_image_node *node = &pool->nodes[n];

	switch (verdict) {
	case STAYS:
		break;
	case IS_CUT:
		node->cut = true;
		node->drained = true;
		node->deadline_ms = 0;
		sl_edit_node_why(edit, node, "deadline, its last flows are cut");
		break;
	case IS_DRAINED:
		node->drained = true;
		node->deadline_ms = 0;
		sl_edit_node_why(edit, node, "no flows left");
		break;
	case IS_GONE:
		sl_image_node_remove(pool, n);
		break;
	}
}

/* With an edit the verdicts are carried out, without one they are only looked for. */
static int go_over_pool(struct sl_model *model, struct sl_edit *edit, const struct sl_image *image,
			uint32_t place, bool *found)
{
	const struct sl_image_pool *pool = image->pools[place];
	uint32_t index = pool->index, count = pool->node_count;
	bool needed = pool->leaving && is_prior(model, index);
	int status = 0;

	look_at_slots(model, index, false);
	for (uint32_t n = pool->node_count; n-- > 0 && status == 0;) {
		enum verdict verdict = judge(model, pool, &pool->nodes[n], needed);
		struct sl_image_pool *own;

		if (verdict == STAYS) {
			if (!pool->nodes[n].leaving)
				sl_model_note_deadline(model, pool->nodes[n].deadline_ms);
			continue;
		}
		*found = true;
		if (!edit)
			continue;
		own = sl_image_pool_edit(edit->image, place);
		if (own)
			carry_out(edit, own, n, verdict);
		else
			status = sl_err_set(edit->err, -ENOMEM, "no memory");
		pool = own ? own : pool;
	}
	look_at_slots(model, index, true);
	if (status == 0 && pool->node_count < count &&
	    sl_schedule_forget(edit->image->pools[place]) < 0)
		status = sl_err_set(edit->err, -ENOMEM, "no memory");
	if (pool->leaving && pool->node_count == 0 && !needed)
		*found = true;
	return status;
}

/* A pool that is leaving goes with its last node. */
static void drop_pools(struct sl_model *model, struct sl_image *image)
{
	uint32_t kept = image->listed_count;

	for (uint32_t p = kept; p < image->pool_count; p++) {
		struct sl_image_pool *pool = image->pools[p];

		if (pool->node_count == 0 && !is_prior(model, pool->index))
			sl_image_pool_put(pool);
		else
			image->pools[kept++] = pool;
	}
	image->pool_count = kept;
}

int sl_settle_make(struct sl_edit *edit)
{
	bool found = false;
	int status = 0;

	for (uint32_t p = 0; p < edit->image->pool_count && status == 0; p++)
		status = go_over_pool(edit->model, edit, edit->image, p, &found);
	if (status == 0)
		drop_pools(edit->model, edit->image);
	return status;
}

bool sl_settle_tick(struct sl_model *model)
{
	bool found = false;

	model->deadline_ms = 0;
	settle_slots(model);
	shed_formers(model);
	settle_services(model);
	for (uint32_t p = 0; p < model->image->pool_count; p++)
		go_over_pool(model, NULL, model->image, p, &found);
	return found;
}

/* ---- what is left ---------------------------------------------------------------------------- */

static void left_in(const struct sl_edit *edit, uint32_t place, struct sl_change_left *left)
{
	const struct sl_image_pool *pool = edit->before->pools[place];
	const struct sl_body_pool *body = &edit->model->pools[pool->index];
	const struct sl_slot_table *slots = body->slots;
	bool opens = sl_build_open_ms(edit->model, pool, edit->now_ms) > 0;
	uint64_t now = cores_now(edit->model);
	int n = sl_image_find_node(pool, edit->change->node);
	uint32_t index;

	if (n < 0)
		return;
	index = pool->nodes[n].index;
	for (uint32_t s = 0; opens && s < pool->target->count; s++)
		left->slots += pool->target->word[s] == index;
	for (uint32_t i = 0; slots && i < slots->open_count; i++)
		left->slots += slots->open[i].prior == index &&
			       now < sl_slots_open_until(&slots->open[i], body->memory,
							 slots->count, body->idle_ms);
	left->flows += sl_life_node_flows(edit->model, index);
}

void sl_settle_left(const struct sl_edit *edit, struct sl_change_left *left)
{
	const char *pool = edit->change->pool;

	if (edit->change->kind != SL_CHANGE_DRAIN && edit->change->kind != SL_CHANGE_REMOVE_NODE)
		return;
	*left = (struct sl_change_left){0};
	for (uint32_t p = 0; p < edit->before->listed_count; p++)
		if (strcmp(pool, "*") == 0 || strcmp(pool, edit->before->pools[p]->name) == 0)
			left_in(edit, p, left);
	left->exact = left->slots == 0;
}
