/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/inside.h"
#include "model/schedule.h"
#include "state/pool_memory.h"

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Whether new flows go to a node; some go to ones that are down where nobody else is left. */
static bool is_served(const struct sl_image_node *node, bool regardless)
{
	return sl_image_node_takes(node) ||
	       (regardless && sl_image_node_hand(node) == SL_HAND_UP && !node->leaving);
}

static double expected_total(const struct sl_image_pool *pool, bool regardless)
{
	double sum = 0;

	for (uint32_t n = 0; n < pool->listed_count; n++)
		if (is_served(&pool->nodes[n], regardless))
			sum += (double)pool->nodes[n].weight_now;
	return sum;
}

static void report_node(const struct sl_model *model, uint32_t place, uint32_t n,
			struct sl_node_report *row)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	const struct sl_image_node *node = &pool->nodes[n];
	const struct sl_model_hooks *hooks = &model->options.hooks;
	void *handler = model->nodes[node->index].handler;
	uint64_t now = model->options.now_ms();
	struct sl_node_stats stats;

	sl_count_node(model, node->index, &stats);
	row->name = node->name;
	row->why = node->why;
	if (!model->ask_health || !model->ask_health(model->ask_context, node->index, &row->health))
		row->health = (struct sl_model_health){.state = "none", .result = "", .text = ""};
	row->conf = node->conf;
	row->index = node->index;
	row->state = sl_image_node_state(node);
	row->weight = node->leaving ? 0 : row->conf->weight;
	row->effective_weight = node->leaving ? 0 : node->weight_now;
	row->standby = !node->leaving && node->conf->backup && node->weight_now == 0;
	row->since_ms = node->since_ms;
	if (node->deadline_ms > now)
		row->deadline_left_ms = node->deadline_ms - now;
	row->slots = node->slots;
	row->home_slots = node->home_slots;
	row->keeps = sl_image_node_keeps(node);
	row->packets = stats.packets;
	row->bytes = stats.bytes;
	row->flows_started = stats.flows_started;
	row->queue_dropped = stats.queue_dropped;
	if (handler && hooks->handler_lost)
		row->handler_lost = hooks->handler_lost(hooks->context, handler);
	row->unreachable = model->nodes[node->index].unreachable;
	row->path_mtu = model->nodes[node->index].path_mtu;
}

static void measure_shares(const struct sl_model *model, struct sl_pool_report *row)
{
	double total = 0;

	for (uint32_t n = 0; n < row->node_count; n++) {
		struct sl_node_report *node = &row->nodes[n];

		node->measured_share =
			(double)(node->packets - model->nodes[node->index].share_base);
		total += node->measured_share;
	}
	for (uint32_t n = 0; n < row->node_count; n++)
		row->nodes[n].measured_share = total > 0 ? row->nodes[n].measured_share / total : 0;
}

/* ---- load ------------------------------------------------------------------------------------ */

static void add_load(struct sl_load *load, uint32_t *count, uint64_t packets, uint64_t weight)
{
	double per_unit = (double)packets * SL_WEIGHT_UNIT / (double)weight;

	load->mean += per_unit;
	load->max = SL_MAX(load->max, per_unit);
	(*count)++;
}

static void end_load(struct sl_load *load, uint32_t count)
{
	if (count)
		load->mean /= count;
	load->factor = load->mean > 0 ? load->max / load->mean : 0;
}

static void measure_load(const struct sl_model *model, struct sl_pool_report *row)
{
	const struct sl_pool_memory *memory = model->pools[row->index].memory;
	uint32_t all = 0, recent = 0, live = 0, oldest = 0;

	if (model->window_filled == SL_LOAD_WINDOW_S)
		oldest = model->window_place;
	for (uint32_t n = 0; n < row->node_count; n++) {
		const struct sl_node_report *node = &row->nodes[n];

		if (node->weight == 0)
			continue;
		add_load(&row->load, &all, node->packets, node->weight);
		if (model->window_filled > 0)
			add_load(&row->load_window, &recent,
				 node->packets - model->nodes[node->index].window[oldest],
				 node->weight);
	}
	for (uint32_t n = 0; memory && memory->flow_entries && n < row->node_count; n++)
		if (row->nodes[n].weight > 0)
			add_load(&row->load_flows, &live,
				 sl_pool_memory_node_load(memory, row->nodes[n].index),
				 row->nodes[n].weight);
	end_load(&row->load_flows, live);
	end_load(&row->load, all);
	end_load(&row->load_window, recent);
}

