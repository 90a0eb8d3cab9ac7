/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/former.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "state/service.h"
#include "state/service_table.h"
#include "state/slots.h"
#include "state/source.h"

/* ---- one former ------------------------------------------------------------------------------ */

static size_t size_of(uint32_t count)
{
	return sizeof(struct sl_former) + sizeof(struct sl_service_view) * count;
}

struct sl_former *sl_former_create(struct sl_service_table *table, uint32_t count)
{
	struct sl_former *made = sl_mem_alloc(size_of(count));

	if (!made)
		return NULL;
	made->references = 1;
	made->count = count;
	made->table = sl_service_table_get(table);
	return made;
}

static struct sl_former *copy(const struct sl_former *former)
{
	struct sl_former *made = sl_former_create(former->table, former->count);

	if (!made)
		return NULL;
	memcpy(made->view, former->view, sizeof(*made->view) * former->count);
	made->since_ms = former->since_ms;
	made->open_until_ms = former->open_until_ms;
	made->idle_ms = former->idle_ms;
	return made;
}

struct sl_former *sl_former_get(struct sl_former *former)
{
	former->references++;
	return former;
}

void sl_former_put(struct sl_former *former)
{
	if (!former || --former->references > 0)
		return;
	sl_service_table_put(former->table);
	sl_mem_free(former, size_of(former->count));
}

int sl_former_prolong(const struct sl_former *former, uint64_t now_ms, int64_t longer_ms,
		      struct sl_former **after)
{
	struct sl_former *made = copy(former);

	if (!made)
		return -ENOMEM;
	made->open_until_ms = sl_slots_prolong(made->open_until_ms, now_ms, longer_ms);
	made->idle_ms += (uint64_t)SL_MAX(longer_ms, 0);
	for (uint32_t i = 0; i < made->count; i++)
		if (made->view[i].flags & SL_SERVICE_LEFT)
			made->view[i].open_until_ms =
				sl_slots_prolong(made->view[i].open_until_ms, now_ms, longer_ms);
	*after = made;
	return 0;
}

bool sl_former_is_over(const struct sl_former *former, uint64_t now_ms)
{
	return now_ms >= former->open_until_ms + former->idle_ms + SL_SETTLE_MARGIN_MS;
}

static bool view_goes_by(const struct sl_service_view *view, uint32_t pool)
{
	for (uint32_t v = 0; v < view->via_count; v++)
		if (view->via[v] == pool)
			return true;
	return view->pool == pool || view->prior_pool == pool;
}

bool sl_former_goes_by(const struct sl_former *former, uint32_t pool)
{
	for (uint32_t i = 0; i < former->count; i++)
		if ((former->view[i].flags & SL_SERVICE_LEFT) &&
		    view_goes_by(&former->view[i], pool))
			return true;
	return false;
}

/* ---- services -------------------------------------------------------------------------------- */

static bool share_ports(const struct sl_service_spec *a, const struct sl_service_spec *b)
{
	if (!a->port_count || !b->port_count)
		return true;
	for (uint32_t i = 0; i < a->port_count; i++)
		for (uint32_t j = 0; j < b->port_count; j++)
			if (a->ports[i].first <= b->ports[j].last &&
			    b->ports[j].first <= a->ports[i].last)
				return true;
	return false;
}

static bool share_addresses(const struct sl_service_spec *a, const struct sl_service_spec *b)
{
	if (a->any || b->any)
		return true;
	if (a->prefix.length <= b->prefix.length)
		return sl_prefix_contains(&a->prefix, &b->prefix.addr);
	return sl_prefix_contains(&b->prefix, &a->prefix.addr);
}

/* Whether some packet could be both services'. */
static bool overlap(const struct sl_service_spec *a, const struct sl_service_spec *b)
{
	return (a->protocol < 0 || b->protocol < 0 || a->protocol == b->protocol) &&
	       (!a->vlan || !b->vlan || a->vlan == b->vlan) && share_addresses(a, b) &&
	       share_ports(a, b) && sl_source_shared(a, b);
}

