/* SPDX-License-Identifier: BSD-3-Clause */

/* Refuses what can never work although each value alone is right: addresses and files that meet one
 * another. Warns of what is only doubtful. */

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "conf/key.h"
#include "pkt/hdr.h"

/* ---- addresses that are no host's ------------------------------------------------------------ */

/* RFC 6890, RFC 4291; the first that has an address says what it is. */
static const struct sl_conf_special specials[] = {
	{{{SL_FAMILY_IPV4, {0}}, 8}, "stands for no host", "write `any` for every address", false},
	{{{SL_FAMILY_IPV4, {127}}, 8},
	 "is loopback, which no network carries",
	 "name an address that clients reach",
	 true},
	{{{SL_FAMILY_IPV4, {224}}, 4},
	 "is a multicast group",
	 "packets to groups go to services at `any` alone",
	 false},
	{{{SL_FAMILY_IPV4, {255, 255, 255, 255}}, 32},
	 "is the broadcast address",
	 "packets to it go to services at `any` alone",
	 false},
	{{{SL_FAMILY_IPV4, {240}}, 4}, "is reserved", NULL, false},
	{{{SL_FAMILY_IPV6, {0}}, 128},
	 "stands for no host",
	 "write `any` for every address",
	 false},
	{{{SL_FAMILY_IPV6, {[15] = 1}}, 128},
	 "is loopback, which no network carries",
	 "name an address that clients reach",
	 true},
	{{{SL_FAMILY_IPV6, {[10] = 0xff, 0xff}}, 96},
	 "is IPv4 mapped into IPv6, which no packet carries",
	 "write it as IPv4",
	 false},
	{{{SL_FAMILY_IPV6, {0xff}}, 8},
	 "is a multicast group",
	 "packets to groups go to services at `any` alone",
	 false},
};

const struct sl_conf_special *sl_conf_special(const struct sl_prefix *prefix)
{
	for (size_t i = 0; i < SL_ARRAY_COUNT(specials); i++)
		if (prefix->length >= specials[i].prefix.length &&
		    sl_prefix_contains(&specials[i].prefix, &prefix->addr))
			return &specials[i];
	return NULL;
}

/* True if the address has only zeros, or only ones, behind its network's bits. Networks of one or two
 * addresses have hosts alone (RFC 3021, 6164). */
static bool has_host_bits(const struct sl_addr *addr, uint32_t length, uint8_t octet)
{
	uint32_t bits = sl_addr_bits(addr);

	if (bits - length < 2)
		return false;
	for (uint32_t bit = length; bit < bits; bit++)
		if (((addr->octets[bit / 8] ^ octet) >> (7 - bit % 8)) & 1)
			return false;
	return true;
}

/* "the network address" or "the broadcast address" of a port's network; NULL: a host's. IPv6 has no
 * broadcast. */
static const char *edge_of(const struct sl_prefix *network, const struct sl_addr *addr)
{
	if (addr->family != SL_FAMILY_IPV4 || !sl_prefix_contains(network, addr))
		return NULL;
	if (has_host_bits(addr, network->length, 0))
		return "the network address";
	return has_host_bits(addr, network->length, 0xff) ? "the broadcast address" : NULL;
}

/* ---- ports ----------------------------------------------------------------------------------- */

/* The port that has the address; NULL: none. */
static const struct sl_conf_port *owner_of(const struct sl_conf *conf, const struct sl_addr *addr)
{
	for (uint32_t p = 0; p < conf->port_count; p++)
		for (uint32_t i = 0; i < conf->ports[p].address_count; i++)
			if (sl_addr_equal(&conf->ports[p].addresses[i].addr, addr))
				return &conf->ports[p];
	return NULL;
}

/* What a port says against an address that is to be a host's on its networks; NULL: nothing. */
static const char *edge_on(const struct sl_conf_port *port, const struct sl_addr *addr)
{
	for (uint32_t i = 0; i < port->address_count; i++) {
		const char *edge = edge_of(&port->addresses[i].prefix, addr);

		if (edge)
			return edge;
	}
	return NULL;
}

