/* SPDX-License-Identifier: BSD-3-Clause */

#include "sched/sort.h"

#include <stdbool.h>
#include <string.h>

#define DIGIT_BITS   8
#define DIGIT_VALUES 256
#define DIGITS	     8

static uint32_t digit_of(uint64_t key, unsigned int digit)
{
	return (uint32_t)(key >> (digit * DIGIT_BITS)) & (DIGIT_VALUES - 1);
}

static void count_digits(const struct sl_sort_item *items, uint32_t count,
			 uint32_t counts[DIGITS][DIGIT_VALUES])
{
	for (uint32_t i = 0; i < count; i++)
		for (unsigned int digit = 0; digit < DIGITS; digit++)
			counts[digit][digit_of(items[i].key, digit)]++;
}

static void scatter(const struct sl_sort_item *from, struct sl_sort_item *to, uint32_t count,
		    unsigned int digit, uint32_t *starts)
{
	uint32_t sum = 0;

	for (uint32_t value = 0; value < DIGIT_VALUES; value++) {
		uint32_t here = starts[value];

		starts[value] = sum;
		sum += here;
	}
	for (uint32_t i = 0; i < count; i++)
		to[starts[digit_of(from[i].key, digit)]++] = from[i];
}

void sl_sort(struct sl_sort_item *items, struct sl_sort_item *spare, uint32_t count)
{
	uint32_t counts[DIGITS][DIGIT_VALUES] = {{0}};
	struct sl_sort_item *from = items, *to = spare;

	count_digits(items, count, counts);
	for (unsigned int digit = 0; count > 0 && digit < DIGITS; digit++) {
		struct sl_sort_item *other = from;

		if (counts[digit][digit_of(items[0].key, digit)] == count)
			continue;
		scatter(from, to, count, digit, counts[digit]);
		from = to;
		to = other;
	}
	if (from != items)
		memcpy(items, from, count * sizeof(*items));
}
