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

#define BODY_MAX     4096 /* octets of a request that are read */
#define TIMEOUT_S    10
#define ADDRESS_SIZE 64

struct sl_metrics {
	struct sl_control *control;
	struct evhttp *http;
};

/* ---- text ---------------------------------------------------------------------------------------
 */

/* A family of samples: its head once, then the samples. */
static void head(struct evbuffer *out, const char *name, const char *type, const char *help)
{
	(void)evbuffer_add_printf(out, "# HELP sluice_%s %s\n# TYPE sluice_%s %s\n", name, help,
				  name, type);
}

static void sample(struct evbuffer *out, const char *name, const char *labels, uint64_t value)
{
	(void)evbuffer_add_printf(out, "sluice_%s%s %" PRIu64 "\n", name, labels, value);
}

static void sample_real(struct evbuffer *out, const char *name, const char *labels, double value)
{
	(void)evbuffer_add_printf(out, "sluice_%s%s %.9g\n", name, labels, value);
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
	head(out, "build_info", "gauge", "Version of the daemon.");
	sample(out, "build_info", labels, 1);
	head(out, "uptime_seconds", "gauge", "Time since the start.");
	sample_real(out, "uptime_seconds", "", report->uptime_s);
	head(out, "generation", "gauge", "Changes that operators made.");
	sample(out, "generation", "", report->generation);
	head(out, "snapshot", "gauge", "Snapshots that were published.");
	sample(out, "snapshot", "", report->snapshot);
}

static void write_balance(struct evbuffer *out, const struct sl_balance *balance)
{
	head(out, "received_packets_total", "counter", "Packets received from ports.");
	sample(out, "received_packets_total", "", balance->received);
	head(out, "delivered_packets_total", "counter", "Packets that local workers took.");
	sample(out, "delivered_packets_total", "", balance->delivered);
	head(out, "forwarded_packets_total", "counter", "Packets sent to nodes.");
	sample(out, "forwarded_packets_total", "", balance->forwarded);
	head(out, "punted_packets_total", "counter",
	     "Packets that no service takes, and those that sluice answers itself.");
	sample(out, "punted_packets_total", "", balance->punted);
	head(out, "dropped_packets_total", "counter", "Packets dropped, by reason.");
	for (uint32_t d = 0; d < SL_DROP_COUNT; d++) {
		LABELS("{reason=\"%s\"}", sl_drop_name((enum sl_drop)d));
		sample(out, "dropped_packets_total", labels, balance->drops[d]);
	}
	head(out, "in_flight_packets", "gauge", "Packets received and not yet counted otherwise.");
	sample(out, "in_flight_packets", "", balance->in_flight);
}

static uint64_t port_value(const struct sl_port_report *port, uint32_t column)
{
	const uint64_t values[] = {port->stats.rx_packets, port->stats.rx_bytes,
				   port->stats.tx_packets, port->stats.tx_bytes,
				   port->rx_missed,	   port->stats.tx_failed};

	return values[column];
}

static void write_ports(struct evbuffer *out, const struct sl_model_report *report)
{
	static const struct {
		const char *name, *help;
	} columns[] = {
		{"port_receive_packets_total", "Packets received by port."},
		{"port_receive_bytes_total", "Octets received by port."},
		{"port_transmit_packets_total", "Packets sent by port."},
		{"port_transmit_bytes_total", "Octets sent by port."},
		{"port_receive_missed_total", "Packets the device had no room for."},
		{"port_transmit_failed_total", "Packets the device did not take."},
	};

	for (uint32_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		head(out, columns[i].name, "counter", columns[i].help);
		for (uint32_t p = 0; p < report->port_count; p++) {
			LABELS("{port=\"%s\"}", report->ports[p].name);
			sample(out, columns[i].name, labels, port_value(&report->ports[p], i));
		}
	}
}

static void write_services(struct evbuffer *out, const struct sl_model_report *report)
{
	head(out, "service_packets_total", "counter", "Packets of a service.");
	for (uint32_t s = 0; s < report->service_count; s++) {
		LABELS("{service=\"%s\"}", report->services[s].name);
		sample(out, "service_packets_total", labels, report->services[s].packets);
	}
	head(out, "service_bytes_total", "counter", "Octets of a service.");
	for (uint32_t s = 0; s < report->service_count; s++) {
		LABELS("{service=\"%s\"}", report->services[s].name);
		sample(out, "service_bytes_total", labels, report->services[s].bytes);
	}
}

static double pool_value(const struct sl_pool_report *pool, uint32_t column)
{
	const double values[] = {
		pool->slots,
		pool->open_slots,
		(double)pool->tracked_flows,
		(double)pool->begun_flows,
		pool->load.mean,
		pool->load.max,
		pool->load.factor,
		(double)pool->refused_flows,
	};

	return values[column];
}

