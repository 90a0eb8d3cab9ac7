/* SPDX-License-Identifier: BSD-3-Clause */

/* The section `pools`. */

#include <string.h>

#include "conf/key.h"

#define IDLE_MS_MIN	  100u
#define IDLE_MS_MAX	  (7u * 24 * 3600 * 1000)
#define IDLE_MS_TCP	  (15u * 60 * 1000)
#define IDLE_MS_OTHER	  (60u * 1000)
#define FLOW_ENTRIES	  1048576u
#define FLOW_ENTRIES_MIN  64u
#define SLOW_START_MS_MAX (3600u * 1000)
#define FLOW_ENTRIES_MAX  (1u << 28)

#define P(member)    SL_MEMBER(sl_conf_pool, member)
#define P_AT(member) (uint32_t) offsetof(struct sl_conf_pool, member)

/* ---- idle_timeout: members of the pool itself -------------------------------------------------*/

#define IDLE(key, member, value)                                                                   \
	{                                                                                          \
		.name = (key), .type = &sl_conf_duration, P(member), .min = IDLE_MS_MIN,           \
		.max = IDLE_MS_MAX, .fallback = (value)                                            \
	}

static const struct sl_conf_key idle_keys[] = {
	IDLE("tcp", idle_ms_tcp, IDLE_MS_TCP),
	IDLE("udp", idle_ms_udp, IDLE_MS_OTHER),
	IDLE("other", idle_ms_other, IDLE_MS_OTHER),
};

static const struct sl_conf_table idle_table = {
	.noun = "idle_timeout",
	.keys = idle_keys,
	.key_count = sizeof(idle_keys) / sizeof(idle_keys[0]),
	.size = sizeof(struct sl_conf_pool),
	.flow = true,
};

/* ---- pools ------------------------------------------------------------------------------------*/

static const struct sl_conf_word schedulers[] = {
#define X(id, name, value, fills) {name, value},
	SL_SCHEDULERS(X)
#undef X
		{NULL, 0}};
static const struct sl_conf_word trackings[] = {{"auto", SL_CONF_TRACKING_AUTO},
						{"none", SL_CONF_TRACKING_NONE},
						{"full", SL_CONF_TRACKING_FULL},
						{"transition", SL_CONF_TRACKING_TRANSITION},
						{NULL, 0}};
static const struct sl_conf_word hashes[] = {{"5-tuple", SL_CONF_HASH_5_TUPLE},
					     {"3-tuple", SL_CONF_HASH_3_TUPLE},
					     {"src-dst", SL_CONF_HASH_SRC_DST},
					     {"src", SL_CONF_HASH_SRC},
					     {"dst", SL_CONF_HASH_DST},
					     {"inner-5-tuple", SL_CONF_HASH_INNER_5_TUPLE},
					     {NULL, 0}};
static const struct sl_conf_word no_nodes[] = {
	{"drop", SL_NO_NODE_DROP}, {"any", SL_NO_NODE_ANY}, {"punt", SL_NO_NODE_PUNT}, {NULL, 0}};
static const struct sl_conf_word oversizes[] = {
	{"drop", SL_OVERSIZE_DROP}, {"fragment", SL_OVERSIZE_FRAGMENT}, {NULL, 0}};

static const struct sl_conf_word udp6_checksums[] = {
	{"full", SL_UDP6_FULL}, {"zero", SL_UDP6_ZERO}, {NULL, 0}};

static const struct sl_conf_key node = {.name = "nodes",
					.type = &sl_conf_mapping,
					.size = sizeof(struct sl_conf_node),
					.table = &sl_conf_node_table};

static const struct sl_conf_word weights_from[] = {{"none", SL_WEIGHT_FROM_NONE},
						   {"agent", SL_WEIGHT_FROM_AGENT},
						   {"latency", SL_WEIGHT_FROM_LATENCY},
						   {NULL, 0}};

