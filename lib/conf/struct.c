/* SPDX-License-Identifier: BSD-3-Clause */

/* Structs that tables describe: storing, defaults, copying, freeing, comparing. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/key.h"

/* A list's first two members in every struct: where its array is, and how long it is. */
static void *list_array(const struct sl_conf_key *key, const void *object)
{
	void *array;

	memcpy(&array, sl_conf_member_const(key, object), sizeof(array));
	return array;
}

static uint32_t list_count(const struct sl_conf_key *key, const void *object)
{
	uint32_t count;

	memcpy(&count, (const char *)object + key->extra, sizeof(count));
	return count;
}

static void list_set(const struct sl_conf_key *key, void *object, void *array, uint32_t count)
{
	memcpy(sl_conf_member(key, object), &array, sizeof(array));
	memcpy((char *)object + key->extra, &count, sizeof(count));
}

static char *text_get(const struct sl_conf_key *key, const void *object)
{
	char *text;

	memcpy(&text, sl_conf_member_const(key, object), sizeof(text));
	return text;
}

static void text_set(const struct sl_conf_key *key, void *object, char *text)
{
	memcpy(sl_conf_member(key, object), &text, sizeof(text));
}

void sl_conf_store(const struct sl_conf_key *key, void *object, uint64_t value)
{
	void *member = sl_conf_member(key, object);
	uint32_t v32 = (uint32_t)value;
	uint16_t v16 = (uint16_t)value;
	uint8_t v8 = (uint8_t)value;

	switch (key->size) {
	case 1:
		memcpy(member, &v8, sizeof(v8));
		break;
	case 2:
		memcpy(member, &v16, sizeof(v16));
		break;
	case 4:
		memcpy(member, &v32, sizeof(v32));
		break;
	default:
		memcpy(member, &value, sizeof(value));
		break;
	}
	sl_conf_mark(key, object);
}

