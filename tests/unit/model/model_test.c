/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/model.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/schedule.h"
#include "unit/model/fixture.h"

#define HEAD_OF_PORTS                                                                              \
	"dataplane: {worker_cpus: [0, 0]}\n"                                                       \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: "                       \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"
#define HEAD HEAD_OF_PORTS "services: [{name: rest, address: any, pool: web}]\n"
#define NODE(name, last, weight)                                                                   \
	"{name: " name ", address: 10.0.0." last ", encap: ipip, port: p0, weight: " weight "}"
#define POOL(slots, nodes) "pools: [{name: web, slots: " slots ", nodes: [" nodes "]}]\n"
#define THREE		   HEAD POOL("1024", NODE("a", "1", "1") "," NODE("b", "2", "1") "," NODE("c", "3", "2"))

/* Of those that say whom it keeps and takes. */
static int life_flags(const struct sl_snapshot *snapshot, uint32_t index)
{
	return sl_snapshot_node_flags(snapshot, index) & (SL_NODE_KEEPS | SL_NODE_TAKES);
}

static void test_first_snapshot_has_exact_shares(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	assert_int_equal(sl_model_generation(f.model), 1);
	assert_int_equal(sl_model_snapshot(f.model)->generation, 1);
	assert_int_equal(fixture_slots(&f, "web", "a"), 256);
	assert_int_equal(fixture_slots(&f, "web", "b"), 256);
	assert_int_equal(fixture_slots(&f, "web", "c"), 512);
	fixture_close(&f);
}

static void test_a_weight_moves_the_least_and_says_so(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	assert_int_equal(fixture_weight(&f, "web", "c", 6), 0);
	assert_int_equal(f.result.generation, 2);
	assert_int_equal(f.result.pool_count, 1);
	assert_string_equal(f.result.pools[0].name, "web");
	assert_int_equal(f.result.pools[0].moved_slots, 256);
	assert_int_equal(f.result.pools[0].least_slots, 256);
	assert_int_equal(fixture_slots(&f, "web", "c"), 768);
	assert_int_equal(sl_model_snapshot(f.model)->generation, 2);
	fixture_close(&f);
}

static void test_a_dry_run_and_a_refusal_change_nothing(void **state)
{
	struct sl_change change = {.kind = SL_CHANGE_SET_WEIGHT, .pool = "web", .node = "c"};
	struct sl_image *before;
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	before = sl_model_image(f.model);
	change.weight = 6 * SL_WEIGHT_UNIT;
	assert_int_equal(fixture_change(&f, &change, true), 0);
	assert_int_equal(f.result.generation, 1);
	assert_int_equal(f.result.pools[0].moved_slots, 256);
	assert_ptr_equal(sl_model_image(f.model), before);
	change.weight = SL_WEIGHT_MAX;
	assert_int_equal(fixture_change(&f, &change, true), 0);
	change.weight = SL_WEIGHT_MAX + 1;
	assert_int_equal(fixture_change(&f, &change, false), -EINVAL);
	change.weight = 0;
	change.if_generation_set = true;
	change.if_generation = 7;
	assert_int_equal(fixture_change(&f, &change, false), -ESTALE);
	assert_string_equal(f.err.text, "the generation is 1, not 7");
	assert_int_equal(fixture_weight(&f, "web", "d", 1), -ENOENT);
	assert_string_equal(f.err.text, "pool 'web' has no node 'd'");
	assert_int_equal(fixture_weight(&f, "wab", "a", 1), -ENOENT);
	assert_string_equal(f.err.text, "there is no pool 'wab'");
	assert_int_equal(fixture_weight(&f, "*", "d", 1), -ENOENT);
	assert_string_equal(f.err.text, "no pool has a node 'd'");
	assert_ptr_equal(sl_model_image(f.model), before);
	assert_int_equal(sl_model_snapshot(f.model)->number, 1);
	fixture_close(&f);
}

