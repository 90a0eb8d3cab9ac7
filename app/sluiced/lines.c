/* SPDX-License-Identifier: BSD-3-Clause */

#include "lines.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define TIME_SIZE 40

/* Whether standard error is what systemd made for the journal: whoever we start inherits the
 * variable, too. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
	       status.st_ino == inode;
}

static void write_time(char text[TIME_SIZE])
{
	uint64_t now_ms = sl_clock_wall_ms();
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm parts;
	char day[TIME_SIZE / 2 + 2] = "";

	if (gmtime_r(&seconds, &parts))
		(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts);
	(void)snprintf(text, TIME_SIZE, "%s.%03uZ", day, (unsigned)(now_ms % 1000));
}

/* A line may quote what is no UTF-8. */
static json_t *message_of(const char *line)
{
	json_t *message = json_string(line);
	char *plain = message ? NULL : strdup(line);

	for (char *at = plain; at && *at; at++)
		if (*at & 0x80)
			*at = '?';
	if (plain)
		message = json_string(plain);
	free(plain);
	return message;
}

static void write_json(const struct lines *lines, enum sl_log_level level, const char *line)
{
	char time[TIME_SIZE], *text;
	json_t *object = json_object();

	if (!lines->journal) {
		write_time(time);
		(void)json_object_set_new(object, "time", json_string(time));
		(void)json_object_set_new(object, "level", json_string(sl_log_level_name(level)));
	}
	(void)json_object_set_new(object, "message", message_of(line));
	text = json_dumps(object, JSON_COMPACT);
	if (lines->journal)
		(void)fprintf(stderr, "<%d>%s\n", (int)level, text ? text : line);
	else
		(void)fprintf(stderr, "%s\n", text ? text : line);
	free(text);
	json_decref(object);
}

static void write_line(enum sl_log_level level, const char *line, void *context)
{
	const struct lines *lines = context;
	char time[TIME_SIZE];

	if (lines->json) {
		write_json(lines, level, line);
	} else if (lines->journal) {
		(void)fprintf(stderr, "<%d>%s\n", (int)level, line);
	} else if (lines->timed) {
		write_time(time);
		(void)fprintf(stderr, "%s %s %s\n", time, sl_log_level_name(level), line);
	} else {
		(void)fprintf(stderr, "%s\n", line);
	}
}

void lines_begin(struct lines *lines)
{
	*lines = (struct lines){.journal = is_journal()};
	sl_log_sink_set(write_line, lines);
}

int lines_format_parse(const char *name, bool *json)
{
	if (strcmp(name, "text") != 0 && strcmp(name, "json") != 0)
		return -EINVAL;
	*json = name[0] == 'j';
	return 0;
}

void lines_run(struct lines *lines)
{
	lines->timed = true;
}
