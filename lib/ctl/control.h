/* SPDX-License-Identifier: BSD-3-Clause */

/* What operators meet: the control socket with its methods, history, the state file, metrics.
 *
 * Why:     one object for the application to make, to call at the end of each turn of the loop, and
 *          to end.
 * Shape:   a change is answered when the turn in which it was made has been published and is in the
 *          state file; all changes of a turn share one write.
 * Threads: control.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_CTL_CONTROL_H
#define SL_CTL_CONTROL_H

#include "keep/start.h"
#include "lcore/result.h"
#include "lcore/trace.h"
#include "model/model.h"
#include "show/prometheus.h"

#define SL_CONTROL_CORES_MAX (SL_RX_CORES_MAX + SL_WORKERS_MAX)

struct event_base;
struct sl_control;
struct sl_estate;
struct sl_health;
struct sl_neighbors;

/* A thread of the data plane, for `status` and metrics. */
struct sl_control_core {
	char name[SL_CORE_NAME_SIZE]; /* "rx0", "worker3" */
	int cpu;
	const uint64_t *busy_cycles, *all_cycles; /* written by the thread */
};

struct sl_control_spec {
	struct sl_estate *estate; /* borrowed; NULL: there is none */
	struct event_base *base;
	struct sl_model *model;
	const struct sl_neighbors *neighbors; /* for `neighbors`; NULL: there are none */
	const char *version;
	const char *file; /* the configuration file's path */
	struct sl_control_core cores[SL_CONTROL_CORES_MAX];
	uint32_t core_count;
	uint32_t rx_cores;		 /* of these */
	struct sl_result_source results; /* of workers' handlers */
	struct sl_trace_source trace;	 /* of receive cores */
	struct sl_fill_source fill;	 /* of queues and buffers */
};

/* Listens on the socket of the model's configuration, and joins its cluster. Takes history and keep over
 * from restore, and brings the state file up to date. On failure *control may be there, to be destroyed. */
int sl_control_create(const struct sl_control_spec *spec, struct sl_restore *restore,
		      struct sl_control **control, struct sl_err *err);

/* Closes the socket and everything else. In good order: the state file gets what the packet path
 * knows; the threads have ended by then. Negative errno when it cannot be written. */
int sl_control_destroy(struct sl_control *control, bool in_good_order);

/* In a cluster that judges by majority: what other members find goes to health, which then is there until
 * control is not, or this is said again with NULL. Takes control NULL. -ENOMEM. */
int sl_control_health_set(struct sl_control *control, struct sl_health *health);

/* After the turn's snapshot is published: writes the state, then answers. */
void sl_control_turn_ended(struct sl_control *control);
void sl_control_second(struct sl_control *control);

/* Makes the daemon's own change: 0, negative errno, or 1: the cluster decides, and the log says how. */
int sl_control_change(struct sl_control *control, const struct sl_change *change,
		      struct sl_change_result *result, struct sl_err *err);

/* Whether what this daemon has of pools is to be relied on: not while it has yet to join its cluster. */
bool sl_control_is_in_order(const struct sl_control *control);

/* What a signal's reading of the configuration file came to, for metrics. */
void sl_control_reloaded(struct sl_control *control, bool good);

/* Reads the configuration file's word as the reason of the next change (SIGHUP): changes that are
 * made from now on rest on it. Returns the digest before, for taking it back. */
uint64_t sl_control_file_set(struct sl_control *control, uint64_t digest);

#endif
