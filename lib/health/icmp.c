/* SPDX-License-Identifier: BSD-3-Clause */

/* Checks by echo request: one raw socket a family for all nodes.
 *
 * An answer is taken when identifier, sequence number, cookie and sender are those of the question.
 */

#include <errno.h>
#include <event2/event.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/probe.h"

#define SEQUENCES 65536u
#define READS_MAX 256 /* in one go */

struct message {
	uint8_t type, code;
	uint16_t sum, id, sequence;
	uint64_t cookie;
} __attribute__((packed));

struct family {
	struct sl_icmp_probes *icmp;
	int fd; /* -1: none */
	struct event *event;
};

struct sl_icmp_probes {
	struct family families[2]; /* IPv4, IPv6 */
	struct sl_probe *asked[SEQUENCES];
	uint16_t id, next;
	uint64_t cookie;
};

static uint16_t checksum(const void *data, size_t size)
{
	const uint8_t *octets = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)octets[i] << 8 | octets[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static bool is_from(const struct sl_probe *probe, const struct sockaddr_storage *from)
{
	struct sockaddr_storage wanted;

	(void)sl_probe_sockaddr(&probe->address, 0, &wanted);
	if (from->ss_family != wanted.ss_family)
		return false;
	if (from->ss_family == AF_INET)
		return ((const struct sockaddr_in *)from)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)&wanted)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)from)->sin6_addr,
		      &((const struct sockaddr_in6 *)&wanted)->sin6_addr,
		      sizeof(struct in6_addr)) == 0;
}

static void take(struct sl_icmp_probes *icmp, const uint8_t *data, size_t size, bool is_v6,
		 const struct sockaddr_storage *from)
{
	struct message message;
	struct sl_probe *probe;
	size_t head = is_v6 ? 0 : (size_t)(data[0] & 0xf) * 4;

	if (size < head + sizeof(message))
		return;
	memcpy(&message, data + head, sizeof(message));
	if (message.type != (is_v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) || message.id != icmp->id ||
	    message.cookie != icmp->cookie)
		return;
	probe = icmp->asked[ntohs(message.sequence)];
	if (probe && is_from(probe, from))
		sl_probe_end(probe, SL_HEALTH_OK, "answered");
}

static void on_read(int fd, short what, void *context)
{
	struct family *family = context;
	uint8_t data[2048];

	(void)what;
	for (int i = 0; i < READS_MAX; i++) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		ssize_t got = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &size);

		if (got < 0)
			return;
		take(family->icmp, data, (size_t)got, family == &family->icmp->families[1], &from);
	}
}

static int open_family(struct sl_icmp_probes *icmp, struct event_base *base, bool is_v6)
{
	struct family *family = &icmp->families[is_v6];
	struct icmp6_filter replies6;
	uint32_t replies4 = ~(1u << ICMP_ECHOREPLY); /* of bits that are kept away */
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	if (fd < 0)
		return -errno;
	ICMP6_FILTER_SETBLOCKALL(&replies6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &replies6);
	if (is_v6)
		(void)setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &replies6, sizeof(replies6));
	else
		(void)setsockopt(fd, SOL_RAW, 1 /* ICMP_FILTER */, &replies4, sizeof(replies4));
	family->icmp = icmp;
	family->event = event_new(base, fd, EV_READ | EV_PERSIST, on_read, family);
	if (!family->event || event_add(family->event, NULL)) {
		(void)close(fd);
		return -ENOMEM;
	}
	family->fd = fd;
	return 0;
}

static struct sl_icmp_probes *make(void)
{
	struct sl_icmp_probes *icmp = calloc(1, sizeof(*icmp));

	if (!icmp)
		return NULL;
	icmp->families[0].fd = icmp->families[1].fd = -1;
	if (getrandom(&icmp->cookie, sizeof(icmp->cookie), 0) < 0 ||
	    getrandom(&icmp->id, sizeof(icmp->id), 0) < 0)
		icmp->cookie = (uint64_t)(uintptr_t)icmp;
	return icmp;
}

void sl_icmp_probes_destroy(struct sl_icmp_probes *icmp)
{
	if (!icmp)
		return;
	for (int i = 0; i < 2; i++) {
		if (icmp->families[i].event)
			event_free(icmp->families[i].event);
		if (icmp->families[i].fd >= 0)
			(void)close(icmp->families[i].fd);
	}
	free(icmp);
}

/* A sequence number that no question has that is still open. */
static bool take_sequence(struct sl_icmp_probes *icmp, struct sl_probe *probe)
{
	for (uint32_t i = 0; i < SEQUENCES; i++) {
		uint16_t sequence = icmp->next++;

		if (icmp->asked[sequence])
			continue;
		icmp->asked[sequence] = probe;
		probe->sequence = sequence;
		return true;
	}
	return false;
}

static void start(struct sl_probe *probe)
{
	bool is_v6 = probe->address.family == SL_FAMILY_IPV6;
	struct sl_icmp_probes *icmp = probe->bench->icmp;
	struct message message = {.type = is_v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
	struct sockaddr_storage to;
	socklen_t size = sl_probe_sockaddr(&probe->address, 0, &to);
	int rc;

	if (!icmp)
		icmp = probe->bench->icmp = make();
	if (!icmp || !take_sequence(icmp, probe)) {
		sl_probe_end(probe, SL_HEALTH_CANNOT, "no memory");
		return;
	}
	rc = icmp->families[is_v6].fd < 0 ? open_family(icmp, probe->bench->base, is_v6) : 0;
	if (rc) {
		sl_probe_end(probe, SL_HEALTH_CANNOT, "%s", strerror(-rc));
		return;
	}
	message.id = icmp->id;
	message.sequence = htons(probe->sequence);
	message.cookie = icmp->cookie;
	message.sum = checksum(&message, sizeof(message)); /* of IPv6 the kernel makes it */
	if (sendto(icmp->families[is_v6].fd, &message, sizeof(message), 0,
		   (const struct sockaddr *)&to, size) < 0)
		sl_probe_end_errno(probe, errno);
}

static void stop(struct sl_probe *probe)
{
	struct sl_icmp_probes *icmp = probe->bench->icmp;

	if (icmp && icmp->asked[probe->sequence] == probe)
		icmp->asked[probe->sequence] = NULL;
	sl_probe_clear(probe);
}

const struct sl_probe_ops sl_probe_icmp = {.start = start, .stop = stop};
