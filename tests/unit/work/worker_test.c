/* SPDX-License-Identifier: BSD-3-Clause */

/* Packets from rings to handlers, in order and all of them; the built-in handlers and a user's. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <pcap/pcap.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/clock.h"
#include "support/packet.h"
#include "support/scene.h"
#include "support/world.h"
#include "work/handler.h"
#include "work/reading.h"
#include "work/worker.h"

#define WORKER_LCORE 2
#define RING_SIZE    512

static struct rte_mempool *pool;
static struct sl_port port;

/* A user's handler: notes the first octet of what it gets. */
struct noter {
	uint8_t seen[1024];
	uint32_t count, bursts, flushes, ticks, readings;
	const struct sl_handler *serving;
	bool closed;
};

static struct noter noter;
static const struct sl_worker *noter_worker; /* whose word is noted */

static int noter_open(const struct sl_handler_args *args, void **state, struct sl_err *err)
{
	if (args->file != NULL)
		return sl_err_set(err, -EINVAL, "it takes no file");
	memset(&noter, 0, sizeof(noter));
	*state = &noter;
	return 0;
}

static void noter_burst(void *state, const struct sl_handler_burst *burst)
{
	struct noter *noted = state;

	noted->bursts++;
	if (noter_worker)
		noted->serving = sl_worker_serving(noter_worker);
	for (uint32_t i = 0; i < burst->count; i++)
		noted->seen[noted->count++] = *rte_pktmbuf_mtod(burst->packets[i], uint8_t *);
	sl_handler_free(burst->packets, burst->count);
}

static void noter_flush(void *state)
{
	((struct noter *)state)->flushes++;
}

static void noter_close(void *state)
{
	((struct noter *)state)->closed = true;
}

static void noter_tick(void *state, uint64_t wall_ms)
{
	(void)wall_ms;
	((struct noter *)state)->ticks++;
}

static void noter_total(void *state, struct sl_result_total *total)
{
	((struct noter *)state)->readings++;
	*total = (struct sl_result_total){.keys = 3};
}

static uint32_t noter_results(void *state, uint64_t *cursor, struct sl_result_row *rows,
			      uint32_t room)
{
	(void)state;
	(void)room;
	rows[0].packets = *cursor + 1;
	*cursor = *cursor == 2 ? UINT64_MAX : *cursor + 1;
	return 1;
}

static const struct sl_handler_ops noter_ops = {.name = "noter",
						.open = noter_open,
						.burst = noter_burst,
						.flush = noter_flush,
						.close = noter_close,
						.tick = noter_tick,
						.total = noter_total,
						.results = noter_results};

struct fixture {
	struct sl_publish *publish;
	struct sl_snapshot *snapshot;
	struct sl_worker_rings *rings;
	struct sl_tx_plan *plan;
	struct sl_worker_stats stats;
	struct sl_worker *worker;
	struct sl_handler *handlers[2];
};

/* Nodes 1 and 2 of these handlers, both of the worker; rings of `cores` receive cores. */
static void fixture_make(struct fixture *made, uint32_t cores, const char *first,
			 const char *second, const char *file)
{
	struct sl_handler_args args = {.node = "n1"};
	struct sl_node_view nodes[2] = {{.kind = SL_NODE_WORKER}, {.kind = SL_NODE_WORKER}};
	struct sl_worker_spec spec = {
		.ports = &port, .port_count = 1, .burst = 32, .stats = &made->stats};
	struct sl_err err;

	memset(made, 0, sizeof(*made));
	assert_int_equal(sl_handler_open(first, &args, &made->handlers[0], &err), 0);
	args.file = file;
	assert_int_equal(sl_handler_open(second, &args, &made->handlers[1], &err), 0);
	nodes[0].handler = made->handlers[0];
	nodes[1].handler = made->handlers[1];
	made->handlers[0]->index = 1;
	made->handlers[1]->index = 2;
	made->snapshot = scene_snapshot(nodes, 2, 0, 1);
	assert_int_equal(sl_publish_create(&made->publish), 0);
	sl_publish_swap(made->publish, made->snapshot);
	assert_int_equal(sl_worker_rings_create(cores, 1, 1, RING_SIZE, &made->rings), 0);
	assert_int_equal(sl_tx_plan_create(&port, 1, 1, 1, RING_SIZE, &made->plan), 0);
	spec.publish = made->publish;
	spec.rings = made->rings;
	spec.plan = made->plan;
	assert_int_equal(sl_worker_create(&spec, &made->worker), 0);
}

