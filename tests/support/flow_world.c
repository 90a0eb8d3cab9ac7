/* SPDX-License-Identifier: BSD-3-Clause */

#include "flow_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "sched/pick.h"

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "the test's world: %s failed\n", what);
	abort();
}

static void init_services(struct sl_snapshot *snapshot)
{
	static const struct sl_port_range https = {443, 443};
	struct sl_service_spec specs[4] = {
		{.index = 0, .protocol = -1},
		{.index = 1, .protocol = -1},
		{.index = 0, .protocol = PROTOCOL_TCP, .ports = &https, .port_count = 1},
		{.index = 0, .protocol = PROTOCOL_UDP, .ports = &https, .port_count = 1}};
	struct sl_service_table *table;
	uint32_t first, second;

	sl_prefix_parse("192.0.2.10", &specs[0].prefix, NULL);
	sl_prefix_parse("192.0.2.11", &specs[1].prefix, NULL);
	specs[2].prefix = specs[3].prefix = specs[0].prefix;
	must(sl_service_table_build(specs, SL_ARRAY_COUNT(specs), &table, &first, &second) == 0,
	     "services");
	sl_snapshot_set_services(snapshot, table);
	for (uint32_t i = 0; i < 2; i++) {
		snapshot->services[i].pool = i;
		snapshot->services[i].prior_pool = SL_SERVICE_NONE;
	}
}

static void init_pool(struct world *world, struct sl_pool_view *pool, uint32_t index,
		      uint32_t flow_entries)
{
	struct sl_slot_table *slots;
	struct sl_pool_memory *memory;

	must(sl_slot_table_create(world->slot_counts[index], 0, &slots) == 0, "slots");
	must(sl_pool_memory_create(world->core_count, world->slot_counts[index], flow_entries,
				   &memory) == 0,
	     "memory");
	for (uint32_t core = 0; core < world->core_count; core++)
		sl_pick_state_init(&memory->pick_states[core], index * WORLD_CORES + core);
	for (uint32_t slot = 0; slot < slots->count; slot++)
		slots->word[slot] = 1;
	sl_pool_view_set_slots(pool, slots);
	sl_pool_view_set_memory(pool, memory);
	pool->mask = (struct sl_key_mask){UINT64_MAX, UINT64_MAX, UINT64_MAX};
	pool->tracking = flow_entries ? SL_TRACKING_TRANSITION : SL_TRACKING_NONE;
	pool->index = index;
	pool->idle_ms_tcp = WORLD_IDLE_S * 1000;
	pool->idle_ms_udp = pool->idle_ms_other = 60000;
}

void world_init(struct world *world, uint32_t core_count, uint32_t slot_count,
		uint32_t flow_entries, uint32_t node_count)
{
	struct sl_snapshot *snapshot;

	memset(world, 0, sizeof(*world));
	world->core_count = core_count;
	for (uint32_t i = 0; i < WORLD_POOLS; i++)
		world->slot_counts[i] = slot_count;
	world->now_ms = 10000000;
	must(sl_snapshot_create(NULL, WORLD_POOLS, 2, &snapshot) == 0, "snapshot");
	snapshot->hash_key = (struct sl_hash_key){{1, 2}};
	snapshot->flow_key = (struct sl_hash_key){{3, 4}};
	init_services(snapshot);
	for (uint32_t i = 0; i < WORLD_POOLS; i++)
		init_pool(world, &snapshot->pools[i], i, flow_entries);
	for (uint32_t node = 1; node <= node_count; node++) {
		struct sl_node_view *view = sl_snapshot_node_edit(snapshot, node);

		view->kind = SL_NODE_OUTPUT;
		view->flags = SL_NODE_KEEPS | SL_NODE_TAKES;
	}
	for (uint32_t i = 0; i < core_count; i++) {
		world->cores[i].index = i;
		must(sl_core_stats_create(&world->cores[i].stats) == 0, "stats");
	}
	world->snapshot = snapshot;
	for (uint32_t i = 0; i < core_count; i++)
		world->seen[i] = snapshot;
}

void world_fini(struct world *world)
{
	for (uint32_t i = 0; i < world->core_count; i++)
		world_catch_up(world, i);
	sl_snapshot_release(world->snapshot);
	for (uint32_t i = 0; i < world->core_count; i++)
		sl_core_stats_destroy(world->cores[i].stats);
}

