/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/vip.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/balance.h"

#define LIFE_S	    6	 /* of an address that is not renewed */
#define RENEW_MS    2000 /* before it is */
#define RETRY_MS    1000 /* before one that could not be added is tried again */
#define ANSWER_MS   200	 /* that the kernel is waited for; it answers at once */
#define BUFFER_SIZE 16384
#define ASKED_SIZE  256
#define TEXT_SIZE   256

enum state {
	VIP_AWAY = 0,
	VIP_CARRIED = 1,
	VIP_FOREIGN = 2, /* an operator gave it to the interface */
};

struct vip {
	struct sl_addr addr;
	enum state state;
	bool wanted, failing;
	uint64_t renew_ms;
};

struct sl_vips {
	struct sl_vips_spec spec;
	uint32_t interface;
	struct mnl_socket *socket;
	uint32_t sequence;
	struct sl_image *seen; /* a reference: the image that was looked at last */
	bool ended;
	struct vip *list; /* SL_SERVICES_MAX */
	uint32_t count;
	char buffer[BUFFER_SIZE];
};

/* ---- the kernel ------------------------------------------------------------------------------ */

static uint8_t kernel_family(const struct sl_addr *addr)
{
	return addr->family == SL_FAMILY_IPV4 ? AF_INET : AF_INET6;
}

static uint32_t addr_size(const struct sl_addr *addr)
{
	return addr->family == SL_FAMILY_IPV4 ? SL_ADDR4_SIZE : SL_ADDR6_SIZE;
}

/* Sends a message and reads all that answers it; each goes to `called`. 0 or negative errno. */
static int ask(struct sl_vips *vips, struct nlmsghdr *message, mnl_cb_t called, void *context)
{
	uint32_t port = mnl_socket_get_portid(vips->socket);
	ssize_t size;
	int more = 1;

	message->nlmsg_seq = ++vips->sequence;
	if (mnl_socket_sendto(vips->socket, message, message->nlmsg_len) < 0)
		return -errno;
	while (more > 0) {
		size = mnl_socket_recvfrom(vips->socket, vips->buffer, sizeof(vips->buffer));
		if (size < 0)
			return -errno;
		more = mnl_cb_run(vips->buffer, (size_t)size, vips->sequence, port, called,
				  context);
	}
	return more < 0 ? -errno : 0;
}

static struct nlmsghdr *begin(char *room, uint16_t type, uint16_t flags, const struct sl_vips *vips,
			      const struct sl_addr *addr)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);
	struct ifaddrmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	head->ifa_family = kernel_family(addr);
	head->ifa_prefixlen = (uint8_t)(8 * addr_size(addr));
	head->ifa_index = vips->interface;
	return message;
}

/* how: NLM_F_EXCL for a new one, NLM_F_REPLACE for one that is there. It is deprecated from the first, so
 * that the host does not speak from it. */
static int put(struct sl_vips *vips, const struct sl_addr *addr, uint16_t how)
{
	const struct ifa_cacheinfo life = {.ifa_prefered = 0, .ifa_valid = LIFE_S};
	char room[ASKED_SIZE];
	struct nlmsghdr *message =
		begin(room, RTM_NEWADDR, (uint16_t)(NLM_F_ACK | NLM_F_CREATE | how), vips, addr);

	mnl_attr_put(message, IFA_LOCAL, addr_size(addr), addr->octets);
	mnl_attr_put(message, IFA_ADDRESS, addr_size(addr), addr->octets);
	mnl_attr_put_u32(message, IFA_FLAGS, IFA_F_NODAD);
	mnl_attr_put(message, IFA_CACHEINFO, sizeof(life), &life);
	return ask(vips, message, NULL, NULL);
}

static int take(struct sl_vips *vips, const struct sl_addr *addr)
{
	char room[ASKED_SIZE];
	struct nlmsghdr *message = begin(room, RTM_DELADDR, NLM_F_ACK, vips, addr);

	mnl_attr_put(message, IFA_LOCAL, addr_size(addr), addr->octets);
	return ask(vips, message, NULL, NULL);
}

/* An address of the interface that is looked for. */
struct search {
	const struct sl_vips *vips;
	const struct sl_addr *addr;
	uint32_t flags; /* of the one at hand, and whether it is the same address */
	bool same, permanent;
};

