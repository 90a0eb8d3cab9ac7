/* SPDX-License-Identifier: BSD-3-Clause */

/* What a core does when nothing came. */

#include "path/stage.h"
#include "state/decide.h"

/* Bounds a sleep, so that early fragments expire and flow tables age; everything else rings. */
#define SLEEP_NS 10000000

/* After a sleep that nothing ended, flow tables are gone over in so many rounds at most, so many
 * buckets each; so many pools are looked at for one that has flows. Four million buckets a second,
 * at a percent or two of a CPU. */
#define SWEEP_ROUNDS  40
#define SWEEP_BUCKETS 1024
#define SWEEP_POOLS   16

/* Wake-ups by devices in a row without a packet, before short sleeps take over until there is one. */
#define VAIN_MAX 64

void sl_path_watch(struct sl_path_core *core)
{
	struct sl_bell *bell = &core->spec.plan->bell[core->spec.core];

	sl_watch_init(&core->watch, bell, core->owner.count > 0);
	core->watches = core->spec.idle == SL_IDLE_MODE_BACKOFF && core->queue_count > 0;
	for (uint32_t i = 0; core->watches && i < core->queue_count; i++) {
		const struct sl_path_queue *queue = &core->queues[i];

		core->watches =
			sl_watch_add(&core->watch, &core->spec.ports[queue->port], queue->queue);
	}
}

/* False: those looked at are empty. */
static bool sweep(struct sl_path_core *core)
{
	const struct sl_snapshot *snapshot = sl_publish_get(core->spec.publish);

	for (uint32_t i = 0; i < SWEEP_POOLS; i++)
		if (sl_decide_sweep(snapshot, &core->core, core->now_ms, SWEEP_BUCKETS))
			return true;
	return false;
}

/* Meanwhile it holds no snapshot: control need not wait for it. */
static void doze(struct sl_path_core *core)
{
	bool rang;

	sl_publish_reader_offline(core->spec.publish, core->spec.reader);
	sl_idle_sleep(&core->idle);
	rang = sl_watch_sleep(&core->watch, SLEEP_NS);
	sl_idle_wake(&core->idle);
	sl_publish_reader_online(core->spec.publish, core->spec.reader);
	if (rang) {
		core->vain++;
		sl_idle_reset(&core->idle);
	} else {
		core->sweeps = SWEEP_ROUNDS;
	}
}

void sl_path_rest(struct sl_path_core *core, bool receives)
{
	sl_stats_add(&core->stats->empty_bursts, 1);
	if (core->watches && receives && core->vain < VAIN_MAX && sl_idle_is_spun(&core->idle)) {
		if (core->sweeps > 0)
			core->sweeps = sweep(core) ? core->sweeps - 1 : 0;
		else if (core->watch.armed)
			doze(core);
		else
			core->watches = sl_watch_arm(&core->watch);
		return;
	}
	if (core->watch.armed)
		sl_watch_disarm(&core->watch);
	sl_idle_wait(&core->idle);
}
