/* SPDX-License-Identifier: BSD-3-Clause */

/* Members of a cluster on a store that answers in any order, loses answers, and says what is not so. */

#include "cluster/cluster.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "support/crew.h"

#define CONF(nodes)                                                                                \
	"dataplane: {worker_cpus: [0]}\n"                                                          \
	"ports: [{name: p0, device: d}]\n"                                                         \
	"cluster: {name: c, member: m%u, store: {endpoints: [\"http://192.0.2.1:1\"]}}\n"          \
	"pools: [{name: web, slots: 256, nodes: [" nodes "]}]\n"                                   \
	"services: [{name: all, address: any, pool: web}]\n"
#define NODES "{name: a, worker: 0, handler: sink}, {name: b, worker: 0, handler: sink}"

static const char plain[] = CONF(NODES);
static const char other[] = CONF("{name: a, worker: 0, handler: sink, weight: 7}");

static void begin(uint32_t members)
{
	crew_begin(members);
	for (uint32_t m = 0; m < members; m++) {
		crew_start(m, plain);
		crew_settle();
	}
}

static void hold_equal(uint32_t members, uint64_t generation)
{
	for (uint32_t m = 0; m < members; m++) {
		assert_int_equal(crew_report(m).state, SL_CLUSTER_MEMBER);
		assert_int_equal(sl_model_generation(crew[m].f.model), generation);
		assert_int_equal(crew_digest(m), crew_digest(0));
	}
}

static void the_first_brings_what_it_has_and_others_take_it(void **state)
{
	(void)state;
	crew_begin(1);
	crew_start(0, plain);
	crew_settle();
	crew_start(1, other);
	crew_settle();
	assert_true(crew[1].joined);
	assert_false(crew[1].known);
	hold_equal(2, 1);
	assert_int_equal(crew_report(1).member_count, 2);
	assert_string_equal(sim_get("head", NULL), "1");
	assert_null(strstr(sim_get("checkpoint/0000000000000001", NULL), "192.0.2.1"));
	crew_end();
}

static void who_had_the_same_before_is_told_nothing(void **state)
{
	(void)state;
	begin(2);
	assert_true(crew[1].known);
	crew_end();
}

static void a_change_is_made_by_all_and_answered_where_it_was_asked(void **state)
{
	(void)state;
	begin(3);
	assert_int_equal(crew_weight(1, "a", 50), 0);
	assert_int_equal(crew[1].made, 0);
	crew_settle();
	assert_int_equal(crew[1].made, 1);
	assert_int_equal(crew[0].made + crew[2].made, 0);
	hold_equal(3, 2);
	crew_end();
}

static void changes_of_all_at_once_are_made_in_one_order(void **state)
{
	(void)state;
	begin(3);
	for (uint32_t i = 0; i < 60; i++)
		assert_int_equal(crew_weight(i % 3, i & 1 ? "a" : "b", i), 0);
	crew_settle();
	hold_equal(3, 61);
	for (uint32_t m = 0; m < 3; m++)
		assert_int_equal(crew[m].made, 20);
	crew_end();
}

static void what_members_find_of_nodes_reaches_all_and_goes_with_them(void **state)
{
	(void)state;
	begin(3);
	for (uint32_t m = 0; m < 3; m++)
		assert_int_equal(sl_cluster_say_health(crew[m].cluster, m ? "" : "down web/a\n"),
				 0);
	crew_settle_until(crew_all_judge);
	for (uint32_t m = 0; m < 3; m++) {
		assert_string_equal(crew_found(m, "m0"), "down web/a\n");
		assert_string_equal(crew_found(m, "m2"), "");
	}
	sim_down(crew[1].store, "gone");
	assert_true(
		sl_cluster_judges(crew[1].cluster)); /* for as long as others may go by its word */
	sim_up(crew[1].store, true);
	crew_settle();
	assert_null(crew_found(0, "m1"));
	crew_settle_until(crew_all_judge);
	assert_string_equal(crew_found(2, "m1"), "");
	crew_stop(0);
	crew_settle();
	assert_null(crew_found(1, "m0"));
	crew_end();
}

