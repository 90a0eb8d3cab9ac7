/* SPDX-License-Identifier: BSD-3-Clause */

#include "work/handler.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/mem.h"
#include "work/builtin.h"

#define NAMES_SIZE 1024

static const struct sl_handler_ops *known[SL_HANDLERS_MAX] = {
	&sl_handler_sink,  &sl_handler_echo,  &sl_handler_capture,
	&sl_handler_tally, &sl_handler_flows, &sl_handler_plugin,
};
static uint32_t known_count = 6;

const struct sl_handler_ops *sl_handler_find(const char *name)
{
	for (uint32_t i = 0; i < known_count; i++)
		if (strcmp(known[i]->name, name) == 0)
			return known[i];
	return NULL;
}

const struct sl_handler_ops *sl_handler_at(uint32_t number)
{
	return number < known_count ? known[number] : NULL;
}

const char *sl_handler_names(void)
{
	static char names[NAMES_SIZE];
	size_t used = 0;

	for (uint32_t i = 0; i < known_count && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 i == 0 ? "" : ", ", known[i]->name);
	return names;
}

int sl_handler_register(const struct sl_handler_ops *ops)
{
	if (ops->name == NULL || ops->open == NULL || ops->burst == NULL)
		return -EINVAL;
	if (sl_handler_find(ops->name) != NULL)
		return -EEXIST;
	if (known_count == SL_HANDLERS_MAX)
		return -ENOSPC;
	known[known_count++] = ops;
	return 0;
}

int sl_handler_open(const char *name, const struct sl_handler_args *args,
		    struct sl_handler **handler, struct sl_err *err)
{
	const struct sl_handler_ops *ops = sl_handler_find(name);
	struct sl_handler *opened;
	int rc;

	if (ops == NULL)
		return sl_err_set(err, -ENOENT, "there is no handler \"%s\", only %s", name,
				  sl_handler_names());
	opened = sl_mem_alloc(sizeof(*opened));
	if (opened == NULL)
		return sl_err_set(err, -ENOMEM, "no memory for its handler");
	opened->ops = ops;
	snprintf(opened->node, sizeof(opened->node), "%s", args->node);
	rc = ops->open(args, &opened->state, err);
	if (rc != 0) {
		sl_mem_free(opened, sizeof(*opened));
		return rc;
	}
	*handler = opened;
	return 0;
}

void sl_handler_close(struct sl_handler *handler)
{
	if (handler == NULL)
		return;
	if (handler->ops->close != NULL)
		handler->ops->close(handler->state);
	sl_mem_free(handler, sizeof(*handler));
}

int sl_handler_check(const char *name, const struct sl_handler_args *args, struct sl_err *err)
{
	const struct sl_handler_ops *ops = sl_handler_find(name);

	if (ops == NULL || (ops->check == NULL && args->option_count == 0))
		return 0;
	if (ops->check == NULL)
		return sl_err_set(err, -EINVAL, "handler %s takes no options, as \"%s\" is", name,
				  args->options[0].name);
	return ops->check(args, err);
}

void sl_handler_free(struct rte_mbuf *const *packets, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		rte_pktmbuf_free(packets[i]);
}

const char *sl_handler_option(const struct sl_handler_args *args, const char *name,
			      const char *absent)
{
	for (uint32_t i = 0; i < args->option_count; i++)
		if (strcmp(args->options[i].name, name) == 0)
			return args->options[i].value;
	return absent;
}