void sl_report_sample(struct sl_model *model)
{
	const struct sl_image *image = model->image;

	for (uint32_t p = 0; p < image->pool_count; p++)
		for (uint32_t n = 0; n < image->pools[p]->node_count; n++) {
			uint32_t index = image->pools[p]->nodes[n].index;
			struct sl_node_stats stats;

			sl_count_node(model, index, &stats);
			model->nodes[index].window[model->window_place] = stats.packets;
		}
	model->window_place = (model->window_place + 1) % SL_LOAD_WINDOW_S;
	if (model->window_filled < SL_LOAD_WINDOW_S)
		model->window_filled++;
}

/* ---- pools ----------------------------------------------------------------------------------- */

/* Unsettled slots, of those that the configuration has: the snapshot's may be finer while they settle. */
static uint32_t unsettled_of(const struct sl_slot_table *slots, uint32_t count)
{
	uint32_t parts = slots->count / SL_MIN(slots->count, count), unsettled = 0;

	if (parts == 1 || slots->open_count == 0)
		return slots->open_count;
	for (uint32_t slot = 0; slot < slots->count; slot += parts) {
		bool any = false;

		for (uint32_t part = 0; part < parts && !any; part++)
			any = slots->word[slot + part] & SL_SLOT_OPEN;
		unsettled += any;
	}
	return unsettled;
}

/* Unsettled slots by the node that flows they do not know go to. */
static void count_open(const struct sl_model *model, struct sl_pool_report *row)
{
	const struct sl_slot_table *slots = model->pools[row->index].slots;
	uint64_t now = model->options.now_ms();

	if (!slots)
		return;
	row->open_slots = unsettled_of(slots, row->slots);
	for (uint32_t i = 0; i < slots->open_count; i++)
		if (now < slots->open[i].open_until_ms)
			model->nodes[slots->open[i].prior].open_slots++;
	for (uint32_t n = 0; n < row->node_count; n++)
		row->nodes[n].open_slots = model->nodes[row->nodes[n].index].open_slots;
	for (uint32_t i = 0; i < slots->open_count; i++)
		model->nodes[slots->open[i].prior].open_slots = 0;
}

static int report_pool(struct sl_model *model, uint32_t place, struct sl_pool_report *row)
{
	const struct sl_image_pool *pool = model->image->pools[place];
	bool regardless = sl_schedule_regardless(pool);
	double total = expected_total(pool, regardless);

	row->nodes = calloc(pool->node_count + 1, sizeof(*row->nodes));
	if (!row->nodes)
		return -ENOMEM;
	row->name = pool->name;
	row->conf = &pool->conf;
	row->index = pool->index;
	row->slots = pool->conf.slots;
	if (model->pools[pool->index].memory) {
		struct sl_flow_counts flows;

		sl_pool_memory_count(model->pools[pool->index].memory, &flows);
		row->tracked_flows = flows.tracked;
		row->begun_flows = flows.begun;
		row->refused_flows = flows.refused;
		row->flow_capacity = (uint64_t)row->conf->flow_entries * model->options.core_count;
	}
	for (uint32_t n = 0; n < pool->node_count; n++) {
		struct sl_node_report *node = &row->nodes[row->node_count];

		/* cut and removed: only its index is still in use */
		if (pool->nodes[n].leaving && pool->nodes[n].cut)
			continue;
		report_node(model, place, n, node);
		if (total > 0 && is_served(&pool->nodes[n], regardless))
			node->expected_share = (double)node->effective_weight / total;
		row->node_count++;
	}
	count_open(model, row);
	measure_shares(model, row);
	measure_load(model, row);
	return 0;
}

static int report_pools(struct sl_model *model, struct sl_model_report *report)
{
	uint32_t count = model->image->listed_count;

	report->pools = calloc(count + 1, sizeof(*report->pools));
	if (!report->pools)
		return -ENOMEM;
	for (; report->pool_count < count; report->pool_count++) {
		int status =
			report_pool(model, report->pool_count, &report->pools[report->pool_count]);

		if (status < 0)
			return status;
	}
	return 0;
}

