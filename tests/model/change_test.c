/* SPDX-License-Identifier: BSD-3-Clause */

/* Random changes of the model, valid and invalid, against a naive twin that knows only names,
 * weights and hands. Usage: change_test [SEED [STEPS]].
 */

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "model/schedule.h"
#include "state/flow_table.h"
#include "state/pool_memory.h"
#include "unit/model/fixture.h"

#define POOLS	3
#define NODES	12 /* names a pool may have */
#define SLOTS	256
#define PAST	8 /* images to go back to */
#define HOLDS	16
#define TEXT	16384
#define IDLE_MS 900000

struct twin_node {
	bool there;
	uint64_t weight; /* whole units */
	uint8_t hand;
	bool down;
};

struct twin {
	bool pool[POOLS]; /* the first is always there */
	struct twin_node node[POOLS][NODES];
	uint64_t generation;
};

/* A live flow at a node: as long as it lives, its index is this node's. */
struct hold {
	uint32_t pool, index, address;
	struct sl_pool_memory *memory;
	uint64_t until_ms;
};

static struct fixture f;
static struct twin twin;
static struct sl_prng prng;
static struct hold holds[HOLDS];
static struct {
	struct twin twin;
	struct sl_image *image;
} past[PAST];
static uint64_t steps = 4000, seed = 1;

static uint32_t below(uint32_t bound)
{
	return sl_prng_below(&prng, bound);
}

static void pool_name(uint32_t p, char *name)
{
	snprintf(name, SL_NAME_SIZE, "pool%" PRIu32, p);
}

static void node_name(uint32_t n, char *name)
{
	snprintf(name, SL_NAME_SIZE, "n%" PRIu32, n);
}

/* The twin as a configuration; nodes' addresses are 10.0.POOL.NUMBER. */
static void write_text(const struct twin *from, char *text)
{
	int length = sprintf(text, "dataplane: {worker_cpus: [0, 0]}\n"
				   "ports: [{name: p0, device: d, addresses: [10.0.100.2/16], "
				   "gateway: {address: 10.0.100.1, mac: \"02:00:00:00:00:01\"}}]\n"
				   "services: [{name: rest, address: any, pool: pool0}]\npools:\n");

	for (uint32_t p = 0; p < POOLS; p++) {
		const char *separator = "";

		if (!from->pool[p])
			continue;
		length += sprintf(text + length,
				  "  - {name: pool%" PRIu32 ", slots: %d, flow_entries: 1024, "
				  "health: {type: icmp}, nodes: [",
				  p, SLOTS);
		for (uint32_t n = 0; n < NODES; n++) {
			if (!from->node[p][n].there)
				continue;
			length +=
				sprintf(text + length,
					"%s{name: n%" PRIu32 ", address: 10.0.%" PRIu32 ".%" PRIu32
					", encap: ipip, port: p0, weight: %" PRIu64 "}",
					separator, n, p, n + 1, from->node[p][n].weight);
			separator = ", ";
		}
		length += sprintf(text + length, "]}\n");
	}
	assert_true(length < TEXT);
}

/* ---- changes --------------------------------------------------------------------------------- */

static bool maybe(uint32_t percent)
{
	return below(100) < percent;
}

/* Slots moved and the least that could, as the answer says them, counted one by one. */
static void check_answer(const struct sl_image *before)
{
	const struct sl_image *image = sl_model_image(f.model);

	for (uint32_t i = 0; i < f.result.pool_count; i++) {
		const struct sl_change_pool *row = &f.result.pools[i];
		int place = sl_image_find_pool(image, row->name);
		const struct sl_image_pool *pool = image->pools[place];
		const struct sl_image_pool *old = sl_image_pool_at(before, pool->index);
		struct sl_sched_node nodes[NODES];
		uint32_t count = 0, least = 0;

		if (!old) {
			assert_int_equal(row->moved_slots, 0);
			continue;
		}
		for (uint32_t n = 0; n < pool->listed_count; n++)
			if (sl_image_node_takes(&pool->nodes[n]))
				nodes[count++] = (struct sl_sched_node){pool->nodes[n].index,
									pool->nodes[n].conf->weight,
									pool->nodes[n].seed};
		assert_int_equal(row->moved_slots,
				 sl_sched_moved(old->target->word, pool->target->word, SLOTS));
		if (old->target != pool->target)
			assert_int_equal(
				sl_sched_least(nodes, count, old->target->word, SLOTS, &least), 0);
		assert_int_equal(row->least_slots, least);
	}
}

/* How long a removed node stays is its flows' affair: the twin asks. */
static bool is_leaving(const struct sl_image *image, const char *pool, const char *node)
{
	int place = sl_image_find_pool(image, pool);

	return place >= 0 && sl_image_find_leaving(image->pools[place], node) >= 0;
}

