/* SPDX-License-Identifier: BSD-3-Clause */

/* The handler contract: what serves the packets of a worker node. Users can write their own.
 *
 * Why:     a node of this machine is a thread and a handler; the thread is sluice's, the handler is
 *          a table of functions.
 * Shape:   one instance a node. Packets come in bursts, whole Ethernet frames as they were
 *          received, in the order of each flow.
 * Threads: open, close: control. burst, flush: the worker thread of the node, never two at a time,
 *          never after close. look: control, at any time between open and close.
 * Memory:  packets given to burst() are the handler's: each is sent or freed, once, in burst() or
 *          later, at the latest in close().
 * Errors:  open: negative errno and a sentence.
 */

#ifndef SL_WORK_HANDLER_H
#define SL_WORK_HANDLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/queue.h>

#include "base/err.h"
#include "base/limit.h"
#include "lcore/result.h"

struct rte_mbuf;
struct sl_ask;
struct sl_pkt;
struct sl_snapshot;
struct sl_worker;

#define SL_HANDLERS_MAX 32 /* kinds, built-in ones included */

struct sl_handler_option {
	const char *name, *value;
};

/* Texts are valid as long as open() runs. */
struct sl_handler_args {
	const char *pool, *node; /* names, for messages */
	const char *file;	 /* as configured, or NULL */
	const struct sl_handler_option *options;
	uint32_t option_count;
};

struct sl_handler_burst {
	struct rte_mbuf **packets; /* count; mbuf.hash.usr is the node's index */
	uint32_t count;
	struct sl_worker *worker; /* for sl_handler_send() */
	const struct sl_snapshot *snapshot;
	uint64_t wall_ms; /* a few milliseconds coarse */
};

/* How a handler fares. */
struct sl_handler_look {
	uint64_t lost;	/* packets that it took and lost */
	char text[256]; /* what is wrong, a sentence; empty: nothing */
	bool passes;	/* it may come right again: whoever waits may go on waiting */
};

struct sl_handler_ops {
	const char *name; /* as in the configuration */
	bool needs_file;  /* a node that names it has a `file`; others may not have one */
	/* Whether the options are right, of a configuration that may never run: opens nothing. NULL:
	 * the handler takes none. */
	int (*check)(const struct sl_handler_args *args, struct sl_err *err);
	/* Whether the file can serve, before anything starts; or NULL. */
	int (*probe)(const struct sl_handler_args *args, struct sl_err *err);
	int (*open)(const struct sl_handler_args *args, void **state, struct sl_err *err);
	void (*burst)(void *state, const struct sl_handler_burst *burst);
	void (*flush)(void *state); /* when the worker has nothing to do, and at its end; or NULL */
	void (*close)(void *state); /* or NULL */
	/* All of these may be NULL; on the worker's thread, between bursts, when control asks. */
	void (*tick)(void *state, uint64_t wall_ms); /* once a second or so */
	/* In pieces: writes up to room rows, returns how many; *cursor is 0 first, and UINT64_MAX when
	 * there are no more. */
	uint32_t (*results)(void *state, uint64_t *cursor, struct sl_result_row *rows,
			    uint32_t room);
	void (*total)(void *state, struct sl_result_total *total);
	void (*reset)(void *state);
	/* What its results look like: never changes. NULL: SL_RESULT_TEXT. Any thread. */
	void (*form)(const void *state, struct sl_result_form *form);
	/* How it fares, or NULL: control, at any time between open and close. look is zeros. */
	void (*look)(void *state, struct sl_handler_look *look);
};

/* Sends a packet by the port it came in by; it is no longer the handler's. One that is larger than the
 * port's MTU is freed and counted (tx_too_big). Only in burst(). */
void sl_handler_send(const struct sl_handler_burst *burst, struct rte_mbuf *packet);
void sl_handler_free(struct rte_mbuf *const *packets, uint32_t count);

/* Parses a burst's packets: keys as the receive core saw them, the services that take them now
 * (SL_SERVICE_NONE: none) and their slots in the node's pool (UINT32_MAX: none). */
struct sl_handler_view {
	struct sl_pkt *pkts;
	uint32_t *services, *slots; /* NULL: not wanted */
};
void sl_handler_parse(const struct sl_handler_burst *burst, const struct sl_handler_view *view);

/* Asks the handler of a name whether it takes these options. 0 or -EINVAL. */
int sl_handler_check(const char *name, const struct sl_handler_args *args, struct sl_err *err);

/* The value of an option, or absent. */
const char *sl_handler_option(const struct sl_handler_args *args, const char *name,
			      const char *absent);

/* The handler of a name; NULL: there is none. Names of all, for messages: "sink, echo, capture". */
const struct sl_handler_ops *sl_handler_find(const char *name);
const char *sl_handler_names(void);
/* Those that are known, by number; NULL: there is none of that number. */
const struct sl_handler_ops *sl_handler_at(uint32_t number);
/* Makes a user's handler known, before configurations are read. ops stays the caller's. -EEXIST,
 * -ENOSPC, -EINVAL. */
int sl_handler_register(const struct sl_handler_ops *ops);

/* An opened handler: what sl_node_view.handler points to. */
struct sl_handler {
	const struct sl_handler_ops *ops;
	void *state;
	char node[SL_NAME_SIZE];
	/* whoever opened it */
	LIST_ENTRY(sl_handler) link;
	uint32_t index, worker; /* of the node */
	struct sl_ask *tick;	/* the last one, until it is answered */
	bool told;		/* that something is wrong */
};

/* Opens the handler of a name for a node. -ENOENT: no such handler. */
int sl_handler_open(const char *name, const struct sl_handler_args *args,
		    struct sl_handler **handler, struct sl_err *err);
/* When no worker can hold packets for it nor see it: its node index is released. Takes NULL. */
void sl_handler_close(struct sl_handler *handler);

#endif
