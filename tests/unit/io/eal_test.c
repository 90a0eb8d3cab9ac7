/* SPDX-License-Identifier: BSD-3-Clause */

/* What is refused before the EAL starts, and what it then gives. */

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_log.h>

#include "base/bytes.h"
#include "base/log.h"
#include "io/eal.h"
#include "io/words.h"

static int none[1];
static char instance[32]; /* of this process, so that tests run beside each other */

static struct sl_eal_spec spec_of(void)
{
	struct sl_eal_spec spec = {
		.instance = instance,
		.control_cpu = -1,
		.rx_cpus = none,
		.hugepages = SL_EAL_HUGEPAGES_OFF,
		.memory_mb = 32,
	};

	return spec;
}

static void assert_refused(const struct sl_eal_spec *spec, int code, const char *part)
{
	struct sl_eal eal;
	struct sl_err err;

	assert_int_equal(sl_eal_start(spec, &eal, &err), code);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, part));
}

static void a_cpu_that_is_not_there_is_refused_with_those_there_are(void **state)
{
	struct sl_eal_spec spec = spec_of();
	int cpus[] = {4000};

	(void)state;
	spec.rx_cpus = cpus;
	spec.rx_cpu_count = 1;
	assert_refused(&spec, -ENODEV, "rx_cpus names CPU 4000, which this machine does not have");
	spec.rx_cpu_count = 0;
	spec.worker_cpus = cpus;
	spec.worker_cpu_count = 1;
	assert_refused(&spec, -ENODEV, "worker_cpus names CPU 4000");
}

static void hugepages_that_are_required_and_not_there_are_refused_with_the_remedy(void **state)
{
	struct sl_eal_spec spec = spec_of();

	(void)state;
	spec.hugepages = SL_EAL_HUGEPAGES_REQUIRE;
	spec.memory_mb = 1u << 30;
	assert_refused(&spec, -ENOMEM, "sysctl vm.nr_hugepages=");
}

static void more_memory_than_there_is_is_refused(void **state)
{
	struct sl_eal_spec spec = spec_of();

	(void)state;
	spec.memory_mb = 1u << 30;
	assert_refused(&spec, -ENOMEM, "memory_mb is 1073741824");
}

static void a_pci_device_that_is_not_there_is_refused(void **state)
{
	static const char *const devices[] = {"net_null0", "ff:1f.7"};
	struct sl_eal_spec spec = spec_of();

	(void)state;
	spec.devices = devices;
	spec.device_count = 2;
	assert_refused(&spec, -ENODEV, "no PCI device 0000:ff:1f.7");
}

static void an_instance_without_a_name_or_with_a_slash_is_refused(void **state)
{
	struct sl_eal_spec spec = spec_of();

	(void)state;
	spec.instance = "";
	assert_refused(&spec, -EINVAL, "instance");
	spec.instance = "a/b";
	assert_refused(&spec, -EINVAL, "instance");
}

static char said[16][200]; /* lines of the log */
static int said_count;

static void on_line(enum sl_log_level level, const char *line, void *context)
{
	(void)context;
	if (said_count < (int)SL_ARRAY_COUNT(said))
		snprintf(said[said_count++], sizeof(said[0]), "%d %s", (int)level, line);
}

/* Makes libbpf warn. */
static void *library_fails(void)
{
	void *library = dlopen("libbpf.so.1", RTLD_LAZY);
	void *(*open_file)(const char *path) = NULL;

	if (library == NULL)
		return NULL;
	*(void **)&open_file = dlsym(library, "bpf_object__open");
	assert_non_null(open_file);
	(void)open_file("/nonexistent/program");
	return library;
}

/* The EAL runs. */
static void what_libraries_say_comes_through_the_log(void)
{
	bool warned = false;

	said_count = 0;
	sl_words_clear();
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "one\ntwo \n\n");
	assert_int_equal(said_count, 2);
	assert_string_equal(said[0], "7 DPDK: one");
	assert_string_equal(said[1], "7 DPDK: two");
	assert_string_equal(sl_words_first(), "one");
	said_count = 0;
	if (library_fails() == NULL)
		return;
	for (int i = 0; i < said_count; i++)
		warned = warned || strncmp(said[i], "4 libbpf: ", strlen("4 libbpf: ")) == 0;
	assert_true(warned);
}

static int answer(void *argument)
{
	return *(const int *)argument + 1;
}

/* After all refusals, since it can be done once. */
static void after_refusals_it_starts_and_every_thread_has_its_lcore_and_cpu(void **state)
{
	struct sl_eal_spec spec = spec_of();
	int cpus[] = {0, 0, 0}, value = 41;
	struct sl_eal eal;
	struct sl_err err;

	(void)state;
	cpus[0] = cpus[1] = cpus[2] = spec.control_cpu = 0;
	spec.rx_cpus = cpus;
	spec.rx_cpu_count = 2;
	spec.worker_cpus = cpus;
	spec.worker_cpu_count = 3;
	sl_log_level_set(SL_LOG_DEBUG);
	sl_log_sink_set(on_line, NULL);
	(void)dlopen("libbpf.so.1", RTLD_LAZY); /* as its driver does */
	assert_int_equal(sl_eal_start(&spec, &eal, &err), 0);
	assert_int_equal(eal.rx_lcore, 1);
	assert_int_equal(eal.worker_lcore, 3);
	assert_false(eal.hugepages);
	assert_int_equal(sl_eal_cpu(5), 0);
	assert_int_equal(sl_eal_cpu(6), -1);
	assert_int_equal(sl_eal_launch(5, answer, &value), 0);
	assert_int_equal(sl_eal_wait(5), 42);
	what_libraries_say_comes_through_the_log();
	sl_eal_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cpu_that_is_not_there_is_refused_with_those_there_are),
		cmocka_unit_test(
			hugepages_that_are_required_and_not_there_are_refused_with_the_remedy),
		cmocka_unit_test(more_memory_than_there_is_is_refused),
		cmocka_unit_test(a_pci_device_that_is_not_there_is_refused),
		cmocka_unit_test(an_instance_without_a_name_or_with_a_slash_is_refused),
		cmocka_unit_test(after_refusals_it_starts_and_every_thread_has_its_lcore_and_cpu),
	};

	snprintf(instance, sizeof(instance), "io_eal_test.%d", (int)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
