/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include "base/limit.h"
#include "base/mem.h"
#include "state/service.h"
#include "state/service_cut.h"
#include "state/service_table.h"

#define EXACT4_MEAN 2 /* entries a bucket of five */
#define EXACT6_MEAN 2 /* buckets of two for an entry: pairs, so one in four is taken */

struct build {
	const struct sl_service_spec *specs;
	uint32_t count;
	struct sl_span *spans; /* count; those of services with an address, ordered */
	uint32_t span_count;
	uint32_t *place_of; /* count: of each service */
	struct sl_service_table *table;
};

/* ---- places ---------------------------------------------------------------------------------- */

static void build_places(struct build *build)
{
	struct sl_service_table *table = build->table;

	for (uint32_t i = 0; i < build->count; i++) {
		build->place_of[i] = SL_SERVICE_PLACE_ANY;
		if (build->specs[i].any)
			continue;
		sl_span_of(&build->specs[i].prefix, &build->spans[build->span_count]);
		build->spans[build->span_count++].item = i;
	}
	sl_span_sort(build->spans, build->span_count);
	table->place[0].parent = SL_SERVICE_PLACE_NONE;
	table->place_count = 1;
	for (uint32_t i = 0; i < build->span_count; i++) {
		struct sl_span *span = &build->spans[i];
		bool known = i && sl_span_equal(span - 1, span);

		span->value = known ? span[-1].value : table->place_count++;
		table->place[span->value].length = build->specs[span->item].prefix.length;
		build->place_of[span->item] = span->value;
	}
	for (uint32_t family = 0; family < 2; family++)
		table->interval_count[family] =
			sl_span_cut(build->spans, build->span_count, family, SL_SERVICE_PLACE_ANY,
				    table->interval[family]);
	for (uint32_t i = 0; i < build->span_count; i++)
		table->place[build->spans[i].value].parent = build->spans[i].parent;
}

/* ---- exact keys ------------------------------------------------------------------------------ */

static void put4(struct sl_service_table *table, uint64_t key, uint32_t value)
{
	uint32_t mask = (1u << table->bits4) - 1;

	for (uint32_t b = sl_service_hash4(key, table->bits4);; b = (b + 1) & mask) {
		struct sl_service_bucket4 *bucket = &table->bucket4[b];

		for (uint32_t i = 0; i < SL_ARRAY_COUNT(bucket->key); i++) {
			if (bucket->key[i] && bucket->key[i] != key)
				continue;
			bucket->key[i] = key;
			bucket->value[i] = value;
			return;
		}
	}
}

static void put6(struct sl_service_table *table, const uint8_t *octets, uint64_t misc,
		 uint32_t value)
{
	uint64_t addr0 = sl_load64(octets), addr1 = sl_load64(octets + 8);
	uint32_t mask = (2u << table->bits6) - 1;
	uint32_t e = 2 * sl_service_hash6(addr0, addr1, misc, table->bits6);

	while (table->entry6[e].misc &&
	       (table->entry6[e].misc != misc || table->entry6[e].addr[0] != addr0 ||
		table->entry6[e].addr[1] != addr1))
		e = (e + 1) & mask;
	table->entry6[e].addr[0] = addr0;
	table->entry6[e].addr[1] = addr1;
	table->entry6[e].misc = misc;
	table->entry6[e].value = value;
}

/* Whether the service names one whole address. */
static bool is_whole(const struct sl_service_spec *spec)
{
	return !spec->any && spec->prefix.length == sl_addr_bits(&spec->prefix.addr);
}

static void put_exact(struct build *build, const struct sl_service_spec *spec, uint64_t misc,
		      uint32_t value)
{
	const struct sl_addr *addr = &spec->prefix.addr;

	if (addr->family == SL_FAMILY_IPV4)
		put4(build->table, sl_service_exact4(sl_load32(addr->octets), misc), value);
	else
		put6(build->table, addr->octets, misc, value);
}

/* log2 of the least power of two, from 2 on, that is not below count. */
static uint32_t bits_of(uint32_t count)
{
	return count <= 2 ? 1 : 32 - (uint32_t)__builtin_clz(count - 1);
}

