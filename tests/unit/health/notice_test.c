/* SPDX-License-Identifier: BSD-3-Clause */

/* What a turn of the loop found goes to the model as one change. */

#include "health/notice.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/model/fixture.h"

#define NODES 1000
#define NOTES 8
#define HEAD                                                                                       \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: {mac: "                 \
	"\"02:00:00:00:00:01\"}}]\n"                                                               \
	"services: [{name: rest, address: any, pool: web}]\n"
#define NODE(name) "{name: " name ", address: 127.0.0.1, encap: ipip, port: p0, weight: 1}"

struct world {
	struct fixture f;
	struct sl_model_listener listener;
	struct sl_notices notices;
	uint32_t state_count, note_count; /* of nodes, as told */
	uint32_t down_then;		  /* how many were down when the first state was told */
	char notes[NOTES][64];		  /* the first ones: "POOL/NODE: TEXT" */
};

static uint32_t down_count(const struct sl_model *model)
{
	const struct sl_image *image = sl_model_image(model);
	uint32_t count = 0;

	for (uint32_t p = 0; p < image->pool_count; p++)
		for (uint32_t n = 0; n < image->pools[p]->node_count; n++)
			count += image->pools[p]->nodes[n].down;
	return count;
}

static void on_event(void *context, const struct sl_model_event *event)
{
	struct world *world = context;

	if (event->kind == SL_EVENT_NODE && world->state_count++ == 0)
		world->down_then = down_count(world->f.model);
	if (event->kind == SL_EVENT_NOTE && world->note_count++ < NOTES)
		(void)snprintf(world->notes[world->note_count - 1], sizeof(world->notes[0]),
			       "%s/%s: %.30s", event->pool, event->node ? event->node : "",
			       event->text);
}

static struct world *world_open(const char *text)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	fixture_open(&world->f, text, NULL);
	world->listener = (struct sl_model_listener){.event = on_event, .context = world};
	sl_model_listen(world->f.model, &world->listener);
	return world;
}

static void world_close(struct world *world)
{
	fixture_close(&world->f);
	free(world);
}

static void add(struct world *world, const char *pool, const char *node, bool healthy,
		enum sl_health_result result, const char *say)
{
	struct sl_notice *notice = &world->notices.of[world->notices.count++];
	struct sl_finding finding = {.result = result};

	(void)snprintf(finding.say, sizeof(finding.say), "%s", say);
	*notice = (struct sl_notice){
		.is_said = true,
		.change = {
			.kind = SL_CHANGE_HEALTH, .pool = pool, .node = node, .healthy = healthy}};
	sl_notice_why(notice, &finding);
}

static const char *why_of(const struct world *world, uint32_t pool, uint32_t node)
{
	return sl_model_image(world->f.model)->pools[pool]->nodes[node].why;
}

static void a_thousand_nodes_fail_in_one_change_and_each_is_told(void **state)
{
	static char text[NODES * 96], names[NODES][8];
	size_t used = (size_t)snprintf(text, sizeof(text), HEAD "pools: [{name: web, nodes: [");
	struct world *world;

	(void)state;
	for (uint32_t n = 0; n < NODES; n++) {
		(void)snprintf(names[n], sizeof(names[n]), "n%u", n);
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s{name: %s, address: 10.0.%u.%u, encap: ipip, port: p0, "
					 "weight: 1}",
					 n ? ", " : "", names[n], n / 250, n % 250 + 1);
	}
	(void)snprintf(text + used, sizeof(text) - used, "]}]\n");
	world = world_open(text);
	for (uint32_t n = 0; n + 1 < NODES; n++)
		add(world, "web", names[n], false, SL_HEALTH_TIMEOUT, "no answer");
	assert_int_equal(sl_notices_tell(&world->notices, world->f.model), 0);
	assert_int_equal(world->state_count, NODES - 1);
	assert_int_equal(world->down_then, NODES - 1);
	assert_int_equal(world->note_count, NODES - 1);
	assert_int_equal(sl_model_flush(world->f.model, NULL), 0);
	assert_int_equal(fixture_slots(&world->f, "web", names[NODES - 1]), 65536);
	world_close(world);
}

