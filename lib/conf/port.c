/* SPDX-License-Identifier: BSD-3-Clause */

/* The section `ports`. */

#include <string.h>

#include "conf/key.h"

#define DEVICE_MAX 4096

_Static_assert(offsetof(struct sl_conf_port, punt_port) ==
		       offsetof(struct sl_conf_port, punt) + sizeof(enum sl_conf_punt),
	       "the key `punt` fills both");
#define PUNT_SIZE (sizeof(enum sl_conf_punt) + sizeof(uint32_t))

static const struct sl_conf_word arps[] = {{"services", SL_ARP_SERVICES},
					   {"addresses", SL_ARP_ADDRESSES},
					   {"off", SL_ARP_OFF},
					   {NULL, 0}};

static const struct sl_conf_word neighbors[] = {{"auto", SL_NEIGHBORS_AUTO},
						{"kernel", SL_NEIGHBORS_KERNEL},
						{"static", SL_NEIGHBORS_STATIC},
						{"own", SL_NEIGHBORS_OWN},
						{NULL, 0}};

static const struct sl_conf_key address = {
	.name = "addresses", .type = &sl_conf_host, .size = sizeof(struct sl_conf_address)};

#define P(member)    SL_MEMBER(sl_conf_port, member)
#define P_AT(member) (uint32_t) offsetof(struct sl_conf_port, member)

/* ---- gateway: members of the port itself ------------------------------------------------------*/

static const struct sl_conf_key gateway_keys[] = {
	SL_KEY("address", addr, P(gateway)),
	SL_KEY("mac", mac, P(gateway_mac), .extra = P_AT(gateway_mac_set)),
};

static void check_gateway(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			  void *object)
{
	(void)object;
	if (!sl_conf_found_value(found, "address") && !sl_conf_found_value(found, "mac"))
		sl_conf_error(reader, found->node,
			      "a gateway needs `address`, `mac` or both; leave `gateway` out when "
			      "there is none");
}

static const struct sl_conf_table gateway_table = {
	.noun = "a gateway",
	.keys = gateway_keys,
	.key_count = sizeof(gateway_keys) / sizeof(gateway_keys[0]),
	.size = sizeof(struct sl_conf_port),
	.flow = true,
	.check = check_gateway,
};

/* An address alone, or both. */
static void read_gateway(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			 const struct sl_yaml_node *value, void *object)
{
	static const struct sl_conf_key alone = SL_KEY("gateway", addr, P(gateway));
	const struct sl_conf_port *port = object;

	if (value->kind != SL_YAML_SCALAR || sl_yaml_is_null(value)) {
		sl_conf_mapping.read(reader, key, value, object);
		return;
	}
	sl_conf_addr.read(reader, &alone, value, object);
	if (port->gateway.family != SL_FAMILY_NONE)
		sl_conf_mark(key, object);
}

static const struct sl_conf_type gateway_type = {.class = SL_CONF_TABLE, .read = read_gateway};

/* ---- xdp: members of the port itself, too -----------------------------------------------------*/

#define XDP_DEVICE "xdp:"

static const struct sl_conf_word xdp_modes[] = {{"auto", SL_CONF_XDP_AUTO},
						{"native", SL_CONF_XDP_NATIVE},
						{"generic", SL_CONF_XDP_GENERIC},
						{NULL, 0}};

static const struct sl_conf_word xdp_takes[] = {
	{"services", SL_CONF_XDP_SERVICES}, {"all", SL_CONF_XDP_ALL}, {NULL, 0}};

static const struct sl_conf_key xdp_keys[] = {
	SL_KEY("mode", word, P(xdp_mode), .words = xdp_modes),
	SL_KEY("take", word, P(xdp_take), .words = xdp_takes),
	SL_KEY_RANGE("understudy", bool, P(xdp_understudy), 0, 0, true),
};

