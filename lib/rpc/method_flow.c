/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods about single flows: explain, flows. */

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "conf/key.h"
#include "path/address.h"
#include "pkt/hdr.h"
#include "pkt/parse.h"
#include "rpc/method.h"
#include "show/explain.h"
#include "state/flow_table.h"

#define FLOWS_LIMIT	1000
#define FLOWS_LIMIT_MAX 8000 /* what fits a line; with addresses half as many */
#define TICK_SECONDS	((double)(1 << SL_TICK_SHIFT) / 1e3)

/* ---- explain --------------------------------------------------------------------------------- */

static int read_addr(struct sl_rpc_call *call, const char *name, struct sl_addr *addr)
{
	const char *text = sl_rpc_string(call, name, NULL);

	if (!text)
		return sl_rpc_fail(
			call, SL_RPC_INVALID_PARAMETER,
			"parameter \"%s\" is missing: explain needs src and dst, or frame", name);
	if (sl_addr_parse(text, addr))
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "%s \"%.64s\" is no IPv4 or IPv6 address", name, text);
	return 0;
}

static int read_port(struct sl_rpc_call *call, const char *name, uint16_t *port)
{
	uint64_t value = sl_rpc_integer(call, name, 0);

	if (value > UINT16_MAX)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "%s %" PRIu64 " is no port: 0 to 65535", name, value);
	*port = (uint16_t)value;
	return 0;
}

/* A name, or a number as text or as a number. */
static int read_protocol(struct sl_rpc_call *call, uint8_t *protocol)
{
	const json_t *value = json_object_get(call->params, "proto");
	char text[64] = "tcp";
	int16_t number;

	if (json_is_string(value))
		(void)snprintf(text, sizeof(text), "%s", json_string_value(value));
	else if (json_is_integer(value))
		(void)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
			       json_integer_value(value));
	if (sl_conf_protocol_parse(text, &number) || number < 0)
		return sl_rpc_fail(
			call, SL_RPC_INVALID_VALUE,
			"proto \"%s\" is no IP protocol: tcp, udp, another name, or 0 to "
			"255",
			text);
	*protocol = (uint8_t)number;
	return 0;
}

static int read_flags(struct sl_rpc_call *call, uint8_t protocol, uint8_t *flags)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} names[] = {{"fin", SL_TCP_FIN},
		     {"syn", SL_TCP_SYN},
		     {"rst", SL_TCP_RST},
		     {"psh", SL_TCP_PSH},
		     {"ack", SL_TCP_ACK}};
	const char *at = sl_rpc_string(call, "flags", NULL);
	size_t i, length;

	*flags = at ? 0 : SL_TCP_ACK;
	if (at && protocol != SL_PROTO_TCP)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE, "flags are for proto tcp only");
	for (; at && *at; at += length + (at[length] != '\0')) {
		length = strcspn(at, ",+ ");
		for (i = 0; i < SL_ARRAY_COUNT(names); i++)
			if (strlen(names[i].name) == length &&
			    strncasecmp(names[i].name, at, length) == 0)
				break;
		if (i == SL_ARRAY_COUNT(names) && length > 0)
			return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
					   "flags \"%.*s\" is none of syn, ack, fin, rst, psh",
					   (int)SL_MIN(length, (size_t)64), at);
		*flags |= i < SL_ARRAY_COUNT(names) ? names[i].bit : 0;
	}
	return 0;
}

static int read_tuple(struct sl_rpc_call *call, struct sl_explain_tuple *tuple)
{
	if (read_addr(call, "src", &tuple->src) || read_addr(call, "dst", &tuple->dst) ||
	    read_port(call, "sport", &tuple->sport) || read_port(call, "dport", &tuple->dport) ||
	    read_protocol(call, &tuple->protocol) ||
	    read_flags(call, tuple->protocol, &tuple->tcp_flags))
		return -1;
	if (tuple->src.family != tuple->dst.family)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "src and dst must be of one family, IPv4 or IPv6");
	return 0;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The frame that parameter `name` has in hexadecimal digits, all of it unless `size_name` says how
 * long it was. To be freed. */
static int read_frame(struct sl_rpc_call *call, const char *name, const char *size_name,
		      struct sl_explain_frame *frame)
{
	const char *text = sl_rpc_string(call, name, "");
	size_t length = strlen(text), size = length / 2;
	uint64_t frame_size = sl_rpc_integer(call, size_name, size);
	uint8_t *octets;

