/* SPDX-License-Identifier: BSD-3-Clause */

/* The packets' way for probes: what a probe's socket sends goes through its node's own encapsulation and
 * port.
 *
 * Why:     a check that sees what packets see: tunnel, MTU, firewalls, and the service itself.
 * Shape:   a socket is bound to an address and port of the host's, and the port says whose probe it is; its
 *          packets come here by a diversion, get the headers of the node's template and leave as what
 *          control says. Answers come in by the node's port for the host, and the kernel takes them. So
 *          the packet path knows nothing of probes.
 * Threads: control; sl_way_guide(): the prober's.
 * Memory:  create and destroy (takes NULL).
 * Errors:  0 or negative errno with a sentence.
 */

#ifndef SL_HEALTH_WAY_H
#define SL_HEALTH_WAY_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "model/model.h"

#define SL_WAY_FRONT 128 /* octets in front of a packet for headers */

struct event_base;
struct sl_way;

/* How frames of ours leave; the kernel's interface where answers that come in by a port are heard (0: none);
 * what no other daemon of this host has: an interface's name, and a number of 20 bits. */
struct sl_way_link {
	bool (*say)(void *context, uint32_t port, const uint8_t *frame, uint32_t size);
	void (*flush)(void *context);
	void *context;
	uint32_t interface[SL_PORTS_MAX];
	char name[IF_NAMESIZE];
	uint32_t number;
};

int sl_way_create(struct event_base *base, struct sl_model *model, const struct sl_way_link *link,
		  struct sl_way **way, struct sl_err *err);
void sl_way_destroy(struct sl_way *way);

/* Makes the interface that probes go by, when the first one needs it; what fails is logged once, and tried
 * again. */
void sl_way_need(struct sl_way *way);

/* Makes the socket, which is not bound yet, that of a probe of a node behind a port. family: enum sl_family.
 * Negative errno with a sentence: it cannot be. */
int sl_way_guide(struct sl_way *way, int fd, uint8_t family, bool stream, uint32_t node,
		 uint32_t port, struct sl_err *err);

/* What became of a packet. */
enum sl_way_end {
	SL_WAY_SENT = 0,
	SL_WAY_STRAY = 1,	/* no probe's */
	SL_WAY_NO_NODE = 2,	/* its node is gone */
	SL_WAY_NO_NEIGHBOR = 3, /* or its next hop is not known */
	SL_WAY_TOO_BIG = 4,	/* *size: what fits */
};

/* The headers of the node in front of the IP packet of *size octets, which has SL_WAY_FRONT octets in
 * front: *frame and *size become the frame's, *port where it leaves. */
enum sl_way_end sl_way_dress(const struct sl_snapshot *snapshot, uint32_t node, uint8_t *packet,
			     uint16_t id, uint8_t **frame, uint32_t *size, uint32_t *port);

#endif