/* Carries out a change that names a node; the twin follows when it is to succeed. */
static void change_node(void)
{
	static const enum sl_change_kind kinds[] = {SL_CHANGE_SET_WEIGHT, SL_CHANGE_REMOVE_NODE,
						    SL_CHANGE_DRAIN,	  SL_CHANGE_ENABLE,
						    SL_CHANGE_DISABLE,	  SL_CHANGE_HEALTH};
	uint32_t p = below(POOLS), n = below(NODES);
	char pool[SL_NAME_SIZE], node[SL_NAME_SIZE];
	struct sl_change change = {.pool = pool, .node = node};
	struct twin_node *at = &twin.node[p][n];
	bool dry = maybe(20), stale = maybe(5), there = twin.pool[p] && at->there;
	struct sl_image *before;
	bool huge, cuts;
	int status;

	pool_name(p, pool);
	node_name(n, node);
	change.kind = kinds[below(6)];
	change.weight = below(20) * SL_WEIGHT_UNIT;
	huge = change.kind == SL_CHANGE_SET_WEIGHT && maybe(5);
	if (huge)
		change.weight = SL_WEIGHT_MAX + 1;
	change.now = maybe(30);
	change.deadline_ms = maybe(30) ? below(IDLE_MS) : 0;
	change.healthy = maybe(50);
	change.if_generation_set = maybe(20) || stale;
	change.if_generation = twin.generation + stale;
	before = sl_image_get(sl_model_image(f.model));
	cuts = change.kind == SL_CHANGE_REMOVE_NODE && change.now && is_leaving(before, pool, node);
	status = fixture_change(&f, &change, dry);
	if (status == 0 && !dry)
		check_answer(before);
	sl_image_put(before);
	if (stale)
		assert_int_equal(status, -ESTALE);
	else if (!there && !cuts)
		assert_int_equal(status, -ENOENT);
	else if (huge)
		assert_int_equal(status, -EINVAL);
	else
		assert_int_equal(status, 0);
	if (status < 0 || dry)
		return;
	twin.generation += change.kind != SL_CHANGE_HEALTH;
	if (change.kind == SL_CHANGE_SET_WEIGHT)
		at->weight = change.weight / SL_WEIGHT_UNIT;
	else if (change.kind == SL_CHANGE_REMOVE_NODE)
		memset(at, 0, sizeof(*at));
	else if (change.kind == SL_CHANGE_HEALTH)
		at->down = !change.healthy;
	else
		at->hand = change.kind == SL_CHANGE_DRAIN    ? SL_HAND_DRAINING
			   : change.kind == SL_CHANGE_ENABLE ? SL_HAND_UP
							     : SL_HAND_DISABLED;
}

static void add_node(void)
{
	uint32_t p = below(POOLS), n = below(NODES);
	char pool[SL_NAME_SIZE], node[SL_NAME_SIZE], address[64], weight[32];
	const char *pairs[] = {address, "encap=ipip", "port=p0", weight};
	uint64_t units = below(20);
	int status;

	pool_name(p, pool);
	node_name(n, node);
	snprintf(address, sizeof(address), "address=10.0.%" PRIu32 ".%" PRIu32, p, n + 1);
	snprintf(weight, sizeof(weight), "weight=%" PRIu64, units);
	status = fixture_add(&f, pool, node, pairs, 4);
	if (!twin.pool[p]) {
		assert_int_equal(status, -ENOENT);
		return;
	}
	if (twin.node[p][n].there) {
		assert_int_equal(status, -EEXIST);
		return;
	}
	assert_int_equal(status, 0);
	twin.generation++;
	twin.node[p][n] = (struct twin_node){.there = true, .weight = units};
}

static void apply(void)
{
	static char text[TEXT];
	struct twin next = twin;

	next.pool[1 + below(POOLS - 1)] = maybe(70);
	for (uint32_t p = 0; p < POOLS; p++)
		for (uint32_t n = 0; n < NODES; n++) {
			struct twin_node *node = &next.node[p][n];

			if (!next.pool[p] || (node->there && maybe(10)))
				memset(node, 0, sizeof(*node));
			else if (!node->there && maybe(10))
				*node = (struct twin_node){.there = true, .weight = below(20)};
			else if (node->there && maybe(10))
				node->weight = below(20);
		}
	write_text(&next, text);
	assert_int_equal(fixture_apply(&f, text), 0);
	next.generation++;
	twin = next;
}

static void remember(void)
{
	uint32_t i = below(PAST);

	sl_image_put(past[i].image);
	past[i].image = sl_image_get(sl_model_image(f.model));
	past[i].twin = twin;
}

