/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/metrics.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/control_body.h"
#include "ctl/figure.h"

#define BODY_MAX     4096 /* octets of a request that are read */
#define TIMEOUT_S    10
#define ADDRESS_SIZE 64

struct sl_metrics {
	struct sl_control *control;
	struct evhttp *http;
};

/* ---- text ---------------------------------------------------------------------------------------
 */

/* A family of samples: its head once, then the samples. Counters are those whose name says so. */
static void head(struct evbuffer *out, const char *name, const char *help)
{
	size_t length = strlen(name), end = sizeof("_total") - 1;
	bool counts = length > end && strcmp(name + length - end, "_total") == 0;

	(void)evbuffer_add_printf(out, "# HELP sluice_%s %s\n# TYPE sluice_%s %s\n", name, help,
				  name, counts ? "counter" : "gauge");
}

static void sample(struct evbuffer *out, const char *name, const char *labels, uint64_t value)
{
	(void)evbuffer_add_printf(out, "sluice_%s%s %" PRIu64 "\n", name, labels, value);
}

static void sample_real(struct evbuffer *out, const char *name, const char *labels, double value)
{
	(void)evbuffer_add_printf(out, "sluice_%s%s %.15g\n", name, labels, value);
}

static void sample_figure(struct evbuffer *out, const struct sl_figure *figure, const char *labels,
			  const void *row)
{
	if (figure->type == SL_FIGURE_U32 || figure->type == SL_FIGURE_U64)
		sample(out, figure->metric, labels, sl_figure_number(figure, row));
	else
		sample_real(out, figure->metric, labels, sl_figure_real(figure, row));
}

/* Names have no quotes, backslashes or newlines: the configuration sees to that. */
#define LABELS_SIZE 256
#define LABELS(format, ...)                                                                        \
	char labels[LABELS_SIZE];                                                                  \
	(void)snprintf(labels, sizeof(labels), format, __VA_ARGS__)

/* ---- families -----------------------------------------------------------------------------------
 */

static void write_daemon(struct evbuffer *out, const struct sl_control *control,
			 const struct sl_model_report *report)
{
	LABELS("{version=\"%s\"}", control->spec.version);
	head(out, "build_info", "Version of the daemon.");
	sample(out, "build_info", labels, 1);
	head(out, "uptime_seconds", "Time since the start.");
	sample_real(out, "uptime_seconds", "", report->uptime_s);
	head(out, "generation", "Changes that operators made.");
	sample(out, "generation", "", report->generation);
	head(out, "snapshot", "Snapshots that were published.");
	sample(out, "snapshot", "", report->snapshot);
}

static void write_balance(struct evbuffer *out, const struct sl_balance *balance)
{
	for (uint32_t i = 0; i < sl_figures_balance.count; i++) {
		const struct sl_figure *figure = &sl_figures_balance.list[i];

		if (!figure->metric)
			continue;
		head(out, figure->metric, figure->help);
		sample_figure(out, figure, "", balance);
	}
	head(out, "dropped_packets_total", "Packets dropped, by reason.");
	for (uint32_t d = 0; d < SL_DROP_COUNT; d++) {
		LABELS("{reason=\"%s\"}", sl_drop_name((enum sl_drop)d));
		sample(out, "dropped_packets_total", labels, balance->drops[d]);
	}
}

/* Rows begin with their name. */
static void write_rows(struct evbuffer *out, const struct sl_figures *figures, const char *kind,
		       const void *rows, size_t size, uint32_t count)
{
	for (uint32_t i = 0; i < figures->count; i++) {
		head(out, figures->list[i].metric, figures->list[i].help);
		for (uint32_t r = 0; r < count; r++) {
			const char *row = (const char *)rows + r * size, *name;

			memcpy(&name, row, sizeof(name));
			LABELS("{%s=\"%s\"}", kind, name);
			sample_figure(out, &figures->list[i], labels, row);
		}
	}
}

