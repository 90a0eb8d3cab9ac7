/* SPDX-License-Identifier: BSD-3-Clause */

/* Verbs about whole configurations, and files. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "show.h"
#include "verbs.h"

#define FILE_MAX  67108864u /* octets of a file that is read */
#define PART_SIZE 131072    /* octets of a text in one request: with escapes it fits a line */

char *read_file(const char *path, size_t *length)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	size_t room = 65536, used = 0;
	char *text = malloc(room + 1);

	while (file && text) {
		used += fread(text + used, 1, room - used, file);
		if (used < room || room >= FILE_MAX)
			break;
		room *= 2;
		text = realloc(text, room + 1);
	}
	if (!file || !text || ferror(file) || used >= FILE_MAX) {
		(void)complain("%s: %s", path, used >= FILE_MAX ? "too large" : strerror(errno));
		free(text);
		text = NULL;
	}
	if (file && file != stdin)
		(void)fclose(file);
	if (text)
		text[used] = '\0';
	*length = used;
	return text;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, text, length);

		if (written < 0 && errno != EINTR)
			return -errno;
		text += written > 0 ? written : 0;
		length -= written > 0 ? (size_t)written : 0;
	}
	return 0;
}

/* Writes a new file beside path and gives it the permissions of the old one. */
static int write_temporary(const char *path, const char *temporary, const char *text, size_t length)
{
	struct stat status;
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int rc;

	if (fd < 0)
		return -errno;
	if (stat(path, &status) == 0)
		(void)fchmod(fd, status.st_mode & 07777);
	rc = write_all(fd, text, length);
	if (rc == 0 && fsync(fd))
		rc = -errno;
	if (close(fd) && rc == 0)
		rc = -errno;
	return rc;
}

/* The old file or the whole new one, whatever happens. */
static int replace_file(const char *path, const char *text, size_t length)
{
	char temporary[PATH_MAX];
	int rc;

	if (snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid()) >=
	    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	rc = write_temporary(path, temporary, text, length);
	if (rc == 0 && rename(temporary, path))
		rc = -errno;
	if (rc && rc != -EEXIST)
		(void)unlink(temporary);
	return rc;
}

/* A device or a pipe stays what it is. */
static int write_through(const char *path, const char *text, size_t length)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, text, length);
	if (close(fd) && rc == 0)
		rc = -errno;
	return rc;
}

int write_file(const char *path, const char *text, size_t length)
{
	char target[PATH_MAX];
	struct stat status;
	int rc;

	if (strcmp(path, "-") == 0) {
		(void)fwrite(text, 1, length, stdout);
		return fflush(stdout) ? complain("standard output: %s", strerror(errno))
				      : EXIT_DONE;
	}
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		rc = write_through(path, text, length);
	else
		rc = replace_file(realpath(path, target) ? target : path, text, length);
	return rc ? complain("%s: %s", path, strerror(-rc)) : EXIT_DONE;
}

/* Where a part of a text ends that begins at from: not in the middle of a character. */
static size_t part_end(const char *text, size_t length, size_t from)
{
	size_t end = length - from > PART_SIZE ? from + PART_SIZE : length;

	while (end < length && end > from + 1 && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	return end;
}

/* Sends a text in parts; the last one makes the call. */
static int send_text(struct command *command, const char *method, const char *text, size_t length)
{
	for (size_t from = 0;;) {
		size_t end = part_end(text, length, from);
		json_t *part = json_stringn(text + from, end - from), *params, *answer;

		if (!part)
			return complain("%s: is no UTF-8 text", command->words[0]);
		params = json_pack("{s:o}", "text", part);
		if (from > 0)
			(void)json_object_set_new(params, "from", json_integer((json_int_t)from));
		if (end == length)
			return run_change(command, method, params, command->words[0]);
		(void)json_object_set_new(params, "more", json_true());
		answer = client_call(command->client, method, params, NULL);
		json_decref(answer);
		if (!answer)
			return client_status(command->client);
		from = end;
	}
}

static int send_config(struct command *command, const char *method)
{
	size_t length;
	char *text = read_file(command->words[0], &length);
	int rc = text ? send_text(command, method, text, length) : EXIT_REFUSED;

	free(text);
	return rc;
}

int verb_apply(struct command *command)
{
	return send_config(command, "config.apply");
}

int verb_check(struct command *command)
{
	int rc = send_config(command, "config.check");

	if (rc == EXIT_DONE && !command->json)
		printf("%s: valid, nothing was changed\n", command->words[0]);
	return rc;
}

int verb_diff(struct command *command)
{
	return send_config(command, "config.diff");
}

/* The running configuration, put together of its parts. */
static json_t *fetch_config(struct command *command)
{
	json_t *whole = NULL, *text, *part;
	long long from = 0;

	do {
		part = client_call(
			command->client, "config.get",
			json_pack("{s:I, s:i}", "from", (json_int_t)from, "count", PART_SIZE),
			NULL);
		from = get_integer(part, "next");
		if (whole && part &&
		    get_integer(part, "generation") != get_integer(whole, "generation")) {
			/* changed in between: from the start */
			json_decref(whole);
			json_decref(part);
			return fetch_config(command);
		}
		if (!whole || !part) {
			json_decref(whole);
			whole = part;
			continue;
		}
		text = json_object_get(whole, "text");
		(void)json_object_set_new(
			whole, "text",
			json_sprintf("%s%s", json_string_value(text), get_string(part, "text")));
		json_decref(part);
	} while (from > 0);
	(void)json_object_del(whole, "next");
	return whole;
}

int verb_config(struct command *command)
{
	const char *path = command_option(command, "save");
	json_t *result = fetch_config(command);
	const char *text = get_string(result, "text");
	int rc = EXIT_DONE;

	if (!result)
		return client_status(command->client);
	if (path)
		rc = write_file(path, text, strlen(text));
	if (rc == EXIT_DONE && command->json)
		show_json(result);
	else if (rc == EXIT_DONE && !path)
		printf("%s", text);
	json_decref(result);
	return rc;
}

int verb_rollback(struct command *command)
{
	long long generation;

	if (!parse_count("generation", command->words[0], &generation))
		return EXIT_REFUSED;
	return run_change(command, "rollback",
			  json_pack("{s:I}", "generation", (json_int_t)generation), NULL);
}
