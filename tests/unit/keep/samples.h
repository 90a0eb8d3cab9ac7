/* SPDX-License-Identifier: BSD-3-Clause */

/* Values for a key of the configuration, as a file has them: its default, its least and its greatest,
 * and some that others could take for something else. A type of values that is new needs samples here;
 * a test fails when a key has none.
 *
 * Threads: one.
 */

#ifndef TESTS_KEEP_SAMPLES_H
#define TESTS_KEEP_SAMPLES_H

#include "conf/key.h"

#define SAMPLES_MAX    96
#define TIMES_4(text)  text text text text
#define TIMES_64(text) TIMES_4(TIMES_4(TIMES_4(text)))

struct samples {
	char *text[SAMPLES_MAX];
	uint32_t count;
	bool some; /* some may be refused: what a text means is the key's own */
};

/* samples is zeroed by the caller, and forgotten by it. */
void samples_make(const struct sl_conf_key *key, struct samples *samples);
void samples_forget(struct samples *samples);

#endif
