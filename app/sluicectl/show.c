/* SPDX-License-Identifier: BSD-3-Clause */

#include "show.h"

#include <stdio.h>
#include <time.h>

#include "table.h"

const char *show_duration(double seconds, char *text)
{
	long whole = (long)seconds;

	if (seconds < 10)
		(void)snprintf(text, SHOW_TEXT_SIZE, "%.1fs", seconds);
	else if (whole < 60)
		(void)snprintf(text, SHOW_TEXT_SIZE, "%lds", whole);
	else if (whole < 3600)
		(void)snprintf(text, SHOW_TEXT_SIZE, "%ldm %lds", whole / 60, whole % 60);
	else if (whole < 86400)
		(void)snprintf(text, SHOW_TEXT_SIZE, "%ldh %ldm", whole / 3600, whole / 60 % 60);
	else
		(void)snprintf(text, SHOW_TEXT_SIZE, "%ldd %ldh", whole / 86400, whole / 3600 % 24);
	return text;
}

const char *show_time(double wall_ms, char *text)
{
	time_t seconds = (time_t)(wall_ms / 1e3);
	struct tm parts;

	if (wall_ms <= 0 || !localtime_r(&seconds, &parts) ||
	    strftime(text, SHOW_TEXT_SIZE, "%Y-%m-%d %H:%M:%S", &parts) == 0)
		(void)snprintf(text, SHOW_TEXT_SIZE, "-");
	return text;
}

double get_number(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

long long get_integer(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

const char *get_string(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

void show_json(const json_t *value)
{
	size_t form = show_fancy() ? JSON_INDENT(2) : JSON_COMPACT;

	(void)json_dumpf(value, stdout, form | JSON_REAL_PRECISION(15));
	putchar('\n');
	(void)fflush(stdout);
}
