/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/eal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "base/limit.h"
#include "io/device.h"
#include "io/words.h"

#define LCORES_MAX	(1 + SL_RX_CORES_MAX + SL_WORKERS_MAX)
#define ARGS_MAX	128
#define LCORE_TEXT_SIZE 16 /* ",96@1023" */
#define WAIT_NAP_NS	100000

_Static_assert(LCORES_MAX <= RTE_MAX_LCORE, "every thread has an lcore");

struct args {
	char *list[ARGS_MAX + 1];
	int count;
	bool overflow;
};

/* What an lcore runs. */
struct job {
	int (*function)(void *argument);
	void *argument;
	bool runs;
};

static struct job jobs[LCORES_MAX];
static int cpus[LCORES_MAX];
static uint32_t cpu_count;

/* Of wrong arguments the EAL prints its usage on standard output, where only a report belongs. */
static int init_silently(int count, char **argv)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int output = null < 0 || fflush(stdout) ? -1 : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int rc, error;

	if (output >= 0)
		(void)dup2(null, STDOUT_FILENO);
	rc = rte_eal_init(count, argv);
	error = rte_errno;
	if (output >= 0) {
		(void)fflush(stdout);
		(void)dup2(output, STDOUT_FILENO);
		(void)close(output);
	}
	if (null >= 0)
		(void)close(null);
	rte_errno = error;
	return rc;
}

/* ---- the machine ----------------------------------------------------------------------------- */

static int first_cpu(const cpu_set_t *allowed)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, allowed))
			return cpu;
	return 0;
}

static int cpu_check(int cpu, const cpu_set_t *allowed, const char *what, struct sl_err *err)
{
	long there = sysconf(_SC_NPROCESSORS_CONF);

	if (cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, allowed))
		return 0;
	if (cpu < 0 || cpu >= there)
		return sl_err_set(err, -ENODEV,
				  "%s names CPU %d, which this machine does not have: it has CPUs "
				  "0 to %ld",
				  what, cpu, there - 1);
	return sl_err_set(
		err, -EPERM,
		"%s names CPU %d, which this process may not use: choose among those that "
		"`taskset -cp $$` shows, or widen its CPU set",
		what, cpu);
}

/* Fills cpus[]: control, receive cores, workers. */
static int cpus_check(const struct sl_eal_spec *spec, struct sl_err *err)
{
	uint32_t rx = spec->rx_cpu_count;
	cpu_set_t allowed;
	int rc;

	if (rx > SL_RX_CORES_MAX || spec->worker_cpu_count > SL_WORKERS_MAX)
		return sl_err_set(err, -EINVAL, "at most %d rx_cpus and %d worker_cpus",
				  SL_RX_CORES_MAX, SL_WORKERS_MAX);
	CPU_ZERO(&allowed);
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return sl_err_set(err, -errno, "the CPUs of this process cannot be read: %s",
				  strerror(errno));
	cpu_count = 0;
	cpus[cpu_count++] = spec->control_cpu < 0 ? first_cpu(&allowed) : spec->control_cpu;
	rc = cpu_check(cpus[0], &allowed, "control_cpu", err);
	for (uint32_t i = 0; rc == 0 && i < rx; i++) {
		cpus[cpu_count++] = spec->rx_cpus[i];
		rc = cpu_check(spec->rx_cpus[i], &allowed, "rx_cpus", err);
	}
	if (rx == 0)
		cpus[cpu_count++] = cpus[0];
	for (uint32_t i = 0; rc == 0 && i < spec->worker_cpu_count; i++) {
		cpus[cpu_count++] = spec->worker_cpus[i];
		rc = cpu_check(spec->worker_cpus[i], &allowed, "worker_cpus", err);
	}
	return rc;
}

/* Megabytes of hugepages of all sizes that nobody uses. */
static uint64_t hugepages_free_mb(void)
{
	static const char folder[] = "/sys/kernel/mm/hugepages";
	DIR *dir = opendir(folder);
	uint64_t total_kb = 0;
	struct dirent *entry;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		unsigned long long size_kb, count;
		char path[512];
		FILE *file;

		if (sscanf(entry->d_name, "hugepages-%llukB", &size_kb) != 1)
			continue;
		snprintf(path, sizeof(path), "%s/%s/free_hugepages", folder, entry->d_name);
		file = fopen(path, "re");
		if (file == NULL)
			continue;
		if (fscanf(file, "%llu", &count) == 1)
			total_kb += size_kb * count;
		fclose(file);
	}
	closedir(dir);
	return total_kb / 1024;
}

