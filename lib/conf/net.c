/* SPDX-License-Identifier: BSD-3-Clause */

/* Types of values: addresses, ports, protocols, and names of ports and pools. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/key.h"
#include "pkt/host.h"

static const char *scalar_text(const struct sl_yaml_node *value)
{
	if (value->kind != SL_YAML_SCALAR || strlen(value->text) != value->length)
		return "";
	return value->text;
}

/* ---- addresses --------------------------------------------------------------------------------*/

/* Reports an address that is no host's. True: it is one's. */
static bool check_host(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		       const struct sl_yaml_node *value, const struct sl_addr *addr)
{
	const struct sl_prefix whole = {*addr, sl_addr_bits(addr)};
	const struct sl_conf_special *special = sl_conf_special(&whole);
	char shown[SL_CONF_SHOW_SIZE];

	if (special && special->desk)
		sl_conf_warn_at(reader, value->line, value->column,
				"`%s`: %s %s: nothing but health checks of this machine reaches it",
				key->name, sl_conf_show(value, shown), special->what);
	else if (special)
		sl_conf_error(reader, value, "`%s` takes the address of one host, not %s, which %s",
			      key->name, sl_conf_show(value, shown), special->what);
	return !special || special->desk;
}

static void read_addr(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		      const struct sl_yaml_node *value, void *object)
{
	char shown[SL_CONF_SHOW_SIZE];
	struct sl_addr addr;

	if (sl_addr_parse(scalar_text(value), &addr)) {
		sl_conf_error(reader, value,
			      "`%s` takes an address such as 192.0.2.1 or 2001:db8::1, not %s",
			      key->name, sl_conf_show(value, shown));
		return;
	}
	if (check_host(reader, key, value, &addr))
		memcpy(sl_conf_member(key, object), &addr, sizeof(addr));
}

static void write_addr(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		       const void *object)
{
	char text[SL_ADDR_TEXT_SIZE];

	sl_conf_write_quoted(writer, sl_addr_format(sl_conf_member_const(key, object), text));
}

static void read_mac(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		     const struct sl_yaml_node *value, void *object)
{
	char shown[SL_CONF_SHOW_SIZE];
	struct sl_mac mac;

	if (sl_mac_parse(scalar_text(value), &mac)) {
		sl_conf_error(reader, value,
			      "`%s` takes a MAC address such as \"02:00:00:00:00:01\", not %s",
			      key->name, sl_conf_show(value, shown));
		return;
	}
	if (!sl_host_is_mac(mac.octets)) {
		sl_conf_error(reader, value, "`%s` takes the MAC address of one host, not %s",
			      key->name, sl_conf_show(value, shown));
		return;
	}
	memcpy(sl_conf_member(key, object), &mac, sizeof(mac));
	sl_conf_mark(key, object);
}

static void write_mac(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		      const void *object)
{
	char text[SL_MAC_TEXT_SIZE];

	sl_conf_write_quoted(writer, sl_mac_format(sl_conf_member_const(key, object), text));
}

/* One of a port's own addresses. */
static void read_host(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		      const struct sl_yaml_node *value, void *object)
{
	struct sl_conf_address *address = sl_conf_member(key, object);
	char shown[SL_CONF_SHOW_SIZE];

	if (sl_prefix_parse(scalar_text(value), &address->prefix, &address->addr)) {
		sl_conf_error(reader, value,
			      "`%s` takes addresses with their network's length such as "
			      "\"192.0.2.2/24\", not %s",
			      key->name, sl_conf_show(value, shown));
		return;
	}
	if (!check_host(reader, key, value, &address->addr))
		memset(address, 0, sizeof(*address));
}

static void write_host(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		       const void *object)
{
	const struct sl_conf_address *address = sl_conf_member_const(key, object);
	char text[SL_ADDR_TEXT_SIZE];

	(void)fprintf(writer->out, "\"%s/%u\"", sl_addr_format(&address->addr, text),
		      address->prefix.length);
}

/* What is no prefix is told; *what is what the key takes. */
static bool parse_prefix(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			 const struct sl_yaml_node *value, const char *what,
			 struct sl_prefix *prefix)
{
	char shown[SL_CONF_SHOW_SIZE], text[SL_ADDR_TEXT_SIZE];
	struct sl_addr host;

	if (!sl_prefix_parse(scalar_text(value), prefix, NULL))
		return true;
	if (!sl_prefix_parse(scalar_text(value), prefix, &host))
		sl_conf_error(reader, value, "%s has bits set beyond its length; %s would be right",
			      sl_conf_show(value, shown), sl_prefix_format(prefix, text));
	else
		sl_conf_error(reader, value, "`%s` takes %s, not %s", key->name, what,
			      sl_conf_show(value, shown));
	return false;
}

