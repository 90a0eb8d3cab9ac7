/* SPDX-License-Identifier: BSD-3-Clause */

/* Whole cores in threads, over devices that never run dry: they end in good order and nothing is
 * lost on the way. Control and core 0 share a CPU; p1 has one transmit queue, core 1's, so core
 * 0 hands over. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/clock.h"
#include "path/core.h"
#include "support/packet.h"
#include "support/scene.h"
#include "support/world.h"

#define CORES	     2
#define RX_LCORE     1
#define WORKER_LCORE 3
#define RING_SIZE    256
#define RUN_MS	     100
#define HANG_MS	     120000

static struct rte_mempool *pool;
static struct sl_port ports[2];

struct fixture {
	struct sl_publish *publish;
	struct sl_snapshot *snapshot;
	struct sl_worker_rings *rings;
	struct sl_tx_plan *plan;
	struct sl_frag_tables *fragments;
	struct sl_core_stats *stats[CORES];
	struct sl_path_core *cores[CORES];
	struct sl_worker_stats worker;
	bool worker_stop;
};

/* Takes packets from both rings and frees them, until it is told to stop and finds none. */
static int serve(void *argument)
{
	struct fixture *made = argument;
	struct rte_mbuf *packets[32];

	for (;;) {
		bool stop = __atomic_load_n(&made->worker_stop, __ATOMIC_ACQUIRE);
		uint32_t total = 0;

		for (uint32_t core = 0; core < CORES; core++) {
			uint32_t count = sl_worker_ring_pop(
				sl_worker_rings_get(made->rings, core, 0), packets, 32);

			sl_stats_add(&made->worker.delivered, count);
			rte_pktmbuf_free_bulk(packets, count);
			total += count;
		}
		if (total == 0 && stop)
			return 0;
		if (total == 0)
			sl_idle_yield();
	}
}

static void fixture_make(struct fixture *made, bool wait)
{
	struct sl_node_view nodes[2] = {{.kind = SL_NODE_WORKER},
					{.kind = SL_NODE_OUTPUT, .port = 1}};

	memset(made, 0, sizeof(*made));
	made->snapshot = scene_snapshot(nodes, 2, 0, 2);
	assert_int_equal(sl_publish_create(&made->publish), 0);
	sl_publish_swap(made->publish, made->snapshot);
	assert_int_equal(sl_worker_rings_create(CORES, 1, 1, RING_SIZE, &made->rings), 0);
	assert_int_equal(sl_tx_plan_create(ports, 2, CORES, 1, RING_SIZE, &made->plan), 0);
	assert_int_equal(sl_frag_tables_create(CORES, SL_FRAG_ENTRIES_MIN, &made->fragments), 0);
	for (uint32_t i = 0; i < CORES; i++) {
		struct sl_path_spec spec = {
			.core = i,
			.core_count = CORES,
			.reader = i,
			.publish = made->publish,
			.ports = ports,
			.port_count = 2,
			.plan = made->plan,
			.rings = made->rings,
			.fragments = made->fragments,
			.burst = 32,
			.wait = wait,
		};

		assert_int_equal(sl_core_stats_create(&made->stats[i]), 0);
		spec.stats = made->stats[i];
		assert_int_equal(sl_path_core_create(&spec, &made->cores[i]), 0);
	}
}

static void balance_read(struct fixture *made, struct sl_balance *balance)
{
	struct sl_worker_stats *workers[] = {&made->worker};

	sl_stats_balance(made->stats, CORES, workers, 1, balance);
}

/* Whether there is something to count: a busy machine may keep the cores from their CPUs for long. */
static bool has_seen(const struct fixture *made, const struct sl_balance *balance, bool drops)
{
	for (uint32_t i = 0; i < CORES; i++)
		if (sl_stats_read(&made->stats[i]->received) <= 1000)
			return false;
	return !drops || balance->dropped > 0;
}

