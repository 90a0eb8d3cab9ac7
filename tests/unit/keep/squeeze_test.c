/* SPDX-License-Identifier: BSD-3-Clause */

/* Octets come back as they were; what is no stream, or lies about its size, is refused. */

#include "keep/squeeze.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

#define SIZE 100000u

static uint8_t octets[SIZE];

static void what_was_squeezed_comes_back(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 65536, SIZE};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct sl_pack small = {0}, whole = {0};
		struct sl_unpack unpack;

		assert_int_equal(sl_squeeze(&small, octets, sizes[i]), 0);
		assert_true(sizes[i] < 4095 || small.size < sizes[i] / 4);
		unpack = (struct sl_unpack){.at = small.data, .end = small.data + small.size};
		assert_int_equal(sl_unsqueeze(&unpack, &whole), 0);
		assert_int_equal(whole.size, sizes[i]);
		assert_true(sizes[i] == 0 || memcmp(whole.data, octets, sizes[i]) == 0);
		assert_ptr_equal(unpack.at, unpack.end);
		sl_pack_fini(&small);
		sl_pack_fini(&whole);
	}
}

static int unsqueeze(const uint8_t *data, size_t size)
{
	struct sl_unpack unpack = {.at = data, .end = data + size};
	struct sl_pack whole = {0};
	int rc = sl_unsqueeze(&unpack, &whole);

	if (rc == 0) /* what does not matter was damaged */
		assert_true(whole.size == SIZE && memcmp(whole.data, octets, SIZE) == 0);
	sl_pack_fini(&whole);
	return rc;
}

static void what_is_damaged_is_refused(void **state)
{
	struct sl_pack small = {0};
	struct sl_prng prng = {5};
	uint32_t refused = 0;

	(void)state;
	assert_int_equal(sl_squeeze(&small, octets, SIZE), 0);
	for (size_t size = 0; size < small.size; size += 7)
		assert_int_equal(unsqueeze(small.data, size), -EINVAL);
	for (int i = 0; i < 500; i++) {
		size_t at = sl_prng_below(&prng, (uint32_t)small.size);
		uint8_t kept = small.data[at];

		small.data[at] ^= (uint8_t)(1 + sl_prng_below(&prng, 255));
		refused += unsqueeze(small.data, small.size) == -EINVAL;
		small.data[at] = kept;
	}
	assert_true(refused > 490);
	assert_int_equal(unsqueeze(small.data, small.size), 0);
	sl_pack_fini(&small);
}

/* Nobody is made to take memory for what cannot be there. */
static void a_size_beyond_all_bounds_is_refused(void **state)
{
	struct sl_pack lie = {0};

	(void)state;
	sl_pack_number(&lie, 1ull << 40);
	sl_pack_block(&lie, octets, 1000);
	assert_int_equal(unsqueeze(lie.data, lie.size), -EINVAL);
	sl_pack_fini(&lie);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_squeezed_comes_back),
		cmocka_unit_test(what_is_damaged_is_refused),
		cmocka_unit_test(a_size_beyond_all_bounds_is_refused),
	};

	for (uint32_t i = 0; i < SIZE; i++)
		octets[i] = (uint8_t)("{name: n, weight: 1}"[i % 20] + i / 5000);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