static int on_attribute(const struct nlattr *attribute, void *context)
{
	struct search *search = context;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type == IFA_FLAGS)
		search->flags = mnl_attr_get_u32(attribute);
	if ((type == IFA_LOCAL || type == IFA_ADDRESS) &&
	    mnl_attr_get_payload_len(attribute) == addr_size(search->addr))
		search->same |= memcmp(mnl_attr_get_payload(attribute), search->addr->octets,
				       addr_size(search->addr)) == 0;
	return MNL_CB_OK;
}

static int on_addr(const struct nlmsghdr *message, void *context)
{
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
	struct search *search = context;

	search->flags = head->ifa_flags;
	search->same = false;
	(void)mnl_attr_parse(message, sizeof(*head), on_attribute, search);
	search->permanent |= search->same && head->ifa_index == search->vips->interface &&
			     (search->flags & IFA_F_PERMANENT);
	return MNL_CB_OK;
}

/* True if the interface has the address for ever, which we never give it. */
static bool is_foreign(struct sl_vips *vips, const struct sl_addr *addr)
{
	struct search search = {.vips = vips, .addr = addr};
	char room[ASKED_SIZE];

	(void)ask(vips, begin(room, RTM_GETADDR, NLM_F_DUMP, vips, addr), on_addr, &search);
	return search.permanent;
}

/* ---- what is wanted -------------------------------------------------------------------------- */

static bool can_serve(const struct sl_image *image, uint32_t place)
{
	const struct sl_image_pool *pool = image->pools[sl_balance_serving(image, place)];
	bool any = pool->conf.no_node == SL_NO_NODE_ANY;

	for (uint32_t n = 0; n < pool->listed_count; n++)
		if (sl_image_node_takes(&pool->nodes[n]) ? pool->nodes[n].weight_now > 0
							 : any && pool->nodes[n].conf->weight > 0)
			return true;
	return false;
}

/* Looks from *at on, which is where the next one is likely to be, too. */
static struct vip *find(struct sl_vips *vips, const struct sl_addr *addr, uint32_t *at)
{
	for (uint32_t i = 0; i < vips->count; i++) {
		uint32_t place = (*at + i) % vips->count;

		if (!sl_addr_equal(&vips->list[place].addr, addr))
			continue;
		*at = place;
		return &vips->list[place];
	}
	*at = vips->count;
	if (vips->count == SL_SERVICES_MAX)
		return NULL;
	vips->list[vips->count] = (struct vip){.addr = *addr};
	return &vips->list[vips->count++];
}

static void mark_wanted(struct sl_vips *vips, const struct sl_image *image)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < vips->count; i++)
		vips->list[i].wanted = false;
	if (vips->ended || (vips->spec.in_order && !vips->spec.in_order(vips->spec.context)))
		return;
	for (uint32_t s = 0; s < image->service_count; s++) {
		const struct sl_conf_service *service = &image->conf->services[s];
		struct vip *vip;

		if (service->any || service->prefix.length != sl_addr_bits(&service->prefix.addr) ||
		    !can_serve(image, service->pool))
			continue;
		vip = find(vips, &service->prefix.addr, &at);
		if (vip)
			vip->wanted = true;
	}
}

/* ---- bringing it about ----------------------------------------------------------------------- */

static void say(struct sl_vips *vips, const struct vip *vip, const char *what)
{
	char addr[SL_ADDR_TEXT_SIZE], text[TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "%s %s %s", sl_addr_format(&vip->addr, addr), what,
		       vips->spec.interface);
	sl_log(SL_LOG_NOTICE, "%s", text);
	sl_model_note(vips->spec.model, "announce", NULL, NULL, text);
}

static void fail(struct sl_vips *vips, struct vip *vip, int rc)
{
	char addr[SL_ADDR_TEXT_SIZE], text[TEXT_SIZE];

	vip->renew_ms = sl_clock_ms() + RETRY_MS;
	if (vip->failing)
		return;
	vip->failing = true;
	(void)snprintf(text, sizeof(text), "%s cannot be put on %s: %s",
		       sl_addr_format(&vip->addr, addr), vips->spec.interface, strerror(-rc));
	sl_model_warn(vips->spec.model, text);
}