static const struct sl_conf_key pool_keys[] = {
	SL_KEY("name", name, P(name), .flags = SL_KEY_REQUIRED),
	SL_KEY_RANGE("scheduler", word, P(scheduler), 0, 0, SL_SCHED_MINIMAL, .words = schedulers),
	SL_KEY_RANGE("slots", power, P(slots), SL_SLOTS_MIN, SL_SLOTS_MAX, 65536),
	SL_KEY("tracking", word, P(tracking), .words = trackings),
	SL_KEY("hash", word, P(hash), .words = hashes),
	SL_KEY("symmetric", bool, P(symmetric)),
	SL_KEY("no_node", word, P(no_node), .words = no_nodes),
	{.name = "idle_timeout", .type = &sl_conf_mapping, .table = &idle_table},
	SL_KEY_RANGE("flow_entries", number, P(flow_entries), FLOW_ENTRIES_MIN, FLOW_ENTRIES_MAX,
		     FLOW_ENTRIES),
	SL_KEY("flow_addresses", bool, P(flow_addresses)),
	SL_KEY_RANGE("outer_df", word, P(outer_df), 0, 0, SL_OUTER_DF_COPY,
		     .words = sl_conf_outer_dfs),
	SL_KEY("oversize", word, P(oversize), .words = oversizes),
	SL_KEY("udp6_checksum", word, P(udp6_checksum), .words = udp6_checksums),
	SL_KEY("second_chance", bool, P(second_chance)),
	SL_KEY("health", mapping, P(health), .table = &sl_conf_health_table),
	SL_KEY_RANGE("slow_start", duration, P(slow_start_ms), 0, SLOW_START_MS_MAX, 0),
	SL_KEY("weight_from", word, P(weight_from), .words = weights_from),
	SL_KEY("max_load", weight, P(max_load)),
	SL_KEY("fallback", name, P(fallback)),
	SL_KEY("fallback_below", weight, P(fallback_below)),
	SL_KEY_RANGE("nodes", list, P(nodes), 0, SL_NODES_MAX, 0, .extra = P_AT(node_count),
		     .element = &node),
};

/* A hash of one end alone cannot be the same in both directions. */
static void check_symmetric(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			    const struct sl_conf_pool *pool)
{
	if (pool->symmetric && (pool->hash == SL_CONF_HASH_SRC || pool->hash == SL_CONF_HASH_DST))
		sl_conf_error(reader, sl_conf_found_value(found, "symmetric"),
			      "`symmetric` needs both ends in `hash`; 5-tuple, 3-tuple or src-dst "
			      "would be right");
}

static void check_tracking(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			   const struct sl_conf_pool *pool)
{
	const struct sl_yaml_node *at = sl_conf_found_value(found, "tracking");

	if (sl_sched_fills_slots(pool->scheduler) || pool->tracking == SL_CONF_TRACKING_AUTO ||
	    pool->tracking == SL_CONF_TRACKING_FULL)
		return;
	sl_conf_error(reader, at,
		      "scheduler %s chooses for each new flow and tracks all of them; `tracking: "
		      "full` would be right, or leave it out",
		      sl_sched_name(pool->scheduler));
}

static void check_oversize(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			   const struct sl_conf_pool *pool)
{
	if (pool->oversize == SL_OVERSIZE_FRAGMENT && pool->outer_df == SL_OUTER_DF_SET)
		sl_conf_error(
			reader, sl_conf_found_value(found, "oversize"),
			"`outer_df: set` forbids fragments; `oversize: drop` would be right, or "
			"another `outer_df`");
}

static uint64_t total_weight(const struct sl_conf_pool *pool)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < pool->node_count; i++)
		total += pool->nodes[i].weight;
	return total;
}

