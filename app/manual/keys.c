/* SPDX-License-Identifier: BSD-3-Clause */

/* The manual's part on the keys of a configuration: manual_keys WORDS TEMPLATE.
 *
 * Prints TEMPLATE with its line @keys@ replaced by every key of every table that the parser has, in
 * the language of scdoc: type, range and default as they are parsed, and what WORDS says of the key. A
 * key without words, and words without a key, are errors. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "conf/key.h"

#define ENTRIES_MAX 512
#define PATH_SIZE   256
#define HERE	    "@keys@\n"

/* What WORDS has of a key: lines up to the next blank one. */
struct entry {
	char *path;
	char *is, *fallback, *example; /* NULL: not said */
	char *like;		       /* path of the mapping whose keys say the same */
	char *text;
	bool used;
};

static struct entry entries[ENTRIES_MAX];
static uint32_t entry_count;
static uint32_t mistakes;
static const char *words_file;

static void mistake(const char *path, const char *what)
{
	fprintf(stderr, "%s: %s %s\n", words_file, path, what);
	mistakes++;
}

/* ---- words ------------------------------------------------------------------------------------*/

static struct entry *find(const char *path)
{
	for (uint32_t i = 0; i < entry_count; i++)
		if (strcmp(entries[i].path, path) == 0)
			return &entries[i];
	return NULL;
}

static void add_line(struct entry *entry, const char *line)
{
	const struct {
		const char *head;
		char **value;
	} heads[] = {{"is: ", &entry->is},
		     {"default: ", &entry->fallback},
		     {"example: ", &entry->example},
		     {"like: ", &entry->like}};
	char *longer;

	for (size_t i = 0; i < SL_ARRAY_COUNT(heads); i++) {
		size_t length = strlen(heads[i].head);

		if (strncmp(line, heads[i].head, length) == 0 && !*heads[i].value) {
			*heads[i].value = strdup(line + length);
			return;
		}
	}
	if (asprintf(&longer, "%s%s%s", entry->text ? entry->text : "", entry->text ? " " : "",
		     line) >= 0) {
		free(entry->text);
		entry->text = longer;
	}
}

static int read_words(FILE *file)
{
	struct entry *entry = NULL;
	size_t size = 0;
	char *line = NULL;

	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		if (!line[0]) {
			entry = NULL;
		} else if (entry) {
			add_line(entry, line);
		} else if (entry_count == ENTRIES_MAX) {
			break;
		} else {
			if (find(line))
				mistake(line, "stands twice");
			entry = &entries[entry_count++];
			entry->path = strdup(line);
		}
	}
	free(line);
	return ferror(file) || entry_count == ENTRIES_MAX ? -EIO : 0;
}

/* ---- scdoc ------------------------------------------------------------------------------------*/

/* Backquotes make bold; everything else stands for itself. */
static void say(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (*at == '`') {
			putchar('*');
		} else {
			if (strchr("_*\\<>", *at))
				putchar('\\');
			putchar(*at);
		}
	}
}

/* ---- types ------------------------------------------------------------------------------------*/

enum range { NO_RANGE, NUMBERS, DURATIONS, OCTETS };

