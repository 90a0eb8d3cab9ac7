/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/change.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define VALUE_MAX 100 /* octets of a value in a sentence */

const char *sl_change_name(enum sl_change_kind kind)
{
	switch (kind) {
#define X(id, name, value, operators)                                                              \
	case SL_CHANGE_##id:                                                                       \
		return name;
		SL_CHANGES(X)
#undef X
	}
	return "unknown";
}

bool sl_change_is_operators(enum sl_change_kind kind)
{
	switch (kind) {
#define X(id, name, value, operators)                                                              \
	case SL_CHANGE_##id:                                                                       \
		return operators;
		SL_CHANGES(X)
#undef X
	}
	return false;
}

static int append(char ***list, uint32_t *count, const char *format, va_list arguments)
{
	char **longer = realloc(*list, (*count + 1) * sizeof(char *));
	char *text;

	if (!longer)
		return -ENOMEM;
	*list = longer;
	if (vasprintf(&text, format, arguments) < 0)
		return -ENOMEM;
	longer[(*count)++] = text;
	return 0;
}

int sl_change_warn(struct sl_change_result *result, const char *format, ...)
{
	va_list arguments;
	int status;

	va_start(arguments, format);
	status = append(&result->warnings, &result->warning_count, format, arguments);
	va_end(arguments);
	return status;
}

int sl_change_warn_conf(struct sl_change_result *result, const struct sl_change *change)
{
	const struct sl_conf_errors *errors = change->conf_warnings;
	int status = 0;

	for (uint32_t i = 0; errors && i < errors->warning_count && status == 0; i++) {
		const struct sl_conf_error *one = &errors->warnings[i];

		if (change->kind == SL_CHANGE_APPLY)
			status = sl_change_warn(result, "line %u, column %u: %s", one->line,
						one->column, one->message);
		else
			status = sl_change_warn(result, "%s", one->message);
	}
	return status;
}

int sl_change_say(struct sl_change_result *result, const char *format, ...)
{
	va_list arguments;
	int status;

	va_start(arguments, format);
	status = append(&result->sentences, &result->sentence_count, format, arguments);
	va_end(arguments);
	return status;
}

/* Where two values begin to differ, from the start of the key on that the difference is in, if that is
 * near. */
static size_t differing(const char *before, const char *after)
{
	size_t same = 0, start;

	while (before[same] && before[same] == after[same])
		same++;
	start = same;
	while (start > 0 && same - start < VALUE_MAX / 2 && !strchr("{[", before[start - 1]) &&
	       !(start > 1 && before[start - 2] == ',' && before[start - 1] == ' '))
		start--;
	return start;
}

int sl_change_say_value(struct sl_change_result *result, const char *place, const char *before,
			const char *after)
{
	bool fits = strlen(before) <= VALUE_MAX && strlen(after) <= VALUE_MAX;
	size_t from = fits ? 0 : differing(before, after);
	const char *dots = from ? "..." : "";

	before += from;
	after += from;
	return sl_change_say(result, "%s %s%.*s%s -> %s%.*s%s", place, dots, VALUE_MAX, before,
			     strlen(before) > VALUE_MAX ? "..." : "", dots, VALUE_MAX, after,
			     strlen(after) > VALUE_MAX ? "..." : "");
}

int sl_change_refuse(struct sl_change_result *result, uint32_t line, uint32_t column,
		     const char *format, ...)
{
	size_t size = (result->refusal_count + 1) * sizeof(*result->refusals);
	struct sl_conf_error *longer = realloc(result->refusals, size);
	va_list arguments;
	char *text;
	int length;

	if (!longer)
		return -ENOMEM;
	result->refusals = longer;
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return -ENOMEM;
	longer[result->refusal_count++] = (struct sl_conf_error){
		.line = SL_MAX(line, 1u), .column = SL_MAX(column, 1u), .message = text};
	return 0;
}

int sl_change_refused(const struct sl_change_result *result, int code, struct sl_err *err)
{
	char text[SL_ERR_TEXT_SIZE] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < result->refusal_count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? "; " : "",
					 result->refusals[i].message);
	return used > 0 ? sl_err_set(err, code, "%s", text) : 0;
}

void sl_change_result_fini(struct sl_change_result *result)
{
	for (uint32_t i = 0; i < result->warning_count; i++)
		free(result->warnings[i]);
	for (uint32_t i = 0; i < result->sentence_count; i++)
		free(result->sentences[i]);
	for (uint32_t i = 0; i < result->refusal_count; i++)
		free(result->refusals[i].message);
	free(result->warnings);
	free(result->refusals);
	free(result->sentences);
	free(result->pools);
	*result = (struct sl_change_result){0};
}