/* A service's address: `any`, or a prefix. The member is `any`, the prefix stands behind it. */
static void read_target(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			const struct sl_yaml_node *value, void *object)
{
	struct sl_conf_service *service = object;
	const struct sl_conf_special *special;
	char shown[SL_CONF_SHOW_SIZE];
	struct sl_prefix prefix;

	if (strcmp(scalar_text(value), "any") == 0) {
		service->any = true;
		return;
	}
	if (!parse_prefix(reader, key, value, "an address, a prefix such as 192.0.2.0/24 or any",
			  &prefix))
		return;
	special = sl_conf_special(&prefix);
	service->any = false;
	if (special && special->remedy)
		sl_conf_error(reader, value, "`address`: %s %s; %s", sl_conf_show(value, shown),
			      special->what, special->remedy);
	else
		service->prefix = prefix;
}

static void read_prefix(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			const struct sl_yaml_node *value, void *object)
{
	struct sl_prefix prefix;

	if (parse_prefix(reader, key, value, "prefixes such as 198.51.100.0/24", &prefix))
		memcpy(sl_conf_member(key, object), &prefix, sizeof(prefix));
}

static void write_prefix(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			 const void *object)
{
	char text[SL_ADDR_TEXT_SIZE];

	sl_conf_write_quoted(writer, sl_prefix_format(sl_conf_member_const(key, object), text));
}

static void write_target(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			 const void *object)
{
	const struct sl_conf_service *service = object;
	char text[SL_ADDR_TEXT_SIZE];

	(void)key;
	if (service->any)
		(void)fputs("any", writer->out);
	else
		sl_conf_write_quoted(writer, sl_prefix_format(&service->prefix, text));
}

/* ---- protocols and port numbers ---------------------------------------------------------------*/

static void read_protocol(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			  const struct sl_yaml_node *value, void *object)
{
	struct sl_conf_near near = {.word = scalar_text(value)};
	char shown[SL_CONF_SHOW_SIZE], ask[SL_CONF_SHOW_SIZE];
	int16_t protocol;

	if (sl_conf_protocol_parse(scalar_text(value), &protocol)) {
		for (protocol = 0; protocol <= UINT8_MAX; protocol++) {
			const char *name = sl_conf_protocol_name(protocol);

			if (name)
				sl_conf_near_try(&near, name);
		}
		sl_conf_error(reader, value,
			      "`%s` takes a name such as tcp, udp, sctp, icmp or gre, or a number "
			      "from 0 to 255, not %s%s",
			      key->name, sl_conf_show(value, shown), sl_conf_near_ask(&near, ask));
		return;
	}
	sl_conf_store(key, object, (uint64_t)protocol);
}

static void write_protocol(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			   const void *object)
{
	int16_t protocol = (int16_t)sl_conf_load(key, object);
	const char *name = sl_conf_protocol_name(protocol);

	if (protocol < 0)
		(void)fputs("all", writer->out); /* to people: a file leaves it out */
	else if (name)
		(void)fputs(name, writer->out);
	else
		(void)fprintf(writer->out, "%d", protocol);
}

static int parse_port(const char *text, uint16_t *port)
{
	uint64_t number;

	if (sl_number_parse(text, &number) || !number || number > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)number;
	return 0;
}

static int parse_range(const char *text, struct sl_port_range *range)
{
	char first[8];
	const char *dash = strchr(text, '-');

	if (!dash) {
		if (parse_port(text, &range->first))
			return -EINVAL;
		range->last = range->first;
		return 0;
	}
	if ((size_t)(dash - text) >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, (size_t)(dash - text));
	first[dash - text] = '\0';
	if (parse_port(first, &range->first) || parse_port(dash + 1, &range->last))
		return -EINVAL;
	return range->first <= range->last ? 0 : -ERANGE;
}

static void read_range(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		       const struct sl_yaml_node *value, void *object)
{
	struct sl_port_range range;
	char shown[SL_CONF_SHOW_SIZE];
	int err = parse_range(scalar_text(value), &range);

	if (!err)
		memcpy(sl_conf_member(key, object), &range, sizeof(range));
	else if (err == -ERANGE)
		sl_conf_error(reader, value, "%s runs backwards; \"%u-%u\" would be right",
			      sl_conf_show(value, shown), range.last, range.first);
	else
		sl_conf_error(reader, value,
			      "`%s` takes numbers from 1 to 65535 and ranges such as "
			      "\"8000-8099\", not %s",
			      key->name, sl_conf_show(value, shown));
}

static void write_range(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			const void *object)
{
	const struct sl_port_range *range = sl_conf_member_const(key, object);

	if (range->first == range->last)
		(void)fprintf(writer->out, "%u", range->first);
	else
		(void)fprintf(writer->out, "\"%u-%u\"", range->first, range->last);
}

/* ---- names of ports and pools -----------------------------------------------------------------*/

static bool find_port(const struct sl_conf *conf, const char *name, uint32_t *index,
		      struct sl_conf_near *near)
{
	for (uint32_t i = 0; i < conf->port_count; i++) {
		if (strcmp(conf->ports[i].name, name) == 0) {
			*index = i;
			return true;
		}
		sl_conf_near_try(near, conf->ports[i].name);
	}
	return false;
}

