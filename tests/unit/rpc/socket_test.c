/* SPDX-License-Identifier: BSD-3-Clause */

/* The control socket's file: who may lock its folder, what stands in its place, who may what. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "rpc/socket.h"

#define STRANGER 65534u

struct place {
	char folder[64], path[128];
	struct sl_socket socket;
	struct sl_server_options options;
	struct sl_err err;
};

static void swallow(enum sl_log_level level, const char *line, void *context)
{
	(void)level;
	(void)line;
	(void)context;
}

static void place_make(struct place *place, uint32_t mode, const char *group)
{
	memset(place, 0, sizeof(*place));
	sl_log_sink_set(swallow, NULL);
	strcpy(place->folder, "/tmp/sluice-socket-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	assert_int_equal(chmod(place->folder, 0755), 0);
	(void)snprintf(place->path, sizeof(place->path), "%s/s", place->folder);
	place->options =
		(struct sl_server_options){.path = place->path, .mode = mode, .group = group};
}

static void place_clear(struct place *place)
{
	if (place->socket.path[0]) {
		sl_socket_unlink(&place->socket);
		(void)close(place->socket.fd);
	}
	assert_int_equal(rmdir(place->folder), 0);
}

static void a_folder_that_somebody_keeps_locked_is_not_waited_for(void **state)
{
	struct place place;
	int folder;

	(void)state;
	place_make(&place, 0600, "");
	folder = open(place.folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(folder, LOCK_EX), 0);
	(void)alarm(30);
	assert_int_equal(sl_socket_open(&place.socket, &place.options, &place.err), 0);
	(void)alarm(0);
	(void)close(folder);
	place_clear(&place);
}

static void what_was_put_in_its_place_is_not_touched(void **state)
{
	struct place place;
	struct stat status;
	char aside[160], victim[160];

	(void)state;
	place_make(&place, 0600, "");
	(void)snprintf(aside, sizeof(aside), "%s/aside", place.folder);
	(void)snprintf(victim, sizeof(victim), "%s/victim", place.folder);
	assert_int_equal(sl_socket_open(&place.socket, &place.options, &place.err), 0);
	(void)close(open(victim, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(rename(place.path, aside), 0);
	assert_int_equal(symlink(victim, place.path), 0);
	place.options.mode = 0666;
	assert_int_equal(sl_socket_permit(&place.socket, &place.options, &place.err), 0);
	assert_int_equal(stat(victim, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(stat(aside, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0666);
	sl_socket_unlink(&place.socket);
	assert_int_equal(access(victim, F_OK), 0);
	assert_int_equal(unlink(place.path), 0);
	assert_int_equal(unlink(victim), 0);
	assert_int_equal(unlink(aside), 0);
	place_clear(&place);
}

static void a_group_that_is_none_is_refused(void **state)
{
	static const char *const wrong[] = {"nobody-has-it", " 5", "-1", "007", "4294967295"};
	struct place place;

	(void)state;
	place_make(&place, 0600, "");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		place.options.group = wrong[i];
		assert_int_equal(sl_socket_open(&place.socket, &place.options, &place.err),
				 -ENOENT);
		assert_non_null(strstr(place.err.text, "groupadd"));
		place.socket.path[0] = '\0';
	}
	place_clear(&place);
}

/* Connects as somebody else, whom the listener then asks about. */
static struct sl_peer peer_as(struct place *place, gid_t group)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct sl_peer peer;
	int fd, taken, status;
	pid_t child = fork();

	if (child == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		memcpy(addr.sun_path, place->path, strlen(place->path) + 1);
		if (setgroups(0, NULL) || setgid(group) || setuid(STRANGER) ||
		    connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	taken = accept(place->socket.fd, NULL, NULL);
	assert_true(taken >= 0);
	sl_socket_peer(&place->socket, taken, &peer);
	(void)close(taken);
	return peer;
}

static void rights_follow_from_group_and_mode(void **state)
{
	struct place place;
	struct sl_peer peer;

	(void)state;
	if (geteuid() != 0)
		skip();
	place_make(&place, 0666, "4242");
	assert_int_equal(sl_socket_open(&place.socket, &place.options, &place.err), 0);
	peer = peer_as(&place, 4242);
	assert_true(peer.may_change && peer.may_connect);
	peer = peer_as(&place, 4243);
	assert_true(!peer.may_change && peer.may_connect);
	assert_int_equal(peer.uid, STRANGER);
	place.socket.mode = 0660; /* as for connections that were there before */
	peer = peer_as(&place, 4243);
	assert_true(!peer.may_change && !peer.may_connect);
	place.socket.group = 4243;
	peer = peer_as(&place, 4242);
	assert_true(!peer.may_change && !peer.may_connect);
	place_clear(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_that_somebody_keeps_locked_is_not_waited_for),
		cmocka_unit_test(what_was_put_in_its_place_is_not_touched),
		cmocka_unit_test(a_group_that_is_none_is_refused),
		cmocka_unit_test(rights_follow_from_group_and_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
