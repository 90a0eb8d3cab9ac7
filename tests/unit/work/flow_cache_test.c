/* SPDX-License-Identifier: BSD-3-Clause */

/* Flows from their first packet to their end: when they end and why, and that no packet is lost or
 * counted twice, whatever comes. */

#include "work/flow_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "pkt/parse.h"

#define ENTRIES	  64u
#define ACTIVE_MS 1000u
#define IDLE_MS	  320u
#define SLOT_MS	  10u /* a flow may end so much late */
#define FLOWS	  200u

static struct sl_ipfix_record told[8];
static uint32_t told_count;
static uint64_t packets_told[FLOWS], octets_told[FLOWS], now_ms;

static void on_ended(void *context, const struct sl_ipfix_record *record)
{
	uint32_t flow = record->key.sport_be;

	assert_ptr_equal(context, told);
	assert_true(record->start_ms <= record->end_ms && record->end_ms <= now_ms);
	if (told_count < sizeof(told) / sizeof(told[0]))
		told[told_count] = *record;
	told_count++;
	packets_told[flow] += record->packets;
	octets_told[flow] += record->octets;
}

static struct sl_flow_cache *create(uint32_t entries)
{
	const struct sl_flow_cache_spec spec = {.entries = entries,
						.active_ms = ACTIVE_MS,
						.idle_ms = IDLE_MS,
						.ended = on_ended,
						.context = told};
	struct sl_flow_cache *cache = sl_flow_cache_create(&spec);

	assert_non_null(cache);
	told_count = 0;
	memset(packets_told, 0, sizeof(packets_told));
	memset(octets_told, 0, sizeof(octets_told));
	return cache;
}

static void add(struct sl_flow_cache *cache, uint32_t flow, uint64_t at_ms, uint8_t flags)
{
	struct sl_flow_packet packet = {.octets = 100, .tcp_flags = flags};

	packet.key.sport_be = (uint16_t)flow;
	packet.key.family = SL_FAMILY_IPV4;
	now_ms = at_ms;
	sl_flow_cache_add(cache, &packet, at_ms);
}

static bool expire(struct sl_flow_cache *cache, uint64_t at_ms, uint32_t most)
{
	now_ms = at_ms;
	return sl_flow_cache_expire(cache, at_ms, most);
}

static void an_idle_flow_ends_in_time_and_not_before(void **state)
{
	struct sl_flow_cache *cache = create(ENTRIES);

	(void)state;
	add(cache, 1, 5000, 0);
	add(cache, 1, 5100, SL_TCP_ACK);
	assert_false(expire(cache, 5100 + IDLE_MS - 1, 100));
	assert_int_equal(told_count, 0);
	(void)expire(cache, 5100 + IDLE_MS + SLOT_MS, 100);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].reason, SL_IPFIX_IDLE);
	assert_int_equal(told[0].start_ms, 5000);
	assert_int_equal(told[0].end_ms, 5100);
	assert_int_equal(told[0].packets, 2);
	assert_int_equal(told[0].octets, 200);
	assert_int_equal(told[0].tcp_flags, SL_TCP_ACK);
	assert_int_equal(sl_flow_cache_count(cache), 0);
	sl_flow_cache_destroy(cache);
}

static void a_flow_that_goes_on_is_told_of_now_and_then(void **state)
{
	struct sl_flow_cache *cache = create(ENTRIES);

	(void)state;
	for (uint64_t ms = 5000; ms <= 8500; ms += 100) {
		add(cache, 1, ms, 0);
		(void)expire(cache, ms, 100);
	}
	assert_int_equal(told_count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(told[i].reason, SL_IPFIX_ACTIVE);
		assert_int_equal(told[i].packets, 10);
		assert_int_equal(told[i].start_ms, 5000 + i * ACTIVE_MS);
	}
	assert_int_equal(sl_flow_cache_count(cache), 1);
	sl_flow_cache_destroy(cache);
}

