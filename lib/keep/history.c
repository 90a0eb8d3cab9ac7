/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/history.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "keep/frame.h"
#include "keep/squeeze.h"

#define SQUEEZE_MIN 4096u /* octets from which on a state or step is squeezed */

/* What the lines are followed by; SQUEEZED beside the others: as squeeze.h says. */
enum record_kind { RECORD_BASE = 1, RECORD_STEP = 2, RECORD_SQUEEZED = 16 };

_Static_assert(SL_HISTORY_LEAST + SL_HISTORY_MORE < SL_HISTORY_KEEP &&
		       SL_HISTORY_KEEP < SL_HISTORY_MAX,
	       "folding leaves at least what is promised");

struct sl_history {
	struct sl_history_record *records; /* the base and its steps */
	uint32_t count, room;
	size_t size; /* octets of all records */
};

int sl_history_create(struct sl_history **out)
{
	struct sl_history *history = calloc(1, sizeof(*history));

	if (!history)
		return -ENOMEM;
	*out = history;
	return 0;
}

static void forget(struct sl_history *history)
{
	for (uint32_t i = 0; i < history->count; i++)
		free(history->records[i].data);
	history->count = 0;
	history->size = 0;
}

void sl_history_destroy(struct sl_history *history)
{
	if (!history)
		return;
	forget(history);
	free(history->records);
	free(history);
}

static int append(struct sl_history *history, const struct sl_history_record *record)
{
	if (history->count == history->room) {
		uint32_t room = history->room ? 2 * history->room : 64;
		void *records = realloc(history->records, room * sizeof(*history->records));

		if (!records)
			return -ENOMEM;
		history->records = records;
		history->room = room;
	}
	history->records[history->count++] = *record;
	history->size += record->size;
	return 0;
}

static struct sl_past_clock clock_now(void)
{
	return (struct sl_past_clock){.now_ms = sl_clock_ms(), .wall_ms = sl_clock_wall_ms()};
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_line(struct sl_pack *pack, uint32_t kind, const struct sl_history_line *line,
		       const struct sl_change_result *result)
{
	sl_pack_number(pack, kind);
	sl_pack_number(pack, line->generation);
	sl_pack_number(pack, line->wall_ms);
	sl_pack_number(pack, line->uid);
	sl_pack_number(pack, (uint32_t)line->pid);
	sl_pack_text(pack, line->verb);
	sl_pack_text(pack, line->what);
	sl_pack_number(pack, line->file_digest);
	sl_pack_number(pack, result ? result->pool_count : 0);
	for (uint32_t i = 0; result && i < result->pool_count; i++) {
		sl_pack_text(pack, result->pools[i].name);
		sl_pack_number(pack, result->pools[i].moved_slots);
	}
}

/* The line, and behind it the state or step, which are freed; squeezed where that pays. */
static void write_record(struct sl_pack *pack, enum record_kind kind,
			 const struct sl_history_line *line, const struct sl_change_result *result,
			 struct sl_pack *step)
{
	bool squeezed = !step->failed && step->size >= SQUEEZE_MIN;
	uint8_t *at;

