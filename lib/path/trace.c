/* SPDX-License-Identifier: BSD-3-Clause */

#include "path/trace.h"

#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "lcore/stats.h"
#include "path/stage.h"
#include "state/decide.h"

#define SHARE	 100   /* one in so many cycles may be spent */
#define TOKEN	 1000u /* a record */
#define WHY_OPEN 0xff  /* no decision was noted */

void sl_path_core_trace(struct sl_path_core *core, struct sl_path_trace *trace)
{
	__atomic_store_n(&core->trace, trace, __ATOMIC_RELEASE);
}

/* Whether there is time for this burst. */
static bool has_time(const struct sl_path_core *core, struct sl_path_trace *trace)
{
	if (trace->window_tsc != core->tick_tsc) {
		trace->window_tsc = core->tick_tsc;
		trace->spent = 0;
	}
	return trace->spent * SHARE <= core->tick_cycles;
}

/* A record's place; NULL: the limit or the ring leaves it out. */
static struct sl_trace_record *next_record(struct sl_path_trace *trace, uint64_t now_ms)
{
	struct sl_trace_record *record;
	uint64_t rate = trace->spec->rate;

	if (now_ms > trace->refill_ms) {
		trace->tokens += (now_ms - trace->refill_ms) * rate;
		trace->tokens = SL_MIN(trace->tokens, rate * TOKEN / 10 + TOKEN);
		trace->refill_ms = now_ms;
	}
	record = trace->tokens >= TOKEN ? sl_trace_next(&trace->ring) : NULL;
	if (record == NULL)
		sl_stats_add(&trace->ring.counts.lost, 1);
	else
		trace->tokens -= TOKEN;
	return record;
}

static bool is_wanted_node(const struct sl_trace_spec *spec, uint32_t node)
{
	for (uint32_t i = 0; i < spec->node_count; i++)
		if (spec->nodes[i] == node)
			return true;
	return spec->node_count == 0;
}

static bool is_wanted(const struct sl_trace_spec *spec, const struct sl_trace_record *told)
{
	if (spec->service != SL_TRACE_ANY && spec->service != told->service)
		return false;
	if (spec->pool != SL_TRACE_ANY && spec->pool != told->pool)
		return false;
	if (!is_wanted_node(spec, told->node))
		return false;
	if (!spec->dropped)
		return true;
	return told->verdict == SL_VERDICT_DROP &&
	       (spec->reason == SL_DROP_COUNT || spec->reason == told->reason);
}

/* Keeps a record of the packet when it is one of those asked for. */
static void tell(struct sl_path_core *core, struct sl_path_trace *trace, struct rte_mbuf *packet,
		 const struct sl_trace_record *told)
{
	const struct sl_trace_spec *spec = trace->spec;
	const uint8_t *octets = rte_pktmbuf_mtod(packet, const uint8_t *);
	uint32_t size = packet->pkt_len, readable = packet->data_len;
	struct sl_trace_record *record;
	uint64_t before;

	sl_stats_add(&trace->ring.counts.seen, 1);
	if (!is_wanted(spec, told))
		return;
	if (spec->match != NULL && !spec->match(spec->program, octets, size, readable))
		return;
	before = trace->ring.counts.matched;
	sl_stats_add(&trace->ring.counts.matched, 1);
	if (before % spec->sample != 0)
		return;
	record = next_record(trace, core->now_ms);
	if (record == NULL)
		return;
	memcpy(record, told, offsetof(struct sl_trace_record, octets));
	record->tsc = rte_rdtsc();
	record->size = (uint16_t)SL_MIN(size, (uint32_t)UINT16_MAX);
	record->kept = (uint16_t)SL_MIN(readable, SL_TRACE_OCTETS);
	memcpy(record->octets, octets, record->kept);
	sl_trace_put(&trace->ring);
}

