/* SPDX-License-Identifier: BSD-3-Clause */

/* Ports over virtual devices, and who sends for whom. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "io/txbuf.h"
#include "io/worker_ring.h"
#include "support/world.h"

static struct rte_mempool *pool;

static void a_port_with_fewer_queues_than_wanted_says_so(void **state)
{
	struct sl_port port;
	char text[512];

	(void)state;
	world_port(pool, "p0", "net_pcap0,tx_pcap=/dev/null", 2, 4, &port);
	assert_int_equal(port.rx_queue_count, 1);
	assert_int_equal(port.tx_queue_count, 1);
	assert_true(port.is_capture); /* nothing is lost by waiting */
	assert_non_null(strstr(sl_port_describe(&port, text, sizeof(text)),
			       "of 2 receive CPUs 1 serves it"));
	sl_port_close(&port);
}

static void a_port_gets_a_queue_for_each_core_and_sender_and_hashes_what_it_can(void **state)
{
	struct sl_port port;
	char text[512];

	(void)state;
	world_port(pool, "p0", "net_null0", 3, 5, &port);
	assert_int_equal(port.rx_queue_count, 3);
	assert_int_equal(port.tx_queue_count, 5);
	assert_non_null(strstr(sl_port_describe(&port, text, sizeof(text)), "port p0: net_null, "));
	assert_non_null(strstr(text, "3 receive queues, 5 transmit queues, RSS over addresses and "
				     "ports"));
	sl_port_close(&port);
}

static void a_closed_device_can_be_opened_again_and_an_open_one_cannot(void **state)
{
	struct sl_port_spec spec = {
		.name = "p1", .device = "net_null0", .mtu = 1500, .rx_queues = 1, .tx_queues = 1};
	struct sl_port port, other;
	struct sl_err err;

	(void)state;
	for (int i = 0; i < 2; i++) {
		world_port(pool, "p0", "net_null0", 1, 1, &port);
		assert_int_equal(sl_port_open(&spec, pool, &other, &err), -EINVAL);
		assert_string_equal(err.text,
				    "port p1: the device net_null0 is that of another port");
		sl_port_close(&port);
	}
}

static void devices_that_are_not_there_and_sizes_they_do_not_take_are_refused(void **state)
{
	struct sl_port_spec spec = {
		.name = "p0", .device = "net_nosuch0", .mtu = 1500, .rx_queues = 1, .tx_queues = 1};
	struct sl_port port;
	struct sl_err err;

	(void)state;
	assert_int_equal(sl_port_open(&spec, pool, &port, &err), -ENODEV);
	assert_non_null(strstr(err.text, "port p0: \"net_nosuch0\" cannot be opened"));
	spec.device = "0000:ff:1f.7";
	assert_int_equal(sl_port_open(&spec, pool, &port, &err), -ENODEV);
	assert_non_null(strstr(err.text, "dpdk-devbind.py"));
	spec.device = "net_null0,size=2049";
	assert_int_equal(sl_port_open(&spec, pool, &port, &err), -ERANGE);
	assert_string_equal(err.text, "port p0: size=2049 of net_null is more than a buffer's 2048 "
				      "octets");
	spec.device = "net_null0,size=2048";
	assert_int_equal(sl_port_open(&spec, pool, &port, &err), 0);
	sl_port_close(&port);
}

static void more_buffers_than_memory_are_refused_with_the_remedy(void **state)
{
	struct rte_mempool *large;
	struct sl_err err;

	(void)state;
	assert_true(sl_port_pool_create("large", 1u << 20, SL_PORT_ROOM, &large, &err) < 0);
	assert_non_null(strstr(err.text, "raise memory_mb"));
}

/* Ports that are only numbers: the plan does not touch devices. */
static void receive_cores_own_the_queues_and_others_hand_over(void **state)
{
	struct sl_port ports[2] = {{.tx_queue_count = 1}, {.tx_queue_count = 5}};
	struct sl_tx_plan *plan;

	(void)state;
	assert_int_equal(sl_tx_plan_create(ports, 2, 2, 3, 64, &plan), 0);
	assert_int_equal(plan->port[0].queue[0], 0);
	assert_null(plan->port[0].ring[0]);
	for (uint32_t sender = 1; sender < 5; sender++) {
		assert_int_equal(plan->port[0].queue[sender], SL_TX_NO_QUEUE);
		assert_int_equal(plan->port[0].owner[sender], 0);
		assert_non_null(plan->port[0].ring[sender]);
	}
	for (uint32_t sender = 0; sender < 5; sender++)
		assert_null(plan->port[1].ring[sender]);
	sl_tx_plan_destroy(plan);
}

