/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/file.h"
#include "keep/frame.h"
#include "keep/rest.h"

#define WORD_SIZE (sizeof("sluice state ") - 1) /* of the head line, up to the version */
#define WRONG_MAX 3				/* octets of a head line that is still one */

struct reading {
	struct sl_history *history;
	struct sl_pack *rest;
	struct sl_loaded *loaded;
};

static int take_record(struct reading *reading, const struct sl_frame_reader *reader)
{
	struct sl_pack *rest = reading->rest;

	if (rest->size > 0)
		return -EBADMSG;
	if (reader->kind == SL_STATE_HISTORY)
		return sl_history_take(reading->history, reader->data, reader->data_size);
	if (reader->kind != SL_STATE_REST || sl_history_count(reading->history) == 0 ||
	    reader->data_size == 0)
		return -EBADMSG;
	if (!sl_pack_reserve(rest, reader->data_size))
		return -ENOMEM;
	memcpy(rest->data, reader->data, reader->data_size);
	rest->size = reader->data_size;
	return 0;
}

static uint64_t last_generation(const struct sl_history *history)
{
	uint32_t count = sl_history_count(history);

	return count ? sl_history_record(history, count - 1)->generation : 0;
}

static bool may_be_step(void *context, uint8_t kind, const uint8_t *data, size_t size)
{
	const struct reading *reading = context;
	uint64_t last = last_generation(reading->history), generation;

	return kind == SL_STATE_HISTORY && sl_history_peek(data, size, &generation) &&
	       generation > last && generation - last <= UINT32_MAX;
}

static void note_step(void *context, uint8_t kind, const uint8_t *data, size_t size)
{
	struct reading *reading = context;
	uint64_t generation;

	(void)kind;
	if (sl_history_peek(data, size, &generation))
		reading->loaded->behind = SL_MAX(reading->loaded->behind, generation);
}

/* The records up to the first that is none. 0 or negative errno, -ENOMEM and the like. */
static int read_records(struct reading *reading, struct sl_frame_reader *reader)
{
	const struct sl_frame_search search = {
		.may = may_be_step, .visit = note_step, .context = reading};
	int rc;

	do {
		reading->loaded->good = reader->at;
		rc = sl_frame_next(reader);
		if (rc == 1 && (rc = take_record(reading, reader)) == 0)
			rc = 1;
	} while (rc == 1);
	reader->at = reading->loaded->good;
	reading->loaded->end = sl_frame_end(reader);
	if (rc != -EBADMSG && rc != -EINVAL)
		return rc;
	reading->loaded->flows =
		sl_history_count(reading->history) > 0 &&
		reading->loaded->end - reading->loaded->good > SL_FRAME_HEAD_SIZE &&
		sl_file_read(reader->fd, &reader->kind, 1, reading->loaded->good + 8) == 1 &&
		reader->kind == SL_STATE_REST;
	sl_frame_find(reader, &search);
	return 0;
}

static bool is_read(uint64_t version)
{
	return version >= SL_STATE_VERSION_FIRST && version <= SL_STATE_VERSION;
}

/* The version that the first line names; 0: none. A line that is nearly ours is, and damaged. */
static uint64_t read_version(int fd, bool *damaged)
{
	char head[32] = "", *end;
	uint64_t version;
	size_t same = 0;

	if (sl_file_read(fd, head, sizeof(head) - 1, 0) < (ssize_t)SL_STATE_HEAD_SIZE)
		return 0;
	version = strtoull(head + WORD_SIZE, &end, 10);
	if (memcmp(head, SL_STATE_HEAD, WORD_SIZE) == 0 && end > head + WORD_SIZE && *end == '\n')
		return version;
	for (size_t i = 0; i < SL_STATE_HEAD_SIZE; i++)
		same += head[i] == SL_STATE_HEAD[i];
	*damaged = is_read(version) && same >= SL_STATE_HEAD_SIZE - WRONG_MAX;
	return *damaged ? version : 0;
}