/* ---- services, ports ------------------------------------------------------------------------- */

static int report_services(struct sl_model *model, struct sl_model_report *report)
{
	const struct sl_conf *conf = model->image->conf;

	report->services = calloc(conf->service_count + 1, sizeof(*report->services));
	if (!report->services)
		return -ENOMEM;
	report->service_count = conf->service_count;
	for (uint32_t s = 0; s < conf->service_count; s++) {
		struct sl_service_report *row = &report->services[s];
		struct sl_service_counts counts;

		sl_count_service(model, model->image->service_index[s], &counts);
		row->name = conf->services[s].name;
		row->conf = &conf->services[s];
		row->pool = model->image->pools[conf->services[s].pool]->name;
		row->packets = counts.stats.packets;
		row->bytes = counts.stats.bytes;
		row->flows_started = counts.extra.flows_started;
		memcpy(row->dropped, counts.extra.dropped, sizeof(row->dropped));
	}
	return 0;
}

static void add_drops(uint64_t *sum, const uint64_t *one)
{
	for (uint32_t d = 0; d < SL_DROP_COUNT; d++)
		sum[d] += __atomic_load_n(&one[d], __ATOMIC_RELAXED);
}

static void add_port(struct sl_port_stats *sum, const struct sl_port_stats *one)
{
	sum->rx_packets += __atomic_load_n(&one->rx_packets, __ATOMIC_RELAXED);
	sum->rx_bytes += __atomic_load_n(&one->rx_bytes, __ATOMIC_RELAXED);
	sum->tx_packets += __atomic_load_n(&one->tx_packets, __ATOMIC_RELAXED);
	sum->tx_bytes += __atomic_load_n(&one->tx_bytes, __ATOMIC_RELAXED);
	sum->tx_failed += __atomic_load_n(&one->tx_failed, __ATOMIC_RELAXED);
	sum->tx_too_big += __atomic_load_n(&one->tx_too_big, __ATOMIC_RELAXED);
}

const char *sl_link_name(enum sl_link_state link)
{
	static const char *const names[] = {
#define X(id, name, value) [value] = (name),
		SL_LINKS(X)
#undef X
	};

	return names[link];
}

