/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/diversion.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#define MARKS	  0x51c00000u /* marks and tables of ours: these, and 20 bits of a number */
#define PRIORITY  90u	      /* of the rules */
#define MTU	  1500u
#define ANSWER_MS 200 /* that the kernel is waited for; it answers at once */
#define ASKED	  256 /* octets of one question */

static const uint8_t families[] = {AF_INET, AF_INET6};

/* ---- routes and rules ------------------------------------------------------------------------ */

/* Sends the question and waits for its acknowledgement. */
static int ask(struct sl_diversion *diversion, struct nlmsghdr *question)
{
	char answer[1024] __attribute__((aligned(8)));
	const struct nlmsghdr *head = (const struct nlmsghdr *)answer;
	ssize_t size;

	if (mnl_socket_sendto(diversion->route, question, question->nlmsg_len) < 0)
		return -errno;
	size = mnl_socket_recvfrom(diversion->route, answer, sizeof(answer));
	if (size < 0)
		return -errno;
	if (!mnl_nlmsg_ok(head, (int)size) || head->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(head))->error;
}

static struct nlmsghdr *begin(char *text, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *question = mnl_nlmsg_put_header(text);

	question->nlmsg_type = type;
	question->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return question;
}

static int ask_rule(struct sl_diversion *diversion, uint8_t family, uint16_t type, uint16_t flags)
{
	char text[ASKED] __attribute__((aligned(8)));
	struct nlmsghdr *question = begin(text, type, flags);
	struct fib_rule_hdr *head = mnl_nlmsg_put_extra_header(question, sizeof(*head));

	head->family = family;
	head->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(question, FRA_FWMARK, diversion->mark);
	mnl_attr_put_u32(question, FRA_FWMASK, UINT32_MAX);
	mnl_attr_put_u32(question, FRA_TABLE, diversion->mark);
	mnl_attr_put_u32(question, FRA_PRIORITY, PRIORITY);
	return ask(diversion, question);
}

static int ask_route(struct sl_diversion *diversion, uint8_t family)
{
	char text[ASKED] __attribute__((aligned(8)));
	struct nlmsghdr *question = begin(text, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *head = mnl_nlmsg_put_extra_header(question, sizeof(*head));

	head->rtm_family = family;
	head->rtm_protocol = RTPROT_STATIC;
	head->rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	head->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(question, RTA_TABLE, diversion->mark);
	mnl_attr_put_u32(question, RTA_OIF, diversion->interface);
	return ask(diversion, question);
}

int sl_diversion_keep(struct sl_diversion *diversion)
{
	int status = 0;

	for (size_t i = 0; i < sizeof(families); i++) {
		int rc = ask_rule(diversion, families[i], RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);

		/* A host may be without IPv6. */
		if (rc && rc != -EEXIST && families[i] == AF_INET)
			status = rc;
	}
	return status;
}

/* ---- the interface --------------------------------------------------------------------------- */

/* A setting of the interface's IPv6, which a host may be without. */
static void set_ip6(const struct sl_diversion *diversion, const char *key, const char *value)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", diversion->name, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, value, strlen(value));
	(void)close(fd);
}

static int open_interface(struct sl_diversion *diversion)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	memcpy(request.ifr_name, diversion->name, sizeof(diversion->name));
	diversion->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (diversion->fd < 0 || ioctl(diversion->fd, TUNSETIFF, &request) < 0)
		return -errno;
	diversion->interface = if_nametoindex(diversion->name);
	set_ip6(diversion, "addr_gen_mode", "1"); /* no address of its own */
	set_ip6(diversion, "accept_ra", "0");
	return diversion->interface ? 0 : -ENODEV;
}

/* Asks the kernel for something of the interface by a socket for no purpose but that. */
static int configure(const struct sl_diversion *diversion, unsigned long what,
		     struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), status;

	if (fd < 0)
		return -errno;
	memcpy(request->ifr_name, diversion->name, sizeof(diversion->name));
	status = ioctl(fd, what, request) < 0 ? -errno : 0;
	(void)close(fd);
	return status;
}

int sl_diversion_limit(struct sl_diversion *diversion, uint32_t mtu)
{
	struct ifreq request = {.ifr_mtu = (int)mtu};
	int status = configure(diversion, SIOCSIFMTU, &request);

	if (status == 0)
		diversion->mtu = mtu;
	return status;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int open_route(struct sl_diversion *diversion)
{
	struct timeval wait = {.tv_usec = ANSWER_MS * 1000};

	diversion->route = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!diversion->route || mnl_socket_bind(diversion->route, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(diversion->route), SOL_SOCKET, SO_RCVTIMEO, &wait,
		       sizeof(wait)) < 0)
		return -errno;
	return 0;
}

int sl_diversion_open(struct sl_diversion *diversion, const char *name, uint32_t number,
		      struct sl_err *err)
{
	struct ifreq up = {.ifr_flags = IFF_UP | IFF_RUNNING};
	int status;

	*diversion = (struct sl_diversion){.open = true, .fd = -1};
	diversion->mark = MARKS | (number & 0xfffff);
	(void)snprintf(diversion->name, sizeof(diversion->name), "%s", name);
	status = open_interface(diversion);
	if (status == 0)
		status = sl_diversion_limit(diversion, MTU);
	if (status == 0)
		status = configure(diversion, SIOCSIFFLAGS, &up);
	if (status == 0)
		status = open_route(diversion);
	if (status == 0)
		status = ask_route(diversion, AF_INET);
	if (status == 0)
		(void)ask_route(diversion, AF_INET6);
	if (status == 0)
		status = sl_diversion_keep(diversion);
	if (status == 0)
		return 0;
	sl_err_set(err, status, "interface %s for probes via: path cannot be made: %s%s",
		   diversion->name, strerror(-status),
		   status == -EPERM ? " (it takes CAP_NET_ADMIN)" : "");
	sl_diversion_close(diversion);
	return status;
}

void sl_diversion_close(struct sl_diversion *diversion)
{
	if (!diversion->open)
		return;
	for (size_t i = 0; i < sizeof(families) && diversion->route; i++)
		(void)ask_rule(diversion, families[i], RTM_DELRULE, 0);
	if (diversion->route)
		(void)mnl_socket_close(diversion->route);
	if (diversion->fd >= 0)
		(void)close(diversion->fd);
	diversion->open = false;
}
