/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/probe.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "health/way.h"

#define TEXT_FIRST 512u

const struct sl_probe_ops *sl_probe_ops_of(const struct sl_probe *probe)
{
	if (probe->is_agent)
		return &sl_probe_tcp;
	switch (probe->spec->conf.type) {
	case SL_HEALTH_TYPE_HTTP:
	case SL_HEALTH_TYPE_HTTPS:
		return &sl_probe_http;
	case SL_HEALTH_TYPE_UDP:
		return &sl_probe_udp;
	case SL_HEALTH_TYPE_ICMP:
		return &sl_probe_icmp;
	case SL_HEALTH_TYPE_EXTERNAL:
		return &sl_probe_external;
	default:
		return &sl_probe_tcp;
	}
}

void sl_probe_begin(struct sl_probe *probe)
{
	memset(&probe->agent, 0, sizeof(probe->agent));
	probe->say[0] = probe->lost[0] = '\0';
	probe->running = sl_probe_ops_of(probe);
	if (probe->address.family != SL_FAMILY_NONE)
		probe->running->start(probe);
	else
		sl_probe_end(probe, SL_HEALTH_CANNOT,
			     "via: path: the pool has no service with one address, or one takes "
			     "the answers");
}

void sl_probe_end(struct sl_probe *probe, enum sl_health_result result, const char *format, ...)
{
	va_list args;

	probe->result = result;
	va_start(args, format);
	(void)vsnprintf(probe->say, sizeof(probe->say), format, args);
	va_end(args);
	/* Words of a node are shown to people: one line without control characters. */
	for (char *at = probe->say; *at; at++)
		if ((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7f)
			*at = '?';
	probe->ended(probe);
}

void sl_probe_end_errno(struct sl_probe *probe, int code)
{
	enum sl_health_result result;

	switch (code) {
	case ECONNREFUSED:
		result = SL_HEALTH_REFUSED;
		break;
	case ECONNRESET:
	case EPIPE:
		result = SL_HEALTH_RESET;
		break;
	case ETIMEDOUT:
		result = SL_HEALTH_TIMEOUT;
		break;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EADDRNOTAVAIL: /* no source port is left */
	case EAGAIN:
	case EMSGSIZE: /* `send` is too long for one packet */
	case EACCES:
	case EPERM:
		result = SL_HEALTH_CANNOT;
		break;
	default:
		result = SL_HEALTH_UNREACHABLE;
		break;
	}
	sl_probe_end(probe, result, "%s", strerror(code));
}

void sl_probe_clear(struct sl_probe *probe)
{
	if (probe->event)
		event_free(probe->event);
	if (probe->fd >= 0)
		(void)close(probe->fd);
	free(probe->text);
	probe->event = NULL;
	probe->fd = -1;
	probe->text = NULL;
	probe->length = probe->sent = 0;
}

socklen_t sl_probe_sockaddr(const struct sl_addr *address, uint16_t port,
			    struct sockaddr_storage *out)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (address->family == SL_FAMILY_IPV4) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		memcpy(&in4->sin_addr, address->octets, sizeof(in4->sin_addr));
		return sizeof(*in4);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, address->octets, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}

int sl_probe_socket(struct sl_probe *probe, int type)
{
	int family = probe->address.family == SL_FAMILY_IPV4 ? AF_INET : AF_INET6;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), status;
	struct sl_err err;

	if (fd < 0)
		status = sl_err_set(&err, -errno, "socket: %s", strerror(errno));
	else
		status = probe->by_way ? sl_way_guide(probe->bench->way, fd, probe->address.family,
						      type == SOCK_STREAM, probe->way_node,
						      probe->way_port, &err)
				       : 0;
	if (status == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	(void)snprintf(probe->lost, sizeof(probe->lost), "%.95s", err.text);
	return status;
}

bool sl_probe_open(struct sl_probe *probe, int type)
{
	struct sockaddr_storage to;
	socklen_t size = sl_probe_sockaddr(&probe->address, probe->port, &to);

	probe->fd = sl_probe_socket(probe, type);
	if (probe->fd < 0) {
		probe->fd = -1;
		sl_probe_end(probe, SL_HEALTH_CANNOT, "%s", probe->lost);
		return false;
	}
	if (connect(probe->fd, (const struct sockaddr *)&to, size) == 0 || errno == EINPROGRESS)
		return true;
	sl_probe_end_errno(probe, errno);
	return false;
}

bool sl_probe_wait(struct sl_probe *probe, short what,
		   void (*called)(int fd, short what, void *probe))
{
	if (probe->event)
		event_free(probe->event);
	probe->event = event_new(probe->bench->base, probe->fd, what, called, probe);
	if (probe->event && event_add(probe->event, NULL) == 0)
		return true;
	sl_probe_end(probe, SL_HEALTH_CANNOT, "no memory");
	return false;
}

int sl_probe_append(struct sl_probe *probe, const void *data, size_t size)
{
	size_t room = SL_PROBE_TEXT_MAX - probe->length, taken = SL_MIN(size, room);
	size_t before = probe->length, after = before + taken;
	char *text = probe->text;

	/* Grows in pieces of TEXT_FIRST, and always has room for a zero. */
	if (!text || (before + 1) / TEXT_FIRST != (after + 1) / TEXT_FIRST)
		text = realloc(text, (after + 1) / TEXT_FIRST * TEXT_FIRST + TEXT_FIRST);
	if (!text)
		return -ENOMEM;
	probe->text = text;
	memcpy(text + before, data, taken);
	text[after] = '\0';
	probe->length = (uint32_t)after;
	return taken < size ? -ENOSPC : 0;
}
