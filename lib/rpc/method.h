/* SPDX-License-Identifier: BSD-3-Clause */

/* What the methods of the control socket work on, and what they share.
 *
 * Why:     methods need the model, history and a few facts of the daemon, not the daemon.
 * Shape:   one scope, the context of all tables of methods; method_*.c has a table each.
 * Threads: control.
 * Memory:  the scope is the caller's; sl_rpc_scope_fini() frees what clients left in it.
 * Errors:  a method answers 0, or -1 after sl_rpc_fail().
 */

#ifndef SL_RPC_METHOD_H
#define SL_RPC_METHOD_H

#include "keep/history.h"
#include "lcore/result.h"
#include "lcore/trace.h"
#include "rpc/rpc.h"
#include "show/prometheus.h"

struct json_t;
struct sl_neighbors;

#define SL_STAGES_MAX 16u /* clients that send something in parts at one time */

/* What one client sends in parts: a configuration, or a table. */
struct sl_stage {
	const struct sl_peer *peer; /* the client; NULL: nobody */
	char *text;		    /* of a configuration */
	size_t size;
	char pool[SL_NAME_SIZE];
	uint32_t *words; /* of a table */
	uint32_t count;
	struct json_t *names;
};

/* Who makes operators' changes where they are not this daemon's alone; submit NULL: the model at once.
 * submit: 0 with a ticket, which the answer comes under later, or negative errno; result is the
 * caller's to finish in both cases. */
struct sl_rpc_gate {
	int (*submit)(void *context, const struct sl_change *change, uint64_t *ticket,
		      struct sl_change_result *result, struct sl_err *err);
	void *context;
};

struct sl_rpc_scope {
	struct sl_model *model;
	struct sl_result_source results; /* read NULL: there are none */
	struct sl_rpc_gate gate;
	struct sl_history *history;
	const struct sl_neighbors *neighbors; /* NULL: there are none */
	struct sl_trace_source trace;	      /* start NULL: there is none */
	const struct sl_peer *tracer;	      /* who traces; NULL: nobody */
	const char *file;		      /* the configuration file's path */
	uint64_t file_digest;		      /* what it said when it last had its say */
	struct sl_show_daemon daemon;
	struct sl_stage stages[SL_STAGES_MAX];
};

/* Adds the tables of method_read.c, method_node.c, method_service.c, ... */
void sl_rpc_scope_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);
void sl_rpc_read_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);
void sl_rpc_change_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);
void sl_rpc_service_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);
void sl_rpc_config_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);
void sl_rpc_table_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);
void sl_rpc_ring_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);
void sl_rpc_trace_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);
void sl_rpc_flow_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);
void sl_rpc_results_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);
void sl_rpc_neighbor_add(struct sl_rpc *rpc, struct sl_rpc_scope *scope);

/* Packets that cores kept for the tracer, at most so many, and how many there were: the params of what
 * it is told. */
struct json_t *sl_rpc_trace_take(const struct sl_rpc_scope *scope, uint32_t most);
/* When the tracer goes. */
void sl_rpc_trace_end(struct sl_rpc_scope *scope);

/* Drops the parts that a client which goes had sent. */
void sl_rpc_scope_forget(struct sl_rpc_scope *scope, const struct sl_peer *peer);
void sl_rpc_scope_fini(struct sl_rpc_scope *scope);

/* Asks the model for a change in the name of who calls, with dry_run and if_generation; the result
 * object is the answer. sentences: with `changes`. */
int sl_rpc_change_make(struct sl_rpc_call *call, struct sl_change *change, bool dry_run,
		       bool sentences);
/* Refuses with the errors of a configuration. */
int sl_rpc_fail_conf(struct sl_rpc_call *call, const struct sl_conf_errors *errors);
/* The keys of a node or a service as a call has them, "key=value": its own members of that name, and those
 * of its object "keys". 0, or -1 after it was refused; freed in both cases. */
#define SL_RPC_PAIRS_MAX 64
struct sl_rpc_pairs {
	char *list[SL_RPC_PAIRS_MAX];
	uint32_t count;
};
typedef const char *sl_rpc_key_name(uint32_t number); /* NULL: there is none of that number */
int sl_rpc_pairs_read(struct sl_rpc_call *call, sl_rpc_key_name *name, struct sl_rpc_pairs *pairs);
void sl_rpc_pairs_fini(struct sl_rpc_pairs *pairs);
/* Makes the keys parameters of a method, behind "keys". */
void sl_rpc_pairs_parameters(struct sl_rpc_method *method, sl_rpc_key_name *name);
/* Refuses with the errors of a node or a service alone, whose places are of no use: their sentences
 * are joined. */
int sl_rpc_fail_pairs(struct sl_rpc_call *call, const struct sl_conf_errors *errors);
/* A number as digits and a point, as a configuration has it: JSON also writes 1e-05. What is too small
 * for them does not become 0; of more digits than there is room for only the first count. */
#define SL_RPC_DECIMAL_SIZE 64
const char *sl_rpc_decimal(double number, char text[SL_RPC_DECIMAL_SIZE]);

/* The pool's place in the present image, or -1 after it was refused with a guess. */
int sl_rpc_find_pool(struct sl_rpc_call *call, const char *name);
/* The caller's parts, begun anew where `from` is 0; NULL after it was refused: too many clients send
 * parts, or none came before. */
struct sl_stage *sl_stage_find(struct sl_rpc_call *call);
void sl_stage_drop(struct sl_stage *stage);

#endif
