/* SPDX-License-Identifier: BSD-3-Clause */

/* Fragments follow their first. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "lcore/frag_table.h"
#include "support/packet.h"

#define UDP    17
#define MORE   0x2000
#define SECRET ((struct sl_hash_key){{1, 2}})

static struct packet packet;

static struct sl_pkt fragment_of(const char *src, uint16_t id, uint16_t fragment, uint16_t sport)
{
	struct sl_pkt pkt;

	packet_init(&packet);
	packet_eth(&packet, 0x0800);
	packet_ip(&packet, &(struct packet_ip){.src = src,
					       .dst = "192.0.2.10",
					       .protocol = UDP,
					       .id = id,
					       .fragment = fragment});
	if ((fragment & 0x1fff) == 0)
		packet_udp_zero_sum(&packet, sport, 53);
	packet_pattern(&packet, 64);
	packet_finish(&packet);
	sl_parse(packet.octets, packet.size, packet.size, 0, &pkt);
	assert_int_equal(pkt.status, SL_PKT_OK);
	assert_true(pkt.flags & SL_PKT_FRAGMENT);
	return pkt;
}

static enum sl_frag_answer follow(struct sl_frag_table *table, struct sl_pkt *pkt, uint64_t now_ms)
{
	return sl_frag_table_follow(table, sl_frag_tag(table, packet.octets, pkt), pkt, now_ms);
}

static struct sl_frag_table *make(uint32_t entries)
{
	struct sl_frag_table *table = NULL;

	assert_int_equal(sl_frag_table_create(entries, &SECRET, &table), 0);
	return table;
}

static void a_later_fragment_gets_the_key_of_its_first(void **state)
{
	struct sl_frag_table *table = make(64);
	struct sl_pkt first = fragment_of("198.51.100.1", 7, MORE, 1111);
	struct sl_pkt later;

	assert_int_equal(follow(table, &first, 100), SL_FRAG_KNOWN);
	later = fragment_of("198.51.100.1", 7, MORE | 9, 0);
	assert_true(later.flags & SL_PKT_NO_PORTS);
	assert_int_equal(follow(table, &later, 100), SL_FRAG_KNOWN);
	assert_memory_equal(&later.key, &first.key, sizeof(first.key));
	assert_false(later.flags & SL_PKT_NO_PORTS);
	sl_frag_table_destroy(table);
}

static void another_datagram_or_sender_is_early(void **state)
{
	struct sl_frag_table *table = make(64);
	struct sl_pkt pkt = fragment_of("198.51.100.1", 7, MORE, 1111);

	assert_int_equal(follow(table, &pkt, 100), SL_FRAG_KNOWN);
	pkt = fragment_of("198.51.100.1", 8, 9, 0);
	assert_int_equal(follow(table, &pkt, 100), SL_FRAG_EARLY);
	pkt = fragment_of("198.51.100.2", 7, 9, 0);
	assert_int_equal(follow(table, &pkt, 100), SL_FRAG_EARLY);
	sl_frag_table_destroy(table);
}

static void a_datagram_is_forgotten_after_its_life(void **state)
{
	struct sl_frag_table *table = make(64);
	struct sl_pkt pkt = fragment_of("198.51.100.1", 7, MORE, 1111);

	assert_int_equal(follow(table, &pkt, 100), SL_FRAG_KNOWN);
	pkt = fragment_of("198.51.100.1", 7, 9, 0);
	assert_int_equal(follow(table, &pkt, 100 + SL_FRAG_LIFE_MS - 1), SL_FRAG_KNOWN);
	pkt = fragment_of("198.51.100.1", 7, 9, 0);
	assert_int_equal(follow(table, &pkt, 100 + SL_FRAG_LIFE_MS), SL_FRAG_EARLY);
	sl_frag_table_destroy(table);
}

static void a_second_beginning_with_other_ports_is_refused(void **state)
{
	struct sl_frag_table *table = make(64);
	struct sl_pkt pkt = fragment_of("198.51.100.1", 7, MORE, 1111);

	assert_int_equal(follow(table, &pkt, 100), SL_FRAG_KNOWN);
	assert_int_equal(follow(table, &pkt, 101), SL_FRAG_KNOWN); /* sent twice */
	pkt = fragment_of("198.51.100.1", 7, MORE, 2222);
	assert_int_equal(follow(table, &pkt, 102), SL_FRAG_REFUSED);
	pkt = fragment_of("198.51.100.1", 7, MORE, 2222);
	assert_int_equal(follow(table, &pkt, 101 + SL_FRAG_OVERLAP_MS), SL_FRAG_KNOWN);
	sl_frag_table_destroy(table);
}

static void a_flood_costs_the_oldest_not_the_newest(void **state)
{
	struct sl_frag_table *table = make(SL_FRAG_ENTRIES_MIN);
	struct sl_pkt pkt;

	for (uint16_t id = 1; id <= 1000; id++) {
		pkt = fragment_of("198.51.100.1", id, MORE, id);
		assert_int_equal(follow(table, &pkt, id), SL_FRAG_KNOWN);
	}
	for (uint16_t id = 1; id <= 1000; id++) {
		pkt = fragment_of("198.51.100.1", id, 9, 0);
		assert_int_equal(follow(table, &pkt, 1000),
				 id > 1000 - SL_FRAG_ENTRIES_MIN ? SL_FRAG_KNOWN : SL_FRAG_EARLY);
	}
	sl_frag_table_destroy(table);
}

