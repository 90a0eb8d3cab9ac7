/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration file: read, parsed, and all that is wrong with it said.
 *
 * Threads: control.
 */

#ifndef SLUICED_FILE_H
#define SLUICED_FILE_H

#include "conf/conf.h"

/* 0, or negative errno after every error was logged as FILE:LINE:COLUMN: message. running: what is no
 * regular file is refused, since nothing may wait for it. */
int file_read(const char *path, bool running, struct sl_conf **conf);

/* Writes a whole text to a file, "-" is standard output. Negative errno. */
int file_write(const char *path, const char *text);

#endif
