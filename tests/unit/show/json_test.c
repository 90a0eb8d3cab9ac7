/* SPDX-License-Identifier: BSD-3-Clause */

/* The statistics object of the contract, member by member. */

#include "show/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <cmocka.h>

#include "unit/model/fixture.h"

#define TEXT                                                                                       \
	"dataplane: {worker_cpus: [0]}\n"                                                          \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: "                       \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"                                     \
	"services: [{name: rest, address: any, pool: web}]\n"                                      \
	"pools: [{name: web, slots: 256, flow_entries: 1024, nodes: [{name: w, worker: 0, "        \
	"handler: sink, weight: 3}, {name: r, address: 10.0.0.1, encap: ipip, port: p0, "          \
	"weight: 0.5}]}]\n"

static json_t *read_stats(struct fixture *f)
{
	struct sl_model_report *report;
	json_t *json;

	assert_int_equal(sl_model_report_build(f->model, &report), 0);
	json = sl_report_stats(report);
	assert_non_null(json);
	sl_model_report_destroy(report);
	return json;
}

/* The number at a path of members with slashes between them. */
static double at(json_t *json, const char *path)
{
	char copy[128], *rest = copy, *member;

	strcpy(copy, path);
	while ((member = strsep(&rest, "/")) != NULL)
		json = json_object_get(json, member);
	assert_true(json_is_number(json));
	return json_number_value(json);
}

static void assert_at(json_t *json, const char *path, double wanted)
{
	double got = at(json, path);

	if (got < wanted - 1e-9 || got > wanted + 1e-9) {
		print_error("%s is %g, not %g\n", path, got, wanted);
		fail();
	}
}

static void count(struct fixture *f, const char *node, uint64_t packets)
{
	struct sl_node_stats *stats = &f->core->nodes[fixture_index(f, "web", node)];

	stats->packets += packets;
	stats->bytes += packets * 100;
	stats->flows_started += packets / 10;
	f->core->received += packets;
	f->core->forwarded += packets;
	f->core->services[0].packets += packets;
	f->core->services[0].bytes += packets * 100;
	f->core->ports[0].rx_packets += packets;
}

static void test_every_member_of_the_contract_is_there(void **state)
{
	static const char *const members[] = {"rx_packets", "rx_bytes",	 "tx_packets",
					      "tx_bytes",   "rx_missed", "tx_failed"};
	struct fixture f;
	json_t *json;

	(void)state;
	fixture_open(&f, TEXT, NULL);
	count(&f, "w", 300);
	count(&f, "r", 100);
	f.core->dropped[SL_DROP_NO_NODE] = 7;
	f.core->punted = 5;
	f.core->received += 14;
	json = read_stats(&f);
	assert_at(json, "generation", 1);
	at(json, "uptime_seconds");
	for (size_t i = 0; i < 6; i++)
		assert_non_null(json_object_get(
			json_object_get(json_object_get(json, "ports"), "p0"), members[i]));
	assert_at(json, "ports/p0/rx_packets", 400);
	assert_at(json, "services/rest/packets", 400);
	assert_at(json, "services/rest/bytes", 40000);
	assert_at(json, "pools/web/slots", 256);
	assert_at(json, "pools/web/open_slots", 0);
	assert_at(json, "pools/web/tracked_flows", 0);
	assert_at(json, "pools/web/begun_flows", 0);
	assert_at(json, "pools/web/load/mean", 150);
	assert_at(json, "pools/web/load/max", 200);
	assert_at(json, "pools/web/load/factor", 200.0 / 150);
	assert_at(json, "pools/web/nodes/r/weight", 0.5);
	assert_at(json, "pools/web/nodes/r/slots", 37);
	assert_at(json, "pools/web/nodes/w/slots", 219);
	assert_at(json, "pools/web/nodes/w/expected_share", 6.0 / 7);
	assert_at(json, "pools/web/nodes/w/measured_share", 0.75);
	assert_at(json, "pools/web/nodes/w/packets", 300);
	assert_at(json, "pools/web/nodes/w/bytes", 30000);
	assert_at(json, "pools/web/nodes/w/flows", 0);
	assert_at(json, "pools/web/nodes/w/flows_started", 30);
	assert_at(json, "pools/web/nodes/w/queue_dropped", 0);
	assert_at(json, "dropped/no_node", 7);
	assert_at(json, "dropped/queue_full", 0);
	assert_at(json, "punted", 5);
	assert_at(json, "balance/received", 414);
	assert_at(json, "balance/forwarded", 400);
	assert_at(json, "balance/dropped", 7);
	assert_at(json, "balance/in_flight", 2);
	json_decref(json);
	fixture_close(&f);
}

static void test_measured_shares_begin_anew_when_the_expected_ones_change(void **state)
{
	struct fixture f;
	json_t *json;

	(void)state;
	fixture_open(&f, TEXT, NULL);
	count(&f, "w", 300);
	assert_int_equal(fixture_weight(&f, "web", "r", 3), 0);
	count(&f, "w", 10);
	count(&f, "r", 30);
	json = read_stats(&f);
	assert_at(json, "pools/web/nodes/w/expected_share", 0.5);
	assert_at(json, "pools/web/nodes/w/measured_share", 0.25);
	assert_at(json, "pools/web/nodes/w/packets", 310);
	json_decref(json);
	fixture_close(&f);
}

