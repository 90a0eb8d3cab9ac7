/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_mbuf.h>

#include "base/bytes.h"
#include "path/stage.h"
#include "pkt/parse.h"
#include "state/decide.h"
#include "state/service.h"

#define WAIT_FIRST_MS 1 /* other cores are asked again after this, four times it, and so on */
#define WAIT_MORE     4

static void refuse(struct sl_burst *burst, uint32_t i)
{
	burst->verdict[i] = SL_VERDICT_DROP;
	burst->reason[i] = SL_DROP_FRAGMENT;
}

/* ---- what is held ------------------------------------------------------------------------------- */

static inline uint16_t *mark_of(struct sl_path_hold *hold, uint64_t tag)
{
	return &hold->marks[tag % SL_PATH_HOLD_MARKS];
}

/* Keeps an early fragment back until its first one comes. */
static void keep(struct sl_path_core *core, uint32_t i, uint64_t tag, uint32_t port)
{
	struct sl_path_hold *hold = &core->hold;
	struct sl_path_held *held = &hold->held[hold->count];
	struct rte_mbuf *packet = core->packets[i];

	if (hold->count == SL_PATH_HOLD_MAX ||
	    hold->buffers + packet->nb_segs > hold->buffers_max) {
		refuse(&core->burst, i);
		return;
	}
	held->packet = packet;
	held->since_ms = core->now_ms;
	held->wait_ms = core->spec.fragments->count > 1 ? WAIT_FIRST_MS : SL_PATH_HOLD_MS;
	held->port = port;
	if (hold->count == 0 || core->now_ms + held->wait_ms < hold->due_ms)
		hold->due_ms = core->now_ms + held->wait_ms;
	hold->tag[hold->count++] = tag;
	hold->buffers += packet->nb_segs;
	++*mark_of(hold, tag);
	core->burst.verdict[i] = SL_VERDICT_HELD;
}

/* Number h is held no more. */
static struct rte_mbuf *let_go(struct sl_path_hold *hold, uint32_t h)
{
	struct rte_mbuf *packet = hold->held[h].packet;

	hold->held[h].packet = NULL;
	hold->buffers -= packet->nb_segs;
	--*mark_of(hold, hold->tag[h]);
	return packet;
}

/* Those that are left move together, from number h on. */
static void close_gaps(struct sl_path_hold *hold, uint32_t h)
{
	uint32_t left = h;

	for (; h < hold->count; h++) {
		if (!hold->held[h].packet)
			continue;
		hold->held[left] = hold->held[h];
		hold->tag[left++] = hold->tag[h];
	}
	hold->count = left;
}

/* ---- a burst's fragments ------------------------------------------------------------------------ */

/* What other cores' tables know; whole: the own one, too, and datagrams that are whole. */
static bool ask(const struct sl_path_core *core, uint64_t tag, struct sl_pkt *pkt, bool whole)
{
	const struct sl_frag_tables *tables = core->spec.fragments;

	for (uint32_t c = 0; c < tables->count; c++)
		if ((whole || c != core->spec.core) &&
		    sl_frag_table_ask(tables->core[c], tag, pkt, core->now_ms, whole))
			return true;
	return false;
}

