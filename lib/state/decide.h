/* SPDX-License-Identifier: BSD-3-Clause */

/* Snapshot, tables and parsed packets -> verdicts: the packet path and `explain` call it alike.
 *
 * Why:     service, slot and flow rules stand in one place, and what explains is what decides.
 * Shape:   passes over the burst: services, hashes with their slots prefetched, slots; only packets
 *          in unsettled slots, beginnings and packets of fully tracked pools go further, to the
 *          core's flow table.
 * Threads: sl_decide: the core that owns `core`; sl_decide_look: any thread that holds the snapshot.
 * Memory:  none of its own.
 * Errors:  none; each packet gets a verdict.
 */

#ifndef SL_STATE_DECIDE_H
#define SL_STATE_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "lcore/burst.h"
#include "state/core.h"
#include "state/snapshot.h"

/* Decides for every packet whose verdict is SL_VERDICT_NODE when it comes (whoever has decided on a
 * packet before has written another one). Writes service, hash, node, verdict, reason, why. Verdict
 * PUNT has the reason under which the packet counts where the port drops what it would punt. Counts
 * flows_started of nodes. */
void sl_decide(const struct sl_snapshot *snapshot, struct sl_core *core, struct sl_burst *burst,
	       uint64_t now_ms);

/* The same answers, and nothing is written but the burst: no entry, no stamp, no count. core says
 * through whose eyes. */
void sl_decide_look(const struct sl_snapshot *snapshot, const struct sl_core *core,
		    struct sl_burst *burst, uint64_t now_ms);

/* Whether the packet's node is the same whatever its ports are, so that a later fragment need not wait for
 * the first one: neither services nor the pool's hash ask for ports, and neither scheduler nor flow
 * tables have a say, which go by whole flows. */
bool sl_decide_ignores_ports(const struct sl_snapshot *snapshot, const struct sl_pkt *pkt);

/* Ages one of the core's flow tables, the next pool's with each call: its next `buckets` buckets.
 * Call with a hundred or so when a poll found nothing, and with sixteen every sixteenth burst, so that
 * a busy core's tables are gone over, too. An empty table costs nothing; false: it was one. */
bool sl_decide_sweep(const struct sl_snapshot *snapshot, struct sl_core *core, uint64_t now_ms,
		     uint32_t buckets);

#endif