static void test_changes_of_one_turn_are_one_snapshot(void **state)
{
	struct sl_change change = {.kind = SL_CHANGE_SET_WEIGHT, .pool = "*", .node = "a"};
	struct sl_change_result result;
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	for (uint64_t w = 2; w < 12; w++) {
		change.weight = w * SL_WEIGHT_UNIT;
		assert_int_equal(sl_model_change(f.model, &change, false, &result, NULL), 0);
		sl_change_result_fini(&result);
	}
	assert_int_equal(sl_model_flush(f.model, NULL), 0);
	assert_int_equal(sl_model_snapshot(f.model)->number, 2);
	assert_int_equal(sl_model_snapshot(f.model)->generation, 11);
	fixture_close(&f);
}

static void test_drain_lends_and_enable_gives_every_slot_back(void **state)
{
	struct sl_table *home;
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	home = sl_table_get(sl_model_image(f.model)->pools[0]->home);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "c"), 0);
	assert_int_equal(f.result.pools[0].moved_slots, 512);
	assert_int_equal(f.result.pools[0].least_slots, 512);
	assert_int_equal(fixture_slots(&f, "web", "c"), 0);
	assert_int_equal(fixture_slots(&f, "web", "a"), 512);
	assert_int_equal(fixture_slots(&f, "web", "b"), 512);
	assert_ptr_equal(sl_model_image(f.model)->pools[0]->home, home);
	assert_int_equal(life_flags(sl_model_snapshot(f.model), fixture_index(&f, "web", "c")),
			 SL_NODE_KEEPS);
	assert_int_equal(fixture_node(&f, SL_CHANGE_ENABLE, "web", "c"), 0);
	assert_int_equal(fixture_slots(&f, "web", "c"), 512);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DISABLE, "*", "c"), 0);
	assert_int_equal(life_flags(sl_model_snapshot(f.model), fixture_index(&f, "web", "c")), 0);
	sl_table_put(home);
	fixture_close(&f);
}

static void test_a_second_that_ends_in_the_turn_of_a_drain_finds_nothing_drained(void **state)
{
	struct sl_change change = {.kind = SL_CHANGE_DRAIN, .pool = "web", .node = "c"};
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	sl_change_result_fini(&f.result);
	assert_int_equal(sl_model_change(f.model, &change, false, &f.result, &f.err), 0);
	sl_model_tick(f.model);
	assert_int_equal(sl_model_flush(f.model, &f.err), 0);
	assert_int_equal(
		sl_snapshot_node(sl_model_snapshot(f.model), fixture_index(&f, "web", "c"))->state,
		SL_NODE_STATE_DRAINING);
	fixture_close(&f);
}

static void test_health_is_no_generation(void **state)
{
	struct sl_change change = {
		.kind = SL_CHANGE_HEALTH, .pool = "web", .node = "b", .why = "timeout"};
	struct sl_image_node *node;
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	assert_int_equal(fixture_change(&f, &change, false), 0);
	node = &sl_model_image(f.model)->pools[0]->nodes[1];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_DOWN);
	assert_string_equal(node->why, "timeout");
	assert_int_equal(sl_model_generation(f.model), 1);
	assert_int_equal(sl_model_snapshot(f.model)->number, 2);
	assert_int_equal(fixture_slots(&f, "web", "b"), 0);
	fixture_close(&f);
}

static void what_health_found_ends_with_the_check(void **state)
{
	static const char checked[] =
		HEAD "pools: [{name: web, slots: 1024, health: {type: tcp, port: 80}, nodes: ["
		     "{name: a, address: 10.0.0.1, encap: ipip, port: p0, weight: 1},"
		     "{name: b, address: 10.0.0.2, encap: ipip, port: p0, weight: 1}]}]\n";
	static const char without[] =
		HEAD "pools: [{name: web, slots: 1024, nodes: ["
		     "{name: a, address: 10.0.0.1, encap: ipip, port: p0, weight: 1},"
		     "{name: b, address: 10.0.0.2, encap: ipip, port: p0, weight: 1}]}]\n";
	struct sl_change change = {
		.kind = SL_CHANGE_HEALTH, .pool = "web", .node = "b", .why = "timeout"};
	struct sl_image_node *node;
	struct fixture f;

	(void)state;
	fixture_open(&f, checked, NULL);
	assert_int_equal(fixture_change(&f, &change, false), 0);
	assert_int_equal(fixture_slots(&f, "web", "b"), 0);
	assert_int_equal(fixture_apply(&f, without), 0);
	node = &sl_model_image(f.model)->pools[0]->nodes[1];
	assert_int_equal(sl_image_node_state(node), SL_NODE_STATE_UP);
	assert_string_equal(node->why, "no longer checked");
	assert_int_equal(fixture_slots(&f, "web", "b"), 512);
	/* What an agent asked for ends, too; what an operator did stays. */
	assert_int_equal(fixture_apply(&f, checked), 0);
	change.healthy = true;
	change.asked = SL_HAND_DISABLED;
	assert_int_equal(fixture_change(&f, &change, false), 0);
	assert_int_equal(fixture_slots(&f, "web", "b"), 0);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DISABLE, "web", "a"), 0);
	assert_int_equal(fixture_apply(&f, without), 0);
	assert_int_equal(fixture_slots(&f, "web", "b"), 1024);
	fixture_close(&f);
}

