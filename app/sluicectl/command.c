/* SPDX-License-Identifier: BSD-3-Clause */

#include "command.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/guess.h"
#include "lcore/stats.h"

#define VERBS_MAX    64
#define COMMON_COUNT (sizeof(common_options) / sizeof(common_options[0]))

static const struct option_spec change_options[] = {
	{"dry-run", NULL, "say what would change, change nothing"},
	{"if-generation", "N", "refuse when the generation is no longer N"},
};

static const struct option_spec common_options[] = {
	{"socket", "PATH", "control socket of the daemon (also -s, SLUICE_SOCKET)"},
	{"instance", "NAME", "the daemon of that dataplane.instance (also -i)"},
	{"timeout", "TIME", "how long a call may take, 5s unless told"},
	{"json", NULL, "print the result object alone"},
	{"help", NULL, "this text"},
};

int complain(const char *format, ...)
{
	va_list args;

	fputs("sluicectl: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_REFUSED;
}

static void print_options(const struct option_spec *options, uint32_t count)
{
	char head[48];

	for (uint32_t i = 0; i < count && options[i].name; i++) {
		(void)snprintf(head, sizeof(head), "--%s%s%s", options[i].name,
			       options[i].argument ? " " : "",
			       options[i].argument ? options[i].argument : "");
		printf("  %-22s %s\n", head, options[i].help);
	}
}

static int print_help(void)
{
	printf("usage: sluicectl [-s SOCKET | -i INSTANCE] [--json] VERB ...\n\n"
	       "Speaks to a running sluiced.\n\nverbs:\n");
	for (uint32_t i = 0; i < verb_count; i++)
		printf("  %-14s %s\n", verbs[i].name, verbs[i].summary);
	printf("\noptions:\n");
	print_options(common_options, COMMON_COUNT);
	printf("  %-22s %s\n", "--version", "version of sluicectl");
	printf("\n`sluicectl VERB --help` says more of a verb. POOL may be * in POOL/NODE.\n"
	       "Exit status: 0 done, 1 refused or wrong, 2 no daemon at the socket.\n\n"
	       "example:\n  sluicectl set-weight web/r1 50.5 --dry-run\n");
	return EXIT_DONE;
}

static int print_verb_help(const struct verb *verb)
{
	printf("usage: sluicectl %s%s%s%s\n\n%s\n\noptions:\n", verb->name,
	       verb->words[0] ? " " : "", verb->words,
	       verb->options[0].name || verb->changes ? " [OPTION...]" : "", verb->summary);
	print_options(verb->options, COMMAND_OPTIONS_MAX);
	if (verb->changes)
		print_options(change_options, 2);
	print_options(common_options, COMMON_COUNT);
	printf("\nexample:\n  %s\n", verb->example);
	return EXIT_DONE;
}

static const struct verb *verb_find(const char *name)
{
	const char *names[VERBS_MAX];
	const char *guess;

	for (uint32_t i = 0; i < verb_count; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
		names[i] = verbs[i].name;
	}
	guess = sl_guess(name, names, verb_count);
	if (guess)
		(void)complain("unknown verb \"%s\", did you mean \"%s\"? (sluicectl --help "
			       "lists all)",
			       name, guess);
	else
		(void)complain("unknown verb \"%s\"; sluicectl --help lists all", name);
	return NULL;
}

/* All options of a verb in the order of command->values: its own, then those of changes. */
static uint32_t verb_options(const struct verb *verb, const struct option_spec **options)
{
	uint32_t count = 0;

	while (verb && count < COMMAND_OPTIONS_MAX - 2 && verb->options[count].name) {
		options[count] = &verb->options[count];
		count++;
	}
	for (uint32_t i = 0; verb && verb->changes && i < 2; i++)
		options[count++] = &change_options[i];
	return count;
}

const char *command_option(const struct command *command, const char *name)
{
	const struct option_spec *options[COMMAND_OPTIONS_MAX];
	uint32_t count = verb_options(command->verb, options);

	for (uint32_t i = 0; i < count; i++)
		if (strcmp(options[i]->name, name) == 0)
			return command->values[i];
	return NULL;
}

static int unknown_option(const struct verb *verb, const char *word)
{
	const struct option_spec *options[COMMAND_OPTIONS_MAX];
	const char *names[COMMAND_OPTIONS_MAX + COMMON_COUNT];
	uint32_t count = verb_options(verb, options);
	const char *guess;

	for (uint32_t i = 0; i < count; i++)
		names[i] = options[i]->name;
	for (uint32_t i = 0; i < COMMON_COUNT; i++)
		names[count + i] = common_options[i].name;
	guess = sl_guess(word + strspn(word, "-"), names, count + COMMON_COUNT);
	return complain("unknown option \"%s\"%s%s%s (sluicectl %s%s--help lists all)", word,
			guess ? ", did you mean --" : "", guess ? guess : "", guess ? "?" : "",
			verb ? verb->name : "", verb ? " " : "");
}

/* Where the argument of an option goes that all verbs have; NULL: it is none of these. */
static const char **common_target(struct command *command, const char *name, size_t length)
{
	if (length == 6 && strncmp(name, "socket", 6) == 0)
		return &command->socket;
	if (length == 8 && strncmp(name, "instance", 8) == 0)
		return &command->instance;
	if (length == 7 && strncmp(name, "timeout", 7) == 0)
		return &command->timeout;
	return NULL;
}

/* A word that starts like an option and is none of the verb's own. Returns -1 to go on. */
static int common_option(struct command *command, const char *name, size_t length,
			 const char *value)
{
	if (length == 4 && strncmp(name, "json", 4) == 0 && !value) {
		command->json = true;
		return -1;
	}
	if (length == 4 && strncmp(name, "help", 4) == 0)
		return command->verb ? print_verb_help(command->verb) : print_help();
	if (length == 7 && strncmp(name, "version", 7) == 0) {
		printf("sluicectl %s\n", SLUICE_VERSION);
		return EXIT_DONE;
	}
	return EXIT_REFUSED;
}

/* Where the argument of the option goes, NULL when it is none; *takes: whether it has one. */
static const char **option_target(struct command *command, const char *word, size_t length,
				  bool *takes)
{
	const struct option_spec *options[COMMAND_OPTIONS_MAX];
	uint32_t count = verb_options(command->verb, options);

	*takes = true;
	for (uint32_t i = 0; strncmp(word, "--", 2) == 0 && i < count; i++)
		if (strlen(options[i]->name) == length &&
		    strncmp(options[i]->name, word + 2, length) == 0) {
			*takes = options[i]->argument;
			return &command->values[i];
		}
	if (strcmp(word, "-s") == 0)
		return &command->socket;
	if (strcmp(word, "-i") == 0)
		return &command->instance;
	return strncmp(word, "--", 2) == 0 ? common_target(command, word + 2, length) : NULL;
}

/* Whether an option's argument may be left out. */
static bool is_optional(const struct command *command, const char *word, size_t length)
{
	const struct option_spec *options[COMMAND_OPTIONS_MAX];
	uint32_t count = verb_options(command->verb, options);

	for (uint32_t i = 0; i < count; i++)
		if (strlen(options[i]->name) == length &&
		    strncmp(options[i]->name, word + 2, length) == 0)
			return options[i]->argument && options[i]->argument[0] == '[';
	return false;
}

/* A word that is none belongs to what stands behind the option. */
static bool is_drop_reason(const char *word)
{
#define X(id, name, ...)                                                                           \
	if (strcmp(word, name) == 0)                                                               \
		return true;
	SL_DROPS(X)
#undef X
	return false;
}

/* Takes the option argv[*at], and its argument when that is the next word. */
static int take_option(struct command *command, int argc, char **argv, int *at)
{
	const char *word = argv[*at], *equal = strchr(word, '=');
	size_t length = (equal ? (size_t)(equal - word) : strlen(word)) - 2;
	const char **target;
	bool takes;
	int rc;

	if (strcmp(word, "-h") == 0)
		return command->verb ? print_verb_help(command->verb) : print_help();
	target = option_target(command, word, length, &takes);
	if (!target) {
		rc = strncmp(word, "--", 2) == 0 ? common_option(command, word + 2, length, equal)
						 : EXIT_REFUSED;
		return rc == EXIT_REFUSED ? unknown_option(command->verb, word) : rc;
	}
	if (equal && !takes)
		return complain("option %.*s takes no argument", (int)length + 2, word);
	*target = equal ? equal + 1 : "";
	if (equal || !takes)
		return -1;
	if (is_optional(command, word, length) &&
	    (*at + 1 >= argc || !is_drop_reason(argv[*at + 1])))
		return -1;
	if (*at + 1 >= argc)
		return complain("option %s needs an argument", word);
	*target = argv[++*at];
	return -1;
}

static int check_words(const struct command *command)
{
	const struct verb *verb = command->verb;

	if (command->word_count < verb->words_min)
		return complain("%s: something is missing; usage: sluicectl %s %s", verb->name,
				verb->name, verb->words);
	if (command->word_count > verb->words_max)
		return complain("%s: \"%s\" is one word too many; usage: sluicectl %s%s%s",
				verb->name, command->words[verb->words_max], verb->name,
				verb->words[0] ? " " : "", verb->words);
	return -1;
}

int command_parse(int argc, char **argv, struct command *command)
{
	bool options_end = false;
	int rc;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		bool option = word[0] == '-' && word[1] != '\0' &&
			      !isdigit((unsigned char)word[1]) && !options_end;

		if (option && strcmp(word, "--") == 0) {
			options_end = true;
		} else if (option) {
			rc = take_option(command, argc, argv, &i);
			if (rc >= 0)
				return rc;
		} else if (!command->verb) {
			if (strcmp(word, "help") == 0 && i + 1 >= argc)
				return print_help();
			command->verb = verb_find(strcmp(word, "help") == 0 ? argv[++i] : word);
			if (!command->verb)
				return EXIT_REFUSED;
			if (strcmp(word, "help") == 0)
				return print_verb_help(command->verb);
		} else if (command->word_count < COMMAND_WORDS_MAX) {
			command->words[command->word_count++] = word;
		} else {
			return complain("more than %d words", COMMAND_WORDS_MAX);
		}
	}
	if (command->verb)
		return check_words(command);
	(void)complain("no verb; sluicectl --help lists all");
	return EXIT_REFUSED;
}
