/* SPDX-License-Identifier: BSD-3-Clause */

/* One member of a cluster: its changes go into the log, the log's changes go into its model.
 *
 * Why:     many dispatchers share one truth, and the death of one breaks nothing.
 * Shape:   the log has one record a generation. A change is checked here, written with "if the newest is
 *          still G", and carried out through the model's one door when it is there, as at every member.
 *          Who joins takes the oldest checkpoint that is kept and carries out all that came since, so
 *          that slots, history and the way back are everybody's. README.md has the keys and the cases.
 * Threads: control.
 * Memory:  create and destroy (takes NULL; leaves the cluster in good order).
 * Errors:  0 or negative errno with a sentence; -ENOLINK: no quorum.
 */

#ifndef SL_CLUSTER_CLUSTER_H
#define SL_CLUSTER_CLUSTER_H

#include "cluster/store.h"
#include "model/model.h"

struct sl_cluster;

#define SL_CLUSTER_MEMBERS_MAX	1024u
#define SL_CLUSTER_WHY_SIZE	384
#define SL_CLUSTER_ADDRESS_SIZE 64

struct sl_cluster_calls {
	void *context;
	/* What was submitted is made (err NULL), or not. All is borrowed. */
	void (*decided)(void *context, uint64_t ticket, const struct sl_change *change,
			const struct sl_change_result *result, const struct sl_err *err);
	/* The model begins anew with what the cluster has; what is kept of it stays until joined(). */
	void (*joins)(void *context);
	/* It stands where the cluster does. known: what it had before was the cluster's, too. */
	void (*joined)(void *context, bool known);
	/* What a member finds of nodes, we too; text NULL: it is gone; member NULL: all are. NULL: it is
	 * not asked for. */
	void (*found)(void *context, const char *member, const char *text);
};

struct sl_cluster_spec {
	struct event_base *base;
	struct sl_model *model;
	const struct sl_conf_cluster *conf; /* borrowed */
	const struct sl_store_ops *engine;
	const char *version; /* of the daemon, for other members to see */
	struct sl_cluster_calls calls;
};

int sl_cluster_create(const struct sl_cluster_spec *spec, struct sl_cluster **cluster,
		      struct sl_err *err);
void sl_cluster_destroy(struct sl_cluster *cluster);

/* An operator's change, which is checked now and decided later; result is the caller's to finish in
 * both cases. Changes are decided in the order in which they came. */
int sl_cluster_submit(struct sl_cluster *cluster, const struct sl_change *change, uint64_t *ticket,
		      struct sl_change_result *result, struct sl_err *err);

/* What is found of nodes here, a line each: whole lines of the first half MiB go to all. -ENOMEM. */
int sl_cluster_say_health(struct sl_cluster *cluster, const char *text);
/* Whether what found() told is what all members go by; when the store is gone, for as long as they may
 * still go by ours. */
bool sl_cluster_judges(struct sl_cluster *cluster);

/* A checkpoint is written soon; a member that is gone is forgotten: -EBUSY while it is there. */
int sl_cluster_checkpoint(struct sl_cluster *cluster, struct sl_err *err);
int sl_cluster_forget(struct sl_cluster *cluster, const char *member, struct sl_err *err);

/* id, name */
#define SL_CLUSTER_STATES(X)                                                                       \
	X(JOINING, "joining", 0)                                                                   \
	X(MEMBER, "member", 1)                                                                     \
	X(NO_QUORUM, "no_quorum", 2)                                                               \
	X(STOPPED, "stopped", 3) /* a record means nothing here: it goes on as it is */

enum sl_cluster_state {
#define X(id, name, value) SL_CLUSTER_##id = (value),
	SL_CLUSTER_STATES(X)
#undef X
};

const char *sl_cluster_state_name(enum sl_cluster_state state);

struct sl_cluster_member {
	char name[SL_NAME_SIZE];
	char address[SL_CLUSTER_ADDRESS_SIZE];
	char state[16];
	char version[32];
	uint64_t generation, digest, since_ms; /* since_ms: wall clock */
	uint64_t lag_ms;
};

struct sl_cluster_report {
	enum sl_cluster_state state;
	char why[SL_CLUSTER_WHY_SIZE]; /* of what is not in order; "" else */
	uint64_t generation, log,
		checkpoint; /* here; the newest that is known; the newest checkpoint */
	bool synced;	    /* it has joined, at some time */
	uint64_t waiting;   /* changes that are not decided */
	const struct sl_cluster_member *members; /* borrowed until the next turn */
	uint32_t member_count;
};

void sl_cluster_report(struct sl_cluster *cluster, struct sl_cluster_report *report);

#endif
