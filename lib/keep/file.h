/* SPDX-License-Identifier: BSD-3-Clause */

/* The state file: keeps what operators changed over every end, kill -9 and power loss included.
 *
 * Why:     a change is in the file before it is answered, at a thousand changes a second.
 * Shape:   a head line, then records (frame.h): history's base and steps (history.h), and after an
 *          end in good order what the packet path knew. Changes are appended and synced once a turn
 *          of the loop; the whole file is replaced (temporary file, fsync, rename, fsync of the
 *          folder) when history was folded, at every start, and when the file at the path is not
 *          the one that was written last.
 *          Reading keeps all that stands before the first record that is damaged or cut short. What
 *          is not kept, or none of ours, gets another name, FILE.damaged-TIME, when the start stands.
 * Threads: control.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_KEEP_FILE_H
#define SL_KEEP_FILE_H

#include "base/err.h"
#include "keep/history.h"
#include "keep/load.h"

struct sl_keep;

/* What a state file had. */
struct sl_keep_found {
	bool state;			/* history and past are of use */
	struct sl_past past;		/* the last state; sl_past_fini() */
	char note[SL_LOADED_NOTE_SIZE]; /* what was left out of it, in a sentence; "": nothing */
};

/* Opens and locks path, which is made when it is missing, with its folder, and reads what is there
 * into history (created empty). -EBUSY when another process has the file. */
int sl_keep_create(const char *path, struct sl_history *history, struct sl_keep **keep,
		   struct sl_keep_found *found, struct sl_err *err);
/* Before sl_keep_stand(): takes back what the start did to files that were there. */
void sl_keep_destroy(struct sl_keep *keep);

/* The daemon runs: what was set aside stays there. */
void sl_keep_stand(struct sl_keep *keep);

/* At run time: begins a state file with this history. What was there is FILE.before-TIME then; it
 * stays where it is on failure. */
int sl_keep_begin(const char *path, const struct sl_history *history, struct sl_keep **keep,
		  struct sl_err *err);

/* The flow state that the last end in good order saved; NULL: none. */
const struct sl_pack *sl_keep_rest(const struct sl_keep *keep);

/* Replaces the file by history's records and, unless NULL, the rest. */
int sl_keep_rewrite(struct sl_keep *keep, const struct sl_history *history,
		    const struct sl_pack *rest, struct sl_err *err);

/* Brings to the disk what history has gained since the last call. */
int sl_keep_sync(struct sl_keep *keep, struct sl_history *history, struct sl_err *err);

const char *sl_keep_path(const struct sl_keep *keep);

#endif