static const struct kind {
	const struct sl_conf_type *type;
	const char *text;
	enum range range;
	bool has_default; /* one that can be written */
} kinds[] = {
	{&sl_conf_number, "whole number", NUMBERS, true},
	{&sl_conf_power, "power of two", NUMBERS, true},
	{&sl_conf_bool, "`true` or `false`", NO_RANGE, true},
	{&sl_conf_word, "one of", NO_RANGE, true},
	{&sl_conf_duration, "duration", DURATIONS, true},
	{&sl_conf_weight, "decimal number, 0 to 1000000", NO_RANGE, true},
	{&sl_conf_name, "name", NO_RANGE, false},
	{&sl_conf_text, "text", OCTETS, false},
	{&sl_conf_lines, "text", OCTETS, false},
	{&sl_conf_mac, "MAC address", NO_RANGE, false},
	{&sl_conf_addr, "IP address", NO_RANGE, false},
	{&sl_conf_host, "IP address, with a prefix length or without", NO_RANGE, false},
	{&sl_conf_target, "IP address, prefix, or `any`", NO_RANGE, false},
	{&sl_conf_prefix, "IP prefix", NO_RANGE, false},
	{&sl_conf_protocol, "protocol by name or number", NO_RANGE, false},
	{&sl_conf_range, "port, or range of ports such as \"8000-8099\"", NO_RANGE, false},
	{&sl_conf_punt, "`drop`, `kernel`, or the name of a port", NO_RANGE, true},
	{&sl_conf_port_ref, "name of a port", NO_RANGE, false},
	{&sl_conf_pool_ref, "name of a pool", NO_RANGE, false},
};

static const struct kind *kind_of(const struct sl_conf_key *key)
{
	for (size_t i = 0; i < SL_ARRAY_COUNT(kinds); i++)
		if (kinds[i].type == key->type)
			return &kinds[i];
	return NULL;
}

static void say_range(const struct sl_conf_key *key, enum range range)
{
	char least[SL_NUMBER_TEXT_SIZE], most[SL_NUMBER_TEXT_SIZE];

	if (range == NUMBERS)
		printf(", %" PRIu64 " to %" PRIu64, key->min, key->max);
	if (range == DURATIONS)
		printf(", %s to %s", sl_duration_format(key->min, least),
		       sl_duration_format(key->max, most));
	if (range == OCTETS && key->max)
		printf(" of at most %" PRIu64 " octets", key->max);
	for (const struct sl_conf_word *word = key->words; word && word->name; word++) {
		printf("%s *", word == key->words ? "" : ",");
		say(word->name);
		printf("*");
	}
}

static void say_type(const struct sl_conf_key *key, const struct entry *entry, const char *path)
{
	const struct kind *kind = kind_of(key);

	if (entry->is) {
		say(entry->is);
	} else if (key->type->class == SL_CONF_TABLE) {
		printf("mapping, see ");
		say(entry->like ? entry->like : "below");
	} else if (key->type->class == SL_CONF_LIST) {
		printf("list of up to %" PRIu64 ", each: ", key->max);
		say_type(key->element, entry, path);
	} else if (kind) {
		say(kind->text);
		say_range(key, kind->range);
	} else {
		mistake(path, "has a type of its own: say what it is with a line \"is: ...\"");
	}
}

/* ---- defaults ---------------------------------------------------------------------------------*/

static bool is_in_range(const struct sl_conf_key *key, const void *object)
{
	uint64_t value = sl_conf_load(key, object);

	return value >= key->min && value <= key->max;
}

static bool has_default(const struct sl_conf_key *key, const void *object)
{
	const struct kind *kind = kind_of(key);

	if (!kind || !kind->has_default || key->extra || key->type->class != SL_CONF_PLAIN)
		return false;
	return kind->range == NO_RANGE || is_in_range(key, object);
}

static void say_default(const struct sl_conf_key *key, const struct entry *entry,
			const void *object)
{
	struct sl_conf conf = {0};
	struct sl_conf_writer writer = {.out = stdout, .conf = &conf};

	if (entry->fallback) {
		printf(". Default: ");
		say(entry->fallback);
	} else if (key->flags & SL_KEY_REQUIRED) {
		printf(". Required");
	} else if (has_default(key, object)) {
		printf(". Default: *");
		key->type->write(&writer, key, object);
		printf("*");
	} else if (key->type->class != SL_CONF_TABLE || key->extra) {
		printf(". Default: none");
	}
	printf(".\n");
}

/* ---- tables -----------------------------------------------------------------------------------*/

static void say_table(const struct sl_conf_table *table, const char *above, void *object);

