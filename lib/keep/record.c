/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/record.h"

#include "base/lookup.h"
#include "base/number.h"
#include "keep/record_op.h"

/* Of the pool at hand: node index -> 1 + place in pool->nodes. All zero between calls. */
static uint32_t place_of[SL_NODE_INDEX_MAX];

static void places_begin(const struct sl_image_pool *pool)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		place_of[pool->nodes[n].index] = n + 1;
}

static void places_end(const struct sl_image_pool *pool)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		place_of[pool->nodes[n].index] = 0;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

void sl_past_write_node(struct sl_pack *pack, const struct sl_conf *conf,
			const struct sl_conf_node *node)
{
	uint32_t count = 0;
	char *pairs = sl_conf_node_pairs(conf, node, &count);
	const char *pair = pairs;

	pack->failed = pack->failed || !pairs;
	sl_pack_number(pack, count);
	for (uint32_t i = 0; i < count; i++, pair += strlen(pair) + 1)
		sl_pack_text(pack, pair);
	free(pairs);
}

static void write_hand(struct sl_pack *pack, const char *pool, const struct sl_image_node *node,
		       const struct sl_past_clock *clock)
{
	uint64_t deadline = 0;

	if (node->deadline_ms)
		deadline =
			clock->wall_ms +
			(node->deadline_ms > clock->now_ms ? node->deadline_ms - clock->now_ms : 0);
	sl_pack_number(pack, SL_PAST_HAND);
	sl_pack_text(pack, pool);
	sl_pack_text(pack, node->name);
	sl_pack_number(pack, node->hand);
	sl_pack_number(pack, node->cut);
	sl_pack_number(pack, deadline);
	sl_pack_number(pack, node->since_ms);
	sl_pack_text(pack, node->why);
}

/* Every node that a hand did something to. */
static void write_hands(struct sl_pack *pack, const struct sl_image *image,
			const struct sl_past_clock *clock)
{
	for (uint32_t p = 0; p < image->listed_count; p++) {
		const struct sl_image_pool *pool = image->pools[p];

		for (uint32_t n = 0; n < pool->node_count; n++)
			if (!pool->nodes[n].leaving && pool->nodes[n].hand != SL_HAND_UP)
				write_hand(pack, pool->name, &pool->nodes[n], clock);
	}
}

static void write_text(struct sl_pack *pack, const struct sl_image *image,
		       const struct sl_hash_key *key)
{
	struct sl_conf *conf = sl_image_conf(image);
	char *text = conf ? sl_conf_format(conf) : NULL;

	sl_pack_number(pack, SL_PAST_TEXT);
	sl_pack_text(pack, text ? text : "");
	sl_pack_block(pack, key, sizeof(*key));
	pack->failed = pack->failed || !text;
	free(text);
	sl_image_conf_free(conf);
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* All nodes of the pool, leaving ones marked, and the words by their places. */
static void write_table(struct sl_pack *pack, enum sl_past_op op, const struct sl_image_pool *pool,
			const struct sl_table *table)
{
	sl_pack_number(pack, op);
	sl_pack_text(pack, pool->name);
	sl_pack_number(pack, pool->node_count);
	for (uint32_t n = 0; n < pool->node_count; n++) {
		sl_pack_text(pack, pool->nodes[n].name);
		sl_pack_number(pack, pool->nodes[n].leaving);
	}
	places_begin(pool);
	sl_pack_number(pack, table->count);
	for (uint32_t s = 0; s < table->count; s++)
		sl_pack_number(pack, place_of[table->word[s]]);
	places_end(pool);
}

static void write_tables(struct sl_pack *pack, const struct sl_image_pool *pool)
{
	write_table(pack, SL_PAST_HOME, pool, pool->home);
	write_table(pack, SL_PAST_FORMER, pool, pool->former);
}

/* The nodes that slots move to, and the moves. */
static void write_moves(struct sl_pack *pack, const struct sl_image_pool *pool,
			const struct sl_table_moves *moved)
{
	struct sl_pack names = {0}, moves = {0};
	uint32_t *number = calloc(pool->node_count + 1, sizeof(*number));
	uint32_t name_count = 0, last = 0;

	names.failed = !number;
	places_begin(pool);
	for (uint32_t i = 0; number && i < moved->count; i++) {
		uint32_t slot = moved->slots[i], place = place_of[pool->home->word[slot]];

		if (place && !number[place]) {
			number[place] = ++name_count;
			sl_pack_text(&names, pool->nodes[place - 1].name);
		}
		sl_pack_number(&moves, slot - last);
		sl_pack_number(&moves, place ? number[place] : 0);
		last = slot;
	}
	places_end(pool);
	free(number);
	sl_pack_number(pack, SL_PAST_MOVE);
	sl_pack_text(pack, pool->name);
	sl_pack_number(pack, name_count);
	sl_pack_block(pack, names.data, names.size);
	sl_pack_number(pack, moved->count);
	sl_pack_block(pack, moves.data, moves.size);
	pack->failed = pack->failed || names.failed || moves.failed;
	sl_pack_fini(&names);
	sl_pack_fini(&moves);
}

/* Whether former is what the moves alone make of it. */
static bool former_follows(const struct sl_image_pool *old, const struct sl_image_pool *pool,
			   const struct sl_table_moves *home, const struct sl_table_moves *former)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < home->count; i++) {
		uint32_t slot = home->slots[i], from = old->home->word[slot];

		if (pool->former->word[slot] != (from ? from : old->former->word[slot]))
			return false;
		at += at < former->count && former->slots[at] == slot;
	}
	return at == former->count; /* no other slot differs */
}

