/* SPDX-License-Identifier: BSD-3-Clause */

#include "decap/address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

#define ANSWER_SIZE 32768

static bool is_loopback(const struct sl_addr *addr)
{
	static const uint8_t one[SL_ADDR6_SIZE] = {[15] = 1};

	if (addr->family == SL_FAMILY_IPV4)
		return addr->octets[0] == 127;
	return memcmp(addr->octets, one, sizeof(one)) == 0;
}

static void set(struct sl_prefix *prefix, uint8_t family, const void *octets, uint8_t length)
{
	*prefix = (struct sl_prefix){.addr.family = family, .length = length};
	memcpy(prefix->addr.octets, octets,
	       family == SL_FAMILY_IPV4 ? SL_ADDR4_SIZE : SL_ADDR6_SIZE);
}

/* ---- an interface's -------------------------------------------------------------------------- */

static bool read_sockaddr(const struct sockaddr *from, struct sl_prefix *prefix)
{
	if (from && from->sa_family == AF_INET) {
		set(prefix, SL_FAMILY_IPV4,
		    &((const struct sockaddr_in *)(const void *)from)->sin_addr, 32);
		return true;
	}
	if (from && from->sa_family == AF_INET6) {
		set(prefix, SL_FAMILY_IPV6,
		    &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 128);
		return true;
	}
	return false;
}

int sl_decap_addresses_of(const char *interface, sl_decap_see *see, void *context)
{
	struct ifaddrs *all;
	struct sl_prefix prefix;
	int status = 0;

	if (getifaddrs(&all) != 0)
		return -errno;
	for (const struct ifaddrs *one = all; one && status == 0; one = one->ifa_next)
		if (strcmp(one->ifa_name, interface) == 0 && read_sockaddr(one->ifa_addr, &prefix))
			status = see(context, &prefix);
	freeifaddrs(all);
	return status;
}

/* ---- local routes ---------------------------------------------------------------------------- */

static int ask(int socket, uint8_t family)
{
	struct {
		struct nlmsghdr head;
		struct rtmsg route;
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = RTM_GETROUTE,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.route = {.rtm_family = family, .rtm_table = RT_TABLE_LOCAL},
	};

	return send(socket, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

/* A message that names a local route. */
static bool read_route(const struct nlmsghdr *head, struct sl_prefix *prefix)
{
	const struct rtmsg *route = NLMSG_DATA(head);
	const struct rtattr *field = RTM_RTA(route);
	uint32_t left = (uint32_t)RTM_PAYLOAD(head);
	bool v4 = route->rtm_family == AF_INET;

	if (head->nlmsg_type != RTM_NEWROUTE || route->rtm_table != RT_TABLE_LOCAL ||
	    route->rtm_type != RTN_LOCAL)
		return false;
	for (; RTA_OK(field, left); field = RTA_NEXT(field, left)) {
		if (field->rta_type != RTA_DST)
			continue;
		if (RTA_PAYLOAD(field) < (v4 ? SL_ADDR4_SIZE : SL_ADDR6_SIZE))
			return false;
		set(prefix, v4 ? SL_FAMILY_IPV4 : SL_FAMILY_IPV6, RTA_DATA(field),
		    route->rtm_dst_len);
		return !is_loopback(&prefix->addr);
	}
	return false;
}

/* One answer of the kernel: 1: there are more. */
static int hear(int socket, sl_decap_see *see, void *context)
{
	_Alignas(struct nlmsghdr) uint8_t octets[ANSWER_SIZE];
	ssize_t size = recv(socket, octets, sizeof(octets), MSG_TRUNC);
	uint32_t left = (uint32_t)size;
	const struct nlmsghdr *head = (const struct nlmsghdr *)octets;
	struct sl_prefix prefix;
	int status = 1;

	if (size < 0)
		return errno == EINTR ? 1 : -errno;
	if (left > sizeof(octets))
		return -EMSGSIZE;
	for (; NLMSG_OK(head, left) && status > 0; head = NLMSG_NEXT(head, left)) {
		if (head->nlmsg_type == NLMSG_DONE)
			return 0;
		if (head->nlmsg_type == NLMSG_ERROR)
			return -EPROTO;
		if (read_route(head, &prefix)) {
			int ended = see(context, &prefix);

			status = ended != 0 ? ended : 1;
		}
	}
	return status;
}

int sl_decap_addresses_local(sl_decap_see *see, void *context)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	const int on = 1;
	int handle = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), status = 0;

	if (handle < 0)
		return -errno;
	/* Kernels that know this ask no other table. */
	(void)setsockopt(handle, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	for (uint32_t f = 0; f < SL_ARRAY_COUNT(families) && status == 0; f++) {
		status = ask(handle, families[f]);
		for (int more = 1; status == 0 && more > 0;) {
			more = hear(handle, see, context);
			status = SL_MIN(more, 0);
		}
	}
	close(handle);
	return status;
}
