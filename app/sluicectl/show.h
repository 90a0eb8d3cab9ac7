/* SPDX-License-Identifier: BSD-3-Clause */

/* Output for people: aligned tables, bars on a terminal, numbers with units.
 *
 * Why:     what is piped stays plain: no colour, no bar, one line a thing.
 * Threads: one.
 * Memory:  table_create() and table_print(), which frees it.
 */

#ifndef SL_SLUICECTL_SHOW_H
#define SL_SLUICECTL_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define TABLE_COLUMNS_MAX 16
#define SHOW_TEXT_SIZE	  32

struct table;

/* Heads separated by '|'; one that starts with '>' stands to the right. */
struct table *table_create(const char *heads);
/* The next cell; rows end by themselves. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints when there are rows, else says `nothing`; frees. */
void table_print(struct table *table, const char *nothing);

/* Whether standard output is a terminal. */
bool show_fancy(void);

/* A bar of at most 20 places for a share of 0..1, "" when piped. */
const char *show_bar(double share, char *text, size_t size);
/* "3d 4h", "5m 12s", "1.5 s" */
const char *show_duration(double seconds, char *text);
/* Wall-clock milliseconds as local time. */
const char *show_time(double wall_ms, char *text);

/* Members of objects, 0 or "" where there is none. */
double get_number(const json_t *object, const char *name);
long long get_integer(const json_t *object, const char *name);
const char *get_string(const json_t *object, const char *name);

/* The result object alone, a line (indented on a terminal). */
void show_json(const json_t *value);

#endif
