/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/log.h"

#define IDLE_INTERVAL_US 10000

struct sl_loop {
	struct event_base *base;
	struct sl_model *model;
	struct sl_loop_hooks hooks;
	struct event *terminate, *interrupt, *reload, *second, *idle;
	bool flush_failed; /* said once */
	bool ends;
};

static void on_end(evutil_socket_t number, short what, void *context)
{
	struct sl_loop *loop = context;

	(void)what;
	sl_log(SL_LOG_NOTICE, "ending: %s", number == SIGINT ? "SIGINT" : "SIGTERM");
	sl_loop_stop(loop);
}

static void on_reload(evutil_socket_t number, short what, void *context)
{
	struct sl_loop *loop = context;

	(void)number;
	(void)what;
	if (loop->hooks.reload)
		loop->hooks.reload(loop->hooks.context);
}

static void on_second(evutil_socket_t fd, short what, void *context)
{
	struct sl_loop *loop = context;

	(void)fd;
	(void)what;
	sl_model_tick(loop->model);
	if (loop->hooks.second)
		loop->hooks.second(loop->hooks.context);
}

static void on_idle(evutil_socket_t fd, short what, void *context)
{
	struct sl_loop *loop = context;

	(void)fd;
	(void)what;
	if (loop->hooks.idle(loop->hooks.context))
		sl_loop_stop(loop);
}

static struct event *add_timer(struct sl_loop *loop, event_callback_fn function,
			       struct timeval interval)
{
	struct event *event = event_new(loop->base, -1, EV_PERSIST, function, loop);

	if (event && event_add(event, &interval) == 0)
		return event;
	if (event)
		event_free(event);
	return NULL;
}

static struct event *add_signal(struct sl_loop *loop, int number, event_callback_fn function)
{
	struct event *event = evsignal_new(loop->base, number, function, loop);

	if (event && event_add(event, NULL) == 0)
		return event;
	if (event)
		event_free(event);
	return NULL;
}

int sl_loop_create(struct sl_model *model, const struct sl_loop_hooks *hooks, struct sl_loop **loop)
{
	struct sl_loop *made = calloc(1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->model = model;
	made->hooks = *hooks;
	made->base = event_base_new();
	if (made->base) {
		made->terminate = add_signal(made, SIGTERM, on_end);
		made->interrupt = add_signal(made, SIGINT, on_end);
		made->reload = add_signal(made, SIGHUP, on_reload);
		made->second = add_timer(made, on_second, (struct timeval){.tv_sec = 1});
		if (hooks->idle)
			made->idle = add_timer(made, on_idle,
					       (struct timeval){.tv_usec = IDLE_INTERVAL_US});
	}
	if (!made->base || !made->terminate || !made->interrupt || !made->reload || !made->second ||
	    (hooks->idle && !made->idle)) {
		sl_loop_destroy(made);
		return -ENOMEM;
	}
	*loop = made;
	return 0;
}

void sl_loop_destroy(struct sl_loop *loop)
{
	if (!loop)
		return;
	struct event *events[] = {loop->terminate, loop->interrupt, loop->reload, loop->second,
				  loop->idle};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
}

struct event_base *sl_loop_base(struct sl_loop *loop)
{
	return loop->base;
}

static void end_turn(struct sl_loop *loop)
{
	struct sl_err err = {0};

	if (sl_model_flush(loop->model, &err) < 0) {
		if (!loop->flush_failed)
			sl_log(SL_LOG_ERROR, "%s; packets see the former state", err.text);
		loop->flush_failed = true;
	} else {
		loop->flush_failed = false;
	}
	if (loop->hooks.turn_ended)
		loop->hooks.turn_ended(loop->hooks.context);
}

int sl_loop_run(struct sl_loop *loop)
{
	while (!__atomic_load_n(&loop->ends, __ATOMIC_ACQUIRE)) {
		if (event_base_loop(loop->base, EVLOOP_ONCE) < 0)
			return -EIO;
		end_turn(loop);
	}
	return 0;
}

void sl_loop_stop(struct sl_loop *loop)
{
	__atomic_store_n(&loop->ends, true, __ATOMIC_RELEASE);
	event_base_loopbreak(loop->base);
}