	if (length % 2 != 0 || size > SL_EXPLAIN_FRAME_MAX)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "%s must be two hexadecimal digits an octet, at most %u octets",
				   name, SL_EXPLAIN_FRAME_MAX);
	if (frame_size < size || frame_size > UINT32_MAX)
		return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
				   "%s %" PRIu64 " is less than the %zu octets of %s", size_name,
				   frame_size, size, name);
	octets = malloc(size + 1);
	if (!octets)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory");
	*frame = (struct sl_explain_frame){octets, (uint32_t)size, (uint32_t)frame_size};
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return sl_rpc_fail(call, SL_RPC_INVALID_VALUE,
					   "%s has a character that is no hexadecimal digit", name);
		octets[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int find_port(struct sl_rpc_call *call, uint32_t *port)
{
	const struct sl_rpc_scope *scope = call->context;
	const struct sl_conf *conf = sl_model_image(scope->model)->conf;
	const char *name = sl_rpc_string(call, "port", NULL);

	*port = 0;
	for (uint32_t p = 0; name && p < conf->port_count; p++)
		if (strcmp(conf->ports[p].name, name) == 0) {
			*port = p;
			return 0;
		}
	return name ? sl_rpc_fail(call, SL_RPC_NOT_FOUND, "there is no port \"%.64s\"", name) : 0;
}

static int build_frame(struct sl_rpc_call *call, uint32_t port, struct sl_explain_frame *frame)
{
	const struct sl_rpc_scope *scope = call->context;
	struct sl_explain_tuple tuple = {0};
	uint8_t *octets;

	if (read_tuple(call, &tuple))
		return -1;
	octets = malloc(SL_EXPLAIN_BUILT_MAX);
	if (!octets)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory");
	tuple.mac = sl_model_snapshot(scope->model)->ports[port].mac;
	frame->octets = octets;
	frame->size = sl_explain_build(&tuple, octets);
	frame->frame_size = frame->size;
	return 0;
}

static int explain(struct sl_rpc_call *call, struct sl_explain_frame *frame,
		   struct sl_explain_frame *first)
{
	struct sl_rpc_scope *scope = call->context;
	uint32_t port;

	if (find_port(call, &port) || sl_model_flush(scope->model, &call->err))
		return call->code ? -1 : sl_rpc_fail_err(call);
	if (sl_rpc_has(call, "frame") ? read_frame(call, "frame", "frame_size", frame)
				      : build_frame(call, port, frame))
		return -1;
	if (sl_rpc_has(call, "first") && read_frame(call, "first", "first_size", first))
		return -1;
	call->result = sl_explain(sl_model_snapshot(scope->model), sl_model_image(scope->model),
				  port, frame, first->octets ? first : NULL, sl_clock_ms());
	return call->result ? 0 : sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
}

static int method_explain(struct sl_rpc_call *call)
{
	struct sl_explain_frame frame = {0}, first = {0};
	int rc = explain(call, &frame, &first);

	free(frame.octets);
	free(first.octets);
	return rc;
}

/* ---- flows ----------------------------------------------------------------------------------- */

/* A walk over all flow tables. */
struct walk {
	const struct sl_image_pool *pool;
	const char *node; /* NULL: all */
	uint32_t *place;  /* node index -> 1 + place in the pool */
	json_t *list;
	uint64_t limit;
	bool addresses; /* wanted */
	bool more;
};

static void set_address(json_t *flow, const char *member, uint8_t family, const uint8_t *octets)
{
	struct sl_addr addr = {.family = family};
	char text[SL_ADDR_TEXT_SIZE];

	memcpy(addr.octets, octets, family == SL_FAMILY_IPV6 ? 16 : 4);
	(void)json_object_set_new(flow, member, json_string(sl_addr_format(&addr, text)));
}

/* Named as `explain` asks for them. */
static void set_key(json_t *flow, const struct sl_key *key)
{
	const char *protocol = sl_conf_protocol_name(key->protocol);
	bool v6 = key->family == SL_FAMILY_IPV6;

	set_address(flow, "src", key->family, v6 ? key->src : (const uint8_t *)&key->src4);
	set_address(flow, "dst", key->family, v6 ? key->dst : (const uint8_t *)&key->dst4);
	(void)json_object_set_new(flow, "sport", json_integer(sl_be16(key->sport_be)));
	(void)json_object_set_new(flow, "dport", json_integer(sl_be16(key->dport_be)));
	(void)json_object_set_new(flow, "proto",
				  protocol ? json_string(protocol)
					   : json_sprintf("%u", key->protocol));
}

static void walk_entry(struct walk *walk, const struct sl_flow_clock *clock,
		       const struct sl_flow_entry *entry, uint32_t core,
		       const struct sl_key *flow_key)
{
	static const char *const kinds[] = {"free", "begun", "live", "closing"};
	static const char *const classes[] = {"other", "tcp", "udp", "other"};
	uint32_t place = walk->place[sl_flow_node(entry->word)];
	const char *name = place ? walk->pool->nodes[place - 1].name : NULL;
	char key[17];
	json_t *flow;

	if (!name || !sl_flow_counts(clock, entry->word) ||
	    (walk->node && strcmp(walk->node, name) != 0))
		return;
	if (json_array_size(walk->list) >= walk->limit) {
		walk->more = true;
		return;
	}
	(void)snprintf(key, sizeof(key), "%016" PRIx64, entry->tag);
	flow = json_pack("{s:s, s:s, s:s, s:f, s:s, s:s, s:i}", "key", key, "pool",
			 walk->pool->name, "node", name, "age_seconds",
			 sl_flow_age(clock, entry->word) * TICK_SECONDS, "kind",
			 kinds[sl_flow_kind(entry->word) % SL_FLOW_ODD], "class",
			 classes[sl_flow_class(entry->word)], "core", (int)core);
	if (flow && flow_key)
		set_key(flow, flow_key);
	(void)json_array_append_new(walk->list, flow);
}

static void walk_pool(struct walk *walk, const struct sl_pool_view *view)
{
	bool addresses = walk->addresses && (view->flags & SL_POOL_ADDRESSES);
	struct sl_flow_clock clock;
	struct sl_flow_entry entry;
	struct sl_key key;

	if (!view->words || !view->flow_tables)
		return;
	for (uint32_t n = 0; n < walk->pool->node_count; n++)
		walk->place[walk->pool->nodes[n].index] = n + 1;
	sl_flow_clock_init(&clock, view, sl_clock_ms());
	for (uint32_t core = 0; core < view->memory->core_count && !walk->more; core++) {
		const struct sl_flow_table *table = view->flow_tables[core];
		uint32_t capacity = sl_flow_table_capacity(table);

		for (uint32_t i = 0; i < capacity && !walk->more; i++)
			if (sl_flow_table_at(table, i, &entry))
				walk_entry(walk, &clock, &entry, core,
					   addresses && sl_address_read(table, i, entry.tag, &key)
						   ? &key
						   : NULL);
	}
}

static int check_node(struct sl_rpc_call *call, const struct sl_image_pool *pool, const char *node)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		if (strcmp(pool->nodes[n].name, node) == 0)
			return 0;
	return sl_rpc_fail(call, SL_RPC_NOT_FOUND, "pool %s has no node \"%.64s\"", pool->name,
			   node);
}

