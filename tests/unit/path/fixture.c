/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit/path/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "state/decide.h"
#include "support/scene.h"

struct rte_mempool *fixture_pool;
struct sl_port fixture_ports[2];
static struct sl_tx_plan *plan;

struct fixture fixture_make(const struct sl_node_view *nodes, uint32_t node_count,
			    uint32_t services, bool wait)
{
	struct fixture made = {.snapshot = scene_snapshot(nodes, node_count, services, 2)};
	struct sl_path_spec spec = {
		.core_count = 1,
		.ports = fixture_ports,
		.port_count = 2,
		.plan = plan,
		.burst = 32,
		.wait = wait,
	};

	assert_int_equal(sl_publish_create(&made.publish), 0);
	assert_int_equal(sl_core_stats_create(&made.stats), 0);
	assert_int_equal(
		sl_worker_rings_create(1, FIXTURE_WORKERS, 1, FIXTURE_RING_SIZE, &made.rings), 0);
	spec.publish = made.publish;
	spec.stats = made.stats;
	spec.rings = made.rings;
	assert_int_equal(sl_frag_tables_create(2, SL_FRAG_ENTRIES_MIN, &made.fragments), 0);
	spec.fragments = made.fragments;
	spec.buffers = FIXTURE_BUFFERS;
	assert_int_equal(sl_path_core_create(&spec, &made.core), 0);
	return made;
}

void fixture_end(struct fixture *made)
{
	sl_path_core_destroy(made->core);
	sl_frag_tables_destroy(made->fragments);
	sl_worker_rings_destroy(made->rings);
	sl_core_stats_destroy(made->stats);
	sl_publish_destroy(made->publish);
	sl_snapshot_release(made->snapshot);
	assert_int_equal(rte_mempool_in_use_count(fixture_pool), 0);
}

void fixture_give(struct rte_mbuf *frame)
{
	assert_int_equal(rte_eth_tx_burst(fixture_ports[0].port_id, 0, &frame, 1), 1);
}

void fixture_give_packet(const struct packet *packet)
{
	fixture_give(world_frame(fixture_pool, packet->octets, packet->size, 0));
}

void fixture_run(struct fixture *made)
{
	struct sl_path_core *core = made->core;
	const struct sl_path_queue *queue = &core->queues[0];

	while (sl_path_receive(core, queue) > 0) {
		if (core->burst_flags & SL_PKT_FRAGMENT)
			sl_path_follow_fragments(core, made->snapshot, queue->port);
		sl_decide(made->snapshot, &core->core, &core->burst, core->now_ms);
		if (queue->virtual != NULL)
			sl_path_complete(core, queue);
		sl_path_act(core, made->snapshot, queue->port);
		sl_path_release_fragments(core, made->snapshot);
	}
	sl_path_retry_fragments(core, made->snapshot, false);
	sl_path_flush(core);
}

struct rte_mbuf *fixture_taken(void)
{
	struct rte_mbuf *frame;

	return rte_eth_rx_burst(fixture_ports[1].port_id, 0, &frame, 1) == 1 ? frame : NULL;
}

void fixture_assert_balance(const struct fixture *made, uint64_t received, uint64_t delivered)
{
	struct sl_worker_stats worker = {.delivered = delivered};
	struct sl_worker_stats *workers[] = {&worker};
	struct sl_core_stats *cores[] = {made->stats};
	struct sl_balance balance;

	sl_stats_balance(cores, 1, workers, 1, &balance);
	assert_int_equal(balance.received, received);
	assert_int_equal(balance.in_flight, 0);
	/* each drop is some port's, but for what a device did not take */
	for (uint32_t d = 0; d < SL_DROP_COUNT; d++)
		if (d != SL_DROP_TX_FAILED)
			assert_int_equal(made->stats->port_dropped[0][d] +
						 made->stats->port_dropped[1][d],
					 balance.drops[d]);
}

struct sl_node_view fixture_remote(enum sl_encap_type type)
{
	struct sl_encap_spec spec = {.type = type, .port = 6080};
	struct sl_node_view view = {.kind = SL_NODE_REMOTE,
				    .port = 1,
				    .l3_size_max = type == SL_ENCAP_NONE ? 1500 : 1480};

	assert_int_equal(sl_mac_parse("02:00:00:00:00:aa", &spec.src_mac), 0);
	assert_int_equal(sl_mac_parse("02:00:00:00:00:bb", &spec.dst_mac), 0);
	assert_int_equal(sl_addr_parse("192.0.2.2", &spec.src), 0);
	assert_int_equal(sl_addr_parse("192.0.2.11", &spec.dst), 0);
	assert_int_equal(sl_encap_build(&spec, &view.encap), 0);
	sl_node_view_seal(&view);
	return view;
}

void fixture_start(const char *name)
{
	fixture_pool = world_start(name, 1, 1, 64, FIXTURE_BUFFERS);
	world_port(fixture_pool, "p0", "net_ring0", 1, 1, &fixture_ports[0]);
	world_port(fixture_pool, "p1", "net_ring1", 1, 1, &fixture_ports[1]);
	if (sl_tx_plan_create(fixture_ports, 2, 1, FIXTURE_WORKERS, FIXTURE_RING_SIZE, &plan) != 0)
		exit(99);
	fixture_ports[1].rx_queue_count = 0; /* what leaves by p1 is the test's */
}

int fixture_stop(int failed)
{
	sl_tx_plan_destroy(plan);
	sl_port_close(&fixture_ports[0]);
	sl_port_close(&fixture_ports[1]);
	sl_eal_stop();
	return failed;
}
