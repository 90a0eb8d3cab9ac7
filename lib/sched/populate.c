/* SPDX-License-Identifier: BSD-3-Clause */

#include "sched/populate.h"

#include "base/prng.h"
#include "sched/order.h"

#define WORD_BITS    64
#define TURN_CLAIMS  16 /* claims a turn, on average: fewer cost a mispredicted branch each */
#define SECTION_BITS 8	/* a section has at least 2^8 slots */
#define DEALT	     16 /* one in so many claims is dealt at the end */
#define GOLDEN	     0x9e3779b9u /* 2^32 by the golden section */

struct turn {
	uint32_t next;	 /* place of the next preference, before scrambling */
	uint32_t skip;	 /* odd */
	uint32_t claims; /* to make in all */
	uint32_t made;	 /* of them, when sections are gone through */
	uint32_t phase;	 /* of the fractions of a claim that sections leave */
	uint32_t index;
};

struct population {
	const struct sl_roster *roster;
	struct turn *turns;
	uint64_t *free;	 /* a bit for each slot */
	uint64_t *order; /* bits of what is free at the end, by place in the order */
	uint32_t *slots;
};

static size_t bits_size(uint32_t slot_count)
{
	return slot_count / WORD_BITS * sizeof(uint64_t);
}

size_t sl_populate_memsize(uint32_t node_count, uint32_t slot_count)
{
	return sl_room(node_count * sizeof(struct turn)) + 2 * sl_room(bits_size(slot_count));
}

static void prepare(struct population *population, const struct sl_roster *roster,
		    unsigned char *at, uint32_t *slots)
{
	uint32_t mask = roster->slot_count - 1;

	population->roster = roster;
	population->turns = sl_take(&at, roster->count * sizeof(*population->turns));
	population->free = sl_take(&at, bits_size(roster->slot_count));
	population->order = sl_take(&at, bits_size(roster->slot_count));
	population->slots = slots;
	memset(population->free, 0xff, bits_size(roster->slot_count));
	for (uint32_t i = 0; i < roster->count; i++) {
		const struct sl_roster_node *node = &roster->nodes[i];
		uint64_t hash = sl_prng_mix(node->seed);

		population->turns[i] = (struct turn){.next = (uint32_t)(hash >> 32),
						     .skip = ((uint32_t)hash & mask) | 1,
						     .claims = node->quota,
						     .phase = (uint32_t)sl_prng_mix(hash),
						     .index = node->index};
	}
}

static inline uint32_t prefer(const struct population *population, struct turn *turn)
{
	uint32_t mask = population->roster->slot_count - 1;
	uint32_t place = turn->next & mask;

	turn->next = place + turn->skip;
	return sl_order_slot(place, population->roster->slot_bits);
}

static void claim_next(struct population *population, struct turn *turn, uint32_t count)
{
	uint32_t slot;

	for (; count > 0; count--) {
		do {
			slot = prefer(population, turn);
		} while (!(population->free[slot / WORD_BITS] >> (slot % WORD_BITS) & 1));
		population->free[slot / WORD_BITS] ^= 1ull << (slot % WORD_BITS);
		population->slots[slot] = turn->index;
	}
}

/* Within a section, the nearest slot after the preferred one among its 64, or of the next 64 that are
 * not all taken. */
static void claim_nearest(struct population *population, struct turn *turn, uint32_t count,
			  uint32_t first, uint32_t section_bits)
{
	uint32_t words = population->roster->slot_count / WORD_BITS;
	uint32_t shift = 32 - (population->roster->slot_bits - section_bits);
	uint32_t next = turn->next, index = turn->index;
	uint32_t *slots = population->slots;
	uint64_t *free = population->free;

	for (; count > 0; count--, next += GOLDEN) {
		uint32_t slot = first + (next >> shift);
		uint32_t word = slot / WORD_BITS, bit = slot % WORD_BITS;

		while (sl_unlikely(free[word] == 0))
			word = (word + 1) & (words - 1);
		/* Turned round so that the preferred slot is the lowest bit. */
		bit += (uint32_t)__builtin_ctzll(free[word] >> bit | free[word]
									     << (-bit % WORD_BITS));
		bit %= WORD_BITS;
		free[word] ^= 1ull << bit;
		slots[word * WORD_BITS + bit] = index;
	}
	turn->next = next;
}

