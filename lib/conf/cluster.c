/* SPDX-License-Identifier: BSD-3-Clause */

/* The sections `cluster` and `announce`. */

#include <string.h>
#include <strings.h>

#include "conf/key.h"

#define PATH_MAX_OCTETS 4096
#define PREFIX_MAX	128
#define WORD_MAX	256
#define URL_MAX		1024

/* ---- endpoints --------------------------------------------------------------------------------*/

static bool is_secure(const char *url)
{
	return strncasecmp(url, "https://", 8) == 0;
}

/* A scheme, a host and perhaps a port: nothing behind them, and nobody's password. */
static bool is_url(const char *url)
{
	size_t scheme = is_secure(url) ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
	const char *host = url + scheme;
	size_t length = strlen(host);

	return scheme && length > 0 && strcspn(host, "/@?# ") == length;
}

static void read_url(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		     const struct sl_yaml_node *value, void *object)
{
	char shown[SL_CONF_SHOW_SIZE];

	if (value->kind == SL_YAML_SCALAR && value->length <= URL_MAX &&
	    strlen(value->text) == value->length && is_url(value->text))
		sl_conf_store_text(reader, key, object, value->text);
	else
		sl_conf_error(reader, value,
			      "`%s` takes addresses such as \"http://192.0.2.5:2379\" or "
			      "\"https://store.example:2379\", not %s",
			      key->name, sl_conf_show(value, shown));
}

static void write_url(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		      const void *object)
{
	sl_conf_text.write(writer, key, object);
}

static const struct sl_conf_type url = {SL_CONF_TEXT, read_url, write_url};

/* ---- the store --------------------------------------------------------------------------------*/

static const struct sl_conf_word types[] = {{"etcd", SL_STORE_ETCD}, {NULL, 0}};

static const struct sl_conf_key endpoint = {
	.name = "endpoints", .type = &url, .size = sizeof(char *)};

#define S(member)    SL_MEMBER(sl_conf_store, member)
#define S_AT(member) (uint32_t) offsetof(struct sl_conf_store, member)

static const struct sl_conf_key store_keys[] = {
	SL_KEY("type", word, S(type), .words = types),
	SL_KEY_RANGE("endpoints", list, S(endpoints), 1, SL_ENDPOINTS_MAX, 0,
		     .extra = S_AT(endpoint_count), .flags = SL_KEY_REQUIRED, .element = &endpoint),
	SL_KEY_RANGE("prefix", text, S(prefix), 2, PREFIX_MAX, 0, .text = "/sluice"),
	SL_KEY_RANGE("user", text, S(user), 0, WORD_MAX, 0, .text = ""),
	SL_KEY_RANGE("password", text, S(password), 0, WORD_MAX, 0, .text = "",
		     .flags = SL_KEY_SECRET),
	SL_KEY_RANGE("ca", text, S(ca), 0, PATH_MAX_OCTETS, 0, .text = ""),
	SL_KEY_RANGE("cert", text, S(cert), 0, PATH_MAX_OCTETS, 0, .text = ""),
	SL_KEY_RANGE("key", text, S(key), 0, PATH_MAX_OCTETS, 0, .text = ""),
};

static void check_store(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			void *object)
{
	const struct sl_conf_store *store = object;
	const struct sl_yaml_node *prefix = sl_conf_found_value(found, "prefix");
	size_t length = strlen(store->prefix);
	bool plain = false, secure = false;

	if (prefix && (store->prefix[0] != '/' || store->prefix[length - 1] == '/' ||
		       strchr(store->prefix, ' ')))
		sl_conf_error(reader, prefix,
			      "`prefix` begins with a slash, does not end with one, and has no "
			      "blanks");
	for (uint32_t i = 0; i < store->endpoint_count; i++) {
		secure |= store->endpoints[i] && is_secure(store->endpoints[i]);
		plain |= store->endpoints[i] && !is_secure(store->endpoints[i]);
	}
	if (secure && plain)
		sl_conf_error(reader, found->node,
			      "`endpoints` are all http or all https: else what is secret goes "
			      "where anybody reads it");
	if (!secure && (store->ca[0] || store->cert[0] || store->key[0]))
		sl_conf_error(reader, found->node,
			      "`ca`, `cert` and `key` are for endpoints that begin with https");
	if (!store->cert[0] != !store->key[0])
		sl_conf_error(reader, found->node, "`cert` and `key` are given both or neither");
	if (!store->user[0] && store->password[0])
		sl_conf_error(reader, found->node, "`password` needs a `user`");
}

