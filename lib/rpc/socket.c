/* SPDX-License-Identifier: BSD-3-Clause */

#include "rpc/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"

#define BACKLOG	      128
#define FOLDER_MODE   0755
#define LOCK_TRIES    40
#define LOCK_PAUSE_US 25000

/* Whoever may read the folder may lock it, and keep the lock: it is waited for as long as another
 * start takes, not longer. */
static void lock_or_go_on(int fd, const char *path)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			return;
		(void)usleep(LOCK_PAUSE_US);
	}
	sl_log(SL_LOG_WARNING,
	       "control.socket %s: somebody keeps its folder locked: not waited for", path);
}

/* The folder of path, made when it is missing, opened and locked: two daemons that start at once
 * must not both take the same stale socket over. */
static int folder_lock(const char *path, bool *made, int *out, struct sl_err *err)
{
	char copy[sizeof(((struct sl_socket *)0)->path)];
	const char *folder;
	int fd;

	memcpy(copy, path, strlen(path) + 1);
	folder = dirname(copy);
	*made = mkdir(folder, FOLDER_MODE) == 0;
	if (!*made && errno != EEXIST)
		return sl_err_set(err, -errno,
				  "control.socket %s: the folder %s cannot be made: %s; make it, "
				  "or name another socket",
				  path, folder, strerror(errno));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sl_err_set(err, -errno, "control.socket %s: %s: %s", path, folder,
				  strerror(errno));
	lock_or_go_on(fd, path);
	*out = fd;
	return 0;
}

static int try_connect(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) ? -errno : 0;
	(void)close(fd);
	return rc;
}

static int refuse_live(const char *path, struct sl_err *err)
{
	return sl_err_set(
		err, -EADDRINUSE,
		"control.socket %s: another daemon serves it; stop that one, or give this "
		"one another dataplane.instance or control.socket",
		path);
}

int sl_server_probe(const char *path, struct sl_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return 0;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	rc = try_connect(&addr);
	return rc == 0 || rc == -EAGAIN ? refuse_live(path, err) : 0;
}

/* Removes what a dead daemon left at the path. */
static int take_over(const struct sockaddr_un *addr, struct sl_err *err)
{
	struct stat status;
	int rc;

	if (lstat(addr->sun_path, &status))
		return errno == ENOENT ? 0
				       : sl_err_set(err, -errno, "control.socket %s: %s",
						    addr->sun_path, strerror(errno));
	if (!S_ISSOCK(status.st_mode))
		return sl_err_set(err, -EEXIST,
				  "control.socket %s: a file that is no socket is there; remove it "
				  "or name another path",
				  addr->sun_path);
	rc = try_connect(addr);
	if (rc == 0 || rc == -EAGAIN)
		return refuse_live(addr->sun_path, err);
	if (rc != -ECONNREFUSED)
		return sl_err_set(err, rc, "control.socket %s: %s", addr->sun_path, strerror(-rc));
	if (unlink(addr->sun_path) && errno != ENOENT)
		return sl_err_set(err, -errno,
				  "control.socket %s: the socket of a dead daemon cannot be "
				  "removed: %s",
				  addr->sun_path, strerror(errno));
	return 0;
}

static int group_find(const char *name, gid_t *gid)
{
	char buffer[16384];
	struct group entry, *found = NULL;
	uint64_t number;

	if (getgrnam_r(name, &entry, buffer, sizeof(buffer), &found) == 0 && found) {
		*gid = found->gr_gid;
		return 0;
	}
	if (sl_number_parse(name, &number) || number >= UINT32_MAX)
		return -ENOENT;
	*gid = (gid_t)number;
	return 0;
}

static int find_wanted_group(const struct sl_server_options *options, gid_t *gid,
			     struct sl_err *err)
{
	*gid = getegid();
	if (options->group[0] == '\0' || group_find(options->group, gid) == 0)
		return 0;
	return sl_err_set(err, -ENOENT,
			  "control.group %s: this machine has no such group; add it with groupadd, "
			  "or name another",
			  options->group);
}

int sl_server_check(const struct sl_server_options *options, struct sl_err *err)
{
	gid_t gid;

	return find_wanted_group(options, &gid, err);
}

int sl_socket_permit(struct sl_socket *sock, const struct sl_server_options *options,
		     struct sl_err *err)
{
	char by_number[32];
	gid_t gid;
	int rc = find_wanted_group(options, &gid, err);