	write_line(pack, squeezed ? kind | RECORD_SQUEEZED : kind, line, result);
	if (squeezed) {
		(void)sl_squeeze(pack, step->data, step->size);
	} else {
		at = sl_pack_reserve(pack, step->size);
		if (at && step->size)
			memcpy(at, step->data, step->size);
		pack->size += step->size;
	}
	pack->failed |= step->failed;
	sl_pack_fini(step);
}

/* Takes the octets over; on failure they are freed. */
static int append_pack(struct sl_history *history, struct sl_pack *pack, uint64_t generation)
{
	struct sl_history_record record = {
		.data = pack->data, .size = pack->size, .generation = generation};
	uint8_t *tight;

	if (pack->failed || append(history, &record)) {
		sl_pack_fini(pack);
		return -ENOMEM;
	}
	tight = realloc(pack->data, pack->size);
	if (tight)
		history->records[history->count - 1].data = tight;
	return 0;
}

int sl_history_begin(struct sl_history *history, const struct sl_history_line *line,
		     const struct sl_image *image, const struct sl_hash_key *key)
{
	struct sl_past_clock now = clock_now();
	struct sl_pack pack = {0}, state = {0};

	forget(history);
	sl_past_write_state(&state, image, key, &now);
	write_record(&pack, RECORD_BASE, line, NULL, &state);
	return append_pack(history, &pack, line->generation);
}

int sl_history_add(struct sl_history *history, const struct sl_history_line *line,
		   const struct sl_model_event *event, const struct sl_hash_key *key)
{
	struct sl_past_clock now = clock_now();
	struct sl_pack pack = {0}, step = {0};

	sl_past_write_step(&step, event->change, event->before, event->after, key, &now);
	write_record(&pack, RECORD_STEP, line, event->result, &step);
	return append_pack(history, &pack, line->generation);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Reads a line up to its pools; returns the kind of its record. */
static uint64_t read_line(struct sl_unpack *unpack, struct sl_history_line *line)
{
	uint64_t kind = sl_unpack_number(unpack);

	*line = (struct sl_history_line){.generation = sl_unpack_number(unpack)};
	line->wall_ms = sl_unpack_number(unpack);
	line->uid = (uint32_t)sl_unpack_number(unpack);
	line->pid = (int32_t)(uint32_t)sl_unpack_number(unpack);
	(void)snprintf(line->verb, sizeof(line->verb), "%s", sl_unpack_text(unpack));
	(void)snprintf(line->what, sizeof(line->what), "%s", sl_unpack_text(unpack));
	line->file_digest = sl_unpack_number(unpack);
	return kind;
}

static void skip_pools(struct sl_unpack *unpack)
{
	uint64_t count = sl_unpack_number(unpack);

	while (count-- > 0 && !unpack->failed) {
		(void)sl_unpack_text(unpack);
		(void)sl_unpack_number(unpack);
	}
}

static struct sl_unpack open_record(const struct sl_history_record *record)
{
	return (struct sl_unpack){.at = record->data, .end = record->data + record->size};
}

int sl_history_take(struct sl_history *history, const uint8_t *data, size_t size)
{
	struct sl_unpack unpack = {.at = data, .end = data + size};
	struct sl_history_line line;
	struct sl_pack pack = {0};
	uint64_t kind = read_line(&unpack, &line);
	uint8_t *at;

	skip_pools(&unpack);
	kind &= ~(uint64_t)RECORD_SQUEEZED;
	if (unpack.failed || kind != (history->count == 0 ? RECORD_BASE : RECORD_STEP))
		return -EINVAL;
	if (history->count > 0 &&
	    line.generation != history->records[history->count - 1].generation + 1)
		return -EINVAL;
	at = sl_pack_reserve(&pack, size);
	if (at)
		memcpy(at, data, size);
	pack.size = size;
	return append_pack(history, &pack, line.generation);
}

bool sl_history_peek(const uint8_t *data, size_t size, uint64_t *generation)
{
	struct sl_unpack unpack = {.at = data, .end = data + size};
	uint64_t kind = sl_unpack_number(&unpack) & ~(uint64_t)RECORD_SQUEEZED;

	*generation = sl_unpack_number(&unpack);
	return !unpack.failed && (kind == RECORD_BASE || kind == RECORD_STEP);
}

uint32_t sl_history_count(const struct sl_history *history)
{
	return history->count;
}

const struct sl_history_record *sl_history_record(const struct sl_history *history, uint32_t place)
{
	assert(place < history->count);
	return &history->records[place];
}

void sl_history_line(const struct sl_history *history, uint32_t place, struct sl_history_line *line)
{
	struct sl_unpack unpack = open_record(&history->records[place]);

	(void)read_line(&unpack, line);
}

/* Reads one more record into the state. On failure there is none any more. */
static int read_next(const struct sl_history *history, uint32_t place,
		     const struct sl_past_clock *now, struct sl_past *past,
		     struct sl_history_line *line)
{
	struct sl_unpack unpack = open_record(&history->records[place]);
	bool squeezed = read_line(&unpack, line) & RECORD_SQUEEZED;
	struct sl_pack whole = {0};
	int rc = 0;

	skip_pools(&unpack);
	if (squeezed) {
		rc = sl_unsqueeze(&unpack, &whole);
		unpack = (struct sl_unpack){.at = whole.data, .end = whole.data + whole.size};
	}
	if (rc == 0)
		rc = place == 0 ? sl_past_read_state(&unpack, now, past)
				: sl_past_read_step(&unpack, now, past);
	if (rc && place > 0)
		sl_past_fini(past);
	sl_pack_fini(&whole);
	return rc;
}

/* The state after the record at a place; on failure *bad is the record that could not be read. */
static int read_state(const struct sl_history *history, uint32_t place,
		      const struct sl_past_clock *now, struct sl_past *past, uint32_t *bad)
{
	struct sl_history_line line;
	int rc = 0;

	for (uint32_t i = 0; i <= place && rc == 0; i++) {
		*bad = i;
		rc = read_next(history, i, now, past, &line);
	}
	if (rc == 0)
		past->image->generation = history->records[place].generation;
	return rc;
}

int sl_history_walk(const struct sl_history *history, uint32_t from,
		    void (*visit)(void *context, const struct sl_past *past,
				  const struct sl_history_line *line),
		    void *context, struct sl_past *past)
{
	struct sl_past_clock now = clock_now();
	struct sl_history_line line;
	int rc = history->count ? 0 : -EINVAL;

	for (uint32_t i = 0; i < history->count && rc == 0; i++) {
		rc = read_next(history, i, &now, past, &line);
		if (rc == 0 && i >= from)
			visit(context, past, &line);
	}
	return rc;
}

/* Nodes that no hand had touched then are as they are for this reason. */
static void say_why(struct sl_image *image)
{
	for (uint32_t p = 0; p < image->pool_count; p++)
		for (uint32_t n = 0; n < image->pools[p]->node_count; n++)
			if (!image->pools[p]->nodes[n].why[0])
				memcpy(image->pools[p]->nodes[n].why, "rollback",
				       sizeof("rollback"));
}

int sl_history_state(const struct sl_history *history, uint64_t generation, struct sl_past *past,
		     struct sl_err *err)
{
	struct sl_past_clock now = clock_now();
	uint64_t first, last;
	uint32_t bad;
	int rc;

	if (history->count == 0)
		return sl_err_set(err, -ENOENT, "there is no history");
	first = history->records[0].generation;
	last = history->records[history->count - 1].generation;
	if (generation < first || generation > last)
		return sl_err_set(err, -ENOENT,
				  "generation %" PRIu64 " is not kept: %" PRIu64 " to %" PRIu64
				  " are",
				  generation, first, last);
	rc = read_state(history, (uint32_t)(generation - first), &now, past, &bad);
	if (rc == 0)
		say_why(past->image);
	return rc ? sl_err_set(err, rc == -ENOMEM ? rc : -EIO,
			       "generation %" PRIu64 " cannot be read back", generation)
		  : 0;
}

int sl_history_read_back(struct sl_history *history, uint64_t written_ms, struct sl_past *past,
			 uint64_t *octets)
{
	struct sl_past_clock now = clock_now();
	struct sl_history_line line;
	uint32_t bad;

	now.wall_ms = SL_MAX(now.wall_ms, written_ms);
	*octets = 0;
	while (history->count > 0) {
		struct sl_past_clock then = now;
		int rc;

		sl_history_line(history, history->count - 1, &line);
		then.wall_ms = SL_MAX(then.wall_ms, line.wall_ms);
		rc = read_state(history, history->count - 1, &then, past, &bad);

		if (rc == 0 || rc == -ENOMEM)
			return rc;
		while (history->count > bad) {
			struct sl_history_record *record = &history->records[--history->count];

			*octets += SL_FRAME_HEAD_SIZE + record->size;
			history->size -= record->size;
			free(record->data);
		}
	}
	return -ENOENT;
}

/* ---- folding --------------------------------------------------------------------------------- */

/* The base becomes the state after the record at a place, whose line it takes. */
static int fold_to(struct sl_history *history, uint32_t place)
{
	struct sl_past_clock now = clock_now();
	struct sl_history_line line;
	struct sl_pack pack = {0}, state = {0};
	struct sl_past past;
	uint32_t bad;
	int rc = read_state(history, place, &now, &past, &bad);

	if (rc)
		return rc;
	sl_history_line(history, place, &line);
	sl_past_write_state(&state, past.image, &past.hash_key, &now);
	write_record(&pack, RECORD_BASE, &line, NULL, &state);
	sl_past_fini(&past);
	if (pack.failed) {
		sl_pack_fini(&pack);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i <= place; i++) {
		history->size -= history->records[i].size;
		free(history->records[i].data);
	}
	memmove(history->records, history->records + place,
		(history->count - place) * sizeof(*history->records));
	history->count -= place;
	history->records[0] = (struct sl_history_record){
		.data = pack.data, .size = pack.size, .generation = line.generation};
	history->size += pack.size;
	return 0;
}

bool sl_history_fold(struct sl_history *history)
{
	if (history->count > SL_HISTORY_MAX)
		return fold_to(history, history->count - SL_HISTORY_KEEP) == 0;
	/* A base may well be large; what counts here is what steps have added to it. */
	if (history->count > SL_HISTORY_LEAST + SL_HISTORY_MORE &&
	    history->size - history->records[0].size > SL_HISTORY_SIZE)
		return fold_to(history, history->count - SL_HISTORY_LEAST - 1) == 0;
	return false;
}

void sl_history_moved(const struct sl_history *history, uint32_t place,
		      void (*visit)(void *context, const char *pool, uint64_t slots), void *context)
{
	struct sl_unpack unpack = open_record(&history->records[place]);
	struct sl_history_line line;
	uint64_t count;

	(void)read_line(&unpack, &line);
	count = sl_unpack_number(&unpack);
	while (count-- > 0 && !unpack.failed) {
		const char *pool = sl_unpack_text(&unpack);

		visit(context, pool, sl_unpack_number(&unpack));
	}
}
