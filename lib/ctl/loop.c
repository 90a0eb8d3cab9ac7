/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"

#define IDLE_INTERVAL_US 10000
#define HEAR_INTERVAL_US 100000
#define LOOK_INTERVAL_US 250000

struct question {
	void (*function)(void *context);
	void *context;
	bool answered;
};

struct sl_loop {
	struct event_base *base;
	struct sl_model *model;
	struct sl_loop_hooks hooks;
	struct event *terminate, *interrupt, *reload, *second, *look, *deadline, *idle, *asked,
		*hear;
	uint64_t deadline_ms; /* the model's that its event waits for; 0: none */
	/* what another thread asks for; under the lock */
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct question *question; /* of another thread, on its stack; NULL: none */
	bool closed;		   /* nothing is answered any more */
	int bell;		   /* rung when there is a question */
	bool flush_failed;	   /* said once */
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

static void on_look(evutil_socket_t fd, short what, void *context)
{
	struct sl_loop *loop = context;

	(void)fd;
	(void)what;
	loop->hooks.look(loop->hooks.look_context);
}

static void on_hear(evutil_socket_t fd, short what, void *context)
{
	struct sl_loop *loop = context;

	(void)fd;
	(void)what;
	sl_model_hear(loop->model);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct sl_loop *loop = context;

	(void)fd;
	(void)what;
	loop->deadline_ms = 0; /* what is still to come is waited for anew */
	sl_model_settle(loop->model);
}

static void on_idle(evutil_socket_t fd, short what, void *context)
{
	struct sl_loop *loop = context;

	(void)fd;
	(void)what;
	if (loop->hooks.idle(loop->hooks.context))
		sl_loop_stop(loop);
}

/* ---- questions of other threads -------------------------------------------------------------- */

static void on_asked(evutil_socket_t fd, short what, void *context)
{
	struct sl_loop *loop = context;
	uint64_t count;

	(void)what;
	(void)!read(fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&loop->lock);
	if (loop->question) {
		loop->question->function(loop->question->context);
		loop->question->answered = true;
	}
	loop->question = NULL;
	(void)pthread_cond_broadcast(&loop->answered);
	(void)pthread_mutex_unlock(&loop->lock);
}

static struct timespec time_after(uint32_t ms)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000 + (at.tv_nsec + (long)(ms % 1000) * 1000000) / 1000000000;
	at.tv_nsec = (at.tv_nsec + (long)(ms % 1000) * 1000000) % 1000000000;
	return at;
}

int sl_loop_ask(struct sl_loop *loop, void (*function)(void *context), void *context,
		uint32_t wait_ms)
{
	struct question question = {.function = function, .context = context};
	struct timespec end = time_after(wait_ms);
	uint64_t one = 1;
	int rc = 0;

	(void)pthread_mutex_lock(&loop->lock);
	if (loop->closed || loop->question) {
		rc = loop->closed ? -ECANCELED : -EBUSY;
		(void)pthread_mutex_unlock(&loop->lock);
		return rc;
	}
	loop->question = &question;
	(void)!write(loop->bell, &one, sizeof(one));
	/* Once it is answered another thread's may be there before this one wakes. */
	while (!question.answered && !loop->closed && rc == 0)
		rc = -pthread_cond_timedwait(&loop->answered, &loop->lock, &end);
	if (question.answered)
		rc = 0;
	else if (loop->closed)
		rc = -ECANCELED;
	if (loop->question == &question)
		loop->question = NULL;
	(void)pthread_mutex_unlock(&loop->lock);
	return rc;
}

/* Whoever waits is told. */
static void close_questions(struct sl_loop *loop)
{
	(void)pthread_mutex_lock(&loop->lock);
	loop->closed = true;
	(void)pthread_cond_broadcast(&loop->answered);
	(void)pthread_mutex_unlock(&loop->lock);
}

