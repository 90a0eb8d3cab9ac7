/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"

static void a_seed_gives_the_published_numbers(void **state)
{
	struct sl_prng prng = {1234567};

	(void)state;
	assert_true(sl_prng_next(&prng) == 6457827717110365317ull);
	assert_true(sl_prng_next(&prng) == 3203168211198807973ull);
	assert_true(sl_prng_next(&prng) == 9817491932198370423ull);
}

static void numbers_below_a_bound_are_even(void **state)
{
	struct sl_prng prng = {7};
	uint32_t counts[10] = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		counts[sl_prng_below(&prng, 10)]++;
	for (int i = 0; i < 10; i++) /* 95 is the standard deviation */
		assert_in_range(counts[i], 9600, 10400);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(sl_prng_below(&prng, 1), 0);
}

static void octets_are_loaded_and_stored_in_network_order(void **state)
{
	uint8_t octets[8] = {0, 1, 2, 3, 4, 5, 6, 7};

	(void)state;
	assert_int_equal(sl_load_be16(octets + 1), 0x0102);
	assert_int_equal(sl_load_be32(octets + 1), 0x01020304);
	assert_true(sl_be64(sl_load64(octets)) == 0x0001020304050607ull);
	sl_store_be16(octets + 3, 0xabcd);
	sl_store_be32(octets + 4, 0x12345678);
	assert_memory_equal(octets, "\x00\x01\x02\xab\x12\x34\x56\x78", 8);
	assert_int_equal(sl_align_up(0, 64), 0);
	assert_int_equal(sl_align_up(1, 64), 64);
	assert_int_equal(sl_align_up(64, 64), 64);
}

static void clocks_do_not_go_back(void **state)
{
	uint64_t ms = sl_clock_ms(), ns = sl_clock_ns();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t now_ms = sl_clock_ms(), now_ns = sl_clock_ns();

		assert_true(now_ms >= ms && now_ns >= ns);
		assert_true(now_ns / 1000000 + 1 >= now_ms);
		ms = now_ms;
		ns = now_ns;
	}
	assert_true(sl_clock_wall_ms() > 1600000000000ull); /* after 2020 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_gives_the_published_numbers),
		cmocka_unit_test(numbers_below_a_bound_are_even),
		cmocka_unit_test(octets_are_loaded_and_stored_in_network_order),
		cmocka_unit_test(clocks_do_not_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
