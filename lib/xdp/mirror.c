/* SPDX-License-Identifier: BSD-3-Clause */

#include "xdp/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/service_table.h"

/* What a pool's slots are in the map. */
struct place {
	struct sl_slot_table *slots; /* a reference; NULL: none */
	uint32_t base, count;
};

struct sl_xdp_mirror {
	struct sl_xdp_set *set;
	struct sl_service_table *table[2]; /* references: of the halves */
	struct place pools[SL_POOLS_MAX];  /* as they are now */
	struct place before[SL_POOLS_MAX]; /* those of the other half that are elsewhere */
	uint32_t prior_count;
	uint16_t prior_of[SL_NODE_INDEX_MAX]; /* 0: none yet */
};

/* ---- room ------------------------------------------------------------------------------------ */

static void need_services(const struct sl_service_table *table, struct sl_xdp_room *room)
{
	room->bucket4 = 1u << table->bits4;
	room->entry6 = 2u << table->bits6;
	room->interval = SL_MAX(table->interval_count[0], table->interval_count[1]);
	room->place = table->place_count;
	room->group = table->group_count;
	room->port = table->port_count;
}

void sl_xdp_mirror_need(const struct sl_snapshot *snapshot, struct sl_xdp_size *need)
{
	memset(need, 0, sizeof(*need));
	if (snapshot->service_table)
		need_services(snapshot->service_table, &need->room);
	need->room.service = snapshot->service_count;
	need->room.pool = snapshot->pool_count;
	for (uint32_t p = 0; p < snapshot->pool_count; p++)
		if (snapshot->pools[p].slots)
			need->slots += snapshot->pools[p].slots->count;
	for (uint32_t c = 0; c < SL_NODE_CHUNKS_MAX; c++)
		if (snapshot->chunks[c])
			need->nodes = (c + 1) * SL_NODE_CHUNK_COUNT;
}

