/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/balance.h"
#include "model/inside.h"
#include "state/former.h"
#include "state/service.h"
#include "state/slots.h"

/* Some time passes until every core has seen what is built now. */
static uint64_t open_for(uint64_t idle_ms)
{
	return idle_ms + SL_SETTLE_MARGIN_MS;
}

/* ---- services that are pointed at another pool ----------------------------------------------- */

/* The longest idle timeout of two pools, as it was when the last snapshot was built, or as it is. */
static int64_t service_longer_ms(const struct sl_model *model, const struct sl_service_view *view)
{
	int64_t before = 0, after = 0;

	for (uint32_t p = 0; p < model->image->pool_count; p++) {
		const struct sl_image_pool *pool = model->image->pools[p];
		int64_t idle_ms = (int64_t)sl_build_idle_ms(&pool->conf);

		if (pool->index != view->pool && pool->index != view->prior_pool)
			continue;
		after = SL_MAX(after, idle_ms);
		before = SL_MAX(before, idle_ms - sl_build_longer_ms(model, p));
	}
	return after - before;
}

/* Points the service at a pool in *view: 0 or -EBUSY. */
static int point(const struct sl_model *model, const struct sl_body_service *service,
		 const struct sl_image_pool *pool, struct sl_service_view *view)
{
	uint64_t now_ms = model->options.now_ms(), idle_ms = sl_build_idle_ms(&pool->conf);

	*view = service->view;
	view->serial = service->serial;
	if (!service->pointed) {
		*view = (struct sl_service_view){.pool = pool->index,
						 .prior_pool = SL_SERVICE_NONE,
						 .serial = service->serial};
		return 0;
	}
	if (view->prior_pool != SL_SERVICE_NONE)
		view->open_until_ms = sl_slots_prolong(view->open_until_ms, now_ms,
						       service_longer_ms(model, view));
	if (view->pool == pool->index)
		return 0;
	return sl_service_view_point(view, pool->index, now_ms,
				     open_for(SL_MAX(idle_ms, model->pools[view->pool].idle_ms)));
}

/* ---- services whose packets become another's ------------------------------------------------- */

/* The longest idle timeout of all pools, and as it was when the last snapshot was built. */
static void find_idle(const struct sl_model *model, const struct sl_image *image,
		      uint64_t *before_ms, uint64_t *after_ms)
{
	*before_ms = *after_ms = 0;
	for (uint32_t p = 0; p < image->pool_count; p++) {
		const struct sl_image_pool *pool = image->pools[p];
		const struct sl_body_pool *body = &model->pools[pool->index];
		uint64_t idle_ms = sl_build_idle_ms(&pool->conf);

		*after_ms = SL_MAX(*after_ms, idle_ms);
		*before_ms = SL_MAX(*before_ms, body->built ? body->idle_ms : idle_ms);
	}
}

/* Those of the present snapshot, open for as long as the idle timeouts that are to be. */
static int prolong(const struct sl_model *model, int64_t longer_ms, struct sl_former **formers,
		   uint32_t *count)
{
	int status = 0;

	for (*count = 0; *count < model->former_count && status == 0; ++*count) {
		struct sl_former *former = model->formers[*count];

		if (longer_ms)
			status = sl_former_prolong(former, model->options.now_ms(), longer_ms,
						   &formers[*count]);
		else
			formers[*count] = sl_former_get(former);
		if (status < 0)
			return status;
	}
	return 0;
}

static void put_formers(struct sl_former **formers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		sl_former_put(formers[i]);
}

/* What the services of the present snapshot say; by index. */
static struct sl_service_view *views_before(const struct sl_model *model)
{
	struct sl_service_view *views = calloc(SL_SERVICES_MAX, sizeof(*views));

	for (uint32_t i = 0; views && i < SL_SERVICES_MAX; i++) {
		views[i] = model->services[i].view;
		views[i].serial = model->services[i].serial;
	}
	return views;
}

static int move_regions(const struct sl_model *model, const struct sl_image *image,
			struct sl_build_services *services)
{
	struct sl_former *before[SL_FORMERS_MAX];
	struct sl_former_move move = {.before = before,
				      .from = model->snapshot->service_table,
				      .to = image->service_table,
				      .is = services->views,
				      .now_ms = model->options.now_ms(),
				      .force = services->force};
	struct sl_service_view *was = NULL;
	uint64_t before_ms, after_ms;
	int status;

