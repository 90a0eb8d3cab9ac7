/* SPDX-License-Identifier: BSD-3-Clause */

#include "show.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_PLACES 20
#define CELL_SIZE  512

struct table {
	uint32_t column_count;
	bool right[TABLE_COLUMNS_MAX];
	size_t width[TABLE_COLUMNS_MAX];
	char **cells; /* row by row; the first row are the heads */
	size_t cell_count, cell_room;
};

bool show_fancy(void)
{
	return isatty(STDOUT_FILENO);
}

/* Characters of UTF-8 text. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void add_cell(struct table *table, const char *text)
{
	uint32_t column = (uint32_t)(table->cell_count % table->column_count);
	size_t width = text_width(text);

	if (table->cell_count == table->cell_room) {
		table->cell_room = table->cell_room ? 2 * table->cell_room : 64;
		table->cells = realloc(table->cells, table->cell_room * sizeof(*table->cells));
		if (!table->cells)
			abort();
	}
	table->cells[table->cell_count] = strdup(text);
	if (!table->cells[table->cell_count++])
		abort();
	if (width > table->width[column])
		table->width[column] = width;
}

struct table *table_create(const char *heads)
{
	struct table *table = calloc(1, sizeof(*table));
	char copy[CELL_SIZE], *rest = copy, *head;

	if (!table)
		abort();
	(void)snprintf(copy, sizeof(copy), "%s", heads);
	table->column_count = 1;
	for (const char *at = heads; *at; at++)
		table->column_count += *at == '|';
	for (uint32_t i = 0; (head = strsep(&rest, "|")); i++) {
		table->right[i] = *head == '>';
		add_cell(table, head + (*head == '>'));
	}
	return table;
}

void table_cell(struct table *table, const char *format, ...)
{
	char text[CELL_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_cell(table, text);
}

static void print_row(const struct table *table, char *const *cells)
{
	size_t blanks = 0;

	for (uint32_t i = 0; i < table->column_count; i++) {
		size_t fill = table->width[i] - text_width(cells[i]);

		if (table->right[i])
			blanks += fill;
		if (*cells[i])
			printf("%*s%s", (int)blanks, "", cells[i]);
		blanks = (*cells[i] ? 0 : blanks) + (table->right[i] ? 0 : fill) + 2;
	}
	putchar('\n');
}

void table_print(struct table *table, const char *nothing)
{
	size_t rows = table->cell_count / table->column_count;

	if (rows <= 1)
		printf("%s\n", nothing);
	for (size_t i = 0; rows > 1 && i < rows; i++) {
		if (i == 0 && show_fancy())
			printf("\033[1m");
		print_row(table, table->cells + i * table->column_count);
		if (i == 0 && show_fancy())
			printf("\033[0m");
	}
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

const char *show_bar(double share, char *text, size_t size)
{
	const char *block = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? "\xe2\x96\x88" : "#";
	int places = (int)(share * BAR_PLACES + 0.5);
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; show_fancy() && i < places && i < BAR_PLACES; i++) {
		if (used + strlen(block) + 1 > size)
			break;
		used += (size_t)snprintf(text + used, size - used, "%s", block);
	}
	return text;
}

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
