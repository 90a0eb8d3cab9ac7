/* SPDX-License-Identifier: BSD-3-Clause */

/* wrr: turns in proportion to weight, each node's evenly spread over a sequence made in
 * advance.
 *
 * The usual smooth round robin looks at every node for every choice; here a choice is one load.
 * The sequence is as long as the weights in lowest terms need, when that is at most
 * SL_WRR_TURNS_MAX: then every run through it gives each node exactly its due. Otherwise it has
 * that length, nodes have the whole turns that they are due, and the turns left over are drawn
 * by lot of the fractions.
 */

#include "sched/view.h"

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

/* Fills the alias columns with the fractions of turns that are left; the sum fits their limit. */
static void draw_fractions(struct sl_pick_view *pick, uint64_t sum, uint64_t *weights,
			   uint32_t *stack)
{
	uint32_t bits = 64 - (uint32_t)__builtin_clzll(sum);
	uint32_t shift = bits > SL_ALIAS_WEIGHT_BITS ? bits - SL_ALIAS_WEIGHT_BITS : 0;

	for (uint32_t i = 0; i < pick->count; i++)
		weights[i] = pick->nodes[i].weight * pick->turn_count % sum >> shift;
	sl_alias_build(pick->lots, weights, pick->count, stack);
}

void sl_wrr_fill(struct sl_pick_view *pick, uint64_t *weights, uint32_t *stack, uint32_t *buckets)
{
	uint64_t sum = 0, lots = pick->turn_count;

	for (uint32_t i = 0; i < pick->count; i++)
		sum += pick->nodes[i].weight;
	for (uint32_t i = 0; i < pick->count; i++) {
		count_turns(buckets, pick->turn_count, whole_turns(pick, i, sum));
		lots -= whole_turns(pick, i, sum);
	}
	count_turns(buckets, pick->turn_count, lots);
	for (uint32_t place = 1; place < pick->turn_count; place++)
		buckets[place] += buckets[place - 1];
	for (uint32_t i = 0; i < pick->count; i++)
		place_turns(pick, buckets, whole_turns(pick, i, sum), i);
	place_turns(pick, buckets, lots, SL_WRR_LOT);
	if (lots > 0)
		draw_fractions(pick, sum, weights, stack);
}

uint32_t sl_wrr_next(const struct sl_pick_view *pick, struct sl_pick_state *state)
{
	uint32_t who = pick->turns[state->position];

	state->position = state->position + 1 < pick->turn_count ? state->position + 1 : 0;
	if (who == SL_WRR_LOT)
		who = sl_view_draw(pick, state);
	return pick->nodes[who].index;
}
