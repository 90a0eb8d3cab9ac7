/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "support/hash_quality.h"

#define COUNT 262144

static const struct sl_hash_key secret = {{0x7766554433221100ull, 0xffeeddccbbaa9988ull}};
static uint64_t hashes[COUNT];

static uint64_t hash2(const uint64_t *word)
{
	return sl_hash2(&secret, word[0], word[1]);
}

static uint64_t hash5(const uint64_t *word)
{
	return sl_hash5(&secret, word[0], word[1], word[2], word[3], word[4]);
}

static void narrow_and_wide_products_are_equal(void **state)
{
	static const uint64_t edges[] = {0, 1, 0xffffffffull, 0x100000000ull, ~0ull, 1ull << 63};
	struct sl_prng prng = {3};

	(void)state;
	for (uint32_t round = 0; round < 1000000; round++) {
		uint64_t a = sl_prng_next(&prng), b = sl_prng_next(&prng), wide[2], narrow[2];

		if (round < 36) {
			a = edges[round / 6];
			b = edges[round % 6];
		}
		sl_hash_multiply(a, b, &wide[0], &wide[1]);
		sl_hash_multiply_narrow(a, b, &narrow[0], &narrow[1]);
		assert_memory_equal(wide, narrow, sizeof(wide));
	}
}

/* These values are shared by all dispatchers of a pool: a change of them moves every flow. */
static void hashes_are_the_same_for_ever(void **state)
{
	static const uint64_t words[] = {1, 2, 3, 4, 5};

	(void)state;
	assert_true(hash2(words) == 0x88b9f7fc2b10bd64ull);
	assert_true(hash5(words) == 0x99655cc8ac017059ull);
}

/* 4096 rounds have a standard deviation of 0.0078; the worst of 20,480 pairs is 4.2 of them off. */
static void every_input_bit_flips_every_output_bit_half_the_time(void **state)
{
	double two = hash_avalanche(hash2, 2, 4096), five = hash_avalanche(hash5, 5, 4096);

	(void)state;
	print_message("worst distance from one half: %.4f (two words), %.4f (five)\n", two, five);
	assert_true(two < 0.042);
	assert_true(five < 0.042);
}

/* Among 2^18 hashes of 28 bits 128 pairs are expected to be equal, give or take 11. */
static void keys_like_real_ones_collide_no_more_than_by_chance(void **state)
{
	hash_function *functions[] = {hash2, hash5};

	(void)state;
	for (uint32_t f = 0; f < 2; f++) {
		for (enum hash_pattern p = HASH_PORTS; p <= HASH_ADDRESS; p++) {
			double even;

			hash_pattern_fill(functions[f], f ? 5 : 2, p, COUNT, hashes);
			assert_int_equal(hash_collisions(hashes, COUNT, 0, ~0ull), 0);
			assert_in_range(hash_collisions(hashes, COUNT, 0, 0xfffffff), 70, 190);
			assert_in_range(hash_collisions(hashes, COUNT, 32, 0xfffffff), 70, 190);
			for (uint32_t shift = 0; shift <= 48; shift += 8) {
				even = hash_evenness(hashes, COUNT, shift);
				assert_true(even > 0.97 && even < 1.03);
			}
		}
	}
}

static void another_key_gives_another_function(void **state)
{
	struct sl_prng prng = {4};
	uint32_t same = 0;

	(void)state;
	for (uint32_t bit = 0; bit < 128; bit++) {
		struct sl_hash_key other = secret;

		other.word[bit / 64] ^= 1ull << (bit % 64);
		for (uint32_t i = 0; i < 1000; i++) {
			uint64_t a = sl_prng_next(&prng), b = sl_prng_next(&prng);

			same += (sl_hash2(&secret, a, b) & 0xff) == (sl_hash2(&other, a, b) & 0xff);
		}
	}
	assert_in_range(same, 400, 600); /* 500 by chance */
}

static void the_header_compiles_for_the_kernel_side(void **state)
{
	(void)state;
	if (system("command -v clang >/dev/null 2>&1") != 0) {
		print_message("clang is missing\n");
		skip();
	}
	assert_int_equal(
		system("clang -target bpf -O2 -ffreestanding -Wall -Werror -c -I'" SOURCE_ROOT
		       "/lib' '" SOURCE_ROOT "/tests/unit/base/hash_bpf.c' -o /dev/null"),
		0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(narrow_and_wide_products_are_equal),
		cmocka_unit_test(hashes_are_the_same_for_ever),
		cmocka_unit_test(every_input_bit_flips_every_output_bit_half_the_time),
		cmocka_unit_test(keys_like_real_ones_collide_no_more_than_by_chance),
		cmocka_unit_test(another_key_gives_another_function),
		cmocka_unit_test(the_header_compiles_for_the_kernel_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
