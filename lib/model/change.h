/* SPDX-License-Identifier: BSD-3-Clause */

/* A change of the model, and its answer: the one door for files, sockets, health and the cluster.
 *
 * Why:     every source asks in the same words, so that checking, dry runs, generations and
 *          answers are written once.
 * Shape:   plain data; a change borrows all that it points to for the length of the call.
 * Threads: control.
 * Memory:  sl_change_result_fini() frees what an answer owns.
 * Errors:  0 or negative errno with a sentence: -ENOENT names something that is not there, -ESTALE
 *          the generation is another one, -EINVAL a wrong value, -EPERM what may not change at run
 *          time or without force, -EEXIST a name used twice, -ENOSPC a limit, -ENOMEM.
 */

#ifndef SL_MODEL_CHANGE_H
#define SL_MODEL_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limit.h"
#include "conf/conf.h"

struct sl_edit;
struct sl_image;

/* id, verb as history and logs show it, an operator's: it raises the generation */
#define SL_CHANGES(X)                                                                              \
	X(SET_WEIGHT, "set-weight", 0, true)                                                       \
	X(ADD_NODE, "add-node", 1, true)                                                           \
	X(REMOVE_NODE, "remove-node", 2, true)                                                     \
	X(DRAIN, "drain", 3, true)                                                                 \
	X(ENABLE, "enable", 4, true)                                                               \
	X(DISABLE, "disable", 5, true)                                                             \
	X(APPLY, "apply", 6, true)                                                                 \
	X(TABLE_SET, "table", 7, true)                                                             \
	X(ROLLBACK, "rollback", 8, true)                                                           \
	X(HEALTH, "health", 9, false)                                                              \
	X(SETTLE, "settle", 10, false)                                                             \
	X(RETURN, "return", 11, false)                                                             \
	X(RESET_RESULTS, "reset-results", 12, true)                                                \
	X(ADD_SERVICE, "add-service", 13, true)                                                    \
	X(REMOVE_SERVICE, "remove-service", 14, true)                                              \
	X(SET_SERVICE, "set-service", 15, true)

enum sl_change_kind {
#define X(id, name, value, operators) SL_CHANGE_##id = (value),
	SL_CHANGES(X)
#undef X
};

const char *sl_change_name(enum sl_change_kind kind);
bool sl_change_is_operators(enum sl_change_kind kind);

/* A slot table in names: word s is 1 + an index into names, 0: nobody. */
struct sl_change_table {
	const uint32_t *words;
	uint32_t count;
	const char *const *names;
	uint32_t name_count;
};

struct sl_change {
	enum sl_change_kind kind;
	const char *pool;    /* of nodes, and TABLE_SET; "*": every pool that has the node */
	const char *node;    /* of nodes; ADD_NODE reads it from add */
	const char *service; /* ADD_SERVICE, REMOVE_SERVICE, SET_SERVICE: its name */
	const struct sl_conf_service
		*wanted; /* ADD_SERVICE, SET_SERVICE; its pool is an index of the image */
	uint64_t weight; /* SET_WEIGHT: millionths */
	const struct sl_conf_node *add; /* ADD_NODE; its port is an index of the running conf */
	bool now;			/* REMOVE_NODE: cuts its live flows */
	uint64_t deadline_ms;		/* DRAIN: from now; 0: none */
	const struct sl_conf *conf;	/* APPLY */
	/* APPLY, ADD_NODE, ADD_SERVICE, SET_SERVICE: what reading it warned of, or NULL */
	const struct sl_conf_errors *conf_warnings;
	bool force;			     /* APPLY, ROLLBACK: a change of the hash is wanted */
	const struct sl_change_table *table; /* TABLE_SET */
	const struct sl_image *image;	     /* ROLLBACK: what to go back to */
	const struct sl_hash_key *hash_key;  /* ROLLBACK: the key then; NULL: as the image says */
	int (*make)(struct sl_edit *edit);   /* RETURN: what makes it, outside the model */
	void *made_from;		     /* RETURN: make's own */
	bool healthy;			     /* HEALTH */
	bool stays;			     /* HEALTH: its live flows stay while it is down */
	uint8_t asked;			     /* HEALTH: enum sl_hand, of the node's agent */
	uint32_t scale;			     /* HEALTH: of the weight, millionths; 0: all of it */
	const struct sl_change *next; /* HEALTH: of another node, in one with this; or NULL */
	const char *why;	      /* HEALTH, and for history: a few words; NULL: the verb */
	/* APPLY: pools, services and the hash key alone, as a cluster shares them; ports and workers are
	 * this run's, by name and number, and sections as they are or as these say */
	bool shared;
	const struct sl_conf *sections;
	/* nodes that are leaving do not come back: what this daemon remembers of them makes no slot */
	bool anew;
	uint64_t
		begins_at; /* ROLLBACK: becomes this generation, before which there is none; 0: the next */
	uint64_t wall_ms; /* when it was made; 0: now */
	const char *at;	  /* the cluster's member that it was made at; NULL: here */
	bool if_generation_set;
	uint64_t if_generation; /* -ESTALE when the generation is another one */
	/* who asks, for history */
	uint32_t uid;
	int32_t pid; /* 0: the daemon itself */
	bool guest;  /* may only rehearse: learns nothing of files and ports of the machine */
};

struct sl_change_pool {
	char name[SL_NAME_SIZE];
	uint32_t moved_slots, least_slots;
};

/* What of a drained node is left. */
struct sl_change_left {
	uint32_t slots; /* slots that still can send it flows they do not know */
	uint64_t flows; /* entries that name it */
	bool exact;	/* all its slots have settled: flows is all there is */
};

struct sl_change_result {
	uint64_t generation;	      /* after it; of a dry run the present one */
	struct sl_change_pool *pools; /* those that changed */
	uint32_t pool_count;
	char **warnings;
	uint32_t warning_count;
	char **sentences; /* what changes, for people: config.diff's changes */
	uint32_t sentence_count;
	struct sl_change_left left;	/* DRAIN, REMOVE_NODE: over all nodes concerned */
	struct sl_conf_error *refusals; /* APPLY: of a valid configuration what cannot be */
	uint32_t refusal_count;
};

/* Sentences and warnings are appended as they are found; -ENOMEM. */
int sl_change_warn(struct sl_change_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int sl_change_say(struct sl_change_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What becomes of a value; of long ones, from where they differ. place: "pool web: health". -ENOMEM. */
int sl_change_say_value(struct sl_change_result *result, const char *place, const char *before,
			const char *after);
/* All that reading a configuration warned of, with places; of a node alone they are none. -ENOMEM. */
int sl_change_warn_conf(struct sl_change_result *result, const struct sl_change *change);
/* One more reason to refuse a configuration, with its place there; -ENOMEM. */
int sl_change_refuse(struct sl_change_result *result, uint32_t line, uint32_t column,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* All reasons in one sentence. Returns code; 0 when there is none. */
int sl_change_refused(const struct sl_change_result *result, int code, struct sl_err *err);
void sl_change_result_fini(struct sl_change_result *result);

#endif