struct sl_snapshot *world_edit(struct world *world)
{
	struct sl_snapshot *copy;

	must(sl_snapshot_create(world->snapshot, world->snapshot->pool_count,
				world->snapshot->service_count, &copy) == 0,
	     "copy");
	return copy;
}

static bool is_seen(const struct world *world, const struct sl_snapshot *snapshot)
{
	for (uint32_t i = 0; i < world->core_count; i++)
		if (world->seen[i] == snapshot)
			return true;
	return false;
}

/* Releases what no core sees any more. */
static void reclaim(struct world *world)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < world->old_count; i++) {
		if (is_seen(world, world->old[i]))
			world->old[kept++] = world->old[i];
		else
			sl_snapshot_release(world->old[i]);
	}
	world->old_count = kept;
}

void world_catch_up(struct world *world, uint32_t core)
{
	world->seen[core] = world->snapshot;
	reclaim(world);
}

void world_commit(struct world *world, struct sl_snapshot *snapshot)
{
	world->old[world->old_count++] = world->snapshot;
	world->snapshot = snapshot;
	for (uint32_t i = 0; i < world->core_count && !world->lags; i++)
		world->seen[i] = snapshot;
	reclaim(world);
}

void world_node_flags(struct world *world, uint32_t node, uint8_t flags)
{
	struct sl_snapshot *copy = world_edit(world);
	struct sl_node_view *view = sl_snapshot_node_edit(copy, node);

	for (uint32_t i = 0; i < WORLD_POOLS; i++)
		world->lost_keeper[i] |= view->flags & ~flags & SL_NODE_KEEPS;
	view->kind = SL_NODE_OUTPUT;
	view->flags = flags;
	world_commit(world, copy);
}

/* Whether some unsettled service goes by what the pool says. */
static bool is_prior(const struct sl_snapshot *snapshot, uint32_t pool)
{
	for (uint32_t i = 0; i < snapshot->service_count; i++)
		if (snapshot->services[i].prior_pool == pool)
			return true;
	return false;
}

static uint64_t since_of(const struct world *world, uint32_t pool)
{
	return world->full_since_ms[pool] ? world->full_since_ms[pool] : world->now_ms;
}

/* Every other time, where it may be so, only slots that move are named. */
static uint32_t *find_moved(const struct world *world, struct sl_slots_move *move, uint32_t pool)
{
	uint32_t *moved;

	if (move->snapshot->number % 2 || move->rest != SL_SLOTS_REST || world->lost_keeper[pool] ||
	    move->before->count != move->count)
		return NULL;
	moved = calloc(move->count, sizeof(*moved));
	must(moved, "memory");
	for (uint32_t slot = 0; slot < move->count; slot++)
		if (sl_slots_node(move->before, slot) != move->words[slot])
			moved[move->moved_count++] = slot;
	return moved;
}

/* As control has it: moves open; with full tracking only until every flow is known, and while a
 * service that was pointed elsewhere goes by the pool. */
static void move_slots(struct world *world, struct sl_snapshot *copy, uint32_t pool,
		       const uint32_t *words, enum sl_slots_rest rest, uint64_t since_ms)
{
	struct sl_pool_view *view = &copy->pools[pool];
	uint64_t full_since = world->full_since_ms[pool];
	bool opens = !full_since || world->now_ms < full_since + view->idle_ms_tcp ||
		     is_prior(copy, pool);
	struct sl_slot_table *after;
	struct sl_slots_move move = {.before = view->slots,
				     .memory = view->memory,
				     .snapshot = copy,
				     .words = words,
				     .count = world->slot_counts[pool],
				     .now_ms = world->now_ms,
				     .open_ms = opens ? view->idle_ms_tcp : 0,
				     .rest = rest,
				     .since_ms = since_ms,
				     .full = view->tracking == SL_TRACKING_FULL};

	uint32_t *moved = find_moved(world, &move, pool);

	move.moved = moved;
	must(sl_slots_move(&move, &after) == 0, "move");
	free(moved);
	world->lost_keeper[pool] = false;
	sl_pool_view_set_slots(view, after);
}

void world_move(struct world *world, uint32_t pool, const uint32_t *words)
{
	struct sl_snapshot *copy = world_edit(world);

	move_slots(world, copy, pool, words, SL_SLOTS_REST, since_of(world, pool));
	world_commit(world, copy);
}