static void roll_back(void)
{
	uint32_t i = below(PAST);
	struct sl_change change = {.kind = SL_CHANGE_ROLLBACK, .image = past[i].image};
	uint64_t generation = twin.generation + 1;
	struct twin now = twin;

	if (!past[i].image)
		return;
	assert_int_equal(fixture_change(&f, &change, false), 0);
	twin = past[i].twin;
	twin.generation = generation;
	/* what health says is not rolled back; of nodes that come anew nothing is known */
	for (uint32_t p = 0; p < POOLS; p++)
		for (uint32_t n = 0; n < NODES; n++)
			twin.node[p][n].down = twin.node[p][n].there && now.pool[p] &&
					       now.node[p][n].there && now.node[p][n].down;
	for (uint32_t p = 0; p < past[i].image->listed_count; p++) {
		const struct sl_image *image = sl_model_image(f.model);
		const struct sl_image_pool *was = past[i].image->pools[p];
		const struct sl_image_pool *is = image->pools[sl_image_find_pool(image, was->name)];

		for (uint32_t s = 0; s < SLOTS; s++) {
			uint32_t a = 0, b = 0;

			while (was->home->word[s] && was->nodes[a].index != was->home->word[s])
				a++;
			while (is->home->word[s] && is->nodes[b].index != is->home->word[s])
				b++;
			assert_int_equal(!was->home->word[s], !is->home->word[s]);
			if (was->home->word[s])
				assert_string_equal(was->nodes[a].name, is->nodes[b].name);
		}
	}
}

/* ---- time and live flows --------------------------------------------------------------------- */

static uint32_t address_at(uint32_t index)
{
	const struct sl_node_view *view = sl_snapshot_node(sl_model_snapshot(f.model), index);

	/* the last two octets of the outer destination */
	return sl_load_be16(view->encap.octets + 14 + 18);
}

static void begin_hold(void)
{
	const struct sl_image *image = sl_model_image(f.model);
	const struct sl_image_pool *pool = image->pools[below(image->listed_count)];
	struct hold *hold = &holds[below(HOLDS)];
	const struct sl_image_node *node;

	if (hold->memory || pool->node_count == 0)
		return;
	node = &pool->nodes[below(pool->node_count)];
	if (!sl_image_node_keeps(node))
		return;
	hold->pool = pool->index;
	hold->index = node->index;
	hold->address = address_at(node->index);
	hold->memory = sl_pool_memory_get(sl_model_snapshot(f.model)->pools[pool->index].memory);
	hold->memory->flow_tables[0]->node_flows[hold->index]++;
	hold->until_ms = fixture_now_ms + below(3 * IDLE_MS);
}

static void end_hold(struct hold *hold)
{
	hold->memory->flow_tables[0]->node_flows[hold->index]--;
	sl_pool_memory_put(hold->memory);
	memset(hold, 0, sizeof(*hold));
}

/* A flow whose node does not keep flows any more is forgotten. */
static void check_holds(void)
{
	for (uint32_t i = 0; i < HOLDS; i++) {
		struct hold *hold = &holds[i];

		if (!hold->memory)
			continue;
		if (fixture_now_ms >= hold->until_ms) {
			end_hold(hold);
			continue;
		}
		if (sl_snapshot_has_node(sl_model_snapshot(f.model), hold->index) &&
		    !(sl_snapshot_node_flags(sl_model_snapshot(f.model), hold->index) &
		      SL_NODE_KEEPS)) {
			end_hold(hold);
			continue;
		}
		assert_true(sl_snapshot_has_node(sl_model_snapshot(f.model), hold->index));
		assert_int_equal(address_at(hold->index), hold->address);
	}
}

