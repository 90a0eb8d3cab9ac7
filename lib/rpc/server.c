/* SPDX-License-Identifier: BSD-3-Clause */

#include "rpc/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/socket.h"

#define LINES_PER_TURN	256	  /* of one client, before answers leave and others are heard */
#define TURN_MS		4	  /* likewise: no further line after so long */
#define DISCARD_MAX	16777216u /* octets after a line too long that are read and forgotten */
#define DISCARD_S	1	  /* how long the rest of such a line is waited for */
#define ACCEPT_RETRY_US 200000	  /* pause of accepting when no descriptor is left */
#define BACKLOG		128

static const char too_many[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,"
			       "\"message\":\"too many connections to the control socket\"}}\n";

enum client_state {
	CLIENT_OPEN = 0,
	CLIENT_DISCARDING =
		1,	   /* a line was too long: its rest is read and forgotten, then closed */
	CLIENT_ENDING = 2, /* reads nothing more; closed once everything is sent */
};

struct sl_client {
	TAILQ_ENTRY(sl_client) link;
	struct sl_server *server;
	struct bufferevent *events;
	struct event *again; /* goes on with its lines in the next turn of the loop */
	struct sl_peer peer;
	enum client_state state;
	uint32_t held;
	size_t discarded;
	bool subscribed;
	bool ended; /* the peer will send nothing more */
	bool busy;  /* its lines are being handled: not to be freed now */
	bool dead;  /* to be freed when no longer busy */
};

struct sl_server {
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *accept_retry;
	struct sl_server_calls calls;
	struct sl_socket socket;
	TAILQ_HEAD(, sl_client) clients;
	uint32_t client_count;
	uint32_t subscriber_count;
};

static void client_free(struct sl_client *client)
{
	struct sl_server *server = client->server;

	if (client->busy) {
		client->dead = true;
		return;
	}
	server->calls.closed(client, server->calls.context);
	TAILQ_REMOVE(&server->clients, client, link);
	server->client_count--;
	server->subscriber_count -= client->subscribed;
	bufferevent_free(client->events);
	event_free(client->again);
	free(client);
}

static size_t unsent(struct sl_client *client)
{
	return evbuffer_get_length(bufferevent_get_output(client->events));
}

static bool congested(struct sl_client *client)
{
	return client->held >= SL_SERVER_HELD_MAX || unsent(client) >= SL_SERVER_OUTPUT_MAX;
}

/* Frees a client that has nothing more to say and was sent everything. Returns whether it did. */
static bool client_end_when_sent(struct sl_client *client)
{
	if (client->state != CLIENT_ENDING || client->held > 0 || unsent(client) > 0)
		return false;
	client_free(client);
	return true;
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
		client_free(client);
		return;
	}
	if (client->state == CLIENT_OPEN && congested(client)) {
		(void)bufferevent_disable(client->events, EV_READ);
	} else if (client->state == CLIENT_OPEN && left == 0) {
		(void)event_add(client->again, &now);
	} else if (client->state == CLIENT_OPEN && client->ended) {
		client->state = CLIENT_ENDING;
	}
	(void)client_end_when_sent(client);
}

/* Goes on with a client that was stopped, once there is room. */
static void client_resume(struct sl_client *client)
{
	const struct timeval now = {0};

	if (client->state != CLIENT_OPEN || congested(client) ||
	    (bufferevent_get_enabled(client->events) & EV_READ))
		return;
	if (!client->ended)
		(void)bufferevent_enable(client->events, EV_READ);
	(void)event_add(client->again, &now);
}

/* Sends what it can at once; libevent alone would wait for the next turn. */
static void client_flush(struct sl_client *client)
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
		(void)client_end_when_sent(client);
	}
}

static void on_write(struct bufferevent *events, void *context)
{
	struct sl_client *client = context;

	(void)events;
	if (!client_end_when_sent(client))
		client_resume(client);
}

static void on_event(struct bufferevent *events, short what, void *context)
{
	struct sl_client *client = context;

	(void)events;
	if ((what & BEV_EVENT_EOF) && !(what & BEV_EVENT_WRITING)) {
		client->ended = true;
		(void)bufferevent_disable(client->events, EV_READ);
		on_read(events, client);
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_READING)) {
		client->state = CLIENT_ENDING;
		(void)client_end_when_sent(client);
		return;
	}
	if (what & BEV_EVENT_TIMEOUT)
		sl_log(SL_LOG_WARNING, "control client pid %d uid %u reads nothing: closed",
		       (int)client->peer.pid, (unsigned)client->peer.uid);
	client_free(client);
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
	struct sl_client *client = context;

	(void)fd;
	(void)what;
	on_read(client->events, client);
}

