/* SPDX-License-Identifier: BSD-3-Clause */

#include "table.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "show.h"

#define CELL_SIZE      1024
#define BAR_PLACES     20
#define GAP	       2  /* blanks between columns */
#define CUT_WIDTH_MIN  8  /* characters that a cell keeps, which may be cut */
#define TERMINAL_WIDTH 80 /* where it does not say */

struct table {
	const struct column *columns[TABLE_COLUMNS_MAX];
	size_t width[TABLE_COLUMNS_MAX]; /* 0: not shown */
	uint32_t column_count;
	double seconds;
	char **cells; /* row by row; the first row are the heads */
	size_t cell_count, cell_room;
};

bool show_fancy(void)
{
	return isatty(STDOUT_FILENO);
}

bool show_colours(void)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return show_fancy() && !(no && *no) && terminal && strcmp(terminal, "dumb") != 0;
}

static bool is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static enum column_format format_of(const struct column *column)
{
	return (enum column_format)(column->format & ~(uint32_t)COLUMN_SPARE);
}

/* ---- cells ----------------------------------------------------------------------------------- */

/* Characters of UTF-8 text. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* Octets of the text's first `width` characters. */
static size_t text_octets(const char *text, size_t width)
{
	size_t at = 0;

	while (text[at] && (width > 0 || ((unsigned char)text[at] & 0xc0) == 0x80)) {
		at++;
		width -= ((unsigned char)text[at] & 0xc0) != 0x80;
	}
	return at;
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

static const json_t *find_member(const json_t *object, const char *name)
{
	const char *dot = strchr(name, '.');
	char outer[64];

	if (!dot)
		return json_object_get(object, name);
	(void)snprintf(outer, sizeof(outer), "%.*s", (int)(dot - name), name);
	return json_object_get(json_object_get(object, outer), dot + 1);
}

static void format_bar(double share, char *text)
{
	const char *block = is_utf8() ? "\xe2\x96\x88" : "#";
	int places = (int)(share * BAR_PLACES + 0.5);
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; show_fancy() && i < places && i < BAR_PLACES; i++)
		used += (size_t)snprintf(text + used, CELL_SIZE - used, "%s", block);
}

static void format_cell(const struct table *table, const struct column *column, const char *name,
			const json_t *object, const json_t *before, char text[CELL_SIZE])
{
	const json_t *value = find_member(object, column->member ? column->member : "");
	double number = json_number_value(value);

	text[0] = '\0';
	switch (format_of(column)) {
	case COLUMN_NAME:
		(void)snprintf(text, CELL_SIZE, "%s", name);
		break;
	case COLUMN_TEXT:
	case COLUMN_STATE:
		(void)snprintf(text, CELL_SIZE, "%s",
			       json_is_string(value) ? json_string_value(value) : "");
		break;
	case COLUMN_INTEGER:
		(void)snprintf(text, CELL_SIZE, "%lld", (long long)json_integer_value(value));
		break;
	case COLUMN_WEIGHT:
		(void)snprintf(text, CELL_SIZE, "%.15g", number);
		break;
	case COLUMN_RATIO:
		(void)snprintf(text, CELL_SIZE, "%.3f", number);
		break;
	case COLUMN_PERCENT:
		(void)snprintf(text, CELL_SIZE, "%.2f %%", 100 * number);
		break;
	case COLUMN_BAR:
		format_bar(number, text);
		break;
	case COLUMN_TIME:
		(void)show_time(number, text);
		break;
	case COLUMN_DURATION:
		(void)show_duration(number, text);
		break;
	case COLUMN_RATE:
		number -= json_number_value(find_member(before, column->member));
		(void)snprintf(text, CELL_SIZE, "%.0f", number / table->seconds);
		break;
	case COLUMN_SPARE:
		break;
	}
}

struct table *table_create(const struct column *columns, uint32_t count, double seconds)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		abort();
	table->seconds = seconds;
	for (uint32_t i = 0; i < count; i++)
		if (format_of(&columns[i]) != COLUMN_RATE || seconds > 0)
			table->columns[table->column_count++] = &columns[i];
	for (uint32_t i = 0; i < table->column_count; i++)
		add_cell(table, table->columns[i]->head);
	return table;
}

void table_row(struct table *table, const char *name, const json_t *object, const json_t *before)
{
	char text[CELL_SIZE];

	for (uint32_t i = 0; i < table->column_count; i++) {
		format_cell(table, table->columns[i], name, object, before, text);
		for (char *at = text; *at; at++)
			*at = *at == '\n' || *at == '\t' ? ' ' : *at;
		add_cell(table, text);
	}
}

/* ---- fitting --------------------------------------------------------------------------------- */

static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return TERMINAL_WIDTH;
}

static bool may_be_cut(const struct table *table, uint32_t column)
{
	enum column_format format = format_of(table->columns[column]);

	return (format == COLUMN_NAME || format == COLUMN_TEXT) &&
	       table->width[column] > CUT_WIDTH_MIN;
}

