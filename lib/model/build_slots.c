/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>

#include "model/inside.h"
#include "state/slots.h"

uint64_t sl_build_idle_ms(const struct sl_conf_pool *conf)
{
	return SL_MAX(conf->idle_ms_tcp, SL_MAX(conf->idle_ms_udp, conf->idle_ms_other));
}

bool sl_build_picks(const struct sl_conf_pool *conf)
{
	return !sl_sched_fills_slots(conf->scheduler) || conf->max_load;
}

enum sl_tracking sl_build_tracking(const struct sl_conf_pool *conf)
{
	if (sl_build_picks(conf))
		return SL_TRACKING_FULL;
	switch (conf->tracking) {
	case SL_CONF_TRACKING_NONE:
		return SL_TRACKING_NONE;
	case SL_CONF_TRACKING_FULL:
		return SL_TRACKING_FULL;
	case SL_CONF_TRACKING_AUTO:
	case SL_CONF_TRACKING_TRANSITION:
		break;
	}
	return SL_TRACKING_TRANSITION;
}

int64_t sl_build_longer_ms(const struct sl_model *model, uint32_t place)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	const struct sl_body_pool *body = &model->pools[pool->index];

	if (!body->built)
		return 0;
	return (int64_t)sl_build_idle_ms(&pool->conf) - (int64_t)body->idle_ms;
}

/* Whether some unsettled service goes by what the pool says. */
static bool is_asked(const struct sl_model *model, uint32_t pool)
{
	for (uint32_t i = 0; i < SL_SERVICES_MAX; i++)
		if (model->services[i].use == SL_USE_LIVE && model->services[i].pointed &&
		    model->services[i].view.prior_pool == pool)
			return true;
	return sl_build_formers_go_by(model, pool);
}

/* Some time passes until every core has seen what is built now. */
static uint64_t open_for(uint64_t idle_ms)
{
	return idle_ms + SL_SETTLE_MARGIN_MS;
}

uint64_t sl_build_open_ms(const struct sl_model *model, const struct sl_image_pool *pool,
			  uint64_t now_ms)
{
	const struct sl_body_pool *body = &model->pools[pool->index];
	uint64_t idle_ms = SL_MAX(sl_build_idle_ms(&pool->conf), body->built ? body->idle_ms : 0);
	bool was_full = body->built && body->tracking == SL_TRACKING_FULL;
	bool recent = body->full_since_ms && now_ms < body->full_since_ms + open_for(idle_ms);

	switch (sl_build_tracking(&pool->conf)) {
	case SL_TRACKING_NONE:
		return 0;
	case SL_TRACKING_TRANSITION:
		return open_for(idle_ms);
	case SL_TRACKING_FULL:
		return body->built && (!was_full || recent || is_asked(model, pool->index))
			       ? open_for(idle_ms)
			       : 0;
	}
	return 0;
}

static enum sl_slots_rest rest_of(const struct sl_conf_pool *conf, const struct sl_body_pool *body)
{
	enum sl_tracking tracking = sl_build_tracking(conf);

	if (!body->built || tracking == SL_TRACKING_NONE)
		return SL_SLOTS_REST;
	if (sl_build_picks(conf) && !body->picks)
		return SL_SLOTS_OPEN;
	if ((tracking == SL_TRACKING_FULL) != (body->tracking == SL_TRACKING_FULL))
		return SL_SLOTS_UNSETTLE;
	return SL_SLOTS_REST;
}

/* Whether a node whose live flows stayed with it does so no more. */
static bool lost_keeper(const struct sl_model *model, const struct sl_image_pool *built,
			const struct sl_snapshot *snapshot)
{
	for (uint32_t n = 0; n < built->node_count; n++) {
		uint32_t index = built->nodes[n].index;

		if (sl_snapshot_node_flags(model->snapshot, index) &
		    ~sl_snapshot_node_flags(snapshot, index) & SL_NODE_KEEPS)
			return true;
	}
	return false;
}

