/* SPDX-License-Identifier: BSD-3-Clause */

/* The model's report as Prometheus text.
 *
 * Why:     the same counters as `stats`, for who watches many machines.
 * Threads: control.
 * Errors:  the stream's.
 * Source:  Prometheus text exposition format 0.0.4.
 */

#ifndef SL_SHOW_PROMETHEUS_H
#define SL_SHOW_PROMETHEUS_H

#include <stdio.h>

#include "lcore/fill.h"
#include "model/model.h"

#define SL_CORE_NAME_SIZE 16

/* A thread of the data plane, as it is shown. */
struct sl_show_core {
	char name[SL_CORE_NAME_SIZE]; /* "rx0", "worker3" */
	int cpu;
	double busy; /* share of its cycles in the last second that did work */
};

/* What is shown of the daemon beside the model's report. Times are wall clock, 0: never. */
struct sl_show_daemon {
	uint64_t changed_ms;	 /* the last change that was made */
	uint64_t reloaded_ms;	 /* the last time that the file was applied by a signal */
	bool reload_failed;	 /* the last time it was not */
	bool state_unsaved;	 /* the state file does not have the present state */
	uint64_t state_failures; /* writes of it that failed */
	uint64_t flows_taken_up; /* of the process before, at the start */
	struct sl_fill_source fill;
	uint32_t rx_cores; /* the first of cores; workers follow */
	const char *version;
	const struct sl_show_core *cores;
	uint32_t core_count;
};

void sl_prometheus_write(FILE *out, const struct sl_show_daemon *daemon,
			 const struct sl_model_report *report);

#endif