static int report_ports(struct sl_model *model, struct sl_model_report *report)
{
	const struct sl_model_options *options = &model->options;
	const struct sl_conf *conf = model->image->conf;

	report->ports = calloc(conf->port_count + 1, sizeof(*report->ports));
	if (!report->ports)
		return -ENOMEM;
	report->port_count = conf->port_count;
	for (uint32_t p = 0; p < conf->port_count; p++) {
		struct sl_port_report *row = &report->ports[p];
		struct sl_model_port_device device = {0};

		row->name = conf->ports[p].name;
		for (uint32_t c = 0; c < options->core_count; c++) {
			add_port(&row->stats, &options->cores[c]->ports[p]);
			add_drops(row->dropped, options->cores[c]->port_dropped[p]);
		}
		for (uint32_t w = 0; w < options->worker_count; w++)
			add_port(&row->stats, &options->workers[w]->ports[p]);
		if (options->hooks.port_device)
			options->hooks.port_device(options->hooks.context, p, &device);
		row->rx_missed = device.rx_missed;
		row->rx_no_buffer = device.rx_no_buffer;
		row->link = device.link;
		/* drivers go on telling that of a link that was */
		row->speed_mbps = device.link == SL_LINK_UP ? device.speed_mbps : 0;
		row->rx_queues = device.rx_queues;
		row->mtu = sl_model_mtu(model, p);
	}
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* From the first packet that any core received to the last that a core or a worker had. */
static double traffic_seconds(const struct sl_model_options *options)
{
	uint64_t first = UINT64_MAX, last = 0;

	for (uint32_t c = 0; c < options->core_count; c++) {
		uint64_t begun = sl_stats_read(&options->cores[c]->first_packet_tsc);
		uint64_t ended = sl_stats_read(&options->cores[c]->last_packet_tsc);

		if (begun != 0)
			first = SL_MIN(first, begun);
		last = SL_MAX(last, ended);
	}
	for (uint32_t w = 0; w < options->worker_count; w++) {
		uint64_t ended = sl_stats_read(&options->workers[w]->last_packet_tsc);

		last = SL_MAX(last, ended);
	}
	return first < last && options->tsc_hz ? (double)(last - first) / (double)options->tsc_hz
					       : 0;
}

/* The flows of the nodes that are in the report: pools are asked for each. */
static void count_flows(const struct sl_model *model, struct sl_model_report *report)
{
	for (uint32_t p = 0; p < report->pool_count; p++)
		for (uint32_t n = 0; n < report->pools[p].node_count; n++) {
			struct sl_node_report *row = &report->pools[p].nodes[n];

			row->flows = row->keeps ? sl_life_node_flows(model, row->index) : 0;
		}
}

static void report_classes(const struct sl_model *model, struct sl_model_report *report)
{
	const struct sl_conf *conf = model->image->conf;

	report->class_count = conf->class_count;
	for (uint32_t c = 0; c < conf->class_count; c++) {
		report->classes[c].name = conf->classes[c].name;
		for (uint32_t i = 0; i < model->options.core_count; i++)
			report->classes[c].queue_dropped +=
				sl_stats_read(&model->options.cores[i]->class_dropped[c]);
	}
}

static int build(struct sl_model *model, struct sl_model_report **report)
{
	struct sl_model_report *made = calloc(1, sizeof(*made));
	int status;

	if (!made)
		return -ENOMEM;
	sl_model_hear(model);
	made->generation = model->image->generation;
	made->snapshot = model->snapshot ? model->snapshot->number : 0;
	made->uptime_s = (double)(model->options.now_ms() - model->started_ms) / 1000.0;
	made->traffic_s = traffic_seconds(&model->options);
	if (model->options.hooks.understudy)
		model->options.hooks.understudy(model->options.hooks.context, &made->understudy);
	sl_stats_balance(model->options.cores, model->options.core_count, model->options.workers,
			 model->options.worker_count, &made->balance);
	report_classes(model, made);
	status = report_ports(model, made);
	if (status == 0)
		status = report_services(model, made);
	if (status == 0)
		status = report_pools(model, made);
	if (status < 0) {
		sl_model_report_destroy(made);
		return status;
	}
	*report = made;
	return 0;
}

void sl_model_report_destroy(struct sl_model_report *report)
{
	if (!report)
		return;
	for (uint32_t p = 0; report->pools && p < report->pool_count; p++)
		free(report->pools[p].nodes);
	free(report->pools);
	free(report->services);
	free(report->ports);
	free(report);
}

/* Keeps count nodes from number `from` on. Returns the number of the next node, 0: that was the last. */
static uint64_t cut_page(struct sl_model_report *report, const char *pool, uint64_t from,
			 uint64_t count)
{
	uint64_t end = count < UINT64_MAX - from ? from + count : UINT64_MAX, number = 0;

	for (uint32_t p = 0; p < report->pool_count; p++) {
		struct sl_pool_report *row = &report->pools[p];
		uint64_t first = number, last;

		if (pool && strcmp(pool, row->name) != 0)
			continue;
		number += row->node_count;
		last = SL_MAX(first, SL_MIN(end, number));
		first = SL_MIN(SL_MAX(from, first), last);
		row->paged = last - first < row->node_count;
		memmove(row->nodes, row->nodes + (first - (number - row->node_count)),
			(last - first) * sizeof(*row->nodes));
		row->node_count = (uint32_t)(last - first);
	}
	return end < number ? end : 0;
}

int sl_model_report_build(struct sl_model *model, struct sl_model_report **report)
{
	int status = build(model, report);

	if (status == 0)
		count_flows(model, *report);
	return status;
}

int sl_model_report_page(struct sl_model *model, const char *pool, uint64_t from, uint64_t count,
			 struct sl_model_report **report, uint64_t *next)
{
	int status = build(model, report);

	if (status < 0)
		return status;
	*next = cut_page(*report, pool, from, count);
	count_flows(model, *report);
	return 0;
}

void sl_model_health_set(struct sl_model *model, sl_model_ask_health *ask, void *context)
{
	model->ask_health = ask;
	model->ask_context = context;
}