static void carry(struct sl_vips *vips, struct vip *vip)
{
	int rc = put(vips, &vip->addr, vip->state == VIP_CARRIED ? NLM_F_REPLACE : NLM_F_EXCL);

	if (rc == -EEXIST && is_foreign(vips, &vip->addr)) {
		vip->state = VIP_FOREIGN;
		say(vips, vip, "is an operator's and stays on");
		return;
	}
	/* what a daemon before left behind */
	if (rc == -EEXIST)
		rc = put(vips, &vip->addr, NLM_F_REPLACE);
	if (rc) {
		fail(vips, vip, rc);
		return;
	}
	vip->failing = false;
	vip->renew_ms = sl_clock_ms() + RENEW_MS;
	if (vip->state != VIP_CARRIED)
		say(vips, vip, "is announced on");
	vip->state = VIP_CARRIED;
}

static void look(struct sl_vips *vips)
{
	uint64_t now_ms = sl_clock_ms();

	mark_wanted(vips, sl_model_image(vips->spec.model));
	for (uint32_t i = 0; i < vips->count; i++) {
		struct vip *vip = &vips->list[i];

		if (vip->wanted && vip->state != VIP_FOREIGN && now_ms >= vip->renew_ms)
			carry(vips, vip);
		if (vip->wanted || vip->state != VIP_CARRIED)
			continue;
		(void)take(vips, &vip->addr);
		vip->state = VIP_AWAY;
		vip->renew_ms = 0;
		say(vips, vip, "is withdrawn from");
	}
}

void sl_vips_turn_ended(struct sl_vips *vips)
{
	struct sl_image *image = vips ? sl_model_image(vips->spec.model) : NULL;

	if (!vips || image == vips->seen)
		return;
	sl_image_put(vips->seen);
	vips->seen = sl_image_get(image);
	look(vips);
}

void sl_vips_second(struct sl_vips *vips)
{
	if (vips)
		look(vips);
}

uint32_t sl_vips_withdraw(struct sl_vips *vips)
{
	uint32_t count = 0;

	for (uint32_t i = 0; vips && i < vips->count; i++)
		count += vips->list[i].state == VIP_CARRIED;
	if (vips) {
		vips->ended = true;
		look(vips);
	}
	return count;
}

/* ---- start and end --------------------------------------------------------------------------- */

static int open_socket(struct sl_vips *vips)
{
	const struct timeval wait = {.tv_usec = ANSWER_MS * 1000};

	vips->socket = mnl_socket_open(NETLINK_ROUTE);
	if (!vips->socket || mnl_socket_bind(vips->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return setsockopt(mnl_socket_get_fd(vips->socket), SOL_SOCKET, SO_RCVTIMEO, &wait,
			  sizeof(wait))
		       ? -errno
		       : 0;
}

int sl_vips_create(const struct sl_vips_spec *spec, struct sl_vips **out, struct sl_err *err)
{
	uint32_t interface = if_nametoindex(spec->interface);
	struct sl_vips *vips;
	int rc;

	if (!interface)
		return sl_err_set(
			err, -ENODEV,
			"announce.interface %s: there is no such interface; make it: ip link "
			"add %s type dummy && ip link set %s up",
			spec->interface, spec->interface, spec->interface);
	vips = calloc(1, sizeof(*vips));
	if (vips)
		vips->list = calloc(SL_SERVICES_MAX, sizeof(*vips->list));
	if (!vips || !vips->list) {
		free(vips);
		return sl_err_set(err, -ENOMEM, "no memory for announce");
	}
	vips->spec = *spec;
	vips->interface = interface;
	rc = open_socket(vips);
	if (rc) {
		sl_vips_destroy(vips);
		return sl_err_set(err, rc, "announce: no netlink socket: %s", strerror(-rc));
	}
	*out = vips;
	return 0;
}

void sl_vips_destroy(struct sl_vips *vips)
{
	if (!vips)
		return;
	if (vips->socket) {
		(void)sl_vips_withdraw(vips);
		(void)mnl_socket_close(vips->socket);
	}
	sl_image_put(vips->seen);
	free(vips->list);
	free(vips);
}