static void give(struct fixture *made, uint32_t core, uint32_t node, const struct packet *packet)
{
	struct rte_mbuf *frame = world_frame(pool, packet->octets, packet->size, 0);

	frame->hash.usr = node;
	frame->port = port.port_id;
	assert_true(sl_worker_stages_put(&made->rings->stages[core], 0, frame));
	sl_worker_stages_show_all(&made->rings->stages[core]);
}

/* In a thread of its own until all rings are empty. */
static void run(struct fixture *made)
{
	assert_int_equal(sl_eal_launch(WORKER_LCORE, sl_worker_run, made->worker), 0);
	sl_worker_stop(made->worker);
	assert_int_equal(sl_eal_wait(WORKER_LCORE), 0);
}

static void fixture_end(struct fixture *made)
{
	sl_worker_destroy(made->worker);
	sl_worker_rings_destroy(made->rings);
	sl_tx_plan_destroy(made->plan);
	sl_publish_destroy(made->publish);
	sl_snapshot_release(made->snapshot);
	sl_handler_close(made->handlers[0]);
	sl_handler_close(made->handlers[1]);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void every_packet_reaches_its_nodes_handler_in_the_order_of_its_ring(void **state)
{
	struct fixture made;
	struct packet packet;
	uint8_t next[3] = {0};

	(void)state;
	fixture_make(&made, 3, "noter", "sink", NULL);
	packet_make_udp(&packet, "10.0.0.1", 1, "10.0.0.2", 2, 8);
	for (uint32_t i = 0; i < 300; i++) {
		uint32_t core = i % 3;

		packet.octets[0] = (uint8_t)(core << 6 | (i / 6 & 0x3f)); /* ring and number */
		give(&made, core, i % 6 < 3 ? 1 : 2, &packet);
	}
	run(&made);
	assert_int_equal(made.stats.delivered, 300);
	assert_int_equal(noter.count, 150);
	for (uint32_t i = 0; i < noter.count; i++)
		assert_int_equal(noter.seen[i] & 0x3f, next[noter.seen[i] >> 6]++);
	assert_true(noter.flushes > 0);
	assert_true(noter.bursts < 30);
	assert_false(noter.closed);
	fixture_end(&made);
	assert_true(noter.closed);
}

static void packets_of_a_node_that_is_gone_are_freed(void **state)
{
	struct fixture made;
	struct packet packet;

	(void)state;
	fixture_make(&made, 1, "sink", "sink", NULL);
	packet_make_udp(&packet, "10.0.0.1", 1, "10.0.0.2", 2, 8);
	give(&made, 0, 3, &packet);
	give(&made, 0, SL_NODE_INDEX_MAX - 1, &packet);
	give(&made, 0, UINT32_MAX, &packet);
	run(&made);
	assert_int_equal(made.stats.delivered, 3);
	fixture_end(&made);
}

static void an_echo_leaves_by_the_port_the_packet_came_in_by(void **state)
{
	struct fixture made;
	struct packet packet, wanted;
	struct rte_mbuf *frame;
	uint8_t octets[PACKET_SIZE_MAX];

	(void)state;
	fixture_make(&made, 1, "echo", "sink", NULL);
	packet_make_udp(&packet, "10.0.0.1", 1, "10.0.0.2", 2, 8);
	packet_init(&wanted);
	packet_eth_macs(&wanted, "02:00:00:00:00:02", "02:00:00:00:00:01", 0x0800);
	packet_ip(&wanted,
		  &(struct packet_ip){
			  .src = "10.0.0.2", .dst = "10.0.0.1", .protocol = 17, .ttl = 63});
	packet_udp(&wanted, 2, 1);
	packet_octets(&wanted, packet.octets + packet.size - 8, 8);
	packet_finish(&wanted);
	memcpy(wanted.octets, packet.octets + 6, 6);
	memcpy(wanted.octets + 6, packet.octets, 6);
	give(&made, 0, 1, &packet);
	run(&made);
	assert_int_equal(made.stats.ports[0].tx_packets, 1);
	assert_int_equal(made.stats.ports[0].tx_bytes, wanted.size);
	assert_int_equal(rte_eth_rx_burst(port.port_id, 1, &frame, 1), 1);
	world_octets(frame, octets);
	assert_true(packet_equal(wanted.octets, wanted.size, octets, frame->pkt_len));
	rte_pktmbuf_free(frame);
	fixture_end(&made);
}

static void a_capture_holds_every_frame_and_its_time(void **state)
{
	char path[] = "/tmp/sluice-capture-XXXXXX", text[PCAP_ERRBUF_SIZE];
	struct packet packets[2];
	struct pcap_pkthdr *header;
	struct fixture made;
	const u_char *octets;
	pcap_t *pcap;

	(void)state;
	close(mkstemp(path));
	fixture_make(&made, 1, "sink", "capture", path);
	packet_make_udp(&packets[0], "10.0.0.1", 1, "10.0.0.2", 2, 7);
	packet_make_udp(&packets[1], "2001:db8::1", 1, "2001:db8::2", 2, 1400);
	give(&made, 0, 2, &packets[0]);
	give(&made, 0, 2, &packets[1]);
	run(&made);
	pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
	assert_non_null(pcap);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pcap_next_ex(pcap, &header, &octets), 1);
		assert_true(
			packet_equal(packets[i].octets, packets[i].size, octets, header->caplen));
		assert_true(time(NULL) - header->ts.tv_sec < 60);
	}
	assert_int_equal(pcap_next_ex(pcap, &header, &octets), PCAP_ERROR_BREAK);
	pcap_close(pcap);
	fixture_end(&made);
	unlink(path);
}