/* A round trip is the price of many: weights, and what operators say of nodes by hand. */
static void changes_that_wait_are_written_together(void **state)
{
	struct sl_change hand = {.kind = SL_CHANGE_DISABLE, .pool = "web", .node = "a"};
	struct sl_change gone = {.kind = SL_CHANGE_REMOVE_NODE, .pool = "web", .node = "b"};
	uint32_t before;

	(void)state;
	begin(2);
	before = sim_commits();
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(crew_weight(0, i & 1 ? "a" : "b", i), 0);
	assert_int_equal(crew_submit(0, &hand), 0);
	crew_settle();
	assert_int_equal(crew[0].made, 41);
	hold_equal(2, 42);
	assert_true(sim_commits() - before <= 8); /* with where members stand */
	/* what takes a node away is written alone: the weight behind it has none to be of */
	assert_int_equal(crew_weight(0, "a", 7), 0);
	assert_int_equal(crew_submit(0, &gone), 0);
	assert_int_equal(crew_weight(0, "b", 7), 0);
	crew_settle();
	assert_int_equal(crew[0].made, 43);
	assert_int_equal(crew[0].refused, 1);
	assert_int_equal(crew[0].err.code, -ENOENT);
	hold_equal(2, 44);
	crew_end();
}

static void of_two_that_name_the_generation_one_is_refused(void **state)
{
	struct sl_change change = {.kind = SL_CHANGE_SET_WEIGHT,
				   .pool = "web",
				   .node = "a",
				   .if_generation_set = true,
				   .if_generation = 1};

	(void)state;
	begin(2);
	assert_int_equal(crew_submit(0, &change), 0);
	assert_int_equal(crew_submit(1, &change), 0);
	crew_settle();
	assert_int_equal(crew[0].made + crew[1].made, 1);
	assert_int_equal(crew[0].refused + crew[1].refused, 1);
	assert_int_equal(crew[crew[0].refused ? 0 : 1].err.code, -ESTALE);
	hold_equal(2, 2);
	crew_end();
}

static void what_others_made_impossible_is_refused(void **state)
{
	const struct sl_change gone = {.kind = SL_CHANGE_REMOVE_NODE, .pool = "web", .node = "b"};

	(void)state;
	begin(2);
	assert_int_equal(crew_submit(0, &gone), 0);
	assert_int_equal(crew_submit(1, &gone), 0);
	crew_settle();
	assert_int_equal(crew[0].made + crew[1].made, 1);
	assert_int_equal(crew[crew[0].refused ? 0 : 1].err.code, -ENOENT);
	assert_int_equal(crew_weight(0, "nobody", 1), -ENOENT);
	hold_equal(2, 2);
	crew_end();
}

static void a_lost_answer_makes_a_change_once(void **state)
{
	(void)state;
	begin(2);
	assert_int_equal(crew_weight(0, "a", 50), 0);
	crew_work();
	assert_non_null(sim_get("log/0000000000000002", NULL));
	sim_down(crew[0].store, "cut");
	assert_int_equal(crew_report(0).state, SL_CLUSTER_NO_QUORUM);
	assert_int_equal(crew[0].made, 0);
	crew_settle();
	sim_up(crew[0].store, false);
	crew_settle();
	assert_int_equal(crew[0].made, 1);
	hold_equal(2, 2);
	crew_end();
}

static void who_was_cut_off_catches_up_and_is_refused_meanwhile(void **state)
{
	(void)state;
	begin(2);
	sim_down(crew[1].store, "cut");
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(crew_weight(0, "a", i), 0);
		crew_settle();
	}
	assert_int_equal(sl_model_generation(crew[1].f.model), 1);
	sim_up(crew[1].store, true);
	crew_settle();
	hold_equal(2, 11);
	crew_end();
}

static void who_was_away_for_too_long_begins_with_a_checkpoint(void **state)
{
	(void)state;
	begin(2);
	sim_down(crew[1].store, "cut");
	for (uint32_t i = 0; i < 600; i++) {
		assert_int_equal(crew_weight(0, "a", i % 50), 0);
		crew_settle();
	}
	assert_null(sim_get("log/0000000000000002", NULL));
	assert_true(sim_count("log/") >= 256);
	assert_true(sim_count("log/") <= 512);
	sim_up(crew[1].store, true);
	crew_settle();
	hold_equal(2, 601);
	/* and can go back as far as is promised */
	assert_true(sl_history_count(crew[1].history) > 256);
	crew_end();
}

