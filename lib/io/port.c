/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/bytes.h"
#include "io/device.h"
#include "io/form.h"
#include "io/interface.h"
#include "io/link.h"
#include "io/packet.h"
#include "io/words.h"

#define DESCRIPTORS    1024 /* of a queue, as far as the device likes */
#define POOL_CACHE     256  /* buffers a core keeps at hand */
#define FRAME_OVERHEAD (RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN + 8) /* two VLAN tags */

#define RSS_WANTED (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP)

_Static_assert(RTE_PKTMBUF_HEADROOM >= SL_PORT_HEADROOM, "encapsulation fits the headroom");

static bool taken[RTE_MAX_ETHPORTS]; /* by an open sl_port */

/* The device string, with the MTU that the link allows, which is returned. */
static uint16_t form(const struct sl_port_spec *spec, char *text)
{
	uint16_t mtu;
	size_t used;

	sl_form_write(spec->device, spec->rx_queues, SL_MTU_MIN, text);
	mtu = sl_link_mtu(text, spec->mtu);
	sl_form_write(spec->device, spec->rx_queues, mtu, text);
	used = strlen(text);
	if (spec->program)
		snprintf(text + used, SL_FORM_SIZE - used, ",xdp_prog=%s", spec->program);
	return mtu;
}

uint32_t sl_port_room(const struct sl_port_spec *spec)
{
	char text[SL_FORM_SIZE];

	(void)form(spec, text);
	return SL_MAX(sl_form_room(text), (uint32_t)SL_PORT_ROOM);
}

/* What cores keep at hand, half as much again at times, is a fifth of all buffers at most: the rest
 * can be had by whoever receives. */
int sl_port_pool_create(const char *name, uint32_t buffers, uint32_t room,
			struct rte_mempool **pool, struct sl_err *err)
{
	uint32_t cache = SL_MIN(buffers / (8 * rte_lcore_count()), (uint32_t)POOL_CACHE);
	struct rte_mempool *made;