/* Whether both take the same packets where no other service is about. */
static bool are_equal(const struct sl_service_spec *a, const struct sl_service_spec *b)
{
	if (a->any != b->any || a->protocol != b->protocol || a->vlan != b->vlan ||
	    a->port_count != b->port_count || a->source_count != b->source_count)
		return false;
	if (a->source_count &&
	    memcmp(a->sources, b->sources, a->source_count * sizeof(*a->sources)) != 0)
		return false;
	if (!a->any && (a->prefix.length != b->prefix.length ||
			memcmp(&a->prefix.addr, &b->prefix.addr, sizeof(a->prefix.addr)) != 0))
		return false;
	return !a->port_count || memcmp(a->ports, b->ports, a->port_count * sizeof(*a->ports)) == 0;
}

static const struct sl_service_spec *find(const struct sl_service_table *table, uint32_t index)
{
	for (uint32_t i = 0; i < table->spec_count; i++)
		if (table->specs[i].index == index)
			return &table->specs[i];
	return NULL;
}

/* ---- a move ---------------------------------------------------------------------------------- */

/* What becomes of each service; by place in its table. */
struct plan {
	const struct sl_former_move *move;
	bool *was_changed; /* of from: gone, or takes other packets */
	bool *is_changed;  /* of to: new, or takes other packets */
	bool *leaves;	   /* of from: some of its packets are another's */
	uint32_t *at;	   /* by index: 1 + its place in from */
	uint32_t was_changed_count;
	bool moves;
	bool melts; /* into the last former */
};

static bool is_same(const struct plan *plan, const struct sl_service_spec *was,
		    const struct sl_service_spec *is)
{
	const struct sl_former_move *move = plan->move;

	return was->index == is->index &&
	       move->was[was->index].serial == move->is[is->index].serial;
}

static void find_changed(struct plan *plan)
{
	const struct sl_service_table *from = plan->move->from, *to = plan->move->to;

	plan->was_changed_count = from->spec_count;
	for (uint32_t i = 0; i < from->spec_count; i++) {
		plan->at[from->specs[i].index] = i + 1;
		plan->was_changed[i] = true;
	}
	for (uint32_t i = 0; i < to->spec_count; i++) {
		const struct sl_service_spec *is = &to->specs[i];
		uint32_t at = plan->at[is->index];

		plan->is_changed[i] = !at || !is_same(plan, &from->specs[at - 1], is) ||
				      !are_equal(&from->specs[at - 1], is);
		if (!plan->is_changed[i]) {
			plan->was_changed[at - 1] = false;
			plan->was_changed_count--;
		}
	}
}

/* Whether live flows of packets that go from one service to the other need to be told apart. */
static bool differ(const struct sl_service_view *was, const struct sl_service_view *is)
{
	return was->pool != is->pool || was->prior_pool != SL_SERVICE_NONE ||
	       is->prior_pool != SL_SERVICE_NONE;
}

/* The service is unsettled from now on, its own packets as they were. */
static void gain(const struct sl_former_move *move, struct sl_service_view *view)
{
	view->flags |= SL_SERVICE_GAINED;
	view->moved_at_ms = move->now_ms;
	if (view->prior_pool != SL_SERVICE_NONE)
		return;
	view->prior_pool = view->pool;
	view->since_ms = move->now_ms;
	view->open_until_ms = 0; /* whom it had it has */
	view->via_count = 0;
}

/* Whether the packets that go from one service to the other may have gone before since the former. */
static bool moved_before(const struct sl_former *former, const struct sl_service_spec *was,
			 const struct sl_service_spec *is)
{
	const struct sl_service_table *table = former->table;

	for (uint32_t i = 0; i < table->spec_count; i++)
		if (table->specs[i].index != was->index &&
		    (former->view[table->specs[i].index].flags & SL_SERVICE_LEFT) &&
		    overlap(&table->specs[i], was) && overlap(&table->specs[i], is))
			return true;
	return false;
}

/* Whether what the former says of packets that go from one service to the other is so still: they have
 * been the one's since, and have gone by the same pools. */
static bool may_melt(const struct sl_former_move *move, const struct sl_former *former,
		     const struct sl_service_spec *was, const struct sl_service_spec *is)
{
	const struct sl_service_view *now = &move->was[was->index], *then;
	const struct sl_service_spec *before = find(former->table, was->index);
	bool closed;

	if (!before || !are_equal(before, was))
		return false;
	then = &former->view[was->index];
	if (then->serial != now->serial || then->pool != now->pool)
		return false;
	closed = then->prior_pool == SL_SERVICE_NONE || then->open_until_ms <= former->since_ms;
	if ((now->flags & SL_SERVICE_GAINED) && !(then->flags & SL_SERVICE_GAINED))
		return closed && now->prior_pool == now->pool && !now->open_until_ms &&
		       !moved_before(former, was, is);
	if (then->moved_at_ms != now->moved_at_ms || (now->flags & SL_SERVICE_GAINED))
		return false;
	return closed || (now->prior_pool != SL_SERVICE_NONE && move->now_ms < now->open_until_ms);
}