uint64_t sl_conf_load(const struct sl_conf_key *key, const void *object)
{
	uint64_t value = 0;

	/* little-endian, as everything that DPDK for x86 runs on */
	memcpy(&value, sl_conf_member_const(key, object), key->size);
	return value;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sl_conf_load() relies on it");

void sl_conf_mark(const struct sl_conf_key *key, void *object)
{
	bool set = true;

	if (key->extra)
		memcpy((char *)object + key->extra, &set, sizeof(set));
}

void sl_conf_store_text(struct sl_conf_reader *reader, const struct sl_conf_key *key, void *object,
			const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		reader->no_memory = true;
	free(text_get(key, object));
	text_set(key, object, copy);
}

bool sl_conf_key_applies(const struct sl_conf_table *table, const struct sl_conf_key *key,
			 const void *object)
{
	return !key->kinds || (key->kinds & table->kind(object));
}

/* ---- defaults ---------------------------------------------------------------------------------*/

static int key_default(const struct sl_conf_key *key, void *object)
{
	char *text;

	switch (key->type->class) {
	case SL_CONF_PLAIN:
		if (key->fallback) {
			sl_conf_store(key, object, key->fallback);
			if (key->extra)
				memset((char *)object + key->extra, 0, sizeof(bool));
		}
		return 0;
	case SL_CONF_TEXT:
		if (!key->text)
			return 0;
		text = strdup(key->text);
		if (!text)
			return -ENOMEM;
		text_set(key, object, text);
		return 0;
	case SL_CONF_TABLE:
		for (uint32_t i = 0; i < key->table->key_count; i++) {
			int err = key_default(&key->table->keys[i], sl_conf_member(key, object));

			if (err)
				return err;
		}
		return 0;
	default:
		return 0;
	}
}

int sl_conf_table_defaults(const struct sl_conf_table *table, void *object)
{
	memset(object, 0, table->size);
	for (uint32_t i = 0; i < table->key_count; i++) {
		int err = key_default(&table->keys[i], object);

		if (err)
			return err;
	}
	return 0;
}

static bool plain_is_default(const struct sl_conf_key *key, const void *object)
{
	const unsigned char *member = sl_conf_member_const(key, object);
	bool set;

	if (key->extra) {
		memcpy(&set, (const char *)object + key->extra, sizeof(set));
		return !set;
	}
	if (key->size <= sizeof(uint64_t))
		return memcmp(member, &key->fallback, key->size) == 0;
	for (uint32_t i = 0; i < key->size; i++) {
		if (member[i])
			return false;
	}
	return true;
}

bool sl_conf_key_is_default(const struct sl_conf_key *key, const void *object)
{
	const char *text;
	bool set = false;

	switch (key->type->class) {
	case SL_CONF_PLAIN:
		return plain_is_default(key, object);
	case SL_CONF_TEXT:
		text = text_get(key, object);
		return !text || (key->text && strcmp(text, key->text) == 0);
	case SL_CONF_LIST:
		return list_count(key, object) == 0;
	default:
		break;
	}
	if (key->extra) {
		memcpy(&set, (const char *)object + key->extra, sizeof(set));
		return !set;
	}
	for (uint32_t i = 0; i < key->table->key_count; i++) {
		if (!sl_conf_key_is_default(&key->table->keys[i],
					    sl_conf_member_const(key, object)))
			return false;
	}
	return true;
}

/* ---- freeing and copying ----------------------------------------------------------------------*/

static void key_fini(const struct sl_conf_key *key, void *object)
{
	char *array;

	switch (key->type->class) {
	case SL_CONF_TEXT:
		free(text_get(key, object));
		text_set(key, object, NULL);
		break;
	case SL_CONF_LIST:
		array = list_array(key, object);
		for (uint32_t i = 0; array && i < list_count(key, object); i++)
			key_fini(key->element, array + (size_t)i * key->element->size);
		free(array);
		list_set(key, object, NULL, 0);
		break;
	case SL_CONF_TABLE:
		sl_conf_table_fini(key->table, sl_conf_member(key, object));
		break;
	default:
		break;
	}
}

void sl_conf_table_fini(const struct sl_conf_table *table, void *object)
{
	for (uint32_t i = 0; i < table->key_count; i++)
		key_fini(&table->keys[i], object);
}

/* Forgets what `object` points to, after its octets were copied from elsewhere. */
static void key_forget(const struct sl_conf_key *key, void *object)
{
	if (key->type->class == SL_CONF_TEXT)
		text_set(key, object, NULL);
	if (key->type->class == SL_CONF_LIST)
		list_set(key, object, NULL, 0);
	for (uint32_t i = 0; key->type->class == SL_CONF_TABLE && i < key->table->key_count; i++)
		key_forget(&key->table->keys[i], sl_conf_member(key, object));
}

static int key_copy(const struct sl_conf_key *key, const void *from, void *to);

static int list_copy(const struct sl_conf_key *key, const void *from, void *to)
{
	const struct sl_conf_key *element = key->element;
	const char *source = list_array(key, from);
	uint32_t count = list_count(key, from);
	char *array;

	if (!count)
		return 0;
	array = calloc(count, element->size);
	if (!array)
		return -ENOMEM;
	memcpy(array, source, (size_t)count * element->size);
	for (uint32_t i = 0; i < count; i++)
		key_forget(element, array + (size_t)i * element->size);
	list_set(key, to, array, count);
	for (uint32_t i = 0; i < count; i++) {
		size_t at = (size_t)i * element->size;
		int err = key_copy(element, source + at, array + at);

		if (err)
			return err;
	}
	return 0;
}

/* `to` has the octets of `from` already, and forgot what they point to. */
static int key_copy(const struct sl_conf_key *key, const void *from, void *to)
{
	char *text;

	switch (key->type->class) {
	case SL_CONF_TEXT:
		text = text_get(key, from);
		if (!text)
			return 0;
		text = strdup(text);
		text_set(key, to, text);
		return text ? 0 : -ENOMEM;
	case SL_CONF_LIST:
		return list_copy(key, from, to);
	case SL_CONF_TABLE:
		for (uint32_t i = 0; i < key->table->key_count; i++) {
			int err = key_copy(&key->table->keys[i], sl_conf_member_const(key, from),
					   sl_conf_member(key, to));

			if (err)
				return err;
		}
		return 0;
	default:
		return 0;
	}
}

int sl_conf_table_copy(const struct sl_conf_table *table, const void *from, void *to)
{
	int err = 0;

	memcpy(to, from, table->size);
	for (uint32_t i = 0; i < table->key_count; i++)
		key_forget(&table->keys[i], to);
	for (uint32_t i = 0; i < table->key_count && !err; i++)
		err = key_copy(&table->keys[i], from, to);
	if (err)
		sl_conf_table_fini(table, to);
	return err;
}

/* ---- comparing --------------------------------------------------------------------------------*/

bool sl_conf_key_equal(const struct sl_conf_key *key, const void *a, const void *b)
{
	const char *text_a, *text_b, *array_a, *array_b;
	uint32_t count;

	switch (key->type->class) {
	case SL_CONF_TEXT:
		text_a = text_get(key, a);
		text_b = text_get(key, b);
		return text_a && text_b ? strcmp(text_a, text_b) == 0 : text_a == text_b;
	case SL_CONF_LIST:
		count = list_count(key, a);
		array_a = list_array(key, a);
		array_b = list_array(key, b);
		if (count != list_count(key, b))
			return false;
		for (uint32_t i = 0; i < count; i++) {
			size_t at = (size_t)i * key->element->size;

			if (!sl_conf_key_equal(key->element, array_a + at, array_b + at))
				return false;
		}
		return true;
	case SL_CONF_TABLE:
		if (key->extra && sl_conf_key_is_default(key, a) != sl_conf_key_is_default(key, b))
			return false;
		return !sl_conf_table_differs(key->table, sl_conf_member_const(key, a),
					      sl_conf_member_const(key, b));
	default:
		if (key->extra && sl_conf_key_is_default(key, a) != sl_conf_key_is_default(key, b))
			return false;
		return memcmp(sl_conf_member_const(key, a), sl_conf_member_const(key, b),
			      key->size) == 0;
	}
}

const struct sl_conf_key *sl_conf_table_differs(const struct sl_conf_table *table, const void *a,
						const void *b)
{
	for (uint32_t i = 0; i < table->key_count; i++) {
		const struct sl_conf_key *key = &table->keys[i];

		if (!(key->flags & SL_KEY_APART) && !sl_conf_key_equal(key, a, b))
			return key;
	}
	return NULL;
}