/* A second member meets a record that the first never wrote. */
static void hold_stopped(const void *value, size_t size, const char *word)
{
	begin(2);
	sim_put("log/0000000000000002", value, size);
	crew_settle();
	for (uint32_t m = 0; m < 2; m++) {
		assert_int_equal(crew_report(m).state, SL_CLUSTER_STOPPED);
		assert_int_equal(sl_model_generation(crew[m].f.model), 1);
		if (!strstr(crew_report(m).why, word))
			fail_msg("`%s` is not in: %s", word, crew_report(m).why);
		assert_int_equal(crew_weight(m, "a", 1), -ENOLINK);
	}
	crew_end();
}

static void a_record_that_means_nothing_stops_and_changes_nothing(void **state)
{
	(void)state;
	hold_stopped("", 0, "damaged");
	hold_stopped("half", 4, "damaged");
	hold_stopped("W\x05\x02\x00\x00", 5, "damaged");
	hold_stopped("W\x03\x02\x00\x00", 5, "newer version");
	hold_stopped("P\x04"
		     "a/b\0\x01",
		     7, "a part of it is not there");
}

/* Every octet of a record, left out or another: nobody does anything but what was written. */
static void no_damage_of_a_record_makes_another_change(void **state)
{
	uint8_t good[512], bad[512];
	size_t size;

	(void)state;
	begin(1);
	assert_int_equal(crew_weight(0, "a", 50), 0);
	crew_settle();
	assert_non_null(sim_get("log/0000000000000002", &size));
	assert_true(size < sizeof(good));
	memcpy(good, sim_get("log/0000000000000002", NULL), size);
	crew_end();
	for (size_t i = 0; i < 2 * size; i++) {
		size_t length = i < size ? i : size;

		memcpy(bad, good, size);
		if (i >= size)
			bad[i - size] ^= (uint8_t)(1 + i % 255);
		begin(1);
		sim_put("log/0000000000000002", bad, length);
		crew_settle();
		assert_int_equal(crew_report(0).state, SL_CLUSTER_STOPPED);
		assert_int_equal(sl_model_generation(crew[0].f.model), 1);
		crew_end();
	}
}

static void a_late_member_is_not_led_astray_by_half_an_answer(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < 60; cut += 7) {
		begin(1);
		assert_int_equal(crew_weight(0, "a", 50), 0);
		crew_settle();
		crew_start(1, plain);
		for (uint32_t i = 0; i < 4; i++)
			crew_settle_some();
		sim_cut_next(cut);
		crew_settle();
		assert_true(crew_report(1).state == SL_CLUSTER_STOPPED ||
			    crew_digest(1) == crew_digest(0));
		assert_int_equal(crew_report(0).state, SL_CLUSTER_MEMBER);
		crew_end();
	}
}

static void a_store_that_was_emptied_or_put_back_is_no_reason_to_forget(void **state)
{
	(void)state;
	begin(2);
	assert_int_equal(crew_weight(0, "a", 50), 0);
	assert_int_equal(crew_weight(0, "a", 60), 0);
	crew_settle();
	sim_down(crew[0].store, "cut");
	sim_put("head", NULL, 0);
	sim_up(crew[0].store, false);
	crew_settle();
	assert_int_equal(crew_report(0).state, SL_CLUSTER_STOPPED);
	assert_non_null(strstr(crew_report(0).why, "emptied"));
	assert_int_equal(sl_model_generation(crew[0].f.model), 3);
	sim_put("log/0000000000000003", NULL, 0);
	sim_put("head", "2", 1);
	sim_down(crew[1].store, "cut");
	sim_up(crew[1].store, false);
	crew_settle();
	assert_int_equal(crew_report(1).state, SL_CLUSTER_MEMBER);
	assert_int_equal(sl_model_generation(crew[1].f.model), 2);
	assert_false(crew[1].known);
	crew_end();
}

