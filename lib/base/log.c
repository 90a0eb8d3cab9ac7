/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 1001

static sl_log_sink *log_sink;
static void *log_context;
static _Atomic int log_level = SL_LOG_INFO;

void sl_log_sink_set(sl_log_sink *sink, void *context)
{
	log_sink = sink;
	log_context = context;
}

void sl_log_level_set(enum sl_log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

enum sl_log_level sl_log_level_get(void)
{
	return (enum sl_log_level)atomic_load_explicit(&log_level, memory_order_relaxed);
}

const char *sl_log_level_name(enum sl_log_level level)
{
	switch (level) {
#define X(id, name, priority)                                                                      \
	case SL_LOG_##id:                                                                          \
		return name;
		SL_LOG_LEVELS(X)
#undef X
	}
	return "unknown";
}

int sl_log_level_parse(const char *name, enum sl_log_level *level)
{
#define X(id, text, priority)                                                                      \
	if (strcmp(name, text) == 0) {                                                             \
		*level = SL_LOG_##id;                                                              \
		return 0;                                                                          \
	}
	SL_LOG_LEVELS(X)
#undef X
	return -EINVAL;
}

void sl_log(enum sl_log_level level, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list args;

	if (!log_sink || level > sl_log_level_get())
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (char *at = line; *at; at++)
		if (*at == '\n' || *at == '\r')
			*at = ' ';
	log_sink(level, line, log_context);
}
