/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/inside.h"

static void tell(struct sl_model *model, struct sl_model_event *event)
{
	if (!event->wall_ms)
		event->wall_ms = model->options.wall_ms();
	event->generation = model->image->generation;
	for (struct sl_model_listener *l = model->listeners; l; l = l->next)
		l->event(l->context, event);
}

/* Tells of nodes that are in another state than listeners heard of last. */
static void tell_nodes(struct sl_model *model, const struct sl_image_pool *pool)
{
	for (uint32_t n = 0; n < pool->node_count; n++) {
		const struct sl_image_node *node = &pool->nodes[n];
		uint8_t state = (uint8_t)(1 + 2 * sl_image_node_state(node) + node->cut);
		struct sl_model_event event = {.kind = SL_EVENT_NODE, .pool = pool->name};

		if (model->nodes[node->index].told == state)
			continue;
		model->nodes[node->index].told = state;
		event.node = node->name;
		event.state = sl_image_node_state(node);
		event.why = node->why;
		tell(model, &event);
	}
}

static struct sl_model_event change_event(const struct sl_edit *edit, struct sl_image *before)
{
	return (struct sl_model_event){.kind = SL_EVENT_CHANGE,
				       .wall_ms = edit->wall_ms,
				       .change = edit->change,
				       .result = edit->result,
				       .before = before,
				       .after = edit->image};
}

int sl_tell_prepare(const struct sl_edit *edit, bool dry_run)
{
	struct sl_model_event event = change_event(edit, edit->model->image);
	int status = 0;

	if (!sl_change_is_operators(edit->change->kind))
		return 0;
	for (struct sl_model_listener *l = edit->model->listeners; l && status == 0; l = l->next)
		if (l->prepare)
			status = l->prepare(l->context, &event, dry_run, edit->err);
	return status;
}

void sl_model_warn(struct sl_model *model, const char *text)
{
	struct sl_model_event event = {.kind = SL_EVENT_WARNING, .text = text};

	tell(model, &event);
}

void sl_tell_change(const struct sl_edit *edit, struct sl_image *before)
{
	struct sl_model *model = edit->model;
	struct sl_model_event event = change_event(edit, before);

	if (sl_change_is_operators(edit->change->kind))
		tell(model, &event);
	for (uint32_t p = 0; p < edit->image->pool_count; p++) {
		const struct sl_image_pool *pool = edit->image->pools[p];
		const struct sl_image_pool *old = sl_image_pool_at(before, pool->index);

		if (old != pool)
			tell_nodes(model, pool);
	}
	for (uint32_t w = 0; w < edit->result->warning_count; w++) {
		event = (struct sl_model_event){.kind = SL_EVENT_WARNING};
		event.text = edit->result->warnings[w];
		tell(model, &event);
	}
}

void sl_model_note(struct sl_model *model, const char *topic, const char *pool, const char *node,
		   const char *text)
{
	struct sl_model_event event = {
		.kind = SL_EVENT_NOTE, .topic = topic, .pool = pool, .node = node, .text = text};

	tell(model, &event);
}
