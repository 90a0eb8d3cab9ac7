/* SPDX-License-Identifier: BSD-3-Clause */

/* A cluster in Prometheus' text format: how this member stands, and the others.
 *
 * Why:     a member without a quorum, or one that lags, is to wake somebody.
 * Shape:   from what the verb `cluster` answers, so that both say the same.
 * Threads: any; pure.
 * Errors:  none; a stream that fails is the caller's to see.
 */

#ifndef SL_SHOW_CLUSTER_METRICS_H
#define SL_SHOW_CLUSTER_METRICS_H

#include <stdio.h>

struct json_t;

/* cluster: NULL, or of a daemon that is in none: nothing is written. */
void sl_cluster_metrics_write(FILE *out, const struct json_t *cluster);

#endif
