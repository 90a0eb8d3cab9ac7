/* SPDX-License-Identifier: BSD-3-Clause */

/* Names are found in any order, with a table and without memory for one; what is not there is not. */

#include "base/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT 65536u

static bool fails;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return fails ? NULL : __real_calloc(count, size);
}

static char names[COUNT][16];

static const char *name_of(const void *list, uint32_t place)
{
	const char(*all)[16] = list;

	return place % 7 == 3 ? NULL : all[place];
}

static void names_are(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		(void)snprintf(names[i], sizeof(names[i]), "n%u", i);
}

static void finds_all(uint32_t count, uint32_t step)
{
	struct sl_lookup lookup;
	char name[16];

	names_are(count);
	sl_lookup_init(&lookup, names, count, name_of);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t place = (uint32_t)((uint64_t)i * step % count);

		assert_int_equal(sl_lookup_find(&lookup, names[place]),
				 place % 7 == 3 ? -1 : (int)place);
		(void)snprintf(name, sizeof(name), "m%u", place);
		assert_int_equal(sl_lookup_find(&lookup, name), -1);
	}
	sl_lookup_fini(&lookup);
}

static void names_are_found_in_any_order(void **state)
{
	(void)state;
	for (uint32_t count = 0; count < 40; count++)
		finds_all(count, 1);
	finds_all(1000, 1);
	finds_all(1000, 997);
	/* no search of each for each, which would be 4,000 million comparisons */
	finds_all(COUNT, 1);
	finds_all(COUNT, COUNT - 1);
}

static void names_are_found_without_memory(void **state)
{
	(void)state;
	fails = true;
	finds_all(500, 499);
	fails = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_in_any_order),
		cmocka_unit_test(names_are_found_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
