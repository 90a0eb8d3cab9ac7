/* SPDX-License-Identifier: BSD-3-Clause */

/* A verb of sluicectl and what the user wrote for it.
 *
 * Why:     options, help, completion and guesses come from one table.
 * Threads: one.
 * Memory:  words are argv's.
 */

#ifndef SL_SLUICECTL_COMMAND_H
#define SL_SLUICECTL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "client.h"

#define COMMAND_WORDS_MAX   64
#define COMMAND_OPTIONS_MAX 12

/* exit status */
#define EXIT_DONE      0
#define EXIT_REFUSED   1
#define EXIT_NO_DAEMON 2

struct option_spec {
	const char *name; /* without the dashes */
	const char *
		argument; /* what it takes, for help; NULL: nothing; in brackets: a name may follow */
	const char *help;
};

struct command {
	const struct verb *verb;
	const char *socket;   /* -s, or NULL */
	const char *instance; /* -i, or NULL */
	const char *timeout;  /* or NULL */
	bool json;
	const char *words[COMMAND_WORDS_MAX]; /* after the verb, without options */
	uint32_t word_count;
	const char *values[COMMAND_OPTIONS_MAX]; /* as verb->options; "" for one without argument */
	struct client_target target;
	struct client *client; /* connected to it */
};

struct verb {
	const char *name;
	const char *words; /* "POOL/NODE W" */
	uint32_t words_min, words_max;
	const char *summary;
	const char *example;
	bool changes; /* takes --dry-run and --if-generation */
	int (*run)(struct command *command);
	struct option_spec options[COMMAND_OPTIONS_MAX]; /* up to the one without a name */
};

extern const struct verb verbs[];
extern const uint32_t verb_count;

/* Fills command from argv. Answers an exit status when that is all there is to do (help, a mistake
 * that was told), or -1 to go on. */
int command_parse(int argc, char **argv, struct command *command);

/* The option's value, "" when it takes none, NULL when it was not given. */
const char *command_option(const struct command *command, const char *name);

/* "sluicectl: sentence" to standard error. Returns EXIT_REFUSED. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
