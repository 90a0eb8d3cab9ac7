/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses beside a flow table: whose are kept, and that no flow gets another's. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow_world.h"
#include "lcore/burst.h"
#include "path/address.h"
#include "state/follow.h"
#include "state/hash.h"

#define FLOWS 500

static struct world world;
static struct sl_burst burst;

static struct sl_pool_view *pool(void)
{
	return &world.snapshot->pools[0];
}

static int start(void **state)
{
	world_init(&world, 1, 256, 4096, 5);
	pool()->tracking = SL_TRACKING_FULL;
	pool()->flags |= SL_POOL_ADDRESSES;
	assert_int_equal(sl_pool_memory_keep_addresses(pool()->memory), 0);
	return 0;
}

static int end(void **state)
{
	world_fini(&world);
	return 0;
}

static void note(struct sl_pkt pkt)
{
	burst = (struct sl_burst){.count = 1, .pkt = {pkt}, .verdict = {SL_VERDICT_NODE}};
	sl_address_note(world.snapshot, &world.cores[0], &burst);
}

static uint64_t tag_of(const struct sl_pkt *pkt)
{
	return sl_hash_flow(world.snapshot, pool(), pkt);
}

/* Whether the entry of that tag has addresses. */
static bool has(uint64_t tag, struct sl_key *key)
{
	const struct sl_flow_table *table = pool()->flow_tables[0];
	struct sl_flow_entry entry;

	for (uint32_t i = 0; i < sl_flow_table_capacity(table); i++)
		if (sl_flow_table_at(table, i, &entry) && entry.tag == tag)
			return sl_address_read(table, i, tag, key);
	return false;
}

static void flows_with_entries_have_the_addresses_of_their_first_packet(void **state)
{
	for (uint32_t flow = 0; flow < FLOWS; flow++) {
		struct sl_pkt pkt = flow % 2 ? world_udp(flow) : world_tcp(flow, SL_TCP_ACK, 1);

		world_send(&world, 0, pkt, NULL);
		note(pkt);
	}
	for (uint32_t flow = 0; flow < FLOWS; flow++) {
		struct sl_pkt pkt = flow % 2 ? world_udp(flow) : world_tcp(flow, SL_TCP_ACK, 1);
		struct sl_key key;

		assert_true(has(tag_of(&pkt), &key));
		assert_memory_equal(&key, &pkt.key, sizeof(key));
	}
}

static void a_connection_beside_another_has_them_too(void **state)
{
	struct sl_pkt pkt = world_tcp(1, SL_TCP_ACK, 1);
	uint64_t beside = tag_of(&pkt) ^ SL_FOLLOW_BESIDE;
	struct sl_flow_clock clock;
	struct sl_key key;

	sl_flow_clock_init(&clock, pool(), world.now_ms);
	assert_true(sl_flow_table_enter(pool()->flow_tables[0], &clock, beside,
					sl_flow_word(1, SL_FLOW_TCP, SL_FLOW_LIVE, 0, clock.now)));
	note(pkt);
	assert_true(has(beside, &key));
	assert_memory_equal(&key, &pkt.key, sizeof(key));
}

static void no_entry_no_pool_that_keeps_them_and_errors_leave_none(void **state)
{
	struct sl_pkt pkt = world_udp(7);
	struct sl_key key;

	note(pkt); /* nobody knows it yet: nothing is written anywhere */
	world_send(&world, 0, pkt, NULL);
	assert_false(has(tag_of(&pkt), &key));
	note(world_error(pkt));
	assert_false(has(tag_of(&pkt), &key));
	pool()->flags &= (uint8_t)~SL_POOL_ADDRESSES;
	note(pkt);
	assert_false(has(tag_of(&pkt), &key));
	pool()->flags |= SL_POOL_ADDRESSES;
	burst.verdict[0] = SL_VERDICT_DROP;
	sl_address_note(world.snapshot, &world.cores[0], &burst);
	assert_false(has(tag_of(&pkt), &key));
	note(pkt);
	assert_true(has(tag_of(&pkt), &key));
}

static void who_takes_an_entrys_place_does_not_take_its_addresses(void **state)
{
	struct sl_pkt first = world_udp(1), second = world_udp(2);
	struct sl_flow_table *table = pool()->flow_tables[0];
	struct sl_flow_entry *entry;
	struct sl_key key;
	uint64_t word;

	world_send(&world, 0, first, NULL);
	note(first);
	entry = sl_flow_table_find(table, tag_of(&first));
	word = entry->word;
	sl_flow_table_write(table, entry, tag_of(&second), word);
	assert_false(has(tag_of(&second), &key));
	assert_false(has(tag_of(&first), &key));
	/* and back again */
	sl_flow_table_write(table, entry, tag_of(&first), word);
	assert_true(has(tag_of(&first), &key));
	assert_memory_equal(&key, &first.key, sizeof(key));
}

static void a_table_without_room_for_addresses_has_none(void **state)
{
	struct sl_flow_table *table;
	struct sl_key key;

	assert_int_equal(sl_flow_table_create(64, &table), 0);
	assert_false(sl_address_read(table, 0, 1, &key));
	sl_flow_table_put(table);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, start, end)
	const struct CMUnitTest tests[] = {
		WITH(flows_with_entries_have_the_addresses_of_their_first_packet),
		WITH(a_connection_beside_another_has_them_too),
		WITH(no_entry_no_pool_that_keeps_them_and_errors_leave_none),
		WITH(who_takes_an_entrys_place_does_not_take_its_addresses),
		cmocka_unit_test(a_table_without_room_for_addresses_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