/* The nodes that slots have. */
static uint32_t *words_of(const struct world *world, const struct sl_pool_view *pool)
{
	uint32_t count = world->slot_counts[pool->index];
	uint32_t *words = calloc(count, sizeof(*words));

	for (uint32_t slot = 0; words && slot < count; slot++)
		words[slot] = sl_slots_node(pool->slots, slot * (pool->slots->count / count));
	return words;
}

void world_track(struct world *world, uint32_t pool, enum sl_tracking tracking,
		 const struct sl_sched_node *nodes, uint32_t node_count, const uint32_t *words)
{
	struct sl_snapshot *copy = world_edit(world);
	struct sl_pool_view *view = &copy->pools[pool];
	enum sl_slots_rest rest = SL_SLOTS_REST;
	uint64_t since_ms = since_of(world, pool);
	struct sl_pick_view *picks = NULL;
	struct sl_pool_pick *owner = NULL;
	uint32_t *own = words ? NULL : words_of(world, view);

	must(words || own, "memory");
	if (nodes) {
		must(sl_pick_build(SL_SCHED_WRR, nodes, node_count, NULL, &picks) == 0, "picks");
		must(sl_pool_pick_create(picks, &owner) == 0, "picks");
	}
	sl_pool_view_set_pick(view, owner);
	if (view->tracking != tracking)
		rest = SL_SLOTS_UNSETTLE;
	if (nodes && !(view->flags & SL_POOL_PICKS))
		rest = SL_SLOTS_OPEN;
	if (tracking != SL_TRACKING_FULL)
		world->full_since_ms[pool] = 0;
	else if (!world->full_since_ms[pool])
		world->full_since_ms[pool] = world->now_ms;
	view->flags = nodes ? SL_POOL_PICKS : 0;
	view->tracking = (uint8_t)tracking;
	move_slots(world, copy, pool, words ? words : own, rest, since_ms);
	free(own);
	world_commit(world, copy);
}

void world_resize(struct world *world, uint32_t pool, uint32_t slot_count, const uint32_t *words)
{
	world->slot_counts[pool] = slot_count;
	world_move(world, pool, words);
}

void world_move_all(struct world *world, uint32_t pool, uint32_t node)
{
	uint32_t *words = calloc(world->slot_counts[pool], sizeof(*words));

	must(words, "memory");
	for (uint32_t slot = 0; slot < world->slot_counts[pool]; slot++)
		words[slot] = node;
	world_move(world, pool, words);
	free(words);
}

void world_point(struct world *world, uint32_t service, uint32_t pool)
{
	struct sl_snapshot *copy = world_edit(world);

	must(sl_service_view_point(&copy->services[service], pool, world->now_ms,
				   copy->pools[pool].idle_ms_tcp) == 0,
	     "point");
	world_commit(world, copy);
}

/* Whether an unsettled service goes by the pool. */
static bool is_asked(const struct sl_snapshot *snapshot, uint32_t pool)
{
	for (uint32_t i = 0; i < snapshot->service_count; i++) {
		const struct sl_service_view *service = &snapshot->services[i];

		if (service->prior_pool == SL_SERVICE_NONE)
			continue;
		if (service->pool == pool || service->prior_pool == pool)
			return true;
		for (uint32_t v = 0; v < service->via_count; v++)
			if (service->via[v] == pool)
				return true;
	}
	return false;
}

/* As many slots and stamps as are wanted, when all have settled. */
static void fit(struct world *world, struct sl_snapshot *copy, struct sl_pool_view *view)
{
	uint32_t count = world->slot_counts[view->index];
	struct sl_slot_table *after = NULL;
	struct sl_pool_memory *memory;

	if (view->slots->open_count > 0 || is_asked(copy, view->index) ||
	    (view->slots->count == count && view->memory->slot_count == count))
		return;
	must(sl_slots_fit(view->slots, count, &after) == 0, "fit");
	must(after || view->slots->count == count, "fit");
	must(sl_pool_memory_derive(view->memory, count, view->memory->flow_entries, &memory) == 0,
	     "memory");
	for (uint32_t core = 0; core < world->core_count; core++)
		memory->pick_states[core] = view->memory->pick_states[core];
	sl_pool_view_set_memory(view, memory);
	if (after)
		sl_pool_view_set_slots(view, after);
}