static void write_pool_step(struct sl_pack *pack, const struct sl_image_pool *old,
			    const struct sl_image_pool *pool)
{
	struct sl_table_moves home = {0}, former = {0};

	if (!old || old->home->count != pool->home->count) {
		write_tables(pack, pool);
		return;
	}
	if (sl_table_compare(pool->home, old->home, &home) < 0 ||
	    sl_table_compare(pool->former, old->former, &former) < 0)
		pack->failed = true;
	else if (home.count > 0)
		write_moves(pack, pool, &home);
	if (!pack->failed && !former_follows(old, pool, &home, &former))
		write_table(pack, SL_PAST_FORMER, pool, pool->former);
	free(home.own);
	free(former.own);
}

/* ---- states and steps ------------------------------------------------------------------------ */

void sl_past_write_state(struct sl_pack *pack, const struct sl_image *image,
			 const struct sl_hash_key *key, const struct sl_past_clock *clock)
{
	write_text(pack, image, key);
	write_hands(pack, image, clock);
	for (uint32_t p = 0; p < image->listed_count; p++)
		write_tables(pack, image->pools[p]);
	sl_pack_number(pack, SL_PAST_END);
}

/* A node that the pool before had as a leaving one came back with its index. */
static bool came_back(const struct sl_image_pool *old, uint32_t index)
{
	for (uint32_t n = 0; n < old->node_count; n++)
		if (old->nodes[n].index == index)
			return old->nodes[n].leaving;
	return false;
}

static void write_cut(struct sl_pack *pack, const char *pool, const char *node)
{
	sl_pack_number(pack, SL_PAST_CUT);
	sl_pack_text(pack, pool);
	sl_pack_text(pack, node);
}

static void write_node_step(struct sl_pack *pack, const struct sl_change *change,
			    const struct sl_image *before, const struct sl_image *after, uint32_t p,
			    const struct sl_past_clock *clock)
{
	const struct sl_image *of = change->kind == SL_CHANGE_REMOVE_NODE ? before : after;
	const char *name = change->kind == SL_CHANGE_ADD_NODE ? change->add->name : change->node;
	const struct sl_image_pool *pool = of->pools[p];
	bool cut = change->kind == SL_CHANGE_REMOVE_NODE && change->now;
	int n = sl_image_find_node(pool, name);

	if (n < 0 && !(cut && sl_image_find_leaving(pool, name) >= 0))
		return;
	if (change->kind == SL_CHANGE_DRAIN || change->kind == SL_CHANGE_ENABLE ||
	    change->kind == SL_CHANGE_DISABLE) {
		write_hand(pack, pool->name, &pool->nodes[n], clock);
		return;
	}
	if (n < 0) {
		write_cut(pack, pool->name, name);
		return;
	}
	sl_pack_number(pack, change->kind == SL_CHANGE_SET_WEIGHT ? SL_PAST_WEIGHT
			     : change->kind == SL_CHANGE_ADD_NODE ? SL_PAST_ADD
								  : SL_PAST_REMOVE);
	sl_pack_text(pack, pool->name);
	sl_pack_text(pack, name);
	if (change->kind == SL_CHANGE_SET_WEIGHT)
		sl_pack_number(pack, pool->nodes[n].conf->weight);
	if (cut)
		write_cut(pack, pool->name, name);
	if (change->kind != SL_CHANGE_ADD_NODE)
		return;
	sl_pack_number(pack, came_back(before->pools[p], pool->nodes[n].index));
	sl_past_write_node(pack, after->conf, pool->nodes[n].conf);
}

