/* SPDX-License-Identifier: BSD-3-Clause */

/* The protocol is described in sd_notify(3), that of the watchdog in sd_watchdog_enabled(3). */

#include "base/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINES_SIZE 256

/* A watchdog that is meant for another process is none of ours. */
static bool is_watched(void)
{
	const char *interval = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	return interval && strtoull(interval, NULL, 10) > 0 &&
	       (!pid || strtoll(pid, NULL, 10) == getpid());
}

void sl_notify_init(struct sl_notify *notify)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t length = name ? strlen(name) : 0;

	*notify = (struct sl_notify){.address.sun_family = AF_UNIX};
	if (length > 1 && length < sizeof(notify->address.sun_path) &&
	    (name[0] == '/' || name[0] == '@')) {
		memcpy(notify->address.sun_path, name, length);
		if (name[0] == '@')
			notify->address.sun_path[0] = '\0';
		notify->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
		notify->watched = is_watched();
	}
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

static int tell(const struct sl_notify *notify, const char *lines)
{
	ssize_t sent;
	int fd, rc;

	if (!notify->size)
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	sent = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT,
		      (const struct sockaddr *)&notify->address, notify->size);
	rc = sent < 0 ? -errno : 0;
	(void)close(fd);
	return rc;
}

int sl_notify_ready(const struct sl_notify *notify, const char *status)
{
	char lines[LINES_SIZE];

	(void)snprintf(lines, sizeof(lines), "READY=1\nSTATUS=%s", status);
	return tell(notify, lines);
}

int sl_notify_reloading(const struct sl_notify *notify)
{
	char lines[LINES_SIZE];
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		       (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	return tell(notify, lines);
}

int sl_notify_stopping(const struct sl_notify *notify)
{
	return tell(notify, "STOPPING=1");
}

int sl_notify_alive(const struct sl_notify *notify)
{
	return notify->watched ? tell(notify, "WATCHDOG=1") : 0;
}
