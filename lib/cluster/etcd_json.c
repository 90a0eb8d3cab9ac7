/* SPDX-License-Identifier: BSD-3-Clause */

#include "cluster/etcd_json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 24

/* ---- base64 ---------------------------------------------------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static json_t *encode(const void *octets, size_t size)
{
	const uint8_t *in = octets;
	char *text = malloc(4 * ((size + 2) / 3) + 1), *out = text;
	json_t *made;

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i += 3) {
		uint32_t left = size - i > 2 ? 3 : (uint32_t)(size - i);
		uint32_t word = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
				(left > 2 ? in[i + 2] : 0u);

		*out++ = digits[word >> 18];
		*out++ = digits[word >> 12 & 63];
		*out++ = digits[word >> 6 & 63];
		*out++ = digits[word & 63];
		for (uint32_t pad = left; pad < 3; pad++)
			out[(int)pad - 3] = '=';
	}
	made = json_stringn(text, (size_t)(out - text));
	free(text);
	return made;
}

/* Returns how many octets were written, at most 3/4 of the text's, or -1. */
static int64_t decode(const char *text, size_t length, uint8_t *octets)
{
	uint8_t *out = octets;
	uint32_t word = 0, bits = 0;

	while (length > 0 && text[length - 1] == '=')
		length--;
	for (size_t i = 0; i < length; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return -1;
		word = word << 6 | (uint32_t)(digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*out++ = (uint8_t)(word >> bits);
		}
	}
	return out - octets;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static char *dump(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

static json_t *number(uint64_t value)
{
	char text[NUMBER_SIZE];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	return json_string(text);
}

static json_t *key_of(const char *prefix, const char *key)
{
	char whole[2 * SL_STORE_KEY_SIZE];
	int size = snprintf(whole, sizeof(whole), "%s%s", prefix, key);

	return size < (int)sizeof(whole) ? encode(whole, (size_t)size) : NULL;
}

static json_t *range_of(const char *prefix, const struct sl_store_range *range)
{
	json_t *object = json_pack("{s:o}", "key", key_of(prefix, range->from));

	if (range->to)
		(void)json_object_set_new(object, "range_end", key_of(prefix, range->to));
	if (range->limit)
		(void)json_object_set_new(object, "limit", number(range->limit));
	if (range->keys_only)
		(void)json_object_set_new(object, "keys_only", json_true());
	return object;
}

char *sl_etcd_ask_range(const char *prefix, const struct sl_store_range *range)
{
	return dump(range_of(prefix, range));
}

static json_t *compare_of(const char *prefix, const struct sl_store_compare *compare)
{
	if (!compare->value)
		return json_pack("{s:o, s:s, s:s, s:s}", "key", key_of(prefix, compare->key),
				 "target", "CREATE", "result", "EQUAL", "create_revision", "0");
	return json_pack("{s:o, s:s, s:s, s:o}", "key", key_of(prefix, compare->key), "target",
			 "VALUE", "result", "EQUAL", "value",
			 encode(compare->value, strlen(compare->value)));
}

static json_t *put_of(const char *prefix, const struct sl_store_put *put, uint64_t lease)
{
	json_t *object = json_pack("{s:o}", "key", key_of(prefix, put->key));

	if (!put->value || put->to) {
		if (put->to)
			(void)json_object_set_new(object, "range_end", key_of(prefix, put->to));
		return json_pack("{s:o}", "request_delete_range", object);
	}
	(void)json_object_set_new(object, "value", encode(put->value, put->size));
	if (put->leased)
		(void)json_object_set_new(object, "lease", number(lease));
	return json_pack("{s:o}", "request_put", object);
}

char *sl_etcd_ask_commit(const char *prefix, const struct sl_store_commit *commit, uint64_t lease)
{
	json_t *compare = json_array(), *success = json_array(), *failure = json_array();

	for (uint32_t i = 0; i < commit->compare_count; i++)
		(void)json_array_append_new(compare, compare_of(prefix, &commit->compares[i]));
	for (uint32_t i = 0; i < commit->put_count; i++)
		(void)json_array_append_new(success, put_of(prefix, &commit->puts[i], lease));
	if (commit->read)
		(void)json_array_append_new(failure, json_pack("{s:o}", "request_range",
							       range_of(prefix, commit->read)));
	return dump(json_pack("{s:o, s:o, s:o}", "compare", compare, "success", success, "failure",
			      failure));
}

char *sl_etcd_ask_watch(const char *prefix, uint64_t revision)
{
	char end[2 * SL_STORE_KEY_SIZE];
	size_t size = strlen(prefix);

	/* a prefix ends with a slash: what begins with it comes before the same with the next octet */
	if (size == 0 || size >= sizeof(end))
		return NULL;
	memcpy(end, prefix, size);
	end[size - 1]++;
	return dump(json_pack("{s:{s:o, s:o, s:o}}", "create_request", "key", encode(prefix, size),
			      "range_end", encode(end, size), "start_revision", number(revision)));
}

char *sl_etcd_ask_lease(uint64_t lease, uint32_t ttl_s)
{
	return dump(lease ? json_pack("{s:o}", "ID", number(lease))
			  : json_pack("{s:o}", "TTL", number(ttl_s)));
}

char *sl_etcd_ask_token(const char *user, const char *password)
{
	return dump(json_pack("{s:s, s:s}", "name", user, "password", password));
}

/* ---- reading --------------------------------------------------------------------------------- */

static uint64_t number_in(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	const char *text = json_string_value(value);

	return text ? strtoull(text, NULL, 10) : (uint64_t)json_integer_value(value);
}

static void text_in(const json_t *object, const char *name, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (text)
		(void)snprintf(out, size, "%s", text);
}

/* One key and its value into the next pair; room is where its value goes. */
static int read_pair(const char *prefix, const json_t *kv, bool gone, struct sl_etcd_said *said,
		     uint8_t **room)
{
	struct sl_store_pair *pair = &said->pairs[said->count];
	const json_t *key = json_object_get(kv, "key"), *value = json_object_get(kv, "value");
	char whole[2 * SL_STORE_KEY_SIZE];
	size_t before = strlen(prefix);
	int64_t size;

	if (!json_is_string(key) || json_string_length(key) >= sizeof(whole))
		return -EBADMSG;
	size = decode(json_string_value(key), json_string_length(key), (uint8_t *)whole);
	if (size < (int64_t)before || memcmp(whole, prefix, before) != 0 ||
	    size - (int64_t)before >= SL_STORE_KEY_SIZE)
		return -EBADMSG;
	whole[size] = '\0';
	memcpy(pair->key, whole + before, (size_t)size - before + 1);
	if (gone) {
		said->count++;
		return 0;
	}
	size = value ? decode(json_string_value(value), json_string_length(value), *room) : 0;
	if (size < 0)
		return -EBADMSG;
	pair->value = *room;
	pair->size = (size_t)size;
	(*room)[size] = '\0';
	*room += size + 1;
	said->count++;
	return 0;
}

/* All of a range's "kvs", or of a watch's "events", whose pairs lie one deeper. */
static int read_pairs(const char *prefix, const json_t *list, bool events,
		      struct sl_etcd_said *said)
{
	size_t count = json_array_size(list), octets = 1, i;
	const json_t *entry;
	uint8_t *room;
	int rc = 0;

	if (count == 0 || said->pairs)
		return 0;
	json_array_foreach(list, i, entry)
	{
		const json_t *kv = events ? json_object_get(entry, "kv") : entry;

		octets += json_string_length(json_object_get(kv, "value")) + 1;
	}
	said->pairs = calloc(count, sizeof(*said->pairs));
	said->room = room = malloc(octets);
	if (!said->pairs || !room)
		return -ENOMEM;
	json_array_foreach(list, i, entry)
	{
		const char *type = json_string_value(json_object_get(entry, "type"));

		if (rc == 0)
			rc = read_pair(prefix, events ? json_object_get(entry, "kv") : entry,
				       type && strcmp(type, "DELETE") == 0, said, &room);
	}
	return rc;
}

static int read_answer(const char *prefix, const json_t *answer, struct sl_etcd_said *said)
{
	const json_t *responses = json_object_get(answer, "responses"), *response;
	const json_t *header = json_object_get(answer, "header");
	size_t i;
	int rc = read_pairs(prefix, json_object_get(answer, "kvs"), false, said);

	if (rc == 0)
		rc = read_pairs(prefix, json_object_get(answer, "events"), true, said);
	said->revision = number_in(header, "revision");
	said->more = json_is_true(json_object_get(answer, "more"));
	said->succeeded = json_is_true(json_object_get(answer, "succeeded"));
	said->created = json_is_true(json_object_get(answer, "created"));
	said->canceled = json_is_true(json_object_get(answer, "canceled"));
	said->lease = number_in(answer, "ID");
	said->ttl = (int64_t)number_in(answer, "TTL");
	text_in(answer, "token", said->token, sizeof(said->token));
	json_array_foreach(responses, i, response)
	{
		const json_t *range = json_object_get(response, "response_range");

		if (rc == 0 && range) {
			rc = read_pairs(prefix, json_object_get(range, "kvs"), false, said);
			said->more = json_is_true(json_object_get(range, "more"));
		}
	}
	return rc;
}

int sl_etcd_read(const char *prefix, const char *text, size_t length, struct sl_etcd_said *said)
{
	json_t *whole = json_loadb(text, length, 0, NULL), *answer = whole;
	const json_t *error;
	int rc;

	*said = (struct sl_etcd_said){0};
	if (!json_is_object(whole)) {
		json_decref(whole);
		return -EBADMSG;
	}
	error = json_object_get(whole, "error");
	if (json_is_string(error))
		text_in(whole, "error", said->error, sizeof(said->error));
	else if (error)
		text_in(error, "message", said->error, sizeof(said->error));
	if (error && !said->error[0])
		(void)snprintf(said->error, sizeof(said->error), "an error without words");
	/* what comes by a stream lies one deeper */
	if (json_is_object(json_object_get(whole, "result")))
		answer = json_object_get(whole, "result");
	rc = read_answer(prefix, answer, said);
	json_decref(whole);
	if (rc)
		sl_etcd_said_fini(said);
	return rc;
}

void sl_etcd_said_fini(struct sl_etcd_said *said)
{
	free(said->pairs);
	free(said->room);
	said->pairs = NULL;
	said->room = NULL;
	said->count = 0;
}
