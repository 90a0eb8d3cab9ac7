/* SPDX-License-Identifier: BSD-3-Clause */

/* What the packet path knows, carried over a restart: slots, services, flows, and nodes and pools that
 * are leaving.
 *
 * Why:     a restart within the idle timeout must break no connection: flows that a change had left
 *          with another node than their slot's must be found again.
 * Shape:   octets behind the history of a state file; nodes by name, times as ages, so that clocks
 *          and indices may differ. Reading makes the pools what they were a moment before the end;
 *          then the next snapshot is built as after any change, whatever is different now: a node
 *          that was down, a configuration file with other weights or fewer nodes.
 * Threads: control, while no core runs: after the threads have ended, before they are launched.
 * Errors:  what does not fit (a worker that is no more, no room for a flow) is left out.
 */

#ifndef SL_CARRY_CARRY_H
#define SL_CARRY_CARRY_H

#include "keep/history.h"
#include "keep/pack.h"
#include "model/model.h"

void sl_carry_write(const struct sl_model *model, struct sl_pack *pack);

/* After the first snapshot was published; publishes another one. Returns how many flows were taken up, -EINVAL when the
 * octets make no sense, -ENOMEM. */
int64_t sl_carry_read(struct sl_model *model, const struct sl_pack *pack);

/* After an end that wrote no such octets: opens slots again that moved within the idle timeout, and services
 * that were pointed at another pool, as the records tell it, and brings nodes back that were removed since and keep their flows. What was open of
 * what health had found, and which flows had begun at the new node, nobody knows. After the first
 * snapshot was published; publishes another one. Returns how many slots and services are open, -EINVAL, -ENOMEM. */
int64_t sl_carry_reopen(struct sl_model *model, const struct sl_history *history);

#endif
