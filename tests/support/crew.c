/* SPDX-License-Identifier: BSD-3-Clause */

#include "support/crew.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/record.h"

#define TEXT_SIZE 16384

struct member crew[CREW_MAX];
static struct event_base *base;
static uint32_t store_count;

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "crew: %s failed\n", what);
	abort();
}

void crew_begin(uint64_t seed)
{
	memset(crew, 0, sizeof(crew));
	store_count = 0;
	sim_begin(seed);
	base = event_base_new();
	must(base != NULL, "an event loop");
}

void crew_end(void)
{
	for (uint32_t m = 0; m < CREW_MAX; m++)
		if (crew[m].cluster)
			crew_stop(m);
	sim_end();
	event_base_free(base);
}

static void on_event(void *context, const struct sl_model_event *event)
{
	struct member *member = context;
	const struct sl_hash_key *key = sl_model_hash_key(member->f.model);
	struct sl_history_line line = {.generation = event->generation, .wall_ms = event->wall_ms};

	if (event->kind != SL_EVENT_CHANGE)
		return;
	(void)snprintf(line.verb, sizeof(line.verb), "%s", sl_change_name(event->change->kind));
	must((event->change->begins_at ? sl_history_begin(member->history, &line, event->after, key)
				       : sl_history_add(member->history, &line, event, key)) == 0,
	     "history");
}

static void on_decided(void *context, uint64_t ticket, const struct sl_change *change,
		       const struct sl_change_result *result, const struct sl_err *err)
{
	struct member *member = context;

	(void)ticket;
	(void)change;
	(void)result;
	member->made += !err;
	member->refused += err != NULL;
	if (err)
		member->err = *err;
}

static void on_joins(void *context)
{
	((struct member *)context)->joined = false;
}

static void on_joined(void *context, bool known)
{
	struct member *member = context;

	member->joined = true;
	member->known = known;
}

/* Members are called m0, m1, ... */
static void on_found(void *context, const char *name, const char *text)
{
	struct member *member = context;
	unsigned long number;

	if (!name) {
		memset(member->heard, 0, sizeof(member->heard));
		return;
	}
	number = strtoul(name + 1, NULL, 10);
	must(number < CREW_MAX, name);
	member->heard[number] = text != NULL;
	(void)snprintf(member->found[number], sizeof(member->found[number]), "%s",
		       text ? text : "");
}

const char *crew_found(uint32_t number, const char *member)
{
	unsigned long of = strtoul(member + 1, NULL, 10);

	return crew[number].heard[of] ? crew[number].found[of] : NULL;
}

bool crew_all_judge(void)
{
	for (uint32_t m = 0; m < CREW_MAX; m++)
		for (uint32_t of = 0; of < CREW_MAX; of++)
			if (crew[m].cluster && crew[of].cluster &&
			    (!sl_cluster_judges(crew[m].cluster) || !crew[m].heard[of]))
				return false;
	return true;
}

void crew_settle_until(bool (*holds)(void))
{
	do {
		(void)event_base_loop(base, EVLOOP_ONCE);
		crew_settle();
	} while (!holds());
}

void crew_start(uint32_t number, const char *format)
{
	struct member *member = &crew[number];
	struct sl_cluster_spec spec = {
		.base = base,
		.engine = &sim_store,
		.version = "test",
		.calls = {.context = member,
			  .decided = on_decided,
			  .joins = on_joins,
			  .joined = on_joined,
			  .found = on_found},
	};
	char text[TEXT_SIZE];
	struct sl_history_line line = {.verb = "start"};

	(void)snprintf(text, sizeof(text), format, number);
	*member = (struct member){0};
	member->conf = fixture_conf(text);
	fixture_open_conf(&member->f, member->conf, NULL);
	must(sl_history_create(&member->history) == 0, "a history");
	line.generation = sl_model_generation(member->f.model);
	must(sl_history_begin(member->history, &line, sl_model_image(member->f.model),
			      sl_model_hash_key(member->f.model)) == 0,
	     "a history");
	member->listener = (struct sl_model_listener){.event = on_event, .context = member};
	sl_model_listen(member->f.model, &member->listener);
	spec.model = member->f.model;
	spec.conf = &member->conf->cluster;
	must(sl_cluster_create(&spec, &member->cluster, &member->err) == 0, member->err.text);
	member->store = sim_store_of(store_count++);
}

void crew_stop(uint32_t number)
{
	struct member *member = &crew[number];

	sl_cluster_destroy(member->cluster);
	fixture_close(&member->f);
	sl_history_destroy(member->history);
	sl_conf_destroy(member->conf);
	*member = (struct member){0};
}

void crew_work(void)
{
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

void crew_settle_some(void)
{
	crew_work();
	(void)sim_step();
}

void crew_settle(void)
{
	do {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	} while (sim_step());
	for (uint32_t m = 0; m < CREW_MAX; m++)
		if (crew[m].cluster)
			must(sl_model_flush(crew[m].f.model, NULL) == 0, "a snapshot");
}

int crew_submit(uint32_t number, const struct sl_change *change)
{
	struct member *member = &crew[number];
	struct sl_change_result result;
	uint64_t ticket;
	int rc = sl_cluster_submit(member->cluster, change, &ticket, &result, &member->err);

	sl_change_result_fini(&result);
	return rc;
}

int crew_weight(uint32_t number, const char *node, uint64_t weight)
{
	const struct sl_change change = {.kind = SL_CHANGE_SET_WEIGHT,
					 .pool = "web",
					 .node = node,
					 .weight = weight * SL_WEIGHT_UNIT};

	return crew_submit(number, &change);
}

struct sl_cluster_report crew_report(uint32_t number)
{
	struct sl_cluster_report report;

	sl_cluster_report(crew[number].cluster, &report);
	return report;
}

uint64_t crew_digest(uint32_t number)
{
	return sl_record_digest(sl_model_image(crew[number].f.model));
}
