/* SPDX-License-Identifier: BSD-3-Clause */

/* Nodes: their keys, what follows from their ports, and a node alone. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/key.h"

#define FILE_MAX	4096
#define ENCAPS_TEXT_MAX 64

/* Kinds of nodes, remote ones by their encap. */
#define WORKER	  0x01u
#define OUTPUT	  0x02u
#define ENCAP(id) (0x04u << SL_ENCAP_##id)
#define REMOTE	  (~(WORKER | OUTPUT))
#define TUNNEL	  (REMOTE & ~ENCAP(NONE))

#define N(member) SL_MEMBER(sl_conf_node, member)

/* ---- handlers ---------------------------------------------------------------------------------*/

static const struct sl_conf_handler own_handlers[] = {
	{"sink", false, NULL}, {"echo", false, NULL}, {"capture", true, NULL}};
static const struct sl_conf_handler *handlers = own_handlers;
static uint32_t handler_count = sizeof(own_handlers) / sizeof(own_handlers[0]);

#define HANDLER_DEFAULT "sink"
#define NAMES_TEXT_SIZE 256

void sl_conf_handlers_set(const struct sl_conf_handler *list, uint32_t count)
{
	handlers = list;
	handler_count = count;
}

static const struct sl_conf_handler *find_handler(const char *name)
{
	for (uint32_t i = 0; i < handler_count; i++) {
		if (strcmp(handlers[i].name, name) == 0)
			return &handlers[i];
	}
	return NULL;
}

static void read_handler(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			 const struct sl_yaml_node *value, void *object)
{
	struct sl_conf_near near = {.word = value->text};
	char shown[SL_CONF_SHOW_SIZE], ask[SL_CONF_SHOW_SIZE], names[NAMES_TEXT_SIZE] = "";

	if (value->kind == SL_YAML_SCALAR && find_handler(value->text)) {
		sl_conf_store_text(reader, key, object, value->text);
		return;
	}
	for (uint32_t i = 0; i < handler_count; i++) {
		size_t used = strlen(names);

		(void)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
			       handlers[i].name);
		sl_conf_near_try(&near, handlers[i].name);
	}
	sl_conf_error(reader, value, "`handler` takes one of %s, not %s%s", names,
		      sl_conf_show(value, shown), sl_conf_near_ask(&near, ask));
}

static void write_handler(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			  const void *object)
{
	(void)key;
	sl_conf_write_name(writer, ((const struct sl_conf_node *)object)->handler);
}

static const struct sl_conf_type handler = {SL_CONF_TEXT, read_handler, write_handler};

/* ---- keys -------------------------------------------------------------------------------------*/

static const struct sl_conf_word encaps[] = {
#define X(id, name, value) {name, value},
	SL_ENCAPS(X)
#undef X
		{NULL, 0}};
const struct sl_conf_word sl_conf_outer_dfs[] = {{"copy", SL_OUTER_DF_COPY},
						 {"set", SL_OUTER_DF_SET},
						 {"clear", SL_OUTER_DF_CLEAR},
						 {NULL, 0}};

static const struct sl_conf_key node_keys[] = {
	SL_KEY("name", name, N(name), .flags = SL_KEY_REQUIRED),
	SL_KEY_RANGE("worker", number, N(worker), 0, SL_WORKERS_MAX - 1, 0, .kinds = WORKER,
		     .flags = SL_KEY_ALWAYS),
	{.name = "handler", .type = &handler, N(handler), .kinds = WORKER, .flags = SL_KEY_ALWAYS},
	SL_KEY_RANGE("file", text, N(file), 1, FILE_MAX, 0, .kinds = WORKER),
	SL_KEY("options", options, N(options), .extra = offsetof(struct sl_conf_node, option_count),
	       .kinds = WORKER, .element = &sl_conf_option_element),
	SL_KEY("address", addr, N(address), .kinds = REMOTE),
	SL_KEY("encap", word, N(encap), .kinds = REMOTE, .flags = SL_KEY_ALWAYS, .words = encaps),
	SL_KEY("port", port_ref, N(port), .kinds = REMOTE, .flags = SL_KEY_ALWAYS),
	SL_KEY("output", port_ref, N(port), .kinds = OUTPUT, .flags = SL_KEY_ALWAYS),
	SL_KEY_RANGE("weight", weight, N(weight), 0, 0, SL_WEIGHT_UNIT, .flags = SL_KEY_ALWAYS),
	SL_KEY("mac", mac, N(mac), .extra = offsetof(struct sl_conf_node, mac_set),
	       .kinds = REMOTE),
	SL_KEY_RANGE("gue_port", number, N(gue_port), 1, UINT16_MAX, SL_GUE_PORT,
		     .kinds = ENCAP(GUE)),
	SL_KEY_RANGE("vni", number, N(vni), 0, SL_VNI_MAX, 0, .kinds = ENCAP(VXLAN),
		     .flags = SL_KEY_REQUIRED),
	SL_KEY("inner_mac", mac, N(inner_mac),
	       .extra = offsetof(struct sl_conf_node, inner_mac_set), .kinds = ENCAP(VXLAN)),
	SL_KEY("backup", bool, N(backup)),
	SL_KEY("health", mapping, N(health), .kinds = REMOTE, .table = &sl_conf_node_health_table),
	SL_KEY("outer_df", word, N(outer_df), .kinds = TUNNEL, .words = sl_conf_outer_dfs),
};

