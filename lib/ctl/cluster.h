/* SPDX-License-Identifier: BSD-3-Clause */

/* Control as a cluster's member: operators' changes go by the log, the history kept is the cluster's.
 *
 * Threads: control.
 */

#ifndef SL_CTL_CLUSTER_H
#define SL_CTL_CLUSTER_H

#include "ctl/inside.h"

/* Where the configuration has a cluster; the methods are there in any case. */
int sl_control_cluster_open(struct sl_control *control, struct sl_err *err);
void sl_control_cluster_close(struct sl_control *control);

/* Once a turn. */
void sl_control_cluster_turn(struct sl_control *control);

/* The client's answer comes later. */
void sl_control_cluster_wait(struct sl_control *control, struct sl_client *client,
			     const struct sl_rpc_answer *answer);
void sl_control_cluster_forget(struct sl_control *control, const struct sl_client *client);

#endif