/* Megabytes the kernel can give without swapping; UINT64_MAX when it does not say. */
static uint64_t memory_available_mb(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kb = UINT64_MAX;
	char line[128];

	if (file == NULL)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "MemAvailable: %llu kB", &kb) == 1)
			break;
	fclose(file);
	return kb == UINT64_MAX ? UINT64_MAX : kb / 1024;
}

static int memory_check(const struct sl_eal_spec *spec, struct sl_eal *eal, struct sl_err *err)
{
	uint64_t free_mb = spec->hugepages == SL_EAL_HUGEPAGES_OFF ? 0 : hugepages_free_mb();
	uint64_t available_mb;

	eal->hugepages = free_mb > 0 && free_mb >= spec->memory_mb;
	if (eal->hugepages)
		return 0;
	if (spec->hugepages == SL_EAL_HUGEPAGES_REQUIRE)
		return sl_err_set(err, -ENOMEM,
				  "hugepages: require, but %llu MB of hugepages are free and "
				  "memory_mb is %u: `sysctl vm.nr_hugepages=%u` (of 2 MB) makes "
				  "room, or set hugepages: auto",
				  (unsigned long long)free_mb, spec->memory_mb,
				  (spec->memory_mb + 1) / 2);
	if (free_mb > 0)
		snprintf(eal->note, sizeof(eal->note),
			 "%llu MB of hugepages are free, fewer than memory_mb %u: none are used",
			 (unsigned long long)free_mb, spec->memory_mb);
	available_mb = memory_available_mb();
	if (available_mb < spec->memory_mb)
		return sl_err_set(err, -ENOMEM,
				  "memory_mb is %u, but %llu MB of memory are available: lower it",
				  spec->memory_mb, (unsigned long long)available_mb);
	return 0;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static void args_add(struct args *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void args_add(struct args *args, const char *format, ...)
{
	va_list list;

	if (args->count == ARGS_MAX) {
		args->overflow = true;
		return;
	}
	va_start(list, format);
	if (vasprintf(&args->list[args->count], format, list) < 0)
		args->overflow = true;
	else
		args->count++;
	va_end(list);
}

static void args_add_lcores(struct args *args)
{
	char text[LCORES_MAX * LCORE_TEXT_SIZE];
	size_t used = 0;

	for (uint32_t i = 0; i < cpu_count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u@%d",
					 i == 0 ? "" : ",", i, cpus[i]);
	args_add(args, "--lcores=%s", text);
	args_add(args, "--main-lcore=0");
}

/* The PCI devices of the ports, and no others; without any, the bus is not looked at. */
static int args_add_devices(struct args *args, const struct sl_eal_spec *spec, struct sl_err *err)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < spec->device_count; i++) {
		char address[16];

		if (!sl_device_is_pci(spec->devices[i], address))
			continue;
		if (sl_device_is_unplugged(spec->devices[i]))
			return sl_err_set(err, -ENODEV,
					  "there is no PCI device %s: `dpdk-devbind.py -s` lists "
					  "those there are",
					  address);
		args_add(args, "--allow=%s%s", address,
			 spec->devices[i] + strcspn(spec->devices[i], ","));
		count++;
	}
	if (count == 0)
		args_add(args, "--no-pci");
	return 0;
}

static int args_build(const struct sl_eal_spec *spec, const struct sl_eal *eal, struct args *args,
		      struct sl_err *err)
{
	args_add(args, "sluiced");
	args_add_lcores(args);
	args_add(args, "--file-prefix=%s", spec->instance);
	args_add(args, "-m");
	args_add(args, "%u", spec->memory_mb);
	if (eal->hugepages) {
		args_add(args, "--in-memory");
	} else {
		args_add(args, "--no-huge");
		args_add(args, "--no-shconf");
	}
	for (uint32_t i = 0; i < spec->extra_count; i++)
		args_add(args, "%s", spec->extra[i]);
	return args_add_devices(args, spec, err);
}

