/* SPDX-License-Identifier: BSD-3-Clause */

#include "rpc/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "rpc/page.h"
#include "rpc/request.h"

#define HEAD_MAX	4096 /* octets of a request without its body, which is not read */
#define TIMEOUT_S	10
#define DISCARD_S	1      /* how long a client may take to go after its last answer */
#define ACCEPT_RETRY_US 200000 /* pause of accepting when no descriptor is left */
#define BACKLOG		128
#define UNREAD_MAX	262144 /* octets of events that a client may leave unread */
#define COMMENT_S	15
#define TEXT_SIZE	(SL_ADDR_TEXT_SIZE + 8)

struct connection {
	TAILQ_ENTRY(connection) link;
	struct sl_http *http;
	struct bufferevent *events;
	bool last;   /* closed after what it is being sent */
	bool done;   /* everything was sent: what comes is forgotten until it goes */
	bool ended;  /* the client sends no more: it goes when it has what it asked for */
	bool stream; /* it is sent events as they come */
};

struct sl_http {
	struct event_base *base;
	struct sl_page_source source;
	struct sl_rates rates;
	struct evconnlistener *listener; /* NULL: it listens nowhere */
	char text[TEXT_SIZE];		 /* where */
	struct event *accept_retry;
	TAILQ_HEAD(, connection) connections; /* the oldest first */
	uint32_t count, count_max;
	uint32_t stream_count;
	uint32_t quiet_s; /* seconds; for comments to streams */
};

/* ---- answers --------------------------------------------------------------------------------- */

static void answer_error(struct connection *connection, const char *status, const char *sentence,
			 bool head)
{
	struct evbuffer *out = bufferevent_get_output(connection->events);

	sl_request_answer(out, status, "text/plain; charset=utf-8", strlen(sentence) + 1,
			  connection->last, false);
	if (!head)
		(void)evbuffer_add_printf(out, "%s\n", sentence);
}

static void answer_page(struct connection *connection, const struct sl_page *page,
			const struct sl_request *request)
{
	struct evbuffer *out = bufferevent_get_output(connection->events);
	struct evbuffer *body = evbuffer_new();
	const char *status =
		body ? page->write(&connection->http->source, request->query, body) : NULL;

	if (!status) {
		answer_error(connection, "503 Service Unavailable", "no memory", request->head);
	} else {
		sl_request_answer(out, status, page->type, evbuffer_get_length(body),
				  connection->last, false);
		if (!request->head)
			(void)evbuffer_add_buffer(out, body);
	}
	if (body)
		evbuffer_free(body);
}

/* From now on the connection is sent events, for as long as it reads them. */
static void answer_stream(struct connection *connection, const char *type)
{
	struct sl_http *http = connection->http;

	if (http->stream_count >= http->count_max / 2) {
		answer_error(connection, "503 Service Unavailable", "too many follow events",
			     false);
		return;
	}
	http->stream_count++;
	connection->stream = true;
	sl_request_answer(bufferevent_get_output(connection->events), "200 OK", type, 0, true,
			  true);
	(void)evbuffer_add_printf(bufferevent_get_output(connection->events), "retry: 2000\n\n");
	(void)bufferevent_set_timeouts(connection->events, NULL, NULL);
}

