/* SPDX-License-Identifier: BSD-3-Clause */

#include "io/words.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <rte_log.h>

#include "base/bytes.h"
#include "base/log.h"

static pthread_mutex_t words_lock = PTHREAD_MUTEX_INITIALIZER;
static char words[256], words_copy[256];

static void words_keep(const char *text, size_t length)
{
	pthread_mutex_lock(&words_lock);
	if (words[0] == '\0')
		snprintf(words, sizeof(words), "%.*s", (int)length, text);
	pthread_mutex_unlock(&words_lock);
}

static void take_line(const char *line, size_t length, bool keep)
{
	while (length > 0 && line[length - 1] == ' ')
		length--;
	if (length == 0)
		return;
	sl_log(SL_LOG_DEBUG, "DPDK: %.*s", (int)length, line);
	if (keep)
		words_keep(line, length);
}

/* One message of DPDK, of one or several lines. */
static ssize_t words_write(void *cookie, const char *text, size_t size)
{
	bool keep = rte_log_cur_msg_loglevel() <= (int)RTE_LOG_WARNING;
	const char *at = text, *end;
	size_t left = size;

	(void)cookie;
	while ((end = memchr(at, '\n', left)) != NULL) {
		take_line(at, (size_t)(end - at), keep);
		left -= (size_t)(end + 1 - at);
		at = end + 1;
	}
	take_line(at, left, keep);
	return (ssize_t)size;
}

/* libbpf's and libxdp's, of one signature: 0 is a warning, what is above is for the curious. */
static int print_line(int level, const char *format, va_list args)
{
	char line[512];
	int length = vsnprintf(line, sizeof(line), format, args);

	line[strcspn(line, "\n")] = '\0';
	if (line[0] != '\0')
		sl_log(level == 0 ? SL_LOG_WARNING : SL_LOG_DEBUG, "%s", line);
	return length;
}

void sl_words_open_printers(void)
{
	static const struct {
		const char *library, *setter;
	} printers[] = {{"libbpf.so.1", "libbpf_set_print"},
			{"libbpf.so.0", "libbpf_set_print"},
			{"libxdp.so.1", "libxdp_set_print"}};

	for (size_t i = 0; i < SL_ARRAY_COUNT(printers); i++) {
		void *library = dlopen(printers[i].library, RTLD_LAZY | RTLD_NOLOAD);
		void *(*set)(int (*print)(int level, const char *format, va_list args)) = NULL;

		if (library == NULL)
			continue;
		*(void **)&set = dlsym(library, printers[i].setter);
		if (set != NULL)
			(void)set(print_line);
		(void)dlclose(library);
	}
}

const char *sl_words_first(void)
{
	pthread_mutex_lock(&words_lock);
	memcpy(words_copy, words, sizeof(words_copy));
	pthread_mutex_unlock(&words_lock);
	return words_copy;
}

void sl_words_clear(void)
{
	pthread_mutex_lock(&words_lock);
	words[0] = '\0';
	pthread_mutex_unlock(&words_lock);
}

/* The stream outlives the EAL's threads, so it is never closed. */
void sl_words_open(void)
{
	static FILE *stream;
	cookie_io_functions_t functions = {.write = words_write};

	if (stream == NULL) {
		stream = fopencookie(NULL, "w", functions);
		if (stream == NULL)
			return;
		setvbuf(stream, NULL, _IOLBF, 1024);
	}
	rte_openlog_stream(stream);
}
