/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>

#include "ctl/body.h"
#include "state/slots.h"

uint64_t sl_build_idle_ms(const struct sl_conf_pool *conf)
{
	return SL_MAX(conf->idle_ms_tcp, SL_MAX(conf->idle_ms_udp, conf->idle_ms_other));
}

/* Slots open only where some flows are tracked and others are not. */
static uint64_t open_ms(const struct sl_conf_pool *conf)
{
	bool transition = conf->tracking == SL_CONF_TRACKING_AUTO ||
			  conf->tracking == SL_CONF_TRACKING_TRANSITION;

	return transition && sl_sched_fills_slots(conf->scheduler) ? sl_build_idle_ms(conf) : 0;
}

int sl_build_slots(const struct sl_model *model, uint32_t place, const struct sl_snapshot *snapshot,
		   struct sl_slot_table **slots)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	const struct sl_conf_pool *conf = sl_image_pool_conf(model->image, place);
	const struct sl_body_pool *body = &model->pools[pool->index];
	struct sl_slots_move move = {
		.before = body->slots,
		.memory = body->memory,
		.snapshot = snapshot,
		.count = pool->target->count,
		.now_ms = model->options.now_ms(),
		.open_ms = SL_MAX(open_ms(conf), body->built ? body->idle_ms : 0),
	};
	uint32_t *words;
	int status;

	if (body->built == pool) {
		*slots = sl_slot_table_get(body->slots);
		return 0;
	}
	if (open_ms(conf) == 0)
		move.open_ms = 0;
	words = malloc(move.count * sizeof(*words));
	if (!words)
		return -ENOMEM;
	for (uint32_t s = 0; s < move.count; s++) {
		uint32_t node = pool->target->word[s];

		words[s] = node == pool->home->word[s] ? node : node | SL_SLOT_LENT;
	}
	move.words = words;
	status = sl_slots_move(&move, slots);
	free(words);
	return status;
}

int sl_build_service(const struct sl_model *model, const struct sl_body_service *service,
		     uint32_t pool, uint64_t idle_ms, struct sl_service_view *view)
{
	*view = service->view;
	if (!service->pointed) {
		*view = (struct sl_service_view){.pool = pool, .prior_pool = SL_SERVICE_NONE};
		return 0;
	}
	if (view->pool == pool)
		return 0;
	return sl_service_view_point(view, pool, model->options.now_ms(),
				     SL_MAX(idle_ms, model->pools[view->pool].idle_ms));
}
