/* SPDX-License-Identifier: BSD-3-Clause */

/* A worker thread: takes packets from its rings, gives them to their nodes' handlers.
 *
 * Why:     local nodes share worker threads; a thread serves the rings of all receive cores in
 *          turn, so that none waits long.
 * Shape:   a burst from each ring in turn, of the class whose turn it is (turns.h), grouped by node (mbuf.hash.usr), to the node's handler
 *          in the present snapshot. What handlers send goes out by buffers of this sender.
 * Threads: create, destroy, stop: control; run: the worker's lcore.
 * Memory:  create allocates everything, run nothing.
 * Errors:  0 or negative errno.
 */

#ifndef SL_WORK_WORKER_H
#define SL_WORK_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "io/idle.h"
#include "io/port.h"
#include "io/txbuf.h"
#include "io/worker_ring.h"
#include "lcore/stats.h"
#include "state/publish.h"
#include "work/ask.h"
#include "work/turns.h"

struct rte_mbuf;
struct sl_worker;

struct sl_worker_spec {
	uint32_t worker; /* from 0 */
	uint32_t reader; /* of publish; the worker adds and removes itself */
	struct sl_publish *publish;
	struct sl_worker_stats *stats;
	const struct sl_port *ports; /* index as in snapshots; outlive the worker */
	uint32_t port_count;
	const struct sl_tx_plan *plan;
	struct sl_worker_rings *rings;
	uint32_t burst; /* 1 .. SL_BURST_MAX */
	enum sl_idle_mode idle;
	bool wait; /* a full hand-over ring is waited for (queue_full) */
	/* as many as the rings have, max_wait in cycles of the TSC; NULL where there is one */
	const struct sl_turns_class *classes;
};

int sl_worker_create(const struct sl_worker_spec *spec, struct sl_worker **worker);
void sl_worker_destroy(struct sl_worker *worker); /* takes NULL */

/* The lcore's function: returns 0 after stop, when its rings are empty. argument: struct
 * sl_worker. */
int sl_worker_run(void *argument);

/* When the receive cores are quiet: serves what is left in the rings, flushes, returns from run. */
void sl_worker_stop(struct sl_worker *worker);

/* Control: has the worker's thread answer an ask between two bursts; the ask is malloc()ed. */
void sl_worker_ask(struct sl_worker *worker, struct sl_ask *ask);

/* Control: the handler that the worker is in, to compare and not to look into; NULL: in none. */
struct sl_handler;
const struct sl_handler *sl_worker_serving(const struct sl_worker *worker);

/* For handlers, in burst(): the MAC address of the port that a packet came in by. */
const struct sl_mac *sl_worker_mac(const struct sl_worker *worker, const struct rte_mbuf *packet);

#endif
