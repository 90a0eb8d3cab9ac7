/* SPDX-License-Identifier: BSD-3-Clause */

/* The HTTP listener of control.metrics: Prometheus text at /metrics.
 *
 * Threads: control.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_RPC_HTTP_H
#define SL_RPC_HTTP_H

#include "rpc/method.h"

struct event_base;
struct sl_http;

/* scope is borrowed. */
int sl_http_create(struct event_base *base, const struct sl_rpc_scope *scope,
		   struct sl_http **http);
void sl_http_destroy(struct sl_http *http);

/* Whether it could listen there now, beside where it does. */
int sl_http_check(struct sl_http *http, const char *address, struct sl_err *err);

/* Listens at "ADDRESS:PORT" ("[::1]:9464"), "" nowhere; what it listened at before is closed when
 * the new place is open. */
int sl_http_listen(struct sl_http *http, const char *address, struct sl_err *err);

#endif
