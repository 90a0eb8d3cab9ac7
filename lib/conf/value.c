/* SPDX-License-Identifier: BSD-3-Clause */

/* Types of values: numbers, words, durations, weights, names, texts. */

#include <stdlib.h>
#include <string.h>

#include "conf/key.h"

#define WORDS_TEXT_SIZE 256

/* The text of a plain scalar (where a quoted one would be of another type), or NULL. */
static const char *plain_text(const struct sl_yaml_node *value)
{
	if (value->kind != SL_YAML_SCALAR || value->quoted || strlen(value->text) != value->length)
		return NULL;
	return value->text;
}

/* ---- numbers ----------------------------------------------------------------------------------*/

static bool get_number(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		       const struct sl_yaml_node *value, uint64_t *number)
{
	const char *text = plain_text(value);
	char shown[SL_CONF_SHOW_SIZE];

	if (text && !sl_number_parse(text, number) && *number >= key->min && *number <= key->max)
		return true;
	sl_conf_error(reader, value, "`%s` takes a whole number from %llu to %llu, not %s%s",
		      key->name, (unsigned long long)key->min, (unsigned long long)key->max,
		      sl_conf_show(value, shown),
		      value->kind == SL_YAML_SCALAR && value->quoted ? " in quotes" : "");
	return false;
}

static void read_number(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			const struct sl_yaml_node *value, void *object)
{
	uint64_t number;

	if (get_number(reader, key, value, &number))
		sl_conf_store(key, object, number);
}

static void read_power(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		       const struct sl_yaml_node *value, void *object)
{
	const char *text = plain_text(value);
	char shown[SL_CONF_SHOW_SIZE], nearest[SL_CONF_SHOW_SIZE] = "";
	uint64_t number, above = key->min;
	bool fits =
		text && !sl_number_parse(text, &number) && number >= key->min && number <= key->max;

	if (fits && !(number & (number - 1))) {
		sl_conf_store(key, object, number);
		return;
	}
	while (fits && above < number)
		above *= 2;
	if (fits)
		(void)snprintf(nearest, sizeof(nearest), "; %llu or %llu would do",
			       (unsigned long long)above / 2, (unsigned long long)above);
	sl_conf_error(reader, value, "`%s` takes a power of two from %llu to %llu, not %s%s",
		      key->name, (unsigned long long)key->min, (unsigned long long)key->max,
		      sl_conf_show(value, shown), nearest);
}

static void write_number(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			 const void *object)
{
	(void)fprintf(writer->out, "%llu", (unsigned long long)sl_conf_load(key, object));
}

/* ---- words ------------------------------------------------------------------------------------*/

static void not_a_word(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		       const struct sl_yaml_node *value)
{
	struct sl_conf_near near = {.word = value->text};
	char words[WORDS_TEXT_SIZE] = "", shown[SL_CONF_SHOW_SIZE], ask[SL_CONF_SHOW_SIZE];

	for (const struct sl_conf_word *word = key->words; word->name; word++) {
		size_t used = strlen(words);
		const char *between = word == key->words ? "" : word[1].name ? ", " : " or ";

		(void)snprintf(words + used, sizeof(words) - used, "%s%s", between, word->name);
		sl_conf_near_try(&near, word->name);
	}
	sl_conf_error(reader, value, "`%s` takes %s, not %s%s", key->name, words,
		      sl_conf_show(value, shown), sl_conf_near_ask(&near, ask));
}

static void read_word(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		      const struct sl_yaml_node *value, void *object)
{
	for (const struct sl_conf_word *word = key->words;
	     value->kind == SL_YAML_SCALAR && word->name; word++) {
		if (strcmp(word->name, value->text) == 0) {
			sl_conf_store(key, object, word->value);
			return;
		}
	}
	not_a_word(reader, key, value);
}

static void write_word(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		       const void *object)
{
	uint64_t value = sl_conf_load(key, object);

	for (const struct sl_conf_word *word = key->words; word->name; word++) {
		if (word->value == value) {
			(void)fputs(word->name, writer->out);
			return;
		}
	}
}

