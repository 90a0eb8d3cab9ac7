/* SPDX-License-Identifier: BSD-3-Clause */

/* Checks over UDP: a datagram, and one that comes back. An ICMP error is a failure. */

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

#include "health/probe.h"

static void on_read(int fd, short what, void *context)
{
	struct sl_probe *probe = context;
	static __thread char data[SL_PROBE_TEXT_MAX];
	ssize_t got = recv(fd, data, sizeof(data) - 1, 0);

	(void)what;
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		(void)event_add(probe->event, NULL);
		return;
	}
	if (got < 0) {
		sl_probe_end_errno(probe, errno);
		return;
	}
	data[got] = '\0';
	if (sl_health_spec_body_fits(probe->spec, data))
		sl_probe_end(probe, SL_HEALTH_OK, "answered");
	else
		sl_probe_end(probe, SL_HEALTH_BODY, "`%.30s` is not in the %zd octets that came",
			     probe->spec->conf.expect_body, got);
}

static void start(struct sl_probe *probe)
{
	const char *say = probe->spec->conf.send ? probe->spec->conf.send : "";

	if (!sl_probe_open(probe, SOCK_DGRAM))
		return;
	if (send(probe->fd, say, strlen(say), 0) < 0)
		sl_probe_end_errno(probe, errno);
	else
		(void)sl_probe_wait(probe, EV_READ, on_read);
}

const struct sl_probe_ops sl_probe_udp = {.start = start, .stop = sl_probe_clear};
