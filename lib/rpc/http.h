/* SPDX-License-Identifier: BSD-3-Clause */

/* The HTTP listener of control.metrics: Prometheus text at /metrics.
 *
 * Why:     libevent's own server has no bound on connections and spins when no descriptor is left.
 * Shape:   GET and HEAD of a table of pages, HTTP/1.0 and 1.1, one request of a connection at a time;
 *          what has a body is answered and closed. With SL_HTTP_CONNECTIONS_MAX connections
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

/* scope is borrowed. */
int sl_http_create(struct event_base *base, const struct sl_rpc_scope *scope,
		   struct sl_http **http);
void sl_http_destroy(struct sl_http *http);

/* Whether it could listen there instead of where it does: binds a socket for a moment. */
int sl_http_check(struct sl_http *http, const char *address, struct sl_err *err);

/* Listens at "ADDRESS:PORT" ("[::1]:9464"), "" nowhere, instead of where it did; on failure it goes
 * on where it was. */
int sl_http_listen(struct sl_http *http, const char *address, struct sl_err *err);

#endif