static void write_pools(struct evbuffer *out, const struct sl_model_report *report)
{
	static const struct {
		const char *name, *type, *help;
	} columns[] = {
		{"pool_slots", "gauge", "Slots of a pool."},
		{"pool_open_slots", "gauge", "Slots that have not settled since they moved."},
		{"pool_tracked_flows", "gauge", "Flows in flow tables, live or closing."},
		{"pool_begun_flows", "gauge", "Connections that are being opened."},
		{"pool_load_mean_packets", "gauge", "Packets per unit of weight, mean of nodes."},
		{"pool_load_max_packets", "gauge", "Packets per unit of weight, most of any node."},
		{"pool_load_factor_ratio", "gauge", "Most over mean load of the nodes."},
		{"pool_refused_flows_total", "counter", "Flows that found no room in a table."},
	};

	for (uint32_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		head(out, columns[i].name, columns[i].type, columns[i].help);
		for (uint32_t p = 0; p < report->pool_count; p++) {
			LABELS("{pool=\"%s\"}", report->pools[p].name);
			sample_real(out, columns[i].name, labels, pool_value(&report->pools[p], i));
		}
	}
}

static double node_value(const struct sl_node_report *node, uint32_t column)
{
	const double values[] = {
		(double)node->packets,
		(double)node->bytes,
		(double)node->flows_started,
		(double)node->queue_dropped,
		(double)node->weight / (double)SL_WEIGHT_UNIT,
		node->slots,
		(double)node->flows,
		node->expected_share,
		node->measured_share,
		node->state == SL_NODE_STATE_UP,
	};

	return values[column];
}

static void write_nodes(struct evbuffer *out, const struct sl_model_report *report)
{
	static const struct {
		const char *name, *type, *help;
	} columns[] = {
		{"node_packets_total", "counter", "Packets given to a node."},
		{"node_bytes_total", "counter", "Octets given to a node."},
		{"node_started_flows_total", "counter", "Beginnings of flows seen for a node."},
		{"node_queue_dropped_packets_total", "counter",
		 "Packets that a worker's full ring did not take."},
		{"node_weight", "gauge", "Weight of a node."},
		{"node_slots", "gauge", "Slots that packets use now."},
		{"node_flows", "gauge", "Flows in flow tables that name the node."},
		{"node_expected_share_ratio", "gauge", "Share of packets by weight."},
		{"node_measured_share_ratio", "gauge",
		 "Share of packets since expected shares last changed."},
		{"node_up", "gauge", "Whether the node takes new flows."},
	};

	for (uint32_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		head(out, columns[i].name, columns[i].type, columns[i].help);
		for (uint32_t p = 0; p < report->pool_count; p++)
			for (uint32_t n = 0; n < report->pools[p].node_count; n++) {
				const struct sl_node_report *node = &report->pools[p].nodes[n];
				LABELS("{pool=\"%s\",node=\"%s\",index=\"%" PRIu32 "\"}",
				       report->pools[p].name, node->name, node->index);

				(void)evbuffer_add_printf(out, "sluice_%s%s %.15g\n",
							  columns[i].name, labels,
							  node_value(node, i));
			}
	}
}

static void write_cores(struct evbuffer *out, const struct sl_control *control)
{
	head(out, "core_busy_ratio", "gauge",
	     "Share of a core's cycles in the last second that did work.");
	for (uint32_t i = 0; i < control->spec.core_count; i++) {
		LABELS("{core=\"%s\",cpu=\"%d\"}", control->spec.cores[i].name,
		       control->spec.cores[i].cpu);
		sample_real(out, "core_busy_ratio", labels, control->busy[i].share);
	}
}

/* ---- HTTP ---------------------------------------------------------------------------------------
 */

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
	write_ports(out, report);
	write_services(out, report);
	write_pools(out, report);
	write_nodes(out, report);
	write_cores(out, metrics->control);
	sl_model_report_destroy(report);
	(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
				"text/plain; version=0.0.4; charset=utf-8");
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

int sl_metrics_listen(struct sl_metrics *metrics, const char *text, struct sl_err *err)
{
	struct evhttp *http = NULL;
	char address[ADDRESS_SIZE];
	uint16_t port;

	if (text[0] != '\0') {
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
			int code = errno ? -errno : -EADDRINUSE;

			evhttp_free(http);
			return sl_err_set(err, code,
					  "control.metrics \"%s\": cannot listen there: %s; name "
					  "another address or port",
					  text, strerror(-code));
		}
	}
	if (metrics->http)
		evhttp_free(metrics->http);
	metrics->http = http;
	return 0;
}