	sl_words_clear();
	made = rte_pktmbuf_pool_create(name, buffers, cache, 0,
				       (uint16_t)(room + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY);
	if (made == NULL)
		return sl_err_set(err, -rte_errno,
				  "%u packet buffers (%u MB) cannot be had: %s; raise memory_mb or "
				  "lower packet_buffers",
				  buffers, (uint32_t)(((uint64_t)buffers * (room + 384)) >> 20),
				  strerror(rte_errno));
	*pool = made;
	return 0;
}

void sl_port_pool_destroy(struct rte_mempool *pool)
{
	rte_mempool_free(pool);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* What DPDK said about it, in brackets, or nothing. */
static const char *words(char *text, size_t size)
{
	const char *said = sl_words_first();

	snprintf(text, size, "%s%s%s", said[0] ? " (" : "", said, said[0] ? ")" : "");
	return text;
}

/* Drivers answer -1 for anything, so only those who lack a privilege are told so. */
static bool is_denied(int rc)
{
	const char *said = sl_words_first();

	return geteuid() != 0 &&
	       (rc == -EPERM || rc == -EACCES || strstr(said, "permission") != NULL ||
		strstr(said, "permitted") != NULL);
}

static int device_find(const struct sl_device *device, const char *string, uint16_t *port_id,
		       struct sl_err *err)
{
	char text[300];
	int rc;

	if (rte_eth_dev_get_port_by_name(device->name, port_id) == 0)
		return 0;
	if (device->is_pci)
		return sl_err_set(err, -ENODEV,
				  "no DPDK driver has taken %s: bind it with `dpdk-devbind.py -b "
				  "vfio-pci %s`",
				  device->name, device->name);
	sl_words_clear();
	rc = rte_dev_probe(string);
	if (rc == 0 && rte_eth_dev_get_port_by_name(device->name, port_id) == 0)
		return 0;
	if (is_denied(rc))
		return sl_err_set(err, -EPERM, "%s may not be opened: run as root%s", device->name,
				  words(text, sizeof(text)));
	if (sl_form_is(string, "net_af_xdp"))
		return sl_err_set(
			err, -ENODEV,
			"\"%s\" cannot be opened: sockets of AF_XDP want an interface of "
			"one queue or of combined ones (`ethtool -L` changes that, for veth "
			"`rx 1 tx 1`), without another XDP program%s",
			string, words(text, sizeof(text)));
	return sl_err_set(
		err, -ENODEV,
		"\"%s\" cannot be opened: it is no device of this machine or its "
		"arguments are wrong; virtual ones are packet:IFACE, xdp:IFACE, tap:NAME, "
		"vhost:PATH, net_pcap0, net_null0, net_ring0 with their arguments%s",
		string, words(text, sizeof(text)));
}

/* A ring device gives back on receive queue i what was sent on transmit queue i. */
static bool is_loop(const struct sl_port *port)
{
	return strcmp(port->driver, "net_ring") == 0;
}

/* Drivers that open every queue of the device string by themselves, and spread what comes over all:
 * files, sockets, a guest's queues. */
static bool opens_all(const struct sl_port *port)
{
	static const char *const drivers[] = {"net_pcap", "net_af_packet", "net_af_xdp",
					      "net_vhost"};

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(drivers); i++)
		if (strcmp(port->driver, drivers[i]) == 0)
			return true;
	return false;
}

static uint16_t queues_wanted(const struct sl_port_spec *spec, const struct sl_port *port,
			      uint16_t max)
{
	uint16_t count = SL_MIN(SL_MIN(spec->rx_queues, max), SL_PORT_QUEUES_MAX);

	return opens_all(port) ? SL_MIN(max, SL_PORT_QUEUES_MAX) : count;
}

static uint64_t tx_offloads(const struct sl_port *port, const struct rte_eth_dev_info *info)
{
	bool segments = port->mtu + FRAME_OVERHEAD > SL_PORT_ROOM || port->is_capture;
	uint64_t asked =
		segments ? RTE_ETH_TX_OFFLOAD_MULTI_SEGS : RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;

	/* Fast free skips the chain of a frame's buffers: only where frames have one. All are of
	 * one pool and have one owner. */
	return asked & info->tx_offload_capa;
}

static int limits_check(const struct sl_port *port, const struct rte_eth_dev_info *info,
			struct sl_err *err)
{
	if (info->max_rx_queues == 0 || info->max_tx_queues == 0)
		return sl_err_set(err, -ENODEV,
				  "the device has %u receive and %u transmit queues: "
				  "it needs one of each",
				  info->max_rx_queues, info->max_tx_queues);
	if (info->max_rx_queues > SL_PORT_QUEUES_MAX && opens_all(port))
		return sl_err_set(err, -ERANGE,
				  "the device opens %u receive queues, %d are the most that are "
				  "polled",
				  info->max_rx_queues, SL_PORT_QUEUES_MAX);
	if (info->max_mtu != 0 && port->mtu > info->max_mtu)
		return sl_err_set(err, -ERANGE, "mtu %u is more than the device's %u", port->mtu,
				  info->max_mtu);
	return 0;
}

/* The MTU that the driver is told: net_af_packet knows one limit, whatever its frames hold. */
static uint16_t driver_mtu(const struct sl_port *port)
{
	bool is_deaf = strcmp(port->driver, "net_af_packet") == 0;

	return is_deaf ? SL_MIN(port->mtu, RTE_ETHER_MTU) : port->mtu;
}

/* One attempt: queues, offloads, memory. */
static int configure(struct sl_port *port, const struct rte_eth_dev_info *info,
		     struct rte_mempool *pool, bool interrupts)
{
	uint64_t rss = port->rx_queue_count > 1 ? RSS_WANTED & info->flow_type_rss_offloads : 0;
	struct rte_eth_conf conf = {
		.rxmode = {.mq_mode = rss != 0 ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE,
			   .mtu = driver_mtu(port)},
		.rx_adv_conf.rss_conf.rss_hf = rss,
		.intr_conf.rxq = interrupts,
	};
	uint16_t rx_descriptors = DESCRIPTORS, tx_descriptors = DESCRIPTORS;
	int rc;

	conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM & info->rx_offload_capa;
	if (port->mtu + FRAME_OVERHEAD > SL_PORT_ROOM)
		conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER & info->rx_offload_capa;
	conf.txmode.offloads = tx_offloads(port, info);
	rc = rte_eth_dev_configure(port->port_id, port->rx_queue_count, port->tx_queue_count,
				   &conf);
	if (rc == 0)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->port_id, &rx_descriptors,
						      &tx_descriptors);
	for (uint16_t i = 0; rc == 0 && i < port->rx_queue_count; i++)
		rc = rte_eth_rx_queue_setup(port->port_id, i, rx_descriptors, SOCKET_ID_ANY, NULL,
					    pool);
	for (uint16_t i = 0; rc == 0 && i < port->tx_queue_count; i++)
		rc = rte_eth_tx_queue_setup(port->port_id, i, tx_descriptors, SOCKET_ID_ANY, NULL);
	if (rc == 0)
		rc = rte_eth_dev_start(port->port_id);
	if (rc != 0)
		return rc;
	port->rss = rss;
	port->rx_checksum = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
	port->tx_fast_free = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0;
	port->tx_segments = (info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0 ||
			    strcmp(port->driver, "net_pcap") == 0;
	return 0;
}

/* With interrupts where wanted, without where the device refuses them. */
static int configure_either(struct sl_port *port, const struct rte_eth_dev_info *info,
			    struct rte_mempool *pool, bool interrupts)
{
	int rc = interrupts ? configure(port, info, pool, true) : -ENOTSUP;

