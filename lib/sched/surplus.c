/* SPDX-License-Identifier: BSD-3-Clause */

#include "sched/surplus.h"

#include <emmintrin.h>
#include <string.h>

#include "base/limit.h"

#define WORD_BITS  64u
#define LOOK_SHARE 16u /* of all places: so many are looked at before all slots are listed */
#define FEW	   8u  /* nodes whose slots are found by comparing whole vectors */

_Static_assert(SL_SLOTS_MIN % WORD_BITS == 0, "a table has whole words of bits");

static size_t bits_size(uint32_t slot_count)
{
	return slot_count / WORD_BITS * sizeof(uint64_t);
}

size_t sl_surplus_memsize(uint32_t slot_count, uint32_t index_end)
{
	return sl_room(index_end * sizeof(int32_t)) + sl_room(bits_size(slot_count));
}

/* ---- weighing -------------------------------------------------------------------------------- */

static void count(struct sl_surplus *surplus)
{
	for (uint32_t slot = 0; slot < surplus->roster->slot_count; slot++)
		surplus->balance[sl_surplus_known(surplus, surplus->tables.held[slot])]++;
}

static void take_counts(struct sl_surplus *surplus, const struct sl_sched_node *nodes,
			uint32_t node_count, const uint32_t *counts)
{
	uint32_t strangers = surplus->roster->slot_count;

	for (uint32_t i = 0; i < node_count; i++) {
		surplus->balance[nodes[i].index] = (int32_t)counts[i];
		strangers -= counts[i];
	}
	surplus->balance[SL_SCHED_NOBODY] = (int32_t)strangers;
}

void sl_surplus_init(struct sl_surplus *surplus, void *memory, const struct sl_roster *roster,
		     const struct sl_surplus_tables *tables, const struct sl_sched_node *nodes,
		     uint32_t node_count, const uint32_t *counts)
{
	unsigned char *at = memory;

	surplus->roster = roster;
	surplus->tables = *tables;
	surplus->wanted = 0;
	surplus->balance = sl_take(&at, roster->index_end * sizeof(*surplus->balance));
	surplus->bits = sl_take(&at, bits_size(roster->slot_count));
	if (counts)
		take_counts(surplus, nodes, node_count, counts);
	else
		count(surplus);
	for (uint32_t i = 0; i < roster->count; i++) {
		int32_t *balance = &surplus->balance[roster->nodes[i].index];

		*balance -= (int32_t)roster->nodes[i].quota;
		if (*balance < 0)
			surplus->wanted += (uint32_t) - *balance;
	}
}

/* ---- listing --------------------------------------------------------------------------------- */

static inline bool is_above(const struct sl_surplus *surplus, uint32_t slot)
{
	return surplus->balance[sl_surplus_known(surplus, surplus->tables.held[slot])] > 0;
}

static inline bool is_back(const struct sl_surplus *surplus, uint32_t slot)
{
	return surplus->balance[sl_surplus_known(surplus, surplus->tables.former[slot])] < 0;
}

/* Nodes of one side, when they are few. */
struct side {
	uint32_t index[FEW];
	uint32_t count; /* FEW + 1: more than that */
};

static void side_add(struct side *side, uint32_t index)
{
	if (side->count < FEW)
		side->index[side->count] = index;
	side->count += side->count <= FEW;
}

/* Strangers have no index of their own to compare with. */
static struct side above_side(const struct sl_surplus *surplus)
{
	struct side side = {.count = surplus->balance[SL_SCHED_NOBODY] > 0 ? FEW + 1 : 0};

	for (uint32_t i = 1; i < surplus->roster->index_end && side.count <= FEW; i++)
		if (surplus->balance[i] > 0)
			side_add(&side, i);
	return side;
}

static struct side below_side(const struct sl_surplus *surplus)
{
	const struct sl_roster *roster = surplus->roster;
	struct side side = {.count = 0};