	if (rc)
		return rc;
	if (fchownat(sock->file, "", (uid_t)-1, gid, AT_EMPTY_PATH))
		return sl_err_set(err, -errno, "control.group %s: %s: %s", options->group,
				  sock->path, strerror(errno));
	/* a descriptor that only names the file has no other way in */
	(void)snprintf(by_number, sizeof(by_number), "/proc/self/fd/%d", sock->file);
	if (chmod(by_number, (mode_t)options->mode & 0777))
		return sl_err_set(err, -errno, "control.mode: %s: %s", sock->path, strerror(errno));
	sock->group = gid;
	sock->mode = options->mode;
	return 0;
}

/* Keeps the file that was just made in hand, so that what is put in its place later is not touched. */
static int file_hold(struct sl_socket *sock, struct sl_err *err)
{
	struct stat status;

	sock->file = open(sock->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (sock->file < 0 || fstat(sock->file, &status))
		return sl_err_set(err, -errno, "control.socket %s: %s", sock->path,
				  strerror(errno));
	if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid())
		return sl_err_set(err, -ESTALE,
				  "control.socket %s: somebody put another file in its place; name "
				  "a folder that others cannot write to",
				  sock->path);
	sock->device = status.st_dev;
	sock->inode = status.st_ino;
	return 0;
}

/* Binds without permissions for anybody else, gives those of the configuration, then listens. */
static int bind_and_listen(struct sl_socket *sock, const struct sockaddr_un *addr,
			   const struct sl_server_options *options, struct sl_err *err)
{
	mode_t mask = umask(0177);
	int rc = bind(sock->fd, (const struct sockaddr *)addr, sizeof(*addr)) ? -errno : 0;

	(void)umask(mask);
	if (rc)
		return sl_err_set(err, rc, "control.socket %s: %s", sock->path, strerror(-rc));
	rc = file_hold(sock, err);
	if (rc == 0)
		rc = sl_socket_permit(sock, options, err);
	if (rc == 0 && listen(sock->fd, BACKLOG))
		rc = sl_err_set(err, -errno, "control.socket %s: %s", sock->path, strerror(errno));
	if (rc)
		sl_socket_unlink(sock);
	return rc;
}

int sl_socket_open(struct sl_socket *sock, const struct sl_server_options *options,
		   struct sl_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t length = strlen(options->path);
	int folder = -1, rc;

	if (length >= sizeof(addr.sun_path))
		return sl_err_set(err, -ENAMETOOLONG,
				  "control.socket %s: a socket's path has at most %zu characters",
				  options->path, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, options->path, length + 1);
	memcpy(sock->path, options->path, length + 1);
	sock->file = -1;
	rc = folder_lock(sock->path, &sock->made_folder, &folder, err);
	if (rc)
		return rc;
	rc = take_over(&addr, err);
	if (rc)
		goto unlock;
	sock->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock->fd < 0) {
		rc = sl_err_set(err, -errno, "control.socket: %s", strerror(errno));
		goto unlock;
	}
	rc = bind_and_listen(sock, &addr, options, err);
	if (rc)
		(void)close(sock->fd);
unlock:
	(void)close(folder);
	return rc;
}

void sl_socket_unlink(struct sl_socket *sock)
{
	char copy[sizeof(sock->path)];
	struct stat status;

	if (sock->file < 0)
		return;
	if (lstat(sock->path, &status) == 0 && status.st_dev == sock->device &&
	    status.st_ino == sock->inode)
		(void)unlink(sock->path);
	(void)close(sock->file);
	sock->file = -1;
	if (!sock->made_folder)
		return;
	memcpy(copy, sock->path, sizeof(copy));
	(void)rmdir(dirname(copy)); /* unless others have files in it */
}

static bool peer_in_group(int fd, gid_t group)
{
	socklen_t size = 0;
	gid_t *groups;
	bool found = false;

	/* Asked with no room, the kernel says how much it needs. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
		return false;
	groups = malloc(size);
	if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		size = 0;
	for (size_t i = 0; i < size / sizeof(gid_t); i++)
		found = found || groups[i] == group;
	free(groups);
	return found;
}

void sl_socket_peer(const struct sl_socket *sock, int fd, struct sl_peer *peer)
{
	struct ucred who;
	socklen_t size = sizeof(who);
	bool in_group;

	*peer = (struct sl_peer){.uid = (uid_t)-1, .gid = (gid_t)-1};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size))
		return;
	peer->uid = who.uid;
	peer->gid = who.gid;
	peer->pid = who.pid;
	in_group = who.gid == sock->group || peer_in_group(fd, sock->group);
	peer->may_change = who.uid == 0 || who.uid == geteuid() || in_group;
	if (who.uid == 0)
		peer->may_connect = true;
	else if (who.uid == geteuid())
		peer->may_connect = sock->mode & S_IWUSR;
	else
		peer->may_connect = sock->mode & (in_group ? S_IWGRP : S_IWOTH);
}
