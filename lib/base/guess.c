/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/guess.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

#define DISTANCE_MAX 3u
#define LENGTH_MIN   3u /* shorter words are like any other short word */

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Whoever writes TCP means tcp. */
static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment with three rows of the matrix. */
uint32_t sl_guess_distance(const char *a, const char *b)
{
	uint32_t rows[3][SL_GUESS_LENGTH_MAX + 1];
	uint32_t *before = rows[0], *last = rows[1], *row = rows[2], *spare;
	size_t a_length = strnlen(a, SL_GUESS_LENGTH_MAX);
	size_t b_length = strnlen(b, SL_GUESS_LENGTH_MAX);

	for (size_t j = 0; j <= b_length; j++)
		before[j] = last[j] = (uint32_t)j;
	for (size_t i = 1; i <= a_length; i++) {
		row[0] = (uint32_t)i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = min3(last[j] + 1, row[j - 1] + 1,
				      last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = SL_MIN(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b_length];
}

static const char *only_beginning(const char *word, const char *const *words, uint32_t count)
{
	const char *found = NULL;
	size_t length = strlen(word);

	for (uint32_t i = 0; i < count && length > 1; i++) {
		if (strncmp(words[i], word, length) != 0)
			continue;
		if (found)
			return NULL;
		found = words[i];
	}
	return found;
}

const char *sl_guess(const char *word, const char *const *words, uint32_t count)
{
	uint32_t length = (uint32_t)strnlen(word, SL_GUESS_LENGTH_MAX);
	uint32_t allowed = length < LENGTH_MIN ? 0 : SL_MAX(length / 3, 1u);
	uint32_t best = SL_MIN(allowed, DISTANCE_MAX) + 1;
	const char *found = NULL;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t distance = sl_guess_distance(word, words[i]);

		if (distance < best) {
			best = distance;
			found = words[i];
		}
	}
	return found ? found : only_beginning(word, words, count);
}