static uint32_t node_kind(const void *object)
{
	const struct sl_conf_node *node = object;

	switch (node->kind) {
	case SL_NODE_WORKER:
		return WORKER;
	case SL_NODE_OUTPUT:
		return OUTPUT;
	case SL_NODE_REMOTE:
		return 0x04u << node->encap;
	default:
		return 0;
	}
}

/* ---- checks -----------------------------------------------------------------------------------*/

static const char *const kind_keys[] = {
	[SL_NODE_WORKER] = "worker", [SL_NODE_REMOTE] = "address", [SL_NODE_OUTPUT] = "output"};

/* Which kind it is by the one key that says so. False: it is none, or several. */
static bool find_kind(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		      struct sl_conf_node *node)
{
	for (uint32_t kind = SL_NODE_WORKER; kind <= SL_NODE_OUTPUT; kind++) {
		const struct sl_yaml_node *at = sl_conf_found_value(found, kind_keys[kind]);

		if (!at)
			continue;
		if (node->kind != SL_NODE_NONE) {
			sl_conf_error(reader, at,
				      "a node has one of `worker`, `address` and `output`, not "
				      "both `%s` and `%s`",
				      kind_keys[node->kind], kind_keys[kind]);
			return false;
		}
		node->kind = kind;
	}
	if (node->kind != SL_NODE_NONE)
		return true;
	sl_conf_error(reader, found->node,
		      "a node needs one of `worker` (a local one), `address` (a remote one) and "
		      "`output` (a port)");
	return false;
}

static void check_keys(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		       const struct sl_conf_node *node)
{
	static const char *const nouns[] = {[SL_NODE_WORKER] = "worker nodes",
					    [SL_NODE_REMOTE] = "remote nodes (with `address`)",
					    [SL_NODE_OUTPUT] = "nodes with `output`"};

	for (uint32_t i = 0; i < found->table->key_count; i++) {
		const struct sl_conf_key *key = &node_keys[i];
		bool remote = key->kinds & REMOTE;

		if (found->value[i] && !sl_conf_key_applies(found->table, key, node) &&
		    !(remote && node->kind == SL_NODE_REMOTE))
			sl_conf_error(reader, found->value[i], "`%s` is for %s; this one has `%s`",
				      key->name,
				      nouns[key->kinds == WORKER   ? SL_NODE_WORKER
					    : key->kinds == OUTPUT ? SL_NODE_OUTPUT
								   : SL_NODE_REMOTE],
				      kind_keys[node->kind]);
	}
}

static void check_worker(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			 struct sl_conf_node *node)
{
	const struct sl_yaml_node *file = sl_conf_found_value(found, "file");
	uint32_t count = reader->conf->dataplane.worker_cpu_count;
	const struct sl_yaml_node *options = sl_conf_found_value(found, "options");
	const struct sl_conf_handler *named;
	struct sl_err err = {0};

	if (node->worker >= count)
		sl_conf_error(
			reader, sl_conf_found_value(found, "worker"),
			"worker %u does not exist: `worker_cpus` of dataplane has %u entries%s",
			node->worker, count,
			count ? ", counted from 0" : "; give it a CPU for each worker");
	if (!node->handler && !sl_conf_found_value(found, "handler")) {
		node->handler = strdup(HANDLER_DEFAULT);
		reader->no_memory |= !node->handler;
	}
	if (!node->handler)
		return;
	named = find_handler(node->handler);
	if (named && named->needs_file && !file)
		sl_conf_error(reader, found->node, "`file` is missing: handler %s needs it",
			      node->handler);
	if (named && !named->needs_file && file)
		sl_conf_error(reader, file, "handler %s writes no `file`; leave it out",
			      node->handler);
	if (named && named->check && named->check(node, &err))
		sl_conf_error(reader, options ? options : found->node, "%s", err.text);
}