static const struct sl_conf_table store_table = {
	.noun = "store",
	.keys = store_keys,
	.key_count = sizeof(store_keys) / sizeof(store_keys[0]),
	.size = sizeof(struct sl_conf_store),
	.check = check_store,
};

/* ---- the section ------------------------------------------------------------------------------*/

#define C(member) SL_MEMBER(sl_conf_cluster, member)

static const struct sl_conf_word judges[] = {
	{"majority", SL_JUDGES_MAJORITY}, {"own", SL_JUDGES_OWN}, {NULL, 0}};

static const struct sl_conf_key keys[] = {
	SL_KEY("name", name, C(name), .flags = SL_KEY_REQUIRED),
	SL_KEY("member", name, C(member)),
	SL_KEY("store", mapping, C(store), .table = &store_table, .flags = SL_KEY_REQUIRED),
	SL_KEY("health", word, C(health), .words = judges),
};

const struct sl_conf_table sl_conf_cluster_table = {
	.noun = "cluster",
	.keys = keys,
	.key_count = sizeof(keys) / sizeof(keys[0]),
	.size = sizeof(struct sl_conf_cluster),
	.place = offsetof(struct sl_conf_cluster, line),
};

/* ---- announce ---------------------------------------------------------------------------------*/

#define INTERFACE_MAX 15 /* octets of an interface's name, as the kernel has it */
#define GRACE_MS_MAX  10000
#define GRACE_MS      300

#define A(member) SL_MEMBER(sl_conf_announce, member)

static const struct sl_conf_key announce_keys[] = {
	SL_KEY_RANGE("interface", text, A(interface), 1, INTERFACE_MAX, 0,
		     .flags = SL_KEY_REQUIRED),
	SL_KEY_RANGE("grace", duration, A(grace_ms), 0, GRACE_MS_MAX, GRACE_MS),
};

const struct sl_conf_table sl_conf_announce_table = {
	.noun = "announce",
	.keys = announce_keys,
	.key_count = sizeof(announce_keys) / sizeof(announce_keys[0]),
	.size = sizeof(struct sl_conf_announce),
	.place = offsetof(struct sl_conf_announce, line),
};

/* ---- what members share -----------------------------------------------------------------------*/

struct sl_conf *sl_conf_shared(const struct sl_conf *conf)
{
	struct sl_conf *copy = sl_conf_copy(conf);
	int err;

	if (!copy)
		return NULL;
	sl_conf_table_fini(&sl_conf_cluster_table, &copy->cluster);
	sl_conf_table_fini(&sl_conf_announce_table, &copy->announce);
	sl_conf_table_fini(&sl_conf_control_table, &copy->control);
	err = sl_conf_table_defaults(&sl_conf_cluster_table, &copy->cluster);
	if (!err)
		err = sl_conf_table_defaults(&sl_conf_announce_table, &copy->announce);
	if (!err)
		err = sl_conf_table_defaults(&sl_conf_control_table, &copy->control);
	if (!err)
		copy->control.socket = sl_conf_socket_default(copy->dataplane.instance);
	if (!err && copy->control.socket)
		return copy;
	sl_conf_destroy(copy);
	return NULL;
}

/* The port of that name; port_count: there is none. */
static uint32_t find_port(const struct sl_conf *conf, const char *name)
{
	uint32_t p = 0;

	while (p < conf->port_count && strcmp(conf->ports[p].name, name) != 0)
		p++;
	return p;
}

struct sl_conf *sl_conf_graft(const struct sl_conf *sections, const struct sl_conf *pools)
{
	struct sl_conf mixed = *sections, *made;
	bool fits = true;

	mixed.pools = pools->pools;
	mixed.pool_count = pools->pool_count;
	mixed.services = pools->services;
	mixed.service_count = pools->service_count;
	made = sl_conf_copy(&mixed);
	for (uint32_t p = 0; made && p < made->pool_count; p++)
		for (uint32_t n = 0; n < made->pools[p].node_count; n++) {
			struct sl_conf_node *node = &made->pools[p].nodes[n];

			if (node->kind == SL_NODE_WORKER) {
				fits &= node->worker < made->dataplane.worker_cpu_count;
				continue;
			}
			node->port = find_port(made, pools->ports[node->port].name);
			fits &= node->port < made->port_count;
		}
	if (made && fits)
		return made;
	sl_conf_destroy(made);
	return NULL;
}
