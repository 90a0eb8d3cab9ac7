/* SPDX-License-Identifier: BSD-3-Clause */

/* The control thread's loop: signals, timers, and a publication at the end of every turn.
 *
 * Why:     everything in control happens in one thread, one event after the other, and what one
 *          turn changed becomes one snapshot.
 * Shape:   libevent; other rooms add their events to its base.
 * Threads: control; sl_loop_stop() and sl_loop_ask() from any.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno.
 */

#ifndef SL_CTL_LOOP_H
#define SL_CTL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

struct event_base;
struct sl_loop;

struct sl_loop_hooks {
	void *context;
	void (*reload)(void *context); /* SIGHUP */
	void (*second)(void *context); /* once a second, after the model's tick */
	void *look_context;
	void (*look)(void *look_context);  /* four times a second; NULL: nobody */
	bool (*idle)(void *context);	   /* every 10 ms: true ends the loop; NULL: never */
	void (*turn_ended)(void *context); /* after each turn's publication; NULL: nobody */
};

int sl_loop_create(struct sl_model *model, const struct sl_loop_hooks *hooks,
		   struct sl_loop **loop);
void sl_loop_destroy(struct sl_loop *loop);
struct event_base *sl_loop_base(struct sl_loop *loop);

/* Runs until SIGTERM, SIGINT, sl_loop_stop() or idle. */
int sl_loop_run(struct sl_loop *loop);
void sl_loop_stop(struct sl_loop *loop);

/* Has the control thread call a function between two events, and waits for it. -ETIMEDOUT when it did
 * not come to it, -ECANCELED when the loop has ended, -EBUSY while it is asked by another thread. */
int sl_loop_ask(struct sl_loop *loop, void (*function)(void *context), void *context,
		uint32_t wait_ms);

#endif