static void check_shares(struct sl_conf_reader *reader, const struct sl_conf_pool *pool)
{
	uint64_t total = total_weight(pool);

	if (!sl_sched_fills_slots(pool->scheduler))
		return;
	for (uint32_t i = 0; i < pool->node_count; i++) {
		const struct sl_conf_node *one = &pool->nodes[i];
		uint32_t least = sl_conf_slots_least(one->weight, total);
		char text[SL_NUMBER_TEXT_SIZE];

		/* without a kind it was refused */
		if (!one->kind || !one->weight || (least && least <= pool->slots))
			continue;
		(void)sl_weight_format(one->weight, text);
		if (least)
			sl_conf_warn_at(
				reader, one->line, one->column,
				"weight %s of node `%s` is less than one of the %u slots of pool "
				"`%s`; `slots: %u` is the least that would serve it",
				text, one->name, pool->slots, pool->name, least);
		else
			sl_conf_warn_at(reader, one->line, one->column,
					"weight %s of node `%s` is less than one of the %u slots "
					"of pool `%s`, and `slots` cannot be large enough for it",
					text, one->name, pool->slots, pool->name);
	}
}

/* Every slot costs memory, whoever asks for it. */
static void check_slots(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			const struct sl_conf_pool *pool)
{
	const struct sl_yaml_node *slots = sl_conf_found_value(found, "slots");
	uint64_t before = reader->slot_total;

	reader->slot_total += pool->slots;
	if (before <= SL_SLOTS_TOTAL_MAX && reader->slot_total > SL_SLOTS_TOTAL_MAX)
		sl_conf_error(reader, slots ? slots : found->node,
			      "with these there are %llu slots in all pools; there may be at most "
			      "%u: give pools fewer `slots`",
			      (unsigned long long)reader->slot_total, SL_SLOTS_TOTAL_MAX);
}

/* Loads can be bounded where every flow is known, of schedulers that do not choose by load themselves. */
static void check_max_load(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			   const struct sl_conf_pool *pool)
{
	const struct sl_yaml_node *at = sl_conf_found_value(found, "max_load");

	if (!at || !pool->max_load)
		return;
	if (pool->max_load < SL_WEIGHT_UNIT || pool->max_load > SL_MAX_LOAD_MAX * SL_WEIGHT_UNIT)
		sl_conf_error(reader, at,
			      "`max_load` takes a number from 1 to %u, or 0 for no bound, not `%s`",
			      SL_MAX_LOAD_MAX, at->text);
	if (!sl_sched_fills_slots(pool->scheduler))
		sl_conf_error(reader, at,
			      "scheduler %s chooses a node for each new flow; `max_load` bounds "
			      "those that hash",
			      sl_sched_name(pool->scheduler));
	else if (pool->tracking == SL_CONF_TRACKING_NONE ||
		 pool->tracking == SL_CONF_TRACKING_TRANSITION)
		sl_conf_error(reader, sl_conf_found_value(found, "tracking"),
			      "`max_load` needs every flow to be known; `tracking: full` would be "
			      "right, or leave it out");
}

static void check_balance(struct sl_conf_reader *reader, const struct sl_conf_found *found,
			  struct sl_conf_pool *pool)
{
	const struct sl_yaml_node *fallback = sl_conf_found_value(found, "fallback");
	const struct sl_yaml_node *below = sl_conf_found_value(found, "fallback_below");
	const struct sl_yaml_node *from = sl_conf_found_value(found, "weight_from");
	bool has_agent = pool->health.agent_set || pool->health.type == SL_HEALTH_TYPE_AGENT;

	if (fallback) {
		pool->fallback_line = fallback->line;
		pool->fallback_column = fallback->column;
	}
	if (pool->fallback_below > SL_WEIGHT_UNIT)
		sl_conf_error(reader, below, "`fallback_below` takes a share from 0 to 1, not `%s`",
			      below->text);
	if (below && !pool->fallback[0])
		sl_conf_error(reader, below, "`fallback_below` needs a `fallback`, a pool's name");
	if (pool->weight_from == SL_WEIGHT_FROM_AGENT && !has_agent)
		sl_conf_error(reader, from,
			      "`weight_from: agent` needs an agent: `health` of type agent, or one "
			      "with `agent: {port: ...}`");
	if (pool->weight_from == SL_WEIGHT_FROM_LATENCY && pool->health.type == SL_HEALTH_TYPE_NONE)
		sl_conf_error(reader, from, "`weight_from: latency` needs a `health` check");
}

