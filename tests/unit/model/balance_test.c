/* SPDX-License-Identifier: BSD-3-Clause */

/* Who serves while some cannot: backups, scaled weights, fallbacks. What is lent comes back as it was. */

#include "model/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "unit/model/fixture.h"

#define PORTS                                                                                      \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: {mac: "                 \
	"\"02:00:00:00:00:01\"}}]\n"
#define SERVE "services: [{name: rest, address: any, pool: web}]\n"
#define NODE(name, more)                                                                           \
	"{name: " name ", address: 10.0.0.1, encap: ipip, port: p0, weight: 1" more "}"

static int health(struct fixture *f, const char *pool, const char *node, bool healthy,
		  uint32_t scale)
{
	struct sl_change change = {.kind = SL_CHANGE_HEALTH,
				   .pool = pool,
				   .node = node,
				   .healthy = healthy,
				   .scale = scale};

	return fixture_change(f, &change, false);
}

static void keep_table(const struct fixture *f, uint32_t words[1024])
{
	const struct sl_table *target = sl_model_image(f->model)->pools[0]->target;

	memcpy(words, target->word, target->count * sizeof(uint32_t));
}

static void backups_serve_only_while_nobody_else_can(void **state)
{
	uint32_t before[1024], after[1024];
	struct fixture f;

	(void)state;
	fixture_open(
		&f,
		PORTS SERVE "pools: [{name: web, slots: 1024, nodes: [" NODE("a", "") ", " NODE(
			"b", "") ", " NODE("c",
					   ", backup: true") ", " NODE("d",
								       ", backup: true") "]}]\n",
		NULL);
	keep_table(&f, before);
	assert_int_equal(fixture_slots(&f, "web", "a"), 512);
	assert_int_equal(fixture_slots(&f, "web", "c"), 0);
	assert_int_equal(health(&f, "web", "a", false, 0), 0);
	assert_int_equal(fixture_slots(&f, "web", "b"), 1024);
	assert_int_equal(fixture_slots(&f, "web", "c"), 0);
	assert_int_equal(health(&f, "web", "b", false, 0), 0);
	assert_int_equal(fixture_slots(&f, "web", "c"), 512);
	assert_int_equal(fixture_slots(&f, "web", "d"), 512);
	assert_int_equal(health(&f, "web", "c", false, 0), 0);
	assert_int_equal(fixture_slots(&f, "web", "d"), 1024);
	assert_int_equal(health(&f, "web", "b", true, 0), 0);
	assert_int_equal(fixture_slots(&f, "web", "b"), 1024);
	assert_int_equal(fixture_slots(&f, "web", "d"), 0);
	assert_int_equal(health(&f, "web", "a", true, 0), 0);
	keep_table(&f, after);
	assert_memory_equal(before, after, sizeof(before));
	fixture_close(&f);
}

static void a_primary_without_weight_keeps_no_backup_off(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f,
		     PORTS SERVE "pools: [{name: web, slots: 256, nodes: [" NODE("a", "") ", " NODE(
			     "b", "") ", " NODE("c", ", backup: true") "]}]\n",
		     NULL);
	assert_int_equal(fixture_weight(&f, "web", "b", 0), 0);
	assert_int_equal(fixture_slots(&f, "web", "a"), 256);
	assert_int_equal(health(&f, "web", "a", false, 0), 0);
	assert_int_equal(fixture_slots(&f, "web", "c"), 256);
	fixture_close(&f);
}

static void backups_alone_are_nodes_like_others(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f,
		     PORTS SERVE "pools: [{name: web, slots: 1024, nodes: [" NODE(
			     "c", ", backup: true") ", " NODE("d", ", backup: true") "]}]\n",
		     NULL);
	assert_int_equal(fixture_slots(&f, "web", "c"), 512);
	assert_int_equal(fixture_slots(&f, "web", "d"), 512);
	fixture_close(&f);
}