/* Octets may be whole and yet make no sense: then what stands before them counts. */
static int read_back(struct reading *reading)
{
	uint64_t last = last_generation(reading->history);
	uint64_t written_ms = sl_rest_written_ms(reading->rest), octets = 0;
	int rc =
		sl_history_read_back(reading->history, written_ms, &reading->loaded->past, &octets);

	if (rc == 0 && octets) {
		reading->loaded->good -= (off_t)octets;
		reading->loaded->behind = SL_MAX(reading->loaded->behind, last);
		if (reading->rest->size > 0)
			reading->loaded->good -= (off_t)(reading->rest->size + SL_FRAME_HEAD_SIZE);
		sl_pack_fini(reading->rest);
	}
	reading->loaded->state = rc == 0;
	return rc == -ENOENT ? 0 : rc;
}

int sl_load(int fd, struct sl_history *history, struct sl_pack *rest, struct sl_loaded *loaded)
{
	struct reading reading = {.history = history, .rest = rest, .loaded = loaded};
	struct sl_frame_reader reader;
	struct stat status;
	int rc = 0;

	*loaded = (struct sl_loaded){0};
	if (fstat(fd, &status))
		return -errno;
	loaded->version = read_version(fd, &loaded->head);
	loaded->end = status.st_size;
	if (is_read(loaded->version)) {
		sl_frame_reader_init(&reader, fd, SL_STATE_HEAD_SIZE, status.st_size);
		rc = read_records(&reading, &reader);
		sl_frame_reader_fini(&reader);
	}
	if (rc == 0)
		rc = read_back(&reading);
	loaded->last = last_generation(history);
	return rc;
}

static int say_foreign(const struct sl_loaded *loaded, const char *path, char *note)
{
	if (loaded->version > SL_STATE_VERSION)
		return snprintf(note, SL_LOADED_NOTE_SIZE,
				"control.state %.160s: of version %" PRIu64
				", which is newer than what this sluice reads (%d): to be set "
				"aside; starting from the configuration",
				path, loaded->version, SL_STATE_VERSION);
	return snprintf(note, SL_LOADED_NOTE_SIZE,
			"control.state %.160s: damaged, or no state of sluice: to be set aside; "
			"starting from the configuration",
			path);
}

static int say_damaged(const struct sl_loaded *loaded, const char *path, char *note)
{
	long long at = loaded->good, left = loaded->end - loaded->good;

	if (left == 0)
		return snprintf(note, SL_LOADED_NOTE_SIZE,
				"control.state %.160s: its first line is damaged; all changes are "
				"kept, up to generation %" PRIu64,
				path, loaded->last);
	if (loaded->flows)
		return snprintf(note, SL_LOADED_NOTE_SIZE,
				"control.state %.160s: what it says of flows (%lld octets) is "
				"damaged and left out; all changes are kept, up to generation "
				"%" PRIu64,
				path, left, loaded->last);
	if (loaded->behind)
		return snprintf(note, SL_LOADED_NOTE_SIZE,
				"control.state %.160s: damaged at octet %lld: what stands before "
				"is kept, up to generation %" PRIu64
				"; %lld octets behind it, up to generation %" PRIu64
				", are set aside",
				path, at, loaded->last, left, loaded->behind);
	return snprintf(note, SL_LOADED_NOTE_SIZE,
			"control.state %.160s: its last record is cut short or damaged: %lld "
			"octets from octet %lld on are set aside; what stands before is kept, up "
			"to generation %" PRIu64,
			path, left, at, loaded->last);
}

bool sl_load_say(const struct sl_loaded *loaded, const char *path, char note[SL_LOADED_NOTE_SIZE],
		 char word[SL_LOADED_WORD_SIZE])
{
	bool begun = is_read(loaded->version) &&
		     loaded->end == (off_t)SL_STATE_HEAD_SIZE; /* nothing was kept yet */

	note[0] = word[0] = '\0';
	if (begun || (loaded->state && loaded->good == loaded->end && !loaded->head))
		return false;
	if (loaded->version > SL_STATE_VERSION)
		(void)snprintf(word, SL_LOADED_WORD_SIZE, "version-%" PRIu64, loaded->version);
	else
		(void)snprintf(word, SL_LOADED_WORD_SIZE, "damaged");
	(void)(loaded->state ? say_damaged(loaded, path, note) : say_foreign(loaded, path, note));
	return true;
}
