/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include "ctl/body.h"

int sl_build_slots(const struct sl_model *model, uint32_t place, const struct sl_snapshot *snapshot,
		   struct sl_slot_table **slots)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	const struct sl_image_pool *built = model->pools[pool->index].built;
	struct sl_slot_table *made;
	int status;

	(void)snapshot;
	if (built && built->target == pool->target && built->home == pool->home)
		return 0;
	status = sl_slot_table_create(pool->target->count, 0, &made);
	if (status < 0)
		return status;
	for (uint32_t s = 0; s < made->count; s++) {
		uint32_t node = pool->target->word[s];

		made->word[s] = node == pool->home->word[s] ? node : node | SL_SLOT_LENT;
	}
	*slots = made;
	return 0;
}

void sl_build_service_point(const struct sl_model *model, struct sl_body_service *service,
			    uint32_t pool, const struct sl_conf_pool *conf)
{
	uint64_t now = model->options.now_ms();
	uint64_t idle = SL_MAX(conf->idle_ms_tcp, SL_MAX(conf->idle_ms_udp, conf->idle_ms_other));

	if (service->pool == pool)
		return;
	if (service->pool == SL_SERVICE_NONE) {
		service->pool = pool;
		return;
	}
	if (service->prior_pool == SL_SERVICE_NONE || now >= service->open_until_ms) {
		service->prior_pool = service->pool;
		service->open_until_ms = now + idle;
	} else if (service->prior_pool == pool) {
		service->open_until_ms = now;
	}
	service->pool = pool;
	service->moved_at_ms = now;
}