/* Characters of a row; least: when all is cut that may be. */
static size_t row_width(const struct table *table, bool least)
{
	size_t width = 0;

	for (uint32_t i = 0; i < table->column_count; i++) {
		width += table->width[i] > 0 && width > 0 ? GAP : 0;
		width += least && may_be_cut(table, i) ? CUT_WIDTH_MIN : table->width[i];
	}
	return width;
}

/* The time of today, the date of other days. */
static void shorten_times(struct table *table, uint32_t column)
{
	time_t now = time(NULL);
	struct tm parts;
	char today[16] = "";

	if (localtime_r(&now, &parts))
		(void)strftime(today, sizeof(today), "%Y-%m-%d", &parts);
	table->width[column] = SHOW_DATE_LENGTH;
	for (size_t i = column + table->column_count; i < table->cell_count;
	     i += table->column_count) {
		char *cell = table->cells[i];

		if (strlen(cell) <= SHOW_DATE_LENGTH)
			continue;
		if (strncmp(cell, today, SHOW_DATE_LENGTH) == 0)
			memmove(cell, cell + SHOW_DATE_LENGTH + 1, strlen(cell) - SHOW_DATE_LENGTH);
		else
			cell[SHOW_DATE_LENGTH] = '\0';
	}
}

/* Makes times short, leaves spare columns out, then cuts the widest cells until a row fits. */
static void fit(struct table *table, size_t most)
{
	for (uint32_t i = 0; i < table->column_count; i++)
		if (format_of(table->columns[i]) == COLUMN_TIME && row_width(table, true) > most)
			shorten_times(table, i);
	for (uint32_t i = table->column_count; i-- > 0;)
		if (((table->columns[i]->format & COLUMN_SPARE) ||
		     format_of(table->columns[i]) == COLUMN_BAR) &&
		    row_width(table, true) > most)
			table->width[i] = 0;
	while (row_width(table, false) > most) {
		uint32_t widest = UINT32_MAX;

		for (uint32_t i = 0; i < table->column_count; i++)
			if (may_be_cut(table, i) &&
			    (widest == UINT32_MAX || table->width[i] >= table->width[widest]))
				widest = i;
		if (widest == UINT32_MAX)
			break;
		table->width[widest]--;
	}
}

/* ---- printing -------------------------------------------------------------------------------- */

static bool stands_right(enum column_format format)
{
	return format != COLUMN_NAME && format != COLUMN_TEXT && format != COLUMN_STATE &&
	       format != COLUMN_BAR && format != COLUMN_TIME;
}

static const char *state_colour(const char *state)
{
	if (strcmp(state, "up") == 0)
		return "\033[32m";
	if (strcmp(state, "down") == 0 || strcmp(state, "disabled") == 0)
		return "\033[31m";
	return "\033[33m";
}

/* Appends what of a cell fits its width; colours take no room. */
static void put_cell(FILE *out, const struct column *column, const char *cell, size_t width,
		     bool coloured)
{
	size_t has = text_width(cell);
	const char *colour =
		coloured && format_of(column) == COLUMN_STATE ? state_colour(cell) : "";

	(void)fputs(colour, out);
	if (has <= width)
		(void)fputs(cell, out);
	else
		(void)fprintf(out, "%.*s%s", (int)text_octets(cell, width - 1), cell,
			      is_utf8() ? "\xe2\x80\xa6" : "~");
	(void)fputs(*colour ? "\033[0m" : "", out);
}

/* most: characters of a line; what a terminal would wrap is left out, column by column. */
static void print_row(const struct table *table, char *const *cells, size_t most, bool head)
{
	size_t at = 0, blanks = 0;

	for (uint32_t i = 0; i < table->column_count; i++) {
		size_t width = table->width[i], has = text_width(cells[i]);
		size_t fill = width > has ? width - has : 0;

		if (width == 0)
			continue;
		if (at + width > most)
			break;
		if (stands_right(format_of(table->columns[i])))
			blanks += fill;
		if (*cells[i]) {
			printf("%*s", (int)blanks, "");
			put_cell(stdout, table->columns[i], cells[i], width,
				 !head && show_colours());
			blanks = 0;
		}
		if (*cells[i] && !stands_right(format_of(table->columns[i])))
			blanks = fill;
		else if (!*cells[i])
			blanks += stands_right(format_of(table->columns[i])) ? 0 : width;
		blanks += GAP;
		at += width + GAP;
	}
	putchar('\n');
}

void table_print(struct table *table, const char *nothing)
{
	size_t rows = table->cell_count / table->column_count, most = SIZE_MAX;

	if (show_fancy()) {
		most = terminal_width();
		fit(table, most);
	}
	if (rows <= 1 && *nothing)
		printf("%s\n", nothing);
	for (size_t i = 0; rows > 1 && i < rows; i++) {
		if (i == 0 && show_colours())
			printf("\033[1m");
		print_row(table, table->cells + i * table->column_count, most, i == 0);
		if (i == 0 && show_colours())
			printf("\033[0m");
	}
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}
