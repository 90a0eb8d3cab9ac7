/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading, copying and writing a configuration when memory ends: one allocation after the other
 * fails, nothing is lost (the address sanitizer looks), and with all of them it works. The linker
 * leads the rooms' calls here. */

#include "conf_expect.h"

#define FAILURES_MAX 20000

static int64_t allowed = -1; /* allocations that still succeed, -1: all */

static bool may_allocate(void)
{
	if (allowed < 0)
		return true;
	return allowed-- > 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_vasprintf(char **text, const char *format, va_list args);
int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *__wrap_malloc(size_t size)
{
	return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
	return may_allocate() ? __real_realloc(memory, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = may_allocate() ? __real_malloc(size) : NULL;

	return copy ? memcpy(copy, text, size) : NULL;
}

int __wrap_vasprintf(char **text, const char *format, va_list args)
{
	va_list again;
	int length;

	*text = NULL;
	if (!may_allocate())
		return -1;
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	*text = __real_malloc((size_t)length + 1);
	return *text ? vsnprintf(*text, (size_t)length + 1, format, args) : -1;
}

int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = __wrap_vasprintf(text, format, args);
	va_end(args);
	return length;
}

static const char right[] =
	"dataplane: {worker_cpus: [0], rx_cpus: [0], eal: [a, b]}\n" PORTS "pools:\n"
	"- name: web\n"
	"  health: {type: http, port: 80, path: /, host: a}\n"
	"  nodes:\n"
	"  - {name: w, worker: 0, handler: capture, file: x}\n"
	"  - {name: r, address: 192.0.2.7}\n"
	"services: [{name: s, address: any, protocol: tcp, ports: [1, 2], pool: web}]\n";

static void reading_fails_for_lack_of_memory_until_there_is_enough(void **state)
{
	int err = -ENOMEM;
	int64_t failures = 0;

	(void)state;
	while (err == -ENOMEM && failures < FAILURES_MAX) {
		struct sl_conf_errors errors;
		struct sl_conf *conf = NULL;

		allowed = failures++;
		err = sl_conf_parse(right, strlen(right), &conf, &errors);
		allowed = -1;
		sl_conf_errors_fini(&errors);
		assert_true(err == -ENOMEM || err == 0);
		assert_int_equal(conf != NULL, err == 0);
		sl_conf_destroy(conf);
	}
	assert_int_equal(err, 0);
	assert_true(failures > 20);
}

static void reporting_fails_for_lack_of_memory_until_there_is_enough(void **state)
{
	static const char wrong[] = "ports: []\npols: 5\nservices: [{}, {name: '*'}]\n";
	int err = -ENOMEM;
	int64_t failures = 0;

	(void)state;
	while (err == -ENOMEM && failures < FAILURES_MAX) {
		struct sl_conf_errors errors;
		struct sl_conf *conf = NULL;

		allowed = failures++;
		err = sl_conf_parse(wrong, strlen(wrong), &conf, &errors);
		allowed = -1;
		sl_conf_errors_fini(&errors);
		assert_null(conf);
	}
	assert_int_equal(err, -EINVAL);
	assert_true(failures > 10);
}

static void copying_fails_for_lack_of_memory_until_there_is_enough(void **state)
{
	struct sl_conf *conf = conf_parse(right), *copy = NULL;
	int64_t failures = 0;

	(void)state;
	while (!copy && failures < FAILURES_MAX) {
		allowed = failures++;
		copy = sl_conf_copy(conf);
		allowed = -1;
	}
	assert_non_null(copy);
	assert_int_equal(sl_conf_changes(conf, copy), 0);
	assert_true(failures > 10);
	sl_conf_destroy(copy);
	sl_conf_destroy(conf);
}

static void a_node_alone_fails_for_lack_of_memory_until_there_is_enough(void **state)
{
	static const char *const pairs[] = {"worker=0", "handler=capture", "file=x"};
	struct sl_conf *conf = conf_parse(right);
	struct sl_conf_node node, copy;
	int err = -ENOMEM;
	int64_t failures = 0;

	(void)state;
	while (err == -ENOMEM && failures < FAILURES_MAX) {
		struct sl_conf_errors errors;

		allowed = failures++;
		err = sl_conf_node_parse(conf, NULL, "n", pairs, 3, &node, &errors);
		allowed = -1;
		sl_conf_errors_fini(&errors);
	}
	assert_int_equal(err, 0);
	for (failures = 0, err = -ENOMEM; err && failures < FAILURES_MAX;) {
		allowed = failures++;
		err = sl_conf_node_copy(&node, &copy);
		allowed = -1;
	}
	assert_int_equal(err, 0);
	assert_int_equal(failures, 3);
	sl_conf_node_fini(&copy);
	sl_conf_node_fini(&node);
	sl_conf_destroy(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_fails_for_lack_of_memory_until_there_is_enough),
		cmocka_unit_test(reporting_fails_for_lack_of_memory_until_there_is_enough),
		cmocka_unit_test(copying_fails_for_lack_of_memory_until_there_is_enough),
		cmocka_unit_test(a_node_alone_fails_for_lack_of_memory_until_there_is_enough),
	};

	return cmocka_run_group_tests_name("conf memory", tests, NULL, NULL);
}