	find_idle(model, image, &before_ms, &after_ms);
	status = prolong(model, (int64_t)after_ms - (int64_t)before_ms, before, &move.before_count);
	if (status == 0 && move.from == move.to) {
		memcpy(services->formers, before, sizeof(before));
		services->former_count = move.before_count;
		return 0;
	}
	if (status == 0)
		move.was = was = views_before(model);
	move.idle_ms = SL_MAX(before_ms, after_ms);
	move.open_ms = open_for(move.idle_ms);
	if (status == 0)
		status = was ? sl_former_move(&move, services->formers, &services->former_count)
			     : -ENOMEM;
	free(was);
	put_formers(before, move.before_count);
	return status;
}

bool sl_build_formers_go_by(const struct sl_model *model, uint32_t pool)
{
	for (uint32_t i = 0; i < model->former_count; i++)
		if (sl_former_goes_by(model->formers[i], pool))
			return true;
	return false;
}

/* ---- all ------------------------------------------------------------------------------------- */

int sl_build_service_table(struct sl_edit *edit)
{
	struct sl_image *image = edit->image;
	struct sl_service_spec *specs;
	uint32_t first = 0, second = 0;
	int status;

	if (image->service_table)
		return 0;
	specs = calloc(image->service_count + 1, sizeof(*specs));
	if (!specs)
		return sl_err_set(edit->err, -ENOMEM, "no memory");
	for (uint32_t s = 0; s < image->service_count; s++) {
		const struct sl_conf_service *service = &image->conf->services[s];

		specs[s] = (struct sl_service_spec){
			.index = image->service_index[s],
			.any = service->any,
			.prefix = service->prefix,
			.protocol = service->protocol,
			.vlan = service->vlan,
			.ports = service->ports,
			.port_count = service->port_count,
			.sources = service->sources,
			.source_count = service->source_count,
		};
	}
	status = sl_service_table_build(specs, image->service_count, &image->service_table, &first,
					&second);
	free(specs);
	if (status == -EEXIST)
		return sl_err_set(edit->err, -EINVAL, "services %s and %s take the same packets",
				  image->conf->services[first].name,
				  image->conf->services[second].name);
	if (status == -E2BIG)
		return sl_err_set(edit->err, -EINVAL,
				  "services that share ports have too many sources");
	return status < 0 ? sl_err_set(edit->err, status, "cannot build the service table") : 0;
}

/* The pools that operators point services at, by index; SL_SERVICE_NONE where there is no service. */
static uint32_t *pools_before(const struct sl_image *image)
{
	uint32_t *pools = malloc(SL_SERVICES_MAX * sizeof(*pools));

	if (pools)
		memset(pools, 0xff, SL_SERVICES_MAX * sizeof(*pools));
	for (uint32_t s = 0; pools && image && s < image->service_count; s++)
		pools[image->service_index[s]] = image->pools[image->conf->services[s].pool]->index;
	return pools;
}

/* Points one service. Nobody asked to point it elsewhere when its pool is the one before, whoever serves
 * for that now: where it is pointed then is not refused. */
static int point_one(const struct sl_model *model, const struct sl_image *image, uint32_t s,
		     const uint32_t *before, struct sl_build_services *services)
{
	const struct sl_conf_service *conf = &image->conf->services[s];
	uint32_t index = image->service_index[s];
	const struct sl_body_service *body = &model->services[index];
	const struct sl_image_pool *pool =
		image->pools[before ? conf->pool : sl_balance_serving(image, conf->pool)];
	bool stays = before && body->pointed && before[index] == pool->index;
	int status = stays ? -EBUSY : point(model, body, pool, &services->views[index]);

	if (status == 0)
		return 0;
	if (before && !stays) {
		services->refused = conf;
		return status;
	}
	/* Pointed elsewhere too often since it settled, or not at all: it stays where it is. */
	services->views[index] = body->view;
	services->views[index].serial = body->serial;
	return 0;
}

int sl_build_services(const struct sl_model *model, const struct sl_image *image,
		      struct sl_build_services *services)
{
	uint32_t *before = NULL;
	int status = 0;

	services->refused = NULL;
	services->former_count = 0;
	if (!services->force) {
		before = pools_before(model->image);
		if (!before)
			return -ENOMEM;
	}
	for (uint32_t s = 0; s < image->service_count && status == 0; s++)
		status = point_one(model, image, s, before, services);
	free(before);
	if (status < 0)
		return status;
	if (!model->snapshot || !model->snapshot->service_table)
		return 0;
	return move_regions(model, image, services);
}