/* As many pools as are more than half of all that can be. */
static char *text_of_pools(const char *name)
{
	static char text[SL_POOLS_MAX * 128 + 1024];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s", HEAD_OF_PORTS);

	used += (size_t)snprintf(text + used, sizeof(text) - used,
				 "services: [{name: rest, address: any, pool: %s0}]\npools:\n",
				 name);
	for (uint32_t p = 0; p < SL_POOLS_MAX / 2 + 1; p++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"- {name: %s%u, slots: 256, nodes: [" NODE("a", "1", "1") "]}\n", name, p);
	assert_true(used < sizeof(text));
	return text;
}

static void pools_that_are_leaving_come_back_as_themselves(void **state)
{
	struct fixture f;
	uint32_t index;

	(void)state;
	fixture_open(&f, text_of_pools("web"), NULL);
	index = fixture_index(&f, "web7", "a");
	assert_int_equal(fixture_apply(&f, THREE), 0);
	assert_int_equal(sl_model_image(f.model)->listed_count, 1);
	/* There is no room for as many more, */
	assert_int_equal(fixture_apply(&f, text_of_pools("dns")), -ENOSPC);
	assert_non_null(strstr(f.err.text, "no room for it until"));
	/* but for themselves. */
	assert_int_equal(fixture_apply(&f, text_of_pools("web")), 0);
	assert_int_equal(sl_model_image(f.model)->listed_count, SL_POOLS_MAX / 2 + 1);
	assert_int_equal(fixture_index(&f, "web7", "a"), index);
	assert_int_equal(fixture_slots(&f, "web7", "a"), 256);
	fixture_close(&f);
}

static void test_nodes_come_and_go_with_their_indices(void **state)
{
	static const char *const pairs[] = {"address=10.0.0.9", "encap=ipip", "port=p0",
					    "weight=4"};
	struct fixture f;
	uint32_t index;

	(void)state;
	fixture_open(&f, THREE, NULL);
	index = fixture_index(&f, "web", "b");
	assert_int_equal(fixture_node(&f, SL_CHANGE_REMOVE_NODE, "web", "b"), 0);
	assert_int_equal(sl_model_image(f.model)->pools[0]->listed_count, 2);
	assert_int_equal(sl_model_image(f.model)->pools[0]->node_count, 3);
	assert_int_equal(sl_snapshot_node(sl_model_snapshot(f.model), index)->state,
			 SL_NODE_STATE_LEAVING);
	assert_int_equal(fixture_add(&f, "web", "d", pairs, 4), 0);
	assert_int_not_equal(fixture_index(&f, "web", "d"), index);
	assert_int_equal(fixture_slots(&f, "web", "d"), 585);
	assert_int_equal(fixture_add(&f, "web", "d", pairs, 4), -EEXIST);
	fixture_close(&f);
}

