/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int sl_file_write(int fd, const void *octets, size_t size, off_t at)
{
	const char *from = octets;

	while (size > 0) {
		ssize_t written = pwrite(fd, from, size, at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		from += written;
		at += written;
		size -= (size_t)written;
	}
	return 0;
}

ssize_t sl_file_read(int fd, void *octets, size_t size, off_t at)
{
	char *to = octets;
	size_t got = 0;

	while (got < size) {
		ssize_t more = pread(fd, to + got, size - got, at + (off_t)got);

		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return -errno;
		if (more == 0)
			break;
		got += (size_t)more;
	}
	return (ssize_t)got;
}

int sl_file_create(const char *path)
{
	int fd;

	if (unlink(path) && errno != ENOENT)
		return -errno;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int sl_file_make_folder(const char *path)
{
	char copy[PATH_MAX];
	size_t length = strlen(path);

	if (length >= sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, path, length + 1);
	for (char *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(copy, 0700) && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return 0;
}

int sl_file_sync_folder(const char *path)
{
	char copy[PATH_MAX];
	size_t length = strlen(path);
	int fd, rc;

	if (length >= sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, path, length + 1);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) ? -errno : 0;
	(void)close(fd);
	return rc;
}