static void check_port(struct sl_conf_reader *reader, const struct sl_conf_port *port)
{
	const struct sl_conf_port *owner = owner_of(reader->conf, &port->gateway);
	const char *edge = edge_on(port, &port->gateway);
	char text[SL_ADDR_TEXT_SIZE];

	for (uint32_t i = 0; i < port->address_count; i++) {
		const struct sl_conf_address *one = &port->addresses[i];
		const char *of = edge_of(&one->prefix, &one->addr);

		if (of)
			sl_conf_error_at(
				reader, port->line, port->column,
				"address %s of port `%s` is %s of its own network; give it "
				"one of a host",
				sl_addr_format(&one->addr, text), port->name, of);
	}
	if (port->gateway.family == SL_FAMILY_NONE)
		return;
	if (owner)
		sl_conf_error_at(reader, port->line, port->column,
				 "gateway %s of port `%s` is an address of port `%s` itself; name "
				 "the router's",
				 sl_addr_format(&port->gateway, text), port->name, owner->name);
	else if (edge)
		sl_conf_error_at(reader, port->line, port->column,
				 "gateway %s of port `%s` is %s of its network; name the router's",
				 sl_addr_format(&port->gateway, text), port->name, edge);
}

/* ---- nodes and services ---------------------------------------------------------------------- */

static bool is_whole(const struct sl_conf_service *service)
{
	const struct sl_addr *addr = &service->prefix.addr;

	return !service->any && addr->family != SL_FAMILY_NONE &&
	       service->prefix.length == sl_addr_bits(addr);
}

/* Which addresses services may have: a bit for each value of their last two octets. */
struct filter {
	uint64_t bits[65536 / 64];
};

static uint32_t filter_place(const struct sl_addr *addr)
{
	return sl_load_be16(addr->octets + sl_addr_bits(addr) / 8 - 2);
}

static const struct sl_conf_service *service_at(const struct sl_conf *conf,
						const struct sl_addr *addr)
{
	for (uint32_t s = 0; s < conf->service_count; s++)
		if (is_whole(&conf->services[s]) &&
		    sl_addr_equal(&conf->services[s].prefix.addr, addr))
			return &conf->services[s];
	return NULL;
}

static void check_node(struct sl_conf_reader *reader, const struct sl_conf_node *node,
		       const struct sl_conf_service *service)
{
	const struct sl_conf *conf = reader->conf;
	const struct sl_conf_port *owner = owner_of(conf, &node->address);
	const char *edge = NULL;
	char text[SL_ADDR_TEXT_SIZE];

	(void)sl_addr_format(&node->address, text);
	for (uint32_t p = 0; p < conf->port_count && !edge; p++)
		edge = edge_on(&conf->ports[p], &node->address);
	if (owner)
		sl_conf_error_at(reader, node->line, node->column,
				 "address %s of node `%s` is port `%s`'s own; what is to stay here "
				 "goes to a node with `worker`",
				 text, node->name, owner->name);
	else if (edge)
		sl_conf_error_at(reader, node->line, node->column,
				 "address %s of node `%s` is %s of a port's network; name a host's",
				 text, node->name, edge);
	else if (service && node->encap != SL_ENCAP_NONE)
		sl_conf_error_at(reader, node->line, node->column,
				 "address %s of node `%s` is that of service `%s`: what is sent "
				 "there comes back; name the node's own address",
				 text, node->name, service->name);
	else if (service)
		sl_conf_warn_at(reader, node->line, node->column,
				"address %s of node `%s` is that of service `%s`; its own address "
				"would be right",
				text, node->name, service->name);
}

void sl_conf_check_node(struct sl_conf_reader *reader, const struct sl_conf_node *node)
{
	if (node->kind == SL_NODE_REMOTE && node->address.family != SL_FAMILY_NONE)
		check_node(reader, node, service_at(reader->conf, &node->address));
}

static void check_nodes(struct sl_conf_reader *reader)
{
	const struct sl_conf *conf = reader->conf;
	struct filter filter = {{0}};

	for (uint32_t s = 0; s < conf->service_count; s++)
		if (is_whole(&conf->services[s])) {
			uint32_t place = filter_place(&conf->services[s].prefix.addr);

			filter.bits[place / 64] |= 1ull << place % 64;
		}
	for (uint32_t p = 0; p < conf->pool_count; p++)
		for (uint32_t n = 0; n < conf->pools[p].node_count; n++) {
			const struct sl_conf_node *node = &conf->pools[p].nodes[n];
			uint32_t place;

			if (node->kind != SL_NODE_REMOTE || node->address.family == SL_FAMILY_NONE)
				continue;
			place = filter_place(&node->address);
			if (filter.bits[place / 64] >> place % 64 & 1)
				sl_conf_check_node(reader, node);
			else
				check_node(reader, node, NULL);
		}
}