static void pass_time(void)
{
	const struct sl_image *image = sl_model_image(f.model);

	fixture_now_ms += below(4) ? below(2000) : below(IDLE_MS);
	for (uint32_t p = 0; p < image->pool_count; p++) {
		const struct sl_pool_view *view =
			&sl_model_snapshot(f.model)->pools[image->pools[p]->index];

		for (uint32_t t = 0; view->memory && t < view->memory->table_count; t++)
			view->memory->flow_tables[t]->passes += below(3);
	}
	sl_model_tick(f.model);
	assert_int_equal(sl_model_flush(f.model, NULL), 0);
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void check_pool(uint32_t p, const struct sl_image_pool *pool)
{
	struct sl_sched_node nodes[NODES];
	uint32_t quotas[NODES], slots[NODES] = {0};
	bool away = false;

	for (uint32_t n = 0; n < pool->listed_count; n++) {
		const struct twin_node *is = &twin.node[p][atoi(pool->nodes[n].name + 1)];

		assert_true(is->there);
		assert_string_equal(pool->nodes[n].conf->name, pool->nodes[n].name);
		assert_int_equal(pool->nodes[n].conf->weight, is->weight * SL_WEIGHT_UNIT);
		assert_int_equal(pool->nodes[n].hand, is->hand);
		assert_int_equal(pool->nodes[n].down, is->down);
		away |= is->hand != SL_HAND_UP || is->down;
		nodes[n] = (struct sl_sched_node){pool->nodes[n].index, pool->nodes[n].conf->weight,
						  pool->nodes[n].seed};
	}
	assert_int_equal(sl_sched_quota(nodes, pool->listed_count, SLOTS, quotas), 0);
	for (uint32_t s = 0; s < SLOTS; s++)
		for (uint32_t n = 0; n < pool->listed_count; n++)
			slots[n] += pool->home->word[s] == pool->nodes[n].index;
	for (uint32_t n = 0; n < pool->listed_count; n++)
		assert_int_equal(slots[n], quotas[n]);
	for (uint32_t s = 0; s < SLOTS; s++) {
		bool known = pool->former->word[s] == 0;

		for (uint32_t n = 0; n < pool->node_count && !known; n++)
			known = pool->nodes[n].index == pool->former->word[s];
		assert_true(known);
	}
	if (!away)
		assert_memory_equal(pool->home->word, pool->target->word, SLOTS * 4);
}

/* What each node is said to hold, counted one by one. */
static void check_counts(const struct sl_image_pool *pool)
{
	for (uint32_t n = 0; n < pool->node_count; n++) {
		const struct sl_image_node *node = &pool->nodes[n];
		uint32_t home = 0, target = 0;

		for (uint32_t s = 0; s < SLOTS; s++) {
			home += pool->home->word[s] == node->index;
			target += pool->target->word[s] == node->index;
		}
		assert_int_equal(node->home_slots, home);
		assert_int_equal(node->slots, target);
	}
}

static void check_slots(const struct sl_pool_view *view, const struct sl_image_pool *pool)
{
	const struct sl_snapshot *snapshot = sl_model_snapshot(f.model);

	for (uint32_t s = 0; s < SLOTS; s++) {
		uint32_t word = view->words[s], node = word & SL_SLOT_NODE;
		uint32_t lent = word & SL_SLOT_LENT;

		if (word & SL_SLOT_OPEN) {
			const struct sl_open_slot *open = &view->open[node];

			assert_int_equal(open->slot, s);
			assert_true(!open->prior || sl_snapshot_has_node(snapshot, open->prior));
			node = open->node;
			lent = open->lent;
		}
		assert_int_equal(node, pool->target->word[s]);
		assert_int_equal(lent != 0, node != pool->home->word[s]);
		assert_true(!node || sl_snapshot_has_node(snapshot, node));
	}
}

static void check(void)
{
	const struct sl_image *image = sl_model_image(f.model);
	uint32_t pools = 0;

	assert_int_equal(image->generation, twin.generation);
	assert_int_equal(sl_model_snapshot(f.model)->generation, twin.generation);
	for (uint32_t p = 0; p < POOLS; p++) {
		char name[SL_NAME_SIZE];
		uint32_t nodes = 0;
		int place;

		pool_name(p, name);
		place = sl_image_find_pool(image, name);
		assert_int_equal(place >= 0, twin.pool[p]);
		if (place < 0)
			continue;
		pools++;
		for (uint32_t n = 0; n < NODES; n++)
			nodes += twin.node[p][n].there;
		assert_int_equal(image->pools[place]->listed_count, nodes);
		check_pool(p, image->pools[place]);
		check_counts(image->pools[place]);
		check_slots(&sl_model_snapshot(f.model)->pools[image->pools[place]->index],
			    image->pools[place]);
	}
	assert_int_equal(image->listed_count, pools);
	check_holds();
}

static void step(void)
{
	uint32_t what = below(100);

	if (what < 40)
		change_node();
	else if (what < 52)
		add_node();
	else if (what < 58)
		apply();
	else if (what < 62)
		remember();
	else if (what < 66)
		roll_back();
	else if (what < 80)
		begin_hold();
	else
		pass_time();
	check();
}

static void test_random_changes_end_as_a_naive_twin_says(void **state)
{
	static char text[TEXT];

	(void)state;
	print_message("seed %" PRIu64 ", %" PRIu64 " steps\n", seed, steps);
	prng.state = seed;
	memset(&twin, 0, sizeof(twin));
	twin.pool[0] = true;
	twin.generation = 1;
	write_text(&twin, text);
	fixture_open(&f, text, NULL);
	for (uint64_t i = 0; i < steps; i++)
		step();
	for (uint32_t i = 0; i < HOLDS; i++)
		if (holds[i].memory)
			end_hold(&holds[i]);
	for (uint32_t i = 0; i < PAST; i++)
		sl_image_put(past[i].image);
	fixture_close(&f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes_end_as_a_naive_twin_says),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		steps = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
