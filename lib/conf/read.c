/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading mappings and lists by their tables. */

#include <stdlib.h>
#include <string.h>

#include "conf/key.h"

#define KEYS_TEXT_SIZE 320

/* ---- mappings ---------------------------------------------------------------------------------*/

static void unknown_key(struct sl_conf_reader *reader, const struct sl_conf_table *table,
			const struct sl_yaml_node *at)
{
	struct sl_conf_near near = {.word = at->text};
	char shown[SL_CONF_SHOW_SIZE], ask[SL_CONF_SHOW_SIZE], keys[KEYS_TEXT_SIZE] = "";
	size_t used = 0;

	if (reader->errors->count >= SL_CONF_ERRORS_MAX)
		return;
	for (uint32_t i = 0; i < table->key_count; i++) {
		const char *name = table->keys[i].name;

		if (sl_conf_near_wanted(reader))
			sl_conf_near_try(&near, name);
		used += (size_t)snprintf(keys + used, sizeof(keys) - used, "%s%s", i ? ", " : "",
					 name);
		if (used >= sizeof(keys))
			used = sizeof(keys) - 1;
	}
	if (near.best)
		sl_conf_error(reader, at, "unknown key %s of %s%s", sl_conf_show(at, shown),
			      table->noun, sl_conf_near_ask(&near, ask));
	else
		sl_conf_error(reader, at, "unknown key %s; %s has the keys %s",
			      sl_conf_show(at, shown), table->noun, keys);
}

static void collect(struct sl_conf_reader *reader, struct sl_conf_found *found)
{
	const struct sl_conf_table *table = found->table;
	uint32_t first_line[SL_CONF_KEYS_MAX] = {0};

	for (const struct sl_yaml_node *at = found->node->first; at; at = at->next->next) {
		char shown[SL_CONF_SHOW_SIZE];
		uint32_t i = 0;

		if (at->kind != SL_YAML_SCALAR) {
			sl_conf_error(reader, at, "a key is a word, not %s",
				      sl_conf_show(at, shown));
			continue;
		}
		while (i < table->key_count && strcmp(table->keys[i].name, at->text) != 0)
			i++;
		if (i == table->key_count) {
			unknown_key(reader, table, at);
		} else if (first_line[i]) {
			sl_conf_error(reader, at,
				      "key `%s` is given twice, first in line %u; leave one out",
				      at->text, first_line[i]);
		} else {
			first_line[i] = at->line;
			found->value[i] = at->next;
		}
	}
}

const struct sl_yaml_node *sl_conf_found_value(const struct sl_conf_found *found, const char *name)
{
	for (uint32_t i = 0; i < found->table->key_count; i++) {
		if (strcmp(found->table->keys[i].name, name) == 0)
			return found->value[i];
	}
	return NULL;
}

static void set_place(const struct sl_conf_table *table, const struct sl_yaml_node *node,
		      void *object)
{
	uint32_t place[2] = {node->line, node->column};

	if (table->place)
		memcpy((char *)object + table->place, place, sizeof(place));
}

void sl_conf_read_table(struct sl_conf_reader *reader, const struct sl_conf_table *table,
			const struct sl_yaml_node *node, void *object)
{
	struct sl_conf_found found = {.table = table, .node = node};
	char shown[SL_CONF_SHOW_SIZE];

	set_place(table, node, object);
	if (node->kind != SL_YAML_MAPPING) {
		sl_conf_error(reader, node, "%s is a mapping such as {%s: ...}, not %s",
			      table->noun, table->keys[0].name, sl_conf_show(node, shown));
		return;
	}
	collect(reader, &found);
	for (uint32_t i = 0; i < table->key_count; i++) {
		const struct sl_conf_key *key = &table->keys[i];

		if (found.value[i])
			key->type->read(reader, key, found.value[i], object);
		else if ((key->flags & SL_KEY_REQUIRED) && !key->kinds)
			sl_conf_error(reader, node, "`%s` is missing: %s needs it", key->name,
				      table->noun);
	}
	if (table->check)
		table->check(reader, &found, object);
}

/* A pair takes a mapping's keys one by one: says how, with the first of them. */
static void refuse_braces(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			  const struct sl_yaml_node *value)
{
	const char *first = value->text + strspn(value->text, "{ ");
	int name = (int)strcspn(first, ":, }");
	const char *rest = first + name + strspn(first + name, ": ");
	char shown[SL_CONF_SHOW_SIZE];

	if (value->text[0] == '{' && first[name] == ':')
		sl_conf_error(reader, value,
			      "`%s` takes its keys one by one, as %s.%.*s=%.*s, not %s", key->name,
			      key->name, name, first, (int)strcspn(rest, ",}"), rest,
			      sl_conf_show(value, shown));
	else
		sl_conf_error(reader, value, "`%s` takes its keys one by one, as %s.%s=..., not %s",
			      key->name, key->name, key->table->keys[0].name,
			      sl_conf_show(value, shown));
}