static void answer(struct connection *connection, char *text)
{
	struct sl_request request;
	const char *fault = sl_request_read(text, &request);
	const struct sl_page *page = fault ? NULL : sl_page_find(request.path);

	connection->last = request.close || fault;
	if (page && page->write)
		answer_page(connection, page, &request);
	else if (page && !request.head)
		answer_stream(connection, page->type);
	else if (fault)
		answer_error(connection, fault, "GET / is what there is", false);
	else
		answer_error(connection, "404 Not Found", "the page is at /, metrics at /metrics",
			     request.head);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void connection_free(struct connection *connection)
{
	TAILQ_REMOVE(&connection->http->connections, connection, link);
	connection->http->count--;
	connection->http->stream_count -= connection->stream;
	bufferevent_free(connection->events);
	free(connection);
}

/* Octets of the whole head that stands in the input, 0: not yet. */
static size_t head_length(struct evbuffer *input)
{
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	struct evbuffer_ptr plain = evbuffer_search(input, "\n\n", 2, NULL);

	if (plain.pos >= 0 && (end.pos < 0 || plain.pos < end.pos))
		return (size_t)plain.pos + 2;
	return end.pos >= 0 ? (size_t)end.pos + 4 : 0;
}

/* One request at a time: the next one is looked at when the answer is gone. */
static void on_read(struct bufferevent *events, void *context)
{
	struct connection *connection = context;
	struct evbuffer *input = bufferevent_get_input(events);
	size_t length = connection->done ? 0 : head_length(input);
	char text[HEAD_MAX + 1];

	if (connection->done || connection->stream) {
		(void)evbuffer_drain(input, evbuffer_get_length(input));
		return;
	}
	if (connection->last || evbuffer_get_length(bufferevent_get_output(events)) > 0)
		return;
	if (length == 0 && evbuffer_get_length(input) <= HEAD_MAX)
		return;
	if (length == 0 || length > HEAD_MAX) {
		connection->last = true;
		answer_error(connection, "431 Request Header Fields Too Large",
			     "the head of a request has at most 4096 octets", false);
		return;
	}
	(void)evbuffer_remove(input, text, length);
	text[length] = '\0';
	answer(connection, text);
}

/* Everything was sent. A connection that is closed with octets unread would take the answer with it:
 * so the client closes first, if it does so soon. */
static void on_write(struct bufferevent *events, void *context)
{
	const struct timeval wait = {.tv_sec = DISCARD_S};
	struct connection *connection = context;

	if (connection->stream)
		return;
	on_read(events, connection);
	if (evbuffer_get_length(bufferevent_get_output(events)) > 0)
		return;
	if (connection->ended) {
		connection_free(connection);
		return;
	}
	if (connection->last && !connection->done) {
		connection->done = true;
		(void)shutdown(bufferevent_getfd(events), SHUT_WR);
		(void)bufferevent_set_timeouts(events, &wait, &wait);
	}
}

/* Who has said all it will may still read what it asked for. */
static void on_event(struct bufferevent *events, short what, void *context)
{
	struct connection *connection = context;

	connection->ended = true;
	if ((what & BEV_EVENT_EOF) && !connection->stream && !connection->done &&
	    evbuffer_get_length(bufferevent_get_output(events)) > 0)
		return;
	connection_free(connection);
}

/* The oldest connection makes room: who asks at once is answered, however many wait without asking. */
static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
		      int size, void *context)
{
	const struct timeval wait = {.tv_sec = TIMEOUT_S};
	struct sl_http *http = context;
	struct connection *connection = calloc(1, sizeof(*connection));

	(void)listener;
	(void)addr;
	(void)size;
	if (http->count == http->count_max)
		connection_free(TAILQ_FIRST(&http->connections));
	if (connection)
		connection->events = bufferevent_socket_new(http->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!connection || !connection->events) {
		free(connection);
		(void)close(fd);
		return;
	}
	connection->http = http;
	TAILQ_INSERT_TAIL(&http->connections, connection, link);
	http->count++;
	bufferevent_setcb(connection->events, on_read, on_write, on_event, connection);
	bufferevent_setwatermark(connection->events, EV_READ, 0, HEAD_MAX + 1);
	(void)bufferevent_set_timeouts(connection->events, &wait, &wait);
	(void)bufferevent_enable(connection->events, EV_READ | EV_WRITE);
}

/* No descriptor or memory is left: the listener rests a while instead of spinning. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
	const struct timeval rest = {.tv_usec = ACCEPT_RETRY_US};
	struct sl_http *http = context;

	(void)evconnlistener_disable(listener);
	(void)event_add(http->accept_retry, &rest);
}

static void on_accept_retry(evutil_socket_t fd, short what, void *context)
{
	struct sl_http *http = context;

	(void)fd;
	(void)what;
	if (http->listener)
		(void)evconnlistener_enable(http->listener);
}

/* Of the descriptors that a process may have, a sixteenth. */
static uint32_t connections_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return SL_HTTP_CONNECTIONS_MAX;
	return (uint32_t)SL_MAX(SL_MIN((rlim_t)SL_HTTP_CONNECTIONS_MAX, limit.rlim_cur / 16),
				(rlim_t)1);
}

int sl_http_create(struct event_base *base, const struct sl_rpc_scope *scope,
		   const struct sl_rpc *rpc, struct sl_http **out)
{
	struct sl_http *http = calloc(1, sizeof(*http));

	if (http)
		http->accept_retry = evtimer_new(base, on_accept_retry, http);
	if (!http || !http->accept_retry) {
		free(http);
		return -ENOMEM;
	}
	http->base = base;
	http->source = (struct sl_page_source){.scope = scope, .rpc = rpc, .rates = &http->rates};
	http->count_max = connections_max();
	TAILQ_INIT(&http->connections);
	*out = http;
	return 0;
}

static void stop(struct sl_http *http)
{
	if (http->listener)
		evconnlistener_free(http->listener);
	http->listener = NULL;
}

void sl_http_destroy(struct sl_http *http)
{
	struct connection *connection, *next;

	if (!http)
		return;
	stop(http);
	for (connection = TAILQ_FIRST(&http->connections); connection; connection = next) {
		next = TAILQ_NEXT(connection, link);
		connection_free(connection);
	}
	event_free(http->accept_retry);
	free(http);
}

