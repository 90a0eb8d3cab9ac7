/* SPDX-License-Identifier: BSD-3-Clause */

#include "handlers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "work/handler.h"
#include "work/reading.h"

/* What a node's handler is given. options are the caller's to free; NULL: no memory. */
static struct sl_handler_option *read_args(const char *pool, const struct sl_conf_node *node,
					   struct sl_handler_args *args)
{
	struct sl_handler_option *options = calloc(node->option_count + 1, sizeof(*options));

	for (uint32_t i = 0; options && i < node->option_count; i++)
		options[i] =
			(struct sl_handler_option){node->options[i].name, node->options[i].value};
	*args = (struct sl_handler_args){.pool = pool,
					 .node = node->name,
					 .file = node->file,
					 .options = options,
					 .option_count = node->option_count};
	return options;
}

/* ---- configurations -------------------------------------------------------------------------- */

static int check(const struct sl_conf_node *node, struct sl_err *err)
{
	struct sl_handler_args args;
	struct sl_handler_option *options = read_args("", node, &args);
	int rc = options ? sl_handler_check(node->handler, &args, err)
			 : sl_err_set(err, -ENOMEM, "no memory for options");

	free(options);
	return rc;
}

void handlers_offer(void)
{
	static struct sl_conf_handler handlers[SL_HANDLERS_MAX];
	uint32_t count = 0;

	for (; sl_handler_at(count); count++)
		handlers[count] = (struct sl_conf_handler){sl_handler_at(count)->name,
							   sl_handler_at(count)->needs_file, check};
	sl_conf_handlers_set(handlers, count);
}

static int probe(const char *pool, const struct sl_conf_node *node, const char *path)
{
	const struct sl_handler_ops *ops =
		node->kind == SL_NODE_WORKER ? sl_handler_find(node->handler) : NULL;
	struct sl_handler_option *options;
	struct sl_handler_args args;
	struct sl_err err = {0};
	int rc;

	if (!ops || !ops->probe)
		return 0;
	options = read_args(pool, node, &args);
	rc = options ? ops->probe(&args, &err) : sl_err_set(&err, -ENOMEM, "no memory");
	free(options);
	if (rc < 0)
		sl_log_each(SL_LOG_ERROR, "%s:%" PRIu32 ":%" PRIu32 ": node %s: %s", path,
			    node->line, node->column, node->name, err.text);
	return rc;
}

int handlers_probe(const struct sl_conf *conf, const char *path)
{
	int rc = 0;

	for (uint32_t p = 0; p < conf->pool_count; p++)
		for (uint32_t n = 0; n < conf->pools[p].node_count; n++)
			if (probe(conf->pools[p].name, &conf->pools[p].nodes[n], path))
				rc = -EINVAL;
	return rc;
}

/* ---- the model ------------------------------------------------------------------------------- */

static int create(void *context, uint32_t node_index, const char *pool,
		  const struct sl_conf_node *node, void **handler, struct sl_err *err)
{
	struct sl_handler_args args;
	struct sl_handler_option *options = read_args(pool, node, &args);
	struct wire *wire = context;
	struct sl_handler *opened;
	int status = options ? sl_handler_open(node->handler, &args, &opened, err)
			     : sl_err_set(err, -ENOMEM, "no memory for its handler");

	free(options);
	if (status < 0)
		return status;
	opened->index = node_index;
	opened->worker = node->worker;
	LIST_INSERT_HEAD(&wire->handlers, opened, link);
	*handler = opened;
	return 0;
}

static void destroy(void *context, void *handler)
{
	struct sl_handler *opened = handler;

	wire_look_at_handler(context, opened);
	LIST_REMOVE(opened, link);
	sl_reading_end(opened);
	sl_handler_close(opened);
}

static uint64_t lost(void *context, void *handler)
{
	const struct sl_handler *opened = handler;
	struct sl_handler_look look = {0};

	(void)context;
	if (opened->ops->look)
		opened->ops->look(opened->state, &look);
	return look.lost;
}

void handlers_hooks(struct sl_model_hooks *hooks)
{
	hooks->handler_create = create;
	hooks->handler_destroy = destroy;
	hooks->handler_lost = lost;
}

/* The worker's word is only compared: what it names may be closed by now. */
bool handlers_serving(const struct wire *wire, uint32_t worker, const char **node,
		      const char **handler)
{
	const struct sl_handler *serving = sl_worker_serving(wire->workers[worker]), *one;

	LIST_FOREACH(one, &wire->handlers, link)
	if (one == serving) {
		*node = one->node;
		*handler = one->ops->name;
		return true;
	}
	return false;
}
