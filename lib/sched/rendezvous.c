/* SPDX-License-Identifier: BSD-3-Clause */

/* rendezvous: for each slot the node of highest random weight, -ln(u) / weight being least.
 *
 * Asking every node for every slot costs nodes * slots: 20 seconds for 10,000 nodes and 2^20
 * slots. The same law has a cheaper form: each node throws darts at random slots, the times
 * between them exponential in its weight. Its first hit of a slot then comes after an
 * exponential time, independent of its other slots: exactly -ln(u) / weight for a u of this
 * node and slot. So the first dart in a slot is its highest random weight, and about ln(slots)
 * + 1 darts a slot find it for all. Another node's arrival or weight changes no dart of a node,
 * which is why none but the changed node's slots move.
 */

#include "sched/fill.h"
#include "sched/race.h"

#define WORD_BITS   64
#define LOG_BITS    8 /* of the fraction that looks up the table of logarithms */
#define LOG_ENTRIES ((1u << LOG_BITS) + 1)
#define GAP_BITS    32 /* gaps are in units of 2^-32 */
#define NEVER	    UINT64_MAX

struct thrower {
	unsigned __int128 step; /* mean ticks between its darts */
	uint64_t when;		/* tick of its next dart */
	uint64_t dart;		/* number of it */
};

struct contest {
	struct sl_race race;
	const struct sl_roster *roster;
	struct thrower *throwers;
	uint64_t *whens;   /* tick of the dart that has the slot */
	uint64_t *settled; /* bits: slots won in rounds before this one, which no later dart gets */
	uint64_t *hit;	   /* bits: slots that have been hit */
	uint64_t *logs;	   /* log2(1 + i / 2^LOG_BITS) in units of 2^-32 */
	uint32_t *slots;
	uint32_t empty;
};

static size_t bits_size(uint32_t slot_count)
{
	return slot_count / WORD_BITS * sizeof(uint64_t);
}

size_t sl_rendezvous_memsize(const struct sl_sched_input *input, uint32_t index_end)
{
	(void)index_end;
	return sl_room(input->node_count * sizeof(struct thrower)) +
	       sl_room(input->slot_count * sizeof(uint64_t)) +
	       2 * sl_room(bits_size(input->slot_count)) + sl_room(LOG_ENTRIES * sizeof(uint64_t));
}

/* log2 of 1 + i / 2^LOG_BITS, a bit at a time by squaring: no library's rounding can differ. */
static uint64_t log2_slowly(uint64_t i)
{
	uint64_t x = (1ull << 31) + (i << (31 - LOG_BITS)); /* 1 is 2^31 */
	uint64_t log = 0;

	if (i == LOG_ENTRIES - 1)
		return 1ull << 32;
	for (unsigned int bit = 0; bit < 32; bit++) {
		x = (x * x) >> 31;
		log <<= 1;
		if (x >> 32) {
			x >>= 1;
			log |= 1;
		}
	}
	return log;
}

/* -log2(u) in units of 2^-GAP_BITS for u = (word + 1) / 2^64, between table entries along the chord:
 * at most 3e-6 off. Its being ln or log2 is one factor for all times, which changes no order. */
static uint64_t gap_of(const struct contest *contest, uint64_t word)
{
	uint64_t top, low, rest, log;
	uint32_t zeros;

	if (word == UINT64_MAX)
		return 0;
	word++;
	zeros = (uint32_t)__builtin_clzll(word);
	word <<= zeros; /* 1.fraction */
	top = (word << 1) >> (64 - LOG_BITS);
	rest = (word << (1 + LOG_BITS)) >> 32;
	low = contest->logs[top];
	log = low + (((contest->logs[top + 1] - low) * rest) >> 32);
	return (((uint64_t)zeros + 1) << GAP_BITS) - log;
}

/* The gap before a node's present dart, in ticks; NEVER when it is beyond all counting. */
static uint64_t ticks_before(const struct contest *contest, uint32_t which)
{
	const struct thrower *thrower = &contest->throwers[which];
	uint64_t word = sl_prng_mix(~contest->roster->nodes[which].seed +
				    (thrower->dart + 1) * SL_RACE_STRIDE);
	unsigned __int128 step = thrower->step;
	uint64_t gap = gap_of(contest, word);
	unsigned __int128 ticks =
		(step >> GAP_BITS) * gap + (((step & UINT32_MAX) * gap) >> GAP_BITS);

	return ticks < NEVER ? (uint64_t)ticks : NEVER;
}

static uint64_t later(uint64_t when, uint64_t ticks)
{
	return when + ticks < when ? NEVER : when + ticks;
}

static void hit(struct contest *contest, uint32_t slot, uint64_t when, uint32_t index)
{
	uint64_t bit = 1ull << (slot % WORD_BITS);

	if (!(contest->hit[slot / WORD_BITS] & bit)) {
		contest->hit[slot / WORD_BITS] |= bit;
		contest->empty--;
	} else if (when >= contest->whens[slot]) {
		return;
	}
	contest->whens[slot] = when;
	contest->slots[slot] = index;
}

/* All darts of a node before `end`. */
static void throw_until(struct contest *contest, uint32_t which, uint64_t end)
{
	const struct sl_roster_node *node = &contest->roster->nodes[which];
	struct thrower *thrower = &contest->throwers[which];

	while (thrower->when < end) {
		uint32_t slot = sl_race_slot(&contest->race, node->seed, thrower->dart);

		if (!(contest->settled[slot / WORD_BITS] >> (slot % WORD_BITS) & 1))
			hit(contest, slot, thrower->when, node->index);
		thrower->dart++;
		thrower->when = later(thrower->when, ticks_before(contest, which));
	}
}

void sl_rendezvous_fill(const struct sl_roster *roster, const struct sl_sched_input *input,
			void *memory, uint32_t *slots)
{
	struct contest contest = {.race = sl_race_of(roster), .roster = roster, .slots = slots};
	unsigned char *at = memory;

	contest.throwers = sl_take(&at, roster->count * sizeof(*contest.throwers));
	contest.whens = sl_take(&at, input->slot_count * sizeof(*contest.whens));
	contest.settled = sl_take(&at, bits_size(input->slot_count));
	contest.hit = sl_take(&at, bits_size(input->slot_count));
	contest.logs = sl_take(&at, LOG_ENTRIES * sizeof(*contest.logs));
	contest.empty = input->slot_count;
	for (uint32_t i = 0; i < LOG_ENTRIES; i++)
		contest.logs[i] = log2_slowly(i);
	for (uint32_t i = 0; i < roster->count; i++) {
		contest.throwers[i].step = sl_race_step(&contest.race, roster->nodes[i].weight);
		contest.throwers[i].when = ticks_before(&contest, i);
	}
	for (uint64_t end = contest.race.round; contest.empty > 0;
	     end = later(end, contest.race.round)) {
		for (uint32_t i = 0; i < roster->count; i++)
			throw_until(&contest, i, end);
		memcpy(contest.settled, contest.hit, bits_size(input->slot_count));
	}
}