/* The prefix takes packets that are for hosts of a port's network, its router among them. */
static void check_cover(struct sl_conf_reader *reader, const struct sl_conf_service *service)
{
	const struct sl_conf *conf = reader->conf;
	char prefix[SL_ADDR_TEXT_SIZE], network[SL_ADDR_TEXT_SIZE];

	for (uint32_t p = 0; p < conf->port_count; p++)
		for (uint32_t i = 0; i < conf->ports[p].address_count; i++) {
			const struct sl_prefix *one = &conf->ports[p].addresses[i].prefix;

			if (one->length == sl_addr_bits(&one->addr) ||
			    service->prefix.length > one->length ||
			    !sl_prefix_contains(&service->prefix, &one->addr))
				continue;
			sl_conf_warn_at(reader, service->line, service->column,
					"%s of service `%s` covers %s, the network of port `%s`: "
					"packets for its hosts are taken, too",
					sl_prefix_format(&service->prefix, prefix), service->name,
					sl_prefix_format(one, network), conf->ports[p].name);
			return;
		}
}

void sl_conf_check_service(struct sl_conf_reader *reader, const struct sl_conf_service *service)
{
	bool ip6 = service->prefix.addr.family == SL_FAMILY_IPV6;

	if (service->any || service->prefix.addr.family == SL_FAMILY_NONE)
		return;
	if (service->protocol == IPPROTO_ICMPV6 && !ip6)
		sl_conf_error_at(reader, service->line, service->column,
				 "service `%s`: icmpv6 is of IPv6, and its address of IPv4; icmp "
				 "would be right",
				 service->name);
	if ((service->protocol == IPPROTO_ICMP || service->protocol == IPPROTO_IGMP) && ip6)
		sl_conf_error_at(reader, service->line, service->column,
				 "service `%s`: %s is of IPv4, and its address of IPv6; icmpv6 "
				 "would be right",
				 service->name, sl_conf_protocol_name(service->protocol));
	check_cover(reader, service);
}

/* ---- what tunnels leave ---------------------------------------------------------------------- */

static uint32_t overhead(const struct sl_conf_node *node)
{
	static const uint8_t tunnels[] = {
		[SL_ENCAP_NONE] = 0,
		[SL_ENCAP_IPIP] = 0,
		[SL_ENCAP_GRE] = SL_GRE_SIZE,
		[SL_ENCAP_GUE] = SL_UDP_SIZE + SL_GUE_SIZE,
		[SL_ENCAP_VXLAN] = SL_UDP_SIZE + SL_VXLAN_SIZE + SL_ETH_SIZE,
	};

	return tunnels[node->encap] +
	       (node->address.family == SL_FAMILY_IPV4 ? SL_IP4_SIZE : SL_IP6_SIZE);
}

/* IPv6 senders need not make packets smaller than 1280 octets. */
static void check_room(struct sl_conf_reader *reader, const struct sl_conf_pool *pool)
{
	for (uint32_t n = 0; n < pool->node_count; n++) {
		const struct sl_conf_node *node = &pool->nodes[n];
		const struct sl_conf_port *port = &reader->conf->ports[node->port];
		uint32_t least = SL_IP6_MTU_MIN + overhead(node);

		if (node->kind != SL_NODE_REMOTE || node->encap == SL_ENCAP_NONE ||
		    node->port >= reader->conf->port_count || !port->mtu || port->mtu >= least)
			continue;
		sl_conf_warn_at(reader, node->line, node->column,
				"mtu %u of port `%s` has no room for IPv6 packets of %u octets in "
				"the tunnel to node `%s`: they go in fragments; %u would have",
				port->mtu, port->name, SL_IP6_MTU_MIN, node->name, least);
		return;
	}
}

