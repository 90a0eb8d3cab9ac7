/* SPDX-License-Identifier: BSD-3-Clause */

/* Log lines: one line each to a sink the application sets. Not for the packet path.
 *
 * Why:     only ctl and app log; wings below report with struct sl_err. The sink is a callback so
 *          that lib never prints.
 * Threads: any; the level is one atomic word, the sink is set once before threads start.
 */

#ifndef SL_BASE_LOG_H
#define SL_BASE_LOG_H

#include <stdbool.h>

/* name, syslog priority (journald reads it as <N> before a line) */
#define SL_LOG_LEVELS(X)                                                                           \
	X(ERROR, "error", 3)                                                                       \
	X(WARNING, "warning", 4)                                                                   \
	X(NOTICE, "notice", 5)                                                                     \
	X(INFO, "info", 6)                                                                         \
	X(DEBUG, "debug", 7)

enum sl_log_level {
#define X(id, name, priority) SL_LOG_##id = (priority),
	SL_LOG_LEVELS(X)
#undef X
};

typedef void sl_log_sink(enum sl_log_level level, const char *line, void *context);

void sl_log_sink_set(sl_log_sink *sink, void *context);
void sl_log_level_set(enum sl_log_level level);
enum sl_log_level sl_log_level_get(void);

/* The level's name, and the level of a name: 0 or -EINVAL. */
const char *sl_log_level_name(enum sl_log_level level);
int sl_log_level_parse(const char *name, enum sl_log_level *level);

/* A line without its newline; longer ones than 1,000 characters are cut. Of one format (its address
 * counts) 100 lines are told in 10 seconds; the others are counted, and their number is told when
 * the time is over. */
void sl_log(enum sl_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Every line, however many there are: of lists that have an end. */
void sl_log_each(enum sl_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Once a second or so: tells how many lines were left out since. */
void sl_log_tick(void);

#endif