static void test_a_node_that_comes_back_while_leaving_is_the_same(void **state)
{
	static const char *const pairs[] = {"address=10.0.0.2", "encap=ipip", "port=p0",
					    "weight=1"};
	struct fixture f;
	uint32_t index;

	(void)state;
	fixture_open(&f, THREE, NULL);
	index = fixture_index(&f, "web", "b");
	assert_int_equal(fixture_node(&f, SL_CHANGE_REMOVE_NODE, "web", "b"), 0);
	assert_int_equal(fixture_add(&f, "web", "b", pairs, 4), 0);
	assert_int_equal(fixture_index(&f, "web", "b"), index);
	assert_int_equal(sl_model_image(f.model)->pools[0]->node_count, 3);
	assert_int_equal(fixture_node(&f, SL_CHANGE_REMOVE_NODE, "web", "b"), 0);
	assert_int_equal(fixture_apply(&f, THREE), 0);
	assert_int_equal(fixture_index(&f, "web", "b"), index);
	assert_int_equal(sl_model_image(f.model)->pools[0]->node_count, 3);
	fixture_close(&f);
}

static void test_apply_of_the_same_file_shares_everything(void **state)
{
	struct sl_image_pool *pool;
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	pool = sl_model_image(f.model)->pools[0];
	assert_int_equal(fixture_apply(&f, THREE), 0);
	assert_ptr_equal(sl_model_image(f.model)->pools[0], pool);
	assert_int_equal(f.result.generation, 2);
	assert_int_equal(f.result.sentence_count, 0);
	fixture_close(&f);
}

static void test_apply_says_what_changes(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	assert_int_equal(
		fixture_apply(&f,
			      HEAD POOL("1024", NODE("a", "1", "1") "," NODE(
							"d", "4", "1") "," NODE("c", "3", "5.5"))),
		0);
	assert_int_equal(f.result.sentence_count, 3);
	assert_string_equal(f.result.sentences[0], "pool web: node d added with weight 1");
	assert_string_equal(f.result.sentences[1], "pool web: node c: weight 2 -> 5.5");
	assert_string_equal(f.result.sentences[2], "pool web: node b removed");
	assert_int_equal(f.result.pools[0].moved_slots, f.result.pools[0].least_slots);
	fixture_close(&f);
}

static void test_apply_refuses_what_needs_a_restart(void **state)
{
	static const char other[] = "dataplane: {worker_cpus: [0]}\n"
				    "ports: [{name: p0, device: d, addresses: [192.0.2.2/24]}]\n"
				    "services: [{name: rest, address: any, pool: web}]\n"
				    "pools: [{name: web}]\n";
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	assert_int_equal(fixture_apply(&f, other), -EPERM);
	assert_string_equal(f.err.text,
			    "dataplane.worker_cpus cannot change while it runs: needs a restart; "
			    "gateway of port p0 cannot change while it runs: needs a restart");
	assert_int_equal(sl_model_generation(f.model), 1);
	fixture_close(&f);
}

static void test_apply_refuses_with_every_reason_and_its_place(void **state)
{
	static const char other[] =
		"dataplane: {worker_cpus: [0], burst: 8, hash_key: "
		"ff112233445566778899aabbccddeeff}\n"
		"ports:\n  - {name: p0, device: e, mtu: 1400, addresses: [192.0.2.2/24]}\n"
		"services: [{name: rest, address: any, pool: web}]\n"
		"pools: [{name: web, hash: src-dst, symmetric: true}]\n";
	static const struct {
		uint32_t line, column;
		const char *message;
	} wanted[] = {
		{1, 12, "dataplane.worker_cpus cannot change while it runs: needs a restart"},
		{1, 12, "dataplane.burst cannot change while it runs: needs a restart"},
		{3, 5, "device of port p0 cannot change while it runs: needs a restart"},
		{3, 5, "mtu of port p0 cannot change while it runs: needs a restart"},
		{3, 5, "gateway of port p0 cannot change while it runs: needs a restart"},
		{1, 12, "another dataplane.hash_key moves flows: needs apply --force"},
		{5, 9, "pool web: another hash moves flows: needs apply --force"},
		{5, 9, "pool web: another symmetric moves flows: needs apply --force"},
	};
	struct sl_conf *conf = fixture_conf(other);
	struct sl_change change = {.kind = SL_CHANGE_APPLY, .conf = conf};
	struct sl_change_result result;
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	assert_int_equal(sl_model_change(f.model, &change, true, &result, &f.err), -EPERM);
	assert_int_equal(result.refusal_count, SL_ARRAY_COUNT(wanted));
	for (uint32_t i = 0; i < result.refusal_count; i++) {
		assert_string_equal(result.refusals[i].message, wanted[i].message);
		assert_int_equal(result.refusals[i].line, wanted[i].line);
		assert_int_equal(result.refusals[i].column, wanted[i].column);
		assert_non_null(strstr(f.err.text, wanted[i].message));
	}
	sl_change_result_fini(&result);
	sl_conf_destroy(conf);
	fixture_close(&f);
}