/* One step moves what it must, and the whole weight brings the table back. */
static void scaled_weights_move_the_least_and_come_back(void **state)
{
	uint32_t before[1024], step[1024], after[1024], moved = 0;
	struct fixture f;

	(void)state;
	fixture_open(&f,
		     PORTS SERVE "pools: [{name: web, slots: 1024, nodes: [" NODE(
			     "a", "") ", " NODE("b", "") "]}]\n",
		     NULL);
	keep_table(&f, before);
	assert_int_equal(health(&f, "web", "a", true, 500000), 0);
	assert_int_equal(fixture_slots(&f, "web", "a"), 341);
	keep_table(&f, step);
	for (uint32_t s = 0; s < 1024; s++)
		moved += before[s] != step[s];
	assert_int_equal(moved, 512 - 341);
	assert_int_equal(sl_model_generation(f.model), 1);
	assert_int_equal(health(&f, "web", "a", true, 0), 0);
	keep_table(&f, after);
	assert_memory_equal(before, after, sizeof(before));
	fixture_close(&f);
}

static uint32_t pool_of_service(const struct fixture *f)
{
	const struct sl_image *image = sl_model_image(f->model);

	return sl_model_snapshot(f->model)->services[image->service_index[0]].pool;
}

static void a_fallback_serves_while_too_few_are_up(void **state)
{
	uint32_t index[3];
	struct fixture f;

	(void)state;
	fixture_open(&f,
		     PORTS SERVE
		     "pools:\n"
		     "  - {name: web, slots: 256, fallback: far, fallback_below: 0.5, nodes: "
		     "[" NODE("a", "") ", " NODE("b", "") ", " NODE(
			     "c", "") "]}\n"
				      "  - {name: far, slots: 256, fallback: last, nodes: [" NODE(
					      "d", "") "]}\n"
						       "  - {name: last, slots: 256, nodes: [" NODE(
							       "e", "") "]}\n",
		     NULL);
	for (uint32_t p = 0; p < 3; p++)
		index[p] = sl_model_image(f.model)->pools[p]->index;
	assert_int_equal(pool_of_service(&f), index[0]);
	assert_int_equal(health(&f, "web", "a", false, 0), 0);
	assert_int_equal(pool_of_service(&f), index[0]);
	assert_int_equal(health(&f, "web", "b", false, 0), 0);
	assert_int_equal(pool_of_service(&f), index[1]);
	assert_int_equal(health(&f, "far", "d", false, 0), 0);
	assert_int_equal(pool_of_service(&f), index[2]);
	assert_int_equal(health(&f, "last", "e", false, 0), 0);
	assert_int_equal(pool_of_service(&f), index[0]);
	assert_int_equal(health(&f, "last", "e", true, 0), 0);
	assert_int_equal(health(&f, "web", "b", true, 0), 0);
	assert_int_equal(pool_of_service(&f), index[0]);
	fixture_close(&f);
}

/* As many as there may be, one behind the other, and shares that are just enough. */
static void the_last_of_all_fallbacks_serves(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(
		&f,
		PORTS SERVE
		"pools:\n"
		"  - {name: web, slots: 256, fallback: f1, fallback_below: 0.5, nodes: [" NODE(
			"a", "") ", " NODE("b", "") "]}\n"
						    "  - {name: f1, slots: 256, fallback: f2}\n"
						    "  - {name: f2, slots: 256, fallback: f3}\n"
						    "  - {name: f3, slots: 256, fallback: f4}\n"
						    "  - {name: f4, slots: 256, nodes: [" NODE(
							    "e", "") "]}\n",
		NULL);
	assert_int_equal(health(&f, "web", "a", false, 0), 0);
	assert_int_equal(pool_of_service(&f), sl_model_image(f.model)->pools[0]->index);
	assert_int_equal(health(&f, "web", "b", false, 0), 0);
	assert_int_equal(pool_of_service(&f), sl_model_image(f.model)->pools[4]->index);
	fixture_close(&f);
}

