/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit/model/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint64_t fixture_now_ms = 1000000;

static uint64_t now(void)
{
	return fixture_now_ms;
}

static int handler_create(void *context, uint32_t node_index, const char *pool,
			  const struct sl_conf_node *node, void **handler, struct sl_err *err)
{
	struct fixture *f = context;

	(void)snprintf(f->handler_pool, sizeof(f->handler_pool), "%s", pool);

	(void)node_index;
	if (f->handlers_fail)
		return sl_err_set(err, -2, "%s: no such file", node->name);
	f->handlers++;
	*handler = f;
	return 0;
}

static void handler_destroy(void *context, void *handler)
{
	struct fixture *f = context;

	assert_ptr_equal(handler, f);
	f->handlers--;
}

struct sl_conf *fixture_conf(const char *text)
{
	struct sl_conf_errors errors;
	struct sl_conf *conf = NULL;
	int status = sl_conf_parse(text, strlen(text), &conf, &errors);

	for (uint32_t i = 0; i < errors.count; i++)
		print_error("%u:%u: %s\n", errors.list[i].line, errors.list[i].column,
			    errors.list[i].message);
	assert_int_equal(status, 0);
	sl_conf_errors_fini(&errors);
	return conf;
}

void fixture_options(struct fixture *f, struct sl_model_options *options)
{
	memset(options, 0, sizeof(*options));
	options->publish = f->publish;
	options->cores = &f->core;
	options->core_count = 1;
	options->workers = f->workers;
	options->worker_count = 1;
	options->hash_key.word[0] = 1;
	options->hooks.context = f;
	options->hooks.handler_create = handler_create;
	options->hooks.handler_destroy = handler_destroy;
	options->now_ms = now;
	options->wall_ms = now;
}

void fixture_open(struct fixture *f, const char *text, const struct sl_image *kept)
{
	struct sl_conf *conf = fixture_conf(text);

	fixture_open_conf(f, conf, kept);
	sl_conf_destroy(conf);
}

void fixture_open_conf(struct fixture *f, const struct sl_conf *conf, const struct sl_image *kept)
{
	struct sl_model_options options;

	memset(f, 0, sizeof(*f));
	f->workers[0] = &f->worker;
	assert_int_equal(sl_publish_create(&f->publish), 0);
	assert_int_equal(sl_core_stats_create(&f->core), 0);
	fixture_options(f, &options);
	assert_int_equal(sl_model_create(&options, conf, kept, &f->result, &f->model, &f->err), 0);
	assert_int_equal(sl_model_flush(f->model, &f->err), 0);
}

void fixture_close(struct fixture *f)
{
	sl_change_result_fini(&f->result);
	sl_model_destroy(f->model);
	sl_publish_destroy(f->publish);
	sl_core_stats_destroy(f->core);
	assert_int_equal(f->handlers, 0);
}

int fixture_change(struct fixture *f, const struct sl_change *change, bool dry_run)
{
	int status;

	sl_change_result_fini(&f->result);
	memset(&f->err, 0, sizeof(f->err));
	status = sl_model_change(f->model, change, dry_run, &f->result, &f->err);
	assert_int_equal(sl_model_flush(f->model, NULL), 0);
	return status;
}

int fixture_apply(struct fixture *f, const char *text)
{
	struct sl_conf *conf = fixture_conf(text);
	struct sl_change change = {.kind = SL_CHANGE_APPLY, .conf = conf};
	int status = fixture_change(f, &change, false);

	sl_conf_destroy(conf);
	return status;
}

int fixture_node(struct fixture *f, enum sl_change_kind kind, const char *pool, const char *node)
{
	struct sl_change change = {.kind = kind, .pool = pool, .node = node};

	return fixture_change(f, &change, false);
}

int fixture_weight(struct fixture *f, const char *pool, const char *node, uint64_t weight)
{
	struct sl_change change = {.kind = SL_CHANGE_SET_WEIGHT,
				   .pool = pool,
				   .node = node,
				   .weight = weight * SL_WEIGHT_UNIT};

	return fixture_change(f, &change, false);
}

int fixture_add(struct fixture *f, const char *pool, const char *name, const char *const *pairs,
		uint32_t count)
{
	struct sl_conf_errors errors;
	struct sl_conf_node node;
	struct sl_change change = {.kind = SL_CHANGE_ADD_NODE, .pool = pool, .add = &node};
	int status;

	assert_int_equal(sl_conf_node_parse(sl_model_image(f->model)->conf, NULL, name, pairs,
					    count, &node, &errors),
			 0);
	status = fixture_change(f, &change, false);
	sl_conf_node_fini(&node);
	sl_conf_errors_fini(&errors);
	return status;
}

uint32_t fixture_index(const struct fixture *f, const char *pool, const char *node)
{
	const struct sl_image *image = sl_model_image(f->model);
	int p = sl_image_find_pool(image, pool), n;

	assert_true(p >= 0);
	n = sl_image_find_node(image->pools[p], node);
	assert_true(n >= 0);
	return image->pools[p]->nodes[n].index;
}

uint32_t fixture_slots(const struct fixture *f, const char *pool, const char *node)
{
	const struct sl_image *image = sl_model_image(f->model);
	const struct sl_snapshot *snapshot = sl_model_snapshot(f->model);
	int p = sl_image_find_pool(image, pool);
	uint32_t index = fixture_index(f, pool, node), count = 0;
	const struct sl_pool_view *view = &snapshot->pools[image->pools[p]->index];

	for (uint32_t s = 0; s < view->slots->count; s++) {
		uint32_t word = view->words[s];

		if (word & SL_SLOT_OPEN)
			word = view->open[word & SL_SLOT_NODE].node;
		count += (word & SL_SLOT_NODE) == index;
	}
	return count;
}