static void test_another_hash_needs_force(void **state)
{
	static const char other[] = HEAD
		"pools: [{name: web, slots: 1024, hash: src, nodes: [" NODE("a", "1", "1") "]}]\n";
	struct sl_conf *conf = fixture_conf(other);
	struct sl_change change = {.kind = SL_CHANGE_APPLY, .conf = conf};
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	assert_int_equal(fixture_change(&f, &change, false), -EPERM);
	assert_string_equal(f.err.text, "pool web: another hash moves flows: needs apply --force");
	change.force = true;
	assert_int_equal(fixture_change(&f, &change, false), 0);
	sl_conf_destroy(conf);
	fixture_close(&f);
}

static void test_doubled_slots_move_nothing(void **state)
{
	static const char twice[] = HEAD POOL(
		"2048", NODE("a", "1", "1") "," NODE("b", "2", "1") "," NODE("c", "3", "2"));
	struct sl_table *home;
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	home = sl_table_get(sl_model_image(f.model)->pools[0]->home);
	assert_int_equal(fixture_apply(&f, twice), 0);
	assert_int_equal(f.result.pools[0].moved_slots, 0);
	assert_int_equal(f.result.pools[0].least_slots, 0);
	for (uint32_t s = 0; s < 2048; s++)
		assert_int_equal(sl_model_image(f.model)->pools[0]->home->word[s],
				 home->word[s / 2]);
	assert_int_equal(sl_model_snapshot(f.model)->pools[0].shift, 64 - 11);
	sl_table_put(home);
	fixture_close(&f);
}

static void test_rollback_restores_slots_weights_and_hands(void **state)
{
	struct sl_change change = {.kind = SL_CHANGE_ROLLBACK};
	struct sl_table *home;
	struct sl_image *image;
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	assert_int_equal(fixture_weight(&f, "web", "a", 3), 0);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DISABLE, "web", "b"), 0);
	image = sl_image_get(sl_model_image(f.model));
	home = image->pools[0]->home;
	assert_int_equal(fixture_weight(&f, "web", "a", 9), 0);
	assert_int_equal(fixture_weight(&f, "web", "c", 1), 0);
	assert_int_equal(fixture_node(&f, SL_CHANGE_ENABLE, "web", "b"), 0);
	change.image = image;
	assert_int_equal(fixture_change(&f, &change, false), 0);
	assert_int_equal(f.result.generation, 7);
	assert_memory_equal(sl_model_image(f.model)->pools[0]->home->word, home->word, 1024 * 4);
	assert_int_equal(sl_model_image(f.model)->pools[0]->nodes[0].conf->weight,
			 3 * SL_WEIGHT_UNIT);
	assert_int_equal(sl_model_image(f.model)->pools[0]->nodes[1].hand, SL_HAND_DISABLED);
	sl_image_put(image);
	fixture_close(&f);
}

static void test_a_kept_image_is_taken_over_at_the_start(void **state)
{
	struct sl_image *image;
	struct sl_conf *conf;
	struct fixture f, g;
	char *text;

	(void)state;
	fixture_open(&f, THREE, NULL);
	assert_int_equal(fixture_weight(&f, "web", "a", 7), 0);
	assert_int_equal(fixture_weight(&f, "web", "a", 3), 0);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "c"), 0);
	image = sl_image_get(sl_model_image(f.model));
	conf = sl_image_conf(image);
	text = sl_conf_format(conf);
	sl_image_conf_free(conf);
	fixture_open(&g, text, image);
	assert_int_equal(sl_model_generation(g.model), 4);
	assert_int_equal(sl_model_image(g.model)->pools[0]->nodes[0].conf->weight,
			 3 * SL_WEIGHT_UNIT);
	assert_memory_equal(sl_model_image(g.model)->pools[0]->home->word,
			    image->pools[0]->home->word, 1024 * 4);
	assert_int_equal(fixture_slots(&g, "web", "c"), 0);
	assert_int_equal(sl_image_node_state(&sl_model_image(g.model)->pools[0]->nodes[2]),
			 SL_NODE_STATE_DRAINING);
	free(text);
	fixture_close(&g);
	sl_image_put(image);
	fixture_close(&f);
}