/* Of pools that IPv6 packets come to: one word a pool. */
static void check_rooms(struct sl_conf_reader *reader)
{
	const struct sl_conf *conf = reader->conf;
	bool seen[SL_POOLS_MAX] = {false};

	for (uint32_t s = 0; s < conf->service_count; s++) {
		const struct sl_conf_service *service = &conf->services[s];
		bool v6 = service->any || service->prefix.addr.family == SL_FAMILY_IPV6;

		if (!v6 || service->pool >= conf->pool_count || seen[service->pool])
			continue;
		seen[service->pool] = true;
		check_room(reader, &conf->pools[service->pool]);
	}
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Whether a device string has a capture of this path, to read or to write. */
static bool has_capture(const char *device, const char *path)
{
	static const char key[] = "_pcap=";
	size_t length = strlen(path);

	for (const char *at = strstr(device, key); at; at = strstr(at, key)) {
		at += strlen(key);
		if (strncmp(at, path, length) == 0 && (at[length] == '\0' || at[length] == ','))
			return true;
	}
	return false;
}

static void check_state(struct sl_conf_reader *reader)
{
	const struct sl_conf *conf = reader->conf;
	const struct sl_conf_control *control = &conf->control;
	char other[SL_NAME_SIZE + 32] = "";

	if (strcmp(control->state, control->socket) == 0)
		(void)snprintf(other, sizeof(other), "its `socket`");
	for (uint32_t p = 0; p < conf->port_count && !other[0]; p++)
		if (has_capture(conf->ports[p].device, control->state))
			(void)snprintf(other, sizeof(other), "a capture of port `%s`",
				       conf->ports[p].name);
	for (uint32_t p = 0; p < conf->pool_count && !other[0]; p++)
		for (uint32_t n = 0; n < conf->pools[p].node_count && !other[0]; n++) {
			const struct sl_conf_node *node = &conf->pools[p].nodes[n];

			if (node->file && strcmp(node->file, control->state) == 0)
				(void)snprintf(other, sizeof(other), "`file` of node `%s`",
					       node->name);
		}
	if (other[0])
		sl_conf_error_at(reader, SL_MAX(control->line, 1), SL_MAX(control->column, 1),
				 "`state` of control and %s are one file, %s; give each its own",
				 other, control->state);
}

static int compare_files(const void *a, const void *b)
{
	const struct sl_conf_node *const *one = a, *const *other = b;
	int order = strcmp((*one)->file, (*other)->file);

	return order ? order : (*one)->line < (*other)->line ? -1 : (*one)->line > (*other)->line;
}

/* Nodes that write a file each have one of their own. */
static void check_captures(struct sl_conf_reader *reader)
{
	const struct sl_conf *conf = reader->conf;
	const struct sl_conf_node **list;
	size_t count = 0, room = 1;

	for (uint32_t p = 0; p < conf->pool_count; p++)
		room += conf->pools[p].node_count;
	list = calloc(room, sizeof(*list));
	reader->no_memory = reader->no_memory || !list;
	for (uint32_t p = 0; p < conf->pool_count && list; p++)
		for (uint32_t n = 0; n < conf->pools[p].node_count; n++) {
			const struct sl_conf_node *node = &conf->pools[p].nodes[n];

			if (node->file && node->handler && strcmp(node->handler, "capture") == 0)
				list[count++] = node;
		}
	if (count > 1)
		qsort(list, count, sizeof(*list), compare_files);
	for (size_t i = 1; i < count; i++)
		if (strcmp(list[i - 1]->file, list[i]->file) == 0)
			sl_conf_error_at(reader, list[i]->line, list[i]->column,
					 "`file` of node `%s` is that of node `%s` of line %u, "
					 "too, %s; each capture is written by one node",
					 list[i]->name, list[i - 1]->name, list[i - 1]->line,
					 list[i]->file);
	free(list);
}

void sl_conf_check_files(struct sl_conf_reader *reader)
{
	if (reader->conf->control.state[0])
		check_state(reader);
	check_captures(reader);
}

void sl_conf_check_sense(struct sl_conf_reader *reader)
{
	const struct sl_conf *conf = reader->conf;

	for (uint32_t p = 0; p < conf->port_count; p++)
		check_port(reader, &conf->ports[p]);
	check_nodes(reader);
	for (uint32_t s = 0; s < conf->service_count; s++)
		sl_conf_check_service(reader, &conf->services[s]);
	check_rooms(reader);
}
