/* SPDX-License-Identifier: BSD-3-Clause */

/* What rollback goes back to may be older than this run: its nodes name ports and workers of then. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/inside.h"

static int refuse_node(struct sl_edit *edit, const struct sl_conf_pool *pool,
		       const struct sl_conf_node *node, const char *format, const char *name)
{
	char lack[SL_NAME_SIZE + 64];

	(void)snprintf(lack, sizeof(lack), format, name);
	return sl_change_refuse(edit->result, node->line, node->column,
				"pool %s: node %s: %s: needs a restart", pool->name, node->name,
				lack);
}

/* The port of that name, as this run numbers them; port_count: there is none. */
static uint32_t find_port(const struct sl_conf *running, const char *name)
{
	uint32_t p = 0;

	while (p < running->port_count && strcmp(running->ports[p].name, name) != 0)
		p++;
	return p;
}

static int bind_node(struct sl_edit *edit, const struct sl_conf *then,
		     const struct sl_conf_pool *pool, struct sl_conf_node *node)
{
	const struct sl_conf *running = edit->before->conf;
	char number[16];
	const char *name;

	if (node->kind == SL_NODE_WORKER) {
		(void)snprintf(number, sizeof(number), "%" PRIu32, node->worker);
		return node->worker < running->dataplane.worker_cpu_count
			       ? 0
			       : refuse_node(edit, pool, node, "there is no worker %s now", number);
	}
	name = then->ports[node->port].name;
	node->port = find_port(running, name);
	if (node->port == running->port_count)
		return refuse_node(edit, pool, node, "there is no port %s now", name);
	if (node->kind == SL_NODE_REMOTE && node->encap != SL_ENCAP_NONE &&
	    !sl_conf_outer_source(running, node))
		return refuse_node(edit, pool, node,
				   "port %s has no address of the node's family now", name);
	return 0;
}

static int bind_nodes(struct sl_edit *edit, struct sl_conf *wanted)
{
	int status = 0;

	for (uint32_t p = 0; p < wanted->pool_count; p++)
		for (uint32_t n = 0; status == 0 && n < wanted->pools[p].node_count; n++)
			status = bind_node(edit, wanted, &wanted->pools[p],
					   &wanted->pools[p].nodes[n]);
	if (status < 0)
		return sl_err_set(edit->err, status, "no memory");
	return sl_change_refused(edit->result, -EPERM, edit->err);
}

int sl_rollback_make(struct sl_edit *edit)
{
	struct sl_conf *wanted = sl_image_conf(edit->change->image);
	int status =
		wanted ? bind_nodes(edit, wanted) : sl_err_set(edit->err, -ENOMEM, "no memory");

	if (status == 0)
		status = sl_apply_make(edit, wanted, edit->change->image);
	sl_image_conf_free(wanted);
	return status;
}
