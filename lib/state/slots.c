/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/slots.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

/* ---- what a slot was, what it becomes -------------------------------------------------------- */

/* One slot, settled or not. */
struct state {
	struct sl_open_slot open; /* node and lent; the rest when unsettled */
	bool unsettled;
};

static struct state read_slot(const struct sl_slot_table *table, uint32_t slot)
{
	uint32_t word = table->word[slot];
	struct state state = {.unsettled = word & SL_SLOT_OPEN};

	if (state.unsettled) {
		state.open = table->open[word & SL_SLOT_NODE];
	} else {
		state.open.node = word & SL_SLOT_NODE;
		state.open.lent = word & SL_SLOT_LENT;
	}
	state.open.slot = slot;
	return state;
}

static bool keeps(const struct sl_slots_move *move, uint32_t node)
{
	return sl_snapshot_node_flags(move->snapshot, node) & SL_NODE_KEEPS;
}

/* Whether a settled slot opens when it leaves the node. */
static bool opens(const struct sl_slots_move *move, uint32_t node)
{
	return move->open_ms && keeps(move, node);
}

uint64_t sl_slots_open_until(const struct sl_open_slot *open, const struct sl_pool_memory *memory,
			     uint32_t slot_count, uint64_t idle_ms)
{
	uint32_t stamp = memory ? open->slot >> sl_pool_memory_stamp_shift(memory, slot_count) : 0;
	uint64_t until = open->open_until_ms;

	for (uint32_t i = 0; memory && i < memory->core_count; i++) {
		uint32_t refused =
			__atomic_load_n(&memory->stamps[i][stamp].refused, __ATOMIC_RELAXED);

		if (refused && refused <= sl_tick(open->open_until_ms))
			until = SL_MAX(until, ((uint64_t)refused << SL_TICK_SHIFT) + idle_ms);
	}
	return until;
}

uint64_t sl_slots_prolong(uint64_t open_until_ms, uint64_t now_ms, int64_t longer_ms)
{
	int64_t left = (int64_t)(open_until_ms - now_ms) + longer_ms;

	if (now_ms >= open_until_ms)
		return open_until_ms;
	return now_ms + (uint64_t)SL_MAX(left, 0);
}

/* The slot's node becomes another one. */
static void move_slot(const struct sl_slots_move *move, struct state *state, uint32_t word)
{
	struct sl_open_slot *open = &state->open;
	uint32_t before = open->node;
	uint64_t now = move->now_ms;

	open->node = word & SL_SLOT_NODE;
	if (!state->unsettled) {
		if (!opens(move, before) && move->rest == SL_SLOTS_REST)
			return;
		state->unsettled = true;
		open->since_ms = move->since_ms;
		open->prior = before;
		open->open_until_ms = now + (opens(move, before) ? move->open_ms : 0);
	} else if (now >= open->open_until_ms) {
		open->prior = before;
		open->open_until_ms = now + move->open_ms;
	} else if (open->node == open->prior && !move->full) {
		/* With full tracking it stays open: who chooses for each new flow can tell unknown
		 * ones from new ones by that alone, be it from this very move on. */
		open->open_until_ms = now;
	}
	open->moved_at_ms = now;
}

/* A slot that stays where it is. One that is unsettled, but no more open, opens like a settled one:
 * its unknown flows are its node's, too. */
static void rest_slot(const struct sl_slots_move *move, struct state *state)
{
	struct sl_open_slot *open = &state->open;

	if (move->rest == SL_SLOTS_REST)
		return;
	if (state->unsettled &&
	    (move->rest == SL_SLOTS_UNSETTLE || move->now_ms < open->open_until_ms)) {
		open->moved_at_ms = move->now_ms; /* full tracking does not stamp */
		return;
	}
	if (!state->unsettled)
		open->since_ms = move->since_ms;
	state->unsettled = true;
	open->prior = open->node;
	open->open_until_ms = move->now_ms + (move->rest == SL_SLOTS_OPEN ? move->open_ms : 0);
	open->moved_at_ms = move->now_ms;
}

/* The slots of a table in the making: those before and those that are wanted may be fewer; counts are
 * powers of two. */
struct scale {
	uint32_t count;
	uint32_t before_shift, word_shift;
};

static struct scale scale_of(const struct sl_slots_move *move)
{
	uint32_t before = move->before ? move->before->count : move->count;
	uint32_t count = SL_MAX(before, move->count);

	return (struct scale){.count = count,
			      .before_shift = (uint32_t)__builtin_ctz(count / before),
			      .word_shift = (uint32_t)__builtin_ctz(count / move->count)};
}

static void next_state(const struct sl_slots_move *move, const struct scale *scale, uint32_t slot,
		       struct state *state)
{
	uint32_t word = move->words[slot >> scale->word_shift];