static void every_sender_of_every_shape_has_one_queue_or_an_owner_with_one(void **state)
{
	(void)state;
	for (uint32_t cores = 1; cores <= 4; cores++) {
		for (uint32_t queues = 1; queues <= 8; queues++) {
			struct sl_port ports[3];
			struct sl_tx_plan *plan;

			for (uint32_t p = 0; p < 3; p++)
				ports[p].tx_queue_count = (uint16_t)queues;
			assert_int_equal(sl_tx_plan_create(ports, 3, cores, 3, 64, &plan), 0);
			for (uint32_t p = 0; p < 3; p++) {
				uint32_t used = 0;

				for (uint32_t s = 0; s < cores + 3; s++) {
					const struct sl_tx_plan_port *to = &plan->port[p];
					uint32_t owner = to->owner[s];

					assert_true(to->queue[owner] < queues);
					assert_true((to->ring[s] == NULL) == (owner == s));
					if (to->ring[s] != NULL) {
						assert_true(owner < cores);
						continue;
					}
					assert_int_equal(used & 1u << to->queue[s], 0);
					used |= 1u << to->queue[s];
				}
			}
			sl_tx_plan_destroy(plan);
		}
	}
}

struct counts {
	uint64_t packets, bytes, failed, done, lost;
};

static struct sl_tx_counters counters_of(struct counts *counts)
{
	struct sl_tx_counters counters = {&counts->packets, &counts->bytes, &counts->failed,
					  &counts->done, &counts->lost};

	return counters;
}

static void what_is_handed_over_is_sent_and_counted_by_the_owner(void **state)
{
	struct counts given = {0}, sent[SL_TX_CLASS_COUNT] = {{0}};
	struct sl_tx_counters counters = counters_of(&given);
	static struct sl_tx_owner owner;
	struct sl_txbuf from, bufs[SL_TX_CLASS_COUNT];
	struct rte_mbuf *frame;
	struct sl_tx_plan *plan;
	struct sl_port port;
	uint8_t octets[60] = {0};

	(void)state;
	world_port(pool, "p0", "net_ring0", 1, 1, &port);
	assert_int_equal(sl_tx_plan_create(&port, 1, 1, 1, 64, &plan), 0);
	sl_txbuf_init(&from, plan, 0, 1, SL_TX_OWN, false, &counters);
	for (uint32_t class = 0; class < SL_TX_CLASS_COUNT; class ++) {
		counters = counters_of(&sent[class]);
		sl_txbuf_init(&bufs[class], plan, 0, 0, class, false, &counters);
	}
	sl_tx_owner_init(&owner, plan, 0);
	frame = world_frame(pool, octets, sizeof(octets), 0);
	sl_txbuf_add(&from, frame, sizeof(octets));
	assert_int_equal(sl_tx_drain(&owner, bufs), 0);
	sl_txbuf_flush(&from);
	assert_int_equal(sl_tx_drain(&owner, bufs), 1);
	sl_txbuf_flush(&bufs[SL_TX_OWN]);
	assert_int_equal(sent[SL_TX_OWN].packets, 1);
	assert_int_equal(sent[SL_TX_OWN].bytes, sizeof(octets));
	assert_int_equal(given.packets, 0);
	assert_int_equal(rte_eth_rx_burst(port.port_id, 0, &frame, 1), 1);
	rte_pktmbuf_free(frame);
	sl_tx_plan_destroy(plan);
	sl_port_close(&port);
}

static void what_a_device_does_not_take_is_counted_and_freed(void **state)
{
	struct counts counts = {0};
	struct sl_tx_counters counters = counters_of(&counts);
	struct rte_mbuf *frames[32];
	struct sl_tx_plan *plan;
	struct sl_port port;
	struct sl_txbuf buf;
	uint8_t octets[60] = {0};
	uint32_t got = 0, count;

	(void)state;
	world_port(pool, "p0", "net_ring0", 1, 1, &port);
	assert_int_equal(sl_tx_plan_create(&port, 1, 1, 0, 64, &plan), 0);
	sl_txbuf_init(&buf, plan, 0, 0, SL_TX_FORWARDED, false, &counters);
	for (uint32_t i = 0; i < 2000; i++)
		sl_txbuf_add(&buf, world_frame(pool, octets, sizeof(octets), 0), sizeof(octets));
	sl_txbuf_flush(&buf);
	assert_true(counts.lost > 0);
	assert_int_equal(counts.done + counts.lost, 2000);
	assert_int_equal(counts.packets, counts.done);
	assert_int_equal(counts.failed, counts.lost);
	assert_int_equal(counts.bytes, counts.packets * sizeof(octets));
	while ((count = rte_eth_rx_burst(port.port_id, 0, frames, 32)) > 0) {
		got += count;
		rte_pktmbuf_free_bulk(frames, count);
	}
	assert_int_equal(got, counts.done);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	sl_tx_plan_destroy(plan);
	sl_port_close(&port);
}

