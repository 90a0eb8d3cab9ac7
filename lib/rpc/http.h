/* SPDX-License-Identifier: BSD-3-Clause */

/* The HTTP listener of control.metrics: the status page, and Prometheus text at /metrics. Read only.
 *
 * Why:     libevent's own server has no bound on connections and spins when no descriptor is left.
 * Shape:   GET and HEAD of a table of pages, HTTP/1.0 and 1.1, one request of a connection at a time;
 *          what has a body is answered and closed. A page may be a stream of events: half of the
 *          connections at most, and who does not read is closed. With SL_HTTP_CONNECTIONS_MAX connections
 *          (fewer where few descriptors are allowed) the oldest makes room for the next.
 * Threads: control.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_RPC_HTTP_H
#define SL_RPC_HTTP_H

#include "rpc/method.h"

#define SL_HTTP_CONNECTIONS_MAX 64u

struct event_base;
struct sl_http;

/* scope and rpc are borrowed. */
int sl_http_create(struct event_base *base, const struct sl_rpc_scope *scope,
		   const struct sl_rpc *rpc, struct sl_http **http);
void sl_http_destroy(struct sl_http *http);

/* Whether it could listen there instead of where it does: binds a socket for a moment. */
int sl_http_check(struct sl_http *http, const char *address, struct sl_err *err);

/* Listens at "ADDRESS:PORT" ("[::1]:9464"), "" nowhere, instead of where it did; on failure it goes
 * on where it was. */
int sl_http_listen(struct sl_http *http, const char *address, struct sl_err *err);

/* Sends "data: ..." to all that follow events. */
void sl_http_push(struct sl_http *http, const char *text);
bool sl_http_is_followed(const struct sl_http *http);
/* Once a second: counts what the page's chart shows. */
void sl_http_second(struct sl_http *http);

#endif