static const struct sl_conf_table xdp_table = {
	.noun = "a port's xdp",
	.keys = xdp_keys,
	.key_count = sizeof(xdp_keys) / sizeof(xdp_keys[0]),
	.size = sizeof(struct sl_conf_port),
	.flow = true,
};

const char *sl_conf_xdp_interface(const struct sl_conf_port *port)
{
	size_t length = strlen(XDP_DEVICE);

	return port->device && strncmp(port->device, XDP_DEVICE, length) == 0
		       ? port->device + length
		       : NULL;
}

static void check_xdp(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		      const struct sl_conf_port *port)
{
	const struct sl_yaml_node *at = sl_conf_found_value(found, "xdp");

	if (at && port->device && !sl_conf_xdp_interface(port))
		sl_conf_error(reader, at,
			      "`xdp` is for ports whose device is `xdp:INTERFACE`; leave it out of "
			      "port `%s`",
			      port->name);
}

/* ---- ports ------------------------------------------------------------------------------------*/

static const struct sl_conf_key port_keys[] = {
	SL_KEY("name", name, P(name), .flags = SL_KEY_REQUIRED),
	SL_KEY_RANGE("device", text, P(device), 1, DEVICE_MAX, 0, .flags = SL_KEY_REQUIRED),
	SL_KEY_RANGE("mtu", number, P(mtu), SL_MTU_MIN, SL_MTU_MAX, 0),
	SL_KEY_RANGE("promiscuous", bool, P(promiscuous), 0, 0, true),
	SL_KEY_RANGE("addresses", list, P(addresses), 0, SL_PORT_ADDRESSES_MAX, 0,
		     .extra = P_AT(address_count), .element = &address),
	{.name = "gateway",
	 .type = &gateway_type,
	 .extra = P_AT(gateway_set),
	 .table = &gateway_table},
	{.name = "punt", .type = &sl_conf_punt, .offset = P_AT(punt), .size = PUNT_SIZE},
	SL_KEY("arp", word, P(arp), .words = arps),
	SL_KEY("neighbors", word, P(neighbors), .words = neighbors),
	SL_KEY_RANGE("gratuitous", bool, P(gratuitous), 0, 0, true),
	{.name = "xdp", .type = &sl_conf_mapping, .table = &xdp_table},
};

static void check_name(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		       const struct sl_conf_port *port)
{
	if (strcmp(port->name, "drop") == 0 || strcmp(port->name, "kernel") == 0)
		sl_conf_error(reader, sl_conf_found_value(found, "name"),
			      "a port may not be named `%s`: the word has a meaning for `punt`",
			      port->name);
}

static void check_gateway_place(struct sl_conf_reader *reader, const struct sl_conf_found *found,
				const struct sl_conf_port *port)
{
	const struct sl_yaml_node *at = sl_conf_found_value(found, "gateway");
	char text[SL_ADDR_TEXT_SIZE];
	bool family = false;

	if (!at || port->gateway.family == SL_FAMILY_NONE || port->gateway_mac_set)
		return;
	for (uint32_t i = 0; i < port->address_count; i++) {
		if (sl_prefix_contains(&port->addresses[i].prefix, &port->gateway))
			return;
		family |= port->addresses[i].addr.family == port->gateway.family;
	}
	if (family)
		sl_conf_warn_at(reader, at->line, at->column,
				"gateway %s is on no network of port `%s`; give its `mac`, or an "
				"address of its network",
				sl_addr_format(&port->gateway, text), port->name);
}

static bool is_device(const struct sl_conf_port *port, const char *const *names)
{
	for (; port->device && *names; names++)
		if (strncmp(port->device, *names, strlen(*names)) == 0)
			return true;
	return false;
}

/* A device on an interface of the kernel's, or one beside it. */
static bool has_interface(const struct sl_conf_port *port)
{
	static const char *const names[] = {"packet:", "xdp:", "net_af_packet", "net_af_xdp", NULL};

	return is_device(port, names) || port->punt == SL_CONF_PUNT_KERNEL;
}