static void notes_come_in_the_order_of_what_was_found(void **state)
{
	struct world *world = world_open(HEAD "pools: [{name: web, slots: 256, nodes: [" NODE(
		"a") ", " NODE("b") "]}, {name: far, slots: 256, nodes: [" NODE("c") "]}]\n");

	(void)state;
	add(world, "far", "c", false, SL_HEALTH_REFUSED, "refused");
	add(world, "web", "b", false, SL_HEALTH_STATUS, "status 500");
	add(world, "web", "a", false, SL_HEALTH_TIMEOUT, "no answer");
	add(world, "web", "b", true, SL_HEALTH_OK, "status 200");
	world->notices.of[1].change.scale = SL_SCALE_ONE / 2;
	assert_int_equal(sl_notices_tell(&world->notices, world->f.model), 0);
	assert_int_equal(world->note_count, 5);
	assert_string_equal(world->notes[0], "far/c: refused");
	assert_string_equal(world->notes[1], "web/b: status 500");
	assert_string_equal(world->notes[2], "web/a: timeout: no answer");
	assert_string_equal(world->notes[3], "web/b: ok: status 200");
	/* of the pools that lost somebody, the one that has nobody left */
	assert_string_equal(world->notes[4], "far/: pool far: no node is up: packe");
	/* what was found last of a node counts */
	assert_int_equal(down_count(world->f.model), 2);
	assert_string_equal(why_of(world, 0, 1), "ok: status 200");
	assert_int_equal(sl_model_image(world->f.model)->pools[0]->nodes[1].scale, SL_SCALE_ONE);
	world_close(world);
}

static void another_weight_alone_is_no_note(void **state)
{
	struct world *world = world_open(
		HEAD "pools: [{name: web, slots: 256, nodes: [" NODE("a") ", " NODE("b") "]}]\n");

	(void)state;
	add(world, "web", "a", true, SL_HEALTH_OK, "");
	world->notices.of[0].is_said = false;
	world->notices.of[0].change.scale = SL_SCALE_ONE / 3;
	assert_int_equal(sl_notices_tell(&world->notices, world->f.model), 0);
	assert_int_equal(world->note_count, 0);
	assert_int_equal(sl_model_flush(world->f.model, NULL), 0);
	assert_int_equal(fixture_slots(&world->f, "web", "a"), 64);
	world_close(world);
}

static void a_node_that_is_gone_keeps_nobody_from_being_told(void **state)
{
	struct world *world = world_open(HEAD "pools: [{name: web, slots: 256, nodes: [" NODE(
		"a") ", " NODE("b") ", " NODE("c") "]}]\n");

	(void)state;
	assert_int_equal(fixture_node(&world->f, SL_CHANGE_REMOVE_NODE, "web", "b"), 0);
	add(world, "web", "b", false, SL_HEALTH_TIMEOUT, "no answer");
	add(world, "web", "c", false, SL_HEALTH_TIMEOUT, "no answer");
	add(world, "none", "d", false, SL_HEALTH_TIMEOUT, "no answer");
	add(world, "web", "a", false, SL_HEALTH_TIMEOUT, "no answer");
	assert_int_equal(sl_notices_tell(&world->notices, world->f.model), 0);
	assert_int_equal(down_count(world->f.model), 2);
	world_close(world);
}

static void what_the_model_refuses_is_not_said(void **state)
{
	struct world *world =
		world_open(HEAD "pools: [{name: web, slots: 256, nodes: [" NODE("a") "]}]\n");
	uint64_t number = sl_model_snapshot(world->f.model)->number;

	(void)state;
	add(world, "web", "b", false, SL_HEALTH_TIMEOUT, "no answer");
	assert_int_equal(sl_notices_tell(&world->notices, world->f.model), -ENOENT);
	assert_int_equal(world->note_count, 0);
	world->notices.count = 0;
	assert_int_equal(sl_notices_tell(&world->notices, world->f.model), 0);
	assert_int_equal(sl_model_flush(world->f.model, NULL), 0);
	assert_int_equal(sl_model_snapshot(world->f.model)->number, number);
	world_close(world);
}

static void a_node_that_flaps_is_said_to_be_held(void **state)
{
	struct sl_notice notice = {.change = {.healthy = false}};
	struct sl_finding finding = {.result = SL_HEALTH_OK, .held_ms = 7001, .say = "connected"};

	(void)state;
	sl_notice_why(&notice, &finding);
	assert_string_equal(notice.why, "ok: flaps, held down for 8 s");
	notice.change.healthy = true;
	sl_notice_why(&notice, &finding);
	assert_string_equal(notice.why, "ok: connected");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_nodes_fail_in_one_change_and_each_is_told),
		cmocka_unit_test(notes_come_in_the_order_of_what_was_found),
		cmocka_unit_test(another_weight_alone_is_no_note),
		cmocka_unit_test(a_node_that_is_gone_keeps_nobody_from_being_told),
		cmocka_unit_test(what_the_model_refuses_is_not_said),
		cmocka_unit_test(a_node_that_flaps_is_said_to_be_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
