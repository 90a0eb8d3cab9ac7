/* SPDX-License-Identifier: BSD-3-Clause */

/* Output for people: times and durations, members of answers.
 *
 * Threads: one.
 */

#ifndef SL_SLUICECTL_SHOW_H
#define SL_SLUICECTL_SHOW_H

#include <jansson.h>
#include <stdbool.h>

#define SHOW_TEXT_SIZE	 32
#define SHOW_DATE_LENGTH 10 /* characters of a time's date, before a blank and the time of day */

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
