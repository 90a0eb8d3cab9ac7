/* SPDX-License-Identifier: BSD-3-Clause */

/* Removed nodes are found by name, the last of a name first, among many; without memory nothing
 * changes. */

#include "keep/gone.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT 65536u

static bool fails;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return fails ? NULL : __real_calloc(count, size);
}

static void the_last_of_a_name_comes_first(void **state)
{
	struct sl_gone gone = {0};
	char name[16];

	(void)state;
	assert_int_equal(sl_gone_find(&gone, "web", "a"), 0);
	assert_int_equal(sl_gone_take(&gone, "web", "a"), 0);
	for (uint32_t i = 1; i <= COUNT; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i / 2);
		assert_int_equal(sl_gone_add(&gone, i % 3 ? "web" : "dns", name, i, i % 2), 0);
	}
	assert_int_equal(sl_gone_find(&gone, "web", "n1"), 2);
	assert_int_equal(sl_gone_find(&gone, "dns", "n1"), 3);
	assert_int_equal(sl_gone_find(&gone, "web", "n2"), 5);
	assert_int_equal(sl_gone_take(&gone, "web", "n2"), 5);
	assert_int_equal(sl_gone_take(&gone, "web", "n2"), 4);
	assert_int_equal(sl_gone_take(&gone, "web", "n2"), 0);
	assert_int_equal(gone.count, COUNT - 2);
	sl_gone_fini(&gone);
	assert_int_equal(gone.count, 0);
}

static void who_was_cut_keeps_nothing(void **state)
{
	struct sl_gone gone = {0};

	(void)state;
	assert_false(sl_gone_keeps(&gone, "web", "a", 7));
	assert_false(sl_gone_cut(&gone, "web", "a"));
	assert_int_equal(sl_gone_add(&gone, "web", "a", 7, false), 0);
	assert_int_equal(sl_gone_add(&gone, "web", "a", 8, true), 0);
	assert_true(sl_gone_keeps(&gone, "web", "a", 7));
	assert_false(sl_gone_keeps(&gone, "web", "a", 8));
	assert_false(sl_gone_keeps(&gone, "dns", "a", 7));
	assert_int_equal(sl_gone_take(&gone, "web", "a"), 8);
	assert_true(sl_gone_cut(&gone, "web", "a"));
	assert_false(sl_gone_keeps(&gone, "web", "a", 7));
	sl_gone_fini(&gone);
}

static void without_memory_nothing_changes(void **state)
{
	struct sl_gone gone = {0};

	(void)state;
	assert_int_equal(sl_gone_add(&gone, "web", "a", 7, false), 0);
	fails = true;
	assert_int_equal(sl_gone_add(&gone, "web", "b", 8, false), -ENOMEM);
	fails = false;
	assert_int_equal(sl_gone_find(&gone, "web", "a"), 7);
	assert_int_equal(sl_gone_find(&gone, "web", "b"), 0);
	sl_gone_fini(&gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_of_a_name_comes_first),
		cmocka_unit_test(who_was_cut_keeps_nothing),
		cmocka_unit_test(without_memory_nothing_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
