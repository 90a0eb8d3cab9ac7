/* SPDX-License-Identifier: BSD-3-Clause */

/* Services that were pointed at other pools before a crash, as the records tell it. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/lookup.h"
#include "carry/carried.h"
#include "state/service.h"
#include "state/slots.h"

#define POOL_NONE SL_SERVICE_NONE

/* A service of the present image; pools by their place there, times by the wall clock. */
struct told_service {
	struct sl_service_view view;
	bool met;
};

struct sl_told_services {
	const struct sl_model *model;
	struct told_service *services; /* as listed */
	uint32_t *pools;	       /* listed pools of a past image -> places; room for them */
	uint32_t pool_room;
};

struct sl_told_services *sl_told_services_create(const struct sl_model *model)
{
	struct sl_told_services *told = calloc(1, sizeof(*told));

	if (!told)
		return NULL;
	told->model = model;
	told->services = calloc(model->image->service_count + 1, sizeof(*told->services));
	if (!told->services) {
		free(told);
		return NULL;
	}
	return told;
}

void sl_told_services_destroy(struct sl_told_services *told)
{
	if (!told)
		return;
	free(told->services);
	free(told->pools);
	free(told);
}

static uint64_t idle_ms(const struct sl_told_services *told, uint32_t pool)
{
	return sl_build_idle_ms(&told->model->image->pools[pool]->conf);
}

static uint64_t open_ms(const struct sl_told_services *told, uint32_t a, uint32_t b)
{
	return SL_MAX(idle_ms(told, a), idle_ms(told, b)) + SL_SETTLE_MARGIN_MS;
}

static void settle(struct sl_service_view *view, uint32_t pool)
{
	*view = (struct sl_service_view){.pool = pool, .prior_pool = POOL_NONE};
}

/* A service that is at this pool then. */
static void tell(const struct sl_told_services *told, struct told_service *service, uint32_t pool,
		 uint64_t wall_ms)
{
	struct sl_service_view *view = &service->view;

	if (!service->met || pool == POOL_NONE || view->pool == POOL_NONE) {
		settle(view, pool);
		service->met = true;
		return;
	}
	if (view->prior_pool != POOL_NONE && wall_ms >= view->open_until_ms &&
	    wall_ms >= view->moved_at_ms + idle_ms(told, view->pool))
		settle(view, view->pool);
	if (sl_service_view_point(view, pool, wall_ms, open_ms(told, view->pool, pool)))
		settle(view, pool);
}

static const char *pool_name(const void *image, uint32_t place)
{
	return ((const struct sl_image *)image)->pools[place]->name;
}

static const char *service_name(const void *image, uint32_t place)
{
	return ((const struct sl_image *)image)->conf->services[place].name;
}

static int find_pools(struct sl_told_services *told, const struct sl_image *past)
{
	const struct sl_image *image = told->model->image;
	struct sl_lookup lookup;

	if (past->listed_count > told->pool_room) {
		uint32_t *pools = realloc(told->pools, past->listed_count * sizeof(*pools));

		if (!pools)
			return -ENOMEM;
		told->pools = pools;
		told->pool_room = past->listed_count;
	}
	sl_lookup_init(&lookup, image, image->listed_count, pool_name);
	for (uint32_t p = 0; p < past->listed_count; p++) {
		int place = sl_lookup_find(&lookup, past->pools[p]->name);

		told->pools[p] = place < 0 ? POOL_NONE : (uint32_t)place;
	}
	sl_lookup_fini(&lookup);
	return 0;
}

int sl_told_services_tell(struct sl_told_services *told, const struct sl_image *past,
			  uint64_t wall_ms)
{
	const struct sl_image *image = told->model->image;
	struct sl_lookup lookup;
	int rc = find_pools(told, past);

	if (rc)
		return rc;
	sl_lookup_init(&lookup, past, past->service_count, service_name);
	for (uint32_t s = 0; s < image->service_count; s++) {
		int place = sl_lookup_find(&lookup, image->conf->services[s].name);

		if (place < 0)
			told->services[s].met = false;
		else
			tell(told, &told->services[s],
			     told->pools[past->conf->services[place].pool], wall_ms);
	}
	sl_lookup_fini(&lookup);
	return 0;
}

/* Places become indices, wall-clock times those of this run. */
static void reopen(struct sl_model *model, struct sl_service_view *to,
		   const struct sl_service_view *view, uint64_t wall_ms)
{
	struct sl_image_pool *const *pools = model->image->pools;
	uint64_t now_ms = model->options.now_ms();

	to->prior_pool = pools[view->prior_pool]->index;
	to->open_until_ms = now_ms + view->open_until_ms - wall_ms;
	to->moved_at_ms = now_ms - SL_MIN(now_ms, wall_ms - SL_MIN(wall_ms, view->moved_at_ms));
	to->since_ms = now_ms;
	to->via_count = 0;
	for (uint8_t v = 0; v < view->via_count; v++)
		to->via[to->via_count++] = pools[view->via[v]]->index;
}

uint32_t sl_told_services_take_up(struct sl_model *model, struct sl_told_services *told,
				  uint64_t wall_ms)
{
	const struct sl_image *image = model->image;
	uint32_t count = 0;

	for (uint32_t s = 0; s < image->service_count; s++) {
		uint32_t index = image->service_index[s];
		struct told_service *service = &told->services[s];
		struct sl_service_view *view = &service->view;

		if (!service->met)
			continue;
		/* the file may have pointed it elsewhere again */
		tell(told, service, image->conf->services[s].pool, wall_ms);
		if (view->prior_pool == POOL_NONE || wall_ms >= view->open_until_ms)
			continue;
		reopen(model, &model->services[index].view, view, wall_ms);
		model->options.cores[0]->service_stamps[index].away =
			sl_tick(model->options.now_ms());
		count++;
	}
	return count;
}