static void write_nodes(struct evbuffer *out, const struct sl_model_report *report)
{
	for (uint32_t i = 0; i < sl_figures_node.count; i++) {
		const struct sl_figure *figure = &sl_figures_node.list[i];

		head(out, figure->metric, figure->help);
		for (uint32_t p = 0; p < report->pool_count; p++)
			for (uint32_t n = 0; n < report->pools[p].node_count; n++) {
				const struct sl_node_report *node = &report->pools[p].nodes[n];
				LABELS("{pool=\"%s\",node=\"%s\",index=\"%" PRIu32 "\"}",
				       report->pools[p].name, node->name, node->index);

				sample_figure(out, figure, labels, node);
			}
	}
}

static void write_cores(struct evbuffer *out, const struct sl_control *control)
{
	head(out, "core_busy_ratio", "Share of a core's cycles in the last second that did work.");
	for (uint32_t i = 0; i < control->spec.core_count; i++) {
		LABELS("{core=\"%s\",cpu=\"%d\"}", control->spec.cores[i].name,
		       control->spec.cores[i].cpu);
		sample_real(out, "core_busy_ratio", labels, control->busy[i].share);
	}
}

/* ---- HTTP ---------------------------------------------------------------------------------------
 */

/* The head of what a GET would be answered, which the server sends with its body for HEAD, too. */
static void keep_head_only(struct evhttp_request *request, struct evbuffer *body)
{
	size_t length = evbuffer_get_length(body);
	char text[24];

	(void)snprintf(text, sizeof(text), "%zu", length);
	(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Length", text);
	(void)evbuffer_drain(body, length);
}

static void on_metrics(struct evhttp_request *request, void *context)
{
	struct sl_metrics *metrics = context;
	struct sl_model_report *report;
	struct evbuffer *out;

	if (sl_model_report_build(metrics->control->model, &report) < 0) {
		evhttp_send_error(request, HTTP_SERVUNAVAIL, "no memory");
		return;
	}
	out = evhttp_request_get_output_buffer(request);
	write_daemon(out, metrics->control, report);
	write_balance(out, &report->balance);
	write_rows(out, &sl_figures_port, "port", report->ports, sizeof(*report->ports),
		   report->port_count);
	write_rows(out, &sl_figures_service, "service", report->services, sizeof(*report->services),
		   report->service_count);
	write_rows(out, &sl_figures_pool, "pool", report->pools, sizeof(*report->pools),
		   report->pool_count);
	write_nodes(out, report);
	write_cores(out, metrics->control);
	sl_model_report_destroy(report);
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

int sl_metrics_create(struct sl_control *control, struct sl_metrics **out)
{
	struct sl_metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return -ENOMEM;
	metrics->control = control;
	*out = metrics;
	return 0;
}

void sl_metrics_destroy(struct sl_metrics *metrics)
{
	if (!metrics)
		return;
	if (metrics->http)
		evhttp_free(metrics->http);
	free(metrics);
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
static int open_at(struct sl_metrics *metrics, const char *text, struct evhttp **out,
		   struct sl_err *err)
{
	char address[ADDRESS_SIZE];
	struct evhttp *http;
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
	http = evhttp_new(metrics->control->spec.base);
	if (!http)
		return sl_err_set(err, -ENOMEM, "no memory for control.metrics");
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(http, BODY_MAX);
	evhttp_set_max_body_size(http, BODY_MAX);
	evhttp_set_timeout(http, TIMEOUT_S);
	(void)evhttp_set_cb(http, "/metrics", on_metrics, metrics);
	evhttp_set_gencb(http, on_other, metrics);
	if (evhttp_bind_socket(http, address, port)) {
		code = errno ? -errno : -EADDRINUSE;
		evhttp_free(http);
		return sl_err_set(err, code,
				  "control.metrics \"%s\": cannot listen there: %s; name another "
				  "address or port",
				  text, strerror(-code));
	}
	*out = http;
	return 0;
}

int sl_metrics_check(struct sl_metrics *metrics, const char *text, struct sl_err *err)
{
	struct evhttp *http;
	int rc = open_at(metrics, text, &http, err);

	if (http)
		evhttp_free(http);
	return rc;
}

int sl_metrics_listen(struct sl_metrics *metrics, const char *text, struct sl_err *err)
{
	struct evhttp *http;
	int rc = open_at(metrics, text, &http, err);

	if (rc)
		return rc;
	if (metrics->http)
		evhttp_free(metrics->http);
	metrics->http = http;
	return 0;
}
