/* SPDX-License-Identifier: BSD-3-Clause */

#include "show/prometheus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/process.h"
#include "show/figure.h"

/* ---- text ------------------------------------------------------------------------------------ */

/* A family of samples: its head once, then the samples. Counters are those whose name says so. */
static void head(FILE *out, const char *name, const char *help)
{
	size_t length = strlen(name), end = sizeof("_total") - 1;
	bool counts = length > end && strcmp(name + length - end, "_total") == 0;

	(void)fprintf(out, "# HELP sluice_%s %s\n# TYPE sluice_%s %s\n", name, help, name,
		      counts ? "counter" : "gauge");
}

static void sample(FILE *out, const char *name, const char *labels, uint64_t value)
{
	(void)fprintf(out, "sluice_%s%s %" PRIu64 "\n", name, labels, value);
}

static void sample_real(FILE *out, const char *name, const char *labels, double value)
{
	(void)fprintf(out, "sluice_%s%s %.15g\n", name, labels, value);
}

static void sample_figure(FILE *out, const struct sl_figure *figure, const char *labels,
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

/* ---- families -------------------------------------------------------------------------------- */

static void write_daemon(FILE *out, const struct sl_show_daemon *daemon,
			 const struct sl_model_report *report)
{
	LABELS("{version=\"%s\"}", daemon->version);
	head(out, "build_info", "Version of the daemon.");
	sample(out, "build_info", labels, 1);
	head(out, "uptime_seconds", "Time since the start.");
	sample_real(out, "uptime_seconds", "", report->uptime_s);
	head(out, "generation", "Changes that operators made.");
	sample(out, "generation", "", report->generation);
	head(out, "snapshot", "Snapshots that were published.");
	sample(out, "snapshot", "", report->snapshot);
}

/* Figures of one row. */
static void write_row(FILE *out, const struct sl_figures *figures, const void *row)
{
	for (uint32_t i = 0; i < figures->count; i++) {
		const struct sl_figure *figure = &figures->list[i];

		if (!figure->metric)
			continue;
		head(out, figure->metric, figure->help);
		sample_figure(out, figure, "", row);
	}
}

static void write_balance(FILE *out, const struct sl_balance *balance)
{
	write_row(out, &sl_figures_balance, balance);
	head(out, "dropped_packets_total", "Packets dropped, by reason.");
	for (uint32_t d = 0; d < SL_DROP_COUNT; d++) {
		LABELS("{reason=\"%s\"}", sl_drop_name((enum sl_drop)d));
		sample(out, "dropped_packets_total", labels, balance->drops[d]);
	}
}

/* Rows begin with their name. */
static void write_rows(FILE *out, const struct sl_figures *figures, const char *kind,
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

/* Services have those reasons alone that a packet meets behind them. */
static bool is_of_service(uint32_t reason)
{
	return reason != SL_DROP_NO_SERVICE && reason != SL_DROP_TRUNCATED &&
	       reason != SL_DROP_BAD_HEADER && reason != SL_DROP_FRAGMENT;
}

static void write_drops(FILE *out, const struct sl_model_report *report)
{
	head(out, "port_dropped_packets_total",
	     "Packets dropped, by reason and the port that they came in by.");
	for (uint32_t p = 0; p < report->port_count; p++)
		for (uint32_t d = 0; d < SL_DROP_COUNT; d++) {
			LABELS("{port=\"%s\",reason=\"%s\"}", report->ports[p].name,
			       sl_drop_name((enum sl_drop)d));
			sample(out, "port_dropped_packets_total", labels,
			       report->ports[p].dropped[d]);
		}
	head(out, "service_dropped_packets_total", "Packets of a service dropped, by reason.");
	for (uint32_t s = 0; s < report->service_count; s++)
		for (uint32_t d = 0; d < SL_DROP_COUNT; d++) {
			LABELS("{service=\"%s\",reason=\"%s\"}", report->services[s].name,
			       sl_drop_name((enum sl_drop)d));
			if (is_of_service(d))
				sample(out, "service_dropped_packets_total", labels,
				       report->services[s].dropped[d]);
		}
}

/* Two nodes of a pool have one name only while the one before is leaving: that one's samples say its
 * index, those of the other are the same series as ever. */
static void write_node(FILE *out, const struct sl_figure *figure, const char *pool,
		       const struct sl_node_report *node, bool has_namesake)
{
	char index[24] = "";

	if (has_namesake)
		(void)snprintf(index, sizeof(index), ",index=\"%" PRIu32 "\"", node->index);
	LABELS("{pool=\"%s\",node=\"%s\"%s}", pool, node->name, index);
	sample_figure(out, figure, labels, node);
}

static int compare_names(const void *one, const void *other)
{
	const struct sl_node_report *const *a = one, *const *b = other;
	int order = strcmp((*a)->name, (*b)->name);

	/* of one name, what is not leaving comes first, then what is newer */
	if (order == 0)
		order = ((*a)->state == SL_NODE_STATE_LEAVING) -
			((*b)->state == SL_NODE_STATE_LEAVING);
	return order ? order : ((*a)->index < (*b)->index) - ((*a)->index > (*b)->index);
}

/* Marks the pool's nodes whose name another one has a better claim to; NULL: no memory,
 * then all that are leaving count as such. */
static bool *find_namesakes(const struct sl_pool_report *pool)
{
	const struct sl_node_report **nodes = calloc(pool->node_count + 1u, sizeof(*nodes));
	bool *marks = calloc(pool->node_count + 1u, sizeof(*marks));

	for (uint32_t n = 0; nodes && marks && n < pool->node_count; n++)
		nodes[n] = &pool->nodes[n];
	if (nodes && marks)
		qsort(nodes, pool->node_count, sizeof(*nodes), compare_names);
	for (uint32_t n = 1; nodes && marks && n < pool->node_count; n++)
		marks[nodes[n] - pool->nodes] = strcmp(nodes[n]->name, nodes[n - 1]->name) == 0;
	free(nodes);
	return marks;
}

static void write_pool_nodes(FILE *out, const struct sl_figure *figure,
			     const struct sl_pool_report *pool, const bool *namesakes)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		write_node(out, figure, pool->name, &pool->nodes[n],
			   namesakes ? namesakes[n]
				     : pool->nodes[n].state == SL_NODE_STATE_LEAVING);
}

static void write_nodes(FILE *out, const struct sl_model_report *report)
{
	bool **namesakes = calloc(report->pool_count + 1u, sizeof(*namesakes));

	for (uint32_t p = 0; namesakes && p < report->pool_count; p++)
		namesakes[p] = find_namesakes(&report->pools[p]);
	for (uint32_t i = 0; i < sl_figures_node.count; i++) {
		const struct sl_figure *figure = &sl_figures_node.list[i];

		head(out, figure->metric, figure->help);
		for (uint32_t p = 0; p < report->pool_count; p++)
			write_pool_nodes(out, figure, &report->pools[p],
					 namesakes ? namesakes[p] : NULL);
	}
	for (uint32_t p = 0; namesakes && p < report->pool_count; p++)
		free(namesakes[p]);
	free(namesakes);
}

/* What has a name of its own, as others' exporters have it. */
static void write_process(FILE *out)
{
	struct sl_process process;

	if (sl_process_look(&process))
		return;
	(void)fprintf(out,
		      "# HELP process_cpu_seconds_total Processor time of all threads.\n"
		      "# TYPE process_cpu_seconds_total counter\n"
		      "process_cpu_seconds_total %.2f\n"
		      "# HELP process_resident_memory_bytes Memory in use, of hugepages none.\n"
		      "# TYPE process_resident_memory_bytes gauge\n"
		      "process_resident_memory_bytes %" PRIu64 "\n"
		      "# HELP process_open_fds Descriptors in use.\n"
		      "# TYPE process_open_fds gauge\n"
		      "process_open_fds %" PRIu32 "\n"
		      "# HELP process_start_time_seconds When it was started.\n"
		      "# TYPE process_start_time_seconds gauge\n"
		      "process_start_time_seconds %.3f\n",
		      process.cpu_s, process.resident, process.descriptors, process.start_s);
}

static void write_gauge(FILE *out, const char *name, const char *help, double value)
{
	head(out, name, help);
	sample_real(out, name, "", value);
}

static void write_keeping(FILE *out, const struct sl_show_daemon *daemon)
{
	write_gauge(out, "last_change_timestamp_seconds",
		    "When the last change was made, 0: never.", (double)daemon->changed_ms / 1000);
	write_gauge(out, "last_reload_timestamp_seconds",
		    "When the configuration file was last applied by a signal, 0: never.",
		    (double)daemon->reloaded_ms / 1000);
	write_gauge(out, "last_reload_successful",
		    "Whether it was applied the last time that it was asked for.",
		    !daemon->reload_failed);
	write_gauge(out, "state_unsaved", "Whether the state file lacks the present state.",
		    daemon->state_unsaved);
	head(out, "state_write_failures_total", "Writes of the state file that failed.");
	sample(out, "state_write_failures_total", "", daemon->state_failures);
	write_gauge(out, "flows_taken_up", "Flows that the start took up from the process before.",
		    (double)daemon->flows_taken_up);
}

static void write_level(FILE *out, const char *name, const char *what,
			const struct sl_fill_level *level)
{
	char metric[64], help[96];

	(void)snprintf(help, sizeof(help), "%s there are.", what);
	write_gauge(out, name, help, (double)level->capacity);
	(void)snprintf(metric, sizeof(metric), "%s_used", name);
	(void)snprintf(help, sizeof(help), "%s in use.", what);
	write_gauge(out, metric, help, (double)level->used);
}

/* ---- workers --------------------------------------------------------------------------------- */

enum { WORKER_QUEUED = 0, WORKER_CAPACITY, WORKER_DROPPED, WORKER_STUCK, WORKER_SLOW, WORKER_END };

static uint64_t worker_value(const struct sl_fill_worker *worker, int what)
{
	switch (what) {
	case WORKER_QUEUED:
		return worker->queue.used;
	case WORKER_CAPACITY:
		return worker->queue.capacity;
	case WORKER_DROPPED:
		return worker->dropped;
	case WORKER_STUCK:
		return worker->stuck;
	default:
		return worker->slow;
	}
}

/* Up to what the worker's ring can hold. */
static void write_depths(FILE *out, uint32_t number, const struct sl_depths *depths, uint64_t most)
{
	uint64_t times = 0;

	for (uint32_t n = 0; n < SL_DEPTHS; n++) {
		LABELS("{worker=\"%" PRIu32 "\",le=\"%" PRIu64 "\"}", number, UINT64_C(1) << n);

		times += depths->times[n];
		if (UINT64_C(1) << n <= most)
			sample(out, "worker_queue_depth_packets_bucket", labels, times);
	}
	LABELS("{worker=\"%" PRIu32 "\",le=\"+Inf\"}", number);
	sample(out, "worker_queue_depth_packets_bucket", labels, times);
	(void)snprintf(labels, sizeof(labels), "{worker=\"%" PRIu32 "\"}", number);
	sample(out, "worker_queue_depth_packets_sum", labels, depths->packets);
	sample(out, "worker_queue_depth_packets_count", labels, times);
}

static void write_workers(FILE *out, const struct sl_fill *fill)
{
	static const char *const families[WORKER_END][2] = {
		[WORKER_QUEUED] = {"worker_queue_packets", "Packets that wait for a worker."},
		[WORKER_CAPACITY] = {"worker_queue_capacity_packets",
				     "Packets that a worker's queue has room for."},
		[WORKER_DROPPED] = {"worker_queue_dropped_packets_total",
				    "Packets that a worker's queue had no room for."},
		[WORKER_STUCK] = {"worker_stuck", "Whether a worker's handler does not come back."},
		[WORKER_SLOW] = {"worker_slow",
				 "Whether packets for a worker were dropped in the last seconds."},
	};

	for (int f = 0; f < WORKER_END; f++) {
		head(out, families[f][0], families[f][1]);
		for (uint32_t w = 0; w < fill->worker_count; w++) {
			LABELS("{worker=\"%" PRIu32 "\"}", w);
			sample(out, families[f][0], labels, worker_value(&fill->workers[w], f));
		}
	}
	(void)fputs("# HELP sluice_worker_queue_depth_packets Packets in a queue when a worker "
		    "took a burst from it.\n# TYPE sluice_worker_queue_depth_packets histogram\n",
		    out);
	for (uint32_t w = 0; w < fill->worker_count; w++)
		write_depths(out, w, &fill->workers[w].depths, fill->workers[w].queue.capacity);
}

static void write_fill(FILE *out, const struct sl_fill_source *source)
{
	struct sl_fill fill;

	if (!source->read)
		return;
	source->read(source->context, &fill);
	write_level(out, "packet_buffers", "Packet buffers, those of devices' queues among them,",
		    &fill.buffers);
	write_level(out, "transmit_ring_entries",
		    "Entries of the rings to cores that own transmit queues", &fill.transmit);
	write_workers(out, &fill);
}

/* One sample of each node's family, of nodes that are no others' namesakes by leaving. */
static void write_states(FILE *out, const struct sl_model_report *report)
{
	head(out, "node_state", "The state that a node is in, as a label: 1.");
	for (uint32_t p = 0; p < report->pool_count; p++)
		for (uint32_t n = 0; n < report->pools[p].node_count; n++) {
			const struct sl_node_report *node = &report->pools[p].nodes[n];
			LABELS("{pool=\"%s\",node=\"%s\",state=\"%s\",index=\"%" PRIu32 "\"}",
			       report->pools[p].name, node->name, sl_node_state_name(node->state),
			       node->index);

			sample(out, "node_state", labels, 1);
		}
}

enum { HEALTH_UP = 0, HEALTH_SECONDS = 1, HEALTH_CHECKS = 2, HEALTH_FAILURES = 3 };

static double health_value(const struct sl_model_health *health, int what)
{
	switch (what) {
	case HEALTH_UP:
		return strcmp(health->state, "up") == 0;
	case HEALTH_SECONDS:
		return health->ms / 1000;
	case HEALTH_CHECKS:
		return (double)health->checks;
	default:
		return (double)health->failures;
	}
}

/* Of nodes that are checked. */
static void write_health(FILE *out, const struct sl_model_report *report)
{
	static const char *const families[][2] = {
		{"node_health_up", "Whether a node's health check says that it is up."},
		{"node_health_check_seconds", "How long a node's last health check took."},
		{"node_health_checks_total", "Health checks of a node."},
		{"node_health_failures_total", "Health checks of a node that failed."},
	};

	for (int f = 0; f < 4; f++) {
		head(out, families[f][0], families[f][1]);
		for (uint32_t p = 0; p < report->pool_count; p++)
			for (uint32_t n = 0; n < report->pools[p].node_count; n++) {
				const struct sl_node_report *node = &report->pools[p].nodes[n];
				LABELS("{pool=\"%s\",node=\"%s\"}", report->pools[p].name,
				       node->name);

				if (strcmp(node->health.state, "none") != 0 &&
				    node->state != SL_NODE_STATE_LEAVING)
					sample_real(out, families[f][0], labels,
						    health_value(&node->health, f));
			}
	}
}

static void write_cores(FILE *out, const struct sl_show_daemon *daemon)
{
	head(out, "core_busy_ratio", "Share of a core's cycles in the last second that did work.");
	for (uint32_t i = 0; i < daemon->core_count; i++) {
		LABELS("{core=\"%s\",cpu=\"%d\"}", daemon->cores[i].name, daemon->cores[i].cpu);
		sample_real(out, "core_busy_ratio", labels, daemon->cores[i].busy);
	}
}

void sl_prometheus_write(FILE *out, const struct sl_show_daemon *daemon,
			 const struct sl_model_report *report)
{
	write_daemon(out, daemon, report);
	write_balance(out, &report->balance);
	write_row(out, &sl_figures_understudy, &report->understudy);
	write_rows(out, &sl_figures_port, "port", report->ports, sizeof(*report->ports),
		   report->port_count);
	write_rows(out, &sl_figures_service, "service", report->services, sizeof(*report->services),
		   report->service_count);
	write_rows(out, &sl_figures_class, "class", report->classes, sizeof(*report->classes),
		   report->class_count);
	write_rows(out, &sl_figures_pool, "pool", report->pools, sizeof(*report->pools),
		   report->pool_count);
	write_drops(out, report);
	write_nodes(out, report);
	write_cores(out, daemon);
	write_states(out, report);
	write_health(out, report);
	write_keeping(out, daemon);
	write_fill(out, &daemon->fill);
	write_process(out);
}
