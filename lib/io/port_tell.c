/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/port.h"

#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#include "io/interface.h"

#define RSS_PORTS (RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP)

static const char *link_text(const struct sl_port *port, char *text, size_t size)
{
	if (!port->link_up)
		return "down";
	if (port->speed_mbps == 0)
		return "up";
	snprintf(text, size, "up at %u Mbit/s", port->speed_mbps);
	return text;
}

static const char *rss_text(const struct sl_port *port)
{
	if (port->rss == 0)
		return "no RSS";
	return (port->rss & RSS_PORTS) != 0 ? "RSS over addresses and ports" : "RSS over addresses";
}

const char *sl_port_describe(const struct sl_port *port, char *text, uint32_t size)
{
	char mac[SL_MAC_TEXT_SIZE], link[32], fewer[64] = "";

	if (port->rx_queue_count < port->rx_queue_wanted)
		snprintf(fewer, sizeof(fewer), " (of %u receive CPUs %u serve%s it)",
			 port->rx_queue_wanted, port->rx_queue_count,
			 port->rx_queue_count == 1 ? "s" : "");
	snprintf(text, size,
		 "port %s: %s, %s, link %s, mtu %u, %u receive queue%s%s, %u transmit "
		 "queue%s, %s%s",
		 port->name, port->driver, sl_mac_format(&port->mac, mac),
		 link_text(port, link, sizeof(link)), port->mtu, port->rx_queue_count,
		 port->rx_queue_count == 1 ? "" : "s", fewer, port->tx_queue_count,
		 port->tx_queue_count == 1 ? "" : "s", rss_text(port),
		 port->is_capture ? ", captures" : "");
	return text;
}

/* Whether the driver has taken a frame from its source before it looks for a buffer. */
static bool loses_without_buffer(const struct sl_port *port)
{
	return strcmp(port->driver, "net_pcap") == 0 || strcmp(port->driver, "net_tap") == 0;
}

void sl_port_counters_read(struct sl_port *port, struct sl_port_counters *counters)
{
	bool sockets = strcmp(port->driver, "net_af_packet") == 0;
	struct rte_eth_stats stats = {0};

	if (rte_eth_stats_get(port->port_id, &stats) != 0)
		memset(&stats, 0, sizeof(stats));
	for (uint16_t i = 0; sockets && i < port->arrival.count; i++)
		port->missed += sl_interface_missed(port->arrival.fd[i]);
	counters->rx_missed = stats.imissed + port->missed;
	if (loses_without_buffer(port))
		counters->rx_missed += stats.rx_nombuf;
	counters->rx_errors = stats.ierrors;
	counters->rx_no_buffer = stats.rx_nombuf;
}
