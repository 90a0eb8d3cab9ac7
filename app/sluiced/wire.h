/* SPDX-License-Identifier: BSD-3-Clause */

/* The data plane: memory, ports, rings, receive cores and workers, put together as configured.
 *
 * Why:     rooms on one floor do not know each other; here they are connected.
 * Threads: control.
 * Memory:  one struct of the caller; wire_close() gives back what wire_open() got, in any state.
 * Errors:  negative errno and a sentence; -EINVAL: the configuration is wrong, -ECANCELED: asked
 *          to end meanwhile (no sentence), all others: the machine lacks something.
 */

#ifndef SLUICED_WIRE_H
#define SLUICED_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "ctl/control.h"
#include "health/way.h"
#include "io/eal.h"
#include "io/link.h"
#include "io/port.h"
#include "io/speaker.h"
#include "io/txbuf.h"
#include "io/worker_ring.h"
#include "lcore/stats.h"
#include "model/model.h"
#include "neigh/neigh.h"
#include "path/core.h"
#include "state/publish.h"
#include "work/handler.h"
#include "work/worker.h"

/* Whether a worker's rounds go on, and its queue has room. */
struct wire_watch {
	uint64_t cycles, since_ms;
	uint64_t dropped, dropped_ms;
	bool stuck; /* a handler has not come back for a second */
	bool slow;  /* packets for it were dropped lately */
};

struct sl_xdp;

struct wire {
	const struct sl_conf *conf;
	struct sl_eal eal;
	bool eal_started;
	bool wait; /* queue_full */
	struct rte_mempool *buffers;
	struct sl_xdp *xdp;  /* the kernel's side; NULL: none */
	uint32_t port_count; /* opened */
	struct sl_port ports[SL_PORTS_MAX];
	struct sl_link links[SL_PORTS_MAX]; /* as seen last, of ports of conf */
	struct sl_tx_plan *plan;
	struct sl_speaker speaker;
	struct sl_worker_rings *rings;
	uint8_t kernel[SL_PORTS_MAX]; /* of each port of conf: the one that leads to the kernel */
	struct sl_publish *publish;
	struct sl_core_stats *core_stats[SL_RX_CORES_MAX];
	struct sl_worker_stats *worker_stats[SL_WORKERS_MAX];
	struct sl_frag_tables *fragments;
	struct sl_path_core *cores[SL_RX_CORES_MAX];
	struct sl_worker *workers[SL_WORKERS_MAX];
	uint32_t launched_cores, launched_workers;
	/* positions of the rings at mark_ms, and the time at which all were passed before that */
	uint64_t mark_ms, passed_ms;
	uint32_t marks[SL_RX_CORES_MAX * SL_LANES_MAX];
	uint64_t watched_ms;
	struct wire_watch watch[SL_WORKERS_MAX];
	LIST_HEAD(, sl_handler) handlers; /* open ones */
	bool failed; /* what was asked for was not all done: a capture is cut */
	/* Takes sentences for operators; NULL: they go to the log. */
	void (*warn)(void *context, const char *sentence);
	void *warn_context;
};

/* Starts the EAL, opens every port (one log line each), makes all the rest but runs nothing. conf
 * outlives it. */
int wire_open(struct wire *wire, const struct sl_conf *conf, struct sl_err *err);

/* What the model is told of it; context of the hooks is wire. */
void wire_model_options(struct wire *wire, struct sl_model_options *options);

/* The threads, for `status` and metrics. */
void wire_control_cores(const struct wire *wire, struct sl_control_spec *spec);

/* How probes go the packets' way. */
void wire_way(struct wire *wire, struct sl_way_link *way);

/* Who resolves next hops on which port. */
void wire_neighbors(struct wire *wire, struct sl_neighbors_spec *spec);

/* Launches workers and cores; a snapshot was published. */
int wire_launch(struct wire *wire, struct sl_err *err);

/* Stops receiving, lets everything in flight arrive, ends all threads. False: some do not end, and
 * use what they have: nothing may be closed. */
bool wire_drain(struct wire *wire);

/* Takes a sentence for operators. */
void wire_warn(const struct wire *wire, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Tells, once, what is wrong with a handler. */
void wire_look_at_handler(struct wire *wire, struct sl_handler *handler);

/* After the drain: captures that are written are complete afterwards, and looked at. */
void wire_finish_captures(struct wire *wire);

/* Whether all receive cores have polled in vain since `received`, their sum, last changed. */
struct wire_idle {
	uint64_t received;
	uint64_t since_ms;
	uint64_t empty[SL_RX_CORES_MAX];
};
bool wire_is_idle(const struct wire *wire, struct wire_idle *idle, uint64_t now_ms, uint64_t ms);

/* Once a second: watches what is queued go by, and what handlers have to say. */
void wire_tick(struct wire *wire, uint64_t now_ms);

/* In place of wire_close(), when threads have not ended. */
void wire_leave(struct wire *wire);

/* After the model is gone. */
void wire_close(struct wire *wire);

#endif