#define LINK(name, next, node)                                                                     \
	"  - {name: " name ", slots: 256, fallback: " next ", nodes: [" node "]}\n"
/* clang-format off */
#define CHAIN                                                                                      \
	"pools:\n" LINK("web", "f1", NODE("a", "")) LINK("f1", "f2", NODE("b", ""))                \
		LINK("f2", "f3", NODE("c", "")) LINK("f3", "f4", NODE("d", ""))                    \
		"  - {name: f4, slots: 256, nodes: [" NODE("e", "") "]}\n"                        \
		"  - {name: other, slots: 256, nodes: [" NODE("o", "") "]}\n"
/* clang-format on */

/* A service that was at as many pools as may be, and is where health led it: neither the next finding nor
 * a change of something else is refused. */
static void what_health_finds_is_not_refused_for_a_service_that_moved_often(void **state)
{
	static const char *const down[][2] = {{"web", "a"}, {"f1", "b"}, {"f2", "c"}, {"f3", "d"}};
	struct fixture f;

	(void)state;
	fixture_open(&f, PORTS "services: [{name: rest, address: any, pool: other}]\n" CHAIN, NULL);
	assert_int_equal(fixture_apply(&f, PORTS SERVE CHAIN), 0);
	for (size_t i = 0; i < SL_ARRAY_COUNT(down); i++)
		assert_int_equal(health(&f, down[i][0], down[i][1], false, 0), 0);
	assert_int_equal(pool_of_service(&f), sl_model_image(f.model)->pools[4]->index);
	assert_int_equal(health(&f, "other", "o", false, 0), 0);
	assert_int_equal(health(&f, "other", "o", true, 0), 0);
	assert_int_equal(fixture_weight(&f, "other", "o", 7), 0);
	assert_int_equal(pool_of_service(&f), sl_model_image(f.model)->pools[4]->index);
	fixture_close(&f);
}

static void fallbacks_that_go_nowhere_are_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{PORTS SERVE "pools: [{name: web, fallback: wbe}]\n",
		 "pool web: there is no pool `wbe` for its `fallback`"},
		{PORTS SERVE "pools: [{name: web, fallback: far}, {name: far, fallback: web}]\n",
		 "pool web: its fallbacks go round, or on for more than 4 pools"},
		{PORTS SERVE "pools: [{name: web, fallback_below: 0.5}]\n",
		 "`fallback_below` needs a `fallback`, a pool's name"},
		{PORTS SERVE "pools: [{name: web, fallback: a, fallback_below: 1.5}, {name: a}]\n",
		 "`fallback_below` takes a share from 0 to 1, not `1.5`"},
		{PORTS SERVE "pools: [{name: web, weight_from: agent}]\n",
		 "`weight_from: agent` needs an agent: `health` of type agent, or one with "
		 "`agent: {port: ...}`"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_conf_errors errors;
		struct sl_conf *conf;

		assert_int_not_equal(
			sl_conf_parse(cases[i].text, strlen(cases[i].text), &conf, &errors), 0);
		assert_true(errors.count > 0);
		assert_string_equal(errors.list[0].message, cases[i].error);
		sl_conf_errors_fini(&errors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backups_serve_only_while_nobody_else_can),
		cmocka_unit_test(a_primary_without_weight_keeps_no_backup_off),
		cmocka_unit_test(backups_alone_are_nodes_like_others),
		cmocka_unit_test(scaled_weights_move_the_least_and_come_back),
		cmocka_unit_test(a_fallback_serves_while_too_few_are_up),
		cmocka_unit_test(the_last_of_all_fallbacks_serves),
		cmocka_unit_test(what_health_finds_is_not_refused_for_a_service_that_moved_often),
		cmocka_unit_test(fallbacks_that_go_nowhere_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
