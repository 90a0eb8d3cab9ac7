/* SPDX-License-Identifier: BSD-3-Clause */

#include "show/figure.h"

#include <string.h>

#include "base/bytes.h"
#include "model/model.h"

_Static_assert(sizeof(enum sl_node_state) == sizeof(uint32_t), "a state is read as a number");
_Static_assert(sizeof(enum sl_link_state) == sizeof(uint32_t), "and so is a link");

#define FIGURES(of, list) const struct sl_figures sl_figures_##of = {(list), SL_ARRAY_COUNT(list)}

#define AT(member) offsetof(struct sl_balance, member), SL_FIGURE_U64
static const struct sl_figure balance[] = {
	{"received", AT(received), "received_packets_total", "Packets received from ports."},
	{"delivered", AT(delivered), "delivered_packets_total", "Packets that local workers took."},
	{"forwarded", AT(forwarded), "forwarded_packets_total", "Packets sent to nodes."},
	{"punted", AT(punted), "punted_packets_total",
	 "Packets that no service takes, and those that sluice answers itself."},
	{"dropped", AT(dropped), NULL, NULL}, /* the metric has the reasons */
	{"in_flight", AT(in_flight), "in_flight_packets",
	 "Packets received and not yet counted otherwise."},
};
#undef AT
FIGURES(balance, balance);

#define AT(member) offsetof(struct sl_understudy, member), SL_FIGURE_U64
static const struct sl_figure understudy[] = {
	{"packets", AT(packets), "understudy_packets_total",
	 "Packets that the kernel's program sent to nodes while no daemon was there."},
	{"bytes", AT(bytes), "understudy_bytes_total", "Octets of these."},
	{"dropped", AT(dropped), "understudy_dropped_packets_total",
	 "Packets of services that it could send to no remote node."},
	{"passed", AT(passed), "understudy_passed_packets_total",
	 "Packets of services that it left to the kernel."},
	{"seconds", offsetof(struct sl_understudy, seconds), SL_FIGURE_REAL,
	 "understudy_seconds_total", "Time in which it served."},
	{"times", AT(times), "understudy_times_total", "Stretches in which it served."},
};
#undef AT
FIGURES(understudy, understudy);

#define AT(member)	    offsetof(struct sl_port_report, member), SL_FIGURE_U64
#define TYPED(member, type) offsetof(struct sl_port_report, member), SL_FIGURE_##type
static const struct sl_figure port[] = {
	{"rx_packets", AT(stats.rx_packets), "port_receive_packets_total",
	 "Packets received by port."},
	{"rx_bytes", AT(stats.rx_bytes), "port_receive_bytes_total", "Octets received by port."},
	{"tx_packets", AT(stats.tx_packets), "port_transmit_packets_total",
	 "Packets sent by port."},
	{"tx_bytes", AT(stats.tx_bytes), "port_transmit_bytes_total", "Octets sent by port."},
	{"rx_missed", AT(rx_missed), "port_receive_missed_total",
	 "Packets the device had no room for."},
	{"rx_no_buffer", AT(rx_no_buffer), "port_receive_no_buffer_total",
	 "Times that the device found no packet buffer."},
	{"tx_failed", AT(stats.tx_failed), "port_transmit_failed_total",
	 "Packets the device did not take."},
	{"tx_too_big", AT(stats.tx_too_big), "port_transmit_too_big_total",
	 "Packets of handlers that were larger than the port's MTU."},
	{"link", TYPED(link, LINK), "port_up", "Whether the link of a port is up."},
	{"speed_mbps", TYPED(speed_mbps, U32), "port_speed_mbps",
	 "Megabits a second of a port's link, 0: unknown."},
	{"mtu", TYPED(mtu, U32), "port_mtu_bytes", "Octets of IP packets on a port at most."},
	{"rx_queues", TYPED(rx_queues, U32), "port_receive_queues",
	 "Receive queues of a port that are polled."},
};
#undef AT
#undef TYPED
FIGURES(port, port);

#define AT(member) offsetof(struct sl_service_report, member), SL_FIGURE_U64
static const struct sl_figure service[] = {
	{"packets", AT(packets), "service_packets_total", "Packets of a service."},
	{"bytes", AT(bytes), "service_bytes_total", "Octets of a service."},
	{"flows_started", AT(flows_started), "service_started_flows_total",
	 "Beginnings of flows seen for a service."},
};
#undef AT
FIGURES(service, service);

static const struct sl_figure class[] = {
	{"queue_dropped", offsetof(struct sl_class_report, queue_dropped), SL_FIGURE_U64,
	 "class_queue_dropped_packets_total",
	 "Packets of a class of service that workers' full rings did not take."},
};
FIGURES(class, class);

