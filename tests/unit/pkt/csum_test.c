/* SPDX-License-Identifier: BSD-3-Clause */

#include "pkt/csum.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/prng.h"
#include "support/packet.h"

static uint8_t octets[4096];

static void fill(uint64_t seed)
{
	struct sl_prng prng = {seed};

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)sl_prng_next(&prng);
}

static void the_sum_of_rfc_1071_s_example(void **state)
{
	static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	(void)state;
	assert_int_equal(sl_be16(sl_csum(example, 8)), 0x220d); /* the complement of ddf2 */
}

static void every_size_and_alignment_sums_as_the_plain_way(void **state)
{
	(void)state;
	fill(1);
	for (uint32_t off = 0; off < 16; off++)
		for (uint32_t size = 0; size < 300; size++)
			assert_int_equal(sl_be16(sl_csum(octets + off, size)),
					 packet_sum(octets + off, size, 0));
	memset(octets, 0xff, sizeof(octets));
	assert_int_equal(sl_csum(octets, 4096), 0);
	memset(octets, 0, sizeof(octets));
	assert_int_equal(sl_csum(octets, 4096), 0xffff);
}

static void a_word_s_change_updates_the_field_as_a_new_sum(void **state)
{
	struct sl_prng prng = {2};

	(void)state;
	for (uint32_t round = 0; round < 200000; round++) {
		uint32_t at = 2 * sl_prng_below(&prng, 9);
		uint16_t before, field;

		fill(round);
		if (round % 3 == 0)
			memset(octets + at, round % 2 ? 0xff : 0, 2);
		octets[18] = octets[19] = 0;
		sl_store16(octets + 18, sl_csum(octets, 20));
		before = sl_load16(octets + at);
		sl_store16(octets + at, (uint16_t)(sl_prng_next(&prng) & (round % 5 ? ~0u : 0)));
		field = sl_csum_update16(sl_load16(octets + 18), before, sl_load16(octets + at));
		sl_store16(octets + 18, 0);
		assert_int_equal(field, sl_csum(octets, 20));
	}
}

static void two_words_change_likewise(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 10000; round++) {
		uint32_t before;

		fill(round);
		sl_store16(octets + 18, 0);
		sl_store16(octets + 18, sl_csum(octets, 20));
		before = sl_load32(octets + 4);
		sl_store32(octets + 4, sl_load32(octets + 100));
		sl_store16(octets + 18,
			   sl_csum_update32(sl_load16(octets + 18), before, sl_load32(octets + 4)));
		assert_int_equal(sl_csum(octets, 20), 0);
	}
}

static void transport_sums_cover_the_pseudo_header_of_both_families(void **state)
{
	static struct packet packet;

	(void)state;
	for (uint32_t body = 0; body < 70; body++) {
		packet_make_udp(&packet, "192.0.2.1", 1, "192.0.2.2", 2, body);
		assert_int_equal(
			sl_csum_transport(packet.octets + 14, 17, packet.octets + 34, 8 + body), 0);
		packet_make_tcp(&packet, "2001:db8::1", 1, "2001:db8::2", 2, 2, body);
		assert_int_equal(
			sl_csum_transport(packet.octets + 14, 6, packet.octets + 54, 20 + body), 0);
		packet.octets[15 + 16]++;
		assert_int_not_equal(
			sl_csum_transport(packet.octets + 14, 6, packet.octets + 54, 20 + body), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sum_of_rfc_1071_s_example),
		cmocka_unit_test(every_size_and_alignment_sums_as_the_plain_way),
		cmocka_unit_test(a_word_s_change_updates_the_field_as_a_new_sum),
		cmocka_unit_test(two_words_change_likewise),
		cmocka_unit_test(transport_sums_cover_the_pseudo_header_of_both_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
