/* SPDX-License-Identifier: BSD-3-Clause */

/* Writing a configuration as YAML. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/key.h"

#define PREFIX_SIZE 64 /* of keys with dots */
#define INDENT	    2

/* ---- texts ------------------------------------------------------------------------------------*/

/* The character at text; it was checked to be UTF-8 when it came in. */
static size_t decode(const char *text, uint32_t *value)
{
	unsigned char first = (unsigned char)text[0];
	size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	*value = size == 1 ? first : first & (0xffu >> (size + 1));
	for (size_t i = 1; i < size; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return i;
		*value = *value << 6 | ((unsigned char)text[i] & 0x3fu);
	}
	return size;
}

void sl_conf_write_quoted(struct sl_conf_writer *writer, const char *text)
{
	if (writer->bare) {
		(void)fputs(text, writer->out);
		return;
	}
	(void)fputc('"', writer->out);
	while (*text) {
		uint32_t value;

		text += decode(text, &value);
		if (value == '"' || value == '\\')
			(void)fprintf(writer->out, "\\%c", (int)value);
		else if (value >= 0x20 && value < 0x7f)
			(void)fputc((int)value, writer->out);
		else if (value <= 0xffff)
			(void)fprintf(writer->out, "\\u%04X", value);
		else
			(void)fprintf(writer->out, "\\U%08X", value);
	}
	(void)fputc('"', writer->out);
}

void sl_conf_write_name(struct sl_conf_writer *writer, const char *name)
{
	static const char *const words[] = {"null", "true", "false", "yes", "no",
					    "on",   "off",  "y",     "n"};
	bool plain = isalpha((unsigned char)name[0]);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		plain = plain && strcasecmp(name, words[i]) != 0;
	if (plain)
		(void)fputs(name, writer->out);
	else
		sl_conf_write_quoted(writer, name);
}

/* ---- one line ---------------------------------------------------------------------------------*/

static bool is_written(const struct sl_conf_table *table, const struct sl_conf_key *key,
		       const void *object)
{
	if (!sl_conf_key_applies(table, key, object))
		return false;
	return (key->flags & (SL_KEY_REQUIRED | SL_KEY_ALWAYS)) ||
	       !sl_conf_key_is_default(key, object);
}

static void write_pair(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		       const void *object, const char *prefix, uint32_t *count);

static void write_pairs(struct sl_conf_writer *writer, const struct sl_conf_table *table,
			const void *object, const char *prefix, uint32_t *count)
{
	for (uint32_t i = 0; i < table->key_count; i++) {
		const struct sl_conf_key *key = &table->keys[i];

		if (is_written(table, key, object) && strcmp(key->name, "name") != 0)
			write_pair(writer, key, object, prefix, count);
	}
}

/* Mappings become pairs with dots, "health.port=80"; options "options.NAME=TEXT". */
static void write_pair(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		       const void *object, const char *prefix, uint32_t *count)
{
	char name[PREFIX_SIZE];

	(void)snprintf(name, sizeof(name), "%s%s.", prefix, key->name);
	if (key->type->class == SL_CONF_TABLE) {
		write_pairs(writer, key->table, sl_conf_member_const(key, object), name, count);
		return;
	}
	if (key->type == &sl_conf_options) {
		const struct sl_conf_option *options;
		uint32_t all;

		memcpy(&options, sl_conf_member_const(key, object), sizeof(options));
		memcpy(&all, (const char *)object + key->extra, sizeof(all));
		for (uint32_t i = 0; i < all; i++, ++*count)
			(void)fprintf(writer->out, "%s%s=%s%c", name, options[i].name,
				      options[i].value, '\0');
		return;
	}
	(void)fprintf(writer->out, "%s%s=", prefix, key->name);
	sl_conf_write_value(writer, key, object);
	(void)fputc('\0', writer->out);
	(*count)++;
}

void sl_conf_write_pairs(struct sl_conf_writer *writer, const struct sl_conf_table *table,
			 const void *object, uint32_t *count)
{
	writer->bare = true;
	write_pairs(writer, table, object, "", count);
}