/* Adds to the slots of one list those of another; both are ascending. */
static int join(struct sl_table_moves *moves, const struct sl_table_moves *more)
{
	uint32_t *all, count = 0, a = 0, b = 0;

	if (more->count == 0)
		return 0;
	all = malloc((moves->count + more->count) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	while (a < moves->count || b < more->count) {
		uint32_t of_a = a < moves->count ? moves->slots[a] : UINT32_MAX;
		uint32_t of_b = b < more->count ? more->slots[b] : UINT32_MAX;

		all[count++] = SL_MIN(of_a, of_b);
		a += of_a <= of_b;
		b += of_b <= of_a;
	}
	free(moves->own);
	*moves = (struct sl_table_moves){.slots = all, .count = count, .own = all};
	return 0;
}

/* The slots that packets see otherwise than in the pool that was built last: another node, or the same,
 * lent or not lent any more. */
static int compare(const struct sl_image_pool *pool, const struct sl_image_pool *built,
		   struct sl_table_moves *moves)
{
	struct sl_table_moves home = {0};
	int status = sl_table_compare(pool->target, built->target, moves);

	if (status == 0 && (pool->target != pool->home || built->target != built->home))
		status = sl_table_compare(pool->home, built->home, &home);
	if (status == 0)
		status = join(moves, &home);
	free(home.own);
	return status;
}

/* The slots that differ from those that were built last, when nothing else does; moved->slots is NULL
 * when more does. */
static int find_moves(const struct sl_model *model, const struct sl_image_pool *pool,
		      const struct sl_slots_move *move, struct sl_table_moves *moved)
{
	const struct sl_image_pool *built = model->pools[pool->index].built;
	static const uint32_t none;
	int status;

	*moved = (struct sl_table_moves){0};
	if (!built || !built->home || !model->snapshot || move->before->count != move->count ||
	    built->target->count != move->count || built->home->count != move->count ||
	    move->rest != SL_SLOTS_REST || (move->longer_ms && move->before->open_count) ||
	    lost_keeper(model, built, move->snapshot))
		return 0;
	status = compare(pool, built, moved);
	if (status == 0 && moved->count == 0)
		moved->slots = &none;
	return status;
}

/* What packets use, slots that are not at home marked; the target itself when all are. own is to be
 * freed. */
static const uint32_t *words_of(const struct sl_image_pool *pool, uint32_t **own)
{
	uint32_t *words;

	*own = NULL;
	if (pool->target == pool->home)
		return pool->target->word;
	words = malloc(pool->target->count * sizeof(*words));
	for (uint32_t s = 0; words && s < pool->target->count; s++) {
		uint32_t node = pool->target->word[s];

		words[s] = node == pool->home->word[s] ? node : node | SL_SLOT_LENT;
	}
	*own = words;
	return words;
}

int sl_build_slots(const struct sl_model *model, uint32_t place, const struct sl_snapshot *snapshot,
		   struct sl_slot_table **slots)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	const struct sl_conf_pool *conf = &pool->conf;
	const struct sl_body_pool *body = &model->pools[pool->index];
	struct sl_table_moves moved;
	struct sl_slots_move move = {
		.before = body->slots,
		.memory = body->memory,
		.snapshot = snapshot,
		.count = pool->target->count,
		.now_ms = model->options.now_ms(),
		.open_ms = sl_build_open_ms(model, pool, model->options.now_ms()),
		.longer_ms = sl_build_longer_ms(model, place),
		.rest = rest_of(conf, body),
		.since_ms = body->built && body->tracking == SL_TRACKING_FULL
				    ? body->full_since_ms
				    : model->options.now_ms(),
		.full = sl_build_tracking(conf) == SL_TRACKING_FULL,
	};
	uint32_t *own;
	int status;

	if (body->built == pool) {
		*slots = sl_slot_table_get(body->slots);
		return 0;
	}
	status = find_moves(model, pool, &move, &moved);
	if (status < 0) {
		free(moved.own);
		return status;
	}
	move.moved = moved.slots;
	move.moved_count = moved.count;
	move.words = words_of(pool, &own);
	status = move.words ? sl_slots_move(&move, slots) : -ENOMEM;
	free(own);
	free(moved.own);
	return status;
}
