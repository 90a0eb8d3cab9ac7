/* SPDX-License-Identifier: BSD-3-Clause */

/* Files are written whole, made without following links, in folders that are made with them. */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/sluice-file.XXXXXX";
static char path[PATH_MAX];

static const char *at(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void octets_are_written_and_read_at_their_place(void **state)
{
	char got[32] = "";
	int fd = sl_file_create(at("plain"));

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(sl_file_write(fd, "abcdef", 6, 4), 0);
	assert_int_equal(sl_file_write(fd, "XY", 2, 5), 0);
	assert_int_equal(sl_file_read(fd, got, sizeof(got), 4), 6);
	assert_memory_equal(got, "aXYdef", 6);
	assert_int_equal(sl_file_read(fd, got, sizeof(got), 100), 0);
	assert_int_equal(sl_file_write(-1, "a", 1, 0), -EBADF);
	assert_int_equal(sl_file_read(-1, got, 1, 0), -EBADF);
	(void)close(fd);
}

static void a_full_device_is_told(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(sl_file_write(fd, "a", 1, 0), -ENOSPC);
	(void)close(fd);
}

static void a_file_is_made_anew_and_a_link_not_followed(void **state)
{
	char victim[PATH_MAX], got[16];
	struct stat status;
	int fd = sl_file_create(at("victim"));

	(void)state;
	assert_int_equal(sl_file_write(fd, "secret", 6, 0), 0);
	(void)snprintf(victim, sizeof(victim), "%s", path);
	assert_int_equal(symlink(victim, at("link")), 0);
	(void)close(sl_file_create(at("link")));
	assert_int_equal(lstat(path, &status), 0);
	assert_true(S_ISREG(status.st_mode));
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(sl_file_read(fd, got, sizeof(got), 0), 6);
	(void)close(fd);
	assert_int_equal(mkdir(at("folder"), 0700), 0);
	assert_true(sl_file_create(path) < 0);
	assert_int_equal(sl_file_create(at("nowhere/x")), -ENOENT);
}

static void folders_are_made_for_the_owner(void **state)
{
	struct stat status;

	(void)state;
	assert_int_equal(sl_file_make_folder(at("a/b//c/file")), 0);
	assert_int_equal(sl_file_make_folder(path), 0);
	assert_int_equal(sl_file_sync_folder(path), 0);
	assert_int_equal(stat(at("a/b/c"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	(void)close(sl_file_create(at("a/plain")));
	assert_true(sl_file_make_folder(at("a/plain/x/y")) < 0);
	assert_int_equal(sl_file_sync_folder(at("none/x")), -ENOENT);
}

static int open_folder(void **state)
{
	(void)state;
	(void)umask(022);
	return mkdtemp(folder) ? 0 : -1;
}

static int close_folder(void **state)
{
	char command[PATH_MAX + 16];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_are_written_and_read_at_their_place),
		cmocka_unit_test(a_full_device_is_told),
		cmocka_unit_test(a_file_is_made_anew_and_a_link_not_followed),
		cmocka_unit_test(folders_are_made_for_the_owner),
	};

	return cmocka_run_group_tests(tests, open_folder, close_folder);
}