/* One change each takes the last node away; another change then says nothing more. */
static void test_whoever_takes_the_last_node_away_is_warned(void **state)
{
	static const enum sl_change_kind kinds[] = {SL_CHANGE_DRAIN, SL_CHANGE_DISABLE,
						    SL_CHANGE_REMOVE_NODE, SL_CHANGE_SET_WEIGHT};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct sl_change change = {.kind = kinds[i], .pool = "web", .node = "c"};

		fixture_open(&f, THREE, NULL);
		assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "a"), 0);
		assert_int_equal(f.result.warning_count, 0);
		assert_int_equal(fixture_weight(&f, "web", "b", 0), 0);
		assert_int_equal(f.result.warning_count, 0);
		assert_int_equal(fixture_change(&f, &change, true), 0);
		assert_int_equal(f.result.warning_count, 1);
		assert_string_equal(f.result.warnings[0],
				    "pool web: no node is left for new connections");
		assert_int_equal(fixture_change(&f, &change, false), 0);
		assert_int_equal(f.result.warning_count, 1);
		assert_int_equal(fixture_node(&f, SL_CHANGE_DISABLE, "web", "a"), 0);
		assert_int_equal(f.result.warning_count, 0);
		fixture_close(&f);
	}
}

static void test_a_table_is_set_by_names(void **state)
{
	static const char *const names[] = {"c", "a"};
	static uint32_t words[1024];
	struct sl_change_table table = {words, 1024, names, 2};
	struct sl_change change = {.kind = SL_CHANGE_TABLE_SET, .pool = "web", .table = &table};
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	for (uint32_t s = 0; s < 1024; s++)
		words[s] = s < 1000 ? 1 : 2;
	assert_int_equal(fixture_change(&f, &change, false), 0);
	assert_int_equal(fixture_slots(&f, "web", "c"), 1000);
	assert_int_equal(fixture_slots(&f, "web", "a"), 24);
	words[5] = 3;
	assert_int_equal(fixture_change(&f, &change, false), -EINVAL);
	table.count = 512;
	assert_int_equal(fixture_change(&f, &change, false), -EINVAL);
	assert_string_equal(f.err.text, "the table has 512 slots, pool web has 1024");
	fixture_close(&f);
}

static void test_a_weight_below_one_slot_is_warned_of(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, HEAD POOL("256", NODE("a", "1", "1000") "," NODE("b", "2", "1")), NULL);
	assert_int_equal(f.result.warning_count, 1);
	assert_string_equal(f.result.warnings[0], "pool web: the weight of node b is less than one "
						  "of 256 slots; slots: 1024 would serve it");
	fixture_close(&f);
}

static void test_a_handler_that_cannot_open_refuses_the_change(void **state)
{
	static const char *const pairs[] = {"worker=0", "handler=sink", "weight=1"};
	struct fixture f;

	(void)state;
	fixture_open(&f, THREE, NULL);
	f.handlers_fail = true;
	assert_int_equal(fixture_add(&f, "web", "w", pairs, 3), -2);
	assert_string_equal(f.err.text, "pool web: node w: w: no such file");
	assert_string_equal(f.handler_pool, "web");
	assert_int_equal(sl_model_generation(f.model), 1);
	f.handlers_fail = false;
	assert_int_equal(fixture_add(&f, "web", "w", pairs, 3), 0);
	assert_int_equal(f.handlers, 1);
	fixture_close(&f);
}

