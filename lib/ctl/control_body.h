/* SPDX-License-Identifier: BSD-3-Clause */

/* The inside of control, for the files that make it up: control.c and the methods in rpc_*.c.
 *
 * Threads: control.
 */

#ifndef SL_CTL_CONTROL_BODY_H
#define SL_CTL_CONTROL_BODY_H

#include <sys/queue.h>

#include "ctl/control.h"
#include "ctl/rpc.h"
#include "ctl/server.h"

struct json_t;
struct sl_metrics;

/* An answer that waits for the end of the turn. */
struct sl_held {
	STAILQ_ENTRY(sl_held) link;
	struct sl_client *client; /* NULL: it went */
	struct json_t *message;
	bool change; /* and not an answer that only keeps its place in line */
};

/* A table that comes in parts. */
struct sl_staged {
	const struct sl_peer *peer; /* the client that sends it; NULL: nobody */
	char pool[SL_NAME_SIZE];
	uint32_t *words;
	uint32_t count;
	struct json_t *names;
};

/* A configuration that comes in parts. */
struct sl_staged_text {
	const struct sl_peer *peer;
	char *text;
	size_t size;
};

/* How busy a core was in the last second. */
struct sl_busy {
	uint64_t busy_before, all_before;
	double share;
};

struct sl_control {
	struct sl_control_spec spec;
	struct sl_model *model;
	struct sl_history *history;
	struct sl_keep *keep;
	struct sl_keep *former; /* until the change that left it is in it, too */
	struct sl_server *server;
	struct sl_metrics *metrics;
	struct sl_rpc rpc;
	struct sl_model_listener listener;
	STAILQ_HEAD(, sl_held) held;
	uint64_t file_digest;
	bool unsaved; /* something is to be written to the state file */
	bool failing; /* the last write failed, and it was said */
	struct sl_staged staged;
	struct sl_staged_text staged_text;
	struct sl_busy busy[SL_CONTROL_CORES_MAX];
};

/* Tables of methods: rpc_read.c, rpc_change.c, rpc_config.c, rpc_table.c, rpc_explain.c. */
void sl_rpc_read_add(struct sl_control *control);
void sl_rpc_change_add(struct sl_control *control);
void sl_rpc_config_add(struct sl_control *control);
void sl_rpc_table_add(struct sl_control *control);
void sl_rpc_flow_add(struct sl_control *control);

/* Asks the model for a change in the name of who calls, with dry_run and if_generation; the result
 * object is the answer. sentences: with `changes`. */
int sl_rpc_change_make(struct sl_rpc_call *call, struct sl_change *change, bool dry_run,
		       bool sentences, const struct sl_conf_errors *warnings);
/* Refuses with the errors of a configuration. */
int sl_rpc_fail_conf(struct sl_rpc_call *call, const struct sl_conf_errors *errors);
/* The pool's place in the present image, or -1 after it was refused with a guess. */
int sl_rpc_find_pool(struct sl_rpc_call *call, const char *name);
/* The snapshot of counters, with the nodes that parameters `from` and `count` ask for, and where the
 * next part begins; NULL after it was refused. */
struct sl_model_report *sl_rpc_report(struct sl_rpc_call *call, uint64_t *next);

/* follow.c: sl_model_listener's, for what is under `control`. */
int sl_follow_prepare(void *control, const struct sl_model_event *event, bool dry_run,
		      struct sl_err *err);

void sl_staged_drop(struct sl_staged *staged);
void sl_staged_text_drop(struct sl_staged_text *staged);

#endif
