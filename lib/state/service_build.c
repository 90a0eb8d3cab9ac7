/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "state/service.h"
#include "state/service_table.h"

#define EXACT4_MEAN 2 /* entries a bucket of five */
#define EXACT6_MEAN 2 /* buckets of two for an entry: pairs, so one in four is taken */

/* Every prefix starts an interval and ends one. */
#define INTERVALS_MAX(prefixes) (2 * (size_t)(prefixes) + 1)

enum rule_class { RULE_SINGLE = 0, RULE_RANGE = 1, RULE_WHOLE = 2 };

/* One port range of one service. */
struct rule {
	uint32_t place;
	uint32_t key; /* of the group */
	uint32_t class;
	uint16_t first, last;
	uint32_t spec; /* index into specs */
};

/* One service's prefix as a range of addresses. */
struct span {
	sl_wide start, end;
	uint32_t family; /* 0: IPv4, 1: IPv6 */
	uint32_t spec;
};

struct build {
	const struct sl_service_spec *specs;
	uint32_t count;
	struct span *spans; /* count; those of services with an address, ordered */
	uint32_t span_count;
	uint32_t *place_of; /* count: of each service */
	struct rule *rules;
	uint32_t rule_count;
	struct sl_service_table *table;
};

/* ---- places -------------------------------------------------------------------------------------
 */

static void span_of(const struct sl_prefix *prefix, struct span *span)
{
	const uint8_t *octets = prefix->addr.octets;
	uint32_t bits = sl_addr_bits(&prefix->addr), host = bits - prefix->length;

	span->family = prefix->addr.family == SL_FAMILY_IPV6;
	span->start = span->family ? (sl_wide)sl_be64(sl_load64(octets)) << 64 |
					     sl_be64(sl_load64(octets + 8))
				   : sl_load_be32(octets);
	span->end = span->start | (host == 128 ? ~(sl_wide)0 : (((sl_wide)1 << host) - 1));
}

/* By family, start, then the shorter prefix first: parents before their children. */
static int compare_spans(const void *left, const void *right)
{
	const struct span *a = left, *b = right;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return 0;
}

static void emit(struct sl_service_table *table, uint32_t family, sl_wide start, uint32_t place)
{
	uint32_t *count = &table->interval_count[family];
	struct sl_service_interval *last = &table->interval[family][*count];

	if (*count && last[-1].start == start) {
		last[-1].place = place;
		return;
	}
	last->start = start;
	last->place = place;
	(*count)++;
}

/* Goes over the ordered prefixes of one family with the chain of those that hold the present one:
 * every place where the longest prefix changes starts an interval. */
static void build_intervals(struct build *build, uint32_t family)
{
	struct sl_service_table *table = build->table;
	sl_wide last = family ? ~(sl_wide)0 : UINT32_MAX;
	const struct span *chain[130];
	uint32_t depth = 0;

	emit(table, family, 0, SL_SERVICE_PLACE_ANY);
	for (uint32_t i = 0; i <= build->span_count; i++) {
		const struct span *span = i < build->span_count ? &build->spans[i] : NULL;

		if (span && span->family != family)
			continue;
		while (depth && (!span || chain[depth - 1]->end < span->start)) {
			sl_wide end = chain[--depth]->end;

			if (end != last)
				emit(table, family, end + 1,
				     depth ? build->place_of[chain[depth - 1]->spec]
					   : SL_SERVICE_PLACE_ANY);
		}
		if (!span)
			break;
		if (depth && compare_spans(chain[depth - 1], span) == 0) {
			build->place_of[span->spec] = build->place_of[chain[depth - 1]->spec];
			continue;
		}
		table->place[table->place_count].length = build->specs[span->spec].prefix.length;
		table->place[table->place_count].parent =
			depth ? build->place_of[chain[depth - 1]->spec] : SL_SERVICE_PLACE_ANY;
		build->place_of[span->spec] = table->place_count++;
		emit(table, family, span->start, build->place_of[span->spec]);
		chain[depth++] = span;
	}
}

