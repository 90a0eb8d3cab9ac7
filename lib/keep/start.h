/* SPDX-License-Identifier: BSD-3-Clause */

/* The start: what the configuration file says, what the state file kept, and which of them wins.
 *
 * Why:     run-time changes win over the file that was there when they were made; a file that was
 *          changed since wins where the two differ, and it is said.
 * Threads: control, before the model is made.
 * Memory:  sl_restore_fini() frees what nobody took over.
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_KEEP_START_H
#define SL_KEEP_START_H

#include "conf/conf.h"
#include "keep/file.h"
#include "keep/history.h"

struct sl_restore {
	const struct sl_conf *conf;   /* what to run: the file's (borrowed) or the kept one */
	const struct sl_image *image; /* for sl_model_create(), or NULL */
	struct sl_hash_key hash_key;
	bool file_wins; /* the file changed since: a new generation */
	uint64_t file_digest;
	struct sl_past past;
	struct sl_conf *graft;	    /* the file's sections with past's pools; NULL: not needed */
	struct sl_conf *kept;	    /* the whole configuration of past */
	struct sl_history *history; /* taken over by sl_control_create() */
	struct sl_keep *keep;	    /* likewise; NULL: control.state is empty */
};

/* file is what the configuration file says; it is borrowed as long as the restore lives. */
int sl_restore_open(const struct sl_conf *file, struct sl_restore *restore, struct sl_err *err);
void sl_restore_fini(struct sl_restore *restore);

/* Says to the log where two configurations differ, line by line, up to twenty: "WHOSE: pool web: ...". */
void sl_restore_say(const struct sl_conf *kept, const struct sl_conf *file, const char *whose);

#endif
