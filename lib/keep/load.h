/* SPDX-License-Identifier: BSD-3-Clause */

/* Reads a state file: all that stands before the first record that is damaged or cut short.
 *
 * Why:     a bit that flipped, or a write that a power loss cut in any of its pages, costs nothing
 *          that stands before it.
 * Threads: control.
 * Memory:  the past and the rest are the caller's to free.
 * Errors:  0 or negative errno; damage is none, but said by sl_load_say().
 */

#ifndef SL_KEEP_LOAD_H
#define SL_KEEP_LOAD_H

#include <sys/types.h>

#include "keep/history.h"

/* The first line of the file that is written, and kinds of records. Version 1, which is read, too, squeezed
 * nothing. */
#define SL_STATE_VERSION       2
#define SL_STATE_VERSION_FIRST 1
#define SL_STATE_HEAD	       "sluice state 2\n"
#define SL_STATE_HEAD_SIZE     (sizeof(SL_STATE_HEAD) - 1)

enum sl_state_kind { SL_STATE_HISTORY = 0, SL_STATE_REST = 1 };

#define SL_LOADED_WORD_SIZE 32
#define SL_LOADED_NOTE_SIZE 512

struct sl_loaded {
	bool state;	     /* history has records, and past is the last state */
	struct sl_past past; /* sl_past_fini() */
	off_t good, end;     /* octets that are kept; octets that there are */
	uint64_t version;    /* of the head line; 0: none of ours */
	uint64_t last;	     /* generation that is kept */
	uint64_t behind;     /* last generation found in what is not kept; 0: none was */
	bool head;	     /* the first line is damaged */
	bool flows;	     /* what is not kept are flows alone */
};

/* Fills history (created empty) and rest (empty) from the file. 0 or negative errno. */
int sl_load(int fd, struct sl_history *history, struct sl_pack *rest, struct sl_loaded *loaded);

/* Says in note what is not kept of the file at path, and in word how a copy of it is to be named.
 * Returns false, with both empty, when everything is kept. */
bool sl_load_say(const struct sl_loaded *loaded, const char *path, char note[SL_LOADED_NOTE_SIZE],
		 char word[SL_LOADED_WORD_SIZE]);

#endif
