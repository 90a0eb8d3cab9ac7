/* SPDX-License-Identifier: BSD-3-Clause */

#include "rpc/server.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "rpc/inside.h"

#define ACCEPT_RETRY_US 200000 /* pause of accepting when no descriptor is left */
#define BACKLOG		128

static const char too_many[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,"
			       "\"message\":\"too many connections to the control socket\"}}\n";

/* The guest that was silent for longest, if for long: one that waits for events only when there is no
 * other. */
static struct sl_client *silent_guest(const struct sl_server *server)
{
	uint64_t now = sl_clock_ms();
	struct sl_client *client, *found = NULL;

	TAILQ_FOREACH(client, &server->clients, link)
	{
		if (client->peer.may_change || client->busy || client->held > 0 ||
		    now - client->heard_ms < SL_SERVER_IDLE_S * 1000u)
			continue;
		if (!found || found->subscribed > client->subscribed ||
		    (found->subscribed == client->subscribed && client->heard_ms < found->heard_ms))
			found = client;
	}
	return found;
}

/* True if one more may come, for whom a silent guest may have to go. */
static bool make_room(struct sl_server *server, const struct sl_peer *peer)
{
	struct sl_client *silent;

	if (peer->may_change || server->guest_count < server->guests_max)
		return server->client_count < server->clients_max;
	silent = silent_guest(server);
	if (!silent)
		return false;
	sl_client_free(silent);
	return true;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
		      int size, void *context)
{
	struct sl_server *server = context;
	struct sl_peer peer;

	(void)listener;
	(void)addr;
	(void)size;
	sl_socket_peer(&server->socket, fd, &peer);
	if (!make_room(server, &peer)) {
		(void)!send(fd, too_many, sizeof(too_many) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)close(fd);
		return;
	}
	sl_client_create(server, fd, &peer);
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

/* Of the descriptors that a process may have, a quarter. */
static uint32_t clients_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return SL_SERVER_CLIENTS_MAX;
	return (uint32_t)SL_MIN((rlim_t)SL_SERVER_CLIENTS_MAX, limit.rlim_cur / 4);
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
	server->clients_max = clients_max();
	server->guests_max = SL_MIN(SL_SERVER_GUESTS_MAX, server->clients_max / 4 * 3);
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
	struct sl_client *client, *next;
	int rc = sl_socket_permit(&server->socket, options, err);

	for (client = TAILQ_FIRST(&server->clients); client && rc == 0; client = next) {
		struct sl_peer peer;

		next = TAILQ_NEXT(client, link);
		sl_socket_peer(&server->socket, bufferevent_getfd(client->events), &peer);
		server->guest_count += !peer.may_change;
		server->guest_count -= !client->peer.may_change;
		client->peer.may_change = peer.may_change;
		if (!peer.may_connect)
			sl_client_end(client);
	}
	return rc;
}

void sl_server_destroy(struct sl_server *server)
{
	struct sl_client *client, *next;

	if (!server)
		return;
	for (client = TAILQ_FIRST(&server->clients); client; client = next) {
		next = TAILQ_NEXT(client, link);
		sl_client_flush(client);
		sl_client_free(client);
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
		if (sl_client_unsent(client) == 0 && !client->deaf)
			continue;
		sl_client_flush(client);
		if (!sl_client_end_when_sent(client))
			sl_client_resume(client);
	}
}

void sl_server_push(struct sl_server *server, const char *text, size_t length)
{
	struct sl_client *client, *next;

	for (client = TAILQ_FIRST(&server->clients); client; client = next) {
		next = TAILQ_NEXT(client, link);
		if (!client->subscribed)
			continue;
		if (sl_client_unsent(client) + length > SL_SERVER_PUSH_MAX) {
			sl_log(SL_LOG_WARNING, "subscriber pid %d does not read its events: closed",
			       (int)client->peer.pid);
			sl_client_free(client);
			continue;
		}
		sl_client_send(client, text, length);
	}
}

uint32_t sl_server_subscriber_count(const struct sl_server *server)
{
	return server->subscriber_count;
}