/* Octets of the longest of the port's networks that has the address, plus 1; 0: none. */
static uint32_t nearness(const struct sl_conf_port *port, const struct sl_addr *addr)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < port->address_count; i++) {
		const struct sl_prefix *prefix = &port->addresses[i].prefix;

		if (sl_prefix_contains(prefix, addr) && prefix->length + 1u > best)
			best = prefix->length + 1u;
	}
	return best;
}

static bool gateway_serves(const struct sl_conf_port *port, uint8_t family)
{
	return port->gateway_set && (port->gateway_mac_set || port->gateway.family == family);
}

/* Where the node's port is left out: the one whose network has it, else the one with a gateway,
 * else the only one. */
static bool find_port(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		      struct sl_conf_node *node)
{
	const struct sl_conf *conf = reader->conf;
	uint32_t best = 0, ties = 0, gateways = 0, gateway = 0;

	for (uint32_t i = 0; i < conf->port_count; i++) {
		uint32_t near = nearness(&conf->ports[i], &node->address);

		ties = near > best ? 0 : ties + (near && near == best);
		if (near > best) {
			best = near;
			node->port = i;
		}
		if (gateway_serves(&conf->ports[i], node->address.family)) {
			gateways++;
			gateway = i;
		}
	}
	if (best && !ties)
		return true;
	if (!best && gateways == 1) {
		node->port = gateway;
		return true;
	}
	if (conf->port_count == 1)
		return true;
	if (conf->port_count)
		sl_conf_error(reader, found->node,
			      "`port` is missing: %s ports may lead to this node; say which",
			      best || gateways ? "several" : "no network nor gateway tells which");
	return false;
}

/* "gre, gue or vxlan": the encaps that have a key. */
static const char *encaps_of(const struct sl_conf_key *key, char text[ENCAPS_TEXT_MAX])
{
	const char *last = NULL;
	size_t used = 0;

	text[0] = '\0';
	for (const struct sl_conf_word *word = encaps; word->name; word++) {
		if (!(key->kinds & 0x04u << word->value))
			continue;
		if (last)
			used += (size_t)snprintf(text + used, ENCAPS_TEXT_MAX - used, "%s%s",
						 used ? ", " : "", last);
		last = word->name;
	}
	(void)snprintf(text + used, ENCAPS_TEXT_MAX - used, "%s%s", used ? " or " : "", last);
	return text;
}

/* Keys that only some encaps have or need. */
static void check_encap(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			const struct sl_conf_node *node)
{
	char text[ENCAPS_TEXT_MAX];

	for (uint32_t i = 0; i < found->table->key_count; i++) {
		const struct sl_conf_key *key = &node_keys[i];
		bool applies = sl_conf_key_applies(found->table, key, node);

		if (!(key->kinds & REMOTE))
			continue;
		if (found->value[i] && !applies)
			sl_conf_error(reader, found->value[i], "`%s` is for `encap: %s`", key->name,
				      encaps_of(key, text));
		if (!found->value[i] && applies && (key->flags & SL_KEY_REQUIRED))
			sl_conf_error(reader, found->node, "`%s` is missing: `encap: %s` needs it",
				      key->name, sl_encap_name(node->encap));
	}
}