static void test_a_node_away_has_no_slots_and_no_share(void **state)
{
	struct fixture f;
	json_t *json;

	(void)state;
	fixture_open(&f, TEXT, NULL);
	assert_int_equal(fixture_node(&f, SL_CHANGE_DRAIN, "web", "w"), 0);
	json = read_stats(&f);
	assert_at(json, "pools/web/nodes/w/slots", 0);
	assert_at(json, "pools/web/nodes/w/expected_share", 0);
	assert_at(json, "pools/web/nodes/r/slots", 256);
	assert_at(json, "pools/web/nodes/r/expected_share", 1);
	assert_at(json, "pools/web/open_slots", 219);
	json_decref(json);
	fixture_close(&f);
}

static void test_the_load_window_forgets_what_is_older(void **state)
{
	struct fixture f;
	json_t *json;

	(void)state;
	fixture_open(&f, TEXT, NULL);
	count(&f, "w", 3000);
	for (uint32_t i = 0; i < SL_LOAD_WINDOW_S + 2; i++)
		sl_model_tick(f.model);
	count(&f, "w", 30);
	count(&f, "r", 10);
	json = read_stats(&f);
	assert_at(json, "pools/web/load/window/max", 20);
	assert_at(json, "pools/web/load/window/mean", 15);
	assert_at(json, "pools/web/load/window/seconds", SL_LOAD_WINDOW_S);
	assert_at(json, "pools/web/load/max", 1010);
	json_decref(json);
	fixture_close(&f);
}

static void test_a_change_answers_moved_and_least(void **state)
{
	struct sl_change change = {.kind = SL_CHANGE_DRAIN, .pool = "web", .node = "w"};
	struct fixture f;
	json_t *json;

	(void)state;
	fixture_open(&f, TEXT, NULL);
	assert_int_equal(fixture_change(&f, &change, false), 0);
	json = sl_report_change(&change, &f.result, false);
	assert_at(json, "generation", 2);
	assert_at(json, "moved_slots/web", 219);
	assert_at(json, "least_slots/web", 219);
	assert_at(json, "left/slots", 219);
	assert_at(json, "left/flows", 0);
	assert_true(json_is_false(json_object_get(json_object_get(json, "left"), "exact")));
	assert_int_equal(json_array_size(json_object_get(json, "warnings")), 0);
	json_decref(json);
	fixture_close(&f);
}

/* Nodes of a page as one string, "POOL:NODE NODE|...", and what comes next. */
static void assert_page(struct fixture *f, const char *pool, uint64_t from, uint64_t count,
			const char *wanted, uint64_t next)
{
	struct sl_model_report *report;
	char got[256] = "";
	uint64_t got_next;

	assert_int_equal(sl_model_report_page(f->model, pool, from, count, &report, &got_next), 0);
	assert_int_equal(got_next, next);
	for (uint32_t p = 0; p < report->pool_count; p++) {
		strcat(strcat(got, report->pools[p].name), ":");
		for (uint32_t n = 0; n < report->pools[p].node_count; n++)
			strcat(got, report->pools[p].nodes[n].name);
		strcat(got, "|");
	}
	assert_string_equal(got, wanted);
	sl_model_report_destroy(report);
}

static void test_a_page_has_its_nodes_counted_through_all_pools_or_one(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f,
		     "dataplane: {worker_cpus: [0]}\nports: [{name: p0, device: d}]\n"
		     "services: [{name: rest, address: any, pool: x}]\npools:\n"
		     "- {name: x, slots: 256, nodes: [{name: a, worker: 0, handler: sink}, "
		     "{name: b, worker: 0, handler: sink}, {name: c, worker: 0, handler: sink}]}\n"
		     "- {name: y, slots: 256}\n"
		     "- {name: z, slots: 256, nodes: [{name: d, worker: 0, handler: sink}, "
		     "{name: e, worker: 0, handler: sink}]}\n",
		     NULL);
	assert_page(&f, NULL, 0, UINT64_MAX, "x:abc|y:|z:de|", 0);
	assert_page(&f, NULL, 0, 5, "x:abc|y:|z:de|", 0);
	assert_page(&f, NULL, 0, 4, "x:abc|y:|z:d|", 4);
	assert_page(&f, NULL, 1, 1, "x:b|y:|z:|", 2);
	assert_page(&f, NULL, 2, 2, "x:c|y:|z:d|", 4);
	assert_page(&f, NULL, 4, 1, "x:|y:|z:e|", 0);
	assert_page(&f, NULL, 5, 1, "x:|y:|z:|", 0);
	assert_page(&f, NULL, UINT64_MAX, UINT64_MAX, "x:|y:|z:|", 0);
	assert_page(&f, NULL, 0, 0, "x:|y:|z:|", 0);
	assert_page(&f, "z", 1, 5, "x:abc|y:|z:e|", 0);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_member_of_the_contract_is_there),
		cmocka_unit_test(test_measured_shares_begin_anew_when_the_expected_ones_change),
		cmocka_unit_test(test_a_node_away_has_no_slots_and_no_share),
		cmocka_unit_test(test_the_load_window_forgets_what_is_older),
		cmocka_unit_test(test_a_change_answers_moved_and_least),
		cmocka_unit_test(test_a_page_has_its_nodes_counted_through_all_pools_or_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