static void read_mapping(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			 const struct sl_yaml_node *value, void *object)
{
	if (sl_yaml_is_null(value))
		return;
	if (value->verbatim) {
		refuse_braces(reader, key, value);
		return;
	}
	sl_conf_read_table(reader, key->table, value, sl_conf_member(key, object));
	if (value->kind == SL_YAML_MAPPING)
		sl_conf_mark(key, object);
}

/* ---- names of a list's entries ----------------------------------------------------------------*/

struct name_set {
	const struct sl_yaml_node **places;
	uint32_t mask;
};

static const struct sl_yaml_node *entry_name(const struct sl_yaml_node *entry)
{
	if (entry->kind != SL_YAML_MAPPING)
		return NULL;
	for (const struct sl_yaml_node *at = entry->first; at; at = at->next->next) {
		if (strcmp(at->text, "name") == 0 && at->next->kind == SL_YAML_SCALAR)
			return at->next;
	}
	return NULL;
}

/* The place of an equal name that was there before, or NULL and it is there now. */
static const struct sl_yaml_node *name_set_add(struct name_set *set,
					       const struct sl_yaml_node *name)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	uint32_t at;

	for (const char *c = name->text; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3ull;
	at = (uint32_t)(hash >> 32) & set->mask;
	while (set->places[at]) {
		if (strcmp(set->places[at]->text, name->text) == 0)
			return set->places[at];
		at = (at + 1) & set->mask;
	}
	set->places[at] = name;
	return NULL;
}

/* Sets the names of all entries before anything else is read, so that entries may name each other;
 * bad ones are reported when their entry is read. */
static void read_names(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		       const struct sl_yaml_node *list, char *array)
{
	const struct sl_conf_key *name_key = &key->element->table->keys[0];
	const struct sl_yaml_node *entry = list->first;
	struct name_set set = {.mask = 1};

	while (set.mask < 2 * list->count)
		set.mask = set.mask << 1 | 1;
	set.places = calloc((size_t)set.mask + 1, sizeof(*set.places));
	if (!set.places) {
		reader->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < list->count; i++, entry = entry->next) {
		const struct sl_yaml_node *name = entry_name(entry);
		const struct sl_yaml_node *first;
		char *object = array + (size_t)i * key->element->size;

		if (!name || !sl_conf_name_valid(name->text))
			continue;
		(void)snprintf(sl_conf_member(name_key, object), SL_NAME_SIZE, "%s", name->text);
		first = name_set_add(&set, name);
		if (first)
			sl_conf_error(reader, name,
				      "name `%s` is used twice, first in line %u; names are unique",
				      name->text, first->line);
	}
	free(set.places);
}

/* ---- lists ------------------------------------------------------------------------------------*/

static bool list_fits(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		      const struct sl_yaml_node *value)
{
	char shown[SL_CONF_SHOW_SIZE];
	uint32_t count = sl_yaml_is_null(value) ? 0 : value->count;

	if (value->kind != SL_YAML_SEQUENCE && !sl_yaml_is_null(value)) {
		sl_conf_error(reader, value, "`%s` takes a list, not %s", key->name,
			      sl_conf_show(value, shown));
		return false;
	}
	if (count < key->min) {
		sl_conf_error(reader, value, "`%s` may not be empty: it needs at least one entry",
			      key->name);
		return false;
	}
	if (count > key->max) {
		sl_conf_error(reader, value, "`%s` has %u entries; there may be at most %u",
			      key->name, count, (uint32_t)key->max);
		return false;
	}
	return count > 0;
}

static void read_list(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		      const struct sl_yaml_node *value, void *object)
{
	const struct sl_conf_key *element = key->element;
	const struct sl_yaml_node *entry = value->first;
	char *array;

	if (!list_fits(reader, key, value))
		return;
	array = calloc(value->count, element->size);
	if (!array) {
		reader->no_memory = true;
		return;
	}
	memcpy(sl_conf_member(key, object), &array, sizeof(array));
	memcpy((char *)object + key->extra, &value->count, sizeof(value->count));
	if (element->table) {
		for (uint32_t i = 0; i < value->count; i++) {
			if (sl_conf_table_defaults(element->table,
						   array + (size_t)i * element->size))
				reader->no_memory = true;
		}
		read_names(reader, key, value, array);
	}
	for (uint32_t i = 0; i < value->count && !reader->no_memory; i++, entry = entry->next) {
		char *at = array + (size_t)i * element->size;

		if (element->table)
			sl_conf_read_table(reader, element->table, entry, at);
		else
			element->type->read(reader, element, entry, at);
	}
}

const struct sl_conf_type sl_conf_list = {.class = SL_CONF_LIST, .read = read_list};
const struct sl_conf_type sl_conf_mapping = {.class = SL_CONF_TABLE, .read = read_mapping};
