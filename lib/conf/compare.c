/* SPDX-License-Identifier: BSD-3-Clause */

/* What differs between two configurations. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/key.h"

#define RESTART_TEXT_SIZE 128

static bool texts_equal(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool ports_equal(const struct sl_conf *a, const struct sl_conf *b)
{
	if (a->port_count != b->port_count)
		return false;
	for (uint32_t i = 0; i < a->port_count; i++) {
		if (sl_conf_table_differs(&sl_conf_port_table, &a->ports[i], &b->ports[i]))
			return false;
	}
	return true;
}

static bool classes_equal(const struct sl_conf *a, const struct sl_conf *b)
{
	if (a->class_count != b->class_count)
		return false;
	for (uint32_t i = 0; i < a->class_count; i++) {
		if (sl_conf_table_differs(&sl_conf_traffic_table, &a->classes[i], &b->classes[i]))
			return false;
	}
	return true;
}

static bool pools_equal(const struct sl_conf *a, const struct sl_conf *b)
{
	if (a->pool_count != b->pool_count)
		return false;
	for (uint32_t i = 0; i < a->pool_count; i++) {
		if (!sl_conf_pool_equal(&a->pools[i], &b->pools[i]))
			return false;
	}
	return true;
}

static bool services_equal(const struct sl_conf *a, const struct sl_conf *b)
{
	if (a->service_count != b->service_count)
		return false;
	for (uint32_t i = 0; i < a->service_count; i++) {
		if (!sl_conf_service_equal(a, &a->services[i], b, &b->services[i]))
			return false;
	}
	return true;
}

static bool hash_keys_equal(const struct sl_conf_dataplane *a, const struct sl_conf_dataplane *b)
{
	return a->hash_key_set == b->hash_key_set &&
	       memcmp(a->hash_key, b->hash_key, sizeof(a->hash_key)) == 0;
}

uint32_t sl_conf_changes(const struct sl_conf *a, const struct sl_conf *b)
{
	uint32_t changes = 0;

	if (sl_conf_table_differs(&sl_conf_dataplane_table, &a->dataplane, &b->dataplane))
		changes |= SL_CONF_DATAPLANE;
	if (!classes_equal(a, b))
		changes |= SL_CONF_DATAPLANE;
	if (!hash_keys_equal(&a->dataplane, &b->dataplane))
		changes |= SL_CONF_HASH_KEY;
	if (!ports_equal(a, b))
		changes |= SL_CONF_PORTS;
	if (!texts_equal(a->control.socket, b->control.socket))
		changes |= SL_CONF_SOCKET;
	if (sl_conf_table_differs(&sl_conf_control_table, &a->control, &b->control))
		changes |= SL_CONF_CONTROL;
	if (sl_conf_table_differs(&sl_conf_cluster_table, &a->cluster, &b->cluster) ||
	    sl_conf_table_differs(&sl_conf_announce_table, &a->announce, &b->announce))
		changes |= SL_CONF_CLUSTER;
	if (!pools_equal(a, b))
		changes |= SL_CONF_POOLS;
	if (!services_equal(a, b))
		changes |= SL_CONF_SERVICES;
	return changes;
}

/* Who is told of keys, and the place of the entry that has them. */
struct restart {
	sl_conf_restart_told *told;
	void *context;
	uint32_t line, column;
};