/* Whether the exact tables have a key for the port range: one port, in any VLAN. */
static bool is_exact(const struct sl_service_spec *spec, uint32_t port)
{
	return !spec->vlan && spec->ports[port].first == spec->ports[port].last;
}

/* Keys of one service: its single ports; and its address, where packets come that these do not
 * answer. */
static uint32_t exact_count(const struct sl_service_spec *spec, bool *address)
{
	uint32_t count = 0;

	for (uint32_t p = 0; p < spec->port_count; p++)
		count += is_exact(spec, p);
	*address = !spec->port_count || count < spec->port_count || spec->source_count;
	return count + *address;
}

/* Who takes one port of a service: it, or a set of services. */
static uint32_t value_of(const struct build *build, uint32_t i, uint16_t port)
{
	const struct sl_service_table *table = build->table;
	const struct sl_service_group *group = sl_service_find_group(
		table, &table->place[build->place_of[i]], (uint32_t)build->specs[i].protocol << 16);

	return sl_service_find_port(&table->port[group->single_at], group->single_count, port);
}

static void put_service(struct build *build, uint32_t i)
{
	const struct sl_service_spec *spec = &build->specs[i];
	bool address;

	(void)exact_count(spec, &address);
	if (address)
		put_exact(build, spec, SL_SERVICE_EXACT_PLACE, build->place_of[i]);
	for (uint32_t p = 0; p < spec->port_count; p++)
		if (is_exact(spec, p))
			put_exact(build, spec,
				  sl_service_misc(sl_be16(spec->ports[p].first),
						  (uint8_t)spec->protocol),
				  value_of(build, i, spec->ports[p].first));
}

static int build_exact(struct build *build)
{
	struct sl_service_table *table = build->table;
	uint32_t count[2] = {0, 0};
	bool address;

	for (uint32_t i = 0; i < build->count; i++)
		if (is_whole(&build->specs[i]))
			count[build->specs[i].prefix.addr.family == SL_FAMILY_IPV6] +=
				exact_count(&build->specs[i], &address);
	table->bits4 = bits_of(count[0] / EXACT4_MEAN);
	table->bits6 = bits_of(count[1] * EXACT6_MEAN);
	table->bucket4 = sl_mem_alloc(sizeof(*table->bucket4) << table->bits4);
	table->entry6 = sl_mem_alloc(2 * sizeof(*table->entry6) << table->bits6);
	if (!table->bucket4 || !table->entry6)
		return -ENOMEM;
	table->is_large =
		((size_t)SL_CACHE_LINE << table->bits4) + ((size_t)SL_CACHE_LINE << table->bits6) >
		SL_SERVICE_SMALL_SIZE;
	for (uint32_t i = 0; i < build->count; i++)
		if (is_whole(&build->specs[i]))
			put_service(build, i);
	return 0;
}

/* ---- for everybody --------------------------------------------------------------------------- */

/* Sizes of the table's rules and sources. */
static int check_specs(struct sl_service_table *table, const struct sl_service_spec *specs,
		       uint32_t count)
{
	if (count > SL_SERVICES_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < count; i++) {
		if (specs[i].port_count > SL_SERVICE_PORTS_MAX ||
		    (specs[i].port_count && specs[i].protocol < 0))
			return -EINVAL;
		for (uint32_t p = 0; p < specs[i].port_count; p++)
			if (specs[i].ports[p].first > specs[i].ports[p].last)
				return -EINVAL;
		if (specs[i].source_count > SL_SOURCES_TOTAL_MAX - table->source_size)
			return -E2BIG;
		table->rule_size += SL_MAX(1, specs[i].port_count);
		table->source_size += specs[i].source_count;
	}
	table->spec_count = count;
	table->set_size = table->source_size ? SL_SERVICE_CUTS_MAX(table->rule_size) : 0;
	return 0;
}