	for (uint32_t i = 0; i < roster->count && side.count <= FEW; i++)
		if (surplus->balance[roster->nodes[i].index] < 0)
			side_add(&side, roster->nodes[i].index);
	return side;
}

/* A bit for each of 16 words that is one of the side's. */
static inline uint64_t match16(const uint32_t *words, const struct side *side)
{
	const __m128i *at = (const __m128i *)(const void *)words;
	__m128i found[4] = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128(),
			    _mm_setzero_si128()};

	for (uint32_t n = 0; n < side->count; n++) {
		__m128i index = _mm_set1_epi32((int)side->index[n]);

		for (uint32_t i = 0; i < 4; i++)
			found[i] = _mm_or_si128(found[i],
						_mm_cmpeq_epi32(_mm_loadu_si128(at + i), index));
	}
	return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(
		_mm_packs_epi32(found[0], found[1]), _mm_packs_epi32(found[2], found[3])));
}

static uint64_t match(const uint32_t *words, const struct side *side)
{
	return match16(words, side) | match16(words + 16, side) << 16 |
	       match16(words + 32, side) << 32 | match16(words + 48, side) << 48;
}

/* A bit for each of the slots from base on that may go. */
static uint64_t candidates(const struct sl_surplus *surplus, const struct sl_surplus_walk *walk,
			   const struct side *above, const struct side *below, uint32_t base)
{
	uint64_t bits = 0;

	if (walk->back && below->count <= FEW)
		bits = match(surplus->tables.former + base, below);
	else if (above->count <= FEW)
		bits = match(surplus->tables.held + base, above);
	else
		for (uint32_t bit = 0; bit < WORD_BITS; bit++)
			bits |= (uint64_t)is_above(surplus, base + bit) << bit;
	return bits;
}

/* All bits that the walk will meet. Sides that are many are looked up slot by slot. */
static void list(struct sl_surplus *surplus, const struct sl_surplus_walk *walk)
{
	const struct sl_roster *roster = surplus->roster;
	struct side above = above_side(surplus), below = below_side(surplus);

	memset(surplus->bits, 0, bits_size(roster->slot_count));
	for (uint32_t base = 0; base < roster->slot_count; base += WORD_BITS) {
		uint64_t bits = candidates(surplus, walk, &above, &below, base);

		for (; bits != 0; bits &= bits - 1) {
			uint32_t slot = base + (uint32_t)__builtin_ctzll(bits);
			uint32_t place = sl_order_place(slot, roster->slot_bits);

			if (is_above(surplus, slot) && (!walk->back || is_back(surplus, slot)))
				surplus->bits[place / WORD_BITS] |= 1ull << (place % WORD_BITS);
		}
	}
}

/* ---- walking --------------------------------------------------------------------------------- */

static bool look(const struct sl_surplus *surplus, struct sl_surplus_walk *walk, uint32_t end,
		 uint32_t *slot)
{
	while (walk->place < end) {
		uint32_t at = sl_order_slot(walk->place++, surplus->roster->slot_bits);

		if (!is_above(surplus, at) || (walk->back && !is_back(surplus, at)))
			continue;
		*slot = at;
		return true;
	}
	return false;
}

bool sl_surplus_next(struct sl_surplus *surplus, struct sl_surplus_walk *walk, uint32_t *slot)
{
	uint32_t slot_count = surplus->roster->slot_count;

	if (look(surplus, walk, SL_MAX(slot_count / LOOK_SHARE, WORD_BITS), slot))
		return true;
	if (!walk->listed)
		list(surplus, walk);
	walk->listed = true;
	while (walk->place < slot_count) {
		uint64_t bits = surplus->bits[walk->place / WORD_BITS] >> walk->place % WORD_BITS;

		if (bits == 0) {
			walk->place = (walk->place | (WORD_BITS - 1)) + 1;
			continue;
		}
		walk->place += (uint32_t)__builtin_ctzll(bits);
		*slot = sl_order_slot(walk->place++, surplus->roster->slot_bits);
		return true;
	}
	return false;
}
