/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/way.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <ifaddrs.h>
#include <libgen.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "health/diversion.h"
#include "pkt/csum.h"
#include "pkt/encap.h"
#include "pkt/hdr.h"
#include "pkt/parse.h"
#include "state/hash.h"

#define PACKETS_MAX 64	  /* read at a time: the loop has others to serve */
#define PACKET_SIZE 65536 /* octets of one at most */
#define SOURCE_MS   1000  /* for so long an interface's addresses are believed */
#define STREAMS	    2	  /* UDP and TCP have ports of their own */

/* Where the kernel hears what comes in by a port. The prober's thread's. */
struct source {
	uint64_t due_ms;	/* when its addresses are to be looked at again */
	struct sl_addr addr[2]; /* by family; NONE: it has none */
	struct sl_addr own[SL_PORT_ADDRESSES_MAX]; /* the port's; constant */
	uint32_t own_count;
};

struct sl_way {
	struct sl_model *model;
	struct sl_way_link link;
	struct event_base *base;
	struct event *packets, *second;
	struct sl_diversion diversion;
	bool failing; /* it was said */
	uint16_t id;
	struct source sources[SL_PORTS_MAX];
	uint32_t mark; /* written: control; read: prober; 0: none */
	uint32_t nodes[STREAMS]
		      [UINT16_MAX + 1]; /* by source port; written: prober; read: control */
	uint8_t buffer[SL_WAY_FRONT + PACKET_SIZE];
};

/* ---- sockets, in the prober's thread --------------------------------------------------------- */

/* The interface that has the addresses: of a bridge's member, the bridge. */
static void holder_of(uint32_t interface, char *name)
{
	char path[64], to[256];
	ssize_t length;

	if (!if_indextoname(interface, name)) {
		name[0] = '\0';
		return;
	}
	(void)snprintf(path, sizeof(path), "/sys/class/net/%.15s/master", name);
	length = readlink(path, to, sizeof(to) - 1);
	if (length <= 0)
		return;
	to[length] = '\0';
	(void)snprintf(name, IF_NAMESIZE, "%.15s", basename(to));
}

static bool is_port_address(const struct source *source, const struct sl_addr *addr)
{
	for (uint32_t i = 0; i < source->own_count; i++)
		if (sl_addr_equal(&source->own[i], addr))
			return true;
	return false;
}

static bool read_address(const struct sockaddr *at, struct sl_addr *addr)
{
	if (at && at->sa_family == AF_INET) {
		addr->family = SL_FAMILY_IPV4;
		memcpy(addr->octets, &((const struct sockaddr_in *)(const void *)at)->sin_addr,
		       SL_ADDR4_SIZE);
		return true;
	}
	if (at && at->sa_family == AF_INET6) {
		const struct in6_addr *in6 =
			&((const struct sockaddr_in6 *)(const void *)at)->sin6_addr;

		addr->family = SL_FAMILY_IPV6;
		memcpy(addr->octets, in6, SL_ADDR6_SIZE);
		return !IN6_IS_ADDR_LINKLOCAL(in6);
	}
	return false;
}

/* Of each family the port's own address, where the kernel has it, too, else the first. */
static void look(struct source *source, uint32_t interface)
{
	char name[IF_NAMESIZE];
	struct ifaddrs *all;

	memset(source->addr, 0, sizeof(source->addr));
	holder_of(interface, name);
	if (getifaddrs(&all))
		return;
	for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
		struct sl_addr addr = {0}, *found;

		if (strcmp(at->ifa_name, name) != 0 || !read_address(at->ifa_addr, &addr))
			continue;
		found = &source->addr[addr.family == SL_FAMILY_IPV6];
		if (found->family == SL_FAMILY_NONE || is_port_address(source, &addr))
			*found = addr;
	}
	freeifaddrs(all);
}

static const struct sl_addr *source_of(struct sl_way *way, uint32_t port, uint8_t family)
{
	struct source *source = &way->sources[port];
	uint64_t now_ms = sl_clock_ms();

	if (now_ms >= source->due_ms) {
		look(source, way->link.interface[port]);
		source->due_ms = now_ms + SOURCE_MS;
	}
	return &source->addr[family == SL_FAMILY_IPV6];
}