static void build_places(struct build *build)
{
	struct sl_service_table *table = build->table;

	for (uint32_t i = 0; i < build->count; i++) {
		build->place_of[i] = SL_SERVICE_PLACE_ANY;
		if (build->specs[i].any)
			continue;
		span_of(&build->specs[i].prefix, &build->spans[build->span_count]);
		build->spans[build->span_count++].spec = i;
	}
	qsort(build->spans, build->span_count, sizeof(*build->spans), compare_spans);
	table->place[0].parent = SL_SERVICE_PLACE_NONE;
	table->place_count = 1;
	for (uint32_t family = 0; family < 2; family++)
		build_intervals(build, family);
}

/* ---- rules --------------------------------------------------------------------------------------
 */

static void add_rule(struct build *build, uint32_t i, uint32_t class, uint16_t first, uint16_t last)
{
	const struct sl_service_spec *spec = &build->specs[i];
	uint32_t protocol =
		spec->protocol < 0 ? SL_SERVICE_PROTOCOL_NONE : (uint32_t)spec->protocol;
	struct rule *rule = &build->rules[build->rule_count++];

	rule->place = build->place_of[i];
	rule->key = protocol << 16 | spec->vlan;
	rule->class = class;
	rule->first = first;
	rule->last = last;
	rule->spec = i;
}

static int compare_rules(const void *left, const void *right)
{
	const struct rule *a = left, *b = right;

	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->class != b->class)
		return a->class < b->class ? -1 : 1;
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return a->spec < b->spec ? -1 : a->spec > b->spec;
}

static void collect_rules(struct build *build)
{
	for (uint32_t i = 0; i < build->count; i++) {
		const struct sl_service_spec *spec = &build->specs[i];

		for (uint32_t p = 0; p < spec->port_count; p++)
			add_rule(build, i,
				 spec->ports[p].first == spec->ports[p].last ? RULE_SINGLE
									     : RULE_RANGE,
				 spec->ports[p].first, spec->ports[p].last);
		if (!spec->port_count)
			add_rule(build, i, RULE_WHOLE, 0, UINT16_MAX);
	}
	qsort(build->rules, build->rule_count, sizeof(*build->rules), compare_rules);
}

static struct sl_service_group *group_of(struct sl_service_table *table, const struct rule *rule)
{
	struct sl_service_place *place = &table->place[rule->place];
	struct sl_service_group *group = &table->group[table->group_count];

	if (place->group_count && group[-1].key == rule->key)
		return group - 1;
	if (!place->group_count)
		place->group_at = table->group_count;
	place->group_count++;
	table->group_count++;
	group->key = rule->key;
	group->whole = SL_SERVICE_NONE;
	group->single_at = group->range_at = table->port_count;
	return group;
}

/* Puts a rule behind those before it of its group and class; ports of one service that overlap melt
 * into one. *spec is the service of the rule before. */
static bool put_rule(struct build *build, const struct rule *rule, uint32_t *before)
{
	struct sl_service_table *table = build->table;
	struct sl_service_group *group = group_of(table, rule);
	struct sl_service_ports *last = &table->port[table->port_count];
	uint32_t service = build->specs[rule->spec].index;
	uint32_t *count = rule->class == RULE_SINGLE ? &group->single_count : &group->range_count;

	if (rule->class == RULE_WHOLE) {
		if (group->whole != SL_SERVICE_NONE)
			return false;
		group->whole = service;
		*before = rule->spec;
		return true;
	}
	if (*count && last[-1].last >= rule->first) {
		if (*before != rule->spec)
			return false;
		last[-1].last = SL_MAX(last[-1].last, rule->last);
		return true;
	}
	if (rule->class == RULE_RANGE && !*count)
		group->range_at = table->port_count;
	*last = (struct sl_service_ports){rule->first, rule->last, service};
	(*count)++;
	table->port_count++;
	*before = rule->spec;
	return true;
}

static int build_rules(struct build *build, uint32_t *first, uint32_t *second)
{
	uint32_t before = 0;

	collect_rules(build);
	for (uint32_t i = 0; i < build->rule_count; i++) {
		if (put_rule(build, &build->rules[i], &before))
			continue;
		*first = SL_MIN(before, build->rules[i].spec);
		*second = SL_MAX(before, build->rules[i].spec);
		return -EEXIST;
	}
	return 0;
}

/* ---- exact keys ---------------------------------------------------------------------------------
 */

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
	*address = !spec->port_count || count < spec->port_count;
	return count + *address;
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
				  spec->index);
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

/* ---- for everybody ------------------------------------------------------------------------------
 */