static void test_no_node_any_serves_when_nobody_is_healthy(void **state)
{
	static const char any[] =
		HEAD "pools: [{name: web, slots: 1024, no_node: any, nodes: [" NODE(
			"a", "1", "1") "," NODE("b", "2", "1") "]}]\n";
	struct fixture f;

	(void)state;
	fixture_open(&f, any, NULL);
	assert_int_equal(fixture_node(&f, SL_CHANGE_HEALTH, "web", "a"), 0);
	assert_int_equal(fixture_slots(&f, "web", "b"), 1024);
	assert_int_equal(fixture_node(&f, SL_CHANGE_HEALTH, "web", "b"), 0);
	assert_int_equal(fixture_slots(&f, "web", "a"), 512);
	assert_int_equal(fixture_slots(&f, "web", "b"), 512);
	assert_int_equal(life_flags(sl_model_snapshot(f.model), fixture_index(&f, "web", "a")),
			 SL_NODE_TAKES | SL_NODE_KEEPS);
	fixture_close(&f);
}

static void long_values_are_told_from_where_they_differ(void **state)
{
	char before[300], after[300], wanted[300];
	struct sl_change_result result = {0};

	(void)state;
	(void)snprintf(before, sizeof(before), "{type: http, path: /%0120d, rise: 2, fall: 3}", 0);
	(void)snprintf(after, sizeof(after), "{type: http, path: /%0120d, rise: 2, fall: 4}", 0);
	assert_int_equal(sl_change_say_value(&result, "pool web: health", before, after), 0);
	assert_string_equal(result.sentences[0], "pool web: health ...fall: 3} -> ...fall: 4}");
	(void)snprintf(after, sizeof(after), "{type: http, path: /%0121d, rise: 2, fall: 3}", 0);
	assert_int_equal(sl_change_say_value(&result, "pool web: health", before, after), 0);
	(void)snprintf(
		wanted, sizeof(wanted),
		"pool web: health ...%050d, rise: 2, fall: 3} -> ...%051d, rise: 2, fall: 3}", 0,
		0);
	assert_string_equal(result.sentences[1], wanted);
	assert_int_equal(sl_change_say_value(&result, "pool web: no_node", "drop", "any"), 0);
	assert_string_equal(result.sentences[2], "pool web: no_node drop -> any");
	sl_change_result_fini(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_values_are_told_from_where_they_differ),
		cmocka_unit_test(test_first_snapshot_has_exact_shares),
		cmocka_unit_test(test_a_weight_moves_the_least_and_says_so),
		cmocka_unit_test(test_a_dry_run_and_a_refusal_change_nothing),
		cmocka_unit_test(test_changes_of_one_turn_are_one_snapshot),
		cmocka_unit_test(test_drain_lends_and_enable_gives_every_slot_back),
		cmocka_unit_test(
			test_a_second_that_ends_in_the_turn_of_a_drain_finds_nothing_drained),
		cmocka_unit_test(test_health_is_no_generation),
		cmocka_unit_test(what_health_found_ends_with_the_check),
		cmocka_unit_test(pools_that_are_leaving_come_back_as_themselves),
		cmocka_unit_test(test_nodes_come_and_go_with_their_indices),
		cmocka_unit_test(test_a_node_that_comes_back_while_leaving_is_the_same),
		cmocka_unit_test(test_apply_of_the_same_file_shares_everything),
		cmocka_unit_test(test_apply_says_what_changes),
		cmocka_unit_test(test_apply_refuses_what_needs_a_restart),
		cmocka_unit_test(test_apply_refuses_with_every_reason_and_its_place),
		cmocka_unit_test(test_another_hash_needs_force),
		cmocka_unit_test(test_doubled_slots_move_nothing),
		cmocka_unit_test(test_rollback_restores_slots_weights_and_hands),
		cmocka_unit_test(test_a_kept_image_is_taken_over_at_the_start),
		cmocka_unit_test(test_whoever_takes_the_last_node_away_is_warned),
		cmocka_unit_test(test_a_table_is_set_by_names),
		cmocka_unit_test(test_a_weight_below_one_slot_is_warned_of),
		cmocka_unit_test(test_a_handler_that_cannot_open_refuses_the_change),
		cmocka_unit_test(test_no_node_any_serves_when_nobody_is_healthy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
