/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel's neighbours and routes, by rtnetlink.
 *
 * Why:     where a port has an interface of the kernel's, that has asked and answered for years: one
 *          table of neighbours on a machine, not two that differ.
 * Shape:   one socket hears of every change, another asks and has its answer at once: the kernel makes
 *          it before send() returns.
 * Threads: control.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno.
 * Source:  RFC 3549; rtnetlink(7).
 */

#ifndef SL_NEIGH_NETLINK_H
#define SL_NEIGH_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct sl_netlink;

/* What the kernel knows of a neighbour. */
enum sl_netlink_state {
	SL_NETLINK_NONE = 0,	  /* nothing, or not yet */
	SL_NETLINK_REACHABLE = 1, /* its MAC, which may be old */
	SL_NETLINK_FIXED = 2,	  /* its MAC, by an operator's hand */
	SL_NETLINK_FAILED = 3,	  /* that it does not answer */
	SL_NETLINK_GONE = 4,	  /* its entry was deleted */
};

struct sl_netlink_neighbor {
	uint32_t interface;
	struct sl_addr addr;
	struct sl_mac mac; /* of REACHABLE and FIXED */
	enum sl_netlink_state state;
};

struct sl_netlink_calls {
	void (*neighbor)(void *context, const struct sl_netlink_neighbor *neighbor);
	void (*routes)(void *context); /* some changed */
	void (*lost)(void *context);   /* messages were: anything may have changed */
	void *context;
};

int sl_netlink_create(const struct sl_netlink_calls *calls, struct sl_netlink **netlink);
void sl_netlink_destroy(struct sl_netlink *netlink);

/* The socket that becomes readable; reads what has come, a part of it when that is a lot. */
int sl_netlink_fd(const struct sl_netlink *netlink);
void sl_netlink_read(struct sl_netlink *netlink);

/* What the kernel's table has of an address; 0 or negative errno. */
int sl_netlink_look(struct sl_netlink *netlink, uint32_t interface, const struct sl_addr *addr,
		    struct sl_netlink_neighbor *neighbor);
/* Has the kernel ask for it, or ask whether it is still there. Not for what an operator fixed, which
 * would be undone. */
int sl_netlink_ask(struct sl_netlink *netlink, uint32_t interface, const struct sl_addr *addr);
/* The next hop of a route by that interface: a gateway, or addr itself when it is on the link.
 * -ENETUNREACH: there is none. */
int sl_netlink_route(struct sl_netlink *netlink, uint32_t interface, const struct sl_addr *addr,
		     struct sl_addr *hop);

#endif
