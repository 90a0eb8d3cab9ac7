/* SPDX-License-Identifier: BSD-3-Clause */

/* minimal: exact quotas and the least movement, both.
 *
 * Nodes above their quota give slots to nodes below it and nothing else moves, so that the
 * number of slots moved is the least that any way to these quotas needs. A gainer first takes
 * back slots it held before; within that, candidates come in the fixed order of order.h, so
 * that changes to and fro move the same few slots, and no gainer gets a run of neighbours. The
 * first table is populated like maglev's.
 */

#include "sched/fill.h"
#include "sched/order.h"
#include "sched/populate.h"

#define WORD_BITS 64

struct move {
	struct sl_roster roster;
	int32_t *balance; /* by node index: slots held less quota; at 0 the slots of nobody and of
			     strangers */
	uint64_t *loose;  /* slots of nodes above their quota, by place in the order */
	uint64_t *back;	  /* those of them whose former node is below its quota */
	uint32_t *slots;
	uint32_t wanted; /* slots that nodes still lack */
};

/* The place in `balance` of what stands in a slot. */
static inline uint32_t known(const struct move *move, uint32_t index)
{
	return index < move->roster.index_end ? index : SL_SCHED_NOBODY;
}

static void weigh(struct move *move)
{
	const struct sl_roster *roster = &move->roster;

	for (uint32_t slot = 0; slot < roster->slot_count; slot++)
		move->balance[known(move, move->slots[slot])]++;
	for (uint32_t i = 0; i < roster->count; i++) {
		int32_t *balance = &move->balance[roster->nodes[i].index];

		*balance -= (int32_t)roster->nodes[i].quota;
		if (*balance < 0)
			move->wanted += (uint32_t) - *balance;
	}
}

static inline void mark(uint64_t *bits, uint32_t place)
{
	bits[place / WORD_BITS] |= 1ull << (place % WORD_BITS);
}

/* Branch-free over the slots, then by place for the candidates alone. */
static void find_candidates(struct move *move, const uint32_t *former)
{
	const struct sl_roster *roster = &move->roster;

	for (uint32_t base = 0; base < roster->slot_count; base += WORD_BITS) {
		uint64_t above = 0;

		for (uint32_t bit = 0; bit < WORD_BITS; bit++) {
			uint32_t index = known(move, move->slots[base + bit]);

			above |= (uint64_t)(move->balance[index] > 0) << bit;
		}
		for (; above != 0; above &= above - 1) {
			uint32_t slot = base + (uint32_t)__builtin_ctzll(above);
			uint32_t place = sl_order_place(slot, roster->slot_bits);

			mark(move->loose, place);
			if (former && move->balance[known(move, former[slot])] < 0)
				mark(move->back, place);
		}
	}
}

/* Gives the slot to `index`, if its node still has one too many. */
static inline bool give(struct move *move, uint32_t slot, uint32_t index)
{
	uint32_t owner = known(move, move->slots[slot]);

	if (move->balance[owner] <= 0)
		return false;
	move->slots[slot] = index;
	move->balance[owner]--;
	move->balance[index]++;
	move->wanted--;
	return true;
}

static void take_back(struct move *move, const uint32_t *former)
{
	const struct sl_roster *roster = &move->roster;

	for (uint32_t word = 0; word < roster->slot_count / WORD_BITS; word++) {
		for (uint64_t bits = move->back[word]; bits != 0; bits &= bits - 1) {
			uint32_t place = word * WORD_BITS + (uint32_t)__builtin_ctzll(bits);
			uint32_t slot = sl_order_slot(place, roster->slot_bits);

			if (move->balance[former[slot]] < 0)
				(void)give(move, slot, former[slot]);
		}
	}
}

static void take_any(struct move *move)
{
	const struct sl_roster *roster = &move->roster;
	const struct sl_roster_node *gainer = roster->nodes;

	for (uint32_t word = 0; move->wanted > 0; word++) {
		for (uint64_t bits = move->loose[word]; bits != 0; bits &= bits - 1) {
			uint32_t place = word * WORD_BITS + (uint32_t)__builtin_ctzll(bits);

			while (move->wanted > 0 && move->balance[gainer->index] >= 0)
				gainer++;
			if (move->wanted > 0)
				(void)give(move, sl_order_slot(place, roster->slot_bits),
					   gainer->index);
		}
	}
}

static size_t move_memsize(uint32_t slot_count, uint32_t index_end)
{
	return sl_room(index_end * sizeof(int32_t)) +
	       2 * sl_room(slot_count / WORD_BITS * sizeof(uint64_t));
}

static void move_slots(const struct sl_roster *roster, const uint32_t *former, void *memory,
		       uint32_t *slots)
{
	struct move move = {.roster = *roster, .slots = slots};
	unsigned char *at = memory;

	move.balance = sl_take(&at, roster->index_end * sizeof(*move.balance));
	move.loose = sl_take(&at, roster->slot_count / WORD_BITS * sizeof(*move.loose));
	move.back = sl_take(&at, roster->slot_count / WORD_BITS * sizeof(*move.back));
	weigh(&move);
	if (move.wanted == 0)
		return;
	find_candidates(&move, former);
	if (former)
		take_back(&move, former);
	take_any(&move);
}

size_t sl_minimal_memsize(const struct sl_sched_input *input, uint32_t index_end)
{
	if (!input->before)
		return sl_populate_memsize(input->node_count, input->slot_count);
	return move_memsize(input->slot_count, index_end);
}

void sl_minimal_fill(const struct sl_roster *roster, const struct sl_sched_input *input,
		     void *memory, uint32_t *slots)
{
	if (!input->before) {
		sl_populate(roster, SL_POPULATE_NEAREST, memory, slots);
		return;
	}
	memmove(slots, input->before, input->slot_count * sizeof(*slots));
	move_slots(roster, input->former, memory, slots);
}
