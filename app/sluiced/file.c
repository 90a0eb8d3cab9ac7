/* SPDX-License-Identifier: BSD-3-Clause */

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "handlers.h"
#include "signals.h"

static int read_stream(FILE *stream, char **text, size_t *length)
{
	char *buffer = malloc(SL_CONF_TEXT_MAX + 1);

	if (!buffer)
		return -ENOMEM;
	errno = 0;
	*length = fread(buffer, 1, SL_CONF_TEXT_MAX + 1, stream);
	if (ferror(stream)) {
		free(buffer);
		return errno ? -errno : -EIO;
	}
	*text = buffer;
	return 0;
}

static int read_open(const char *path, bool running, char **text, size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | (running ? O_NONBLOCK : 0));
	FILE *stream = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct stat about;
	int status;

	if (!stream) {
		status = -errno;
		if (fd >= 0)
			(void)close(fd);
		return status;
	}
	if (running && (fstat(fd, &about) || !S_ISREG(about.st_mode)))
		status = -ENOTSUP;
	else
		status = read_stream(stream, text, length);
	fclose(stream);
	return status;
}

/* A pipe is read to its end at the start; later, control would wait for who writes it. */
static int read_text(const char *path, bool running, char **text, size_t *length)
{
	struct stat about;
	bool waits = !running && stat(path, &about) == 0 && !S_ISREG(about.st_mode);
	int status;

	if (waits)
		signals_wait(true);
	status = read_open(path, running, text, length);
	if (waits)
		signals_wait(false);
	return status;
}

static void say(const char *path, enum sl_log_level level, const struct sl_conf_error *list,
		uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		sl_log_each(level, "%s:%" PRIu32 ":%" PRIu32 ": %s%s", path, list[i].line,
			    list[i].column, level == SL_LOG_WARNING ? "warning: " : "",
			    list[i].message);
}

/* The state would take the place of the configuration. */
static int check_state(const char *path, const struct sl_conf *conf)
{
	const struct sl_conf_control *control = &conf->control;
	struct stat file, state;

	if (!control->state[0] || stat(path, &file) || stat(control->state, &state) ||
	    file.st_dev != state.st_dev || file.st_ino != state.st_ino)
		return 0;
	sl_log(SL_LOG_ERROR,
	       "%s:%" PRIu32 ":%" PRIu32 ": `state` is the configuration file itself, %s; name "
	       "another file",
	       path, control->line, control->column, control->state);
	return -EINVAL;
}

int file_read(const char *path, bool running, struct sl_conf **conf)
{
	struct sl_conf_errors errors;
	size_t length = 0;
	char *text = NULL;
	int status = read_text(path, running, &text, &length);

	if (status < 0) {
		sl_log(SL_LOG_ERROR, "%s: cannot be read: %s", path,
		       status == -ENOTSUP ? "is no regular file, and is not waited for"
					  : strerror(-status));
		return status;
	}
	if (length > SL_CONF_TEXT_MAX) {
		sl_log(SL_LOG_ERROR, "%s: longer than %u octets", path, SL_CONF_TEXT_MAX);
		free(text);
		return -EINVAL;
	}
	status = sl_conf_parse(text, length, conf, &errors);
	free(text);
	say(path, SL_LOG_WARNING, errors.warnings, errors.warning_count);
	say(path, SL_LOG_ERROR, errors.list, errors.count);
	if (status < 0 && errors.count == 0)
		sl_log(SL_LOG_ERROR, "%s: %s", path, strerror(-status));
	sl_conf_errors_fini(&errors);
	if (status == 0 &&
	    (check_state(path, *conf) || (!running && handlers_probe(*conf, path)))) {
		sl_conf_destroy(*conf);
		*conf = NULL;
		return -EINVAL;
	}
	return status;
}

int file_write(const char *path, const char *text)
{
	FILE *stream = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	bool failed;

	if (!stream)
		return -errno;
	errno = 0;
	failed = fputs(text, stream) < 0 || fputc('\n', stream) < 0 || fflush(stream) != 0;
	if (stream != stdout)
		failed |= fclose(stream) != 0;
	return failed ? (errno ? -errno : -EIO) : 0;
}
