/* SPDX-License-Identifier: BSD-3-Clause */

/* Checks over TCP: a connection, perhaps with a word and its answer; and agents, which are one. */

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "health/probe.h"

#define READ_SIZE      4096
#define AGENT_LINE_MAX 1024u

static bool is_agent(const struct sl_probe *probe)
{
	return probe->is_agent || probe->spec->conf.type == SL_HEALTH_TYPE_AGENT;
}

static void end_agent(struct sl_probe *probe)
{
	const char *line = probe->text ? probe->text : "";
	struct sl_agent_word word;

	if (sl_agent_parse(line, strcspn(line, "\n"), &word)) {
		sl_probe_end(probe, SL_HEALTH_AGENT, "the agent says no word that is known: %.40s",
			     line);
		return;
	}
	probe->agent = word;
	if (word.down && !probe->is_agent)
		sl_probe_end(probe, SL_HEALTH_AGENT, "the agent says %.*s",
			     (int)SL_MIN(strcspn(line, "\r\n"), (size_t)60), line);
	else
		sl_probe_end(probe, SL_HEALTH_OK, "%.*s", (int)strcspn(line, "\r\n"), line);
}

/* What came is all that comes, or all that is looked at. */
static void end_text(struct sl_probe *probe)
{
	if (is_agent(probe))
		end_agent(probe);
	else if (sl_health_spec_body_fits(probe->spec, probe->text ? probe->text : ""))
		sl_probe_end(probe, SL_HEALTH_OK, "answered");
	else
		sl_probe_end(probe, SL_HEALTH_BODY, "`%.30s` is not in the %u octets that came",
			     probe->spec->conf.expect_body, probe->length);
}

/* Whether what came so far suffices. */
static bool is_enough(const struct sl_probe *probe)
{
	if (is_agent(probe))
		return memchr(probe->text, '\n', probe->length) || probe->length >= AGENT_LINE_MAX;
	return sl_health_spec_body_fits(probe->spec, probe->text);
}

static void on_read(int fd, short what, void *context)
{
	struct sl_probe *probe = context;
	char data[READ_SIZE];
	ssize_t got = recv(fd, data, sizeof(data), 0);
	int rc;

	(void)what;
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		(void)event_add(probe->event, NULL);
		return;
	}
	if (got < 0) {
		sl_probe_end_errno(probe, errno);
		return;
	}
	rc = sl_probe_append(probe, data, (size_t)got);
	if (rc == -ENOMEM)
		sl_probe_end(probe, SL_HEALTH_CANNOT, "no memory");
	else if (got == 0 || rc == -ENOSPC || is_enough(probe))
		end_text(probe);
	else
		(void)event_add(probe->event, NULL);
}

static void on_connected(int fd, short what, void *context)
{
	struct sl_probe *probe = context;
	const char *say = probe->is_agent ? NULL : probe->spec->conf.send;
	socklen_t size = sizeof(int);
	int code = 0;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) || code) {
		sl_probe_end_errno(probe, code ? code : errno);
		return;
	}
	/* A word that does not fit an empty socket's buffer is no health check's. */
	if (say && send(fd, say, strlen(say), MSG_NOSIGNAL) != (ssize_t)strlen(say)) {
		sl_probe_end_errno(probe, errno ? errno : ECONNRESET);
		return;
	}
	if (probe->spec->body_set || is_agent(probe))
		(void)sl_probe_wait(probe, EV_READ, on_read);
	else
		sl_probe_end(probe, SL_HEALTH_OK, "connected");
}

static void start(struct sl_probe *probe)
{
	if (sl_probe_open(probe, SOCK_STREAM))
		(void)sl_probe_wait(probe, EV_WRITE, on_connected);
}

/* Ends the connection at once, so that thousands of checks leave nothing in TIME_WAIT. */
static void stop(struct sl_probe *probe)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	if (probe->fd >= 0)
		(void)setsockopt(probe->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	sl_probe_clear(probe);
}

const struct sl_probe_ops sl_probe_tcp = {.start = start, .stop = stop};