int sl_xdp_mirror_create(struct sl_xdp_set *set, struct sl_xdp_mirror **mirror)
{
	struct sl_xdp_mirror *made = calloc(1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->set = set;
	*mirror = made;
	return 0;
}

void sl_xdp_mirror_destroy(struct sl_xdp_mirror *mirror)
{
	if (!mirror)
		return;
	for (uint32_t p = 0; p < SL_POOLS_MAX; p++)
		sl_slot_table_put(mirror->pools[p].slots);
	sl_service_table_put(mirror->table[0]);
	sl_service_table_put(mirror->table[1]);
	free(mirror);
}

/* ---- services -------------------------------------------------------------------------------- */

static uint8_t *part(const struct sl_xdp_mirror *mirror, enum sl_xdp_map map, uint32_t index,
		     size_t size)
{
	return (uint8_t *)mirror->set->at[map] + (size_t)index * size;
}

static void write_intervals(const struct sl_xdp_mirror *mirror, uint32_t half,
			    const struct sl_service_table *table)
{
	struct sl_xdp_interval *all = mirror->set->at[SL_XDP_MAP_INTERVAL];

	for (uint32_t f = 0; f < 2; f++) {
		struct sl_xdp_interval *at =
			all + (size_t)(2 * half + f) * mirror->set->size.room.interval;

		for (uint32_t i = 0; i < table->interval_count[f]; i++) {
			const struct sl_stretch *from = &table->interval[f][i];

			at[i] = (struct sl_xdp_interval){.high = (uint64_t)(from->start >> 64),
							 .low = (uint64_t)from->start,
							 .place = from->value};
		}
	}
}

static void copy(const struct sl_xdp_mirror *mirror, enum sl_xdp_map map, uint32_t at,
		 const void *from, uint32_t count, size_t size)
{
	if (count > 0)
		memcpy(part(mirror, map, at, size), from, count * size);
}

static void write_table(struct sl_xdp_mirror *mirror, uint32_t half, struct sl_service_table *table)
{
	const struct sl_xdp_room *room = &mirror->set->size.room;
	struct sl_xdp_half *head = &sl_xdp_set_state(mirror->set)->half[half];

	if (mirror->table[half] == table)
		return;
	copy(mirror, SL_XDP_MAP_BUCKET4, half * room->bucket4, table->bucket4, 1u << table->bits4,
	     sizeof(*table->bucket4));
	copy(mirror, SL_XDP_MAP_ENTRY6, half * room->entry6, table->entry6, 2u << table->bits6,
	     sizeof(*table->entry6));
	copy(mirror, SL_XDP_MAP_PLACE, half * room->place, table->place, table->place_count,
	     sizeof(*table->place));
	copy(mirror, SL_XDP_MAP_GROUP, half * room->group, table->group, table->group_count,
	     sizeof(*table->group));
	copy(mirror, SL_XDP_MAP_RANGE, half * room->port, table->port, table->port_count,
	     sizeof(*table->port));
	write_intervals(mirror, half, table);
	*head = (struct sl_xdp_half){
		.bits4 = table->bits4,
		.bits6 = table->bits6,
		.interval_count = {table->interval_count[0], table->interval_count[1]},
		.vlans = table->vlans,
	};
	sl_service_table_put(mirror->table[half]);
	mirror->table[half] = sl_service_table_get(table);
}

static void write_services(const struct sl_xdp_mirror *mirror, uint32_t half,
			   const struct sl_snapshot *snapshot)
{
	struct sl_xdp_service *at = (void *)part(
		mirror, SL_XDP_MAP_SERVICE, half * mirror->set->size.room.service, sizeof(*at));

	for (uint32_t i = 0; i < snapshot->service_count; i++) {
		const struct sl_service_view *view = &snapshot->services[i];

		at[i] = (struct sl_xdp_service){.pool = view->pool,
						.prior_pool = view->prior_pool,
						.mss_clamp = view->mss_clamp,
						.flags = view->flags};
	}
}

/* ---- slots ----------------------------------------------------------------------------------- */

static int by_base(const void *a, const void *b)
{
	const struct place *one = a, *other = b;

	return (one->base > other->base) - (one->base < other->base);
}

/* The first gap of count slots between those that some half has. */
static int find_gap(const struct sl_xdp_mirror *mirror, uint32_t count, uint32_t *base)
{
	struct place *used = calloc(2 * SL_POOLS_MAX, sizeof(*used));
	uint32_t used_count = 0, at = 0;

	if (!used)
		return -ENOMEM;
	for (uint32_t p = 0; p < SL_POOLS_MAX; p++) {
		if (mirror->pools[p].count)
			used[used_count++] = mirror->pools[p];
		if (mirror->before[p].count)
			used[used_count++] = mirror->before[p];
	}
	qsort(used, used_count, sizeof(*used), by_base);
	for (uint32_t i = 0; i < used_count && used[i].base - at < count; i++)
		at = used[i].base + used[i].count;
	free(used);
	if (at + (uint64_t)count > mirror->set->size.slots)
		return -E2BIG;
	*base = at;
	return 0;
}

/* The number of a prior node; 0 when there are too many: the slot is then its prior's. */
static uint32_t prior_number(struct sl_xdp_mirror *mirror, uint32_t node)
{
	uint64_t *prior = mirror->set->at[SL_XDP_MAP_PRIOR];

	if (!mirror->prior_of[node] && mirror->prior_count + 1 < SL_XDP_PRIORS_MAX) {
		prior[++mirror->prior_count] = node;
		mirror->prior_of[node] = (uint16_t)mirror->prior_count;
	}
	return mirror->prior_of[node];
}

static uint32_t slot_word(struct sl_xdp_mirror *mirror, const struct sl_slot_table *table,
			  uint32_t slot)
{
	uint32_t word = table->word[slot], number;
	const struct sl_open_slot *open;

	if (!(word & SL_SLOT_OPEN))
		return word & SL_XDP_SLOT_NODE;
	open = &table->open[word & ~SL_SLOT_OPEN];
	if (open->prior == SL_NODE_NOBODY || open->prior == open->node)
		return open->node;
	number = prior_number(mirror, open->prior);
	return number ? number << SL_XDP_SLOT_PRIOR_SHIFT | open->node : open->prior;
}

static void write_slots(struct sl_xdp_mirror *mirror, struct place *place,
			struct sl_slot_table *table)
{
	uint64_t *at = (uint64_t *)mirror->set->at[SL_XDP_MAP_SLOT] + place->base / 2;

	for (uint32_t i = 0; i < table->count / 2; i++) {
		uint64_t pair = slot_word(mirror, table, 2 * i) |
				(uint64_t)slot_word(mirror, table, 2 * i + 1) << 32;

		if (at[i] != pair)
			__atomic_store_n(&at[i], pair, __ATOMIC_RELAXED);
	}
	sl_slot_table_get(table);
	sl_slot_table_put(place->slots);
	place->slots = table;
}

static int place_pool(struct sl_xdp_mirror *mirror, uint32_t p, struct sl_slot_table *table)
{
	struct place *place = &mirror->pools[p], found = {0};
	uint32_t count = table ? table->count : 0;
	int status;

	mirror->before[p] = (struct place){0};
	if (table && place->slots == table)
		return 0;
	if (place->count != count) {
		mirror->before[p] = (struct place){NULL, place->base, place->count};
		sl_slot_table_put(place->slots);
		*place = (struct place){0};
		status = count ? find_gap(mirror, count, &found.base) : 0;
		if (status < 0)
			return status;
		found.count = count;
		*place = found;
	}
	if (table)
		write_slots(mirror, place, table);
	return 0;
}

static int write_pools(struct sl_xdp_mirror *mirror, uint32_t half,
		       const struct sl_snapshot *snapshot)
{
	struct sl_xdp_pool *at = (void *)part(mirror, SL_XDP_MAP_POOL,
					      half * mirror->set->size.room.pool, sizeof(*at));
	bool opens = false;

	for (uint32_t p = 0; p < snapshot->pool_count; p++)
		opens |= snapshot->pools[p].slots && snapshot->pools[p].slots->open_count > 0;
	if (!opens) {
		mirror->prior_count = 0;
		memset(mirror->prior_of, 0, sizeof(mirror->prior_of));
	}
	for (uint32_t p = 0; p < SL_POOLS_MAX; p++) {
		const struct sl_pool_view *view =
			p < snapshot->pool_count ? &snapshot->pools[p] : NULL;
		int status = place_pool(mirror, p, view ? view->slots : NULL);

		if (status < 0)
			return status;
		if (!view)
			continue;
		at[p] = (struct sl_xdp_pool){.mask = view->mask,
					     .slots = mirror->pools[p].base,
					     .shift = view->shift,
					     .flags = view->flags,
					     .no_node = view->no_node,
					     .tracking = view->tracking};
	}
	return 0;
}

/* ---- nodes, and all -------------------------------------------------------------------------- */

static void write_nodes(const struct sl_xdp_mirror *mirror, const struct sl_snapshot *snapshot)
{
	struct sl_node_view *at = mirror->set->at[SL_XDP_MAP_NODE];

	for (uint32_t i = 0; i < mirror->set->size.nodes; i++) {
		const struct sl_node_chunk *chunk = snapshot->chunks[i / SL_NODE_CHUNK_COUNT];
		struct sl_node_view view = {0};

		if (chunk)
			view = chunk->node[i % SL_NODE_CHUNK_COUNT];
		view.handler = NULL;
		if (memcmp(&at[i], &view, sizeof(view)) != 0)
			at[i] = view;
	}
}

static void write_ports(const struct sl_xdp_mirror *mirror, const struct sl_snapshot *snapshot)
{
	struct sl_xdp_port *at = mirror->set->at[SL_XDP_MAP_PORT];

	for (uint32_t p = 0; p < snapshot->port_count; p++) {
		at[p].mtu = snapshot->ports[p].mtu;
		at[p].mac = snapshot->ports[p].mac;
		at[p].answers = snapshot->ports[p].answer;
		at[p].address_count = snapshot->ports[p].address_count;
		memcpy(at[p].addresses, snapshot->ports[p].addresses, sizeof(at[p].addresses));
	}
}

int sl_xdp_mirror_write(struct sl_xdp_mirror *mirror, const struct sl_snapshot *snapshot)
{
	struct sl_xdp_state *state = sl_xdp_set_state(mirror->set);
	uint32_t half = !state->active;
	struct sl_xdp_size need;
	int status;

	sl_xdp_mirror_need(snapshot, &need);
	if (!sl_xdp_size_fits(&need, &mirror->set->size))
		return -E2BIG;
	state->hash_key = snapshot->hash_key;
	state->flow_key = snapshot->flow_key;
	write_nodes(mirror, snapshot);
	write_ports(mirror, snapshot);
	status = write_pools(mirror, half, snapshot);
	if (status < 0)
		return status;
	write_table(mirror, half, snapshot->service_table);
	write_services(mirror, half, snapshot);
	__atomic_store_n(&state->active, half, __ATOMIC_RELEASE);
	return 0;
}