static int open_questions(struct sl_loop *loop)
{
	pthread_condattr_t attributes;

	(void)pthread_mutex_init(&loop->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&loop->answered, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	loop->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->bell < 0)
		return -errno;
	loop->asked = event_new(loop->base, loop->bell, EV_READ | EV_PERSIST, on_asked, loop);
	return loop->asked && event_add(loop->asked, NULL) == 0 ? 0 : -ENOMEM;
}

/* ---- life ------------------------------------------------------------------------------------ */

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

/* What libevent has to say goes where our own lines go. */
static void log_line(int severity, const char *line)
{
	static const enum sl_log_level levels[] = {[EVENT_LOG_DEBUG] = SL_LOG_DEBUG,
						   [EVENT_LOG_MSG] = SL_LOG_INFO,
						   [EVENT_LOG_WARN] = SL_LOG_WARNING,
						   [EVENT_LOG_ERR] = SL_LOG_ERROR};

	sl_log(severity >= 0 && severity <= EVENT_LOG_ERR ? levels[severity] : SL_LOG_ERROR,
	       "libevent: %s", line);
}

int sl_loop_create(struct sl_model *model, const struct sl_loop_hooks *hooks, struct sl_loop **loop)
{
	struct sl_loop *made = calloc(1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	event_set_log_callback(log_line);
	made->model = model;
	made->hooks = *hooks;
	made->bell = -1;
	made->base = event_base_new();
	if (made->base && open_questions(made) == 0) {
		made->terminate = add_signal(made, SIGTERM, on_end);
		made->interrupt = add_signal(made, SIGINT, on_end);
		made->reload = add_signal(made, SIGHUP, on_reload);
		made->second = add_timer(made, on_second, (struct timeval){.tv_sec = 1});
		made->hear =
			add_timer(made, on_hear, (struct timeval){.tv_usec = HEAR_INTERVAL_US});
		made->deadline = event_new(made->base, -1, 0, on_deadline, made);
		if (hooks->look)
			made->look = add_timer(made, on_look,
					       (struct timeval){.tv_usec = LOOK_INTERVAL_US});
		if (hooks->idle)
			made->idle = add_timer(made, on_idle,
					       (struct timeval){.tv_usec = IDLE_INTERVAL_US});
	}
	if (!made->base || !made->terminate || !made->interrupt || !made->reload || !made->second ||
	    !made->hear || !made->deadline || (hooks->idle && !made->idle) ||
	    (hooks->look && !made->look)) {
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
	struct event *events[] = {loop->terminate, loop->interrupt, loop->reload,
				  loop->second,	   loop->deadline,  loop->idle,
				  loop->asked,	   loop->hear,	    loop->look};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
	if (loop->bell >= 0)
		(void)close(loop->bell);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
}

struct event_base *sl_loop_base(struct sl_loop *loop)
{
	return loop->base;
}

/* Drains are cut on time, not with the second that comes after. */
static void wait_for_deadline(struct sl_loop *loop)
{
	uint64_t at = sl_model_deadline_ms(loop->model), now = sl_clock_ms(), wait;
	struct timeval interval;

	if (at == loop->deadline_ms)
		return;
	loop->deadline_ms = at;
	wait = SL_MAX(at - SL_MIN(at, now), 1u);
	interval = (struct timeval){(time_t)(wait / 1000), (suseconds_t)(wait % 1000) * 1000};
	(void)event_del(loop->deadline);
	if (at)
		(void)event_add(loop->deadline, &interval);
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
	wait_for_deadline(loop);
	if (loop->hooks.turn_ended)
		loop->hooks.turn_ended(loop->hooks.context);
}

int sl_loop_run(struct sl_loop *loop)
{
	int status = 0;

	while (status == 0 && !__atomic_load_n(&loop->ends, __ATOMIC_ACQUIRE)) {
		if (event_base_loop(loop->base, EVLOOP_ONCE) < 0)
			status = -EIO;
		else
			end_turn(loop);
	}
	close_questions(loop);
	return status;
}

void sl_loop_stop(struct sl_loop *loop)
{
	uint64_t one = 1;

	__atomic_store_n(&loop->ends, true, __ATOMIC_RELEASE);
	(void)!write(loop->bell, &one, sizeof(one));
}
