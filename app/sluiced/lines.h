/* SPDX-License-Identifier: BSD-3-Clause */

/* Log lines as standard error gets them: text or JSON, with time and level where nobody adds them.
 *
 * Shape:   text: "TIME LEVEL LINE"; until the daemon runs the line alone, since whoever started it reads
 *          FILE:LINE:COLUMN: at its beginning. JSON: an object a line, once the command line is read. Behind
 *          JOURNAL_STREAM the journal knows the time, and gets the level as it reads it: "<N>".
 * Threads: lines_write() any; the others: the main thread.
 */

#ifndef SLUICED_LINES_H
#define SLUICED_LINES_H

#include <stdbool.h>

#include "base/log.h"

struct lines {
	bool journal;
	bool json;
	bool timed;
};

/* Finds out whether the journal reads standard error, and makes it what sl_log() writes to. */
void lines_begin(struct lines *lines);

/* "text" or "json": 0 or -EINVAL. */
int lines_format_parse(const char *name, bool *json);

/* From now on lines of text have their time and level. */
void lines_run(struct lines *lines);

#endif
