/* SPDX-License-Identifier: BSD-3-Clause */

/* wrr: turns in proportion to weight, each node's evenly spread over a sequence made in
 * advance.
 *
 * The usual smooth round robin looks at every node for every choice; here a choice is one load.
 * The sequence is as long as the weights in lowest terms need, when that is at most
 * SL_WRR_TURNS_MAX: then every run through it gives each node exactly its due. Otherwise it has
 * that length, nodes have the whole turns that they are due, and the turns that are left are
 * spare: the k-th goes to the node at k and a phase in the row of all fractions, each as long
 * as it is, and the phase moves on by the golden section with each run. So a node with half a
 * turn to its due has one in every other run.
 */

#include "sched/view.h"

#define GOLDEN	 0x9e3779b97f4a7c15ull /* 2^64 by the golden section */
#define DUE_BITS 47		       /* of one turn; 2^16 of them fit 63 bits */

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

uint32_t sl_wrr_turn_count(const struct sl_pick_node *nodes, uint32_t count)
{
	uint64_t divisor = 0, sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		divisor = common_divisor(nodes[i].weight, divisor);
		sum += nodes[i].weight;
	}
	if (count == 0)
		return 0;
	return (uint32_t)SL_MIN(sum / divisor, SL_WRR_TURNS_MAX);
}

/* Turns are placed at (k + 1/2) / turns of the sequence, in two passes: count what falls into
 * each place, then fill. Times are in units of 2^-32 places. */
struct spread {
	uint64_t start, step;
	uint32_t turns;
};

static struct spread spread_of(uint32_t turn_count, uint64_t turns)
{
	uint64_t length = (uint64_t)turn_count << 32;

	return (struct spread){
		.start = length / (2 * turns), .step = length / turns, .turns = (uint32_t)turns};
}

static void count_turns(uint32_t *buckets, uint32_t turn_count, uint64_t turns)
{
	struct spread spread;

	if (turns == 0)
		return;
	spread = spread_of(turn_count, turns);
	for (uint32_t i = 0; i < spread.turns; i++, spread.start += spread.step)
		buckets[(spread.start >> 32) + 1]++;
}

static void place_turns(struct sl_pick_view *pick, uint32_t *buckets, uint64_t turns, uint32_t who)
{
	struct spread spread;

	if (turns == 0)
		return;
	spread = spread_of(pick->turn_count, turns);
	for (uint32_t i = 0; i < spread.turns; i++, spread.start += spread.step)
		pick->turns[buckets[spread.start >> 32]++] = who;
}

static uint64_t whole_turns(const struct sl_pick_view *pick, uint32_t i, uint64_t sum)
{
	return pick->nodes[i].weight * pick->turn_count / sum;
}

/* The fractions that nodes are due of the spare turns, as a row; in units that keep sums within 64
 * bits. */
static void line_up_dues(struct sl_pick_view *pick, uint64_t sum)
{
	uint32_t bits = 64 - (uint32_t)__builtin_clzll(sum);
	uint32_t shift = bits > DUE_BITS ? bits - DUE_BITS : 0;
	uint64_t due = 0;

	for (uint32_t i = 0; i < pick->count; i++) {
		due += (pick->nodes[i].weight * pick->turn_count % sum) >> shift;
		pick->dues[i] = due;
	}
	pick->spare_due = sum >> shift;
}

/* Turns of nobody get their numbers. */
static void number_spares(struct sl_pick_view *pick)
{
	uint32_t number = 0;

	for (uint32_t turn = 0; turn < pick->turn_count; turn++)
		if (pick->turns[turn] == SL_WRR_SPARE)
			pick->turns[turn] += number++;
}

void sl_wrr_fill(struct sl_pick_view *pick, uint32_t *buckets)
{
	uint64_t sum = 0, spare = pick->turn_count;

	for (uint32_t i = 0; i < pick->count; i++)
		sum += pick->nodes[i].weight;
	for (uint32_t i = 0; i < pick->count; i++) {
		count_turns(buckets, pick->turn_count, whole_turns(pick, i, sum));
		spare -= whole_turns(pick, i, sum);
	}
	count_turns(buckets, pick->turn_count, spare);
	for (uint32_t place = 1; place < pick->turn_count; place++)
		buckets[place] += buckets[place - 1];
	for (uint32_t i = 0; i < pick->count; i++)
		place_turns(pick, buckets, whole_turns(pick, i, sum), i);
	place_turns(pick, buckets, spare, SL_WRR_SPARE);
	number_spares(pick);
	line_up_dues(pick, sum);
}

/* The first node up to which the row is longer than `at`; the last one when rounding leaves none. */
static uint32_t find_due(const struct sl_pick_view *pick, uint64_t at)
{
	uint32_t low = 0, high = pick->count - 1;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (pick->dues[middle] > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint32_t sl_wrr_next(const struct sl_pick_view *pick, struct sl_pick_state *state)
{
	uint32_t who = pick->turns[state->position++];

	if (who & SL_WRR_SPARE) {
		uint64_t part =
			(uint64_t)(((unsigned __int128)state->phase * pick->spare_due) >> 64);

		who = find_due(pick, (who ^ SL_WRR_SPARE) * pick->spare_due + part);
	}
	if (state->position == pick->turn_count) {
		state->position = 0;
		state->phase += GOLDEN;
	}
	return pick->nodes[who].index;
}