static int instance_check(const char *instance, struct sl_err *err)
{
	if (instance == NULL || instance[0] == '\0' || strpbrk(instance, "/%") != NULL)
		return sl_err_set(err, -EINVAL, "instance may not be empty nor hold / or %%");
	return 0;
}

int sl_eal_start(const struct sl_eal_spec *spec, struct sl_eal *eal, struct sl_err *err)
{
	struct sl_eal got = {0};
	static struct args args;	 /* the EAL keeps pointers to its strings */
	static char *argv[ARGS_MAX + 1]; /* and changes the order of this */
	int rc = instance_check(spec->instance, err);

	if (rc == 0)
		rc = cpus_check(spec, err);
	if (rc == 0)
		rc = memory_check(spec, &got, err);
	if (rc == 0)
		rc = args_build(spec, &got, &args, err);
	if (rc == 0 && args.overflow)
		rc = sl_err_set(err, -E2BIG, "more than %d EAL arguments", ARGS_MAX);
	if (rc != 0)
		goto out;
	sl_words_open();
	memcpy(argv, args.list, sizeof(argv));
	if (init_silently(args.count, argv) < 0) {
		rc = sl_err_set(err, rte_errno == 0 ? -EIO : -rte_errno,
				"DPDK does not start: %s (%s)%s", strerror(rte_errno),
				sl_words_first(),
				spec->extra_count > 0 ? "; see dataplane.eal" : "");
		goto out;
	}
	sl_words_open_printers();
	sl_words_clear();
	got.rx_lcore = 1;
	got.rx_count = spec->rx_cpu_count == 0 ? 1 : spec->rx_cpu_count;
	got.worker_lcore = 1 + got.rx_count;
	got.worker_count = spec->worker_cpu_count;
	*eal = got;
	return 0;
out:
	for (int i = 0; i < args.count; i++)
		free(args.list[i]);
	args = (struct args){0};
	return rc;
}

/* Of the EAL nobody removes its folder: /run/dpdk/INSTANCE with the telemetry's sockets. */
void sl_eal_leave(void)
{
	char folder[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(folder, sizeof(folder), "%s", rte_eal_get_runtime_dir());
	dir = folder[0] == '/' ? opendir(folder) : NULL;
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.')
			(void)unlink(path);
	}
	closedir(dir);
	(void)rmdir(folder);
}

void sl_eal_stop(void)
{
	rte_eal_cleanup();
	sl_eal_leave();
}

int sl_eal_cpu(uint32_t lcore)
{
	return lcore < cpu_count ? cpus[lcore] : -1;
}

int sl_eal_mates(void)
{
	uint32_t lcore = rte_lcore_id();
	int mates = 0;

	if (lcore == 0 || lcore >= cpu_count)
		return -1;
	for (uint32_t i = 1; i < cpu_count; i++)
		mates += i != lcore && cpus[i] == cpus[lcore];
	return mates;
}

static int job_run(void *argument)
{
	struct job *job = argument;
	int status = job->function(job->argument);

	__atomic_store_n(&job->runs, false, __ATOMIC_RELEASE);
	return status;
}

int sl_eal_launch(uint32_t lcore, int (*function)(void *argument), void *argument)
{
	struct job *job = &jobs[lcore];
	int status;

	if (__atomic_load_n(&job->runs, __ATOMIC_ACQUIRE))
		return -EBUSY;
	*job = (struct job){.function = function, .argument = argument, .runs = true};
	status = rte_eal_remote_launch(job_run, job, lcore);
	if (status != 0)
		job->runs = false;
	return status;
}

/* All that the job did is seen after true. */
bool sl_eal_has_ended(uint32_t lcore)
{
	return !__atomic_load_n(&jobs[lcore].runs, __ATOMIC_ACQUIRE);
}

/* DPDK's own waiting spins, and may keep the CPU from the thread that it waits for. All that the job did
 * is seen afterwards. */
int sl_eal_wait(uint32_t lcore)
{
	const struct timespec nap = {.tv_nsec = WAIT_NAP_NS};

	while (__atomic_load_n(&jobs[lcore].runs, __ATOMIC_ACQUIRE))
		nanosleep(&nap, NULL);
	return rte_eal_wait_lcore(lcore);
}
