/* SPDX-License-Identifier: BSD-3-Clause */

/* A mapping of names and texts that somebody else reads: `options` of a worker node's handler. */

#include <stdlib.h>
#include <string.h>

#include "conf/key.h"

#define OPTIONS_MAX   64u
#define OPTION_LENGTH 1024

#define O(member) SL_MEMBER(sl_conf_option, member)

static const struct sl_conf_key option_keys[] = {
	SL_KEY_RANGE("name", text, O(name), 1, SL_NAME_LENGTH_MAX, 0, .flags = SL_KEY_REQUIRED),
	SL_KEY_RANGE("value", text, O(value), 0, OPTION_LENGTH, 0, .flags = SL_KEY_ALWAYS),
};

static const struct sl_conf_table option_table = {
	.noun = "an option",
	.keys = option_keys,
	.key_count = sizeof(option_keys) / sizeof(option_keys[0]),
	.size = sizeof(struct sl_conf_option),
	.flow = true,
};

const struct sl_conf_key sl_conf_option_element = {.name = "options",
						   .type = &sl_conf_mapping,
						   .size = sizeof(struct sl_conf_option),
						   .table = &option_table};

static bool is_twice(const struct sl_yaml_node *first, const struct sl_yaml_node *name)
{
	for (const struct sl_yaml_node *at = first; at != name; at = at->next->next)
		if (strcmp(at->text, name->text) == 0)
			return true;
	return false;
}

static bool read_option(struct sl_conf_reader *reader, const struct sl_yaml_node *first,
			const struct sl_yaml_node *name, struct sl_conf_option *option)
{
	char shown[SL_CONF_SHOW_SIZE];

	if (name->kind != SL_YAML_SCALAR || !sl_conf_name_valid(name->text) ||
	    strchr(name->text, '.') || strlen(name->text) != name->length) {
		sl_conf_error(reader, name, "%s is no name of an option",
			      sl_conf_show(name, shown));
		return false;
	}
	if (is_twice(first, name)) {
		sl_conf_error(reader, name, "option %s is given twice", sl_conf_show(name, shown));
		return false;
	}
	if (name->next->kind != SL_YAML_SCALAR) {
		sl_conf_error(reader, name->next, "option `%s` takes a text, not %s", name->text,
			      sl_conf_show(name->next, shown));
		return false;
	}
	sl_conf_store_text(reader, &option_keys[0], option, name->text);
	option_keys[1].type->read(reader, &option_keys[1], name->next, option);
	return option->value != NULL;
}

/* Of the list's array and count, which lie as every list's. */
static void read_options(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			 const struct sl_yaml_node *value, void *object)
{
	struct sl_conf_option *options;
	uint32_t count = 0;
	char shown[SL_CONF_SHOW_SIZE];

	if (sl_yaml_is_null(value))
		return;
	if (value->kind != SL_YAML_MAPPING) {
		sl_conf_error(reader, value, "`options` takes %s, not %s",
			      value->verbatim ? "names one by one, as options.NAME=TEXT"
					      : "a mapping of names and texts",
			      sl_conf_show(value, shown));
		return;
	}
	if (value->count / 2 > OPTIONS_MAX) {
		sl_conf_error(reader, value, "`options` has %u entries; there may be at most %u",
			      value->count / 2, OPTIONS_MAX);
		return;
	}
	options = calloc(value->count / 2 + 1, sizeof(*options));
	if (!options) {
		reader->no_memory = true;
		return;
	}
	for (const struct sl_yaml_node *at = value->first; at; at = at->next->next) {
		if (read_option(reader, value->first, at, &options[count])) {
			count++;
			continue;
		}
		sl_conf_table_fini(&option_table, &options[count]);
	}
	memcpy(sl_conf_member(key, object), &options, sizeof(options));
	memcpy((char *)object + key->extra, &count, sizeof(count));
}

static void write_options(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			  const void *object)
{
	const struct sl_conf_option *options;
	uint32_t count;

	memcpy(&options, sl_conf_member_const(key, object), sizeof(options));
	memcpy(&count, (const char *)object + key->extra, sizeof(count));
	(void)fputc('{', writer->out);
	for (uint32_t i = 0; i < count; i++) {
		(void)fputs(i ? ", " : "", writer->out);
		sl_conf_write_name(writer, options[i].name);
		(void)fputs(": ", writer->out);
		sl_conf_write_quoted(writer, options[i].value);
	}
	(void)fputc('}', writer->out);
}

const struct sl_conf_type sl_conf_options = {SL_CONF_LIST, read_options, write_options};
