/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#define MESSAGES_MAX 64	     /* read at a time: the loop has others to serve */
#define HEARD_SIZE   1048576 /* octets that may wait in the socket */
#define ANSWER_MS    200     /* that the kernel is waited for; it answers at once */
#define BUFFER_SIZE  16384
#define ASKED_SIZE   256 /* of one question */
#define KNOWN	     (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)
#define FIXED	     (NUD_PERMANENT | NUD_NOARP)

struct sl_netlink {
	struct sl_netlink_calls calls;
	struct mnl_socket *events, *questions;
	uint32_t sequence;
	char buffer[BUFFER_SIZE];
};

/* ---- reading messages ------------------------------------------------------------------------ */

struct attributes {
	uint16_t max;
	const struct nlattr *at[RTA_MAX > NDA_MAX ? RTA_MAX + 1 : NDA_MAX + 1];
};

static int keep_attribute(const struct nlattr *attribute, void *context)
{
	struct attributes *attributes = context;

	if (mnl_attr_get_type(attribute) <= attributes->max)
		attributes->at[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

static uint32_t addr_size(uint8_t family)
{
	return family == SL_FAMILY_IPV4 ? SL_ADDR4_SIZE : SL_ADDR6_SIZE;
}

/* False: it is no address of that family of the kernel's. */
static bool read_addr(const struct nlattr *attribute, uint8_t kernel_family, struct sl_addr *addr)
{
	struct sl_addr read = {.family = SL_FAMILY_IPV4};

	if (kernel_family == AF_INET6)
		read.family = SL_FAMILY_IPV6;
	else if (kernel_family != AF_INET)
		return false;
	if (!attribute || mnl_attr_get_payload_len(attribute) != addr_size(read.family))
		return false;
	memcpy(read.octets, mnl_attr_get_payload(attribute), addr_size(read.family));
	*addr = read;
	return true;
}

static bool read_neighbor(const struct nlmsghdr *message, struct sl_netlink_neighbor *neighbor)
{
	const struct ndmsg *head = mnl_nlmsg_get_payload(message);
	struct attributes found = {.max = NDA_MAX};
	const struct nlattr *mac;

	(void)mnl_attr_parse(message, sizeof(*head), keep_attribute, &found);
	if (!read_addr(found.at[NDA_DST], head->ndm_family, &neighbor->addr))
		return false;
	neighbor->interface = (uint32_t)head->ndm_ifindex;
	neighbor->state = SL_NETLINK_NONE;
	mac = found.at[NDA_LLADDR];
	if (message->nlmsg_type == RTM_DELNEIGH) {
		neighbor->state = SL_NETLINK_GONE;
	} else if (head->ndm_state & NUD_FAILED) {
		neighbor->state = SL_NETLINK_FAILED;
	} else if ((head->ndm_state & (KNOWN | FIXED)) && mac &&
		   mnl_attr_get_payload_len(mac) == SL_MAC_SIZE) {
		neighbor->state = head->ndm_state & FIXED ? SL_NETLINK_FIXED : SL_NETLINK_REACHABLE;
		memcpy(neighbor->mac.octets, mnl_attr_get_payload(mac), SL_MAC_SIZE);
	}
	return true;
}

static int on_message(const struct nlmsghdr *message, void *context)
{
	const struct sl_netlink *netlink = context;
	struct sl_netlink_neighbor neighbor;

	if (message->nlmsg_type == RTM_NEWROUTE || message->nlmsg_type == RTM_DELROUTE)
		netlink->calls.routes(netlink->calls.context);
	else if ((message->nlmsg_type == RTM_NEWNEIGH || message->nlmsg_type == RTM_DELNEIGH) &&
		 read_neighbor(message, &neighbor))
		netlink->calls.neighbor(netlink->calls.context, &neighbor);
	return MNL_CB_OK;
}

void sl_netlink_read(struct sl_netlink *netlink)
{
	for (uint32_t i = 0; i < MESSAGES_MAX; i++) {
		ssize_t size = recv(mnl_socket_get_fd(netlink->events), netlink->buffer,
				    sizeof(netlink->buffer), MSG_DONTWAIT);

		if (size < 0 && errno == ENOBUFS)
			netlink->calls.lost(netlink->calls.context);
		else if (size <= 0)
			return;
		else
			(void)mnl_cb_run(netlink->buffer, (size_t)size, 0, 0, on_message, netlink);
	}
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Sends the question and reads its answer into the buffer: *answer is the message, or NULL for one that
 * only says that it was done. 0 or negative errno. */
static int ask(struct sl_netlink *netlink, struct nlmsghdr *question,
	       const struct nlmsghdr **answer)
{
	int fd = mnl_socket_get_fd(netlink->questions);
	const struct nlmsghdr *message = (const struct nlmsghdr *)netlink->buffer;
	ssize_t size;

	question->nlmsg_seq = ++netlink->sequence;
	if (send(fd, question, question->nlmsg_len, 0) < 0)
		return -errno;
	do {
		size = recv(fd, netlink->buffer, sizeof(netlink->buffer), 0);
		if (size < 0)
			return -errno;
	} while (!mnl_nlmsg_ok(message, (int)size) || message->nlmsg_seq != netlink->sequence);
	*answer = NULL;
	if (message->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
	*answer = message;
	return 0;
}

static uint8_t kernel_family(const struct sl_addr *addr)
{
	return addr->family == SL_FAMILY_IPV4 ? AF_INET : AF_INET6;
}

static struct nlmsghdr *neighbor_question(char *text, uint16_t type, uint16_t flags,
					  uint32_t interface, const struct sl_addr *addr)
{
	struct nlmsghdr *question = mnl_nlmsg_put_header(text);
	struct ndmsg *head = mnl_nlmsg_put_extra_header(question, sizeof(*head));

	question->nlmsg_type = type;
	question->nlmsg_flags = NLM_F_REQUEST | flags;
	head->ndm_family = kernel_family(addr);
	head->ndm_ifindex = (int)interface;
	mnl_attr_put(question, NDA_DST, addr_size(addr->family), addr->octets);
	return question;
}

int sl_netlink_look(struct sl_netlink *netlink, uint32_t interface, const struct sl_addr *addr,
		    struct sl_netlink_neighbor *neighbor)
{
	char text[ASKED_SIZE] __attribute__((aligned(8)));
	const struct nlmsghdr *answer;
	int rc = ask(netlink, neighbor_question(text, RTM_GETNEIGH, 0, interface, addr), &answer);

	if (rc == 0 && (!answer || !read_neighbor(answer, neighbor)))
		rc = -ENOENT;
	return rc;
}

int sl_netlink_ask(struct sl_netlink *netlink, uint32_t interface, const struct sl_addr *addr)
{
	char text[ASKED_SIZE] __attribute__((aligned(8)));
	struct nlmsghdr *question =
		neighbor_question(text, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, interface, addr);
	struct ndmsg *head = mnl_nlmsg_get_payload(question);
	const struct nlmsghdr *answer;

	head->ndm_state = NUD_NONE;
	head->ndm_flags = NTF_USE;
	return ask(netlink, question, &answer);
}

/* An IPv4 route may lead by an IPv6 gateway, too. */
static bool read_via(const struct nlattr *attribute, struct sl_addr *hop)
{
	const struct rtvia *via = mnl_attr_get_payload(attribute);
	struct sl_addr read = {.family = SL_FAMILY_IPV6};

	if (mnl_attr_get_payload_len(attribute) != sizeof(*via) + SL_ADDR6_SIZE ||
	    via->rtvia_family != AF_INET6)
		return false;
	memcpy(read.octets, via->rtvia_addr, SL_ADDR6_SIZE);
	*hop = read;
	return true;
}

static int read_route(const struct nlmsghdr *answer, const struct sl_addr *addr,
		      struct sl_addr *hop)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(answer);
	struct attributes found = {.max = RTA_MAX};

	(void)mnl_attr_parse(answer, sizeof(*head), keep_attribute, &found);
	if (answer->nlmsg_type != RTM_NEWROUTE || head->rtm_type != RTN_UNICAST)
		return -ENETUNREACH;
	*hop = *addr;
	if (found.at[RTA_VIA])
		return read_via(found.at[RTA_VIA], hop) ? 0 : -ENETUNREACH;
	if (found.at[RTA_GATEWAY])
		return read_addr(found.at[RTA_GATEWAY], head->rtm_family, hop) ? 0 : -ENETUNREACH;
	return 0;
}

int sl_netlink_route(struct sl_netlink *netlink, uint32_t interface, const struct sl_addr *addr,
		     struct sl_addr *hop)
{
	char text[ASKED_SIZE] __attribute__((aligned(8)));
	struct nlmsghdr *question = mnl_nlmsg_put_header(text);
	struct rtmsg *head = mnl_nlmsg_put_extra_header(question, sizeof(*head));
	const struct nlmsghdr *answer;
	int rc;

	question->nlmsg_type = RTM_GETROUTE;
	question->nlmsg_flags = NLM_F_REQUEST;
	head->rtm_family = kernel_family(addr);
	head->rtm_dst_len = sl_addr_bits(addr);
	mnl_attr_put(question, RTA_DST, addr_size(addr->family), addr->octets);
	mnl_attr_put_u32(question, RTA_OIF, interface);
	rc = ask(netlink, question, &answer);
	if (rc == 0)
		rc = answer ? read_route(answer, addr, hop) : -ENETUNREACH;
	return rc;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int open_events(struct sl_netlink *netlink)
{
	static const int groups[] = {RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
	int size = HEARD_SIZE, fd;

	netlink->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!netlink->events || mnl_socket_bind(netlink->events, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(netlink->events);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (mnl_socket_setsockopt(netlink->events, NETLINK_ADD_MEMBERSHIP,
					  (void *)(uintptr_t)&groups[i], sizeof(groups[i])) < 0)
			return -errno;
	return 0;
}

static int open_questions(struct sl_netlink *netlink)
{
	struct timeval wait = {.tv_usec = ANSWER_MS * 1000};

	netlink->questions = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!netlink->questions || mnl_socket_bind(netlink->questions, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	if (setsockopt(mnl_socket_get_fd(netlink->questions), SOL_SOCKET, SO_RCVTIMEO, &wait,
		       sizeof(wait)) < 0)
		return -errno;
	return 0;
}

int sl_netlink_create(const struct sl_netlink_calls *calls, struct sl_netlink **out)
{
	struct sl_netlink *netlink = calloc(1, sizeof(*netlink));
	int rc;

	if (!netlink)
		return -ENOMEM;
	netlink->calls = *calls;
	rc = open_events(netlink);
	if (rc == 0)
		rc = open_questions(netlink);
	if (rc) {
		sl_netlink_destroy(netlink);
		return rc;
	}
	*out = netlink;
	return 0;
}

void sl_netlink_destroy(struct sl_netlink *netlink)
{
	if (!netlink)
		return;
	if (netlink->events)
		(void)mnl_socket_close(netlink->events);
	if (netlink->questions)
		(void)mnl_socket_close(netlink->questions);
	free(netlink);
}

int sl_netlink_fd(const struct sl_netlink *netlink)
{
	return mnl_socket_get_fd(netlink->events);
}
