/* SPDX-License-Identifier: BSD-3-Clause */

/* The state file: keeps what operators changed over every end, kill -9 and power loss included.
 *
 * Why:     a change is in the file before it is answered, at a thousand changes a second.
 * Shape:   a head line, then records, each with its length and a CRC-32C: history's base and steps
 *          (history.h), and after an end in good order what the packet path knew; zeros end them.
 *          Changes are
 *          appended and synced once a turn of the loop; the whole file is replaced (temporary file,
 *          fsync, rename, fsync of the folder) when history was folded, and at every start.
 *          A last record that is cut short was never answered: it is dropped. A file that is
 *          damaged otherwise, or none of ours, is set aside as FILE.damaged-TIME.
 * Threads: control.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_KEEP_FILE_H
#define SL_KEEP_FILE_H

#include "base/err.h"
#include "keep/history.h"

#define SL_KEEP_NOTE_SIZE 512

struct sl_keep;

/* Opens path and reads what is there into history (created empty): then *found says whether there
 * was a state. note gets a sentence when the file was set aside or its end was dropped, else "".
 * -EBUSY when another process has the file. */
int sl_keep_create(const char *path, struct sl_history *history, struct sl_keep **keep, bool *found,
		   char note[SL_KEEP_NOTE_SIZE], struct sl_err *err);
void sl_keep_destroy(struct sl_keep *keep);

/* At run time: begins a state file with this history. What was there is FILE.before-TIME then; it stays where it
 * is on failure. */
int sl_keep_begin(const char *path, const struct sl_history *history, struct sl_keep **keep,
		  struct sl_err *err);

/* What was added after history's records by the end in good order before; NULL: nothing. */
const struct sl_pack *sl_keep_rest(const struct sl_keep *keep);

/* Replaces the file by history's records and, unless NULL, the rest. */
int sl_keep_rewrite(struct sl_keep *keep, const struct sl_history *history,
		    const struct sl_pack *rest, struct sl_err *err);

/* Brings to the disk what history has gained since the last call. */
int sl_keep_sync(struct sl_keep *keep, struct sl_history *history, struct sl_err *err);

const char *sl_keep_path(const struct sl_keep *keep);

#endif