static int method_flows(struct sl_rpc_call *call)
{
	struct sl_rpc_scope *scope = call->context;
	const struct sl_image *image = sl_model_image(scope->model);
	const struct sl_snapshot *snapshot;
	const char *pool = sl_rpc_string(call, "pool", NULL);
	struct walk walk = {.node = sl_rpc_string(call, "node", NULL),
			    .addresses = sl_rpc_boolean(call, "addresses")};
	int only = pool && strcmp(pool, "*") != 0 ? sl_rpc_find_pool(call, pool) : -2;

	walk.limit = SL_MIN(sl_rpc_integer(call, "limit", FLOWS_LIMIT),
			    (uint64_t)FLOWS_LIMIT_MAX / (walk.addresses ? 2 : 1));
	if (only == -1)
		return -1;
	if (only >= 0 && walk.node && check_node(call, image->pools[only], walk.node))
		return -1;
	if (sl_model_flush(scope->model, &call->err))
		return sl_rpc_fail_err(call);
	snapshot = sl_model_snapshot(scope->model);
	walk.place = calloc(SL_NODE_INDEX_MAX, sizeof(*walk.place));
	if (!walk.place)
		return sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
	walk.list = json_array();
	for (uint32_t p = 0; p < image->pool_count && !walk.more; p++) {
		walk.pool = image->pools[p];
		if ((only < 0 || (uint32_t)only == p) && walk.pool->index < snapshot->pool_count)
			walk_pool(&walk, &snapshot->pools[walk.pool->index]);
	}
	free(walk.place);
	call->result = json_pack("{s:o, s:b}", "flows", walk.list, "more", walk.more);
	return call->result ? 0 : sl_rpc_fail(call, SL_RPC_INTERNAL, "no memory for an answer");
}

static const struct sl_rpc_method methods[] = {
	{"explain",
	 method_explain,
	 false,
	 {{"src", SL_RPC_STRING, false},
	  {"sport", SL_RPC_INTEGER, false},
	  {"dst", SL_RPC_STRING, false},
	  {"dport", SL_RPC_INTEGER, false},
	  {"proto", SL_RPC_SCALAR, false},
	  {"flags", SL_RPC_STRING, false},
	  {"port", SL_RPC_STRING, false},
	  {"frame", SL_RPC_STRING, false},
	  {"frame_size", SL_RPC_INTEGER, false},
	  {"first", SL_RPC_STRING, false},
	  {"first_size", SL_RPC_INTEGER, false}}},
	{"flows",
	 method_flows,
	 false,
	 {{"pool", SL_RPC_STRING, false},
	  {"node", SL_RPC_STRING, false},
	  {"limit", SL_RPC_INTEGER, false},
	  {"addresses", SL_RPC_BOOLEAN, false}}},
};

void sl_rpc_flow_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope)
{
	sl_rpc_add(rpc, methods, SL_ARRAY_COUNT(methods), scope);
}
