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

#define FILE_MAX 67108864u /* octets of a file that is read */

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

static json_t *file_params(const char *path)
{
	size_t length;
	char *text = read_file(path, &length);
	json_t *value;

	if (!text)
		return NULL;
	value = json_stringn(text, length);
	free(text);
	if (!value) {
		(void)complain("%s: is no UTF-8 text", path);
		return NULL;
	}
	return json_pack("{s:o}", "text", value);
}

static int send_config(struct command *command, const char *method)
{
	json_t *params = file_params(command->words[0]);

	return params ? run_change(command, method, params, command->words[0]) : EXIT_REFUSED;
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

int verb_config(struct command *command)
{
	const char *path = command_option(command, "save");
	json_t *result = client_call(command->client, "config.get", NULL, NULL);
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