static void a_capture_needs_a_file_of_its_own_that_can_be_written(void **state)
{
	char path[] = "/tmp/sluice-capture-XXXXXX";
	struct sl_handler_args args = {.node = "n1"};
	struct sl_handler *first, *second;
	struct sl_err err;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(sl_handler_open("capture", &args, &first, &err), -EINVAL);
	assert_string_equal(err.text, "handler capture needs a file");
	args.file = "/nosuch/folder/x";
	assert_int_equal(sl_handler_open("capture", &args, &first, &err), -ENOENT);
	args.file = path;
	assert_int_equal(sl_handler_open("capture", &args, &first, &err), 0);
	assert_int_equal(sl_handler_open("capture", &args, &second, &err), -EBUSY);
	sl_handler_close(first);
	assert_int_equal(sl_handler_open("capture", &args, &second, &err), 0);
	sl_handler_close(second);
	unlink(path);
}

static void what_control_asks_is_answered_in_pieces_and_bounded(void **state)
{
	const struct sl_result_bounds bounds = {sl_clock_ms() + 20000, 3};
	const struct sl_result_bounds few = {sl_clock_ms() + 20000, 2};
	struct sl_result_set set = {0};
	struct fixture made;

	(void)state;
	fixture_make(&made, 1, "noter", "sink", NULL);
	assert_int_equal(sl_eal_launch(WORKER_LCORE, sl_worker_run, made.worker), 0);
	assert_int_equal(sl_reading_rows(made.worker, made.handlers[0], &bounds, &set), 0);
	assert_int_equal(set.count, 3);
	assert_int_equal(set.rows[2].packets, 3);
	free(set.rows);
	assert_int_equal(sl_reading_rows(made.worker, made.handlers[0], &few, &set), -EFBIG);
	assert_int_equal(set.total.keys, 3);
	assert_int_equal(sl_reading_rows(made.worker, made.handlers[1], &bounds, &set), -ENOENT);
	sl_worker_stop(made.worker);
	assert_int_equal(sl_eal_wait(WORKER_LCORE), 0);
	fixture_end(&made);
}

static void what_nobody_waits_for_any_more_is_not_done_and_ticks_do_not_pile_up(void **state)
{
	const struct sl_result_bounds bounds = {sl_clock_ms(), 100};
	struct sl_result_set set = {0};
	struct fixture made;

	(void)state;
	fixture_make(&made, 1, "noter", "sink", NULL);
	assert_int_equal(sl_reading_rows(made.worker, made.handlers[0], &bounds, &set), -ETIMEDOUT);
	for (uint64_t i = 0; i < 5; i++)
		sl_reading_tick(made.worker, made.handlers[0], i);
	run(&made);
	assert_int_equal(noter.readings, 0);
	assert_int_equal(noter.ticks, 1);
	sl_reading_end(made.handlers[0]);
	fixture_end(&made);
}

