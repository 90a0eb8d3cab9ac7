/* SPDX-License-Identifier: BSD-3-Clause */

/* The EAL: memory, threads and CPUs of the process, started once.
 *
 * Why:     a failed rte_eal_init() cannot be repeated in one process, so CPUs and hugepages are
 *          looked at before it.
 * Shape:   lcore 0 is control, then one lcore a receive CPU, then one a worker CPU; several may
 *          share a CPU. Devices with a PCI address are probed at the start, virtual ones when their
 *          port is opened.
 * Threads: the main thread, once.
 * Errors:  negative errno and a sentence with the remedy: -EINVAL means a wrong argument, all
 *          others that the machine lacks something.
 */

#ifndef SL_IO_EAL_H
#define SL_IO_EAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum sl_eal_hugepages {
	SL_EAL_HUGEPAGES_AUTO = 0, /* when enough are free */
	SL_EAL_HUGEPAGES_REQUIRE = 1,
	SL_EAL_HUGEPAGES_OFF = 2,
};

struct sl_eal_spec {
	const char *instance; /* file prefix: tells processes side by side apart */
	int control_cpu;      /* -1: the first allowed one */
	const int *rx_cpus;
	uint32_t rx_cpu_count; /* 0: one receive core on the control CPU */
	const int *worker_cpus;
	uint32_t worker_cpu_count;
	enum sl_eal_hugepages hugepages;
	uint32_t memory_mb;
	const char *const *devices; /* of all ports, as configured: PCI addresses are looked for */
	uint32_t device_count;
	const char *const *extra; /* further arguments, as they are */
	uint32_t extra_count;
};

/* What was got. */
struct sl_eal {
	uint32_t control_lcore; /* 0 */
	uint32_t rx_lcore;	/* of receive core 0; core i has rx_lcore + i */
	uint32_t rx_count;
	uint32_t worker_lcore; /* of worker 0 */
	uint32_t worker_count;
	bool hugepages;
	char note[256]; /* a sentence for the log (why no hugepages), or empty */
};

/* Starts the EAL and gives the calling thread lcore 0. */
int sl_eal_start(const struct sl_eal_spec *spec, struct sl_eal *eal, struct sl_err *err);
/* When all lcores have returned. */
void sl_eal_stop(void);
/* When some have not, or a card was pulled, and the process goes: removes what would be left of it in the file system. */
void sl_eal_leave(void);

/* The CPU of an lcore that was started, -1: none. */
int sl_eal_cpu(uint32_t lcore);
/* How many other receive cores and workers have the calling one's CPU; -1 in other threads. */
int sl_eal_mates(void);

/* Runs function(argument) on an lcore other than control's: 0 or -EBUSY. sl_eal_wait() waits until
 * it has returned and gives its result. */
int sl_eal_launch(uint32_t lcore, int (*function)(void *argument), void *argument);
int sl_eal_wait(uint32_t lcore);
bool sl_eal_has_ended(uint32_t lcore);

#endif