static void follow(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t i,
		   uint32_t port)
{
	struct sl_path_hold *hold = &core->hold;
	struct sl_pkt *pkt = &core->burst.pkt[i];
	const uint8_t *frame = rte_pktmbuf_mtod(core->packets[i], const uint8_t *);
	uint64_t tag = sl_frag_tag(core->fragments, frame, pkt);

	switch (sl_frag_table_follow(core->fragments, tag, pkt, core->now_ms)) {
	case SL_FRAG_KNOWN:
		if (!(pkt->fragment & SL_FRAGMENT_OFFSET) && *mark_of(hold, tag))
			hold->learned[hold->learned_count++] = tag;
		break;
	case SL_FRAG_EARLY:
		if (!ask(core, tag, pkt, false) && !sl_decide_ignores_ports(snapshot, pkt))
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

/* ---- what goes on ------------------------------------------------------------------------------- */

static void parse(const struct rte_mbuf *packet, struct sl_pkt *pkt)
{
	sl_parse(rte_pktmbuf_mtod(packet, const uint8_t *), packet->data_len, packet->pkt_len, 0,
		 pkt);
}

/* Takes a held packet, parsed at the end of the burst, into it. */
static void revive(struct sl_path_core *core, uint32_t h)
{
	struct sl_burst *burst = &core->burst;
	uint32_t i = burst->count++;

	core->packets[i] = let_go(&core->hold, h);
	burst->frame_size[i] = core->packets[i]->pkt_len;
	burst->verdict[i] = SL_VERDICT_NODE;
}

/* Whether the held packet may go into the burst: all of one came in by one port. */
static bool has_place(const struct sl_path_core *core, uint32_t h, uint32_t port)
{
	return core->burst.count == 0 ||
	       (core->burst.count < SL_BURST_MAX && core->hold.held[h].port == port);
}

static bool is_learned(const struct sl_path_hold *hold, uint64_t tag)
{
	for (uint32_t i = 0; i < hold->learned_count; i++)
		if (hold->learned[i] == tag)
			return true;
	return false;
}

/* A burst of those whose first fragments came; returns the port they came in by. */
static uint32_t gather_learned(struct sl_path_core *core)
{
	struct sl_path_hold *hold = &core->hold;
	uint32_t first = 0, port = 0;

	for (uint32_t h = 0; h < hold->count; h++) {
		struct sl_pkt *pkt = &core->burst.pkt[core->burst.count];

		if (!is_learned(hold, hold->tag[h]) || !has_place(core, h, port))
			continue;
		parse(hold->held[h].packet, pkt);
		if (sl_frag_table_follow(core->fragments, hold->tag[h], pkt, core->now_ms) !=
		    SL_FRAG_KNOWN)
			continue;
		if (core->burst.count == 0) {
			first = h;
			port = hold->held[h].port;
		}
		revive(core, h);
	}
	close_gaps(hold, first);
	return port;
}

/* A burst of those that are due and that other cores know. Those that nobody knows wait on, or are
 * dropped when they waited long enough; all: at once. */
static uint32_t gather_due(struct sl_path_core *core, bool all)
{
	struct sl_path_hold *hold = &core->hold;
	uint32_t port = 0;

	hold->due_ms = UINT64_MAX;
	for (uint32_t h = 0; h < hold->count; h++) {
		struct sl_path_held *held = &hold->held[h];
		uint64_t due_ms = held->since_ms + held->wait_ms;
		bool last = all || held->wait_ms >= SL_PATH_HOLD_MS;

		if ((all || core->now_ms >= due_ms) && has_place(core, h, port)) {
			struct sl_pkt *pkt = &core->burst.pkt[core->burst.count];

			parse(held->packet, pkt);
			if (ask(core, hold->tag[h], pkt, last)) {
				port = held->port;
				revive(core, h);
				continue;
			}
			if (last) {
				sl_stats_drop(core->stats, held->port, SL_SERVICE_NONE,
					      SL_DROP_FRAGMENT);
				rte_pktmbuf_free(let_go(hold, h));
				continue;
			}
			held->wait_ms = SL_MIN(held->wait_ms * WAIT_MORE, SL_PATH_HOLD_MS);
			due_ms = held->since_ms + held->wait_ms;
		}
		hold->due_ms = SL_MIN(hold->due_ms, due_ms);
	}
	close_gaps(hold, 0);
	return port;
}

static void act(struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port)
{
	if (snapshot->tunnels)
		sl_path_show_frames(core);
	if (sl_unlikely(sl_path_is_traced(core)))
		sl_path_decide_traced(core, snapshot, port);
	else
		sl_decide(snapshot, &core->core, &core->burst, core->now_ms);
	sl_path_act(core, snapshot, port);
	core->held = true;
}

static void begin_burst(struct sl_path_core *core)
{
	core->burst.count = 0;
	sl_burst_spoil(&core->burst);
}

void sl_path_release_fragments(struct sl_path_core *core, const struct sl_snapshot *snapshot)
{
	for (;;) {
		uint32_t port;

		begin_burst(core);
		port = gather_learned(core);
		if (core->burst.count == 0)
			break;
		act(core, snapshot, port);
	}
	core->hold.learned_count = 0;
}

void sl_path_retry_fragments(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			     bool all)
{
	while (core->hold.count > 0 && (all || core->now_ms >= core->hold.due_ms)) {
		uint32_t port;

		begin_burst(core);
		port = gather_due(core, all);
		if (core->burst.count > 0)
			act(core, snapshot, port);
	}
}