static void client_create(struct sl_server *server, evutil_socket_t fd)
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
	sl_socket_peer(&server->socket, fd, &client->peer);
	bufferevent_setcb(client->events, on_read, on_write, on_event, client);
	bufferevent_setwatermark(client->events, EV_READ, 0, SL_SERVER_LINE_MAX + 2);
	(void)bufferevent_set_timeouts(client->events, NULL, &slow);
	TAILQ_INSERT_TAIL(&server->clients, client, link);
	server->client_count++;
	(void)bufferevent_enable(client->events, EV_READ | EV_WRITE);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
		      int size, void *context)
{
	struct sl_server *server = context;

	(void)listener;
	(void)addr;
	(void)size;
	if (server->client_count >= SL_SERVER_CLIENTS_MAX) {
		(void)!send(fd, too_many, sizeof(too_many) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)close(fd);
		return;
	}
	client_create(server, fd);
}

/* No descriptor or memory is left: the listener rests a while instead of spinning. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
	const struct timeval rest = {.tv_usec = ACCEPT_RETRY_US};
	struct sl_server *server = context;

	(void)evconnlistener_disable(listener);
	(void)event_add(server->accept_retry, &rest);
}

static void on_accept_retry(evutil_socket_t fd, short what, void *context)
{
	struct sl_server *server = context;

	(void)fd;
	(void)what;
	(void)evconnlistener_enable(server->listener);
}

int sl_server_create(struct event_base *base, const struct sl_server_options *options,
		     const struct sl_server_calls *calls, struct sl_server **out,
		     struct sl_err *err)
{
	struct sl_server *server = calloc(1, sizeof(*server));
	int rc;

	if (!server)
		return sl_err_set(err, -ENOMEM, "no memory for the control socket");
	server->base = base;
	server->calls = *calls;
	TAILQ_INIT(&server->clients);
	(void)signal(SIGPIPE, SIG_IGN);
	rc = sl_socket_open(&server->socket, options, err);
	if (rc) {
		free(server);
		return rc;
	}
	server->listener = evconnlistener_new(base, on_accept, server,
					      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
					      BACKLOG, server->socket.fd);
	server->accept_retry = evtimer_new(base, on_accept_retry, server);
	if (!server->listener || !server->accept_retry) {
		sl_server_destroy(server);
		return sl_err_set(err, -ENOMEM, "no memory for the control socket");
	}
	evconnlistener_set_error_cb(server->listener, on_accept_error);
	*out = server;
	return 0;
}

int sl_server_permit(struct sl_server *server, const struct sl_server_options *options,
		     struct sl_err *err)
{
	return sl_socket_permit(&server->socket, options, err);
}

void sl_server_destroy(struct sl_server *server)
{
	struct sl_client *client, *next;

	if (!server)
		return;
	for (client = TAILQ_FIRST(&server->clients); client; client = next) {
		next = TAILQ_NEXT(client, link);
		client_flush(client);
		client_free(client);
	}
	sl_socket_unlink(&server->socket);
	if (server->listener)
		evconnlistener_free(server->listener);
	else
		(void)close(server->socket.fd);
	if (server->accept_retry)
		event_free(server->accept_retry);
	free(server);
}

void sl_server_flush(struct sl_server *server)
{
	struct sl_client *client, *next;

	for (client = TAILQ_FIRST(&server->clients); client; client = next) {
		next = TAILQ_NEXT(client, link);
		if (unsent(client) == 0)
			continue;
		client_flush(client);
		if (!client_end_when_sent(client))
			client_resume(client);
	}
}

const struct sl_peer *sl_client_peer(const struct sl_client *client)
{
	return &client->peer;
}

void sl_client_send(struct sl_client *client, const char *text, size_t length)
{
	struct evbuffer *output = bufferevent_get_output(client->events);

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
		client_resume(client);
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

void sl_server_push(struct sl_server *server, const char *text, size_t length)
{
	struct sl_client *client, *next;

	for (client = TAILQ_FIRST(&server->clients); client; client = next) {
		next = TAILQ_NEXT(client, link);
		if (!client->subscribed)
			continue;
		if (unsent(client) + length > SL_SERVER_PUSH_MAX) {
			sl_log(SL_LOG_WARNING, "subscriber pid %d does not read its events: closed",
			       (int)client->peer.pid);
			client_free(client);
			continue;
		}
		sl_client_send(client, text, length);
	}
}

uint32_t sl_server_subscriber_count(const struct sl_server *server)
{
	return server->subscriber_count;
}