static const struct sl_conf_word truths[] = {{"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0},
					     {"on", 1},	  {"off", 0},	{NULL, 0}};

static void read_bool(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		      const struct sl_yaml_node *value, void *object)
{
	struct sl_conf_key with_words = *key;
	char shown[SL_CONF_SHOW_SIZE];

	with_words.words = truths;
	if (value->kind == SL_YAML_SCALAR && value->quoted)
		sl_conf_error(reader, value, "`%s` takes true or false, not %s in quotes",
			      key->name, sl_conf_show(value, shown));
	else
		read_word(reader, &with_words, value, object);
}

static void write_bool(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		       const void *object)
{
	(void)fputs(sl_conf_load(key, object) ? "true" : "false", writer->out);
}

/* ---- durations and weights --------------------------------------------------------------------*/

static void read_duration(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			  const struct sl_yaml_node *value, void *object)
{
	char shown[SL_CONF_SHOW_SIZE], least[SL_NUMBER_TEXT_SIZE], most[SL_NUMBER_TEXT_SIZE];
	uint64_t ms;

	if (value->kind == SL_YAML_SCALAR && !sl_duration_parse(value->text, &ms) &&
	    ms >= key->min && ms <= key->max) {
		sl_conf_store(key, object, ms);
		return;
	}
	sl_conf_error(reader, value,
		      "`%s` takes a whole number with a unit (ms, s, m, h, d) such as 500ms or "
		      "15m, from %s to %s, not %s",
		      key->name, sl_duration_format(key->min, least),
		      sl_duration_format(key->max, most), sl_conf_show(value, shown));
}

static void write_duration(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			   const void *object)
{
	char text[SL_NUMBER_TEXT_SIZE];

	(void)fputs(sl_duration_format(sl_conf_load(key, object), text), writer->out);
}

static void read_weight(struct sl_conf_reader *reader, const struct sl_conf_key *key,
			const struct sl_yaml_node *value, void *object)
{
	const char *text = plain_text(value);
	char shown[SL_CONF_SHOW_SIZE];
	const char *why = "in quotes is a text, not a number";
	uint64_t weight;

	if (value->kind != SL_YAML_SCALAR || !value->length) {
		sl_conf_error(reader, value,
			      "`%s` takes a decimal number from 0 to 1000000, not %s", key->name,
			      sl_conf_show(value, shown));
	} else if (!text || sl_weight_parse(text, &weight, &why)) {
		sl_conf_error(reader, value, "`%s`: %s %s", key->name, sl_conf_show(value, shown),
			      why);
	} else {
		sl_conf_store(key, object, weight);
	}
}

static void write_weight(struct sl_conf_writer *writer, const struct sl_conf_key *key,
			 const void *object)
{
	char text[SL_NUMBER_TEXT_SIZE];

	(void)fputs(sl_weight_format(sl_conf_load(key, object), text), writer->out);
}

/* ---- names and texts --------------------------------------------------------------------------*/

static void read_name(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		      const struct sl_yaml_node *value, void *object)
{
	char shown[SL_CONF_SHOW_SIZE];

	if (value->kind == SL_YAML_SCALAR && strlen(value->text) == value->length &&
	    sl_conf_name_valid(value->text)) {
		memset(sl_conf_member(key, object), 0, SL_NAME_SIZE);
		memcpy(sl_conf_member(key, object), value->text, value->length);
		return;
	}
	sl_conf_error(reader, value,
		      "`%s` takes a name of up to 63 letters, digits, `.`, `_` and `-`, with a "
		      "letter or digit in it, not %s",
		      key->name, sl_conf_show(value, shown));
}

static void write_name(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		       const void *object)
{
	sl_conf_write_name(writer, sl_conf_member_const(key, object));
}

static bool has_control(const struct sl_yaml_node *value)
{
	for (size_t i = 0; i < value->length; i++) {
		if ((unsigned char)value->text[i] < 0x20 || value->text[i] == 0x7f)
			return true;
	}
	return false;
}

/* What a check says to a server may have lines. */
static bool has_other_control(const struct sl_yaml_node *value)
{
	for (size_t i = 0; i < value->length; i++) {
		if (((unsigned char)value->text[i] < 0x20 && !strchr("\r\n\t", value->text[i])) ||
		    value->text[i] == 0x7f)
			return true;
	}
	return false;
}

/* min and max are of its octets. */
static void read_text(struct sl_conf_reader *reader, const struct sl_conf_key *key,
		      const struct sl_yaml_node *value, void *object)
{
	char shown[SL_CONF_SHOW_SIZE];

	bool lines = key->type == &sl_conf_lines;

	if (value->kind != SL_YAML_SCALAR ||
	    (lines ? has_other_control(value) : has_control(value)) ||
	    !sl_yaml_is_text(value->text, value->length) || (sl_yaml_is_null(value) && key->min))
		sl_conf_error(reader, value,
			      "`%s` takes a text on one line without control characters, not %s",
			      key->name, sl_conf_show(value, shown));
	else if (value->length < key->min)
		sl_conf_error(reader, value, "`%s` may not be empty", key->name);
	else if (value->length > key->max)
		sl_conf_error(reader, value, "`%s` has %zu octets; there may be at most %llu",
			      key->name, value->length, (unsigned long long)key->max);
	else
		sl_conf_store_text(reader, key, object, sl_yaml_is_null(value) ? "" : value->text);
}

static void write_text(struct sl_conf_writer *writer, const struct sl_conf_key *key,
		       const void *object)
{
	const char *text;

	memcpy(&text, sl_conf_member_const(key, object), sizeof(text));
	sl_conf_write_quoted(writer, text);
}

/* clang-format off */
const struct sl_conf_type sl_conf_number = {SL_CONF_PLAIN, read_number, write_number};
const struct sl_conf_type sl_conf_power = {SL_CONF_PLAIN, read_power, write_number};
const struct sl_conf_type sl_conf_bool = {SL_CONF_PLAIN, read_bool, write_bool};
const struct sl_conf_type sl_conf_word = {SL_CONF_PLAIN, read_word, write_word};
const struct sl_conf_type sl_conf_duration = {SL_CONF_PLAIN, read_duration, write_duration};
const struct sl_conf_type sl_conf_weight = {SL_CONF_PLAIN, read_weight, write_weight};
const struct sl_conf_type sl_conf_name = {SL_CONF_PLAIN, read_name, write_name};
const struct sl_conf_type sl_conf_text = {SL_CONF_TEXT, read_text, write_text};
const struct sl_conf_type sl_conf_lines = {SL_CONF_TEXT, read_text, write_text};
/* clang-format on */