static int bind_to(int fd, const struct sl_addr *addr, uint16_t *port)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	bool v6 = addr->family == SL_FAMILY_IPV6;
	struct sockaddr *at = v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in4;
	socklen_t size = v6 ? sizeof(in6) : sizeof(in4);

	memcpy(&in4.sin_addr, addr->octets, sizeof(in4.sin_addr));
	memcpy(&in6.sin6_addr, addr->octets, sizeof(in6.sin6_addr));
	if (bind(fd, at, size) || getsockname(fd, at, &size))
		return -errno;
	*port = ntohs(v6 ? in6.sin6_port : in4.sin_port);
	return 0;
}

/* A packet that is too big for a node is an error, not fragments, of which but the first has ports. */
static int never_fragment(int fd, uint8_t family)
{
	int v4 = IP_PMTUDISC_DO, v6 = IPV6_PMTUDISC_DO;

	return family == SL_FAMILY_IPV6
		       ? setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof(v6))
		       : setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4));
}

int sl_way_guide(struct sl_way *way, int fd, uint8_t family, bool stream, uint32_t node,
		 uint32_t port, struct sl_err *err)
{
	uint32_t mark = way ? __atomic_load_n(&way->mark, __ATOMIC_ACQUIRE) : 0;
	const struct sl_addr *source;
	uint16_t from = 0;
	int status;

	if (mark == 0)
		return sl_err_set(err, -ENODEV, "no interface for probes via: path");
	source = source_of(way, port, family);
	if (source->family == SL_FAMILY_NONE)
		return sl_err_set(err, -EADDRNOTAVAIL,
				  "the host has no IPv%u address at the port to be answered at",
				  family == SL_FAMILY_IPV6 ? 6 : 4);
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) || never_fragment(fd, family))
		return sl_err_set(err, -errno, "socket: %s", strerror(errno));
	status = bind_to(fd, source, &from);
	if (status)
		return sl_err_set(err, status, "bind: %s", strerror(-status));
	__atomic_store_n(&way->nodes[stream][from], node, __ATOMIC_RELEASE);
	return 0;
}

/* ---- packets --------------------------------------------------------------------------------- */

enum sl_way_end sl_way_dress(const struct sl_snapshot *snapshot, uint32_t node, uint8_t *packet,
			     uint16_t id, uint8_t **frame, uint32_t *size, uint32_t *port)
{
	const struct sl_node_view *view;
	struct sl_pkt pkt;

	if (!sl_snapshot_has_node(snapshot, node))
		return SL_WAY_NO_NODE;
	view = sl_snapshot_node(snapshot, node);
	if (view->kind != SL_NODE_REMOTE)
		return SL_WAY_NO_NODE;
	if (view->flags & SL_NODE_NO_NEIGHBOR)
		return SL_WAY_NO_NEIGHBOR;
	sl_parse_ip(packet - SL_ETH_SIZE, *size + SL_ETH_SIZE, *size + SL_ETH_SIZE, SL_ETH_SIZE, 0,
		    &pkt);
	if (pkt.status != SL_PKT_OK)
		return SL_WAY_STRAY;
	if (pkt.l3_size > view->l3_size_max) {
		*size = view->l3_size_max;
		return SL_WAY_TOO_BIG;
	}
	sl_encap_write(&view->encap, packet, &pkt,
		       sl_hash_slot(snapshot, &snapshot->pools[view->pool], &pkt), id);
	*frame = packet - view->encap.size;
	if (sl_encap_sums(&view->encap))
		sl_encap_finish_udp6(*frame, packet, sl_csum_partial(packet, pkt.l3_size));
	*size = pkt.l3_size + view->encap.size;
	*port = view->port;
	return SL_WAY_SENT;
}

