/* SPDX-License-Identifier: BSD-3-Clause */

/* The report as Prometheus text: heads once, samples with their labels, identities that last. */

#include "show/prometheus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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

static void filled(const void *context, struct sl_fill *fill)
{
	(void)context;
	*fill = (struct sl_fill){.buffers = {700, 8191}, .transmit = {3, 2046}, .worker_count = 1};
	fill->workers[0] = (struct sl_fill_worker){
		.queue = {5, 8}, .dropped = 4, .stuck = true, .depths = {{6, 0, 2}, 13}};
}

/* To be freed. */
static char *text_of(struct fixture *f)
{
	const struct sl_show_core core = {.name = "rx0", .cpu = 3, .busy = 0.25};
	const struct sl_show_daemon daemon = {
		.version = "7", .cores = &core, .core_count = 1, .fill = {NULL, filled}};
	struct sl_model_report *report;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	assert_int_equal(sl_model_report_build(f->model, &report), 0);
	sl_prometheus_write(stream, &daemon, report);
	sl_model_report_destroy(report);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void assert_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && at[length] == '\n')
			return;
	fail_msg("no line %s in:\n%s", line, text);
}

static uint32_t count_of(const char *text, const char *words)
{
	uint32_t count = 0;

	for (const char *at = text; (at = strstr(at, words)); at += strlen(words))
		count++;
	return count;
}

static void every_kind_of_row_has_its_labels(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	fixture_open(&f, TEXT, NULL);
	f.core->dropped[SL_DROP_NO_NODE] = 7;
	text = text_of(&f);
	assert_line(text, "sluice_build_info{version=\"7\"} 1");
	assert_line(text, "sluice_generation 1");
	assert_line(text, "sluice_dropped_packets_total{reason=\"no_node\"} 7");
	assert_line(text, "sluice_port_receive_packets_total{port=\"p0\"} 0");
	assert_line(text, "sluice_service_packets_total{service=\"rest\"} 0");
	assert_line(text, "sluice_pool_slots{pool=\"web\"} 256");
	assert_line(text, "sluice_node_weight{pool=\"web\",node=\"r\"} 0.5");
	assert_line(text, "sluice_node_up{pool=\"web\",node=\"w\"} 1");
	assert_line(text, "sluice_core_busy_ratio{core=\"rx0\",cpu=\"3\"} 0.25");
	assert_line(text, "sluice_pool_flow_capacity{pool=\"web\"} 1024");
	assert_line(text, "# TYPE sluice_node_packets_total counter");
	assert_line(text, "# TYPE sluice_node_weight gauge");
	assert_int_equal(count_of(text, "# TYPE sluice_node_weight "), 1);
	free(text);
	fixture_close(&f);
}

static void queues_and_buffers_say_how_full_they_are(void **state)
{
	static const char *const lines[] = {
		"sluice_packet_buffers 8191",
		"sluice_packet_buffers_used 700",
		"sluice_transmit_ring_entries 2046",
		"sluice_transmit_ring_entries_used 3",
		"sluice_worker_queue_packets{worker=\"0\"} 5",
		"sluice_worker_queue_capacity_packets{worker=\"0\"} 8",
		"sluice_worker_queue_dropped_packets_total{worker=\"0\"} 4",
		"sluice_worker_stuck{worker=\"0\"} 1",
		"sluice_worker_slow{worker=\"0\"} 0",
		"# TYPE sluice_worker_queue_depth_packets histogram",
		"sluice_worker_queue_depth_packets_bucket{worker=\"0\",le=\"1\"} 6",
		"sluice_worker_queue_depth_packets_bucket{worker=\"0\",le=\"2\"} 6",
		"sluice_worker_queue_depth_packets_bucket{worker=\"0\",le=\"4\"} 8",
		"sluice_worker_queue_depth_packets_bucket{worker=\"0\",le=\"8\"} 8",
		"sluice_worker_queue_depth_packets_bucket{worker=\"0\",le=\"+Inf\"} 8",
		"sluice_worker_queue_depth_packets_sum{worker=\"0\"} 13",
		"sluice_worker_queue_depth_packets_count{worker=\"0\"} 8",
	};
	struct fixture f;
	char *text;

	(void)state;
	fixture_open(&f, TEXT, NULL);
	text = text_of(&f);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_line(text, lines[i]);
	assert_null(strstr(text, "le=\"16\""));
	free(text);
	fixture_close(&f);
}

/* Removed and added again, a node is the same one for who watches; while the one before is leaving,
 * that one is told apart. */
static void a_nodes_labels_last_when_it_is_added_again(void **state)
{
	static const char *const pairs[] = {"worker=0", "handler=sink", "weight=3"};
	static const char *const other[] = {"address=10.0.0.9", "encap=ipip", "port=p0",
					    "weight=3"};
	struct fixture f;
	char *text;

	(void)state;
	fixture_open(&f, TEXT, NULL);
	assert_int_equal(fixture_node(&f, SL_CHANGE_REMOVE_NODE, "web", "r"), 0);
	assert_int_equal(fixture_add(&f, "web", "r", other, 4), 0);
	text = text_of(&f);
	assert_line(text, "sluice_node_up{pool=\"web\",node=\"r\"} 1");
	assert_int_equal(count_of(text, "sluice_node_up{pool=\"web\",node=\"r\",index=\""), 1);
	assert_line(text, "sluice_node_up{pool=\"web\",node=\"w\"} 1");
	free(text);
	assert_int_equal(fixture_add(&f, "web", "more", pairs, 3), 0);
	text = text_of(&f);
	assert_int_equal(count_of(text, "sluice_node_up{"), 4);
	assert_int_equal(count_of(text, "node=\"w\",index"), 0);
	free(text);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_row_has_its_labels),
		cmocka_unit_test(queues_and_buffers_say_how_full_they_are),
		cmocka_unit_test(a_nodes_labels_last_when_it_is_added_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
