/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/guess.h"
#include "conf/key.h"

#define SHOWN_MAX 60 /* octets of a value that a message shows */
#define NEAR_MAX  3  /* letters that are wrong in what is suggested */

static int list_add(struct sl_conf_error **list, uint32_t *count, struct sl_conf_error error)
{
	struct sl_conf_error *grown;

	if (*count >= SL_CONF_ERRORS_MAX) {
		free(error.message);
		return 0;
	}
	grown = realloc(*list, (*count + 1) * sizeof(*grown));
	if (!grown) {
		free(error.message);
		return -ENOMEM;
	}
	grown[(*count)++] = error;
	*list = grown;
	return 0;
}

static void add(struct sl_conf_reader *reader, bool warning, uint32_t line, uint32_t column,
		const char *format, va_list args)
{
	struct sl_conf_errors *errors = reader->errors;
	struct sl_conf_error error = {.line = line, .column = column};
	uint32_t count = warning ? errors->warning_count : errors->count;
	int err;

	if (count == SL_CONF_ERRORS_MAX)
		return;
	if (count == SL_CONF_ERRORS_MAX - 1)
		error.message = strdup("there are more than 1000 of these; the rest is not listed");
	else if (vasprintf(&error.message, format, args) < 0)
		error.message = NULL;
	if (!error.message) {
		reader->no_memory = true;
		return;
	}
	if (warning)
		err = list_add(&errors->warnings, &errors->warning_count, error);
	else
		err = list_add(&errors->list, &errors->count, error);
	if (err)
		reader->no_memory = true;
}

void sl_conf_error(struct sl_conf_reader *reader, const struct sl_yaml_node *at, const char *format,
		   ...)
{
	va_list args;

	va_start(args, format);
	add(reader, false, at->line, at->column, format, args);
	va_end(args);
}

void sl_conf_error_at(struct sl_conf_reader *reader, uint32_t line, uint32_t column,
		      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(reader, false, line, column, format, args);
	va_end(args);
}

void sl_conf_warn_at(struct sl_conf_reader *reader, uint32_t line, uint32_t column,
		     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(reader, true, line, column, format, args);
	va_end(args);
}

static bool comes_after(const struct sl_conf_error *a, const struct sl_conf_error *b)
{
	return a->line != b->line ? a->line > b->line : a->column > b->column;
}

/* Stable, and there are few. */
static void sort(struct sl_conf_error *list, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		struct sl_conf_error moving = list[i];
		uint32_t j = i;

		for (; j && comes_after(&list[j - 1], &moving); j--)
			list[j] = list[j - 1];
		list[j] = moving;
	}
}

/* In the order of the file. */
static void sort_all(struct sl_conf_errors *errors)
{
	sort(errors->list, errors->count);
	sort(errors->warnings, errors->warning_count);
}

int sl_conf_finish(const struct sl_conf_reader *reader)
{
	sort_all(reader->errors);
	if (reader->no_memory)
		return -ENOMEM;
	return reader->errors->count ? -EINVAL : 0;
}

static void list_free(struct sl_conf_error *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		free(list[i].message);
	free(list);
}

void sl_conf_errors_fini(struct sl_conf_errors *errors)
{
	list_free(errors->list, errors->count);
	list_free(errors->warnings, errors->warning_count);
	*errors = (struct sl_conf_errors){0};
}

const char *sl_conf_show(const struct sl_yaml_node *value, char *text)
{
	size_t length = value->length;
	bool cut = length > SHOWN_MAX, valid;

	if (value->kind != SL_YAML_SCALAR || sl_yaml_is_null(value) || !length) {
		(void)snprintf(text, SL_CONF_SHOW_SIZE, "%s",
			       value->kind == SL_YAML_SEQUENCE	? "a list"
			       : value->kind == SL_YAML_MAPPING ? "a mapping"
			       : value->quoted			? "an empty text"
								: "nothing");
		return text;
	}
	if (cut) {
		length = SHOWN_MAX;
		while (length && ((unsigned char)value->text[length] & 0xc0) == 0x80)
			length--;
	}
	(void)snprintf(text, SL_CONF_SHOW_SIZE, "`%.*s%s`", (int)length, value->text,
		       cut ? "..." : "");
	valid = sl_yaml_is_text(text, strlen(text));
	for (char *at = text; *at; at++) {
		if (iscntrl((unsigned char)*at) || (!valid && (unsigned char)*at >= 0x80))
			*at = '?';
	}
	return text;
}

void sl_conf_near_try(struct sl_conf_near *near, const char *name)
{
	size_t length = strlen(near->word), other = strlen(name);
	uint32_t distance;

	if (!length || length > SL_GUESS_LENGTH_MAX || length > other + NEAR_MAX ||
	    other > length + NEAR_MAX)
		return;
	distance = sl_guess_distance(near->word, name);
	if (distance > NEAR_MAX || distance > 1 + length / 4 || distance >= length)
		return;
	if (near->best && distance >= near->distance)
		return;
	near->best = name;
	near->distance = distance;
}

const char *sl_conf_near_ask(const struct sl_conf_near *near, char *text)
{
	text[0] = '\0';
	if (near->best)
		(void)snprintf(text, SL_CONF_SHOW_SIZE, "; did you mean `%s`?", near->best);
	return text;
}
