/* SPDX-License-Identifier: BSD-3-Clause */

/* What rollback goes back to: by name and number of this run, exactly, with its key, and saying what
 * it cannot bring back. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/model/fixture.h"

#define KEY "00112233445566778899aabbccddeeff"
#define PORT0                                                                                      \
	"{name: p0, device: d, addresses: [192.0.2.2/24], gateway: {mac: \"02:00:00:00:00:01\"}}"
#define PORT1 "{name: p1, device: e, addresses: [198.51.100.2/24]}"
#define PORT2 "{name: p2, device: f, addresses: [\"2001:db8::2/64\"]}"
#define SERVE "services: [{name: rest, address: any, pool: web}]\n"
#define WEB(slots, more)                                                                           \
	"pools:\n  - {name: web, slots: " #slots ", nodes: [{name: a, output: p1, weight: 1}, "    \
	"{name: b, output: p0, weight: 1}" more "]}\n"
#define API   "  - {name: api, slots: 256, nodes: [{name: c, output: p0, weight: 1}]}\n"
#define PORTS "ports: [" PORT0 ", " PORT1 "]\n"
#define RUN   PORTS SERVE WEB(256, "") API

static int back_to(struct fixture *f, const char *then, const struct sl_hash_key *key, bool force)
{
	struct sl_image *image = sl_image_create(fixture_conf(then));
	struct sl_change change = {
		.kind = SL_CHANGE_ROLLBACK, .image = image, .hash_key = key, .force = force};
	int status;

	assert_non_null(image);
	status = fixture_change(f, &change, false);
	sl_image_put(image);
	return status;
}

static void ports_are_those_of_that_name(void **state)
{
	const struct sl_image *image;
	struct fixture f;

	(void)state;
	fixture_open(&f, RUN, NULL);
	assert_int_equal(back_to(&f,
				 "ports: [" PORT2 ", " PORT1 ", " PORT0 "]\n" SERVE WEB(256, ""),
				 NULL, false),
			 0);
	image = sl_model_image(f.model);
	assert_string_equal(image->pools[0]->nodes[0].name, "a");
	assert_int_equal(image->pools[0]->nodes[0].conf->port, 1);
	assert_int_equal(image->pools[0]->nodes[1].conf->port, 0);
	fixture_close(&f);
}

static void what_is_not_there_is_refused(void **state)
{
	static const char *const then[] = {
		"ports: [" PORT0 ", " PORT1 ", " PORT2
		"]\n" SERVE WEB(256, ", {name: c, output: p2}"),
		"dataplane: {worker_cpus: [0]}\n" PORTS SERVE WEB(
			256, ", {name: c, worker: 0, handler: sink}"),
		"ports: [{name: p0, device: d, addresses: [\"2001:db8::3/64\"]}, " PORT1
		"]\n" SERVE WEB(256,
				", {name: c, address: \"2001:db8::9\", encap: ipip, port: p0}"),
	};
	static const char *const why[] = {
		"node c: there is no port p2 now", "node c: there is no worker 0 now",
		"node c: port p0 has no address of the node's family now"};
	struct sl_image *before;
	struct fixture f;

	(void)state;
	fixture_open(&f, RUN, NULL);
	before = sl_model_image(f.model);
	for (size_t i = 0; i < sizeof(then) / sizeof(then[0]); i++) {
		assert_int_equal(back_to(&f, then[i], NULL, true), -EPERM);
		assert_non_null(strstr(f.err.text, why[i]));
		assert_int_equal(f.result.refusal_count, 1);
		assert_ptr_equal(sl_model_image(f.model), before);
	}
	fixture_close(&f);
}

static void the_hash_key_goes_back_with_its_text(void **state)
{
	struct sl_hash_key random = {{7}}, given;
	const struct sl_conf *conf;
	struct fixture f;

	(void)state;
	fixture_open(&f, RUN, NULL);
	assert_int_equal(back_to(&f, "dataplane: {hash_key: \"" KEY "\"}\n" RUN, NULL, false),
			 -EPERM);
	assert_int_equal(back_to(&f, "dataplane: {hash_key: \"" KEY "\"}\n" RUN, NULL, true), 0);
	conf = sl_model_image(f.model)->conf;
	memcpy(&given, conf->dataplane.hash_key, sizeof(given));
	assert_true(conf->dataplane.hash_key_set);
	assert_memory_equal(sl_model_hash_key(f.model), &given, sizeof(given));
	/* no text then, and a key of chance */
	assert_int_equal(back_to(&f, RUN, &random, false), -EPERM);
	assert_int_equal(back_to(&f, RUN, &random, true), 0);
	assert_false(sl_model_image(f.model)->conf->dataplane.hash_key_set);
	assert_memory_equal(sl_model_hash_key(f.model), &random, sizeof(random));
	assert_memory_equal(&sl_model_snapshot(f.model)->hash_key, &random, sizeof(random));
	fixture_close(&f);
}