static int check_specs(const struct sl_service_spec *specs, uint32_t count, uint32_t *rule_size)
{
	if (count > SL_SERVICES_MAX)
		return -E2BIG;
	*rule_size = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (specs[i].port_count > SL_SERVICE_PORTS_MAX ||
		    (specs[i].port_count && specs[i].protocol < 0))
			return -EINVAL;
		for (uint32_t p = 0; p < specs[i].port_count; p++)
			if (specs[i].ports[p].first > specs[i].ports[p].last)
				return -EINVAL;
		*rule_size += SL_MAX(1, specs[i].port_count);
	}
	return 0;
}

static int alloc_table(struct build *build)
{
	struct sl_service_table *table = build->table;
	size_t intervals = INTERVALS_MAX(build->count);

	table->interval[0] = sl_mem_alloc(sizeof(*table->interval[0]) * intervals);
	table->interval[1] = sl_mem_alloc(sizeof(*table->interval[1]) * intervals);
	table->place = sl_mem_alloc(sizeof(*table->place) * (build->count + 1));
	table->group = sl_mem_alloc(sizeof(*table->group) * (table->rule_size + 1));
	table->port = sl_mem_alloc(sizeof(*table->port) * (table->rule_size + 1));
	build->spans = sl_mem_alloc(sizeof(*build->spans) * build->count);
	build->place_of = sl_mem_alloc(sizeof(*build->place_of) * build->count);
	build->rules = sl_mem_alloc(sizeof(*build->rules) * table->rule_size);
	if (!table->interval[0] || !table->interval[1] || !table->place || !table->group ||
	    !table->port || !build->spans || !build->place_of || !build->rules)
		return -ENOMEM;
	for (uint32_t i = 0; i < build->count; i++)
		table->vlans |= build->specs[i].vlan != 0;
	return 0;
}

/* The services as they were asked for stay with the table. */
static int keep_specs(struct sl_service_table *table, const struct sl_service_spec *specs)
{
	struct sl_port_range *range;

	table->specs = sl_mem_alloc(sizeof(*table->specs) * table->spec_count);
	table->ranges = range = sl_mem_alloc(sizeof(*range) * table->rule_size);
	if (!table->specs || !range)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->spec_count; i++) {
		table->specs[i] = specs[i];
		table->specs[i].ports = range;
		for (uint32_t p = 0; p < specs[i].port_count; p++)
			*range++ = specs[i].ports[p];
	}
	return 0;
}

static void free_scratch(struct build *build)
{
	sl_mem_free(build->spans, sizeof(*build->spans) * build->count);
	sl_mem_free(build->place_of, sizeof(*build->place_of) * build->count);
	sl_mem_free(build->rules, sizeof(*build->rules) * build->table->rule_size);
}

int sl_service_table_build(const struct sl_service_spec *specs, uint32_t count,
			   struct sl_service_table **table, uint32_t *first, uint32_t *second)
{
	struct build build = {.specs = specs, .count = count};
	uint32_t rule_size;
	int rc = check_specs(specs, count, &rule_size);

	if (rc)
		return rc;
	build.table = sl_mem_alloc(sizeof(*build.table));
	if (!build.table)
		return -ENOMEM;
	build.table->references = 1;
	build.table->spec_count = count;
	build.table->rule_size = rule_size;
	rc = alloc_table(&build) ? -ENOMEM : keep_specs(build.table, specs);
	if (!rc) {
		build_places(&build);
		rc = build_rules(&build, first, second);
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
			    sizeof(**table->interval) * INTERVALS_MAX(table->spec_count));
	sl_mem_free(table->specs, sizeof(*table->specs) * table->spec_count);
	sl_mem_free(table->ranges, sizeof(*table->ranges) * table->rule_size);
	sl_mem_free(table->place, sizeof(*table->place) * (table->spec_count + 1));
	sl_mem_free(table->group, sizeof(*table->group) * (table->rule_size + 1));
	sl_mem_free(table->port, sizeof(*table->port) * (table->rule_size + 1));
	sl_mem_free(table->bucket4, sizeof(*table->bucket4) << table->bits4);
	sl_mem_free(table->entry6, 2 * sizeof(*table->entry6) << table->bits6);
	sl_mem_free(table, sizeof(*table));
}
