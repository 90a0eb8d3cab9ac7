/* SPDX-License-Identifier: BSD-3-Clause */

/* What somebody probably meant: the nearest of some words by edit distance.
 *
 * Threads: any; pure.
 */

#ifndef SL_BASE_GUESS_H
#define SL_BASE_GUESS_H

#include <stdint.h>

#define SL_GUESS_LENGTH_MAX 63 /* longer words are compared by their beginning */

/* Insertions, deletions, replacements and exchanges of neighbours between two words. */
uint32_t sl_guess_distance(const char *a, const char *b);

/* The nearest of words, or NULL when none is near enough to be meant: at most a third of the
 * word's letters (at least one, at most three) are wrong, or it is the only one that begins so.
 * Words of one or two letters are guessed by their beginning only. */
const char *sl_guess(const char *word, const char *const *words, uint32_t count);

#endif
