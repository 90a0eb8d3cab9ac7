/* SPDX-License-Identifier: BSD-3-Clause */

#include "work/ask.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

#define PAUSE_NS 20000

/* sl_ask.state. Both sides exchange it once, with acquire and release: the second one sees what the
 * first had written, and frees. */
enum { OPEN = 0, ANSWERED = 1, DONE = 2 };

static void ask_free(struct sl_ask *ask)
{
	if (ask->free)
		ask->free(ask->context);
	free(ask);
}

void sl_asks_add(struct sl_asks *asks, struct sl_ask *ask)
{
	ask->state = OPEN;
	ask->next = __atomic_load_n(&asks->added, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&asks->added, &ask->next, ask, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

bool sl_ask_is_answered(const struct sl_ask *ask)
{
	return __atomic_load_n(&ask->state, __ATOMIC_ACQUIRE) == ANSWERED;
}

bool sl_ask_wait(struct sl_ask *ask, uint64_t until_ms)
{
	const struct timespec pause = {0, PAUSE_NS};

	while (!sl_ask_is_answered(ask)) {
		if (sl_clock_ms() >= until_ms)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

void sl_ask_done(struct sl_ask *ask)
{
	if (__atomic_exchange_n(&ask->state, DONE, __ATOMIC_ACQ_REL) == ANSWERED)
		ask_free(ask);
}

/* Takes what was added, behind what is there, the oldest first. */
static void take(struct sl_asks *asks)
{
	struct sl_ask *ask = __atomic_exchange_n(&asks->added, NULL, __ATOMIC_ACQUIRE);
	struct sl_ask *list = NULL, **end = &asks->taken;

	while (ask) {
		struct sl_ask *next = ask->next;

		ask->next = list;
		list = ask;
		ask = next;
	}
	while (*end)
		end = &(*end)->next;
	*end = list;
}

void sl_asks_next(struct sl_asks *asks)
{
	struct sl_ask *ask = asks->taken;

	asks->taken = ask->next;
	if (__atomic_exchange_n(&ask->state, ANSWERED, __ATOMIC_ACQ_REL) == DONE)
		ask_free(ask);
}

struct sl_ask *sl_asks_first(struct sl_asks *asks)
{
	take(asks);
	while (asks->taken && __atomic_load_n(&asks->taken->state, __ATOMIC_RELAXED) == DONE)
		sl_asks_next(asks);
	return asks->taken;
}

void sl_asks_drop(struct sl_asks *asks)
{
	take(asks);
	while (asks->taken)
		sl_asks_next(asks);
}
