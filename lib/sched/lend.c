/* SPDX-License-Identifier: BSD-3-Clause */

/* Lent slots: the home table while some nodes are away.
 *
 * Exactly the slots that must move do: all of the absent nodes', and those of present nodes
 * whose quota among the present is below what they have at home. Each takes the first node with
 * room in an order of preference of its own: a sequence of nodes, each as often as its weight
 * says, that depends only on all the pool's nodes and on the slot's number among those of its
 * node. So the same outage always gives the same table, whatever came before, and another
 * outage leaves most loans as they are.
 *
 * First choices are settled before second ones, since a first choice is then only ever
 * disturbed by another first choice. The numbers step through the weights by the golden
 * section, so that a node's slots spread over the others nearly as exactly as quotas do, and
 * few need a second choice. Measured over random outages (up to half of the nodes away, then
 * one more) at 2^16 slots: at most 0.2 % of the slots beyond the least for 20 nodes, 0.3 % for
 * 100, 0.5 % for 1000.
 */

#include <errno.h>

#include "base/mem.h"
#include "base/prng.h"
#include "sched/surplus.h"

#define CHOICES_MAX 64 /* then the first node with room, which few slots ever need */
#define GOLDEN	    0x9e3779b97f4a7c15ull

struct loan {
	uint64_t start;	 /* of the sequence of preferences: its node's */
	uint32_t number; /* of the slot among its node's */
	uint32_t slot;
};

struct lending {
	struct sl_roster roster;
	struct sl_surplus surplus;
	uint32_t *urn;	  /* node indices, each as often as its quota with all present */
	uint64_t *starts; /* by node index */
	uint32_t *given;  /* by node index: loans so far */
	struct loan *loans;
	uint32_t loan_count;
};

static size_t lending_memsize(uint32_t node_count, uint32_t slot_count, uint32_t index_end)
{
	return sl_roster_memsize(node_count) + sl_room(slot_count * sizeof(uint32_t)) +
	       sl_room(index_end * sizeof(uint64_t)) + sl_room(index_end * sizeof(uint32_t)) +
	       sl_surplus_memsize(slot_count, index_end);
}

/* What preferences rest on: taken before any node is struck off. */
static void fill_urn(struct lending *lending)
{
	uint32_t *next = lending->urn;

	for (uint32_t i = 0; i < lending->roster.count; i++) {
		const struct sl_roster_node *node = &lending->roster.nodes[i];

		lending->starts[node->index] = sl_prng_mix(node->seed);
		for (uint32_t slot = 0; slot < node->quota; slot++)
			*next++ = node->index;
	}
}

/* The slots that must move, in the order of slots, numbered by node. */
static void list_loans(struct lending *lending, const uint32_t *home)
{
	struct sl_surplus *surplus = &lending->surplus;
	struct sl_surplus_walk walk = {.back = false};
	uint32_t left = surplus->wanted, slot;

	while (left > 0 && sl_surplus_next(surplus, &walk, &slot)) {
		uint32_t owner = sl_surplus_known(surplus, home[slot]);

		if (surplus->balance[owner] <= 0)
			continue;
		surplus->balance[owner]--;
		left--;
		lending->loans[lending->loan_count++] =
			(struct loan){.start = lending->starts[owner],
				      .number = lending->given[owner]++,
				      .slot = slot};
	}
}

static void lend_to(struct lending *lending, const struct loan *loan, uint32_t index)
{
	lending->surplus.tables.slots[loan->slot] = index;
	lending->surplus.balance[index]++;
}

/* Settles the loans whose choice of this number has room; the others stay listed, in order. */
static void settle(struct lending *lending, uint32_t choice)
{
	uint64_t step = GOLDEN + (choice > 0 ? sl_prng_mix(choice) : 0);
	uint64_t start = choice * GOLDEN;
	uint32_t left = 0;

	for (uint32_t i = 0; i < lending->loan_count; i++) {
		struct loan loan = lending->loans[i];
		uint64_t at = loan.start + start + loan.number * step;
		uint32_t index = lending->urn[at >> (64 - lending->roster.slot_bits)];

		lending->loans[left] = loan;
		if (lending->surplus.balance[index] < 0)
			lend_to(lending, &loan, index);
		else
			left++;
	}
	lending->loan_count = left;
}

static void settle_rest(struct lending *lending)
{
	const struct sl_roster_node *node = lending->roster.nodes;

	for (uint32_t i = 0; i < lending->loan_count; i++) {
		while (lending->surplus.balance[node->index] >= 0)
			node++;
		lend_to(lending, &lending->loans[i], node->index);
	}
}

static int lend(struct lending *lending, unsigned char *at, const bool *absent,
		const uint32_t *home, uint32_t *slots)
{
	struct sl_surplus_tables tables = {.held = home, .slots = slots};
	struct sl_roster *roster = &lending->roster;
	size_t loans_size;

	lending->urn = sl_take(&at, roster->slot_count * sizeof(*lending->urn));
	lending->starts = sl_take(&at, roster->index_end * sizeof(*lending->starts));
	lending->given = sl_take(&at, roster->index_end * sizeof(*lending->given));
	fill_urn(lending);
	sl_roster_narrow(roster, absent);
	if (roster->count == 0) {
		memset(slots, 0, roster->slot_count * sizeof(*slots));
		return 0;
	}
	sl_surplus_init(&lending->surplus, at, roster, &tables, NULL, 0, NULL);
	loans_size = lending->surplus.wanted * sizeof(*lending->loans);
	lending->loans = sl_mem_alloc(loans_size);
	if (!lending->loans)
		return -ENOMEM;
	memcpy(slots, home, roster->slot_count * sizeof(*slots));
	list_loans(lending, home);
	for (uint32_t choice = 0; choice < CHOICES_MAX && lending->loan_count > 0; choice++)
		settle(lending, choice);
	settle_rest(lending);
	sl_mem_free(lending->loans, loans_size);
	return 0;
}

static bool any_absent(const bool *absent, uint32_t node_count)
{
	for (uint32_t i = 0; i < node_count; i++)
		if (absent[i])
			return true;
	return false;
}

int sl_sched_lend(const struct sl_sched_node *nodes, uint32_t node_count, const bool *absent,
		  const uint32_t *home, uint32_t slot_count, uint32_t *slots)
{
	struct lending lending = {.loan_count = 0};
	unsigned char *memory;
	uint32_t index_end;
	size_t size;
	int rc = sl_roster_check(nodes, node_count, slot_count, &index_end);

	if (rc < 0)
		return rc;
	if (!any_absent(absent, node_count)) {
		memcpy(slots, home, slot_count * sizeof(*slots));
		return 0;
	}
	size = lending_memsize(node_count, slot_count, index_end);
	memory = sl_mem_alloc(size);
	if (!memory)
		return -ENOMEM;
	sl_roster_init(&lending.roster, memory, nodes, node_count, slot_count, index_end);
	rc = lend(&lending, memory + sl_roster_memsize(node_count), absent, home, slots);
	sl_mem_free(memory, size);
	return rc;
}
