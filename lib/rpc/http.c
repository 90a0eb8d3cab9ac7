/* SPDX-License-Identifier: BSD-3-Clause */

#include "rpc/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/prometheus.h"

#define BODY_MAX     4096 /* octets of a request that are read */
#define TIMEOUT_S    10
#define ADDRESS_SIZE 64

struct sl_http {
	struct event_base *base;
	const struct sl_rpc_scope *scope;
	struct evhttp *server;
};

/* The head of what a GET would be answered, which the server sends with its body for HEAD, too. */
static void keep_head_only(struct evhttp_request *request, struct evbuffer *body)
{
	size_t length = evbuffer_get_length(body);
	char text[24];

	(void)snprintf(text, sizeof(text), "%zu", length);
	(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Length", text);
	(void)evbuffer_drain(body, length);
}

/* The text's memory goes with the buffer. */
static void free_text(const void *data, size_t size, void *text)
{
	(void)data;
	(void)size;
	free(text);
}

/* Prometheus text of the present moment in out: 0 or -ENOMEM. */
static int add_metrics(const struct sl_rpc_scope *scope, struct evbuffer *out)
{
	struct sl_model_report *report;
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	if (sl_model_report_build(scope->model, &report) < 0)
		return -ENOMEM;
	stream = open_memstream(&text, &size);
	if (stream)
		sl_prometheus_write(stream, &scope->daemon, report);
	sl_model_report_destroy(report);
	if (!stream || fclose(stream) || evbuffer_add_reference(out, text, size, free_text, text)) {
		free(text);
		return -ENOMEM;
	}
	return 0;
}

static void on_metrics(struct evhttp_request *request, void *context)
{
	struct sl_http *http = context;
	struct evbuffer *out = evhttp_request_get_output_buffer(request);

	if (add_metrics(http->scope, out)) {
		evhttp_send_error(request, HTTP_SERVUNAVAIL, "no memory");
		return;
	}
	(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
				"text/plain; version=0.0.4; charset=utf-8");
	if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD)
		keep_head_only(request, out);
	evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

static void on_other(struct evhttp_request *request, void *context)
{
	(void)context;
	evhttp_send_error(request, HTTP_NOTFOUND, "metrics are at /metrics");
}

int sl_http_create(struct event_base *base, const struct sl_rpc_scope *scope, struct sl_http **out)
{
	struct sl_http *http = calloc(1, sizeof(*http));

	if (!http)
		return -ENOMEM;
	http->base = base;
	http->scope = scope;
	*out = http;
	return 0;
}

void sl_http_destroy(struct sl_http *http)
{
	if (!http)
		return;
	if (http->server)
		evhttp_free(http->server);
	free(http);
}

/* "ADDRESS:PORT" or "[ADDRESS]:PORT" into its parts. */
static int split(const char *text, char *address, uint16_t *port)
{
	const char *colon = strrchr(text, ':'), *start = text;
	size_t length;
	char *end;
	unsigned long number;

	if (!colon)
		return -EINVAL;
	number = strtoul(colon + 1, &end, 10);
	length = (size_t)(colon - text);
	if (*start == '[' && length >= 2 && colon[-1] == ']') {
		start++;
		length -= 2;
	}
	if (colon[1] < '0' || colon[1] > '9' || *end || number == 0 || number > UINT16_MAX ||
	    length == 0 || length >= ADDRESS_SIZE)
		return -EINVAL;
	memcpy(address, start, length);
	address[length] = '\0';
	*port = (uint16_t)number;
	return 0;
}

/* A server of its own for each place. */
static int open_at(struct sl_http *http, const char *text, struct evhttp **out, struct sl_err *err)
{
	char address[ADDRESS_SIZE];
	struct evhttp *server;
	uint16_t port;
	int code;

	*out = NULL;
	if (text[0] == '\0')
		return 0;
	if (split(text, address, &port))
		return sl_err_set(err, -EINVAL,
				  "control.metrics \"%s\": write ADDRESS:PORT, as in "
				  "\"127.0.0.1:9464\"",
				  text);
	server = evhttp_new(http->base);
	if (!server)
		return sl_err_set(err, -ENOMEM, "no memory for control.metrics");
	evhttp_set_allowed_methods(server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(server, BODY_MAX);
	evhttp_set_max_body_size(server, BODY_MAX);
	evhttp_set_timeout(server, TIMEOUT_S);
	(void)evhttp_set_cb(server, "/metrics", on_metrics, http);
	evhttp_set_gencb(server, on_other, http);
	if (evhttp_bind_socket(server, address, port)) {
		code = errno ? -errno : -EADDRINUSE;
		evhttp_free(server);
		return sl_err_set(err, code,
				  "control.metrics \"%s\": cannot listen there: %s; name another "
				  "address or port",
				  text, strerror(-code));
	}
	*out = server;
	return 0;
}

int sl_http_check(struct sl_http *http, const char *text, struct sl_err *err)
{
	struct evhttp *server;
	int rc = open_at(http, text, &server, err);

	if (server)
		evhttp_free(server);
	return rc;
}

int sl_http_listen(struct sl_http *http, const char *text, struct sl_err *err)
{
	struct evhttp *server;
	int rc = open_at(http, text, &server, err);

	if (rc)
		return rc;
	if (http->server)
		evhttp_free(http->server);
	http->server = server;
	return 0;
}
