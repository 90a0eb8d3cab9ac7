/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void an_error_keeps_its_code_and_sentence(void **state)
{
	struct sl_err err;

	(void)state;
	assert_int_equal(sl_err_set(&err, -EINVAL, "port %d is above %s", 70000, "65535"), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.text, "port 70000 is above 65535");
}

static void a_prefix_says_where_it_happened(void **state)
{
	struct sl_err err;

	(void)state;
	(void)sl_err_set(&err, -ENOENT, "no such pool");
	assert_int_equal(sl_err_prefix(&err, "service %s", "http"), -ENOENT);
	assert_string_equal(err.text, "service http: no such pool");
}

static void nobody_needs_to_listen(void **state)
{
	(void)state;
	assert_int_equal(sl_err_set(NULL, -ENOMEM, "unheard"), -ENOMEM);
	assert_int_equal(sl_err_prefix(NULL, "unheard"), 0);
}

static void long_sentences_are_cut_at_the_limit(void **state)
{
	char text[2 * SL_ERR_TEXT_SIZE];
	struct sl_err err;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)sl_err_set(&err, -1, "%s", text + sizeof(text) - SL_ERR_TEXT_SIZE);
	assert_int_equal(strlen(err.text), SL_ERR_TEXT_SIZE - 1);
	(void)sl_err_set(&err, -1, "%s", text);
	assert_int_equal(strlen(err.text), SL_ERR_TEXT_SIZE - 1);
	(void)sl_err_prefix(&err, "here");
	assert_int_equal(strlen(err.text), SL_ERR_TEXT_SIZE - 1);
	assert_memory_equal(err.text, "here: xxx", 9);
	(void)sl_err_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.text), SL_ERR_TEXT_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_keeps_its_code_and_sentence),
		cmocka_unit_test(a_prefix_says_where_it_happened),
		cmocka_unit_test(nobody_needs_to_listen),
		cmocka_unit_test(long_sentences_are_cut_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
