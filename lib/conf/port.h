/* SPDX-License-Identifier: BSD-3-Clause */

/* What the configuration says of a port.
 *
 * Threads: any; plain data.
 * Memory:  of the configuration that it is part of.
 */

#ifndef SL_CONF_PORT_H
#define SL_CONF_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/limit.h"

enum sl_conf_punt { SL_CONF_PUNT_DROP = 0, SL_CONF_PUNT_KERNEL = 1, SL_CONF_PUNT_PORT = 2 };
enum sl_conf_arp { SL_ARP_SERVICES = 0, SL_ARP_ADDRESSES = 1, SL_ARP_OFF = 2 };
/* Who resolves next hops. */
enum sl_conf_neighbors {
	SL_NEIGHBORS_AUTO = 0, /* whoever can, see sl_conf_resolver() */
	SL_NEIGHBORS_KERNEL = 1,
	SL_NEIGHBORS_STATIC = 2, /* nobody */
	SL_NEIGHBORS_OWN = 3,	 /* sluice */
};

struct sl_conf_address {
	struct sl_addr addr;	 /* the host's own */
	struct sl_prefix prefix; /* its network */
};

enum sl_conf_xdp_mode { SL_CONF_XDP_AUTO = 0, SL_CONF_XDP_NATIVE = 1, SL_CONF_XDP_GENERIC = 2 };
enum sl_conf_xdp_take { SL_CONF_XDP_SERVICES = 0, SL_CONF_XDP_ALL = 1 };

struct sl_conf_port {
	char name[SL_NAME_SIZE];
	char *device;
	uint16_t mtu; /* 0: the link's */
	bool promiscuous;
	struct sl_conf_address *addresses;
	uint32_t address_count;
	bool gateway_set;
	struct sl_addr gateway; /* family NONE when only the MAC is given */
	bool gateway_mac_set;
	struct sl_mac gateway_mac;
	enum sl_conf_punt punt;
	uint32_t punt_port; /* index, for SL_CONF_PUNT_PORT */
	enum sl_conf_arp arp;
	enum sl_conf_neighbors neighbors;
	bool gratuitous;
	enum sl_conf_xdp_mode xdp_mode; /* of devices xdp: alone, and so on */
	enum sl_conf_xdp_take xdp_take;
	bool xdp_understudy;
	uint32_t line, column; /* of the entry, for messages */
};

#endif
