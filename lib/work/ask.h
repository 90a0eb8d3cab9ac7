/* SPDX-License-Identifier: BSD-3-Clause */

/* What control asks a node's handler, on the worker's thread, between bursts.
 *
 * Why:     a handler's state is its thread's alone; whoever wants to read it has the thread do so, and
 *          no lock is ever between a packet and its handler.
 * Shape:   control adds to a list that the worker takes whole and answers in order, one step a
 *          round. An ask is freed by whoever of the two is the last to need it, so that control may
 *          give up waiting for a handler that does not come back.
 * Threads: sl_asks_add, sl_ask_wait, sl_ask_done: control. The rest: the worker.
 * Memory:  asks are malloc()ed; context is freed by `free`.
 * Errors:  none.
 */

#ifndef SL_WORK_ASK_H
#define SL_WORK_ASK_H

#include <stdbool.h>
#include <stdint.h>

struct sl_handler;

struct sl_ask {
	struct sl_ask *next; /* the list's */
	uint32_t node;	     /* index; its handler is asked, if it is still this one */
	uint32_t state;	     /* the list's */
	const struct sl_handler *handler;
	/* True: to be called again in the next round. */
	bool (*step)(const struct sl_handler *handler, void *context);
	void (*free)(void *context); /* or NULL */
	void *context;
};

struct sl_asks {
	struct sl_ask *added; /* written: control adds, the worker takes all; newest first */
	struct sl_ask *taken; /* the worker's, oldest first */
};

void sl_asks_add(struct sl_asks *asks, struct sl_ask *ask);
/* Waits for the answer, until a time of sl_clock_ms(). True: answered, and context is control's until sl_ask_done(). */
bool sl_ask_wait(struct sl_ask *ask, uint64_t until_ms);
/* True: answered by now. */
bool sl_ask_is_answered(const struct sl_ask *ask);
/* Control does not need it any more, answered or not. */
void sl_ask_done(struct sl_ask *ask);

/* One relaxed load where there is nothing. */
static inline bool sl_asks_pending(const struct sl_asks *asks)
{
	return __atomic_load_n(&asks->added, __ATOMIC_RELAXED) || asks->taken;
}

/* The oldest that somebody still waits for; NULL: none is left. Only when some are pending. */
struct sl_ask *sl_asks_first(struct sl_asks *asks);
/* The oldest is answered. */
void sl_asks_next(struct sl_asks *asks);
/* At the worker's end: all count as answered. */
void sl_asks_drop(struct sl_asks *asks);

#endif
