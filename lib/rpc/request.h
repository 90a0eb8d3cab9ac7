/* SPDX-License-Identifier: BSD-3-Clause */

/* A request of HTTP, as far as it matters here, and the head of its answer.
 *
 * Shape:   reading is pure and in place. Every answer forbids frames, scripts and styles of others, and
 *          keeping.
 * Threads: any.
 * Memory:  the caller's text, which is cut.
 * Source:  RFC 9110, 9112; Content Security Policy Level 3.
 */

#ifndef SL_RPC_REQUEST_H
#define SL_RPC_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct evbuffer;

struct sl_request {
	bool head;  /* HEAD: the answer goes without its body */
	bool close; /* nothing after it is read */
	char *path;
	char *query; /* behind the question mark; "" when there is none */
};

/* Reads "METHOD TARGET HTTP/1.1" and the fields after it, in place. Returns what is wrong with it, a
 * status, or NULL. */
const char *sl_request_read(char *text, struct sl_request *request);

/* The next "name=value" of a query, decoded in place; false: that was the last. */
bool sl_request_pair(char **query, char **name, char **value);

/* The head of an answer with a body of length octets; of one without end where length is 0 and stream. */
void sl_request_answer(struct evbuffer *out, const char *status, const char *type, size_t length,
		       bool close, bool stream);

#endif