#define AT(member, type) offsetof(struct sl_pool_report, member), SL_FIGURE_##type
static const struct sl_figure pool[] = {
	{"slots", AT(slots, U32), "pool_slots", "Slots of a pool."},
	{"open_slots", AT(open_slots, U32), "pool_open_slots",
	 "Slots that have not settled since they moved."},
	{"tracked_flows", AT(tracked_flows, U64), "pool_tracked_flows",
	 "Flows in flow tables, live or closing."},
	{"begun_flows", AT(begun_flows, U64), "pool_begun_flows",
	 "Connections that are being opened."},
	{"flow_capacity", AT(flow_capacity, U64), "pool_flow_capacity",
	 "Flows that a pool's tables have room for, over all cores."},
	{"refused_flows", AT(refused_flows, U64), "pool_refused_flows_total",
	 "Flows that found no room in a table."},
	{"load.mean", AT(load.mean, REAL), "pool_load_mean_packets",
	 "Packets per unit of weight, mean of nodes."},
	{"load.max", AT(load.max, REAL), "pool_load_max_packets",
	 "Packets per unit of weight, most of any node."},
	{"load.factor", AT(load.factor, REAL), "pool_load_factor_ratio",
	 "Most over mean load of the nodes."},
	{"flow_load.mean", AT(load_flows.mean, REAL), "pool_flow_load_mean",
	 "Live flows per unit of weight, as their services weigh them: mean of nodes."},
	{"flow_load.max", AT(load_flows.max, REAL), "pool_flow_load_max",
	 "Live flows per unit of weight, most of any node."},
	{"flow_load.factor", AT(load_flows.factor, REAL), "pool_flow_load_factor_ratio",
	 "Most over mean live flows of the nodes."},
};
#undef AT
FIGURES(pool, pool);

#define AT(member, type) offsetof(struct sl_node_report, member), SL_FIGURE_##type
static const struct sl_figure node[] = {
	{"weight", AT(weight, WEIGHT), "node_weight", "Weight of a node."},
	{"effective_weight", AT(effective_weight, WEIGHT), "node_effective_weight",
	 "Weight that a node's share goes by: scaled by slow start, agent or latency."},
	{"state", AT(state, STATE), "node_up", "Whether the node takes new flows."},
	{"slots", AT(slots, U32), "node_slots", "Slots that packets use now."},
	{"expected_share", AT(expected_share, REAL), "node_expected_share_ratio",
	 "Share of packets by weight."},
	{"measured_share", AT(measured_share, REAL), "node_measured_share_ratio",
	 "Share of packets since expected shares last changed."},
	{"packets", AT(packets, U64), "node_packets_total", "Packets given to a node."},
	{"bytes", AT(bytes, U64), "node_bytes_total", "Octets given to a node."},
	{"flows", AT(flows, U64), "node_flows", "Flows in flow tables that name the node."},
	{"flows_started", AT(flows_started, U64), "node_started_flows_total",
	 "Beginnings of flows seen for a node."},
	{"queue_dropped", AT(queue_dropped, U64), "node_queue_dropped_packets_total",
	 "Packets that a worker's full ring did not take."},
	{"handler_lost", AT(handler_lost, U64), "node_handler_lost_packets_total",
	 "Packets that a worker's handler took and lost."},
	{"unreachable", AT(unreachable, U64), "node_unreachable_errors_total",
	 "ICMP errors that say that tunnel packets do not reach the node."},
	{"path_mtu", AT(path_mtu, U32), "node_path_mtu_bytes",
	 "What the path to the node was told to take, 0 where it is what the port takes."},
};
#undef AT
FIGURES(node, node);

const char *sl_figure_word(const struct sl_figure *figure, const void *row)
{
	if (figure->type == SL_FIGURE_STATE)
		return sl_node_state_name((enum sl_node_state)sl_figure_number(figure, row));
	if (figure->type == SL_FIGURE_LINK)
		return sl_link_name((enum sl_link_state)sl_figure_number(figure, row));
	return NULL;
}

uint64_t sl_figure_number(const struct sl_figure *figure, const void *row)
{
	const unsigned char *at = (const unsigned char *)row + figure->offset;
	uint32_t small;
	uint64_t large;

	if (figure->type == SL_FIGURE_U32 || figure->type == SL_FIGURE_STATE ||
	    figure->type == SL_FIGURE_LINK) {
		memcpy(&small, at, sizeof(small));
		return small;
	}
	memcpy(&large, at, sizeof(large));
	return large;
}

double sl_figure_real(const struct sl_figure *figure, const void *row)
{
	const unsigned char *at = (const unsigned char *)row + figure->offset;
	double real;

	if (figure->type == SL_FIGURE_REAL) {
		memcpy(&real, at, sizeof(real));
		return real;
	}
	if (figure->type == SL_FIGURE_LINK)
		return sl_figure_number(figure, row) == SL_LINK_UP;
	if (figure->type == SL_FIGURE_STATE)
		return sl_figure_number(figure, row) == SL_NODE_STATE_UP;
	if (figure->type == SL_FIGURE_WEIGHT)
		return (double)sl_figure_number(figure, row) / SL_WEIGHT_UNIT;
	return (double)sl_figure_number(figure, row);
}
