/* SPDX-License-Identifier: BSD-3-Clause */

/* A core whose queue can be waited for: it sleeps while nothing comes, and is there when a device, a
 * hand-over or control rings. Here no sleep ends by itself, so what does not wake it hangs.
 *
 *     this test -- hand-over, or at once --> p0 (net_ring, which gives back what is sent) -- core 0
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sys/eventfd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "io/watch.h"
#include "path/core.h"
#include "support/packet.h"
#include "support/scene.h"
#include "support/turn.h"
#include "support/world.h"

#define RX_LCORE     1
#define WORKER_LCORE 2 /* on the last CPU */
#define RING_SIZE    256
#define TURNS	     40
#define NEVER_NS     (3600 * 1000000000ull)
#define SURE_NS	     10000000
#define ROUNDS	     100    /* empty ones while it is asleep: none but those before it sleeps */
#define RECLAIMS     100000 /* of 100 us */

static struct rte_mempool *pool;
static struct sl_port port;
static struct sl_publish *publish;
static struct sl_snapshot *snapshot;
static struct sl_tx_plan *plan;
static struct sl_core_stats *stats;
static struct sl_frag_tables *fragments;
static struct sl_path_core *core;
static struct packet frame;
static uint32_t sleeps, is_asleep;

bool __real_sl_watch_sleep(struct sl_watch *watch, uint64_t ns);
bool __wrap_sl_watch_sleep(struct sl_watch *watch, uint64_t ns);
uint64_t __real_sl_bell_span_ns(void);
uint64_t __wrap_sl_bell_span_ns(void);

/* Where the kernel cannot promise that no ring is lost, short sleeps are the answer. */
uint64_t __wrap_sl_bell_span_ns(void)
{
	uint64_t span_ns = __real_sl_bell_span_ns();

	return span_ns < SURE_NS ? span_ns : NEVER_NS;
}

bool __wrap_sl_watch_sleep(struct sl_watch *watch, uint64_t ns)
{
	bool rang;

	assert_in_range(ns, 1, NEVER_NS);
	__atomic_store_n(&is_asleep, 1, __ATOMIC_RELEASE);
	rang = __real_sl_watch_sleep(watch, NEVER_NS);
	__atomic_store_n(&is_asleep, 0, __ATOMIC_RELEASE);
	__atomic_fetch_add(&sleeps, 1, __ATOMIC_RELAXED);
	return rang;
}

/* On its way to sleep it may still be awake: it is woken then, too. */
static void await_sleep(void)
{
	while (!__atomic_load_n(&is_asleep, __ATOMIC_ACQUIRE))
		usleep(100);
}

static int setup(void **state)
{
	struct sl_node_view node = {.kind = SL_NODE_OUTPUT, .port = 0};
	struct sl_path_spec spec = {.core_count = 1, .ports = &port, .port_count = 1, .burst = 32};

	(void)state;
	snapshot = scene_snapshot(&node, 1, 1, 1);
	assert_int_equal(sl_publish_create(&publish), 0);
	sl_publish_swap(publish, snapshot);
	assert_int_equal(sl_tx_plan_create(&port, 1, 1, 1, RING_SIZE, &plan), 0);
	assert_int_equal(sl_core_stats_create(&stats), 0);
	spec.publish = publish;
	spec.plan = plan;
	spec.stats = stats;
	assert_int_equal(sl_frag_tables_create(1, SL_FRAG_ENTRIES_MIN, &fragments), 0);
	spec.fragments = fragments;
	assert_int_equal(sl_path_core_create(&spec, &core), 0);
	assert_int_equal(sl_eal_launch(RX_LCORE, sl_path_core_run, core), 0);
	await_sleep();
	return 0;
}

static void end(void)
{
	sl_path_core_stop(core);
	while (!sl_path_core_is_quiet(core))
		usleep(10);
	sl_path_core_finish(core);
	assert_int_equal(sl_eal_wait(RX_LCORE), 0);
}