bool sl_conf_is_heard(const struct sl_conf_port *port)
{
	static const char *const taps[] = {"tap:", "net_tap", NULL};

	return has_interface(port) || is_device(port, taps);
}

/* Nobody is behind captures and devices that only count; net_pcap on an interface names it. */
static bool has_link(const struct sl_conf_port *port)
{
	static const char *const names[] = {"net_null", "net_ring", NULL};
	static const char *const capture[] = {"net_pcap", NULL};

	if (is_device(port, names))
		return false;
	return !is_device(port, capture) || strstr(port->device, "iface=");
}

enum sl_conf_neighbors sl_conf_resolver(const struct sl_conf_port *port)
{
	if (port->neighbors != SL_NEIGHBORS_AUTO)
		return port->neighbors;
	if (has_interface(port))
		return SL_NEIGHBORS_KERNEL;
	return has_link(port) ? SL_NEIGHBORS_OWN : SL_NEIGHBORS_STATIC;
}

bool sl_conf_announces(const struct sl_conf_port *port)
{
	return port->gratuitous && port->arp != SL_ARP_OFF && has_link(port);
}

const struct sl_addr *sl_conf_asking(const struct sl_conf_port *port, const struct sl_addr *hop)
{
	const struct sl_addr *any = NULL;

	for (uint32_t i = 0; i < port->address_count; i++) {
		const struct sl_conf_address *one = &port->addresses[i];

		if (sl_prefix_contains(&one->prefix, hop))
			return &one->addr;
		if (!any && one->addr.family == hop->family)
			any = &one->addr;
	}
	return any;
}

static void check_neighbors(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			    const struct sl_conf_port *port)
{
	if (port->neighbors == SL_NEIGHBORS_KERNEL && port->device && !has_interface(port))
		sl_conf_error(reader, sl_conf_found_value(found, "neighbors"),
			      "the kernel has no interface of port `%s` to resolve neighbours on: "
			      "that takes a device packet: or xdp:, or `punt: kernel`",
			      port->name);
}

static void check_port(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		       void *object)
{
	check_name(reader, found, object);
	check_gateway_place(reader, found, object);
	check_neighbors(reader, found, object);
	check_xdp(reader, found, object);
}

const struct sl_conf_table sl_conf_port_table = {
	.noun = "a port",
	.keys = port_keys,
	.key_count = sizeof(port_keys) / sizeof(port_keys[0]),
	.size = sizeof(struct sl_conf_port),
	.place = P_AT(line),
	.check = check_port,
};

/* ---- all ports --------------------------------------------------------------------------------*/

static void check_address(struct sl_conf_reader *reader, const struct sl_conf_port *port,
			  uint32_t index)
{
	const struct sl_conf *conf = reader->conf;
	const struct sl_addr *addr = &port->addresses[index].addr;
	char text[SL_ADDR_TEXT_SIZE];

	for (const struct sl_conf_port *other = conf->ports; other <= port; other++) {
		uint32_t count = other == port ? index : other->address_count;

		for (uint32_t i = 0; i < count; i++) {
			if (!sl_addr_equal(&other->addresses[i].addr, addr))
				continue;
			sl_conf_error_at(reader, port->line, port->column,
					 "address %s of port `%s` is that of port `%s` of line %u, "
					 "too; each has one place",
					 sl_addr_format(addr, text), port->name, other->name,
					 other->line);
			return;
		}
	}
}

void sl_conf_check_addresses(struct sl_conf_reader *reader)
{
	const struct sl_conf *conf = reader->conf;

	for (uint32_t i = 0; i < conf->port_count; i++) {
		for (uint32_t j = 0; j < conf->ports[i].address_count; j++) {
			if (conf->ports[i].addresses[j].addr.family != SL_FAMILY_NONE)
				check_address(reader, &conf->ports[i], j);
		}
	}
}
