/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define LINE_SIZE 1001
#define KINDS_MAX 64 /* kinds of lines that are counted apart */
#define WINDOW_MS 10000
#define LINES_MAX 100 /* of one kind in a window; the rest is counted */

/* Lines of one format are of one kind; formats that share a place are counted together. */
struct kind {
	uint64_t window_ms; /* when it began */
	uint32_t lines, left_out;
};

static sl_log_sink *log_sink;
static void *log_context;
static _Atomic int log_level = SL_LOG_INFO;
static pthread_mutex_t kinds_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kind kinds[KINDS_MAX];

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

static void say_left_out(enum sl_log_level level, uint32_t count)
{
	char line[64];

	if (count == 0)
		return;
	(void)snprintf(line, sizeof(line), "(%u more lines like these were left out)", count);
	log_sink(level, line, log_context);
}

/* Whether one more line of this format is told; *left_out is what was not, before it. */
static bool is_told(const char *format, uint32_t *left_out)
{
	struct kind *kind = &kinds[((uintptr_t)format >> 3) % KINDS_MAX];
	uint64_t now_ms = sl_clock_ms();
	bool told;

	(void)pthread_mutex_lock(&kinds_lock);
	*left_out = 0;
	if (now_ms - kind->window_ms >= WINDOW_MS) {
		*left_out = kind->left_out;
		*kind = (struct kind){.window_ms = now_ms};
	}
	told = kind->lines < LINES_MAX;
	kind->lines += told;
	kind->left_out += !told;
	(void)pthread_mutex_unlock(&kinds_lock);
	return told;
}

void sl_log_tick(void)
{
	uint64_t now_ms = sl_clock_ms();

	for (uint32_t i = 0; i < KINDS_MAX && log_sink; i++) {
		uint32_t left_out = 0;

		(void)pthread_mutex_lock(&kinds_lock);
		if (now_ms - kinds[i].window_ms >= WINDOW_MS) {
			left_out = kinds[i].left_out;
			kinds[i].left_out = 0;
		}
		(void)pthread_mutex_unlock(&kinds_lock);
		say_left_out(SL_LOG_NOTICE, left_out);
	}
}

static void say(enum sl_log_level level, const char *format, va_list args)
{
	char line[LINE_SIZE];

	(void)vsnprintf(line, sizeof(line), format, args);
	for (char *at = line; *at; at++)
		if (*at == '\n' || *at == '\r')
			*at = ' ';
	log_sink(level, line, log_context);
}

void sl_log(enum sl_log_level level, const char *format, ...)
{
	uint32_t left_out;
	va_list args;

	if (!log_sink || level > sl_log_level_get() || !is_told(format, &left_out))
		return;
	say_left_out(level, left_out);
	va_start(args, format);
	say(level, format, args);
	va_end(args);
}

void sl_log_each(enum sl_log_level level, const char *format, ...)
{
	va_list args;

	if (!log_sink || level > sl_log_level_get())
		return;
	va_start(args, format);
	say(level, format, args);
	va_end(args);
}