static void check_hop(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		      const struct sl_conf_node *node)
{
	const struct sl_conf_port *port = &reader->conf->ports[node->port];
	const struct sl_yaml_node *at = sl_conf_found_value(found, "address");
	bool on_link = nearness(port, &node->address) > 0;
	const char *version = node->address.family == SL_FAMILY_IPV4 ? "IPv4" : "IPv6";
	enum sl_conf_neighbors who = sl_conf_resolver(port);
	struct sl_addr hop;
	struct sl_mac mac;

	if (node->encap != SL_ENCAP_NONE && !sl_conf_outer_source(reader->conf, node))
		sl_conf_error(reader, at,
			      "port `%s` has no %s address to send to this node from; add one to "
			      "its `addresses`",
			      port->name, version);
	if (node->mac_set || sl_conf_found_value(found, "mac") || who == SL_NEIGHBORS_KERNEL)
		return;
	if (node->encap == SL_ENCAP_NONE && !on_link)
		sl_conf_error(reader, at,
			      "`encap: none` reaches neighbours only, and this node is on no "
			      "network of port `%s`; give its `mac`, or another `encap`",
			      port->name);
	else if (!on_link && !gateway_serves(port, node->address.family))
		sl_conf_error(reader, at,
			      "port `%s` has neither this node's network nor a gateway for %s; "
			      "give the node's `mac`, or the port a `gateway`",
			      port->name, version);
	else if (who == SL_NEIGHBORS_STATIC &&
		 sl_conf_next_hop(reader->conf, node, &mac, &hop) != SL_HOP_KNOWN)
		sl_conf_warn_at(
			reader, at->line, at->column,
			"node `%s` has no `mac`, and nobody asks for next hops on port `%s` "
			"(`neighbors`): packets for it count as no_neighbor",
			node->name, port->name);
}

static bool word_is(const struct sl_conf_word *words, const char *text, uint64_t value)
{
	for (; words->name; words++) {
		if (words->value == value && strcmp(words->name, text) == 0)
			return true;
	}
	return false;
}

/* What follows from an encap or a port that was refused would be noise. */
static void check_remote(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			 struct sl_conf_node *node)
{
	const struct sl_yaml_node *port = sl_conf_found_value(found, "port");
	const struct sl_yaml_node *encap = sl_conf_found_value(found, "encap");

	if (encap && (encap->kind != SL_YAML_SCALAR || !word_is(encaps, encap->text, node->encap)))
		return;
	check_encap(reader, found, node);
	if (node->address.family == SL_FAMILY_NONE)
		return;
	if (!port && !find_port(reader, found, node))
		return;

	if (port && (node->port >= reader->conf->port_count ||
		     strcmp(reader->conf->ports[node->port].name, port->text) != 0))
		return;
	check_hop(reader, found, node);
}

static void check_node(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		       void *object)
{
	struct sl_conf_node *node = object;

	if (!find_kind(reader, found, node))
		return;
	check_keys(reader, found, node);
	if (node->kind == SL_NODE_WORKER)
		check_worker(reader, found, node);
	if (node->kind == SL_NODE_REMOTE)
		check_remote(reader, found, node);
}

const struct sl_conf_table sl_conf_node_table = {
	.noun = "a node",
	.keys = node_keys,
	.key_count = sizeof(node_keys) / sizeof(node_keys[0]),
	.size = sizeof(struct sl_conf_node),
	.place = offsetof(struct sl_conf_node, line),
	.flow = true,
	.check = check_node,
	.kind = node_kind,
};

/* ---- what follows from the port ---------------------------------------------------------------*/

enum sl_conf_hop sl_conf_next_hop(const struct sl_conf *conf, const struct sl_conf_node *node,
				  struct sl_mac *mac, struct sl_addr *hop)
{
	const struct sl_conf_port *port = &conf->ports[node->port];
	bool on_link = nearness(port, &node->address) > 0;

	*hop = node->address;
	if (node->mac_set) {
		*mac = node->mac;
		return SL_HOP_KNOWN;
	}
	if (on_link)
		return SL_HOP_LINK;
	if (!gateway_serves(port, node->address.family))
		return node->encap == SL_ENCAP_NONE ? SL_HOP_LINK : SL_HOP_ROUTE;
	if (port->gateway.family != SL_FAMILY_NONE)
		*hop = port->gateway;
	if (port->gateway_mac_set)
		*mac = port->gateway_mac;
	return port->gateway_mac_set ? SL_HOP_KNOWN : SL_HOP_LINK;
}

const struct sl_addr *sl_conf_outer_source(const struct sl_conf *conf,
					   const struct sl_conf_node *node)
{
	return sl_conf_asking(&conf->ports[node->port], &node->address);
}

enum sl_encap_df sl_conf_outer_df(const struct sl_conf_pool *pool, const struct sl_conf_node *node)
{
	switch (node->outer_df == SL_OUTER_DF_POOL ? pool->outer_df : node->outer_df) {
	case SL_OUTER_DF_SET:
		return SL_ENCAP_DF_SET;
	case SL_OUTER_DF_CLEAR:
		return SL_ENCAP_DF_CLEAR;
	default:
		return SL_ENCAP_DF_COPY;
	}
}
