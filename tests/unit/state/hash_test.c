/* SPDX-License-Identifier: BSD-3-Clause */

/* Which packets have one slot, and which have one tag. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_world.h"
#include "state/hash.h"

static struct world world;
static struct sl_pool_view *pool;

static int start(void **state)
{
	world_init(&world, 1, 256, 4096, 5);
	pool = &world.snapshot->pools[0];
	return 0;
}

static int end(void **state)
{
	world_fini(&world);
	return 0;
}

static uint64_t slot(struct sl_pkt pkt)
{
	return sl_hash_slot(world.snapshot, pool, &pkt);
}

static uint64_t tag(struct sl_pkt pkt)
{
	return sl_hash_flow(world.snapshot, pool, &pkt);
}

static struct sl_pkt back(struct sl_pkt pkt)
{
	sl_key_reverse(&pkt.key);
	return pkt;
}

static struct sl_pkt other_port(struct sl_pkt pkt)
{
	pkt.key.sport_be ^= 1;
	return pkt;
}

static struct sl_pkt without_ports(struct sl_pkt pkt)
{
	pkt.flags |= SL_PKT_FRAGMENT | SL_PKT_NO_PORTS;
	return pkt;
}

static void
a_pool_that_hashes_addresses_alone_has_one_slot_for_all_ports_and_tags_tell_them(void **state)
{
	struct sl_pkt pkt = world_udp(1);

	assert_int_not_equal(slot(pkt), slot(other_port(pkt)));
	pool->mask.misc = 0;
	assert_int_equal(slot(pkt), slot(other_port(pkt)));
	assert_int_not_equal(tag(pkt), tag(other_port(pkt)));
}

static void what_a_pool_does_not_hash_does_not_matter(void **state)
{
	struct sl_pkt pkt = world_udp(1), other = pkt;

	other.key.src4 ^= 1;
	assert_int_not_equal(slot(pkt), slot(other));
	pool->mask.src = 0;
	assert_int_equal(slot(pkt), slot(other));
	other = pkt;
	other.key.dst4 ^= 1;
	assert_int_not_equal(slot(pkt), slot(other));
	pool->mask.dst = 0;
	assert_int_equal(slot(pkt), slot(other));
}

static void both_directions_are_one_where_the_pool_is_symmetric(void **state)
{
	struct sl_pkt pkt = world_tcp(1, SL_TCP_ACK, 5);

	assert_int_not_equal(slot(pkt), slot(back(pkt)));
	assert_int_not_equal(tag(pkt), tag(back(pkt)));
	pool->flags |= SL_POOL_SYMMETRIC;
	assert_int_equal(slot(pkt), slot(back(pkt)));
	assert_int_equal(tag(pkt), tag(back(pkt)));
	pkt.key.dst4 = pkt.key.src4; /* ports alone order the ends */
	assert_int_equal(slot(pkt), slot(back(pkt)));
	assert_int_not_equal(tag(pkt), tag(other_port(pkt)));
}

static void fragments_without_ports_are_one_whatever_ports_they_seem_to_have(void **state)
{
	struct sl_pkt pkt = without_ports(world_udp(1));

	assert_int_equal(slot(pkt), slot(other_port(pkt)));
	assert_int_equal(tag(pkt), tag(other_port(pkt)));
}

static void slots_and_tags_have_keys_of_their_own(void **state)
{
	struct sl_pkt pkt = world_udp(1);
	uint64_t slot_before = slot(pkt), tag_before = tag(pkt);

	assert_int_not_equal(slot_before, tag_before);
	world.snapshot->flow_key.word[0]++;
	assert_int_equal(slot(pkt), slot_before);
	assert_int_not_equal(tag(pkt), tag_before);
	world.snapshot->hash_key.word[1]++;
	assert_int_not_equal(slot(pkt), slot_before);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_pool_that_hashes_addresses_alone_has_one_slot_for_all_ports_and_tags_tell_them),
		CASE(what_a_pool_does_not_hash_does_not_matter),
		CASE(both_directions_are_one_where_the_pool_is_symmetric),
		CASE(fragments_without_ports_are_one_whatever_ports_they_seem_to_have),
		CASE(slots_and_tags_have_keys_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