static void rings_keep_the_order_and_free_what_is_left(void **state)
{
	struct sl_worker_rings *rings;
	struct sl_worker_stages *stages;
	struct rte_mbuf *frames[8], *got[8];
	struct sl_worker_ring *ring;
	uint8_t octets[60] = {0};

	(void)state;
	assert_int_equal(sl_worker_rings_create(2, 3, 1, 100, &rings), -EINVAL);
	assert_int_equal(sl_worker_rings_create(2, 3, 1, 8, &rings), 0);
	stages = &rings->stages[1];
	ring = sl_worker_rings_get(rings, 1, 2);
	for (uint32_t i = 0; i < 8; i++) {
		frames[i] = world_frame(pool, octets, sizeof(octets), 0);
		assert_true(sl_worker_stages_put(stages, 2, frames[i]));
	}
	assert_false(sl_worker_stages_put(stages, 2, frames[0]));
	assert_int_equal(sl_worker_ring_pop(ring, got, 3), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_ptr_equal(got[i], frames[i]);
		assert_true(sl_worker_stages_put(stages, 2, got[i]));
	}
	assert_false(sl_worker_stages_put(stages, 2, frames[0]));
	sl_worker_stages_show_all(stages);
	assert_int_equal(sl_worker_ring_count(ring), 8);
	assert_int_equal(sl_worker_ring_pop(ring, got, 8), 8);
	for (uint32_t i = 0; i < 8; i++) {
		assert_ptr_equal(got[i], frames[(i + 3) % 8]);
		assert_true(sl_worker_stages_put(stages, 2, got[i]));
	}
	sl_worker_rings_destroy(rings);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void a_stage_is_shown_when_full_or_when_it_grew_old(void **state)
{
	struct sl_worker_rings *rings;
	struct sl_worker_stages *stages;
	struct rte_mbuf *nothing = NULL, *got[64];
	struct sl_worker_ring *ring;

	(void)state;
	assert_int_equal(sl_worker_rings_create(1, 16, 1, 256, &rings), 0);
	stages = &rings->stages[0];
	ring = sl_worker_rings_get(rings, 0, 5);
	assert_int_equal(stages->stage, SL_STAGE_ALL / 16);
	for (uint32_t i = 0; i < stages->stage; i++)
		assert_true(sl_worker_stages_put(stages, 5, nothing));
	assert_int_equal(sl_worker_ring_count(ring), 0);
	assert_true(sl_worker_stages_put(stages, 5, nothing));
	assert_int_equal(sl_worker_ring_count(ring), stages->stage);
	sl_worker_stages_show_old(stages);
	assert_int_equal(sl_worker_ring_count(ring), stages->stage);
	sl_worker_stages_show_old(stages);
	assert_int_equal(sl_worker_ring_count(ring), stages->stage + 1);
	/* The next one ends where a line does. */
	for (uint32_t i = 0; i < stages->stage; i++)
		assert_true(sl_worker_stages_put(stages, 5, nothing));
	assert_int_equal(sl_worker_ring_count(ring), 2 * stages->stage);
	sl_worker_stages_show_all(stages);
	assert_int_equal(sl_worker_ring_pop(ring, got, 64), 2 * stages->stage + 1);
	sl_worker_rings_destroy(rings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_with_fewer_queues_than_wanted_says_so),
		cmocka_unit_test(
			a_port_gets_a_queue_for_each_core_and_sender_and_hashes_what_it_can),
		cmocka_unit_test(a_closed_device_can_be_opened_again_and_an_open_one_cannot),
		cmocka_unit_test(devices_that_are_not_there_and_sizes_they_do_not_take_are_refused),
		cmocka_unit_test(more_buffers_than_memory_are_refused_with_the_remedy),
		cmocka_unit_test(receive_cores_own_the_queues_and_others_hand_over),
		cmocka_unit_test(every_sender_of_every_shape_has_one_queue_or_an_owner_with_one),
		cmocka_unit_test(what_is_handed_over_is_sent_and_counted_by_the_owner),
		cmocka_unit_test(what_a_device_does_not_take_is_counted_and_freed),
		cmocka_unit_test(rings_keep_the_order_and_free_what_is_left),
		cmocka_unit_test(a_stage_is_shown_when_full_or_when_it_grew_old),
	};
	int failed;

	pool = world_start("io_port_test", 1, 1, 64, 4096);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	sl_port_pool_destroy(pool);
	sl_eal_stop();
	return failed;
}