static void tell_restart(const struct restart *restart, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void tell_restart(const struct restart *restart, const char *format, ...)
{
	char text[RESTART_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	restart->told(restart->context, restart->line, restart->column, text);
}

static bool key_differs(const struct sl_conf_key *key, const void *a, const void *b)
{
	return !(key->flags & SL_KEY_APART) && !sl_conf_key_equal(key, a, b);
}

static void port_keys(const struct restart *restart, const struct sl_conf_port *a,
		      const struct sl_conf_port *b)
{
	const struct sl_conf_table *table = &sl_conf_port_table;

	for (uint32_t k = 0; k < table->key_count; k++)
		if (key_differs(&table->keys[k], a, b))
			tell_restart(restart, "%s of port %s", table->keys[k].name, a->name);
}

void sl_conf_restart_keys(const struct sl_conf *a, const struct sl_conf *b,
			  sl_conf_restart_told *told, void *context)
{
	const struct sl_conf_table *table = &sl_conf_dataplane_table;
	struct restart restart = {told, context, b->dataplane.line, b->dataplane.column};

	for (uint32_t k = 0; k < table->key_count; k++)
		if (key_differs(&table->keys[k], &a->dataplane, &b->dataplane))
			tell_restart(&restart, "dataplane.%s", table->keys[k].name);
	if (!classes_equal(a, b))
		tell_restart(&restart, "classes");
	restart = (struct restart){told, context, b->control.line, b->control.column};
	if (!texts_equal(a->control.socket, b->control.socket))
		tell_restart(&restart, "control.socket");
	restart = (struct restart){told, context, b->cluster.line, b->cluster.column};
	table = &sl_conf_cluster_table;
	for (uint32_t k = 0; k < table->key_count; k++)
		if (key_differs(&table->keys[k], &a->cluster, &b->cluster))
			tell_restart(&restart, "cluster.%s", table->keys[k].name);
	restart = (struct restart){told, context, b->announce.line, b->announce.column};
	table = &sl_conf_announce_table;
	for (uint32_t k = 0; k < table->key_count; k++)
		if (key_differs(&table->keys[k], &a->announce, &b->announce))
			tell_restart(&restart, "announce.%s", table->keys[k].name);
	for (uint32_t p = 0; p < b->port_count; p++) {
		restart = (struct restart){told, context, b->ports[p].line, b->ports[p].column};
		if (a->port_count == b->port_count)
			port_keys(&restart, &a->ports[p], &b->ports[p]);
		else if (p == 0)
			tell_restart(&restart, "ports");
	}
}

bool sl_conf_node_equal(const struct sl_conf_node *a, const struct sl_conf_node *b)
{
	return a->kind == b->kind && !sl_conf_table_differs(&sl_conf_node_table, a, b);
}

bool sl_conf_pool_equal(const struct sl_conf_pool *a, const struct sl_conf_pool *b)
{
	return !sl_conf_table_differs(&sl_conf_pool_table, a, b);
}

bool sl_conf_service_equal(const struct sl_conf *conf_a, const struct sl_conf_service *a,
			   const struct sl_conf *conf_b, const struct sl_conf_service *b)
{
	return !sl_conf_table_differs(&sl_conf_service_table, a, b) &&
	       strcmp(conf_a->pools[a->pool].name, conf_b->pools[b->pool].name) == 0;
}

/* ---- key by key -------------------------------------------------------------------------------*/

/* What a file would say; NULL: no memory. */
static char *value_text(const struct sl_conf *conf, const struct sl_conf_key *key,
			const void *object)
{
	struct sl_conf_writer writer = {.conf = conf};
	char *text = NULL;
	size_t size = 0;

	writer.out = open_memstream(&text, &size);
	if (!writer.out)
		return NULL;
	if (key->extra && key->type->class != SL_CONF_LIST && sl_conf_key_is_default(key, object))
		(void)fputs("none", writer.out);
	else
		sl_conf_write_value(&writer, key, object);
	(void)fclose(writer.out);
	return text;
}

/* Of the list of a pool's nodes each is told by itself. */
static bool is_told(const struct sl_conf_table *table, const struct sl_conf_key *key,
		    const void *object)
{
	return !(key->flags & SL_KEY_APART) && sl_conf_key_applies(table, key, object) &&
	       !(key->type->class == SL_CONF_LIST && key->element->table);
}

int sl_conf_tell(enum sl_conf_part part, const struct sl_conf_side *before,
		 const struct sl_conf_side *after, sl_conf_told *told, void *context)
{
	static const struct sl_conf_table *const tables[] = {
		[SL_CONF_PART_POOL] = &sl_conf_pool_table,
		[SL_CONF_PART_NODE] = &sl_conf_node_table,
		[SL_CONF_PART_SERVICE] = &sl_conf_service_table,
		[SL_CONF_PART_CONTROL] = &sl_conf_control_table,
	};
	const struct sl_conf_table *table = tables[part];

	for (uint32_t i = 0; i < table->key_count; i++) {
		const struct sl_conf_key *key = &table->keys[i];
		char *was, *is;

		if (!is_told(table, key, after->object) ||
		    sl_conf_key_equal(key, before->object, after->object))
			continue;
		was = value_text(before->conf, key, before->object);
		is = value_text(after->conf, key, after->object);
		if (was && is)
			told(context, key->name, was, is);
		free(was);
		free(is);
		if (!was || !is)
			return -ENOMEM;
	}
	return 0;
}
