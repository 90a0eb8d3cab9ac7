/* SPDX-License-Identifier: BSD-3-Clause */

/* A fragment table whose owner learns datagrams as fast as it can, over and over under few tags, while
 * others ask: what they are told is one datagram's, never half of two. Run under the thread and address
 * sanitizers, too. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lcore/frag_table.h"

#define READERS 2
#define TURNS	200000
#define TAGS	12 /* in one bucket of eight */

static struct sl_frag_table *table;
static atomic_bool over;

struct reader {
	pthread_t thread;
	uint64_t told, broken;
};

/* All words of the key say the same. */
static struct sl_pkt first_of(uint64_t number)
{
	struct sl_pkt pkt = {.flags = SL_PKT_FRAGMENT, .fragment = SL_FRAGMENT_MORE};

	for (uint32_t i = 0; i < 5; i++)
		pkt.key.word[i] = number;
	if (number % 2)
		pkt.flags |= SL_PKT_ICMP_ERROR;
	return pkt;
}

static void *ask(void *argument)
{
	struct reader *reader = argument;

	for (uint64_t tag = 1; !atomic_load(&over); tag = tag % TAGS + 1) {
		struct sl_pkt pkt = {.flags = SL_PKT_FRAGMENT | SL_PKT_NO_PORTS, .fragment = 8};
		uint64_t number;

		if (!sl_frag_table_ask(table, tag, &pkt, 1000, false))
			continue;
		number = pkt.key.word[0];
		reader->told++;
		for (uint32_t i = 1; i < 5; i++)
			reader->broken += pkt.key.word[i] != number;
		reader->broken += number % TAGS + 1 != tag;
		reader->broken += (number % 2 == 1) != !!(pkt.flags & SL_PKT_ICMP_ERROR);
	}
	return NULL;
}

static void others_are_told_of_one_datagram(void **state)
{
	const struct sl_hash_key secret = {{1, 2}};
	struct reader readers[READERS];

	(void)state;
	memset(readers, 0, sizeof(readers));
	assert_int_equal(sl_frag_table_create(SL_FRAG_ENTRIES_MIN, &secret, &table), 0);
	for (uint32_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i].thread, NULL, ask, &readers[i]), 0);
	for (uint64_t turn = 0; turn < TURNS; turn++) {
		struct sl_pkt pkt = first_of(turn);

		/* Later than the overlap, so that another key is taken. */
		(void)sl_frag_table_follow(table, turn % TAGS + 1, &pkt, 1000 + turn * 1000);
	}
	atomic_store(&over, true);
	for (uint32_t i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].broken, 0);
	}
	sl_frag_table_destroy(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(others_are_told_of_one_datagram)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