static void say_key(const struct sl_conf_key *key, const char *path, const void *object)
{
	struct entry *entry = find(path);

	if (!entry || !entry->text) {
		mistake(path, "has no words: what does the key do, who needs it?");
		return;
	}
	entry->used = true;
	printf("*");
	say(key->name);
	printf("*\n\t");
	say_type(key, entry, path);
	say_default(key, entry, object);
	printf("\n\t");
	say(entry->text);
	printf("\n\n");
	if (entry->example) {
		printf("\tExample: *");
		say(entry->example);
		printf("*\n\n");
	}
}

/* Keys that another mapping has, too, are said once. */
static void check_like(const struct sl_conf_table *table, const char *like)
{
	char path[PATH_SIZE];

	for (uint32_t i = 0; i < table->key_count; i++) {
		const struct sl_conf_key *key = &table->keys[i];
		const struct sl_conf_table *below = key->element ? key->element->table : key->table;

		(void)snprintf(path, sizeof(path), "%s.%s", like, key->name);
		if (!find(path))
			mistake(path, "has no words, which another mapping relies on");
		if (below)
			check_like(below, path);
	}
}

static void say_below(const struct sl_conf_key *key, const char *path, void *object)
{
	const struct sl_conf_table *table = key->element ? key->element->table : key->table;
	const struct entry *words = find(path);
	void *entry;

	if (!table || (words && words->is)) /* none, or one that is not seen as such */
		return;
	if (words && words->like) {
		check_like(table, words->like);
		return;
	}
	printf("## ");
	say(path);
	printf("\n\n");
	if (!key->element) {
		say_table(table, path, sl_conf_member(key, object));
		return;
	}
	entry = calloc(1, table->size);
	if (entry && sl_conf_table_defaults(table, entry) == 0)
		say_table(table, path, entry);
	else
		mistake(path, "has no defaults: no memory");
	if (entry)
		sl_conf_table_fini(table, entry);
	free(entry);
}

/* A table's keys, then the tables below it. */
static void say_table(const struct sl_conf_table *table, const char *above, void *object)
{
	char path[PATH_SIZE];

	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < table->key_count; i++) {
			const struct sl_conf_key *key = &table->keys[i];

			(void)snprintf(path, sizeof(path), "%s%s%s", above, above[0] ? "." : "",
				       key->name);
			if (pass == 0)
				say_key(key, path, object);
			else
				say_below(key, path, object);
		}
	}
}

static void say_all(void)
{
	static struct sl_conf conf;

	if (sl_conf_table_defaults(&sl_conf_root_table, &conf)) {
		mistake("", "no memory");
		return;
	}
	say_table(&sl_conf_root_table, "", &conf);
	sl_conf_table_fini(&sl_conf_root_table, &conf);
	for (uint32_t i = 0; i < entry_count; i++)
		if (!entries[i].used && !mistakes)
			mistake(entries[i].path, "is no key: its words are left over");
}

int main(int argc, char **argv)
{
	FILE *words = argc == 3 ? fopen(argv[1], "re") : NULL;
	FILE *template = argc == 3 ? fopen(argv[2], "re") : NULL;
	size_t size = 0;
	char *line = NULL;

	words_file = argv[1];
	if (!words || !template || read_words(words) < 0) {
		fprintf(stderr, "usage: manual_keys WORDS TEMPLATE\n");
		return 2;
	}
	while (getline(&line, &size, template) > 0) {
		if (strcmp(line, HERE) == 0)
			say_all();
		else
			(void)fputs(line, stdout);
	}
	free(line);
	(void)fclose(words);
	(void)fclose(template);
	for (uint32_t i = 0; i < entry_count; i++) {
		free(entries[i].path);
		free(entries[i].is);
		free(entries[i].fallback);
		free(entries[i].example);
		free(entries[i].like);
		free(entries[i].text);
	}
	return mistakes || fflush(stdout) ? 1 : 0;
}