static void destroy(void)
{
	sl_path_core_destroy(core);
	sl_frag_tables_destroy(fragments);
	sl_core_stats_destroy(stats);
	sl_tx_plan_destroy(plan);
	sl_publish_destroy(publish);
	sl_snapshot_release(snapshot);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static int teardown(void **state)
{
	(void)state;
	end();
	destroy();
	return 0;
}

static struct rte_mbuf *packet(void)
{
	return world_frame(pool, frame.octets, frame.size, 0);
}

static uint64_t received(void)
{
	return __atomic_load_n(&stats->received, __ATOMIC_RELAXED);
}

static void await(uint64_t turn)
{
	while (received() < turn)
		usleep(10);
	await_sleep();
}

static void it_sleeps_when_nothing_comes_and_holds_no_snapshot(void **state)
{
	uint64_t before, after;
	struct sl_snapshot *old = snapshot;
	struct sl_node_view node = {.kind = SL_NODE_OUTPUT, .port = 0};
	uint32_t waits;

	(void)state;
	usleep(10000);
	before = __atomic_load_n(&stats->empty_bursts, __ATOMIC_RELAXED);
	usleep(200000);
	after = __atomic_load_n(&stats->empty_bursts, __ATOMIC_RELAXED);
	assert_in_range(after - before, 0, ROUNDS);
	snapshot = scene_snapshot(&node, 1, 1, 1);
	assert_ptr_equal(sl_publish_swap(publish, snapshot), old);
	assert_int_equal(sl_publish_retire(publish, (void (*)(void *))sl_snapshot_release, old), 0);
	for (int tries = 0; (waits = sl_publish_reclaim(publish)) > 0 && tries < RECLAIMS; tries++)
		usleep(100);
	assert_int_equal(waits, 0);
}

static void a_device_wakes_it(void **state)
{
	(void)state;
	for (uint64_t turn = 1; turn <= TURNS; turn++) {
		struct rte_mbuf *sent = packet();

		assert_int_equal(rte_eth_tx_burst(port.port_id, 0, &sent, 1), 1);
		assert_int_equal(eventfd_write(port.arrival.fd[0], 1), 0);
		await(turn);
	}
}

static void a_hand_over_wakes_it(void **state)
{
	uint64_t counts[4] = {0};
	struct sl_tx_counters counters = {&counts[0], &counts[1], &counts[2], &counts[3],
					  &counts[3]};
	struct sl_txbuf buf;

	(void)state;
	sl_txbuf_init(&buf, plan, 0, 1, SL_TX_OWN, false, &counters);
	assert_non_null(buf.ring);
	for (uint64_t turn = 1; turn <= TURNS; turn++) {
		sl_txbuf_add(&buf, packet(), frame.size);
		sl_txbuf_flush(&buf);
		await(turn);
	}
	assert_int_equal(counts[3], 0);
}

static void its_end_wakes_it(void **state)
{
	(void)state;
	for (uint32_t turn = 0; turn < TURNS; turn++) {
		end();
		destroy();
		setup(NULL);
	}
}

struct turns {
	bool alone;
	uint64_t at_first, soon, later, asleep;
};

static int turns_take(void *argument)
{
	struct turns *turns = argument;
	struct sl_idle idle;
	uint64_t now;

	turns->alone = sl_eal_mates() == 0;
	sl_idle_init(&idle, SL_IDLE_MODE_BACKOFF, SL_IDLE_SLEEP_NS);
	now = rte_rdtsc();
	turns->at_first = turn_ns();
	sl_idle_round(&idle, now + rte_get_tsc_hz() / 1000);
	turns->soon = turn_ns();
	sl_idle_round(&idle, now + rte_get_tsc_hz() / 100);
	turns->later = turn_ns();
	while (!sl_idle_is_spun(&idle))
		sl_idle_wait(&idle);
	sl_idle_wait(&idle);
	turns->asleep = turn_ns();
	return 0;
}

static void a_thread_alone_on_its_cpu_has_long_turns_while_it_polls(void **state)
{
	struct turns turns;

	(void)state;
	assert_int_equal(sl_eal_launch(WORKER_LCORE, turns_take, &turns), 0);
	assert_int_equal(sl_eal_wait(WORKER_LCORE), 0);
	if (turns.at_first == 0 || !turns.alone)
		skip();
	assert_int_equal(turns.at_first, 100000);
	assert_int_equal(turns.soon, 100000);
	assert_int_equal(turns.later, 100000000);
	assert_int_equal(turns.asleep, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_sleeps_when_nothing_comes_and_holds_no_snapshot,
						setup, teardown),
		cmocka_unit_test(a_thread_alone_on_its_cpu_has_long_turns_while_it_polls),
		cmocka_unit_test_setup_teardown(a_device_wakes_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hand_over_wakes_it, setup, teardown),
		cmocka_unit_test_setup_teardown(its_end_wakes_it, setup, teardown),
	};
	int failed, fd = eventfd(0, EFD_NONBLOCK);

	pool = world_start("path_rest_test", 1, 1, 64, 4096);
	packet_make_udp(&frame, "10.0.0.1", 1000, "10.9.0.2", 9, 22);
	world_port(pool, "p0", "net_ring0", 1, 1, &port);
	port.arrival.count = 1;
	port.arrival.counters = true;
	port.arrival.fd[0] = fd;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	sl_port_close(&port);
	sl_port_pool_destroy(pool);
	sl_eal_stop();
	close(fd);
	return failed;
}