static void an_imported_table_comes_back_over_doubled_slots(void **state)
{
	static const char *const names[] = {"a", "b"};
	uint32_t words[256];
	struct sl_change_table table = {words, 256, names, 2};
	struct sl_change set = {.kind = SL_CHANGE_TABLE_SET, .pool = "web", .table = &table};
	struct sl_change back = {.kind = SL_CHANGE_ROLLBACK};
	struct sl_image *image;
	struct fixture f;

	(void)state;
	for (uint32_t s = 0; s < 256; s++)
		words[s] = s < 250 ? 1 : 2;
	fixture_open(&f, RUN, NULL);
	assert_int_equal(fixture_change(&f, &set, false), 0);
	image = sl_image_get(sl_model_image(f.model));
	assert_int_equal(fixture_apply(&f, PORTS SERVE WEB(512, "") API), 0);
	back.image = image;
	assert_int_equal(fixture_change(&f, &back, false), 0);
	assert_memory_equal(sl_model_image(f.model)->pools[0]->home->word,
			    image->pools[0]->home->word, sizeof(words));
	sl_image_put(image);
	fixture_close(&f);
}

static void only_what_changed_is_named(void **state)
{
	struct sl_change back = {.kind = SL_CHANGE_ROLLBACK};
	struct sl_image *image;
	struct fixture f;

	(void)state;
	fixture_open(&f, RUN, NULL);
	image = sl_image_get(sl_model_image(f.model));
	assert_int_equal(fixture_weight(&f, "web", "a", 5), 0);
	back.image = image;
	assert_int_equal(fixture_change(&f, &back, false), 0);
	assert_int_equal(f.result.pool_count, 1);
	assert_string_equal(f.result.pools[0].name, "web");
	sl_image_put(image);
	fixture_close(&f);
}

static void a_deadline_that_does_not_come_back_is_said(void **state)
{
	struct sl_change drain = {
		.kind = SL_CHANGE_DRAIN, .pool = "web", .node = "a", .deadline_ms = 60000};
	struct sl_change back = {.kind = SL_CHANGE_ROLLBACK};
	struct sl_image *image;
	struct fixture f;

	(void)state;
	fixture_open(&f, RUN, NULL);
	assert_int_equal(fixture_change(&f, &drain, false), 0);
	image = sl_image_get(sl_model_image(f.model));
	assert_int_equal(fixture_node(&f, SL_CHANGE_ENABLE, "web", "a"), 0);
	back.image = image;
	assert_int_equal(fixture_change(&f, &back, false), 0);
	assert_int_equal(f.result.warning_count, 1);
	assert_non_null(strstr(f.result.warnings[0], "without the deadline"));
	assert_int_equal(sl_model_image(f.model)->pools[0]->nodes[0].hand, SL_HAND_DRAINING);
	assert_int_equal(sl_model_image(f.model)->pools[0]->nodes[0].deadline_ms, 0);
	sl_image_put(image);
	fixture_close(&f);
}

static void a_rehearsal_notes_no_deadline(void **state)
{
	struct sl_change drain = {
		.kind = SL_CHANGE_DRAIN, .pool = "web", .node = "a", .deadline_ms = 60000};
	struct fixture f;

	(void)state;
	fixture_open(&f, RUN, NULL);
	assert_int_equal(fixture_change(&f, &drain, true), 0);
	assert_int_equal(sl_model_deadline_ms(f.model), 0);
	assert_int_equal(fixture_change(&f, &drain, false), 0);
	assert_int_equal(sl_model_deadline_ms(f.model), fixture_now_ms + 60000);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_those_of_that_name),
		cmocka_unit_test(what_is_not_there_is_refused),
		cmocka_unit_test(the_hash_key_goes_back_with_its_text),
		cmocka_unit_test(an_imported_table_comes_back_over_doubled_slots),
		cmocka_unit_test(only_what_changed_is_named),
		cmocka_unit_test(a_deadline_that_does_not_come_back_is_said),
		cmocka_unit_test(a_rehearsal_notes_no_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
