/* SPDX-License-Identifier: BSD-3-Clause */

#include "sched/populate.h"

#include "base/prng.h"
#include "sched/order.h"

#define WORD_BITS    64
#define GROUPS_TRIED 4 /* preferences in full groups before the next group with room is taken */

struct turn {
	uint32_t next;	 /* place of the next preference, before scrambling */
	uint32_t skip;	 /* odd */
	uint32_t credit; /* of the fraction credit / rounds of a turn */
	uint32_t quota;
	uint32_t index;
};

struct population {
	const struct sl_roster *roster;
	struct turn *turns;
	uint64_t *free; /* a bit for each slot */
	uint32_t *slots;
};

size_t sl_populate_memsize(uint32_t node_count, uint32_t slot_count)
{
	return sl_room(node_count * sizeof(struct turn)) +
	       sl_room(slot_count / WORD_BITS * sizeof(uint64_t));
}

static uint32_t prefer(const struct population *population, struct turn *turn)
{
	uint32_t mask = population->roster->slot_count - 1;
	uint32_t place = turn->next;

	turn->next = (place + turn->skip) & mask;
	return sl_order_slot(place, population->roster->slot_bits);
}

static inline void claim(struct population *population, uint32_t slot, uint32_t index)
{
	population->free[slot / WORD_BITS] &= ~(1ull << (slot % WORD_BITS));
	population->slots[slot] = index;
}

static void claim_next(struct population *population, struct turn *turn)
{
	uint32_t slot;

	do {
		slot = prefer(population, turn);
	} while (!(population->free[slot / WORD_BITS] >> (slot % WORD_BITS) & 1));
	claim(population, slot, turn->index);
}

static void claim_nearest(struct population *population, struct turn *turn)
{
	uint32_t words = population->roster->slot_count / WORD_BITS;
	uint32_t slot = prefer(population, turn);
	uint32_t word = slot / WORD_BITS, bit = slot % WORD_BITS;
	uint64_t rotated;

	for (unsigned int i = 1; i < GROUPS_TRIED && population->free[word] == 0; i++) {
		slot = prefer(population, turn);
		word = slot / WORD_BITS;
		bit = slot % WORD_BITS;
	}
	while (population->free[word] == 0)
		word = (word + 1) & (words - 1);
	rotated = population->free[word] >> bit | population->free[word] << (-bit % WORD_BITS);
	bit = (bit + (uint32_t)__builtin_ctzll(rotated)) % WORD_BITS;
	claim(population, word * WORD_BITS + bit, turn->index);
}

/* In `rounds` rounds a node gets `quota` turns, the first in the first round. */
static inline void play(struct population *population, uint32_t rounds,
			enum sl_populate_taken taken)
{
	for (uint32_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < population->roster->count; i++) {
			struct turn *turn = &population->turns[i];

			turn->credit += turn->quota;
			while (turn->credit >= rounds) {
				turn->credit -= rounds;
				if (taken == SL_POPULATE_NEXT)
					claim_next(population, turn);
				else
					claim_nearest(population, turn);
			}
		}
	}
}

void sl_populate(const struct sl_roster *roster, enum sl_populate_taken taken, void *memory,
		 uint32_t *slots)
{
	uint32_t rounds = SL_MAX(roster->slot_count / roster->count, 1);
	uint32_t mask = roster->slot_count - 1;
	unsigned char *at = memory;
	struct population population = {.roster = roster, .slots = slots};

	population.turns = sl_take(&at, roster->count * sizeof(*population.turns));
	population.free = sl_take(&at, roster->slot_count / WORD_BITS * sizeof(*population.free));
	memset(population.free, 0xff, roster->slot_count / WORD_BITS * sizeof(*population.free));
	for (uint32_t i = 0; i < roster->count; i++) {
		const struct sl_roster_node *node = &roster->nodes[i];
		uint64_t hash = sl_prng_mix(node->seed);

		population.turns[i] = (struct turn){.next = (uint32_t)(hash >> 32) & mask,
						    .skip = ((uint32_t)hash & mask) | 1,
						    .credit = rounds - 1,
						    .quota = node->quota,
						    .index = node->index};
	}
	if (taken == SL_POPULATE_NEXT)
		play(&population, rounds, SL_POPULATE_NEXT);
	else
		play(&population, rounds, SL_POPULATE_NEAREST);
}
