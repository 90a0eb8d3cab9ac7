/* SPDX-License-Identifier: BSD-3-Clause */

#include "command.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/guess.h"

#define VERBS_MAX 64

static const struct option_spec change_options[] = {
	{"dry-run", NULL, "say what would change, change nothing"},
	{"if-generation", "N", "refuse when the generation is no longer N"},
};

static const struct option_spec common_options[] = {
	{"socket", "PATH", "control socket of the daemon (also -s, SLUICE_SOCKET)"},
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
	printf("usage: sluicectl [-s SOCKET] [--json] VERB ...\n\n"
	       "Speaks to a running sluiced.\n\nverbs:\n");
	for (uint32_t i = 0; i < verb_count; i++)
		printf("  %-14s %s\n", verbs[i].name, verbs[i].summary);
	printf("\noptions:\n");
	print_options(common_options, 3);
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
	print_options(common_options, 3);
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
	const char *names[COMMAND_OPTIONS_MAX + 3];
	uint32_t count = verb_options(verb, options);
	const char *guess;

	for (uint32_t i = 0; i < count; i++)
		names[i] = options[i]->name;
	for (uint32_t i = 0; i < 3; i++)
		names[count + i] = common_options[i].name;
	guess = sl_guess(word + strspn(word, "-"), names, count + 3);
	return complain("unknown option \"%s\"%s%s%s (sluicectl %s%s--help lists all)", word,
			guess ? ", did you mean --" : "", guess ? guess : "", guess ? "?" : "",
			verb ? verb->name : "", verb ? " " : "");
}

/* A word that starts like an option and is none of the verb's own. Returns -1 to go on. */
static int common_option(struct command *command, const char *name, size_t length,
			 const char *value, bool *takes_next)
{
	if (length == 4 && strncmp(name, "json", 4) == 0 && !value) {
		command->json = true;
		return -1;
	}
	if (length == 6 && strncmp(name, "socket", 6) == 0) {
		*takes_next = !value;
		command->socket = value;
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

/* Takes the option argv[*at], and its argument when that is the next word. */
static int take_option(struct command *command, int argc, char **argv, int *at)
{
	const struct option_spec *options[COMMAND_OPTIONS_MAX];
	uint32_t count = verb_options(command->verb, options);
	const char *name = argv[*at] + 2, *equal = strchr(name, '=');
	size_t length = equal ? (size_t)(equal - name) : strlen(name);
	const char **target = &command->socket;
	bool takes_next = false;
	int rc = EXIT_REFUSED;

	if (strcmp(argv[*at], "-h") == 0)
		return command->verb ? print_verb_help(command->verb) : print_help();
	if (strcmp(argv[*at], "-s") == 0)
		takes_next = true;
	for (uint32_t i = 0; i < count && !takes_next; i++) {
		if (strlen(options[i]->name) != length || strncmp(options[i]->name, name, length))
			continue;
		if (equal && !options[i]->argument)
			return complain("option --%s takes no argument", options[i]->name);
		target = &command->values[i];
		*target = equal ? equal + 1 : "";
		takes_next = !equal && options[i]->argument;
		if (!takes_next)
			return -1;
	}
	if (!takes_next && strncmp(argv[*at], "--", 2) == 0)
		rc = common_option(command, name, length, equal ? equal + 1 : NULL, &takes_next);
	if (!takes_next)
		return rc == EXIT_REFUSED ? unknown_option(command->verb, argv[*at]) : rc;
	if (*at + 1 >= argc)
		return complain("option %s needs an argument", argv[*at]);
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
