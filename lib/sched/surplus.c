/* SPDX-License-Identifier: BSD-3-Clause */

#include "sched/surplus.h"

static size_t bits_size(uint32_t slot_count)
{
	return slot_count / SL_SURPLUS_WORD_BITS * sizeof(uint64_t);
}

size_t sl_surplus_memsize(uint32_t slot_count, uint32_t index_end)
{
	return sl_room(index_end * sizeof(int32_t)) + 2 * sl_room(bits_size(slot_count));
}

static void weigh(struct sl_surplus *surplus, const uint32_t *held)
{
	const struct sl_roster *roster = surplus->roster;

	for (uint32_t slot = 0; slot < roster->slot_count; slot++)
		surplus->balance[sl_surplus_known(surplus, held[slot])]++;
	for (uint32_t i = 0; i < roster->count; i++) {
		int32_t *balance = &surplus->balance[roster->nodes[i].index];

		*balance -= (int32_t)roster->nodes[i].quota;
		if (*balance < 0)
			surplus->wanted += (uint32_t) - *balance;
	}
}

static inline void mark(uint64_t *bits, uint32_t place)
{
	bits[place / SL_SURPLUS_WORD_BITS] |= 1ull << (place % SL_SURPLUS_WORD_BITS);
}

/* Free of branches over the slots; by place only for the candidates. */
static void find_candidates(struct sl_surplus *surplus, const uint32_t *held,
			    const uint32_t *former)
{
	const struct sl_roster *roster = surplus->roster;

	for (uint32_t base = 0; base < roster->slot_count; base += SL_SURPLUS_WORD_BITS) {
		uint64_t above = 0;

		for (uint32_t bit = 0; bit < SL_SURPLUS_WORD_BITS; bit++) {
			uint32_t index = sl_surplus_known(surplus, held[base + bit]);

			above |= (uint64_t)(surplus->balance[index] > 0) << bit;
		}
		for (; above != 0; above &= above - 1) {
			uint32_t slot = base + (uint32_t)__builtin_ctzll(above);
			uint32_t place = sl_order_place(slot, roster->slot_bits);

			mark(surplus->loose, place);
			if (former && surplus->balance[sl_surplus_known(surplus, former[slot])] < 0)
				mark(surplus->back, place);
		}
	}
}

void sl_surplus_init(struct sl_surplus *surplus, void *memory, const struct sl_roster *roster,
		     const uint32_t *held, const uint32_t *former, uint32_t *slots)
{
	unsigned char *at = memory;

	surplus->roster = roster;
	surplus->slots = slots;
	surplus->wanted = 0;
	surplus->balance = sl_take(&at, roster->index_end * sizeof(*surplus->balance));
	surplus->loose = sl_take(&at, bits_size(roster->slot_count));
	surplus->back = sl_take(&at, bits_size(roster->slot_count));
	weigh(surplus, held);
	if (surplus->wanted > 0)
		find_candidates(surplus, held, former);
}
