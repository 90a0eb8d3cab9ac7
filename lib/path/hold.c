/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "path/stage.h"
#include "pkt/parse.h"
#include "state/decide.h"
#include "state/service.h"

static void refuse(struct sl_burst *burst, uint32_t i)
{
	burst->verdict[i] = SL_VERDICT_DROP;
	burst->reason[i] = SL_DROP_FRAGMENT;
}

/* Keeps an early fragment back until its first one comes. */
static void keep(struct sl_path_core *core, uint32_t i, uint64_t tag, uint32_t port)
{
	struct sl_path_hold *hold = &core->hold;
	struct sl_path_held *held = &hold->held[hold->count];

	if (hold->count == SL_PATH_HOLD_MAX) {
		refuse(&core->burst, i);
		return;
	}
	held->packet = core->packets[i];
	held->tag = tag;
	held->since_ms = core->now_ms;
	held->port = port;
	hold->count++;
	core->burst.verdict[i] = SL_VERDICT_HELD;
}

static void follow(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t i,
		   uint32_t port)
{
	struct sl_pkt *pkt = &core->burst.pkt[i];
	const uint8_t *frame = rte_pktmbuf_mtod(core->packets[i], const uint8_t *);
	uint64_t tag = sl_frag_tag(core->fragments, frame, pkt);

	switch (sl_frag_table_follow(core->fragments, tag, pkt, core->now_ms)) {
	case SL_FRAG_KNOWN:
		if (!(pkt->fragment & SL_FRAGMENT_OFFSET))
			core->hold.learned = true;
		break;
	case SL_FRAG_EARLY:
		if (!sl_decide_ignores_ports(snapshot, pkt))
			keep(core, i, tag, port);
		break;
	case SL_FRAG_REFUSED:
		refuse(&core->burst, i);
		break;
	}
}

void sl_path_follow_fragments(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			      uint32_t port)
{
	for (uint32_t i = 0; i < core->burst.count; i++)
		if ((core->burst.pkt[i].flags & SL_PKT_FRAGMENT) &&
		    core->burst.verdict[i] == SL_VERDICT_NODE)
			follow(core, snapshot, i, port);
}

/* Takes one held packet into the burst when its first fragment is known by now. */
static bool revive(struct sl_path_core *core, const struct sl_path_held *held)
{
	struct sl_burst *burst = &core->burst;
	uint32_t i = burst->count;
	struct rte_mbuf *packet = held->packet;

	sl_parse(rte_pktmbuf_mtod(packet, const uint8_t *), packet->data_len, packet->pkt_len, 0,
		 &burst->pkt[i]);
	if (sl_frag_table_follow(core->fragments, held->tag, &burst->pkt[i], core->now_ms) !=
	    SL_FRAG_KNOWN)
		return false;
	core->packets[i] = packet;
	burst->frame_size[i] = packet->pkt_len;
	burst->verdict[i] = SL_VERDICT_NODE;
	burst->count++;
	return true;
}

/* A burst of those that came in by one port; the others stay, in their order. */
static void gather_known(struct sl_path_core *core, uint32_t port)
{
	struct sl_path_hold *hold = &core->hold;
	uint32_t left = 0;

	core->burst.count = 0;
	sl_burst_spoil(&core->burst);
	for (uint32_t h = 0; h < hold->count; h++) {
		if (core->burst.count == SL_BURST_MAX || hold->held[h].port != port ||
		    !revive(core, &hold->held[h]))
			hold->held[left++] = hold->held[h];
	}
	hold->count = left;
}

void sl_path_release_fragments(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			       uint32_t port)
{
	core->hold.learned = false;
	do {
		gather_known(core, port);
		if (snapshot->tunnels)
			sl_path_show_frames(core);
		sl_decide(snapshot, &core->core, &core->burst, core->now_ms);
		sl_path_act(core, snapshot, port);
	} while (core->burst.count == SL_BURST_MAX);
}

void sl_path_expire_fragments(struct sl_path_core *core, bool all)
{
	struct sl_path_hold *hold = &core->hold;
	uint32_t left = 0;

	for (uint32_t h = 0; h < hold->count; h++) {
		if (!all && core->now_ms - hold->held[h].since_ms < SL_PATH_HOLD_MS) {
			hold->held[left++] = hold->held[h];
			continue;
		}
		sl_stats_add(&core->stats->dropped[SL_DROP_FRAGMENT], 1);
		rte_pktmbuf_free(hold->held[h].packet);
	}
	hold->count = left;
}
