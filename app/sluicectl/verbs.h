/* SPDX-License-Identifier: BSD-3-Clause */

/* What the verbs do: one function each, run() of struct verb. All return an exit status. */

#ifndef SL_SLUICECTL_VERBS_H
#define SL_SLUICECTL_VERBS_H

#include <jansson.h>

#include "client.h"
#include "command.h"

/* verb_read.c */
int verb_status(struct command *command);
int verb_pools(struct command *command);
int verb_services(struct command *command);
int verb_neighbors(struct command *command);
int verb_history(struct command *command);
int verb_log_level(struct command *command);

/* verb_flows.c */
int verb_flows(struct command *command);

/* verb_events.c */
int verb_events(struct command *command);

/* verb_cluster.c */
int verb_cluster(struct command *command);

/* verb_stats.c */
int verb_stats(struct command *command);

/* verb_nodes.c */
int verb_nodes(struct command *command);

/* verb_top.c */
int verb_top(struct command *command);

/* verb_trace.c */
int verb_trace(struct command *command);

/* verb_wait.c */
int verb_drain(struct command *command);
int verb_remove_node(struct command *command);

/* verb_results.c */
int verb_results(struct command *command);

/* verb_explain.c */
int verb_explain(struct command *command);

/* verb_node.c */
int verb_set_weight(struct command *command);
int verb_add_node(struct command *command);
int verb_enable(struct command *command);
int verb_disable(struct command *command);

/* verb_service.c */
int verb_add_service(struct command *command);
int verb_set_service(struct command *command);
int verb_remove_service(struct command *command);

/* verb_config.c */
int verb_apply(struct command *command);
int verb_check(struct command *command);
int verb_diff(struct command *command);
int verb_config(struct command *command);
int verb_rollback(struct command *command);

/* verb_table.c */
int verb_table(struct command *command);

/* ---- shared by them -------------------------------------------------------------------------- */

/* "POOL/NODE" into params "pool" and "node". Returns false when it is no such thing, told. */
bool split_pool_node(const char *word, json_t *params);
/* --dry-run, --if-generation, --force into params. Returns false when one is wrong, told. */
bool change_params(const struct command *command, json_t *params);
/* Makes the change and says what became of it. */
int run_change(struct command *command, const char *method, json_t *params, const char *file);
/* Prints the answer of a change. */
/* Each to standard error. */
void show_warnings(const json_t *result);
void show_change(const struct command *command, const json_t *result);
/* History as a whole, or its last `limit` lines; NULL was told. */
json_t *fetch_history(struct client *client, const char *limit);
/* Calls and prints the result when --json was given: then *result is NULL. */
int call_read(struct command *command, const char *method, json_t *params, json_t **result);
/* What is shown once, or again and again: seconds since `before`, 0 when there is none. */
struct watched {
	const char *method; /* answers by parts */
	json_t *params;	    /* or NULL */
	void (*show)(const struct command *command, const json_t *now, const json_t *before,
		     double seconds);
};
/* By the verb's options --watch, --interval and --count. */
int show_once_or_watch(struct command *command, const struct watched *watched);
/* The words from the one of that number on, key=value, as an object of texts; NULL: a mistake, which
 * was told. */
json_t *key_params(const struct command *command, uint32_t first);
/* What a verb whose only word is POOL/NODE asks for; NULL: a mistake, which was told. */
json_t *node_params(const struct command *command);
/* A whole file, zero-terminated, to be freed; NULL was told. "-" is standard input. */
char *read_file(const char *path, size_t *length);
/* Replaces a file by text: a temporary one beside it, renamed. Returns an exit status. */
int write_file(const char *path, const char *text, size_t length);
/* A whole number not below 0; false was told. */
bool parse_count(const char *what, const char *text, long long *number);
/* The same of 1 at least. */
bool parse_least(const char *what, const char *text, long long *number);

#endif