static void run_and_end(struct fixture *made, bool drops)
{
	uint64_t start = sl_clock_ms(), now = start;
	struct sl_balance balance = {0};

	assert_int_equal(sl_eal_launch(WORKER_LCORE, serve, made), 0);
	for (uint32_t i = 0; i < CORES; i++)
		assert_int_equal(sl_eal_launch(RX_LCORE + i, sl_path_core_run, made->cores[i]), 0);
	while (now < start + RUN_MS || !has_seen(made, &balance, drops)) {
		assert_true(now < start + HANG_MS);
		balance_read(made, &balance);
		assert_true(balance.in_flight < 100000); /* never negative */
		usleep(1000);
		now = sl_clock_ms();
	}
	for (uint32_t i = 0; i < CORES; i++)
		sl_path_core_stop(made->cores[i]);
	for (uint32_t i = 0; i < CORES; i++)
		while (!sl_path_core_is_quiet(made->cores[i]))
			usleep(100);
	__atomic_store_n(&made->worker_stop, true, __ATOMIC_RELEASE);
	assert_int_equal(sl_eal_wait(WORKER_LCORE), 0);
	for (uint32_t i = 0; i < CORES; i++)
		sl_path_core_finish(made->cores[i]);
	for (uint32_t i = 0; i < CORES; i++)
		assert_int_equal(sl_eal_wait(RX_LCORE + i), 0);
}

static void fixture_end(struct fixture *made)
{
	for (uint32_t i = 0; i < CORES; i++) {
		sl_path_core_destroy(made->cores[i]);
		sl_core_stats_destroy(made->stats[i]);
	}
	assert_int_equal(sl_worker_ring_count(sl_worker_rings_get(made->rings, 0, 0)), 0);
	assert_int_equal(sl_worker_ring_count(sl_worker_rings_get(made->rings, 1, 0)), 0);
	sl_worker_rings_destroy(made->rings);
	sl_tx_plan_destroy(made->plan);
	sl_frag_tables_destroy(made->fragments);
	sl_publish_destroy(made->publish);
	sl_snapshot_release(made->snapshot);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void with_waiting_queues_everything_received_arrives(void **state)
{
	struct fixture made;
	struct sl_balance balance;

	(void)state;
	fixture_make(&made, true);
	run_and_end(&made, false);
	balance_read(&made, &balance);
	assert_true(balance.received > 1000);
	assert_int_equal(balance.received, balance.delivered + balance.forwarded);
	assert_true(made.stats[0]->received > 0 && made.stats[1]->received > 0);
	assert_true(made.stats[0]->busy_cycles <= made.stats[0]->all_cycles);
	assert_int_equal(made.stats[0]->forwarded, 0); /* core 1 sends and counts */
	fixture_end(&made);
}

static void with_dropping_queues_everything_received_is_counted(void **state)
{
	struct fixture made;
	struct sl_balance balance;

	(void)state;
	fixture_make(&made, false);
	run_and_end(&made, true);
	balance_read(&made, &balance);
	assert_true(balance.dropped > 0);
	assert_int_equal(balance.received, balance.delivered + balance.forwarded + balance.dropped);
	assert_int_equal(balance.in_flight, 0);
	assert_int_equal(balance.dropped,
			 balance.drops[SL_DROP_QUEUE_FULL] + balance.drops[SL_DROP_TX_FAILED]);
	assert_int_equal(made.stats[0]->nodes[1].queue_dropped +
				 made.stats[1]->nodes[1].queue_dropped,
			 balance.drops[SL_DROP_QUEUE_FULL]);
	fixture_end(&made);
}

/* net_null leaves the octets of its frames as they are: each buffer is one flow's packet. */
static void fill(struct rte_mempool *mempool, void *context, void *object, unsigned int index)
{
	struct packet packet;
	struct rte_mbuf *buffer = object;

	(void)mempool;
	(void)context;
	packet_make_udp(&packet, "10.0.0.1", (uint16_t)index, "10.0.0.2", 53, 22);
	memcpy((uint8_t *)buffer->buf_addr + RTE_PKTMBUF_HEADROOM, packet.octets, packet.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_waiting_queues_everything_received_arrives),
		cmocka_unit_test(with_dropping_queues_everything_received_is_counted),
	};
	int failed;

	pool = world_start("path_core_test", CORES, 1, 64, 4096);
	rte_mempool_obj_iter(pool, fill, NULL);
	world_port(pool, "p0", "net_null0,no-rx=0", CORES, 3, &ports[0]);
	world_port(pool, "p1", "net_null1,no-rx=1", 1, 1, &ports[1]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	sl_port_close(&ports[0]);
	sl_port_close(&ports[1]);
	sl_port_pool_destroy(pool);
	sl_eal_stop();
	return failed;
}
