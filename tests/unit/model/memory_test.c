/* SPDX-License-Identifier: BSD-3-Clause */

/* Every allocation of a change and of its publication fails in turn: nothing has changed then, and
 * the same change succeeds afterwards.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/model/fixture.h"

#define FAILURES_MAX 2000

static bool counts;
static uint32_t until; /* allocations that still succeed */

static bool fails(void)
{
	return counts && until-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
int __real_vasprintf(char **text, const char *format, va_list arguments);
void *__real_sl_mem_alloc(size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_vasprintf(char **text, const char *format, va_list arguments);
void *__wrap_sl_mem_alloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

int __wrap_vasprintf(char **text, const char *format, va_list arguments)
{
	return fails() ? -1 : __real_vasprintf(text, format, arguments);
}

void *__wrap_sl_mem_alloc(size_t size)
{
	return fails() ? NULL : __real_sl_mem_alloc(size);
}

#define HEAD                                                                                       \
	"dataplane: {worker_cpus: [0, 0]}\n"                                                       \
	"ports: [{name: p0, device: d, addresses: [192.0.2.2/24], gateway: "                       \
	"{address: 192.0.2.1, mac: \"02:00:00:00:00:01\"}}]\n"
#define WEB                                                                                        \
	"pools:\n  - {name: web, slots: 256, flow_entries: 1024, nodes: [{name: a, worker: 0, "    \
	"handler: sink, weight: 1}, {name: b, address: 10.0.0.2, encap: ipip, port: p0}]}\n"
#define ONE HEAD "services: [{name: rest, address: any, pool: web}]\n" WEB
#define TWO                                                                                        \
	HEAD "services: [{name: rest, address: any, pool: api}]\n" WEB                             \
	     "  - {name: api, slots: 256, scheduler: wrr, flow_entries: 1024, nodes: [{name: c, "  \
	     "worker: 0, handler: sink, weight: 3}]}\n"

/* Fails the first allocation, the second, ... until the change succeeds. */
static void drive(struct fixture *f, const struct sl_change *change)
{
	struct sl_image *before = sl_model_image(f->model);
	struct sl_change_result result;
	uint32_t handlers = f->handlers, nth;
	int status = -ENOMEM;

	for (nth = 0; status < 0 && nth < FAILURES_MAX; nth++) {
		until = nth;
		counts = true;
		status = sl_model_change(f->model, change, false, &result, &f->err);
		counts = false;
		sl_change_result_fini(&result);
		if (status == 0)
			break;
		assert_int_equal(status, -ENOMEM);
		assert_ptr_equal(sl_model_image(f->model), before);
		assert_int_equal(f->handlers, handlers);
	}
	assert_int_equal(status, 0);
	assert_true(nth > 5);
}

static void drive_flush(struct fixture *f)
{
	const struct sl_snapshot *before = sl_model_snapshot(f->model);
	int status = -ENOMEM;

	for (uint32_t nth = 0; status < 0 && nth < FAILURES_MAX; nth++) {
		until = nth;
		counts = true;
		status = sl_model_flush(f->model, &f->err);
		counts = false;
		if (status < 0)
			assert_ptr_equal(sl_model_snapshot(f->model), before);
	}
	assert_int_equal(status, 0);
	assert_int_equal(sl_model_snapshot(f->model)->generation, sl_model_generation(f->model));
}

static void test_changes_of_a_node_survive_every_lack_of_memory(void **state)
{
	static const enum sl_change_kind kinds[] = {SL_CHANGE_SET_WEIGHT, SL_CHANGE_DRAIN,
						    SL_CHANGE_ENABLE, SL_CHANGE_REMOVE_NODE};
	struct fixture f;

	(void)state;
	fixture_open(&f, ONE, NULL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct sl_change change = {
			.kind = kinds[i], .pool = "web", .node = "a", .weight = 7 * SL_WEIGHT_UNIT};

		drive(&f, &change);
		drive_flush(&f);
	}
	fixture_close(&f);
}

static void test_apply_and_rollback_survive_every_lack_of_memory(void **state)
{
	struct sl_conf *conf = fixture_conf(TWO);
	struct sl_change apply = {.kind = SL_CHANGE_APPLY, .conf = conf};
	struct sl_change back = {.kind = SL_CHANGE_ROLLBACK};
	struct sl_image *image;
	struct fixture f;

	(void)state;
	fixture_open(&f, ONE, NULL);
	image = sl_image_get(sl_model_image(f.model));
	drive(&f, &apply);
	drive_flush(&f);
	back.image = image;
	drive(&f, &back);
	drive_flush(&f);
	sl_image_put(image);
	sl_conf_destroy(conf);
	fixture_close(&f);
}

static void test_time_goes_on_without_memory(void **state)
{
	struct sl_change change = {.kind = SL_CHANGE_REMOVE_NODE, .pool = "web", .node = "a"};
	struct fixture f;

	(void)state;
	fixture_open(&f, ONE, NULL);
	assert_int_equal(fixture_change(&f, &change, false), 0);
	fixture_now_ms += 900000;
	for (uint32_t nth = 0; nth < 200; nth++) {
		fixture_now_ms += 1000;
		until = nth / 4;
		counts = true;
		sl_model_tick(f.model);
		(void)sl_model_flush(f.model, NULL);
		counts = false;
	}
	sl_model_tick(f.model);
	assert_int_equal(sl_model_flush(f.model, NULL), 0);
	assert_int_equal(sl_model_image(f.model)->pools[0]->node_count, 1);
	fixture_close(&f);
}

static void test_a_model_is_made_or_not(void **state)
{
	struct sl_conf *conf = fixture_conf(TWO);
	struct sl_model_options options;
	struct sl_change_result result;
	struct sl_model *model;
	struct fixture f;
	int status = -ENOMEM;

	(void)state;
	fixture_open(&f, ONE, NULL);
	fixture_options(&f, &options);
	for (uint32_t nth = 0; status < 0 && nth < FAILURES_MAX; nth++) {
		until = nth;
		counts = true;
		status = sl_model_create(&options, conf, NULL, &result, &model, &f.err);
		counts = false;
		sl_change_result_fini(&result);
	}
	assert_int_equal(status, 0);
	sl_model_destroy(model);
	sl_conf_destroy(conf);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_of_a_node_survive_every_lack_of_memory),
		cmocka_unit_test(test_apply_and_rollback_survive_every_lack_of_memory),
		cmocka_unit_test(test_time_goes_on_without_memory),
		cmocka_unit_test(test_a_model_is_made_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