static enum sl_frag_answer follow_of(struct sl_frag_table *table, uint16_t fragment,
				     uint64_t now_ms)
{
	struct sl_pkt pkt = fragment_of("198.51.100.1", 7, fragment, 1111);

	return follow(table, &pkt, now_ms);
}

/* 64 octets and a header of eight; 64 octets; 64 octets. */
#define FIRST  MORE
#define SECOND (MORE | 9)
#define LAST   17

static void after_a_whole_datagram_its_identification_is_another_ones(void **state)
{
	static const uint16_t orders[][4] = {{FIRST, SECOND, LAST, 0}, {FIRST, LAST, SECOND, 0}};

	for (uint32_t i = 0; i < 2; i++) {
		struct sl_frag_table *table = make(64);
		struct sl_pkt pkt;

		for (uint32_t n = 0; n < 3; n++)
			assert_int_equal(follow_of(table, orders[i][n], 100), SL_FRAG_KNOWN);
		assert_int_equal(follow_of(table, SECOND, 101), SL_FRAG_EARLY);
		pkt = fragment_of("198.51.100.1", 7, FIRST, 2222);
		assert_int_equal(follow(table, &pkt, 102), SL_FRAG_KNOWN);
		pkt = fragment_of("198.51.100.1", 7, SECOND, 0);
		assert_int_equal(follow(table, &pkt, 103), SL_FRAG_KNOWN);
		assert_int_equal(pkt.key.sport_be, sl_be16(2222));
		sl_frag_table_destroy(table);
	}
}

static void a_fragment_that_was_sent_twice_makes_no_datagram_whole(void **state)
{
	struct sl_frag_table *table = make(64);

	assert_int_equal(follow_of(table, FIRST, 100), SL_FRAG_KNOWN);
	assert_int_equal(follow_of(table, LAST, 100), SL_FRAG_KNOWN);
	assert_int_equal(follow_of(table, LAST, 100), SL_FRAG_KNOWN);
	assert_int_equal(follow_of(table, SECOND, 100), SL_FRAG_KNOWN);
	assert_int_equal(follow_of(table, SECOND, 100), SL_FRAG_KNOWN);
	sl_frag_table_destroy(table);
}

static void others_are_told_what_a_table_knows(void **state)
{
	struct sl_frag_tables *tables = NULL;
	struct sl_pkt first, later;
	uint64_t tag;

	assert_int_equal(sl_frag_tables_create(2, 64, &tables), 0);
	assert_int_equal(tables->count, 2);
	first = fragment_of("198.51.100.1", 7, FIRST, 1111);
	assert_int_equal(follow(tables->core[0], &first, 100), SL_FRAG_KNOWN);
	later = fragment_of("198.51.100.1", 7, SECOND, 0);
	tag = sl_frag_tag(tables->core[1], packet.octets, &later);
	assert_false(sl_frag_table_ask(tables->core[1], tag, &later, 100, false));
	assert_true(later.flags & SL_PKT_NO_PORTS);
	assert_true(
		sl_frag_table_ask(tables->core[0], tag, &later, 99, false)); /* a clock behind */
	assert_memory_equal(&later.key, &first.key, sizeof(first.key));
	assert_false(later.flags & SL_PKT_NO_PORTS);
	assert_false(sl_frag_table_ask(tables->core[0], tag, &later, 100 + SL_FRAG_LIFE_MS, true));
	sl_frag_tables_destroy(tables);
}

static void others_are_told_of_a_whole_datagram_when_they_ask_for_it(void **state)
{
	struct sl_frag_table *table = make(64);
	struct sl_pkt pkt;
	uint64_t tag;

	follow_of(table, FIRST, 100);
	follow_of(table, SECOND, 100);
	follow_of(table, LAST, 100);
	pkt = fragment_of("198.51.100.1", 7, SECOND, 0);
	tag = sl_frag_tag(table, packet.octets, &pkt);
	assert_false(sl_frag_table_ask(table, tag, &pkt, 100, false));
	assert_true(sl_frag_table_ask(table, tag, &pkt, 100, true));
	sl_frag_table_destroy(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_later_fragment_gets_the_key_of_its_first),
		cmocka_unit_test(another_datagram_or_sender_is_early),
		cmocka_unit_test(a_datagram_is_forgotten_after_its_life),
		cmocka_unit_test(a_second_beginning_with_other_ports_is_refused),
		cmocka_unit_test(after_a_whole_datagram_its_identification_is_another_ones),
		cmocka_unit_test(a_fragment_that_was_sent_twice_makes_no_datagram_whole),
		cmocka_unit_test(others_are_told_what_a_table_knows),
		cmocka_unit_test(others_are_told_of_a_whole_datagram_when_they_ask_for_it),
		cmocka_unit_test(a_flood_costs_the_oldest_not_the_newest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
