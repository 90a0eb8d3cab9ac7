/* SPDX-License-Identifier: BSD-3-Clause */

/* One client of the control socket: its lines, what it is sent, its end. */

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/inside.h"

#define LINES_PER_TURN 256	 /* of one client, before answers leave and others are heard */
#define TURN_MS	       4	 /* likewise: no further line after so long */
#define DISCARD_MAX    16777216u /* octets after a line too long that are read and forgotten */
#define DISCARD_S      1	 /* how long the rest of such a line is waited for */

void sl_client_free(struct sl_client *client)
{
	struct sl_server *server = client->server;

	if (client->busy) {
		client->dead = true;
		return;
	}
	server->calls.closed(client, server->calls.context);
	TAILQ_REMOVE(&server->clients, client, link);
	server->client_count--;
	server->guest_count -= !client->peer.may_change;
	server->subscriber_count -= client->subscribed;
	bufferevent_free(client->events);
	event_free(client->again);
	free(client);
}

size_t sl_client_unsent(struct sl_client *client)
{
	return evbuffer_get_length(bufferevent_get_output(client->events));
}

static bool congested(struct sl_client *client)
{
	return client->paused || client->held >= SL_SERVER_HELD_MAX ||
	       sl_client_unsent(client) >= SL_SERVER_OUTPUT_MAX;
}

bool sl_client_end_when_sent(struct sl_client *client)
{
	if (client->state != CLIENT_ENDING || client->held > 0 || sl_client_unsent(client) > 0)
		return false;
	sl_client_free(client);
	return true;
}

void sl_client_end(struct sl_client *client)
{
	client->state = CLIENT_ENDING;
	(void)bufferevent_disable(client->events, EV_READ);
	if (!client->busy)
		(void)sl_client_end_when_sent(client);
}

static void client_discard(struct sl_client *client)
{
	const struct timeval wait = {.tv_sec = DISCARD_S};
	struct evbuffer *input = bufferevent_get_input(client->events);
	struct evbuffer_ptr newline = evbuffer_search(input, "\n", 1, NULL);

	client->discarded += evbuffer_get_length(input);
	evbuffer_drain(input, evbuffer_get_length(input));
	(void)bufferevent_set_timeouts(client->events, &wait, &wait);
	if (newline.pos >= 0 || client->ended || client->discarded > DISCARD_MAX) {
		client->state = CLIENT_ENDING;
		(void)bufferevent_disable(client->events, EV_READ);
	}
}

static void client_too_long(struct sl_client *client)
{
	client->state = CLIENT_DISCARDING;
	client->server->calls.too_long(client, client->server->calls.context);
	client_discard(client);
}

/* Takes one line from the input. Returns false when none is whole. */
static bool client_line(struct sl_client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->events);
	struct evbuffer_ptr newline = evbuffer_search(input, "\n", 1, NULL);
	size_t length = newline.pos >= 0 ? (size_t)newline.pos : evbuffer_get_length(input);
	char *line;

	if (length > SL_SERVER_LINE_MAX) {
		client_too_long(client);
		return false;
	}
	if (newline.pos < 0 && (!client->ended || length == 0))
		return false;
	line = malloc(length + 1);
	if (!line) {
		client->state = CLIENT_ENDING;
		return false;
	}
	client->heard_ms = sl_clock_ms();
	(void)evbuffer_remove(input, line, length);
	line[length] = '\0';
	if (newline.pos >= 0)
		(void)evbuffer_drain(input, 1);
	client->server->calls.line(client, line, length, client->server->calls.context);
	free(line);
	return true;
}

static void client_lines(struct sl_client *client)
{
	const struct timeval now = {0};
	uint64_t end_ms = sl_clock_ms() + TURN_MS;
	uint32_t left = LINES_PER_TURN;

	client->busy = true;
	while (client->state == CLIENT_OPEN && !client->dead && left > 0 && !congested(client) &&
	       client_line(client))
		left = sl_clock_ms() < end_ms ? left - 1 : 0;
	client->busy = false;
	if (client->dead) {
		sl_client_free(client);
		return;
	}
	if (client->state == CLIENT_OPEN && congested(client)) {
		(void)bufferevent_disable(client->events, EV_READ);
	} else if (client->state == CLIENT_OPEN && left == 0) {
		(void)event_add(client->again, &now);
	} else if (client->state == CLIENT_OPEN && client->ended) {
		client->state = CLIENT_ENDING;
	}
	(void)sl_client_end_when_sent(client);
}

void sl_client_resume(struct sl_client *client)
{
	const struct timeval now = {0};

	if (client->state != CLIENT_OPEN || congested(client) ||
	    (bufferevent_get_enabled(client->events) & EV_READ))
		return;
	if (!client->ended)
		(void)bufferevent_enable(client->events, EV_READ);
	(void)event_add(client->again, &now);
}