static void write_service_step(struct sl_pack *pack, const struct sl_change *change,
			       const struct sl_image *after)
{
	int place = sl_image_find_service(after, change->service);
	struct sl_conf *names = sl_image_names(after);
	uint32_t count = 0;
	char *pairs = NULL;
	const char *pair;

	if (names && place >= 0)
		pairs = sl_conf_service_pairs(names, &names->services[place], &count);
	pack->failed = pack->failed || !names || (place >= 0 && !pairs);
	pair = pairs;
	sl_pack_number(pack, SL_PAST_SERVICE);
	sl_pack_text(pack, change->service);
	sl_pack_number(pack, count);
	for (uint32_t i = 0; i < count; i++, pair += strlen(pair) + 1)
		sl_pack_text(pack, pair);
	free(pairs);
	sl_image_names_free(names);
}

/* SL_PAST_IS_* of a node; 0: the one of that name before, or the first of that name. */
static uint32_t whose(const struct sl_image_pool *old, struct sl_lookup *listed,
		      const struct sl_image_node *node)
{
	uint32_t place = place_of[node->index], flags = 0;
	int left;

	if (place && !old->nodes[place - 1].leaving)
		return 0;
	if (place)
		flags |= SL_PAST_IS_BACK;
	left = sl_lookup_find(listed, node->name);
	if (left >= 0)
		flags |= SL_PAST_IS_AFTER;
	if (left >= 0 && !sl_image_node_keeps(&old->nodes[left]))
		flags |= SL_PAST_IS_CUT;
	return flags;
}

static void write_others(struct sl_pack *pack, const struct sl_image_pool *old,
			 const struct sl_image_pool *pool)
{
	struct sl_pack list = {0};
	struct sl_lookup listed;
	uint64_t count = 0;

	sl_lookup_init(&listed, old, old->node_count, sl_past_name_at);
	places_begin(old);
	for (uint32_t n = 0; n < pool->listed_count; n++) {
		uint32_t flags = whose(old, &listed, &pool->nodes[n]);

		if (!flags)
			continue;
		count++;
		sl_pack_text(&list, pool->nodes[n].name);
		sl_pack_number(&list, flags);
	}
	places_end(old);
	sl_lookup_fini(&listed);
	if (count) {
		sl_pack_number(pack, SL_PAST_OTHERS);
		sl_pack_text(pack, pool->name);
		sl_pack_number(pack, count);
		sl_pack_octets(pack, list.data, list.size);
		pack->failed = pack->failed || list.failed;
	}
	sl_pack_fini(&list);
}

void sl_past_write_step(struct sl_pack *pack, const struct sl_change *change,
			const struct sl_image *before, const struct sl_image *after,
			const struct sl_hash_key *key, const struct sl_past_clock *clock)
{
	bool whole = change->kind == SL_CHANGE_APPLY || change->kind == SL_CHANGE_ROLLBACK;

	if (whole) {
		write_text(pack, after, key);
		write_hands(pack, after, clock);
	}
	if (change->service)
		write_service_step(pack, change, after);
	for (uint32_t p = 0; p < after->listed_count; p++) {
		const struct sl_image_pool *pool = after->pools[p];
		int old = sl_image_find_pool(before, pool->name);

		if ((change->node || change->add) &&
		    (strcmp(change->pool, "*") == 0 || strcmp(change->pool, pool->name) == 0))
			write_node_step(pack, change, before, after, p, clock);
		if (whole && old >= 0)
			write_others(pack, before->pools[old], pool);
		write_pool_step(pack, old >= 0 ? before->pools[old] : NULL, pool);
	}
	sl_pack_number(pack, SL_PAST_END);
}
