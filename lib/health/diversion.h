/* SPDX-License-Identifier: BSD-3-Clause */

/* A diversion: what sockets with a mark send comes to us, and not to the network.
 *
 * Why:     TCP, TLS and HTTP of a probe are the kernel's and libcurl's; only where its packets go is ours.
 * Shape:   a TUN interface, a rule of routing for the mark before all others but the host's own addresses,
 *          and a table with that interface alone. The interface ends with us, in whatever way; the rule
 *          that a killed daemon left leads nowhere, and the next one of the instance has it.
 * Threads: control; the mark is constant while it is open.
 * Memory:  the caller's; open, then close (of one that is zeros: nothing).
 * Errors:  0 or negative errno with a sentence.
 * Source:  ip-rule(8), rtnetlink(7), the kernel's Documentation/networking/tuntap.
 */

#ifndef SL_HEALTH_DIVERSION_H
#define SL_HEALTH_DIVERSION_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct mnl_socket;

struct sl_diversion {
	bool open;
	int fd; /* of the interface: IP packets; never waits */
	uint32_t mark, interface, mtu;
	char name[IF_NAMESIZE];
	struct mnl_socket *route;
};

/* name: of the interface; number: of 20 bits, for mark and table. */
int sl_diversion_open(struct sl_diversion *diversion, const char *name, uint32_t number,
		      struct sl_err *err);
void sl_diversion_close(struct sl_diversion *diversion);

/* Makes the rules again that somebody took away. */
int sl_diversion_keep(struct sl_diversion *diversion);

/* Senders make no larger packets from now on. */
int sl_diversion_limit(struct sl_diversion *diversion, uint32_t mtu);

#endif
