/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/change.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

int sl_change_say(struct sl_change_result *result, const char *format, ...)
{
	va_list arguments;
	int status;

	va_start(arguments, format);
	status = append(&result->sentences, &result->sentence_count, format, arguments);
	va_end(arguments);
	return status;
}

void sl_change_result_fini(struct sl_change_result *result)
{
	for (uint32_t i = 0; i < result->warning_count; i++)
		free(result->warnings[i]);
	for (uint32_t i = 0; i < result->sentence_count; i++)
		free(result->sentences[i]);
	free(result->warnings);
	free(result->sentences);
	free(result->pools);
	*result = (struct sl_change_result){0};
}