static void connections_that_close_end_so_and_their_ports_are_used_again(void **state)
{
	struct sl_flow_cache *cache = create(ENTRIES);

	(void)state;
	add(cache, 1, 5000, SL_TCP_SYN);
	add(cache, 1, 5001, SL_TCP_FIN | SL_TCP_ACK);
	add(cache, 1, 5002, SL_TCP_ACK);
	add(cache, 1, 5003, SL_TCP_SYN);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].reason, SL_IPFIX_ENDED);
	assert_int_equal(told[0].packets, 3);
	add(cache, 1, 5004, SL_TCP_RST);
	(void)expire(cache, 5004 + IDLE_MS + SLOT_MS, 100);
	assert_int_equal(told_count, 2);
	assert_int_equal(told[1].reason, SL_IPFIX_ENDED);
	assert_int_equal(told[1].packets, 2);
	sl_flow_cache_destroy(cache);
}

static void a_full_cache_ends_a_flow_for_a_new_one(void **state)
{
	struct sl_flow_cache *cache = create(ENTRIES);

	(void)state;
	for (uint32_t flow = 0; flow < ENTRIES; flow++)
		add(cache, flow, 5000 + flow, 0);
	assert_int_equal(told_count, 0);
	add(cache, ENTRIES, 5100, 0);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].reason, SL_IPFIX_RESOURCES);
	assert_int_equal(sl_flow_cache_count(cache), ENTRIES);
	sl_flow_cache_end(cache);
	assert_int_equal(told_count, 1 + ENTRIES);
	assert_int_equal(sl_flow_cache_count(cache), 0);
	for (uint32_t flow = 0; flow <= ENTRIES; flow++)
		assert_int_equal(packets_told[flow], 1);
	sl_flow_cache_destroy(cache);
}

static void what_is_due_is_looked_at_in_bounded_steps(void **state)
{
	struct sl_flow_cache *cache = create(ENTRIES);

	(void)state;
	for (uint32_t flow = 0; flow < 50; flow++)
		add(cache, flow, 5000, 0);
	assert_true(expire(cache, 9000, 20));
	assert_int_equal(told_count, 20);
	assert_true(expire(cache, 9000, 20));
	assert_false(expire(cache, 9000, 20));
	assert_int_equal(told_count, 50);
	sl_flow_cache_destroy(cache);
}

static void whatever_comes_no_packet_is_lost_or_counted_twice(void **state)
{
	struct sl_prng prng = {.state = 20261128};
	struct sl_flow_cache *cache = create(ENTRIES);
	uint64_t sent[FLOWS] = {0}, ms = 1000;

	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		uint64_t word = sl_prng_next(&prng);
		uint32_t flow = (uint32_t)(word % FLOWS) & (uint32_t)(word >> 32);
		static const uint8_t flags[] = {0, SL_TCP_SYN, SL_TCP_ACK, SL_TCP_FIN};

		if (flow >= FLOWS)
			continue;
		if (word >> 60 == 0)
			ms += word >> 20 & 0xff;
		if (word >> 50 == 7)
			ms += 100000;
		add(cache, flow, ms, flags[word >> 40 & 3]);
		sent[flow]++;
		(void)expire(cache, ms, 4);
	}
	sl_flow_cache_end(cache);
	for (uint32_t flow = 0; flow < FLOWS; flow++) {
		assert_int_equal(packets_told[flow], sent[flow]);
		assert_int_equal(octets_told[flow], 100 * sent[flow]);
	}
	assert_int_equal(sl_flow_cache_count(cache), 0);
	for (uint32_t place = 0; place < sl_flow_cache_places(cache); place++)
		assert_null(sl_flow_cache_at(cache, place));
	sl_flow_cache_destroy(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_flow_ends_in_time_and_not_before),
		cmocka_unit_test(a_flow_that_goes_on_is_told_of_now_and_then),
		cmocka_unit_test(connections_that_close_end_so_and_their_ports_are_used_again),
		cmocka_unit_test(a_full_cache_ends_a_flow_for_a_new_one),
		cmocka_unit_test(what_is_due_is_looked_at_in_bounded_steps),
		cmocka_unit_test(whatever_comes_no_packet_is_lost_or_counted_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