void sl_http_push(struct sl_http *http, const char *text)
{
	struct connection *connection, *next;

	for (connection = TAILQ_FIRST(&http->connections); connection; connection = next) {
		struct evbuffer *out = bufferevent_get_output(connection->events);

		next = TAILQ_NEXT(connection, link);
		if (!connection->stream)
			continue;
		if (evbuffer_get_length(out) > UNREAD_MAX)
			connection_free(connection);
		else
			(void)evbuffer_add_printf(out, "%s\n\n", text);
	}
}

bool sl_http_is_followed(const struct sl_http *http)
{
	return http->stream_count > 0;
}

void sl_http_second(struct sl_http *http)
{
	if (http->listener)
		sl_rates_sample(&http->rates, http->source.scope->model);
	/* a comment now and then tells who went without a word */
	if (http->stream_count > 0 && ++http->quiet_s % COMMENT_S == 0)
		sl_http_push(http, ":");
}

/* ---- places ---------------------------------------------------------------------------------- */

static socklen_t socket_address(const struct sl_addr *addr, uint16_t port,
				struct sockaddr_storage *out)
{
	struct sockaddr_in *ip4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (addr->family == SL_FAMILY_IPV4) {
		ip4->sin_family = AF_INET;
		ip4->sin_port = htons(port);
		memcpy(&ip4->sin_addr, addr->octets, SL_ADDR4_SIZE);
		return sizeof(*ip4);
	}
	ip6->sin6_family = AF_INET6;
	ip6->sin6_port = htons(port);
	memcpy(&ip6->sin6_addr, addr->octets, SL_ADDR6_SIZE);
	return sizeof(*ip6);
}

/* A socket that is bound there; negative errno. No resolver is asked. */
static int bind_at(const struct sl_addr *addr, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t size = socket_address(addr, port, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, rc;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, size) == 0)
		return fd;
	rc = -errno;
	(void)close(fd);
	return rc;
}

static int refuse(const char *text, int code, struct sl_err *err)
{
	if (code == -EINVAL)
		return sl_err_set(err, code,
				  "control.metrics \"%s\": write ADDRESS:PORT, as in "
				  "\"127.0.0.1:9464\"",
				  text);
	return sl_err_set(err, code,
			  "control.metrics \"%s\": cannot listen there: %s; name another address "
			  "or port",
			  text, strerror(-code));
}

/* True if it listens at that port, whatever the address: then it may be in its own way. */
static bool is_own_port(const struct sl_http *http, uint16_t port)
{
	struct sl_addr addr;
	uint16_t own;

	return http->listener && sl_endpoint_parse(http->text, &addr, &own) == 0 && own == port;
}

int sl_http_check(struct sl_http *http, const char *text, struct sl_err *err)
{
	struct sl_addr addr;
	uint16_t port;
	int fd;

	if (text[0] == '\0')
		return 0;
	if (sl_endpoint_parse(text, &addr, &port))
		return refuse(text, -EINVAL, err);
	fd = bind_at(&addr, port);
	if (fd >= 0)
		(void)close(fd);
	else if (fd != -EADDRINUSE || !is_own_port(http, port))
		return refuse(text, fd, err);
	return 0;
}

/* Listens at a place, beside where it does. */
static int start(struct sl_http *http, const char *text, struct evconnlistener **out)
{
	struct evconnlistener *made;
	struct sl_addr addr;
	uint16_t port;
	int fd, rc = -ENOMEM;

	if (sl_endpoint_parse(text, &addr, &port))
		return -EINVAL;
	fd = bind_at(&addr, port);
	if (fd == -EADDRINUSE && is_own_port(http, port)) {
		stop(http);
		fd = bind_at(&addr, port);
	}
	if (fd < 0)
		return fd;
	made = NULL;
	if (listen(fd, BACKLOG))
		rc = -errno;
	else
		made = evconnlistener_new(http->base, on_accept, http,
					  LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!made) {
		(void)close(fd);
		return rc;
	}
	evconnlistener_set_error_cb(made, on_accept_error);
	*out = made;
	return 0;
}

int sl_http_listen(struct sl_http *http, const char *text, struct sl_err *err)
{
	struct evconnlistener *made = NULL;
	bool listened = http->listener;
	int rc = text[0] ? start(http, text, &made) : 0;

	if (rc) {
		if (listened && !http->listener)
			(void)start(http, http->text, &http->listener);
		return refuse(text, rc, err);
	}
	stop(http);
	http->listener = made;
	(void)snprintf(http->text, sizeof(http->text), "%s", text);
	return 0;
}
