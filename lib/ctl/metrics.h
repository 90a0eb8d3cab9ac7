/* SPDX-License-Identifier: BSD-3-Clause */

/* Prometheus text at /metrics, over HTTP.
 *
 * Why:     the same counters as `stats`, for who watches many machines.
 * Threads: control.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno with a sentence.
 * Source:  Prometheus text exposition format 0.0.4.
 */

#ifndef SL_CTL_METRICS_H
#define SL_CTL_METRICS_H

#include "base/err.h"

struct sl_control;
struct sl_metrics;

int sl_metrics_create(struct sl_control *control, struct sl_metrics **metrics);
void sl_metrics_destroy(struct sl_metrics *metrics);

/* Whether it could listen there now, beside where it does. */
int sl_metrics_check(struct sl_metrics *metrics, const char *address, struct sl_err *err);

/* Listens at "ADDRESS:PORT" ("[::1]:9464"), "" nowhere; what it listened at before is closed when
 * the new place is open. */
int sl_metrics_listen(struct sl_metrics *metrics, const char *address, struct sl_err *err);

#endif