	if (rc == 0)
		return 0;
	if (interrupts)
		rte_eth_dev_stop(port->port_id);
	return configure(port, info, pool, false);
}

/* Some devices (net_tap) want as many transmit queues as receive queues: the second attempt. */
static int configure_any(const struct sl_port_spec *spec, struct sl_port *port,
			 const struct rte_eth_dev_info *info, struct rte_mempool *pool,
			 struct sl_err *err)
{
	bool interrupts = spec->rx_waits && sl_arrival_wants_interrupts(port->driver);
	char text[300];
	int rc;

	port->rx_queue_count = queues_wanted(spec, port, info->max_rx_queues);
	port->tx_queue_count =
		SL_MIN(SL_MIN(spec->tx_queues, info->max_tx_queues), SL_PORT_QUEUES_MAX);
	if (is_loop(port))
		port->rx_queue_count = port->tx_queue_count;
	sl_words_clear();
	rc = configure_either(port, info, pool, interrupts);
	if (rc != 0 && port->rx_queue_count != port->tx_queue_count) {
		port->rx_queue_count = SL_MIN(port->rx_queue_count, port->tx_queue_count);
		port->tx_queue_count = port->rx_queue_count;
		rte_eth_dev_stop(port->port_id);
		rc = configure_either(port, info, pool, interrupts);
	}
	if (rc != 0)
		return sl_err_set(err, rc,
				  "the device does not start with %u receive and %u transmit "
				  "queues and mtu %u: %s%s%s",
				  port->rx_queue_count, port->tx_queue_count, port->mtu,
				  strerror(-rc),
				  rc == -ENOMEM ? "; raise memory_mb or lower packet_buffers" : "",
				  words(text, sizeof(text)));
	return 0;
}

/* Of an interface that others have, too, DPDK's drivers would switch the flag, for good. */
static bool shares_interface(const struct sl_port *port)
{
	return port->interface != 0 && (strcmp(port->driver, "net_af_packet") == 0 ||
					strcmp(port->driver, "net_af_xdp") == 0);
}

static int promiscuous_set(struct sl_port *port)
{
	int rc;

	if (shares_interface(port)) {
		if (!port->promiscuous)
			return 0;
		port->all_fd = sl_interface_take_all(port->interface);
		return SL_MIN(port->all_fd, 0);
	}
	rc = port->promiscuous ? rte_eth_promiscuous_enable(port->port_id)
			       : rte_eth_promiscuous_disable(port->port_id);
	/* Virtual devices have no filter: the packet path filters by itself. */
	return rc == -ENOTSUP ? 0 : rc;
}

static void facts_read(struct sl_port *port, const struct rte_eth_dev_info *info)
{
	struct rte_eth_link link = {0};
	struct rte_ether_addr mac = {0};

	snprintf(port->driver, sizeof(port->driver), "%s",
		 info->driver_name == NULL ? "unknown" : info->driver_name);
	if (rte_eth_macaddr_get(port->port_id, &mac) == 0)
		memcpy(port->mac.octets, mac.addr_bytes, sizeof(port->mac.octets));
	if (rte_eth_link_get_nowait(port->port_id, &link) == 0) {
		port->link_up = link.link_status == RTE_ETH_LINK_UP;
		port->speed_mbps =
			link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
	}
}

/* Virtual devices go, so that a port of the same name can be opened again. */
static void device_close(uint16_t port_id, bool is_pci)
{
	struct rte_eth_dev_info info = {0};
	bool known = rte_eth_dev_info_get(port_id, &info) == 0 && info.device != NULL;

	rte_eth_dev_stop(port_id);
	rte_eth_dev_close(port_id);
	if (known && !is_pci)
		rte_dev_remove(info.device);
	taken[port_id] = false;
}

/* Whether whoever sends to it may leave work to the device: interfaces of the kernel do. What comes by
 * net_tap the kernel has finished, and virtio and vhost agree on that. */
static bool is_virtual(const struct sl_port *port)
{
	static const char *const drivers[] = {"net_af_packet", "net_af_xdp", "net_pcap"};

	for (uint32_t i = 0; i < SL_ARRAY_COUNT(drivers); i++)
		if (strcmp(port->driver, drivers[i]) == 0)
			return !port->is_capture;
	return false;
}

static void rings_open(struct sl_port *port)
{
	if (strcmp(port->driver, "net_af_packet") != 0)
		return;
	port->tx_heads = sl_packet_wants_heads();
	for (uint16_t i = 0; i < port->arrival.count; i++)
		(void)sl_packet_ring_open(port->arrival.fd[i], &port->rings[i]);
}

static void rings_close(struct sl_port *port)
{
	for (uint16_t i = 0; i < port->rx_queue_count; i++) {
		sl_packet_ring_close(port->rings[i]);
		port->rings[i] = NULL;
	}
}

static void all_close(struct sl_port *port)
{
	if (port->all_fd >= 0)
		close(port->all_fd);
	port->all_fd = -1;
}

static uint32_t buffers_of(struct rte_mempool *pool, uint32_t frame)
{
	uint32_t room = (uint32_t)rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;

	return SL_MAX((frame + room - 1) / room, 1u);
}

int sl_port_open(const struct sl_port_spec *spec, struct rte_mempool *pool, struct sl_port *port,
		 struct sl_err *err)
{
	struct sl_port opened = {
		.promiscuous = spec->promiscuous, .spoken = spec->spoken, .all_fd = -1};
	char text[SL_FORM_SIZE];
	uint32_t flags;
	struct rte_eth_dev_info info;
	struct sl_arrival_mark mark;
	struct sl_device device;
	int rc;