static void read_port_ref(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			  const struct sl_yaml_node *value, void *object)
{
	struct sl_conf_near near = {.word = scalar_text(value)};
	char shown[SL_CONF_SHOW_SIZE], ask[SL_CONF_SHOW_SIZE];
	uint32_t index;

	if (*near.word && find_port(reader->conf, near.word, &index, &near))
		sl_conf_store(key, object, index);
	else if (value->kind != SL_YAML_SCALAR || !*near.word)
		sl_conf_error(reader, value, "`%s` takes the name of a port, not %s", key->name,
			      sl_conf_show(value, shown));
	else
		sl_conf_error(reader, value, "`%s`: no port is named %s%s", key->name,
			      sl_conf_show(value, shown),
			      near.best ? sl_conf_near_ask(&near, ask) : "; `ports` defines them");
}

static void write_port_ref(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			   const void *object)
{
	uint64_t index = sl_conf_load(key, object);

	if (index < writer->conf->port_count)
		sl_conf_write_name(writer, writer->conf->ports[index].name);
}

static void read_pool_ref(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			  const struct sl_yaml_node *value, void *object)
{
	const struct sl_conf *conf = reader->conf;
	struct sl_conf_near near = {.word = scalar_text(value)};
	char shown[SL_CONF_SHOW_SIZE], ask[SL_CONF_SHOW_SIZE];

	for (uint32_t i = 0; *near.word && i < conf->pool_count; i++) {
		if (strcmp(conf->pools[i].name, near.word) == 0) {
			sl_conf_store(key, object, i);
			return;
		}
	}
	for (uint32_t i = 0; sl_conf_near_wanted(reader) && i < conf->pool_count; i++)
		sl_conf_near_try(&near, conf->pools[i].name);
	if (value->kind != SL_YAML_SCALAR || !*near.word)
		sl_conf_error(reader, value, "`%s` takes the name of a pool, not %s", key->name,
			      sl_conf_show(value, shown));
	else
		sl_conf_error(reader, value, "`%s`: no pool is named %s%s", key->name,
			      sl_conf_show(value, shown),
			      near.best ? sl_conf_near_ask(&near, ask) : "; `pools` defines them");
}

static void write_pool_ref(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			   const void *object)
{
	uint64_t index = sl_conf_load(key, object);

	if (index < writer->conf->pool_count)
		sl_conf_write_name(writer, writer->conf->pools[index].name);
}

/* The member is `punt`, the port's index stands behind it. */
static void read_punt(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		      const struct sl_yaml_node *value, void *object)
{
	struct sl_conf_port *port = object;
	struct sl_conf_near near = {.word = scalar_text(value)};
	char shown[SL_CONF_SHOW_SIZE], ask[SL_CONF_SHOW_SIZE];

	if (strcmp(near.word, "drop") == 0) {
		port->punt = SL_CONF_PUNT_DROP;
	} else if (strcmp(near.word, "kernel") == 0) {
		port->punt = SL_CONF_PUNT_KERNEL;
	} else if (*near.word && find_port(reader->conf, near.word, &port->punt_port, &near)) {
		port->punt = SL_CONF_PUNT_PORT;
	} else {
		sl_conf_near_try(&near, "drop");
		sl_conf_near_try(&near, "kernel");
		sl_conf_error(reader, value,
			      "`%s` takes drop, kernel or the name of a port, not %s%s", key->name,
			      sl_conf_show(value, shown), sl_conf_near_ask(&near, ask));
	}
}

static void write_punt(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		       const void *object)
{
	const struct sl_conf_port *port = object;

	(void)key;
	if (port->punt == SL_CONF_PUNT_PORT && port->punt_port < writer->conf->port_count)
		sl_conf_write_name(writer, writer->conf->ports[port->punt_port].name);
	else
		(void)fputs(port->punt == SL_CONF_PUNT_KERNEL ? "kernel" : "drop", writer->out);
}

/* clang-format off */
const struct sl_conf_type sl_conf_mac = {SL_CONF_PLAIN, read_mac, write_mac};
const struct sl_conf_type sl_conf_addr = {SL_CONF_PLAIN, read_addr, write_addr};
const struct sl_conf_type sl_conf_host = {SL_CONF_PLAIN, read_host, write_host};
const struct sl_conf_type sl_conf_target = {SL_CONF_PLAIN, read_target, write_target};
const struct sl_conf_type sl_conf_prefix = {SL_CONF_PLAIN, read_prefix, write_prefix};
const struct sl_conf_type sl_conf_protocol = {SL_CONF_PLAIN, read_protocol, write_protocol};
const struct sl_conf_type sl_conf_range = {SL_CONF_PLAIN, read_range, write_range};
const struct sl_conf_type sl_conf_punt = {SL_CONF_PLAIN, read_punt, write_punt};
const struct sl_conf_type sl_conf_port_ref = {SL_CONF_PLAIN, read_port_ref, write_port_ref};
const struct sl_conf_type sl_conf_pool_ref = {SL_CONF_PLAIN, read_pool_ref, write_pool_ref};
/* clang-format on */
