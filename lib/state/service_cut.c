/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/service_cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum rule_class { RULE_SINGLE = 0, RULE_RANGE = 1, RULE_WHOLE = 2 };

/* One port range of one service. */
struct rule {
	uint32_t place;
	uint32_t key; /* of the group */
	uint32_t class;
	uint16_t first, last;
	uint32_t spec; /* index into specs */
};

/* Rules that hold the present port. */
struct live {
	uint16_t last;
	uint32_t spec;
};

struct work {
	struct sl_service_table *table;
	const uint32_t *place_of;
	uint32_t size;	    /* of the arrays */
	struct rule *rules; /* rule_count */
	uint32_t rule_count;
	struct live *live; /* live_count */
	uint32_t live_count;
	uint32_t *members;	  /* scratch */
	uint32_t *first, *second; /* of the caller: services that are equal */
};

/* ---- rules in order -------------------------------------------------------------------------- */

static void add_rule(struct work *work, uint32_t i, uint32_t class, uint16_t first, uint16_t last)
{
	const struct sl_service_spec *spec = &work->table->specs[i];
	uint32_t protocol =
		spec->protocol < 0 ? SL_SERVICE_PROTOCOL_NONE : (uint32_t)spec->protocol;

	work->rules[work->rule_count++] = (struct rule){.place = work->place_of[i],
							.key = protocol << 16 | spec->vlan,
							.class = class,
							.first = first,
							.last = last,
							.spec = i};
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

static void collect_rules(struct work *work)
{
	for (uint32_t i = 0; i < work->table->spec_count; i++) {
		const struct sl_service_spec *spec = &work->table->specs[i];

		for (uint32_t p = 0; p < spec->port_count; p++)
			add_rule(work, i,
				 spec->ports[p].first == spec->ports[p].last ? RULE_SINGLE
									     : RULE_RANGE,
				 spec->ports[p].first, spec->ports[p].last);
		if (!spec->port_count)
			add_rule(work, i, RULE_WHOLE, 0, UINT16_MAX);
	}
	if (work->rule_count)
		qsort(work->rules, work->rule_count, sizeof(*work->rules), compare_rules);
}

static bool is_one_run(const struct rule *a, const struct rule *b)
{
	return a->place == b->place && a->key == b->key && a->class == b->class;
}

/* ---- who takes a stretch of ports ------------------------------------------------------------ */

static int compare_numbers(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* The services of the rules that hold the present port, each once, in order. */
static uint32_t find_members(struct work *work)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < work->live_count; i++)
		work->members[i] = work->live[i].spec;
	if (work->live_count > 1)
		qsort(work->members, work->live_count, sizeof(*work->members), compare_numbers);
	for (uint32_t i = 0; i < work->live_count; i++)
		if (!i || work->members[i] != work->members[count - 1])
			work->members[count++] = work->members[i];
	return count;
}

static int add_set(struct work *work, uint32_t count, uint32_t *value)
{
	struct sl_service_table *table = work->table;
	struct sl_source_set *set = &table->sets[table->set_count];
	int rc = sl_source_set_init(set, table->specs, work->members, count, work->first,
				    work->second);

	if (rc)
		return rc;
	*value = SL_SERVICE_SET + table->set_count++;
	table->stretch_count += set->count4 + set->count6;
	return table->stretch_count > SL_SERVICE_STRETCHES_MAX ? -E2BIG : 0;
}

/* The service of the present port, or a set of those that differ in sources. */
static int find_value(struct work *work, uint32_t *value)
{
	const struct sl_service_table *table = work->table;
	const struct sl_service_spec *one;
	uint32_t count = find_members(work);

	one = &table->specs[work->members[0]];
	if (count == 1 && !one->source_count) {
		*value = one->index;
		return 0;
	}
	if (!table->set_size) {
		*work->first = work->members[0];
		*work->second = work->members[1];
		return -EEXIST;
	}
	for (uint32_t i = table->set_count; i-- > 0;) {
		if (sl_source_set_is_of(&table->sets[i], work->members, count)) {
			*value = SL_SERVICE_SET + i;
			return 0;
		}
	}
	return add_set(work, count, value);
}

/* ---- groups ---------------------------------------------------------------------------------- */

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

static void put_ports(struct sl_service_table *table, struct sl_service_group *group,
		      uint32_t class, struct sl_service_ports ports)
{
	struct sl_service_ports *next = &table->port[table->port_count];
	uint32_t *count = class == RULE_SINGLE ? &group->single_count : &group->range_count;

	if (class == RULE_WHOLE) {
		group->whole = ports.service;
		return;
	}
	if (class == RULE_RANGE && !*count)
		group->range_at = table->port_count;
	if (class == RULE_RANGE && *count && next[-1].service == ports.service &&
	    next[-1].last + 1 == ports.first) {
		next[-1].last = ports.last;
		return;
	}
	*next = ports;
	(*count)++;
	table->port_count++;
}

/* Rules that hold a port, the next of which begins at `next`: the last port of which that is so. */
static uint16_t find_last(const struct work *work, uint32_t next)
{
	uint32_t last = next - 1;

	for (uint32_t i = 0; i < work->live_count; i++)
		last = SL_MIN(last, (uint32_t)work->live[i].last);
	return (uint16_t)last;
}

static void forget_ended(struct work *work, uint16_t last)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < work->live_count; i++)
		if (work->live[i].last > last)
			work->live[kept++] = work->live[i];
	work->live_count = kept;
}

/* The rules of one group and class. */
static int put_run(struct work *work, const struct rule *run, uint32_t count)
{
	struct sl_service_group *group = group_of(work->table, run);
	uint32_t next = 0, port = run->first;

	while (next < count || work->live_count) {
		struct sl_service_ports ports;
		int rc;

		if (!work->live_count)
			port = run[next].first;
		for (; next < count && run[next].first == port; next++)
			work->live[work->live_count++] =
				(struct live){run[next].last, run[next].spec};
		ports.first = (uint16_t)port;
		ports.last = find_last(work, next < count ? run[next].first : UINT16_MAX + 1u);
		rc = find_value(work, &ports.service);
		if (rc)
			return rc;
		put_ports(work->table, group, run->class, ports);
		forget_ended(work, ports.last);
		port = ports.last + 1u;
	}
	return 0;
}

/* ---- for everybody --------------------------------------------------------------------------- */

static int alloc_work(struct work *work)
{
	work->rules = sl_mem_alloc(sizeof(*work->rules) * work->size);
	work->live = sl_mem_alloc(sizeof(*work->live) * work->size);
	work->members = sl_mem_alloc(sizeof(*work->members) * work->size);
	return work->rules && work->live && work->members ? 0 : -ENOMEM;
}

int sl_service_rules_build(struct sl_service_table *table, const uint32_t *place_of,
			   uint32_t *first, uint32_t *second)
{
	struct work work = {.table = table,
			    .place_of = place_of,
			    .size = table->rule_size,
			    .first = first,
			    .second = second};
	int rc = alloc_work(&work);

	if (!rc)
		collect_rules(&work);
	for (uint32_t i = 0, count; i < work.rule_count && !rc; i += count) {
		for (count = 1; i + count < work.rule_count; count++)
			if (!is_one_run(&work.rules[i], &work.rules[i + count]))
				break;
		rc = put_run(&work, &work.rules[i], count);
	}
	sl_mem_free(work.rules, sizeof(*work.rules) * work.size);
	sl_mem_free(work.live, sizeof(*work.live) * work.size);
	sl_mem_free(work.members, sizeof(*work.members) * work.size);
	return rc;
}