void sl_client_flush(struct sl_client *client)
{
	struct evbuffer *output = bufferevent_get_output(client->events);

	(void)evbuffer_unfreeze(output, 1);
	(void)evbuffer_write(output, bufferevent_getfd(client->events));
	(void)evbuffer_freeze(output, 1);
}

static void on_read(struct bufferevent *events, void *context)
{
	struct sl_client *client = context;

	(void)events;
	if (client->state == CLIENT_OPEN) {
		client_lines(client);
	} else if (client->state == CLIENT_DISCARDING) {
		client_discard(client);
		(void)sl_client_end_when_sent(client);
	}
}

static void on_write(struct bufferevent *events, void *context)
{
	struct sl_client *client = context;

	(void)events;
	if (!sl_client_end_when_sent(client))
		sl_client_resume(client);
}

/* What it had said whole before it went is carried out all the same. */
static void client_deafen(struct sl_client *client)
{
	struct evbuffer *output = bufferevent_get_output(client->events);

	client->deaf = true;
	(void)bufferevent_disable(client->events, EV_WRITE);
	(void)evbuffer_unfreeze(output, 1);
	(void)evbuffer_drain(output, evbuffer_get_length(output));
	(void)evbuffer_freeze(output, 1);
	if (!sl_client_end_when_sent(client))
		sl_client_resume(client);
}

static void on_event(struct bufferevent *events, short what, void *context)
{
	struct sl_client *client = context;

	if ((what & BEV_EVENT_ERROR) && (what & BEV_EVENT_WRITING)) {
		client_deafen(client);
		return;
	}
	if ((what & BEV_EVENT_ERROR) && (what & BEV_EVENT_READING)) {
		client->deaf = true;
		what |= BEV_EVENT_EOF;
	}
	if ((what & BEV_EVENT_EOF) && !(what & BEV_EVENT_WRITING)) {
		client->ended = true;
		(void)bufferevent_disable(client->events, EV_READ);
		on_read(events, client);
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_READING)) {
		client->state = CLIENT_ENDING;
		(void)sl_client_end_when_sent(client);
		return;
	}
	if (what & BEV_EVENT_TIMEOUT)
		sl_log(SL_LOG_WARNING, "control client pid %d uid %u reads nothing: closed",
		       (int)client->peer.pid, (unsigned)client->peer.uid);
	sl_client_free(client);
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
	struct sl_client *client = context;

	(void)fd;
	(void)what;
	on_read(client->events, client);
}

void sl_client_create(struct sl_server *server, evutil_socket_t fd, const struct sl_peer *peer)
{
	const struct timeval slow = {.tv_sec = SL_SERVER_SLOW_S};
	struct sl_client *client = calloc(1, sizeof(*client));

	if (client)
		client->again = evtimer_new(server->base, on_again, client);
	if (client && client->again)
		client->events = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client || !client->events) {
		if (client && client->again)
			event_free(client->again);
		free(client);
		(void)close(fd);
		return;
	}
	client->server = server;
	client->peer = *peer;
	client->heard_ms = sl_clock_ms();
	bufferevent_setcb(client->events, on_read, on_write, on_event, client);
	bufferevent_setwatermark(client->events, EV_READ, 0, SL_SERVER_LINE_MAX + 2);
	(void)bufferevent_set_timeouts(client->events, NULL, &slow);
	TAILQ_INSERT_TAIL(&server->clients, client, link);
	server->client_count++;
	server->guest_count += !peer->may_change;
	(void)bufferevent_enable(client->events, EV_READ | EV_WRITE);
}

const struct sl_peer *sl_client_peer(const struct sl_client *client)
{
	return &client->peer;
}

void sl_client_send(struct sl_client *client, const char *text, size_t length)
{
	struct evbuffer *output = bufferevent_get_output(client->events);

	if (client->deaf)
		return;
	(void)evbuffer_add(output, text, length);
	(void)evbuffer_add(output, "\n", 1);
}

void sl_client_hold(struct sl_client *client)
{
	client->held++;
}

void sl_client_release(struct sl_client *client)
{
	client->held--;
	if (client->held == 0)
		sl_client_resume(client);
}

void sl_client_pause(struct sl_client *client, bool paused)
{
	client->paused = paused;
	if (!paused)
		sl_client_resume(client);
}

bool sl_client_is_held(const struct sl_client *client)
{
	return client->held > 0;
}

void sl_client_subscribe(struct sl_client *client)
{
	client->server->subscriber_count += !client->subscribed;
	client->subscribed = true;
}
