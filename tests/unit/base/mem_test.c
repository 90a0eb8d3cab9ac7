/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

#define HUGE_SIZE ((size_t)2 << 20)

static void memory_is_zero_aligned_and_wholly_usable(void **state)
{
	static const size_t sizes[] = {0,
				       1,
				       63,
				       64,
				       65,
				       4096,
				       HUGE_SIZE - 1,
				       HUGE_SIZE,
				       HUGE_SIZE + 1,
				       3 * HUGE_SIZE,
				       5 * HUGE_SIZE - 7};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_COUNT(sizes); i++) {
		uint8_t *memory = sl_mem_alloc(sizes[i]);

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % SL_CACHE_LINE, 0);
		if (sizes[i] >= HUGE_SIZE)
			assert_int_equal((uintptr_t)memory % HUGE_SIZE, 0);
		for (size_t at = 0; at<sizes[i]; at += sizes[i]> 4096 ? 509 : 1)
			assert_int_equal(memory[at], 0);
		memset(memory, 0xa5, sizes[i]);
		sl_mem_free(memory, sizes[i]);
	}
}

static void freed_memory_comes_back_zero(void **state)
{
	(void)state;
	for (int round = 0; round < 100; round++) {
		uint8_t *memory = sl_mem_alloc(256);

		assert_non_null(memory);
		for (int i = 0; i < 256; i++)
			assert_int_equal(memory[i], 0);
		memset(memory, 0xff, 256);
		sl_mem_free(memory, 256);
	}
}

static void large_regions_come_back_zero_each_its_own(void **state)
{
	uint8_t *held[6];
	size_t size = HUGE_SIZE + 4097;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < SL_ARRAY_COUNT(held); i++) {
			held[i] = sl_mem_alloc(size);
			assert_non_null(held[i]);
			for (size_t at = 0; at < size; at += 61)
				assert_int_equal(held[i][at], 0);
			assert_int_equal(held[i][size - 1], 0);
			memset(held[i], (int)i + 1, size);
		}
		for (size_t i = 0; i < SL_ARRAY_COUNT(held); i++) {
			assert_int_equal(held[i][0], i + 1);
			assert_int_equal(held[i][size - 1], i + 1);
			sl_mem_free(held[i], size);
		}
	}
}

static void too_much_is_refused_and_nothing_is_freed_safely(void **state)
{
	(void)state;
	assert_null(sl_mem_alloc((size_t)1 << 60));
	sl_mem_free(NULL, 0);
	sl_mem_free(NULL, 3 * HUGE_SIZE);
}

static void large_tables_cost_only_what_is_touched(void **state)
{
	size_t size = (size_t)64 << 30;
	uint8_t *memory = sl_mem_alloc(size);

	(void)state;
	assert_non_null(memory);
	memory[0] = 1;
	memory[size - 1] = 1;
	sl_mem_free(memory, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zero_aligned_and_wholly_usable),
		cmocka_unit_test(freed_memory_comes_back_zero),
		cmocka_unit_test(large_regions_come_back_zero_each_its_own),
		cmocka_unit_test(too_much_is_refused_and_nothing_is_freed_safely),
		cmocka_unit_test(large_tables_cost_only_what_is_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
