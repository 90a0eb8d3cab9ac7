/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of control, for the files that make it up.
 *
 * Threads: control.
 */

#ifndef SL_CTL_INSIDE_H
#define SL_CTL_INSIDE_H

#include <sys/queue.h>

#include "ctl/control.h"
#include "rpc/http.h"
#include "rpc/method.h"
#include "rpc/rpc.h"
#include "rpc/server.h"

struct event;
struct json_t;
struct sl_cluster;
struct sl_health;
struct sl_waiting;

/* An answer that waits for the end of the turn. */
struct sl_held {
	STAILQ_ENTRY(sl_held) link;
	struct sl_client *client; /* NULL: it went */
	struct json_t *message;
	const struct sl_rpc_method *method;
	bool change; /* and not an answer that only keeps its place in line */
};

/* What a core's cycles were a second ago. */
struct sl_busy {
	uint64_t busy_before, all_before;
};

struct sl_control {
	struct sl_control_spec spec;
	struct sl_model *model;
	struct sl_keep *keep;
	struct sl_keep *former; /* until the change that left it is in it, too */
	struct sl_server *server;
	struct sl_http *http;
	struct sl_rpc rpc;
	struct sl_rpc_scope scope;
	struct sl_model_listener listener;
	STAILQ_HEAD(, sl_held) held;
	struct sl_client *tracing; /* NULL: nobody traces */
	struct event *trace_timer;
	uint32_t trace_quiet;		   /* looks without a packet */
	STAILQ_HEAD(, sl_waiting) waiting; /* for what the cluster decides */
	struct sl_cluster *cluster;	   /* NULL: there is none */
	struct sl_health *health;	   /* NULL: it is not told of other members */
	struct sl_conf *own;		   /* whose cluster section it has */
	struct sl_history *aside; /* what was there before it joined, until that is known */
	bool joining;		  /* nothing is saved until it has joined */
	bool kept;		  /* there was a state to lose */
	bool rewrite;		  /* the state file is written anew as a whole */
	bool unsaved;		  /* something is to be written to the state file */
	bool failing;		  /* the last write failed, and it was said */
	uint64_t failed_ms;	  /* when */
	struct sl_busy busy[SL_CONTROL_CORES_MAX];
	struct sl_show_core cores[SL_CONTROL_CORES_MAX];
};

/* control.c: the last that a file gets which is left. */
void sl_control_save_former(struct sl_control *control);

/* trace.c */
void sl_control_trace_begin(struct sl_control *control, struct sl_client *client);
void sl_control_trace_end(struct sl_control *control);
/* event.c: sl_model_listener's. */
void sl_control_hear(void *control, const struct sl_model_event *event);

/* live.c: sl_model_listener's, for what is under `control`. */
int sl_live_prepare(void *control, const struct sl_model_event *event, bool dry_run,
		    struct sl_err *err);

#endif
