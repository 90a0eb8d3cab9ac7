/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "carry/carried.h"
#include "state/former.h"
#include "state/service.h"

/* ---- writing --------------------------------------------------------------------------------- */

/* 1 + the place among the pools that are carried; 0: none. */
static uint32_t number_of_pool(const struct sl_model *model, uint32_t index)
{
	uint32_t number = 0;

	for (uint32_t p = 0; p < model->image->pool_count; p++) {
		number += sl_carried_takes(model, p);
		if (model->image->pools[p]->index == index)
			return sl_carried_takes(model, p) ? number : 0;
	}
	return 0;
}

static void write_view(struct sl_pack *pack, const struct sl_model *model,
		       const struct sl_service_view *view, uint32_t serial, uint64_t now_ms)
{
	sl_pack_number(pack, serial);
	sl_pack_number(pack, view->flags & (SL_SERVICE_GAINED | SL_SERVICE_LEFT));
	sl_pack_number(pack, number_of_pool(model, view->pool));
	sl_carried_write_past(pack, now_ms, view->moved_at_ms);
	if (view->prior_pool == SL_SERVICE_NONE) {
		sl_pack_number(pack, 0);
		return;
	}
	sl_pack_number(pack, number_of_pool(model, view->prior_pool));
	sl_carried_write_until(pack, now_ms, view->open_until_ms);
	sl_carried_write_past(pack, now_ms, view->since_ms);
	sl_pack_number(pack, view->via_count);
	for (uint32_t v = 0; v < view->via_count; v++)
		sl_pack_number(pack, number_of_pool(model, view->via[v]));
}

static void write_service(struct sl_pack *pack, const struct sl_model *model, uint32_t s,
			  uint64_t now_ms)
{
	uint32_t index = model->image->service_index[s], refused = 0;
	const struct sl_body_service *service = &model->services[index];

	for (uint32_t c = 0; c < model->options.core_count; c++)
		refused = SL_MAX(refused, model->options.cores[c]->service_stamps[index].refused);
	sl_pack_number(pack, 1);
	sl_pack_text(pack, model->image->conf->services[s].name);
	write_view(pack, model, &service->view, service->serial, now_ms);
	sl_carried_write_past(pack, now_ms, (uint64_t)refused << SL_TICK_SHIFT);
}

static void write_spec(struct sl_pack *pack, const struct sl_service_spec *spec)
{
	sl_pack_number(pack, spec->any);
	sl_pack_block(pack, &spec->prefix, sizeof(spec->prefix));
	sl_pack_number(pack, (uint64_t)(spec->protocol + 1));
	sl_pack_number(pack, spec->vlan);
	sl_pack_number(pack, spec->port_count);
	for (uint32_t p = 0; p < spec->port_count; p++) {
		sl_pack_number(pack, spec->ports[p].first);
		sl_pack_number(pack, spec->ports[p].last);
	}
	sl_pack_number(pack, spec->source_count);
	for (uint32_t i = 0; i < spec->source_count; i++)
		sl_pack_block(pack, &spec->sources[i], sizeof(spec->sources[i]));
}

static void write_former(struct sl_pack *pack, const struct sl_model *model,
			 const struct sl_former *former, uint64_t now_ms)
{
	const struct sl_service_spec *specs;
	uint32_t count = sl_service_table_specs(former->table, &specs);

	sl_carried_write_past(pack, now_ms, former->since_ms);
	sl_carried_write_until(pack, now_ms, former->open_until_ms);
	sl_pack_number(pack, former->idle_ms);
	sl_pack_number(pack, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct sl_service_view *view = &former->view[specs[i].index];

		write_spec(pack, &specs[i]);
		write_view(pack, model, view, view->serial, now_ms);
	}
}

/* What services took in the end, as a former that is over. */
static void write_end(struct sl_pack *pack, const struct sl_model *model)
{
	const struct sl_service_view none = {.pool = SL_SERVICE_NONE,
					     .prior_pool = SL_SERVICE_NONE};
	const struct sl_service_spec *specs;
	uint32_t count = sl_service_table_specs(model->snapshot->service_table, &specs);

	sl_carried_write_past(pack, 0, 0);
	sl_carried_write_until(pack, 0, 0);
	sl_pack_number(pack, 0);
	sl_pack_number(pack, count);
	for (uint32_t i = 0; i < count; i++) {
		write_spec(pack, &specs[i]);
		write_view(pack, model, &none, model->services[specs[i].index].serial, 0);
	}
}