/* What the plain way decided without a word: a settled slot's node, or that of a flow that is known. */
static uint8_t why_of(const struct sl_pool_view *pool, uint32_t word)
{
	if ((word & SL_SLOT_OPEN) || pool->tracking == SL_TRACKING_FULL)
		return SL_WHY_TRACKED;
	return word & SL_SLOT_LENT ? SL_WHY_LENT : SL_WHY_SLOT;
}

static void fill(const struct sl_path_core *core, const struct sl_snapshot *snapshot, uint32_t port,
		 uint32_t i, struct sl_trace_record *told)
{
	const struct sl_burst *burst = &core->burst;
	const struct sl_pool_view *pool;

	*told = (struct sl_trace_record){.service = SL_TRACE_ANY,
					 .pool = SL_TRACE_ANY,
					 .node = SL_TRACE_ANY,
					 .slot = SL_TRACE_ANY,
					 .verdict = burst->verdict[i],
					 .reason = burst->reason[i],
					 .why = burst->why[i],
					 .port = (uint8_t)port};
	if (told->verdict == SL_VERDICT_PUNT && snapshot->ports[port].punt_port == SL_PUNT_DROP)
		told->verdict = SL_VERDICT_DROP;
	if (told->verdict != SL_VERDICT_NODE &&
	    !(told->verdict == SL_VERDICT_DROP && told->reason == SL_DROP_NO_NODE))
		return;
	told->service = burst->service[i];
	told->hash = burst->hash[i];
	pool = &snapshot->pools[snapshot->services[told->service].pool];
	told->pool = pool->index;
	told->slot = (uint32_t)(told->hash >> pool->shift);
	if (told->why == WHY_OPEN)
		told->why = why_of(pool, pool->words[told->slot]);
	if (told->verdict == SL_VERDICT_NODE)
		told->node = burst->node[i];
}

void sl_path_decide_traced(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			   uint32_t port)
{
	struct sl_path_trace *trace = __atomic_load_n(&core->trace, __ATOMIC_ACQUIRE);
	struct sl_trace_record told;
	uint64_t begin;

	if (trace == NULL || !has_time(core, trace)) {
		sl_decide(snapshot, &core->core, &core->burst, core->now_ms);
		if (trace != NULL)
			sl_stats_add(&trace->ring.counts.left_out, core->burst.count);
		return;
	}
	trace->port = port;
	memset(core->burst.why, WHY_OPEN, core->burst.count);
	sl_decide(snapshot, &core->core, &core->burst, core->now_ms);
	begin = rte_rdtsc();
	for (uint32_t i = 0; i < core->burst.count; i++) {
		/* ours to answer has been, and its buffer may be gone */
		if (core->burst.verdict[i] == SL_VERDICT_OWN ||
		    core->burst.verdict[i] == SL_VERDICT_HELD)
			continue;
		fill(core, snapshot, port, i, &told);
		tell(core, trace, core->packets[i], &told);
	}
	trace->spent += rte_rdtsc() - begin;
}

void sl_path_trace_drop(struct sl_path_core *core, const struct sl_snapshot *snapshot,
			struct rte_mbuf *packet, uint32_t reason)
{
	struct sl_path_trace *trace = __atomic_load_n(&core->trace, __ATOMIC_ACQUIRE);
	uint64_t begin = rte_rdtsc();
	struct sl_trace_record told;
	uint32_t i = 0;

	if (trace == NULL)
		return;
	while (i < core->burst.count && core->packets[i] != packet)
		i++;
	if (i == core->burst.count)
		return;
	if (!has_time(core, trace)) {
		sl_stats_add(&trace->ring.counts.left_out, 1);
		return;
	}
	fill(core, snapshot, trace->port, i, &told);
	told.verdict = SL_VERDICT_DROP;
	told.reason = (uint8_t)reason;
	told.late = true;
	tell(core, trace, packet, &told);
	trace->spent += rte_rdtsc() - begin;
}