	opened.mtu = form(spec, text);
	rc = sl_device_check(text, &device, err);
	sl_arrival_mark(&mark);
	if (rc == 0)
		rc = device_find(&device, text, &opened.port_id, err);
	if (rc != 0)
		goto failed;
	if (taken[opened.port_id]) {
		rc = sl_err_set(err, -EINVAL, "the device %s is that of another port", device.name);
		goto failed;
	}
	snprintf(opened.name, sizeof(opened.name), "%s", spec->name);
	snprintf(opened.device, sizeof(opened.device), "%s", spec->device);
	snprintf(opened.note, sizeof(opened.note), "%s", device.note);
	if (opened.mtu < spec->mtu)
		snprintf(opened.note, sizeof(opened.note),
			 "mtu %u is more than the %u of its link: %u is in force", spec->mtu,
			 opened.mtu, opened.mtu);
	opened.is_capture = device.is_capture;
	opened.pool = pool;
	opened.frame_buffers = buffers_of(pool, device.frame_max);
	opened.rx_queue_wanted = spec->rx_queues;
	rc = rte_eth_dev_info_get(opened.port_id, &info);
	if (rc != 0) {
		sl_err_set(err, rc, "the device %s tells nothing: %s", device.name, strerror(-rc));
		goto close;
	}
	opened.interface = info.if_index;
	facts_read(&opened, &info);
	rc = limits_check(&opened, &info, err);
	flags = sl_interface_flags(opened.interface);
	if (rc == 0)
		rc = configure_any(spec, &opened, &info, pool, err);
	sl_interface_flags_restore(opened.interface, flags);
	if (rc != 0)
		goto close;
	rc = promiscuous_set(&opened);
	if (rc != 0) {
		sl_err_set(err, rc, "the device %s refuses promiscuous: %s", device.name,
			   strerror(-rc));
		goto close;
	}
	facts_read(&opened, &info);
	sl_form_own_mac(text, &opened.mac);
	if (spec->rx_waits || shares_interface(&opened))
		sl_arrival_find(&mark, opened.port_id, opened.driver, opened.rx_queue_count,
				info.max_rx_queues, &opened.arrival);
	opened.is_virtual = is_virtual(&opened);
	rings_open(&opened);
	taken[opened.port_id] = true;
	*port = opened;
	return 0;
close:
	all_close(&opened);
	device_close(opened.port_id, device.is_pci);
failed:
	sl_err_prefix(err, "port %s", spec->name);
	return rc;
}

void sl_port_stop(struct sl_port *port)
{
	if (!sl_device_is_unplugged(port->device))
		rte_eth_dev_stop(port->port_id);
}

void sl_port_close(struct sl_port *port)
{
	all_close(port);
	rings_close(port);
	if (!sl_device_is_unplugged(port->device))
		device_close(port->port_id, sl_device_is_pci(port->device, NULL));
}
