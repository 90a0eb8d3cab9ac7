/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/origin.h"

#include "base/bytes.h"
#include "state/former.h"
#include "state/service.h"

/* A service that the packet had, as it was when it lost it. */
struct owner {
	const struct sl_service_view *view;
	const struct sl_former *former;
};

/* Services that the packet had, the latest first; returns how many. */
static uint32_t find_owners(const struct sl_snapshot *snapshot,
			    const struct sl_service_view *service, const struct sl_pkt *pkt,
			    struct owner *owners)
{
	const struct sl_service_view *at = service;
	uint32_t count = 0;

	for (uint32_t i = 0; i < snapshot->former_count && (at->flags & SL_SERVICE_GAINED); i++) {
		const struct sl_former *former = snapshot->formers[i];
		const struct sl_service_view *view;
		uint32_t index;

		sl_service_lookup(former->table, pkt, 1, &index);
		if (index == SL_SERVICE_NONE)
			break;
		view = &former->view[index];
		if (view->serial != at->serial && (view->flags & SL_SERVICE_LEFT))
			owners[count++] = (struct owner){view, former};
		at = view;
	}
	return count;
}

static void add_via(struct sl_origin *origin, uint32_t pool)
{
	for (uint32_t i = 0; i < origin->via_count; i++)
		if (origin->via[i] == pool)
			return;
	origin->via[origin->via_count++] = pool;
}

static void add_pools(struct sl_origin *origin, const struct sl_service_view *view)
{
	for (uint32_t i = 0; i < view->via_count; i++)
		add_via(origin, view->via[i]);
	if (view->prior_pool != SL_SERVICE_NONE)
		origin->since_ms = SL_MIN(origin->since_ms, view->since_ms);
}

/* The pool before of a packet that leaves the owner: one that was open then stays so, and for as long as
 * if it moved now. With the time it had, and formers that are over forgotten, packets would be taken
 * for open then which had closed. */
static void leave(struct sl_origin *origin, const struct owner *owner)
{
	const struct sl_service_view *view = owner->view;
	uint64_t then_ms = owner->former->since_ms;

	if (then_ms >= origin->until_ms) {
		bool open = view->prior_pool != SL_SERVICE_NONE && then_ms < view->open_until_ms;

		origin->pool = open ? view->prior_pool : view->pool;
		origin->until_ms = open ? view->open_until_ms : 0;
	}
	origin->until_ms = SL_MAX(origin->until_ms, owner->former->open_until_ms);
}

void sl_origin_find(const struct sl_snapshot *snapshot, const struct sl_service_view *service,
		    const struct sl_pkt *pkt, uint64_t now_ms, struct sl_origin *origin)
{
	struct owner owners[SL_FORMERS_MAX];
	uint32_t count = find_owners(snapshot, service, pkt, owners);

	origin->pool = SL_SERVICE_NONE;
	origin->until_ms = 0;
	origin->since_ms = UINT64_MAX;
	origin->via_count = 0;
	add_pools(origin, service);
	if (count)
		origin->since_ms = owners[0].former->since_ms;
	for (uint32_t i = 0; i < count; i++) {
		add_pools(origin, owners[i].view);
		add_via(origin, owners[i].view->pool);
		origin->since_ms = SL_MIN(origin->since_ms, owners[i].former->since_ms);
	}
	for (uint32_t i = count; i-- > 0;)
		leave(origin, &owners[i]);
	/* What the service was before does not speak for packets that are open as another's. */
	if (origin->pool == SL_SERVICE_NONE ||
	    (now_ms >= origin->until_ms && origin->until_ms < service->open_until_ms)) {
		origin->pool = service->prior_pool;
		origin->until_ms = service->open_until_ms;
	}
}
