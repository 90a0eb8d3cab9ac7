/* SPDX-License-Identifier: BSD-3-Clause */

/* One question to a web server: a POST with a body, answered whole or line by line.
 *
 * Why:     libcurl's options stand in one place, and what a server may send has a bound.
 * Threads: the loop's.
 * Memory:  create and destroy; destroying one that runs ends it without an answer. Not to be destroyed in
 *          line(), but in ended().
 * Errors:  0 or negative errno.
 */

#ifndef SL_CLUSTER_ASK_H
#define SL_CLUSTER_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"

struct event_base;
struct sl_ask;
struct sl_transfers;

#define SL_ASK_ANSWER_MAX   (64u << 20) /* octets of an answer, or of a line of a stream */
#define SL_ASK_MS	    1000	/* until it must be answered; a stream, connected */
#define SL_ASK_ADDRESS_SIZE 64

struct sl_ask_spec {
	const struct sl_conf_store *conf; /* certificates */
	const char *endpoint, *path, *token;
	char *body; /* taken over */
	bool stream;
	void *context;
	/* Answered: status of HTTP; 0: nobody did, and why. text is zero-terminated; of streams "". */
	void (*ended)(void *context, struct sl_ask *ask, long status, const char *text,
		      size_t length, const char *why);
	/* Of streams: lines have come, for sl_ask_line(); called from the loop. */
	void (*lines)(void *context, struct sl_ask *ask);
};

int sl_ask_create(struct sl_transfers *transfers, struct event_base *base,
		  const struct sl_ask_spec *spec, struct sl_ask **ask);
void sl_ask_destroy(struct sl_ask *ask); /* takes NULL */

/* The next whole line of a stream, valid until the next call; NULL: there is none yet. */
const char *sl_ask_line(struct sl_ask *ask, size_t *length);

/* Our address, as the server sees it; "" before it answered. */
void sl_ask_address(const struct sl_ask *ask, char address[SL_ASK_ADDRESS_SIZE]);

/* Asks and waits for half a second at most: at the very end, when no loop runs. Takes body over. */
void sl_ask_and_wait(const struct sl_ask_spec *spec);

#endif
