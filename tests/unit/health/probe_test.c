/* SPDX-License-Identifier: BSD-3-Clause */

/* What comes from a node is kept up to its bound, in pieces of any size. */

#include "health/probe.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

static char octets[SL_PROBE_TEXT_MAX];

/* A piece fits in what was allocated, with a zero behind it. */
static void append(struct sl_probe *probe, uint32_t size)
{
	uint32_t before = probe->length;

	assert_int_equal(sl_probe_append(probe, octets + before, size), 0);
	assert_int_equal(probe->length, before + size);
	assert_true(malloc_usable_size(probe->text) > probe->length);
	assert_int_equal(probe->text[probe->length], 0);
	assert_memory_equal(probe->text, octets, probe->length);
}

static void pieces_of_any_size_have_room(void **state)
{
	static const uint32_t pieces[][4] = {
		{100, 411, 89, 1}, {511, 1, 1, 1}, {512, 511, 1, 512}, {1023, 1, 1024, 0}};
	struct sl_prng prng = {7};

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct sl_probe probe = {.fd = -1};

		for (uint32_t k = 0; k < 4; k++)
			append(&probe, pieces[i][k]);
		free(probe.text);
	}
	for (uint32_t round = 0; round < 200; round++) {
		struct sl_probe probe = {.fd = -1};

		for (uint32_t k = 0; k < 20; k++)
			append(&probe, (uint32_t)sl_prng_below(&prng, 700));
		free(probe.text);
	}
}

static void what_is_beyond_the_bound_is_cut(void **state)
{
	struct sl_probe probe = {.fd = -1};

	(void)state;
	append(&probe, SL_PROBE_TEXT_MAX - 3);
	assert_int_equal(sl_probe_append(&probe, octets, 10), -ENOSPC);
	assert_int_equal(probe.length, SL_PROBE_TEXT_MAX);
	assert_int_equal(probe.text[probe.length], 0);
	assert_int_equal(sl_probe_append(&probe, octets, 1), -ENOSPC);
	assert_int_equal(probe.length, SL_PROBE_TEXT_MAX);
	free(probe.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size_have_room),
		cmocka_unit_test(what_is_beyond_the_bound_is_cut),
	};

	for (uint32_t i = 0; i < sizeof(octets); i++)
		octets[i] = (char)('a' + i % 26);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