void world_settle(struct world *world)
{
	struct sl_snapshot *copy = world_edit(world);
	struct sl_core_stats *stats[WORLD_CORES];
	uint64_t now_ms;

	for (uint32_t i = 0; i < world->core_count; i++) {
		stats[i] = world->cores[i].stats;
		stats[i]->clock_ms = world->now_ms - world->behind_ms[i];
	}
	now_ms = sl_stats_clock(stats, world->core_count, world->now_ms);
	for (uint32_t i = 0; i < copy->pool_count; i++) {
		struct sl_pool_view *view = &copy->pools[i];
		struct sl_slot_table *after;

		must(sl_slots_settle(view->slots, view->memory, now_ms, view->idle_ms_tcp,
				     &after) == 0,
		     "settle");
		if (after)
			sl_pool_view_set_slots(view, after);
		fit(world, copy, view);
	}
	for (uint32_t i = 0; i < copy->service_count; i++)
		if (copy->services[i].prior_pool != SL_SERVICE_NONE)
			sl_service_view_settle(&copy->services[i], i, stats, world->core_count,
					       now_ms, copy->pools[0].idle_ms_tcp);
	world_commit(world, copy);
}

uint32_t world_open_slots(const struct world *world, uint32_t pool)
{
	return world->snapshot->pools[pool].slots->open_count;
}

static struct sl_pkt packet(uint32_t flow, uint8_t protocol)
{
	struct sl_pkt pkt;

	memset(&pkt, 0, sizeof(pkt));
	pkt.status = SL_PKT_OK;
	pkt.protocol = protocol;
	pkt.key.family = SL_FAMILY_IPV4;
	pkt.key.protocol = protocol;
	pkt.key.src4 = sl_be32(0x0a000000 + flow / 50000);
	pkt.key.dst4 = sl_be32(0xc000020a);
	pkt.key.sport_be = sl_be16((uint16_t)(1024 + flow % 50000));
	pkt.key.dport_be = sl_be16(443);
	pkt.l3_off = 14;
	pkt.l4_off = 34;
	pkt.l3_size = 40;
	return pkt;
}

struct sl_pkt world_tcp(uint32_t flow, uint8_t flags, uint32_t seq)
{
	struct sl_pkt pkt = packet(flow, PROTOCOL_TCP);

	pkt.tcp_flags = flags;
	pkt.seq = seq;
	return pkt;
}

struct sl_pkt world_udp(uint32_t flow)
{
	return packet(flow, PROTOCOL_UDP);
}

struct sl_pkt world_error(struct sl_pkt pkt)
{
	pkt.flags |= SL_PKT_ICMP_ERROR;
	pkt.protocol = 1;
	pkt.tcp_flags = 0;
	pkt.seq = 0;
	return pkt;
}

static uint32_t decide(struct world *world, uint32_t core, const struct sl_pkt *pkt, uint32_t *why,
		       bool look)
{
	uint64_t now_ms = world->now_ms - world->behind_ms[core];
	static struct sl_burst burst;
	static uint32_t turn;

	/* Packets that may go the short way do so every other time: both ways are one. */
	burst.plain = (turn++ & 1) && !(pkt->flags & (SL_PKT_ICMP_ERROR | SL_PKT_FRAGMENT));
	burst.count = 1;
	burst.pkt[0] = *pkt;
	burst.special = 0;
	burst.ipv4 = burst.ipv6 = true;
	sl_burst_note(&burst, 0);
	burst.verdict[0] = SL_VERDICT_NODE;
	if (look)
		sl_decide_look(world->seen[core], &world->cores[core], &burst, now_ms);
	else
		sl_decide(world->seen[core], &world->cores[core], &burst, now_ms);
	if (why)
		*why = burst.why[0];
	return burst.verdict[0] == SL_VERDICT_NODE ? burst.node[0] : SL_NODE_NOBODY;
}

uint32_t world_send(struct world *world, uint32_t core, struct sl_pkt pkt, uint32_t *why)
{
	return decide(world, core, &pkt, why, false);
}

uint32_t world_look(struct world *world, uint32_t core, struct sl_pkt pkt, uint32_t *why)
{
	return decide(world, core, &pkt, why, true);
}