void sl_conf_check_node_beside(struct sl_conf_reader *reader, const struct sl_conf_pool *pool,
			       const struct sl_conf_node *one)
{
	/* without a kind it was refused */
	if (pool->second_chance && one->kind &&
	    (one->kind != SL_NODE_REMOTE || one->encap != SL_ENCAP_GUE))
		sl_conf_error_at(reader, one->line, one->column,
				 "node %s: `second_chance` of its pool is told in the header of "
				 "GUE; `encap: gue` would be right",
				 one->name);
	sl_conf_check_node_health(reader, &pool->health, one);
}

static void check_pool(struct sl_conf_reader *reader, const struct sl_conf_found *found,
		       void *object)
{
	const struct sl_yaml_node *nodes = sl_conf_found_value(found, "nodes");
	struct sl_conf_pool *pool = object;
	uint32_t before = reader->node_total;

	reader->node_total += pool->node_count;
	if (nodes && before <= SL_NODES_MAX && reader->node_total > SL_NODES_MAX)
		sl_conf_error(reader, nodes,
			      "with these there are %u nodes in all pools; there may be at most %u",
			      reader->node_total, SL_NODES_MAX);
	check_slots(reader, found, pool);
	check_symmetric(reader, found, pool);
	check_tracking(reader, found, pool);
	check_oversize(reader, found, pool);
	check_balance(reader, found, pool);
	check_max_load(reader, found, pool);
	check_shares(reader, pool);
	for (uint32_t n = 0; n < pool->node_count; n++)
		sl_conf_check_node_beside(reader, pool, &pool->nodes[n]);
}

const struct sl_conf_table sl_conf_pool_table = {
	.noun = "a pool",
	.keys = pool_keys,
	.key_count = sizeof(pool_keys) / sizeof(pool_keys[0]),
	.size = sizeof(struct sl_conf_pool),
	.place = P_AT(line),
	.check = check_pool,
};

uint32_t sl_conf_slots_least(uint64_t weight, uint64_t total)
{
	if (!weight)
		return 0;
	for (uint32_t slots = SL_SLOTS_MIN; slots <= SL_SLOTS_MAX; slots *= 2) {
		if (weight * slots >= total)
			return slots;
	}
	return 0;
}

_Static_assert(SL_WEIGHT_MAX <= UINT64_MAX / SL_SLOTS_MAX, "weight * slots fits");
_Static_assert(SL_WEIGHT_MAX <= UINT64_MAX / SL_NODES_MAX, "sums of weights fit");

static const struct sl_conf_pool *pool_named(const struct sl_conf *conf, const char *name)
{
	for (uint32_t p = 0; p < conf->pool_count; p++)
		if (strcmp(conf->pools[p].name, name) == 0)
			return &conf->pools[p];
	return NULL;
}

void sl_conf_check_fallbacks(struct sl_conf_reader *reader)
{
	for (uint32_t p = 0; p < reader->conf->pool_count; p++) {
		const struct sl_conf_pool *pool = &reader->conf->pools[p], *at = pool;
		uint32_t steps = 0;

		while (at && at->fallback[0] && steps <= SL_CONF_FALLBACKS_MAX) {
			at = pool_named(reader->conf, at->fallback);
			steps++;
		}
		if (pool->fallback[0] && !pool_named(reader->conf, pool->fallback))
			sl_conf_error_at(reader, pool->fallback_line, pool->fallback_column,
					 "pool %s: there is no pool `%s` for its `fallback`",
					 pool->name, pool->fallback);
		else if (steps > SL_CONF_FALLBACKS_MAX)
			sl_conf_error_at(reader, pool->fallback_line, pool->fallback_column,
					 "pool %s: its fallbacks go round, or on for more than %u "
					 "pools",
					 pool->name, SL_CONF_FALLBACKS_MAX);
	}
}