static void write_flow_table(struct sl_conf_writer *writer, const struct sl_conf_table *table,
			     const void *object)
{
	const char *between = "";

	(void)fputc('{', writer->out);
	for (uint32_t i = 0; i < table->key_count; i++) {
		const struct sl_conf_key *key = &table->keys[i];

		if (!is_written(table, key, object))
			continue;
		(void)fprintf(writer->out, "%s%s: ", between, key->name);
		sl_conf_write_value(writer, key, object);
		between = ", ";
	}
	(void)fputc('}', writer->out);
}

struct list {
	const char *array;
	uint32_t count;
};

static struct list get_list(const struct sl_conf_key *key, const void *object)
{
	struct list list;

	memcpy(&list.array, sl_conf_member_const(key, object), sizeof(list.array));
	memcpy(&list.count, (const char *)object + key->extra, sizeof(list.count));
	return list;
}

void sl_conf_write_value(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			 const void *object)
{
	struct list list;

	if (writer->hides && (key->flags & SL_KEY_SECRET)) {
		(void)fputs("\"***\"", writer->out);
		return;
	}
	if (key->type->class == SL_CONF_TABLE) {
		write_flow_table(writer, key->table, sl_conf_member_const(key, object));
		return;
	}
	if (key->type->class != SL_CONF_LIST || key->type->write) {
		key->type->write(writer, key, object);
		return;
	}
	list = get_list(key, object);
	(void)fputc('[', writer->out);
	for (uint32_t i = 0; i < list.count; i++) {
		(void)fputs(i ? ", " : "", writer->out);
		sl_conf_write_value(writer, key->element,
				    list.array + (size_t)i * key->element->size);
	}
	(void)fputc(']', writer->out);
}

/* ---- many lines -------------------------------------------------------------------------------*/

static void write_block(struct sl_conf_writer *writer, const struct sl_conf_table *table,
			const void *object, int indent, bool dash);

static void write_block_key(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			    const void *object, int indent)
{
	struct list list;

	if (key->type->class == SL_CONF_TABLE && !key->table->flow) {
		(void)fprintf(writer->out, "%s:\n", key->name);
		write_block(writer, key->table, sl_conf_member_const(key, object), indent + INDENT,
			    false);
		return;
	}
	if (key->type->class != SL_CONF_LIST || key->type->write || !key->element->table) {
		(void)fprintf(writer->out, "%s: ", key->name);
		sl_conf_write_value(writer, key, object);
		(void)fputc('\n', writer->out);
		return;
	}
	(void)fprintf(writer->out, "%s:\n", key->name);
	list = get_list(key, object);
	for (uint32_t i = 0; i < list.count; i++) {
		const void *entry = list.array + (size_t)i * key->element->size;

		(void)fprintf(writer->out, "%*s- ", indent + INDENT, "");
		if (!key->element->table->flow) {
			write_block(writer, key->element->table, entry, indent + 2 * INDENT, true);
			continue;
		}
		write_flow_table(writer, key->element->table, entry);
		(void)fputc('\n', writer->out);
	}
}

/* dash: the first key stands behind a dash, already indented. */
static void write_block(struct sl_conf_writer *writer, const struct sl_conf_table *table,
			const void *object, int indent, bool dash)
{
	for (uint32_t i = 0; i < table->key_count; i++) {
		const struct sl_conf_key *key = &table->keys[i];

		if (!is_written(table, key, object))
			continue;
		if (!dash)
			(void)fprintf(writer->out, "%*s", indent, "");
		dash = false;
		write_block_key(writer, key, object, indent);
	}
}

static char *format(const struct sl_conf *conf, bool hides)
{
	struct sl_conf_writer writer = {.conf = conf, .hides = hides};
	char *text = NULL;
	size_t size = 0;
	int failed;

	writer.out = open_memstream(&text, &size);
	if (!writer.out)
		return NULL;
	write_block(&writer, &sl_conf_root_table, conf, 0, false);
	failed = ferror(writer.out);
	if (fclose(writer.out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}

char *sl_conf_format(const struct sl_conf *conf)
{
	return format(conf, false);
}

char *sl_conf_format_public(const struct sl_conf *conf)
{
	return format(conf, true);
}

uint64_t sl_conf_digest(const struct sl_conf *conf)
{
	char *text = sl_conf_format(conf);
	uint64_t digest = 0xcbf29ce484222325ull; /* FNV-1a */

	for (const char *at = text; at && *at; at++)
		digest = (digest ^ (uint8_t)*at) * 0x100000001b3ull;
	free(text);
	return digest;
}