	*state = read_slot(move->before, slot >> scale->before_shift);
	state->open.slot = slot;
	if (state->unsettled)
		state->open.open_until_ms =
			sl_slots_prolong(sl_slots_open_until(&state->open, move->memory,
							     scale->count, move->open_ms),
					 move->now_ms, move->longer_ms);
	if (state->open.node != (word & SL_SLOT_NODE))
		move_slot(move, state, word);
	else
		rest_slot(move, state);
	state->open.lent = word & SL_SLOT_LENT;
	if (state->unsettled && !keeps(move, state->open.prior))
		state->open.open_until_ms = SL_MIN(state->open.open_until_ms, move->now_ms);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void write_slot(struct sl_slot_table *table, const struct state *state, uint32_t *open)
{
	uint32_t slot = state->open.slot;

	table->word[slot] = state->open.node | state->open.lent;
	if (state->unsettled) {
		table->open[*open] = state->open;
		table->word[slot] = SL_SLOT_OPEN | (*open)++;
	}
}

/* Whether a slot is unsettled after the move: what next_state() says, without the rest. */
static bool is_unsettled(const struct sl_slots_move *move, uint32_t word, uint32_t before)
{
	if (before & SL_SLOT_OPEN)
		return true;
	return move->rest != SL_SLOTS_REST ||
	       (((word ^ before) & SL_SLOT_NODE) && opens(move, before & SL_SLOT_NODE));
}

static bool is_unsettled_after(const struct sl_slots_move *move, const struct scale *scale,
			       uint32_t slot)
{
	return move->before && is_unsettled(move, move->words[slot >> scale->word_shift],
					    move->before->word[slot >> scale->before_shift]);
}

static uint32_t count_unsettled(const struct sl_slots_move *move, const struct scale *scale)
{
	uint32_t open = 0;

	for (uint32_t slot = 0; slot < scale->count; slot++)
		open += is_unsettled_after(move, scale, slot);
	return open;
}

/* The slots that move, in a copy of the table. Those that open come behind the others. */
static int move_few(const struct sl_slots_move *move, struct sl_slot_table **after)
{
	const struct sl_slot_table *before = move->before;
	struct scale scale = scale_of(move);
	uint32_t count = before->open_count, open = count;
	struct sl_slot_table *made;
	int rc;

	for (uint32_t i = 0; i < move->moved_count; i++) {
		uint32_t slot = move->moved[i], word = before->word[slot];

		count += !(word & SL_SLOT_OPEN) && is_unsettled(move, move->words[slot], word);
	}
	rc = sl_slot_table_create(move->count, count, &made);
	if (rc)
		return rc;
	memcpy(made->word, before->word, move->count * sizeof(*made->word));
	memcpy(made->open, before->open, before->open_count * sizeof(*made->open));
	for (uint32_t i = 0; i < move->moved_count; i++) {
		uint32_t slot = move->moved[i], word = before->word[slot];
		uint32_t place = word & SL_SLOT_NODE;
		struct state state;

		next_state(move, &scale, slot, &state);
		write_slot(made, &state, word & SL_SLOT_OPEN ? &place : &open);
	}
	*after = made;
	return 0;
}

int sl_slots_move(const struct sl_slots_move *move, struct sl_slot_table **after)
{
	struct scale scale = scale_of(move);
	uint32_t count, open = 0;
	struct sl_slot_table *made;
	int rc;

	if (move->moved)
		return move_few(move, after);
	count = count_unsettled(move, &scale);
	rc = sl_slot_table_create(scale.count, count, &made);
	if (rc)
		return rc;
	for (uint32_t slot = 0; slot < scale.count; slot++) {
		struct state state;

		if (!count || !is_unsettled_after(move, &scale, slot)) {
			made->word[slot] = move->words[slot >> scale.word_shift];
			continue;
		}
		next_state(move, &scale, slot, &state);
		write_slot(made, &state, &open);
	}
	*after = made;
	return 0;
}

static bool is_old(uint64_t at_ms, uint64_t now_ms, uint64_t idle_ms)
{
	return at_ms + idle_ms + SL_SETTLE_MARGIN_MS <= now_ms;
}

/* Whether the slot is still needed unsettled: open, moved or stamped within the idle timeout. */
static bool is_needed(const struct sl_open_slot *open, const struct sl_pool_memory *memory,
		      uint32_t slot_count, uint64_t now_ms, uint64_t idle_ms)
{
	uint32_t stamp = memory ? open->slot >> sl_pool_memory_stamp_shift(memory, slot_count) : 0;

	if (now_ms < sl_slots_open_until(open, memory, slot_count, idle_ms) ||
	    !is_old(open->moved_at_ms, now_ms, idle_ms))
		return true;
	for (uint32_t i = 0; memory && i < memory->core_count; i++) {
		uint32_t away = __atomic_load_n(&memory->stamps[i][stamp].away, __ATOMIC_RELAXED);

		if (away && !is_old((uint64_t)away << SL_TICK_SHIFT, now_ms, idle_ms))
			return true;
	}
	return false;
}

int sl_slots_settle(const struct sl_slot_table *before, const struct sl_pool_memory *memory,
		    uint64_t now_ms, uint64_t idle_ms, struct sl_slot_table **after)
{
	struct sl_slot_table *made;
	uint32_t open = 0;
	int rc;

	for (uint32_t i = 0; i < before->open_count; i++)
		open += is_needed(&before->open[i], memory, before->count, now_ms, idle_ms);
	*after = NULL;
	if (open == before->open_count)
		return 0;
	rc = sl_slot_table_create(before->count, before->open_count, &made);
	if (rc)
		return rc;
	open = 0;
	for (uint32_t slot = 0; slot < before->count; slot++) {
		struct state state = read_slot(before, slot);

		state.unsettled = state.unsettled &&
				  is_needed(&state.open, memory, before->count, now_ms, idle_ms);
		write_slot(made, &state, &open);
	}
	made->open_count = open;
	*after = made;
	return 0;
}

int sl_slots_fit(const struct sl_slot_table *before, uint32_t count, struct sl_slot_table **after)
{
	struct sl_slot_table *made;
	uint32_t shift;
	int rc;

	*after = NULL;
	if (before->open_count > 0 || before->count <= count)
		return 0;
	shift = (uint32_t)__builtin_ctz(before->count / count);
	for (uint32_t slot = 0; slot < before->count; slot++)
		if (before->word[slot] != before->word[slot >> shift << shift])
			return 0;
	rc = sl_slot_table_create(count, 0, &made);
	if (rc)
		return rc;
	for (uint32_t slot = 0; slot < count; slot++)
		made->word[slot] = before->word[slot << shift];
	*after = made;
	return 0;
}

uint32_t sl_slots_node(const struct sl_slot_table *table, uint32_t slot)
{
	return read_slot(table, slot).open.node;
}

/* ---- services -------------------------------------------------------------------------------- */

/* One more pool whose tables know flows of the service. */
static int add_via(struct sl_service_view *view, uint32_t pool)
{
	for (uint32_t i = 0; i < view->via_count; i++)
		if (view->via[i] == pool)
			return 0;
	if (view->via_count == SL_SERVICE_VIA_MAX)
		return -EBUSY;
	view->via[view->via_count++] = pool;
	return 0;
}

int sl_service_view_point(struct sl_service_view *view, uint32_t pool, uint64_t now_ms,
			  uint64_t open_ms)
{
	bool settled = view->prior_pool == SL_SERVICE_NONE;
	int rc;

	if (pool == view->pool)
		return 0;
	rc = add_via(view, view->pool);
	if (rc)
		return rc;
	if (settled)
		view->since_ms = now_ms;
	if (settled || now_ms >= view->open_until_ms) {
		view->prior_pool = view->pool;
		view->open_until_ms = now_ms + open_ms;
	} else if (pool == view->prior_pool) {
		view->open_until_ms = now_ms;
	}
	view->pool = pool;
	view->moved_at_ms = now_ms;
	return 0;
}

static bool is_service_needed(const struct sl_service_view *view, const struct sl_stamp *stamp,
			      uint64_t now_ms, uint64_t idle_ms)
{
	uint32_t away = __atomic_load_n(&stamp->away, __ATOMIC_RELAXED);
	uint32_t refused = __atomic_load_n(&stamp->refused, __ATOMIC_RELAXED);

	return now_ms < view->open_until_ms || !is_old(view->moved_at_ms, now_ms, idle_ms) ||
	       (away && !is_old((uint64_t)away << SL_TICK_SHIFT, now_ms, idle_ms)) ||
	       (refused && !is_old((uint64_t)refused << SL_TICK_SHIFT, now_ms, idle_ms));
}

bool sl_service_view_settle(struct sl_service_view *view, uint32_t index,
			    struct sl_core_stats *const *cores, uint32_t core_count,
			    uint64_t now_ms, uint64_t idle_ms)
{
	for (uint32_t i = 0; i < core_count; i++)
		if (is_service_needed(view, &cores[i]->service_stamps[index], now_ms, idle_ms))
			return false;
	view->prior_pool = SL_SERVICE_NONE;
	view->flags &= (uint16_t)~SL_SERVICE_GAINED;
	view->via_count = 0;
	return true;
}
