/* SPDX-License-Identifier: BSD-3-Clause */

/* What control says leaves by the receive core that owns the port's queue. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/mem.h"
#include "io/speaker.h"
#include "support/world.h"

#define RING_SIZE 16 /* holds one less */
#define FRAME	  "sixty octets are the least, but nobody looks at that in here."

static struct rte_mempool *pool;
static struct sl_port ports[2];
static struct sl_tx_plan *plan;
static struct sl_speaker speaker;
static uint64_t packets, bytes, failed, done, lost;

static int open_plan(void **state)
{
	(void)state;
	ports[0].spoken = true;
	assert_int_equal(sl_tx_plan_create(ports, 2, 1, 0, RING_SIZE, &plan), 0);
	sl_speaker_init(&speaker, plan, pool);
	packets = bytes = failed = done = lost = 0;
	return 0;
}

static int close_plan(void **state)
{
	(void)state;
	sl_tx_plan_destroy(plan);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	return 0;
}

static bool say(uint32_t port)
{
	return sl_speaker_say(&speaker, port, (const uint8_t *)FRAME, sizeof(FRAME));
}

/* What a receive core does in a round: returns how many frames left. */
static uint32_t drain(void)
{
	struct sl_tx_counters counters = {&packets, &bytes, &failed, &done, &lost};
	struct sl_txbuf *bufs = sl_mem_alloc(2 * SL_TX_CLASS_COUNT * sizeof(*bufs));
	struct sl_tx_owner *owner = sl_mem_alloc(sizeof(*owner));
	uint32_t count;

	for (uint32_t i = 0; i < 2 * SL_TX_CLASS_COUNT; i++)
		sl_txbuf_init(&bufs[i], plan, i / SL_TX_CLASS_COUNT, 0,
			      (enum sl_tx_class)(i % SL_TX_CLASS_COUNT), false, &counters);
	sl_tx_owner_init(owner, plan, 0);
	count = sl_tx_drain(owner, bufs);
	for (uint32_t i = 0; i < 2 * SL_TX_CLASS_COUNT; i++)
		sl_txbuf_flush(&bufs[i]);
	sl_mem_free(owner, sizeof(*owner));
	sl_mem_free(bufs, 2 * SL_TX_CLASS_COUNT * sizeof(*bufs));
	return count;
}

static void what_is_said_leaves_by_the_port_and_is_counted_there(void **state)
{
	struct rte_mbuf *frame;

	(void)state;
	assert_true(say(0));
	assert_int_equal(drain(), 0); /* not before it is flushed */
	sl_speaker_flush(&speaker);
	assert_int_equal(drain(), 1);
	assert_int_equal(packets, 1);
	assert_int_equal(bytes, sizeof(FRAME));
	assert_int_equal(rte_eth_rx_burst(ports[0].port_id, 0, &frame, 1), 1);
	assert_int_equal(frame->pkt_len, sizeof(FRAME));
	assert_memory_equal(rte_pktmbuf_mtod(frame, const char *), FRAME, sizeof(FRAME));
	rte_pktmbuf_free(frame);
}

static void what_finds_no_room_is_not_taken(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < RING_SIZE - 1; i++)
		assert_true(say(0));
	assert_false(say(0));
	sl_speaker_flush(&speaker);
	assert_false(say(0));
	assert_int_equal(speaker.nowhere, 0); /* nothing was lost */
	assert_int_equal(drain(), RING_SIZE - 1);
	assert_true(say(0));
	sl_speaker_flush(&speaker);
	assert_int_equal(drain(), 1);
	for (struct rte_mbuf *frame; rte_eth_rx_burst(ports[0].port_id, 0, &frame, 1) == 1;)
		rte_pktmbuf_free(frame);
}

static void a_port_that_is_not_spoken_by_takes_nothing(void **state)
{
	(void)state;
	assert_false(say(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_said_leaves_by_the_port_and_is_counted_there, open_plan,
			close_plan),
		cmocka_unit_test_setup_teardown(what_finds_no_room_is_not_taken, open_plan,
						close_plan),
		cmocka_unit_test_setup_teardown(a_port_that_is_not_spoken_by_takes_nothing,
						open_plan, close_plan),
	};
	int status;

	pool = world_start("speaker", 1, 0, 64, 1024);
	world_port(pool, "p0", "net_ring0", 1, 1, &ports[0]);
	world_port(pool, "p1", "net_ring1", 1, 1, &ports[1]);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	sl_port_close(&ports[0]);
	sl_port_close(&ports[1]);
	sl_port_pool_destroy(pool);
	return status;
}
