/* SPDX-License-Identifier: BSD-3-Clause */

/* History: what was changed, when, by whom, and the way back to each of the last generations.
 *
 * Why:     rollback needs exact tables of hundreds of generations; images of them all would take
 *          gigabytes.
 * Shape:   a base record with a whole state, and after it one record a change with the step to the
 *          next (record.h). The same records make up the state file (file.h). When there are more
 *          than SL_HISTORY_MAX, the oldest are folded into the base, and SL_HISTORY_KEEP stay; when
 *          steps have more than SL_HISTORY_SIZE octets, SL_HISTORY_LEAST stay, whatever they weigh.
 * Threads: control.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno.
 */

#ifndef SL_KEEP_HISTORY_H
#define SL_KEEP_HISTORY_H

#include "keep/record.h"
#include "model/model.h"

#define SL_HISTORY_KEEP	     512u
#define SL_HISTORY_MAX	     1024u
#define SL_HISTORY_LEAST     256u
#define SL_HISTORY_MORE	     32u /* so many above it before folding again pays */
#define SL_HISTORY_SIZE	     (64u << 20)
#define SL_HISTORY_WHAT_SIZE 256

struct sl_history;

/* Who did what: a line of history. */
struct sl_history_line {
	uint64_t generation, wall_ms;
	uint32_t uid;
	int32_t pid;
	char verb[32];
	char what[SL_HISTORY_WHAT_SIZE];
	uint64_t file_digest; /* of the configuration file when it last had its say */
};

/* A record as it stands in the state file. */
struct sl_history_record {
	uint8_t *data;
	size_t size;
	uint64_t generation;
};

int sl_history_create(struct sl_history **history);
void sl_history_destroy(struct sl_history *history);

/* Forgets everything and begins with this state; result (may be NULL) has the slots moved. */
int sl_history_begin(struct sl_history *history, const struct sl_history_line *line,
		     const struct sl_image *image, const struct sl_hash_key *key);

/* One more generation: event is a SL_EVENT_CHANGE. */
int sl_history_add(struct sl_history *history, const struct sl_history_line *line,
		   const struct sl_model_event *event, const struct sl_hash_key *key);

/* Takes a copy of a record of a state file: first a base, then steps, each of the next generation.
 * -EINVAL when it is none, or out of turn. */
int sl_history_take(struct sl_history *history, const uint8_t *data, size_t size);

/* True if the octets begin as a record does; then *generation is its own. */
bool sl_history_peek(const uint8_t *data, size_t size, uint64_t *generation);

/* Reads the last state as of now, or of written_ms (wall clock) or the last change, whichever is
 * latest: a clock that was set back gives no drain more time than it had left. Records that make no sense, and those behind them, are dropped: *octets is
 * what they take in a file. -ENOENT when there is none, -ENOMEM. */
int sl_history_read_back(struct sl_history *history, uint64_t written_ms, struct sl_past *past,
			 uint64_t *octets);

/* Makes room when there is too much. Returns whether records changed. */
bool sl_history_fold(struct sl_history *history);

/* Record 0 is the base, the last is the present. */
uint32_t sl_history_count(const struct sl_history *history);
const struct sl_history_record *sl_history_record(const struct sl_history *history, uint32_t place);
void sl_history_line(const struct sl_history *history, uint32_t place,
		     struct sl_history_line *line);

/* The state of a generation: -ENOENT with the range that there is. */
int sl_history_state(const struct sl_history *history, uint64_t generation, struct sl_past *past,
		     struct sl_err *err);

/* Reads all states one after the other, and calls visit after each record from the place on. Past is the last
 * one: sl_past_fini(). 0, -EINVAL or -ENOMEM, and then nothing is to be freed. */
int sl_history_walk(const struct sl_history *history, uint32_t from,
		    void (*visit)(void *context, const struct sl_past *past,
				  const struct sl_history_line *line),
		    void *context, struct sl_past *past);

/* Calls visit for each pool whose slots the record moved. */
void sl_history_moved(const struct sl_history *history, uint32_t place,
		      void (*visit)(void *context, const char *pool, uint64_t slots),
		      void *context);

#endif
