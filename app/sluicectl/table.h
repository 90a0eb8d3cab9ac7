/* SPDX-License-Identifier: BSD-3-Clause */

/* Tables: a column is a row of what it shows of an object of an answer.
 *
 * Why:     a verb's table is its columns; widths, terminals and colours are nobody else's concern.
 * Shape:   on a terminal a table is as wide as that: times become short, spare columns are left out,
 *          long cells are cut with an ellipsis; states are coloured unless NO_COLOR is set. What is
 *          piped is whole and plain.
 * Threads: one.
 * Memory:  table_create() and table_print(), which frees it.
 */

#ifndef SL_SLUICECTL_TABLE_H
#define SL_SLUICECTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum column_format {
	COLUMN_NAME = 0, /* the row's name */
	COLUMN_TEXT,
	COLUMN_STATE, /* a text, coloured */
	COLUMN_INTEGER,
	COLUMN_WEIGHT,	      /* as many digits as it has */
	COLUMN_RATIO,	      /* three digits */
	COLUMN_PERCENT,	      /* two digits, of a share of 0..1 */
	COLUMN_BAR,	      /* of a share of 0..1, on a terminal */
	COLUMN_TIME,	      /* wall-clock milliseconds */
	COLUMN_DURATION,      /* seconds */
	COLUMN_SPARE = 0x100, /* with another: left out where the terminal is too narrow for all */
	COLUMN_RATE = COLUMN_DURATION +
		      1, /* how many a second since the object before; only where there is one */
};

struct column {
	const char *head;
	const char *member; /* "load.factor" is `factor` in an object `load` */
	uint32_t format;    /* enum column_format */
};

struct table;

#define TABLE_COLUMNS_MAX 16

/* seconds: between the objects before and now, 0: there are none before. */
struct table *table_create(const struct column *columns, uint32_t count, double seconds);
void table_row(struct table *table, const char *name, const json_t *object, const json_t *before);
/* Prints when there are rows, else says `nothing`; frees. */
void table_print(struct table *table, const char *nothing);

/* True if standard output is a terminal; and one that may be coloured. */
bool show_fancy(void);
bool show_colours(void);

#endif