static int alloc_table(struct build *build)
{
	struct sl_service_table *table = build->table;
	size_t intervals = SL_STRETCHES_MAX(build->count);

	table->interval[0] = sl_mem_alloc(sizeof(*table->interval[0]) * intervals);
	table->interval[1] = sl_mem_alloc(sizeof(*table->interval[1]) * intervals);
	table->place = sl_mem_alloc(sizeof(*table->place) * (build->count + 1));
	table->group = sl_mem_alloc(sizeof(*table->group) * (table->rule_size + 1));
	table->port = sl_mem_alloc(sizeof(*table->port) * SL_SERVICE_CUTS_MAX(table->rule_size));
	table->sets = sl_mem_alloc(sizeof(*table->sets) * table->set_size);
	build->spans = sl_mem_alloc(sizeof(*build->spans) * build->count);
	build->place_of = sl_mem_alloc(sizeof(*build->place_of) * build->count);
	if (!table->interval[0] || !table->interval[1] || !table->place || !table->group ||
	    !table->port || !table->sets || !build->spans || !build->place_of)
		return -ENOMEM;
	return 0;
}

/* The services as they were asked for stay with the table. */
static int keep_specs(struct sl_service_table *table, const struct sl_service_spec *specs)
{
	struct sl_port_range *range;
	struct sl_prefix *source;

	table->specs = sl_mem_alloc(sizeof(*table->specs) * table->spec_count);
	table->ranges = range = sl_mem_alloc(sizeof(*range) * table->rule_size);
	table->sources = source = sl_mem_alloc(sizeof(*source) * table->source_size);
	if (!table->specs || !range || !source)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->spec_count; i++) {
		table->specs[i] = specs[i];
		table->vlans |= specs[i].vlan != 0;
		table->specs[i].ports = range;
		for (uint32_t p = 0; p < specs[i].port_count; p++)
			*range++ = specs[i].ports[p];
		table->specs[i].sources = source;
		if (specs[i].source_count)
			memcpy(source, specs[i].sources, sizeof(*source) * specs[i].source_count);
		sl_source_sort(source, specs[i].source_count);
		source += specs[i].source_count;
	}
	return 0;
}

static void free_scratch(struct build *build)
{
	sl_mem_free(build->spans, sizeof(*build->spans) * build->count);
	sl_mem_free(build->place_of, sizeof(*build->place_of) * build->count);
}

int sl_service_table_build(const struct sl_service_spec *specs, uint32_t count,
			   struct sl_service_table **table, uint32_t *first, uint32_t *second)
{
	struct build build = {.count = count};
	int rc;

	build.table = sl_mem_alloc(sizeof(*build.table));
	if (!build.table)
		return -ENOMEM;
	build.table->references = 1;
	rc = check_specs(build.table, specs, count);
	if (rc) {
		sl_mem_free(build.table, sizeof(*build.table));
		return rc;
	}
	rc = alloc_table(&build) ? -ENOMEM : keep_specs(build.table, specs);
	if (!rc) {
		build.specs = build.table->specs;
		build_places(&build);
		rc = sl_service_rules_build(build.table, build.place_of, first, second);
	}
	if (!rc)
		rc = build_exact(&build);
	free_scratch(&build);
	if (rc)
		sl_service_table_put(build.table);
	else
		*table = build.table;
	return rc;
}

struct sl_service_table *sl_service_table_get(struct sl_service_table *table)
{
	table->references++;
	return table;
}

void sl_service_table_put(struct sl_service_table *table)
{
	if (!table || --table->references > 0)
		return;
	for (uint32_t family = 0; family < 2; family++)
		sl_mem_free(table->interval[family],
			    sizeof(**table->interval) * SL_STRETCHES_MAX(table->spec_count));
	for (uint32_t i = 0; i < table->set_count; i++)
		sl_source_set_fini(&table->sets[i]);
	sl_mem_free(table->sets, sizeof(*table->sets) * table->set_size);
	sl_mem_free(table->sources, sizeof(*table->sources) * table->source_size);
	sl_mem_free(table->specs, sizeof(*table->specs) * table->spec_count);
	sl_mem_free(table->ranges, sizeof(*table->ranges) * table->rule_size);
	sl_mem_free(table->place, sizeof(*table->place) * (table->spec_count + 1));
	sl_mem_free(table->group, sizeof(*table->group) * (table->rule_size + 1));
	sl_mem_free(table->port, sizeof(*table->port) * SL_SERVICE_CUTS_MAX(table->rule_size));
	sl_mem_free(table->bucket4, sizeof(*table->bucket4) << table->bits4);
	sl_mem_free(table->entry6, 2 * sizeof(*table->entry6) << table->bits6);
	sl_mem_free(table, sizeof(*table));
}
