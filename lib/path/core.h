/* SPDX-License-Identifier: BSD-3-Clause */

/* One receive core: its journey over bursts, from device queues to workers and ports.
 *
 * Why:     every stage is a function over a burst of parallel arrays; this is the loop around them
 *          and the orderly end.
 * Shape:   receive, parse, decide, act, flush, quiescent. It ends in two steps that control drives:
 *          stop (receives no more; what is held goes out; hand-overs of others are still sent),
 *          then, when the workers have ended and every core is quiet, finish.
 * Threads: create, destroy, stop, hasten, is_quiet, finish: control; run: the core's lcore.
 * Memory:  create allocates everything, run nothing.
 * Errors:  0 or negative errno.
 */

#ifndef SL_PATH_CORE_H
#define SL_PATH_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limit.h"
#include "io/idle.h"
#include "io/port.h"
#include "io/txbuf.h"
#include "io/watch.h"
#include "io/worker_ring.h"
#include "lcore/frag_table.h"
#include "lcore/stats.h"
#include "state/publish.h"

#define SL_PATH_CORE_QUEUES_MAX SL_WATCH_MAX /* that one core polls */

struct sl_path_core;

struct sl_path_spec {
	uint32_t core;	     /* from 0; also its number as a sender and among flow tables */
	uint32_t core_count; /* tells which queues are its own */
	uint32_t reader;     /* of publish; the core adds and removes itself */
	struct sl_publish *publish;
	struct sl_core_stats *stats;
	const struct sl_port *ports; /* index as in snapshots; outlive the core */
	uint32_t port_count;
	const struct sl_tx_plan *plan;
	struct sl_worker_rings *rings;		/* NULL: no workers */
	const struct sl_frag_tables *fragments; /* of all cores */
	uint32_t buffers; /* for packets, of all; some of them may hold early fragments */
	uint32_t burst;	  /* 1 .. SL_BURST_MAX */
	enum sl_idle_mode idle;
	bool wait; /* a full ring is waited for (queue_full) */
};

/* A snapshot must be published before the core runs. */
int sl_path_core_create(const struct sl_path_spec *spec, struct sl_path_core **core);
void sl_path_core_destroy(struct sl_path_core *core); /* takes NULL */

/* The lcore's function: returns 0 after finish. argument: struct sl_path_core. */
int sl_path_core_run(void *argument);

/* Receives no more; still serves hand-overs. */
void sl_path_core_stop(struct sl_path_core *core);
/* After stop, when a worker takes nothing more: full rings are waited for no longer. */
void sl_path_core_hasten(struct sl_path_core *core);
/* Whether everything it received before the stop has left for rings and devices. */
bool sl_path_core_is_quiet(const struct sl_path_core *core);
/* When workers have ended and all cores are quiet: sends what was handed over last, returns from
 * run. */
void sl_path_core_finish(struct sl_path_core *core);

#endif
