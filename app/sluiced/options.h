/* SPDX-License-Identifier: BSD-3-Clause */

/* The command line of sluiced.
 *
 * Threads: the main thread, once.
 * Memory:  texts are borrowed from argv.
 */

#ifndef SLUICED_OPTIONS_H
#define SLUICED_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

struct options {
	const char *file;
	const char *report; /* NULL: none; "-": standard output */
	bool check;
	bool detach;	     /* takes the kernel's side away, and ends */
	bool detach_on_exit; /* takes it away at the end */
	bool idle_set;
	uint64_t idle_ms; /* exit when idle that long */
	enum sl_log_level level;
	bool json; /* log lines are JSON */
};

/* 0: go on. 1: the program has said all (help, version) and ends with status 0. -EINVAL: said what
 * is wrong. */
int options_parse(int argc, char **argv, struct options *options);

#endif