static void a_head_that_is_no_number_stops(void **state)
{
	(void)state;
	crew_begin(1);
	sim_put("head", "seven", 5);
	crew_start(0, plain);
	crew_settle();
	assert_int_equal(crew_report(0).state, SL_CLUSTER_STOPPED);
	crew_end();
	crew_begin(1);
	sim_put("head", "7", 1);
	crew_start(0, plain);
	crew_settle();
	assert_int_equal(crew_report(0).state, SL_CLUSTER_STOPPED);
	assert_non_null(strstr(crew_report(0).why, "no checkpoint"));
	crew_end();
}

static void a_name_that_is_in_use_waits(void **state)
{
	(void)state;
	begin(1);
	crew_start(1, CONF(NODES) "# %u\n");
	crew_stop(1);
	crew_start(2, "dataplane: {worker_cpus: [0]}\nports: [{name: p0, device: d}]\n"
		      "cluster: {name: c, member: m0, store: {endpoints: [\"http://h:1\"]}}\n"
		      "pools: [{name: web, slots: 256}]\n"
		      "services: [{name: all%u, address: any, pool: web}]\n");
	crew_settle();
	assert_int_equal(crew_report(2).state, SL_CLUSTER_JOINING);
	assert_non_null(strstr(crew_report(2).why, "another member is called m0"));
	assert_int_equal(crew_weight(2, "a", 1), -ENOLINK);
	crew_end();
}

static void members_that_go_are_told_and_forgotten(void **state)
{
	(void)state;
	begin(2);
	assert_int_equal(sl_cluster_forget(crew[0].cluster, "m1", &crew[0].err), -EBUSY);
	assert_int_equal(sl_cluster_forget(crew[0].cluster, "m7", &crew[0].err), -ENOENT);
	crew_stop(1);
	crew_settle();
	assert_int_equal(crew_report(0).member_count, 2);
	assert_string_equal(crew_report(0).members[1].state, "gone");
	assert_int_equal(sl_cluster_forget(crew[0].cluster, "m1", &crew[0].err), 0);
	crew_settle();
	assert_int_equal(crew_report(0).member_count, 1);
	crew_end();
}

static void a_lease_that_ended_is_claimed_again(void **state)
{
	(void)state;
	begin(2);
	sim_down(crew[0].store, "cut");
	sim_up(crew[0].store, true);
	crew_settle();
	assert_non_null(sim_get("members/m0", NULL));
	assert_string_equal(crew_report(1).members[0].name, "m0");
	assert_string_not_equal(crew_report(1).members[0].state, "gone");
	hold_equal(2, 1);
	crew_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_brings_what_it_has_and_others_take_it),
		cmocka_unit_test(who_had_the_same_before_is_told_nothing),
		cmocka_unit_test(a_change_is_made_by_all_and_answered_where_it_was_asked),
		cmocka_unit_test(changes_of_all_at_once_are_made_in_one_order),
		cmocka_unit_test(what_members_find_of_nodes_reaches_all_and_goes_with_them),
		cmocka_unit_test(changes_that_wait_are_written_together),
		cmocka_unit_test(of_two_that_name_the_generation_one_is_refused),
		cmocka_unit_test(what_others_made_impossible_is_refused),
		cmocka_unit_test(a_lost_answer_makes_a_change_once),
		cmocka_unit_test(who_was_cut_off_catches_up_and_is_refused_meanwhile),
		cmocka_unit_test(who_was_away_for_too_long_begins_with_a_checkpoint),
		cmocka_unit_test(a_record_that_means_nothing_stops_and_changes_nothing),
		cmocka_unit_test(no_damage_of_a_record_makes_another_change),
		cmocka_unit_test(a_late_member_is_not_led_astray_by_half_an_answer),
		cmocka_unit_test(a_store_that_was_emptied_or_put_back_is_no_reason_to_forget),
		cmocka_unit_test(a_head_that_is_no_number_stops),
		cmocka_unit_test(a_name_that_is_in_use_waits),
		cmocka_unit_test(members_that_go_are_told_and_forgotten),
		cmocka_unit_test(a_lease_that_ended_is_claimed_again),
	};

	return cmocka_run_group_tests_name("cluster cluster", tests, NULL, NULL);
}