static void find_moves(struct plan *plan)
{
	const struct sl_former_move *move = plan->move;
	const struct sl_service_table *from = move->from, *to = move->to;

	for (uint32_t i = 0; i < to->spec_count; i++) {
		const struct sl_service_spec *is = &to->specs[i];
		bool gains = false;

		if (!plan->is_changed[i] && !plan->was_changed_count)
			continue;
		for (uint32_t j = 0; j < from->spec_count; j++) {
			const struct sl_service_spec *was = &from->specs[j];

			if (!(plan->is_changed[i] || plan->was_changed[j]) ||
			    is_same(plan, was, is) ||
			    !differ(&move->was[was->index], &move->is[is->index]) ||
			    !overlap(was, is))
				continue;
			plan->leaves[j] = gains = plan->moves = true;
			plan->melts = plan->melts && may_melt(move, move->before[0], was, is);
		}
		if (gains)
			gain(move, &move->is[is->index]);
	}
}

/* ---- formers --------------------------------------------------------------------------------- */

static struct sl_former *freeze(const struct plan *plan)
{
	const struct sl_former_move *move = plan->move;
	struct sl_former *made;
	uint32_t count = 0;

	for (uint32_t j = 0; j < move->from->spec_count; j++)
		count = SL_MAX(count, move->from->specs[j].index + 1);
	made = sl_former_create(move->from, count);
	if (!made)
		return NULL;
	made->since_ms = move->now_ms;
	for (uint32_t j = 0; j < move->from->spec_count; j++) {
		uint32_t index = move->from->specs[j].index;

		made->view[index] = move->was[index];
		made->view[index].flags &= (uint16_t)~SL_SERVICE_LEFT;
	}
	return made;
}

static int add(const struct plan *plan, struct sl_former **after, uint32_t *count)
{
	const struct sl_former_move *move = plan->move;
	bool melt = plan->melts;
	struct sl_former *made;
	uint32_t kept = 0;

	for (uint32_t i = melt; i < move->before_count; i++)
		kept += !sl_former_is_over(move->before[i], move->now_ms);
	if (kept == SL_FORMERS_MAX && !move->force)
		return -EBUSY;
	made = melt ? copy(move->before[0]) : freeze(plan);
	if (!made)
		return -ENOMEM;
	for (uint32_t j = 0; j < move->from->spec_count; j++)
		if (plan->leaves[j])
			made->view[move->from->specs[j].index].flags |= SL_SERVICE_LEFT;
	made->open_until_ms = SL_MAX(made->open_until_ms, move->now_ms + move->open_ms);
	made->idle_ms = SL_MAX(made->idle_ms, move->idle_ms);
	after[0] = made;
	*count = 1;
	for (uint32_t i = melt; i < move->before_count && *count < SL_FORMERS_MAX; i++)
		if (!sl_former_is_over(move->before[i], move->now_ms))
			after[(*count)++] = sl_former_get(move->before[i]);
	return 0;
}

static void keep(const struct sl_former_move *move, struct sl_former **after, uint32_t *count)
{
	*count = move->before_count;
	for (uint32_t i = 0; i < *count; i++)
		after[i] = sl_former_get(move->before[i]);
}

int sl_former_move(const struct sl_former_move *move, struct sl_former **after, uint32_t *count)
{
	size_t from = move->from->spec_count, to = move->to->spec_count;
	size_t size = sizeof(uint32_t) * SL_SERVICES_MAX + 2 * from + to;
	struct plan plan = {.move = move};
	int status = 0;

	plan.melts = move->before_count && move->now_ms < move->before[0]->open_until_ms;
	plan.at = sl_mem_alloc(size);
	if (!plan.at)
		return -ENOMEM;
	plan.was_changed = (bool *)(plan.at + SL_SERVICES_MAX);
	plan.leaves = plan.was_changed + from;
	plan.is_changed = plan.leaves + from;
	find_changed(&plan);
	find_moves(&plan);
	if (plan.moves)
		status = add(&plan, after, count);
	else
		keep(move, after, count);
	sl_mem_free(plan.at, size);
	return status;
}
