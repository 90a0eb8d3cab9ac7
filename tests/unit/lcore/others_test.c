/* SPDX-License-Identifier: BSD-3-Clause */

/* A set of addresses against the list it was made of. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "lcore/others.h"

static struct sl_addr addr(const char *text)
{
	struct sl_addr made;

	assert_int_equal(sl_addr_parse(text, &made), 0);
	return made;
}

static void it_has_what_it_was_given_and_nothing_else(void **state)
{
	const struct sl_addr list[] = {addr("192.0.2.9"), addr("2001:db8::1"), addr("10.0.0.1"),
				       addr("192.0.2.9")};
	const struct sl_addr strangers[] = {addr("192.0.2.8"), addr("2001:db8::2"),
					    addr("::192.0.2.9"), addr("255.255.255.255")};
	struct sl_others *others;

	for (uint32_t count = 0; count <= 4; count++) {
		assert_int_equal(sl_others_create(list, count, &others), 0);
		assert_ptr_equal(sl_others_get(others), others);
		sl_others_put(others);
		assert_true(sl_others_is(others, list, count));
		assert_false(sl_others_is(others, list, (count + 1) % 5));
		assert_int_equal(sl_others_is(others, strangers, count), count == 0);
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(sl_others_has(others, &list[i]), i < count);
		for (uint32_t i = 0; i < SL_ARRAY_COUNT(strangers); i++)
			assert_false(sl_others_has(others, &strangers[i]));
		sl_others_put(others);
	}
	assert_null(sl_others_get(NULL));
	sl_others_put(NULL);
	assert_false(sl_others_is(NULL, list, 0));
	assert_false(sl_others_has(NULL, &list[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_what_it_was_given_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