/* Whose probe's the packet is; 0: nobody's. Fragments are none. */
static uint32_t node_of(const struct sl_way *way, const uint8_t *packet, uint32_t size)
{
	uint32_t l4 = packet[0] >> 4 == 6 ? SL_IP6_SIZE : (packet[0] & 0xfu) * 4;
	uint8_t protocol = packet[0] >> 4 == 6 ? packet[SL_IP6_NEXT] : packet[SL_IP4_PROTOCOL];

	if (size < l4 + 2 || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		return 0;
	return __atomic_load_n(&way->nodes[protocol == IPPROTO_TCP][sl_load_be16(packet + l4)],
			       __ATOMIC_ACQUIRE);
}

static void send_on(struct sl_way *way, uint8_t *packet, uint32_t size)
{
	uint32_t node = size >= SL_IP4_SIZE ? node_of(way, packet, size) : 0, port;
	uint8_t *frame;

	if (node == 0)
		return;
	switch (sl_way_dress(sl_model_snapshot(way->model), node, packet, way->id++, &frame, &size,
			     &port)) {
	case SL_WAY_SENT:
		(void)way->link.say(way->link.context, port, frame, size);
		break;
	case SL_WAY_TOO_BIG: /* what the kernel sends again is smaller */
		size = SL_MAX(size, (uint32_t)SL_IP6_MTU_MIN);
		if (size < way->diversion.mtu)
			(void)sl_diversion_limit(&way->diversion, size);
		break;
	default: /* the probe is not answered */
		break;
	}
}

static void on_packets(int fd, short what, void *context)
{
	struct sl_way *way = context;

	(void)what;
	for (uint32_t i = 0; i < PACKETS_MAX; i++) {
		uint8_t *packet = way->buffer + SL_WAY_FRONT;
		ssize_t size = read(fd, packet, PACKET_SIZE);

		if (size <= 0)
			break;
		send_on(way, packet, (uint32_t)size);
	}
	way->link.flush(way->link.context);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int open_packets(struct sl_way *way, struct sl_err *err)
{
	int status = sl_diversion_open(&way->diversion, way->link.name, way->link.number, err);

	if (status)
		return status;
	way->packets =
		event_new(way->base, way->diversion.fd, EV_READ | EV_PERSIST, on_packets, way);
	if (way->packets && event_add(way->packets, NULL) == 0)
		return 0;
	sl_diversion_close(&way->diversion);
	return sl_err_set(err, -ENOMEM, "no memory for probes via: path");
}

void sl_way_need(struct sl_way *way)
{
	struct sl_err err = {0};

	if (!way || way->mark)
		return;
	if (open_packets(way, &err)) {
		if (!way->failing)
			sl_log(SL_LOG_ERROR, "%s", err.text);
		way->failing = true;
		return;
	}
	way->failing = false;
	__atomic_store_n(&way->mark, way->diversion.mark, __ATOMIC_RELEASE);
}

/* Others change rules, too: without ours, probes would go another way and find nobody. */
static void on_second(int fd, short what, void *context)
{
	struct sl_way *way = context;

	(void)fd;
	(void)what;
	if (way->mark)
		(void)sl_diversion_keep(&way->diversion);
	else if (way->failing)
		sl_way_need(way);
}

/* Ports do not change while the daemon runs. */
static void know_ports(struct sl_way *way, const struct sl_conf *conf)
{
	for (uint32_t p = 0; p < conf->port_count; p++)
		for (uint32_t i = 0; i < conf->ports[p].address_count; i++)
			way->sources[p].own[way->sources[p].own_count++] =
				conf->ports[p].addresses[i].addr;
}

int sl_way_create(struct event_base *base, struct sl_model *model, const struct sl_way_link *link,
		  struct sl_way **out, struct sl_err *err)
{
	struct timeval second = {1, 0};
	struct sl_way *way = calloc(1, sizeof(*way));

	if (!way)
		return sl_err_set(err, -ENOMEM, "no memory for probes via: path");
	way->base = base;
	way->model = model;
	way->link = *link;
	know_ports(way, sl_model_image(model)->conf);
	way->second = event_new(base, -1, EV_PERSIST, on_second, way);
	if (!way->second || event_add(way->second, &second)) {
		sl_way_destroy(way);
		return sl_err_set(err, -ENOMEM, "no memory for probes via: path");
	}
	*out = way;
	return 0;
}

void sl_way_destroy(struct sl_way *way)
{
	if (!way)
		return;
	if (way->packets)
		event_free(way->packets);
	if (way->second)
		event_free(way->second);
	sl_diversion_close(&way->diversion);
	free(way);
}
