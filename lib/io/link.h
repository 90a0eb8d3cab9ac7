/* SPDX-License-Identifier: BSD-3-Clause */

/* The link behind a port: whether it is up, how fast, and how large its packets may be.
 *
 * Why:     a cable that is pulled, an interface that is deleted and an MTU that is lowered happen while
 *          everything runs; drivers of virtual devices tell what they saw at the start.
 * Shape:   asked of the kernel where the device is one of its interfaces, else of the driver. Whether a
 *          card is still in its slot the kernel knows, too.
 * Threads: control.
 * Errors:  none: what nobody knows is 0.
 */

#ifndef SL_IO_LINK_H
#define SL_IO_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "io/port.h"

struct sl_link {
	bool up, gone;
	uint32_t speed_mbps; /* 0: unknown */
	uint16_t mtu; /* that packets may have now: the port's, or the link's if that is less */
};

void sl_link_read(const struct sl_port *port, struct sl_link *link);

/* The MTU of a port on a device string of DPDK's, for which `wanted` is configured (0: nothing): the
 * link's is the most. */
uint16_t sl_link_mtu(const char *text, uint16_t wanted);

#endif