static void the_handler_that_a_worker_is_in_is_known(void **state)
{
	struct fixture made;
	struct packet packet;

	(void)state;
	fixture_make(&made, 1, "noter", "sink", NULL);
	packet_make_udp(&packet, "10.0.0.1", 1, "10.0.0.2", 2, 8);
	give(&made, 0, 1, &packet);
	noter_worker = made.worker;
	run(&made);
	noter_worker = NULL;
	assert_ptr_equal(noter.serving, made.handlers[0]);
	assert_null(sl_worker_serving(made.worker));
	fixture_end(&made);
}

static void options_are_refused_that_a_handler_does_not_take(void **state)
{
	static const struct sl_handler_option key = {"key", "src"}, wrong = {"key", "mac"};
	struct sl_handler_args args = {.node = "n1", .options = &key, .option_count = 1};
	struct sl_err err;

	(void)state;
	assert_int_equal(sl_handler_check("tally", &args, &err), 0);
	assert_int_equal(sl_handler_check("plugin", &args, &err), 0);
	assert_int_equal(sl_handler_check("sink", &args, &err), -EINVAL);
	assert_string_equal(err.text, "handler sink takes no options, as \"key\" is");
	args.options = &wrong;
	assert_int_equal(sl_handler_check("tally", &args, &err), -EINVAL);
	args.option_count = 0;
	assert_int_equal(sl_handler_check("sink", &args, &err), 0);
}

static void handlers_are_found_by_name_and_each_name_is_known_once(void **state)
{
	struct sl_handler_args args = {.node = "n1", .file = "x"};
	struct sl_handler *handler;
	struct sl_err err;

	(void)state;
	assert_string_equal(sl_handler_names(), "sink, echo, capture, tally, flows, plugin, noter");
	assert_null(sl_handler_find("nobody"));
	assert_int_equal(sl_handler_register(&noter_ops), -EEXIST);
	assert_int_equal(sl_handler_open("nobody", &args, &handler, &err), -ENOENT);
	assert_string_equal(err.text, "there is no handler \"nobody\", only sink, echo, capture, "
				      "tally, flows, plugin, noter");
	assert_int_equal(sl_handler_open("noter", &args, &handler, &err), -EINVAL);
	assert_string_equal(err.text, "it takes no file");
}

static void the_most_handlers_are_known_and_one_more_is_refused(void **state)
{
	static struct sl_handler_ops more[SL_HANDLERS_MAX];
	static char names[SL_HANDLERS_MAX][16];
	uint32_t count = 7;

	(void)state;
	for (uint32_t i = 0; count < SL_HANDLERS_MAX; i++, count++) {
		more[i] = noter_ops;
		snprintf(names[i], sizeof(names[i]), "more%u", i);
		more[i].name = names[i];
		assert_int_equal(sl_handler_register(&more[i]), 0);
	}
	more[SL_HANDLERS_MAX - 1] = noter_ops;
	more[SL_HANDLERS_MAX - 1].name = "last";
	assert_int_equal(sl_handler_register(&more[SL_HANDLERS_MAX - 1]), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_packet_reaches_its_nodes_handler_in_the_order_of_its_ring),
		cmocka_unit_test(packets_of_a_node_that_is_gone_are_freed),
		cmocka_unit_test(an_echo_leaves_by_the_port_the_packet_came_in_by),
		cmocka_unit_test(a_capture_holds_every_frame_and_its_time),
		cmocka_unit_test(a_capture_needs_a_file_of_its_own_that_can_be_written),
		cmocka_unit_test(what_control_asks_is_answered_in_pieces_and_bounded),
		cmocka_unit_test(
			what_nobody_waits_for_any_more_is_not_done_and_ticks_do_not_pile_up),
		cmocka_unit_test(the_handler_that_a_worker_is_in_is_known),
		cmocka_unit_test(options_are_refused_that_a_handler_does_not_take),
		cmocka_unit_test(handlers_are_found_by_name_and_each_name_is_known_once),
		cmocka_unit_test(the_most_handlers_are_known_and_one_more_is_refused),
	};
	int failed;

	pool = world_start("work_worker_test", 1, 1, 64, 4096);
	world_port(pool, "p0", "net_ring0", 1, 2, &port);
	if (sl_handler_register(&noter_ops) != 0)
		return 99;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	sl_port_close(&port);
	sl_port_pool_destroy(pool);
	sl_eal_stop();
	return failed;
}
