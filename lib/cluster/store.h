/* SPDX-License-Identifier: BSD-3-Clause */

/* A consensus store as a cluster needs it: read, compare-and-swap, watch, a lease.
 *
 * Why:     what a cluster does is the same whichever engine keeps its log, and is tested with one that
 *          lies, answers late and forgets.
 * Shape:   keys are texts, values octets; all keys of a store begin with its prefix, which callers leave
 *          out. A session is up while a node of the engine answers, the watch runs and the lease lives;
 *          what was asked in a session that ends is answered -ENOLINK: it may have been done.
 *          Nothing blocks: answers come by the event loop, never from within the call that asks.
 * Threads: the loop's.
 * Memory:  create and destroy (takes NULL; nothing is answered any more, the lease is given back).
 *          Answers are borrowed for the length of a call.
 * Errors:  0 or negative errno: -EAGAIN what was compared is not so, -ENOLINK no session.
 */

#ifndef SL_CLUSTER_STORE_H
#define SL_CLUSTER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "conf/conf.h"

#define SL_STORE_KEY_SIZE 256
#define SL_STORE_LEASE_S  3 /* a member that is silent for so long is gone */

struct event_base;

struct sl_store_pair {
	char key[SL_STORE_KEY_SIZE];
	const uint8_t *
		value; /* zero-terminated behind its last octet; NULL: it is gone, or was not asked for */
	size_t size;
};

struct sl_store_answer {
	int rc;
	const struct sl_store_pair *pairs; /* in the order of their keys */
	uint32_t count;
	bool more; /* there are others behind the last */
};

typedef void sl_store_done(void *context, const struct sl_store_answer *answer);

/* Keys from `from` on, before `to` (NULL: `from` alone). */
struct sl_store_range {
	const char *from, *to;
	uint32_t limit; /* 0: all */
	bool keys_only;
};

struct sl_store_compare {
	const char *key;
	const char *value; /* NULL: there is no such key */
};

struct sl_store_put {
	const char *key, *to; /* to: not NULL: keys from key on before it are removed */
	const void *value;    /* NULL: removed */
	size_t size;
	bool leased; /* goes with the session's lease */
};

#define SL_STORE_COMPARES_MAX 2
#define SL_STORE_PUTS_MAX     40 /* etcd takes 128 by default */

/* All puts or none; read is answered where a comparison fails. */
struct sl_store_commit {
	struct sl_store_compare compares[SL_STORE_COMPARES_MAX];
	uint32_t compare_count;
	struct sl_store_put puts[SL_STORE_PUTS_MAX];
	uint32_t put_count;
	const struct sl_store_range *read; /* NULL: nothing */
};

struct sl_store_calls {
	void *context;
	/* fresh: the lease is new; what went with the one before is gone or will be. address: ours, as
	 * the store sees it. */
	void (*up)(void *context, bool fresh, const char *address);
	void (*down)(void *context, const char *why);
	/* In the order in which it happened; changes before up() are not told. */
	void (*changed)(void *context, const struct sl_store_pair *pairs, uint32_t count);
};

struct sl_store;

struct sl_store_ops {
	const char *name;
	int (*create)(struct event_base *base, const struct sl_conf_store *conf, const char *prefix,
		      const struct sl_store_calls *calls, struct sl_store **store,
		      struct sl_err *err);
	void (*destroy)(struct sl_store *store);
	/* Answer -ENOLINK at once, in the next turn, while there is no session. */
	void (*read)(struct sl_store *store, const struct sl_store_range *range,
		     sl_store_done *done, void *context);
	void (*commit)(struct sl_store *store, const struct sl_store_commit *commit,
		       sl_store_done *done, void *context);
};

extern const struct sl_store_ops sl_store_etcd;

#endif