void sl_carried_write_services(struct sl_pack *pack, const struct sl_model *model, uint64_t now_ms)
{
	const struct sl_image *image = model->image;

	for (uint32_t s = 0; s < image->service_count; s++)
		if (model->services[image->service_index[s]].pointed)
			write_service(pack, model, s, now_ms);
	sl_pack_number(pack, 0);
	sl_pack_number(pack, 1 + model->former_count);
	write_end(pack, model);
	for (uint32_t i = 0; i < model->former_count; i++)
		write_former(pack, model, model->formers[i], now_ms);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int read_pool_number(struct sl_unpack *unpack, const struct sl_carried *carried,
			    uint32_t *pool)
{
	uint64_t number = sl_unpack_number(unpack);

	if (number > carried->pool_count || unpack->failed)
		return -EINVAL;
	*pool = number ? (uint32_t)number - 1 : SL_SERVICE_NONE;
	return 0;
}

static int read_via(struct sl_unpack *unpack, const struct sl_carried *carried,
		    struct sl_service_view *view)
{
	uint64_t count = sl_unpack_number(unpack);

	if (count > SL_SERVICE_VIA_MAX)
		return -EINVAL;
	for (uint64_t v = 0; v < count; v++) {
		if (read_pool_number(unpack, carried, &view->via[view->via_count]))
			return -EINVAL;
		if (view->via[view->via_count] != SL_SERVICE_NONE)
			view->via_count++;
	}
	return unpack->failed ? -EINVAL : 0;
}

static int read_view(struct sl_unpack *unpack, const struct sl_carried *carried,
		     struct sl_service_view *view)
{
	view->serial = (uint32_t)sl_unpack_number(unpack);
	view->flags = (uint16_t)(sl_unpack_number(unpack) & (SL_SERVICE_GAINED | SL_SERVICE_LEFT));
	if (read_pool_number(unpack, carried, &view->pool))
		return -EINVAL;
	view->moved_at_ms = sl_carried_read_past(unpack, carried);
	if (read_pool_number(unpack, carried, &view->prior_pool))
		return -EINVAL;
	if (view->prior_pool == SL_SERVICE_NONE)
		return unpack->failed ? -EINVAL : 0;
	view->open_until_ms = sl_carried_read_until(unpack, carried);
	view->since_ms = sl_carried_read_past(unpack, carried);
	return read_via(unpack, carried, view);
}

/* A service in the forms before. */
static int read_old(struct sl_unpack *unpack, const struct sl_carried *carried,
		    struct sl_carried_service *service)
{
	struct sl_service_view *view = &service->view;

	if (read_pool_number(unpack, carried, &view->pool) ||
	    read_pool_number(unpack, carried, &view->prior_pool))
		return -EINVAL;
	view->serial = carried->service_count + 1;
	if (view->prior_pool == SL_SERVICE_NONE)
		return 0;
	view->open_until_ms = sl_carried_read_until(unpack, carried);
	view->moved_at_ms = sl_carried_before(carried, sl_unpack_number(unpack));
	view->since_ms = sl_carried_read_past(unpack, carried);
	service->refused_ms = sl_carried_read_past(unpack, carried);
	return read_via(unpack, carried, view);
}

int sl_carried_read_service(struct sl_unpack *unpack, struct sl_carried *carried)
{
	struct sl_carried_service *service = &carried->services[carried->service_count];
	const char *name = sl_unpack_text(unpack);
	int rc;

	memcpy(service->name, name, strnlen(name, SL_NAME_LENGTH_MAX));
	if (carried->form < SL_REST_FORM_SERVICES) {
		rc = read_old(unpack, carried, service);
	} else {
		rc = read_view(unpack, carried, &service->view);
		service->refused_ms = sl_carried_read_past(unpack, carried);
	}
	carried->service_count += service->view.pool != SL_SERVICE_NONE;
	return rc;
}

static int read_prefix(struct sl_unpack *unpack, struct sl_prefix *prefix)
{
	size_t size;
	const uint8_t *octets = sl_unpack_block(unpack, &size);

	if (!octets || size != sizeof(*prefix))
		return -EINVAL;
	memcpy(prefix, octets, size);
	return 0;
}

static bool is_prefix(const struct sl_prefix *prefix)
{
	return (prefix->addr.family == SL_FAMILY_IPV4 || prefix->addr.family == SL_FAMILY_IPV6) &&
	       prefix->length <= sl_addr_bits(&prefix->addr);
}

static int read_sources(struct sl_unpack *unpack, struct sl_carried_former *former,
			struct sl_service_spec *spec)
{
	uint64_t count = sl_unpack_number(unpack);
	uint32_t room = former->source_count + (uint32_t)count;
	struct sl_prefix *grown;

	if (unpack->failed || count > SL_SOURCES_TOTAL_MAX - former->source_count)
		return -EINVAL;
	if (room > former->source_size) {
		grown = realloc(former->sources, 2 * (size_t)room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		former->sources = grown;
		former->source_size = 2 * room;
	}
	spec->source_count = (uint32_t)count;
	for (uint64_t i = 0; i < count; i++) {
		struct sl_prefix *source = &former->sources[former->source_count++];

		if (read_prefix(unpack, source) || !is_prefix(source))
			return -EINVAL;
	}
	return 0;
}

static int read_spec(struct sl_unpack *unpack, const struct sl_carried *carried,
		     struct sl_carried_former *former, struct sl_service_spec *spec)
{
	uint64_t protocol, vlan, count;

	spec->any = sl_unpack_number(unpack);
	if (read_prefix(unpack, &spec->prefix))
		return -EINVAL;
	protocol = sl_unpack_number(unpack);
	vlan = sl_unpack_number(unpack);
	count = sl_unpack_number(unpack);
	if (unpack->failed || protocol > 256 || vlan > UINT16_MAX || count > SL_SERVICE_PORTS_MAX ||
	    (!spec->any && !is_prefix(&spec->prefix)))
		return -EINVAL;
	spec->protocol = (int16_t)(protocol - 1);
	spec->vlan = (uint16_t)vlan;
	spec->port_count = (uint32_t)count;
	for (uint32_t p = 0; p < count; p++) {
		struct sl_port_range *range = &former->ranges[former->range_count++];

		range->first = (uint16_t)sl_unpack_number(unpack);
		range->last = (uint16_t)sl_unpack_number(unpack);
	}
	return carried->form > SL_REST_FORM_SERVICES ? read_sources(unpack, former, spec) : 0;
}

static int read_former(struct sl_unpack *unpack, const struct sl_carried *carried,
		       struct sl_carried_former *former)
{
	struct sl_port_range *range;
	struct sl_prefix *source;
	uint64_t count;
	int rc = 0;

	former->since_ms = sl_carried_read_past(unpack, carried);
	former->open_until_ms = sl_carried_read_until(unpack, carried);
	former->idle_ms = sl_unpack_number(unpack);
	count = sl_unpack_number(unpack);
	if (unpack->failed || count > SL_SERVICES_MAX)
		return -EINVAL;
	former->specs = calloc(count + 1, sizeof(*former->specs));
	former->views = calloc(count + 1, sizeof(*former->views));
	former->ranges = calloc(count * SL_SERVICE_PORTS_MAX + 1, sizeof(*former->ranges));
	if (!former->specs || !former->views || !former->ranges)
		return -ENOMEM;
	for (; former->count < count && rc == 0; former->count++) {
		former->specs[former->count].index = former->count;
		rc = read_spec(unpack, carried, former, &former->specs[former->count]);
		if (rc == 0)
			rc = read_view(unpack, carried, &former->views[former->count]);
	}
	range = former->ranges;
	for (uint32_t i = 0; i < former->count; range += former->specs[i++].port_count)
		former->specs[i].ports = range;
	source = former->sources;
	for (uint32_t i = 0; i < former->count && source; source += former->specs[i++].source_count)
		former->specs[i].sources = source;
	return rc;
}

int sl_carried_read_formers(struct sl_unpack *unpack, struct sl_carried *carried)
{
	uint64_t count = sl_unpack_number(unpack);
	int rc = 0;

	if (unpack->failed || count > 1 + SL_FORMERS_MAX)
		return -EINVAL;
	for (; carried->former_count < count && rc == 0; carried->former_count++)
		rc = read_former(unpack, carried, &carried->formers[carried->former_count]);
	return rc;
}

/* ---- restoring ------------------------------------------------------------------------------- */

/* Numbers of pools become indices. False: some pool that it was at is no more. */
static bool find_pools(const struct sl_carried *carried, struct sl_service_view *view)
{
	uint32_t *const pools[] = {&view->pool, &view->prior_pool};

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(pools) + view->via_count; i++) {
		uint32_t *pool = i < 2 ? pools[i] : &view->via[i - 2];

		if (i == 1 && *pool == SL_SERVICE_NONE)
			break;
		if (*pool == SL_SERVICE_NONE || !carried->pools[*pool].found)
			return false;
		*pool = carried->pools[*pool].index;
	}
	return true;
}

/* The index of the service in this run; of one that is no more, one that nobody has. */
static uint32_t index_of(const struct sl_model *model, const char *name, uint32_t *unused)
{
	const struct sl_image *image = model->image;

	for (uint32_t s = 0; s < image->service_count; s++)
		if (strcmp(image->conf->services[s].name, name) == 0)
			return image->service_index[s];
	while (*unused > 0 && model->services[--*unused].use != SL_USE_FREE)
		;
	return *unused;
}

static void restore_service(struct sl_model *model, const struct sl_carried *carried,
			    struct sl_carried_service *service, uint32_t index)
{
	const struct sl_image *image = model->image;
	struct sl_body_service *body = &model->services[index];
	struct sl_stamp *stamp = &model->options.cores[0]->service_stamps[index];
	uint32_t pool = body->view.pool;

	body->serial = service->view.serial;
	if (!find_pools(carried, &service->view))
		return;
	for (uint32_t s = 0; s < image->service_count; s++)
		if (image->service_index[s] == index)
			pool = image->pools[image->conf->services[s].pool]->index;
	if (service->view.pool != pool && service->view.via_count == SL_SERVICE_VIA_MAX &&
	    body->use == SL_USE_LIVE)
		return;
	body->view = service->view;
	if (service->view.prior_pool == SL_SERVICE_NONE)
		return;
	stamp->away = sl_tick(model->options.now_ms());
	stamp->refused = service->refused_ms ? sl_tick(service->refused_ms) : 0;
}

static int restore_former(struct sl_model *model, const struct sl_carried *carried,
			  struct sl_carried_former *from)
{
	struct sl_service_table *table;
	struct sl_former *former;
	uint32_t first, second;
	int rc = sl_service_table_build(from->specs, from->count, &table, &first, &second);

	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	former = sl_former_create(table, from->count);
	sl_service_table_put(table);
	if (!former)
		return -ENOMEM;
	former->since_ms = from->since_ms;
	former->open_until_ms = from->open_until_ms;
	former->idle_ms = from->idle_ms;
	for (uint32_t i = 0; i < from->count; i++) {
		if (!find_pools(carried, &from->views[i]))
			from->views[i].flags &= (uint16_t)~SL_SERVICE_LEFT;
		former->view[i] = from->views[i];
	}
	model->formers[model->former_count++] = former;
	return 0;
}

/* The next snapshot is to be built as after the services of the end. */
static int restore_end(struct sl_model *model, struct sl_carried_former *end)
{
	struct sl_service_table *table;
	uint32_t first, second, kept = 0;
	int rc;

	for (uint32_t i = 0; i < end->count; i++)
		for (uint32_t index = 0; index < SL_SERVICES_MAX; index++)
			if (model->services[index].serial == end->views[i].serial) {
				end->specs[kept] = end->specs[i];
				end->specs[kept++].index = index;
				break;
			}
	rc = sl_service_table_build(end->specs, kept, &table, &first, &second);
	if (rc == 0)
		sl_snapshot_set_services(model->snapshot, table);
	return rc == -ENOMEM ? rc : 0;
}

/* Serials of this run and of those before are to be told apart: these go on where those ended. */
static void renumber(struct sl_model *model, struct sl_carried *carried)
{
	uint32_t base = model->service_serial, last = base;

	for (uint32_t s = 0; s < carried->service_count; s++) {
		carried->services[s].view.serial += base;
		last = SL_MAX(last, carried->services[s].view.serial);
	}
	for (uint32_t f = 0; f < carried->former_count; f++)
		for (uint32_t i = 0; i < carried->formers[f].count; i++) {
			carried->formers[f].views[i].serial += base;
			last = SL_MAX(last, carried->formers[f].views[i].serial);
		}
	model->service_serial = last;
}

int sl_carried_restore_services(struct sl_model *model, struct sl_carried *carried)
{
	uint32_t unused = SL_SERVICES_MAX;
	int rc = 0;

	renumber(model, carried);
	for (uint32_t s = 0; s < carried->service_count; s++)
		restore_service(model, carried, &carried->services[s],
				index_of(model, carried->services[s].name, &unused));
	if (carried->former_count)
		rc = restore_end(model, &carried->formers[0]);
	for (uint32_t f = 1; f < carried->former_count && rc == 0; f++)
		rc = restore_former(model, carried, &carried->formers[f]);
	return rc;
}
