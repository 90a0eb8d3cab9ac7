/* SPDX-License-Identifier: BSD-3-Clause */

/* Records: every kind of change comes back as it went in, and nothing of a member's own goes with it. */

#include "cluster/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "unit/model/fixture.h"

#define TEXT                                                                                       \
	"dataplane: {worker_cpus: [0]}\n"                                                          \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24]}, {name: p1, device: e}]\n"       \
	"control: {socket: /own, group: secret, state: /kept}\n"                                   \
	"cluster: {name: c, member: m, store: {endpoints: [\"http://h:1\"], user: u, password: "   \
	"secret}}\n"                                                                               \
	"pools: [{name: web, slots: 256, nodes: [{name: a, worker: 0, handler: sink}, {name: b, "  \
	"worker: 0, handler: sink}]}]\n"                                                           \
	"services: [{name: all, address: any, pool: web}]\n"
#define WALL 1000

static struct fixture f;
static struct sl_pack pack;
static struct sl_record record;
static struct sl_err err;
static const struct sl_record_id id = {{7, 8}};

static int read_at(uint64_t wall_ms)
{
	const struct sl_past_clock now = {.now_ms = 50, .wall_ms = wall_ms};

	return sl_record_read(pack.data, pack.size, sl_model_image(f.model), &now, &record, &err);
}

/* The change as it is read again. */
static const struct sl_change *pass(const struct sl_change *change)
{
	sl_record_fini(&record);
	sl_pack_fini(&pack);
	sl_record_write(&pack, change, &id, WALL, "m", sl_model_image(f.model),
			sl_model_hash_key(f.model));
	assert_false(pack.failed);
	assert_null(memmem(pack.data, pack.size, "secret", 6));
	if (read_at(WALL))
		fail_msg("%s", err.text);
	assert_int_equal(record.change.kind, change->kind);
	assert_int_equal(record.change.wall_ms, WALL);
	assert_string_equal(record.change.at, "m");
	return &record.change;
}

static int setup(void **state)
{
	(void)state;
	fixture_open(&f, TEXT, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sl_record_fini(&record);
	sl_pack_fini(&pack);
	fixture_close(&f);
	return 0;
}

static void who_and_what_come_back(void **state)
{
	const struct sl_change change = {.kind = SL_CHANGE_SET_WEIGHT,
					 .pool = "web",
					 .node = "a",
					 .weight = 5,
					 .uid = 1000,
					 .pid = -1,
					 .why = "reload",
					 .force = true};
	const struct sl_change *got = pass(&change);
	struct sl_record_id seen;

	(void)state;
	assert_string_equal(got->pool, "web");
	assert_string_equal(got->node, "a");
	assert_int_equal(got->weight, 5);
	assert_int_equal(got->uid, 1000);
	assert_int_equal(got->pid, -1);
	assert_string_equal(got->why, "reload");
	assert_true(got->force);
	assert_null(got->service);
	assert_true(sl_record_peek(pack.data, pack.size, &seen));
	assert_memory_equal(&seen, &id, sizeof(id));
}

static void a_deadline_counts_from_when_the_change_was_made(void **state)
{
	const struct sl_change change = {
		.kind = SL_CHANGE_DRAIN, .pool = "web", .node = "a", .deadline_ms = 500};

	(void)state;
	assert_int_equal(pass(&change)->deadline_ms, 500);
	sl_record_fini(&record);
	assert_int_equal(read_at(WALL + 200), 0);
	assert_int_equal(record.change.deadline_ms, 300);
	sl_record_fini(&record);
	assert_int_equal(read_at(WALL + 9999), 0);
	assert_int_equal(record.change.deadline_ms, 1);
	sl_record_fini(&record);
	assert_int_equal(read_at(WALL - 9), 0);
	assert_int_equal(record.change.deadline_ms, 500);
}

static void a_node_goes_with_its_keys_and_its_ports_name(void **state)
{
	static const char *const pairs[] = {"address=192.0.2.9", "encap=ipip", "port=p0",
					    "weight=3"};
	struct sl_conf_errors errors;
	struct sl_conf_node node;
	const struct sl_change change = {
		.kind = SL_CHANGE_ADD_NODE, .pool = "web", .node = "n", .add = &node};

	(void)state;
	assert_int_equal(sl_conf_node_parse(sl_model_image(f.model)->conf, NULL, "n", pairs, 4,
					    &node, &errors),
			 0);
	sl_conf_errors_fini(&errors);
	assert_true(sl_conf_node_equal(pass(&change)->add, &node));
	sl_conf_node_fini(&node);
}

static void a_service_goes_with_its_keys(void **state)
{
	static const char *const pairs[] = {"address=192.0.2.80", "protocol=tcp", "ports=80,90-99",
					    "pool=web"};
	struct sl_conf *names = sl_image_names(sl_model_image(f.model));
	struct sl_conf_errors errors;
	struct sl_conf_service service;
	const struct sl_change change = {
		.kind = SL_CHANGE_ADD_SERVICE, .service = "s", .wanted = &service};

	(void)state;
	assert_int_equal(sl_conf_service_parse(names, NULL, "s", pairs, 4, &service, &errors), 0);
	sl_conf_errors_fini(&errors);
	assert_true(sl_conf_service_equal(names, pass(&change)->wanted, names, &service));
	assert_string_equal(record.change.service, "s");
	sl_conf_service_fini(&service);
	sl_image_names_free(names);
}

static void a_configuration_goes_without_what_is_its_members_own(void **state)
{
	struct sl_conf *conf = fixture_conf(TEXT);
	const struct sl_change change = {.kind = SL_CHANGE_APPLY, .conf = conf};
	const struct sl_change *got = pass(&change);

	(void)state;
	assert_true(got->shared);
	assert_int_equal(sl_conf_changes(conf, got->conf) & (SL_CONF_POOLS | SL_CONF_SERVICES), 0);
	assert_string_equal(got->conf->cluster.name, "");
	assert_string_equal(got->conf->control.state, "");
	assert_null(memmem(pack.data, pack.size, "/own", 4));
	sl_conf_destroy(conf);
}

static void a_table_goes_slot_by_slot(void **state)
{
	static const char *const names[] = {"b", "a"};
	uint32_t words[256];
	const struct sl_change_table table = {
		.words = words, .count = 256, .names = names, .name_count = 2};
	const struct sl_change change = {
		.kind = SL_CHANGE_TABLE_SET, .pool = "web", .table = &table};
	const struct sl_change *got;

	(void)state;
	for (uint32_t s = 0; s < 256; s++)
		words[s] = s % 3;
	got = pass(&change);
	assert_int_equal(got->table->count, 256);
	assert_memory_equal(got->table->words, words, sizeof(words));
	assert_string_equal(got->table->names[1], "a");
}

static void a_rollback_goes_as_the_state_that_it_goes_back_to(void **state)
{
	struct sl_image *image = sl_image_get(sl_model_image(f.model));
	const struct sl_change change = {.kind = SL_CHANGE_ROLLBACK, .pool = NULL, .image = image};
	uint64_t digest = sl_record_digest(image);
	const struct sl_change *got;

	(void)state;
	assert_int_equal(fixture_weight(&f, "web", "a", 7), 0);
	assert_int_not_equal(sl_record_digest(sl_model_image(f.model)), digest);
	got = pass(&change);
	assert_int_equal(sl_record_digest(got->image), digest);
	assert_int_equal(got->image->generation, 1);
	assert_int_equal(fixture_change(&f, got, false), 0);
	assert_int_equal(sl_record_digest(sl_model_image(f.model)), digest);
	assert_string_equal(sl_model_image(f.model)->conf->cluster.member, "m");
	sl_image_put(image);
}

static void what_means_nothing_here_is_refused_with_its_reason(void **state)
{
	struct sl_conf *conf = fixture_conf(TEXT);
	const struct sl_change change = {.kind = SL_CHANGE_APPLY, .conf = conf};
	struct fixture here;

	(void)state;
	conf->pools[0].nodes[0].kind = SL_NODE_OUTPUT;
	conf->pools[0].nodes[0].port = 1;
	(void)pass(&change);
	fixture_open(&here,
		     "ports: [{name: p0, device: d}]\npools: [{name: web}]\n"
		     "services: [{name: all, address: any, pool: web}]\n",
		     NULL);
	assert_int_equal(fixture_change(&here, &record.change, false), -EPERM);
	assert_non_null(strstr(here.err.text, "there is no port p1"));
	fixture_close(&here);
	sl_conf_destroy(conf);
}

/* Of a record in which one octet is another, or that ends early, nothing is read. */
static void damage_is_found_wherever_it_is(void **state)
{
	const struct sl_change change = {
		.kind = SL_CHANGE_SET_WEIGHT, .pool = "web", .node = "a", .weight = 5};
	size_t size;

	(void)state;
	(void)pass(&change);
	sl_record_fini(&record);
	size = pack.size;
	for (size_t i = 0; i < size; i++) {
		pack.data[i] ^= 1;
		assert_int_not_equal(read_at(WALL), 0);
		pack.data[i] ^= 1;
		pack.size = i;
		assert_int_not_equal(read_at(WALL), 0);
		pack.size = size;
	}
	assert_int_equal(read_at(WALL), 0);
	sl_record_fini(&record);
	pack.data[0] = SL_RECORD_VERSION + 1;
	assert_int_equal(read_at(WALL), -EPROTONOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_and_what_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_deadline_counts_from_when_the_change_was_made,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_node_goes_with_its_keys_and_its_ports_name, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_service_goes_with_its_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_configuration_goes_without_what_is_its_members_own, setup, teardown),
		cmocka_unit_test_setup_teardown(a_table_goes_slot_by_slot, setup, teardown),
		cmocka_unit_test_setup_teardown(a_rollback_goes_as_the_state_that_it_goes_back_to,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_means_nothing_here_is_refused_with_its_reason,
						setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_found_wherever_it_is, setup, teardown),
	};

	return cmocka_run_group_tests_name("cluster record", tests, NULL, NULL);
}