/* In section s of S a node that has c claims to make comes to floor(((s + 1) * c + phase) / S). */
static void claim_sections(struct population *population, uint32_t section_bits)
{
	uint32_t size = population->roster->slot_count >> section_bits;

	for (uint32_t section = 0; section < 1u << section_bits; section++) {
		for (uint32_t i = 0; i < population->roster->count; i++) {
			struct turn *turn = &population->turns[i];
			uint64_t phase = ((uint64_t)turn->phase << section_bits) >> 32;
			uint64_t due =
				((uint64_t)turn->claims * (section + 1) + phase) >> section_bits;

			claim_nearest(population, turn, (uint32_t)due - turn->made, section * size,
				      section_bits);
			turn->made = (uint32_t)due;
		}
	}
}

/* In round r of R a node that has c claims to make comes to floor((r + 1) * c / R) of them,
 * one more at once, so that everyone's first preference is heard in the first round. */
static inline uint32_t due_in(uint32_t claims, uint32_t round, uint32_t round_bits)
{
	uint64_t rounds = 1ull << round_bits;

	return (uint32_t)(((uint64_t)claims * (round + 1) + rounds - 1) >> round_bits);
}

static void claim_rounds(struct population *population, uint32_t round_bits)
{
	for (uint32_t round = 0; round < 1u << round_bits; round++) {
		for (uint32_t i = 0; i < population->roster->count; i++) {
			struct turn *turn = &population->turns[i];
			uint32_t made = round > 0 ? due_in(turn->claims, round - 1, round_bits) : 0;

			claim_next(population, turn,
				   due_in(turn->claims, round, round_bits) - made);
		}
	}
}

/* log2, rounded down, of the turns in which nodes make `claims` claims each time, on average. */
static uint32_t turns_for(const struct sl_roster *roster, uint32_t claims)
{
	return 31 - (uint32_t)__builtin_clz(SL_MAX(roster->slot_count / roster->count / claims, 1));
}

/* Gives out what is free, each node's remaining claims after the other's, in the order of slots. */
static void deal(struct population *population)
{
	uint32_t bits = population->roster->slot_bits;
	uint32_t words = population->roster->slot_count / WORD_BITS;
	struct turn *turn = population->turns;

	for (uint32_t word = 0; word < words; word++) {
		for (uint64_t free = population->free[word]; free != 0; free &= free - 1) {
			uint32_t slot = word * WORD_BITS + (uint32_t)__builtin_ctzll(free);
			uint32_t place = sl_order_place(slot, bits);

			population->order[place / WORD_BITS] |= 1ull << (place % WORD_BITS);
		}
	}
	for (uint32_t word = 0; word < words; word++) {
		for (uint64_t free = population->order[word]; free != 0; free &= free - 1) {
			uint32_t place = word * WORD_BITS + (uint32_t)__builtin_ctzll(free);

			while (turn->claims == 0)
				turn++;
			turn->claims--;
			population->slots[sl_order_slot(place, bits)] = turn->index;
		}
	}
}

void sl_populate(const struct sl_roster *roster, void *memory, uint32_t *slots)
{
	struct population population;

	prepare(&population, roster, memory, slots);
	claim_rounds(&population, turns_for(roster, 1));
}

void sl_populate_quickly(const struct sl_roster *roster, void *memory, uint32_t *slots)
{
	struct population population;

	prepare(&population, roster, memory, slots);
	for (uint32_t i = 0; i < roster->count; i++)
		population.turns[i].claims -= population.turns[i].claims / DEALT;
	claim_sections(&population,
		       SL_MIN(turns_for(roster, TURN_CLAIMS), roster->slot_bits - SECTION_BITS));
	for (uint32_t i = 0; i < roster->count; i++)
		population.turns[i].claims = roster->nodes[i].quota / DEALT;
	deal(&population);
}
