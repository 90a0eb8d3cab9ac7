/* SPDX-License-Identifier: BSD-3-Clause */

#include "work/turns.h"

#include <string.h>

void sl_turns_init(struct sl_turns *turns, const struct sl_turns_class *classes, uint32_t count)
{
	memset(turns, 0, sizeof(*turns));
	turns->count = count;
	memcpy(turns->classes, classes, count * sizeof(*classes));
}

uint32_t sl_turns_next(struct sl_turns *turns, uint32_t waiting, uint64_t now)
{
	uint32_t best = SL_TURNS_NOBODY, due = SL_TURNS_NOBODY, turn;
	uint64_t most = 0;

	for (uint32_t c = 0; c < turns->count; c++) {
		const struct sl_turns_class *class = &turns->classes[c];
		uint64_t wait;

		if (!(waiting >> c & 1)) {
			turns->since[c] = now;
			continue;
		}
		wait = now - turns->since[c];
		if (best == SL_TURNS_NOBODY || class->priority < turns->classes[best].priority ||
		    (class->priority == turns->classes[best].priority &&
		     turns->since[c] < turns->since[best]))
			best = c;
		if (wait >= class->max_wait &&
		    (due == SL_TURNS_NOBODY || wait - class->max_wait >= most)) {
			due = c;
			most = wait - class->max_wait;
		}
	}
	turn = due == SL_TURNS_NOBODY ? best : due;
	if (turn != SL_TURNS_NOBODY)
		turns->since[turn] = now;
	return turn;
}
